package cost

import (
	"testing"

	"example.com/asr"
	"example.com/asr/workflow"
	"github.com/google/go-cmp/cmp"
)

func TestAOneWriteRunTakesThisWay(t *testing.T) {
	t.Parallel()
	p, err := WalkDefinition([]byte(workflow.Run()), Walk...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Plan", "Next", "Apply", "Next", "Wait", "Go on", "Apply", "Next", "Report"}, p.States); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int{"plan": 1, "apply": 2, "report": 1}, p.Tasks); diff != "" {
		t.Error(diff)
	}
}

func TestAQuickRunWaitsInsideItsFunction(t *testing.T) {
	t.Parallel()
	p, err := WalkDefinition([]byte(workflow.Run()), QuickWalk...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Plan", "Next", "Apply", "Next", "Report"}, p.States); diff != "" {
		t.Error(diff)
	}
}

func TestTheStartAndTheEndCountAsTransitions(t *testing.T) {
	t.Parallel()
	p, err := WalkDefinition([]byte(`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Succeed"}}}`))
	if err != nil || p.Transitions() != 4 {
		t.Errorf("%v transitions, %v; want 4 for two states", p.Transitions(), err)
	}
}

func TestAWayThatThereIsNotIsAnError(t *testing.T) {
	t.Parallel()
	for name, walk := range map[string][]string{
		"an unknown function": {"plan", "delete"}, "the wrong order": {"apply", "plan", "report"}, "no report": {"plan", "apply"}, "nothing": nil,
	} {
		if p, err := WalkDefinition([]byte(workflow.Run()), walk...); asr.Classify(err) != asr.CodeInternal {
			t.Errorf("%s: %v, %v", name, p.States, err)
		}
	}
}

func TestADefinitionThatGoesInCirclesEnds(t *testing.T) {
	t.Parallel()
	loop := `{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Next":"A"}],"Default":"missing"}}}`
	if _, err := WalkDefinition([]byte(loop)); err == nil {
		t.Error("a way was found through a loop without an end")
	}
}
