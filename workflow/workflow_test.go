package workflow_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/asr/workflow"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type state struct {
	Type, Resource, Next, Default string
	Choices, Catch                []struct{ Next string }
	Retry                         []struct{ ErrorEquals []string }
	End                           bool
}

type machine struct {
	StartAt        string
	TimeoutSeconds int
	States         map[string]state
}

func machines(t *testing.T) map[string]machine {
	t.Helper()
	all := map[string]machine{}
	for name, text := range map[string]string{"run": workflow.Run(), "sync": workflow.Sync()} {
		var m machine
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = m
	}
	return all
}

// next are the states that may follow a state.
func (s state) next() (all []string) {
	for _, n := range []string{s.Next, s.Default} {
		if n != "" {
			all = append(all, n)
		}
	}
	for _, c := range slices.Concat(s.Choices, s.Catch) {
		all = append(all, c.Next)
	}
	return all
}

func TestEachStateCanBeReachedAndLeadsSomewhere(t *testing.T) {
	for name, m := range machines(t) {
		reached := map[string]bool{m.StartAt: true}
		for todo := []string{m.StartAt}; len(todo) > 0; todo = todo[1:] {
			s, ok := m.States[todo[0]]
			if !ok {
				t.Errorf("%s: there is no state %q", name, todo[0])
			}
			if len(s.next()) == 0 && !s.End && s.Type != "Succeed" && s.Type != "Fail" {
				t.Errorf("%s: %s leads nowhere", name, todo[0])
			}
			for _, n := range s.next() {
				if !reached[n] {
					reached[n], todo = true, append(todo, n)
				}
			}
		}
		for s := range m.States {
			if !reached[s] {
				t.Errorf("%s: nothing leads to %s", name, s)
			}
		}
		if m.TimeoutSeconds == 0 {
			t.Errorf("%s has no time-out", name)
		}
	}
}

// covers: W6
func TestEachTaskIsTriedAgainAndNoneThatFailsLosesItsRun(t *testing.T) {
	for name, m := range machines(t) {
		for title, s := range m.States {
			if s.Type != "Task" {
				continue
			}
			last := s.Retry[len(s.Retry)-1]
			if !slices.Equal(last.ErrorEquals, []string{"States.ALL"}) {
				t.Errorf("%s: %s is tried again only for %v", name, title, last.ErrorEquals)
			}
			if name == "run" && title != "Abandon" && len(s.Catch) == 0 {
				t.Errorf("%s: what if %s fails for good?", name, title)
			}
		}
	}
}

func TestDefinitionsNameTheirFunctionsAndNothingElse(t *testing.T) {
	holes := regexp.MustCompile(`\$\{[^}]*\}`)
	want := map[string][]string{"run": {"${ApplyFunctionArn}", "${PlanFunctionArn}", "${ReportFunctionArn}"}, "sync": {"${SyncFunctionArn}"}}
	for name, text := range map[string]string{"run": workflow.Run(), "sync": workflow.Sync()} {
		found := map[string]bool{}
		for _, hole := range holes.FindAllString(text, -1) {
			found[hole] = true
		}
		if diff := cmp.Diff(want[name], slices.Sorted(maps.Keys(found))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if strings.Contains(text, "arn:") {
			t.Errorf("%s names an ARN of one partition", name)
		}
	}
}

func TestNamesOfExecutionsCanBeReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run, n := rapid.StringMatching(`r-[0-9a-v]{1,20}`).Draw(t, "run"), rapid.IntRange(0, 1<<30).Draw(t, "n")
		name := workflow.Name(run, n)
		if gotRun, gotN, ok := workflow.Parse(name); !ok || gotRun != run || gotN != n || len(name) > 80 {
			t.Errorf("%s is %s, %d, %v", name, gotRun, gotN, ok)
		}
	})
	for _, name := range []string{"", "deploy", "-1", "r-x--1", "weekly-a"} {
		if run, n, ok := workflow.Parse(name); ok && n < 0 {
			t.Errorf("%q is run %q, %d", name, run, n)
		}
	}
}
