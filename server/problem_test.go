package server_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/server"
)

// asking has runs ask for switches of these names.
func (w *world) asking(names ...string) (runs []asr.Run) {
	w.t.Helper()
	for _, name := range names {
		var r asr.Run
		if status, no := w.call("POST", "/v1/runs", strings.Replace(wish, ":s\"", ":"+name+"\"", 1), &r); status != http.StatusOK {
			w.t.Fatalf("%d %+v", status, no)
		}
		runs = append(runs, w.drive(r.ID))
	}
	w.driven = nil
	return runs
}

func (w *world) look(problem string) asr.Look {
	w.t.Helper()
	var l asr.Look
	if status, no := w.call("POST", "/v1/problem", problem, &l); status != http.StatusOK {
		w.t.Fatalf("%d %+v", status, no)
	}
	return l
}

func verdict(l asr.Look) string {
	v := server.Verdict{Problem: l.Problem, Digest: l.Digest, Note: "change 4711"}
	for _, r := range l.Runs {
		v.Runs = append(v.Runs, r.Seen)
	}
	text, _ := json.Marshal(v) // texts
	return string(text)
}

func TestAProblemIsLookedAtApprovedAndDriven(t *testing.T) {
	w := newWorld(t)
	runs := w.asking("one-switch", "two-switch")
	l := w.look(`{"control":"T.1"}`)
	if len(l.Runs) != 2 || len(l.Shapes) != 1 {
		t.Fatalf("%+v", l)
	}
	late := w.asking("late-switch")[0]
	var got server.Outcome
	if status, no := w.call("POST", "/v1/problem/approve", verdict(l), &got); status != http.StatusOK || len(got.Taken) != 2 || len(got.Left) != 1 || got.Left[0].Run != late.ID {
		t.Fatalf("%d %+v %+v", status, no, got)
	}
	want := []string{runs[0].ID, runs[1].ID}
	slices.Sort(w.driven)
	slices.Sort(want) // ids of one millisecond stand in any order
	if !slices.Equal(w.driven, want) {
		t.Errorf("driven: %v, want %v", w.driven, want)
	}
	if r := w.drive(runs[0].ID); r.State != asr.StateVerified || r.Approval.By != ada || r.Approval.Note != "change 4711" || r.Approval.Batch != got.Batch {
		t.Errorf("%s, approved %+v", r.State, r.Approval)
	}
}

func TestAProblemIsRejected(t *testing.T) {
	w := newWorld(t)
	run := w.asking("one-switch")[0]
	if status, no := w.call("POST", "/v1/problem/reject", verdict(w.look(`{"remediation":"test-switch"}`)), nil); status != http.StatusOK {
		t.Errorf("%d %+v", status, no)
	}
	if r := w.drive(run.ID); r.State != asr.StateCancelled || len(w.driven) > 0 {
		t.Errorf("%s, driven %v", r.State, w.driven)
	}
}

func TestAStartThatFailsIsToldAndTheApprovalStands(t *testing.T) {
	w := newWorld(t)
	run := w.asking("one-switch")[0]
	w.driving = errors.New("throttled")
	var got server.Outcome
	if status, _ := w.call("POST", "/v1/problem/approve", verdict(w.look(`{"control":"T.1"}`)), &got); status != http.StatusOK || !slices.Equal(got.Unstarted, []string{run.ID}) {
		t.Errorf("%d %+v", status, got)
	}
	if r := w.drive(run.ID); r.State != asr.StateVerified {
		t.Errorf("%s", r.State)
	}
}

// covers: A8, A10
func TestAProblemThatCantBeMeantIsRefused(t *testing.T) {
	w := newWorld(t)
	w.asking("one-switch")
	l := w.look(`{"control":"T.1"}`)
	for name, row := range map[string]struct {
		path, body string
		status     int
	}{
		"everything":           {"", `{}`, 400},
		"an unknown control":   {"", `{"control":"X.1"}`, 404},
		"a misspelt filter":    {"", `{"control":"T.1","acounts":["1"]}`, 400},
		"no runs":              {"/approve", `{"problem":{"control":"T.1"},"digest":"` + asr.Digest(nil) + `"}`, 400},
		"another digest":       {"/approve", strings.Replace(verdict(l), l.Digest, "x", 1), 400},
		"a digest of no runs":  {"/approve", `{"problem":{"control":"T.1"},"digest":"` + l.Digest + `"}`, 400},
		"rejected by a digest": {"/reject", `{"problem":{"control":"T.1"},"digest":"` + l.Digest + `"}`, 400},
	} {
		if status, no := w.call("POST", "/v1/problem"+row.path, row.body, nil); status != row.status || no.Message == "" {
			t.Errorf("%s: %d %+v", name, status, no)
		}
	}
	if l := w.look(`{"control":"T.1"}`); len(l.Runs) != 1 || len(w.driven) > 0 {
		t.Errorf("something was answered: %+v, driven %v", l, w.driven)
	}
}
