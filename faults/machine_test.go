package faults

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr/workflow"
)

// machine is a definition in the Amazon States Language, as far as asr uses it.
// Source: https://states-language.net/spec.html.
type machine struct {
	StartAt        string
	TimeoutSeconds int
	States         map[string]state
}

type state struct {
	Type, Resource, Next, Default, SecondsPath string
	ResultPath                                 json.RawMessage
	Retry                                      []retrier
	Catch                                      []struct {
		ErrorEquals      []string
		ResultPath, Next string
	}
	Choices []struct {
		Variable, StringEquals, Next string
		NumericGreaterThan           *float64
	}
	End bool
}

type retrier struct {
	ErrorEquals                                   []string
	IntervalSeconds, BackoffRate, MaxDelaySeconds float64
	MaxAttempts                                   int
}

func runMachine(t *testing.T) (m machine) {
	t.Helper()
	if err := json.Unmarshal([]byte(workflow.Run()), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// execution is one of the machine on its way.
type execution struct {
	name  string
	state string
	data  map[string]any
	tried []int     // how often each retrier of the present state had it tried again
	at    time.Time // when it goes on
	ended string    // "SUCCEEDED" or "FAILED"
}

// failed is how a task came to nothing.
type failed struct{ name, cause string }

func (f *failed) Error() string { return f.name + ": " + f.cause }

func (f *failed) is(names []string) bool {
	return slices.Contains(names, f.name) || slices.Contains(names, "States.ALL")
}

// step takes an execution one state further; task has a function called.
func (m machine) step(e *execution, task func(function string, in map[string]any) (map[string]any, *failed)) {
	s, ok := m.States[e.state]
	if !ok {
		panic("there is no state " + e.state)
	}
	switch s.Type {
	case "Task":
		out, err := task(strings.Trim(s.Resource, "${}"), e.data)
		if err != nil {
			m.stumble(e, s, err)
			return
		}
		if string(s.ResultPath) != "null" {
			e.data = out
		}
		if s.End {
			e.ended = "SUCCEEDED"
			return
		}
		e.enter(s.Next)
	case "Choice":
		for _, c := range s.Choices {
			v := e.data[strings.TrimPrefix(c.Variable, "$.")]
			n, _ := v.(float64)
			if c.NumericGreaterThan != nil && n > *c.NumericGreaterThan || c.NumericGreaterThan == nil && v == c.StringEquals {
				e.enter(c.Next)
				return
			}
		}
		e.enter(s.Default)
	case "Wait":
		seconds, _ := e.data[strings.TrimPrefix(s.SecondsPath, "$.")].(float64)
		e.at = e.at.Add(time.Duration(seconds) * time.Second)
		e.enter(s.Next)
	case "Succeed":
		e.ended = "SUCCEEDED"
	case "Fail":
		e.ended = "FAILED"
	default:
		panic("a state of type " + s.Type)
	}
}

func (e *execution) enter(state string) { e.state, e.tried = state, nil }

// stumble has a task tried again later, or its failure caught.
func (m machine) stumble(e *execution, s state, err *failed) {
	if e.tried == nil {
		e.tried = make([]int, len(s.Retry))
	}
	for i, r := range s.Retry {
		if !err.is(r.ErrorEquals) {
			continue
		}
		if e.tried[i] >= r.MaxAttempts {
			break
		}
		wait := r.IntervalSeconds * math.Pow(max(r.BackoffRate, 1), float64(e.tried[i]))
		if r.MaxDelaySeconds > 0 {
			wait = min(wait, r.MaxDelaySeconds)
		}
		e.tried[i]++
		e.at = e.at.Add(time.Duration(wait * float64(time.Second)))
		return
	}
	for _, c := range s.Catch {
		if err.is(c.ErrorEquals) {
			if c.ResultPath != "" {
				e.data[strings.TrimPrefix(c.ResultPath, "$.")] = map[string]any{"Error": err.name, "Cause": err.cause}
			}
			e.enter(c.Next)
			return
		}
	}
	e.ended = "FAILED"
}

func TestTheStateMachineIsFollowedAsStepFunctionsDoes(t *testing.T) {
	t.Parallel()
	m, noon := runMachine(t), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, row := range map[string]struct {
		answers []any // of the tasks, in order
		want    string
		ended   string
	}{
		"all is well":              {[]any{"apply", "report", ""}, "Plan Apply Report 0s", "SUCCEEDED"},
		"a task waits":             {[]any{"apply", 40, "report", ""}, "Plan Apply Apply Report 40s", "SUCCEEDED"},
		"a function dies once":     {[]any{"apply", &failed{"Runtime.ExitError", ""}, "report", ""}, "Plan Apply Apply Report 5s", "SUCCEEDED"},
		"Lambda is busy":           {[]any{&failed{"Lambda.TooManyRequestsException", ""}, "report", ""}, "Plan Plan Report 2s", "SUCCEEDED"},
		"a function dies for good": {slices.Repeat([]any{&failed{"Runtime.ExitError", ""}}, 7), "Plan Plan Plan Plan Plan Plan Abandon 10m5s", "FAILED"},
		"nobody can be told":       {append([]any{"report"}, slices.Repeat([]any{&failed{"errorString", ""}}, 4)...), "Plan Report Report Report Report 1m5s", "SUCCEEDED"},
	} {
		e := &execution{state: m.StartAt, data: map[string]any{"run": "r-1"}, at: noon}
		var path []string
		for range 100 {
			if e.ended != "" {
				break
			}
			m.step(e, func(string, map[string]any) (map[string]any, *failed) {
				path = append(path, e.state)
				next := row.answers[0]
				if row.answers = row.answers[1:]; len(row.answers) == 0 && e.state == "Abandon" {
					return nil, nil
				}
				switch next := next.(type) {
				case *failed:
					return nil, next
				case int:
					return map[string]any{"do": "apply", "wait": float64(next)}, nil
				}
				return map[string]any{"do": next}, nil
			})
		}
		if got := strings.Join(path, " ") + " " + fmt.Sprint(e.at.Sub(noon)); got != row.want || e.ended != row.ended {
			t.Errorf("%s: it went %s and %s, want %s and %s", name, got, e.ended, row.want, row.ended)
		}
	}
}
