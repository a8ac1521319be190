package remedytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"example.com/asr"
)

// goldenPlans is where a package keeps a plan of each version of its units, so
// that a run of an older asr can be undone by a newer one. ASR_GOLDEN=write
// writes those that are missing; what is there is never overwritten.
const goldenPlans = "testdata/plans"

// golden checks that the unit's state still holds every plan that any version
// of it has made, and what was there before and after.
func golden[S any](t T, p asr.Plan) {
	t.Helper()
	file := filepath.Join(goldenPlans, fmt.Sprintf("%s-v%d.json", p.Remediation, p.Version))
	if _, err := os.Stat(file); err != nil && os.Getenv("ASR_GOLDEN") == "write" {
		writeGolden(t, file, p)
	}
	kept, err := filepath.Glob(filepath.Join(goldenPlans, p.Remediation+"-v*.json"))
	if _, missing := os.Stat(file); err != nil || missing != nil {
		t.Errorf("there is no plan of %s version %d in %s: run the test once with ASR_GOLDEN=write, and commit it", p.Remediation, p.Version, goldenPlans)
	}
	for _, name := range kept {
		doc, err := os.ReadFile(name)
		if err != nil {
			t.Fatalf("golden plan: %v", err)
		}
		var old asr.Plan
		if err := json.Unmarshal(doc, &old); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		after, err := asr.Merge(old.Before, old.Changes)
		if err != nil {
			t.Errorf("%s: its changes don't fit its state: %v", name, err)
		}
		holds[S](t, name+": before", old.Before)
		holds[S](t, name+": after", after)
	}
}

// holds checks that a state decodes and loses nothing.
func holds[S any](t T, what string, doc json.RawMessage) {
	t.Helper()
	var s S
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		t.Errorf("%s: the state doesn't take it any more: %v", what, err)
		return
	}
	if lost, err := asr.Diff(doc, encode(s)); err != nil || len(lost) > 0 {
		t.Errorf("%s: the state loses %v %v", what, lost, err)
	}
}

func writeGolden(t T, file string, p asr.Plan) {
	t.Helper()
	doc, err := json.MarshalIndent(p, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if err == nil {
		err = os.WriteFile(file, append(doc, '\n'), 0o644)
	}
	if err != nil {
		t.Fatalf("golden plan: %v", err)
	}
}
