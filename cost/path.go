package cost

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"example.com/asr"
)

// Path is the way of one execution through a workflow.
type Path struct {
	States []string // entered, in order
	Tasks  map[string]int
}

// Transitions are the state transitions that AWS counts: each state that is
// entered, the start and the end.
func (p Path) Transitions() float64 { return float64(len(p.States) + 2) }

// Wait stands in a walk for a state that waits.
const Wait = "wait"

// definition is as much of the Amazon States Language as a way needs.
type definition struct {
	StartAt string           `json:"StartAt"`
	States  map[string]state `json:"States"`
}

type state struct {
	Type       string `json:"Type"`
	Resource   string `json:"Resource"`
	Next       string `json:"Next"`
	Default    string `json:"Default"`
	End        bool   `json:"End"`
	Parameters struct {
		FunctionName string `json:"FunctionName"`
	} `json:"Parameters"`
	Arguments struct {
		FunctionName string `json:"FunctionName"`
	} `json:"Arguments"`
	Choices []struct {
		Next string `json:"Next"`
	} `json:"Choices"`
}

// WalkDefinition finds the shortest way through a workflow's definition that
// calls these functions in this order, waits where the walk says so, and ends.
// Choices count and decide nothing: which way is taken follows from what is
// called.
func WalkDefinition(text []byte, walk ...string) (Path, error) {
	var d definition
	if err := json.Unmarshal(text, &d); err != nil {
		return Path{}, &asr.Error{Code: asr.CodeInternal, Message: "the workflow's definition can't be read", Do: "this is a defect of asr: report it", Err: err}
	}
	type place struct {
		name string
		done int // steps of the walk
	}
	type way struct {
		place
		states []string
	}
	queue := []way{{place: place{name: d.StartAt}}}
	seen := map[place]bool{}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		s, known := d.States[w.name]
		if does := s.does(); does != "" {
			if w.done == len(walk) || walk[w.done] != does {
				continue
			}
			w.done++
		}
		if !known || seen[w.place] {
			continue
		}
		seen[w.place] = true
		w.states = append(slices.Clone(w.states), w.name)
		if s.ends() && w.done == len(walk) {
			return d.path(w.states), nil
		}
		for _, next := range s.nexts() {
			queue = append(queue, way{place{next, w.done}, w.states})
		}
	}
	return Path{}, &asr.Error{Code: asr.CodeInternal, Message: fmt.Sprintf("no way through the workflow takes %s", strings.Join(walk, ", ")), Do: "this is a defect of asr: report it"}
}

func (d definition) path(states []string) Path {
	p := Path{States: states, Tasks: map[string]int{}}
	for _, name := range states {
		if s := d.States[name]; s.Type == "Task" {
			p.Tasks[s.does()]++
		}
	}
	return p
}

func (s state) ends() bool { return s.End || s.Type == "Succeed" }

func (s state) nexts() []string {
	all := []string{s.Next, s.Default}
	for _, c := range s.Choices {
		all = append(all, c.Next)
	}
	return slices.DeleteFunc(all, func(name string) bool { return name == "" })
}

// does is the function that a state calls ("plan" for ${PlanFunctionArn}), Wait,
// or "" for one that only leads on.
func (s state) does() string {
	switch s.Type {
	case "Wait":
		return Wait
	case "Task":
		name := strings.ToLower(s.Parameters.FunctionName + s.Arguments.FunctionName)
		if name == "" {
			name = strings.ToLower(s.Resource)
		}
		name = strings.TrimPrefix(strings.TrimSuffix(name, "}"), "${")
		return strings.TrimSuffix(strings.TrimSuffix(name, "arn"), "function")
	}
	return ""
}
