package asr_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"example.com/asr"
)

// fix fixes T.1 on r and returns the run.
func (w *world) fix(finding, control string) asr.Run {
	w.t.Helper()
	r := w.drive(w.ingest(w.finding(finding, control, "r")).Runs[0])
	w.expect(r, asr.StateVerified)
	return r
}

func (w *world) revert(id string, force bool) asr.Run {
	w.t.Helper()
	if _, err := w.engine.Revert(w.t.Context(), id, ada, force); err != nil {
		w.t.Fatal(err)
	}
	return w.drive(id)
}

// covers: O6
func TestUndoPutsBackAndIsNotFixedAgainByItself(t *testing.T) {
	w, c := one(t, auto)
	id := w.fix("f1", "T.1").ID
	c.put("r"+account, "other", "kept")
	w.expect(w.revert(id, false), asr.StateReverted)
	if got := c.get("r" + account); got["tls"] != nil || got["other"] != "kept" {
		t.Errorf("the resource is %v", got)
	}
	if f := w.get("f1"); f.Outcome != asr.OutcomeReverted {
		t.Errorf("the finding is %s", f.Outcome)
	}
	if in := w.ingest(w.finding("f1", "T.1", "r")); len(in.Runs) != 0 || w.get("f1").Decision.Reason != asr.ReasonReverted {
		t.Errorf("started %v: %+v", in.Runs, w.get("f1").Decision)
	}
}

func TestUndoRefusesWhatSomebodyChangedAndForceSaysWhatItOverrode(t *testing.T) {
	w, c := one(t, auto)
	id := w.fix("f1", "T.1").ID
	c.put("r"+account, "tls", "theirs")
	r := w.revert(id, false)
	w.expect(r, asr.StateVerified)
	if r.Undo.Refused == nil || r.Undo.Refused.Foreign[0].Becomes() != `"theirs"` || !strings.Contains(r.Undo.Refused.Do, "--force") || c.get("r" + account)["tls"] != "theirs" {
		t.Errorf("undo %+v", r.Undo)
	}
	r = w.revert(id, true)
	w.expect(r, asr.StateReverted)
	if len(r.Undo.Overridden) != 1 || r.Undo.Overridden[0].Becomes() != `"theirs"` || c.get("r" + account)["tls"] != nil {
		t.Errorf("undo %+v, resource %v", r.Undo, c.get("r"+account))
	}
}

func TestUndoLeavesWhatIsSharedOrNotOurs(t *testing.T) {
	w, c := one(t, auto, func(u *asr.Remediation) {
		u.Want = func(asr.On, json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage(`{"name":"r","tls":"on","topic":"t","bucket":"b"}`), nil
		}
		u.Keep = func(_ asr.On, ch asr.Change) string {
			if ch.Path[0] == "topic" {
				return "others use it"
			}
			return ""
		}
		u.Makes = func(_ asr.On, ch asr.Change) string {
			if ch.Path[0] == "name" || ch.Path[0] == "tls" {
				return ""
			}
			return "arn:" + ch.Path[0]
		}
		write := u.Write
		u.Write = func(ctx context.Context, on asr.On, from, to json.RawMessage) error {
			if strings.Contains(string(from), "bucket") && !strings.Contains(string(to), "bucket") {
				return asr.Refuse("it is not empty", "")
			}
			return write(ctx, on, from, to)
		}
	})
	r := w.fix("f1", "T.1")
	if len(r.Made) != 2 {
		t.Fatalf("made %v", r.Made)
	}
	r = w.revert(r.ID, false)
	w.expect(r, asr.StateReverted)
	if len(r.Left) != 2 || !strings.Contains(r.Left[0], "others use it") || !strings.Contains(r.Left[1], "not empty") {
		t.Errorf("left behind %q", r.Left)
	}
	if got := c.get("r" + account); got["topic"] != "t" || got["bucket"] != "b" || got["tls"] != nil {
		t.Errorf("the resource is %v", got)
	}
}

func TestWhatALaterRunWentOnFromIsUndoneLast(t *testing.T) {
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r"}})
	w := newWorld(t, auto, c.unit("test-level", map[string]string{"T.1": `{"level":1}`, "T.2": `{"level":2}`}))
	first, second := w.fix("f1", "T.1").ID, w.fix("f2", "T.2").ID
	_, err := w.engine.Revert(t.Context(), first, ada, false)
	if asr.Classify(err) != asr.CodeConflict || !strings.Contains(asr.Advice(err), second) {
		t.Errorf("undone out of order: %v", err)
	}
	w.expect(w.revert(second, false), asr.StateReverted)
	w.expect(w.revert(first, false), asr.StateReverted)
	if got := c.get("r" + account); got["level"] != nil {
		t.Errorf("the resource is %v", got)
	}
}

// The first one's undo would find the path as it was before the first, and
// then the second's puts back what the first made.
func TestAnUndoWaitsForThatOfALaterRun(t *testing.T) {
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r"}})
	w := newWorld(t, auto, c.unit("test-level", map[string]string{"T.1": `{"level":1}`, "T.2": `{"level":2}`}))
	first, second := w.fix("f1", "T.1").ID, w.fix("f2", "T.2").ID
	if _, err := w.engine.Revert(t.Context(), second, ada, false); err != nil {
		t.Fatal(err)
	}
	for w.run(second).State.Open() {
		if _, err := w.engine.Revert(t.Context(), first, ada, false); asr.Classify(err) != asr.CodeConflict || !strings.Contains(asr.Advice(err), "wait") {
			t.Fatalf("while the later run is %s: %v (%s)", w.run(second).State, err, asr.Advice(err))
		}
		next, err := w.engine.Step(t.Context(), second)
		if err != nil {
			t.Fatal(err)
		}
		w.jump(next.After)
	}
	w.expect(w.revert(first, false), asr.StateReverted)
}

// Runs are carried out in another order than they came in.
func TestTheLaterRunIsTheOneThatWasCarriedOutLater(t *testing.T) {
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r"}})
	w := newWorld(t, auto, c.unit("test-level", map[string]string{"T.1": `{"level":1}`, "T.2": `{"level":2}`}))
	second := w.ingest(w.finding("f2", "T.2", "r")).Runs[0]
	w.jump(time.Second)
	first := w.fix("f1", "T.1").ID
	w.expect(w.drive(second), asr.StateVerified)
	if _, err := w.engine.Revert(t.Context(), first, ada, false); asr.Classify(err) != asr.CodeConflict || !strings.Contains(asr.Advice(err), second) {
		t.Errorf("undone out of order: %v", err)
	}
	w.expect(w.revert(second, false), asr.StateReverted)
	w.expect(w.revert(first, false), asr.StateReverted)
	if got := c.get("r" + account); got["level"] != nil {
		t.Errorf("the resource is %v", got)
	}
}

func TestWhatCannotBePutBackIsRefused(t *testing.T) {
	w, _ := one(t, auto)
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	if _, err := w.engine.Revert(t.Context(), id, ada, false); asr.Classify(err) != asr.CodeNotAllowed {
		t.Errorf("a run that has not begun: %v", err)
	}
	if _, err := w.engine.Revert(t.Context(), "r-none", ada, false); asr.Classify(err) != asr.CodeNotFound {
		t.Errorf("no run: %v", err)
	}
	w, _ = one(t, auto, func(u *asr.Remediation) { u.Spec.Irreversible = "gone is gone" })
	id = w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	r := w.drive(id)
	w.expect(r, asr.StateAwaiting)
	if _, err := w.engine.Approve(t.Context(), id, r.Plan.Hash, ada, ""); err != nil {
		t.Fatal(err)
	}
	w.expect(w.drive(id), asr.StateVerified)
	if _, err := w.engine.Revert(t.Context(), id, ada, true); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("irreversible: %v", err)
	}
}

func TestPartOfAPlanThatCannotBePutBackAsks(t *testing.T) {
	w, c := one(t, auto, func(u *asr.Remediation) {
		u.Keep = func(asr.On, asr.Change) string { return "the password is not known" }
	})
	c.put("r"+account, "tls", "old")
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	w.expect(r, asr.StateAwaiting)
	if r.Decision.Reason != asr.ReasonIrreversible {
		t.Errorf("decision %+v", r.Decision)
	}
}

func TestUndoOfWhatIsGoneSaysSo(t *testing.T) {
	w, c := one(t, auto)
	id := w.fix("f1", "T.1").ID
	delete(c.docs, "r"+account)
	r := w.revert(id, false)
	w.expect(r, asr.StateReverted)
	if len(r.Left) != 1 {
		t.Errorf("left %q", r.Left)
	}
}
