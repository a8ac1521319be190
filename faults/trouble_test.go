package faults

import (
	"cmp"
	"maps"
	"slices"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/audit"
	"example.com/asr/sandbox"
	"example.com/asr/sandbox/org"
	gocmp "github.com/google/go-cmp/cmp"
)

// seen is what became of an organization.
type seen struct {
	fixed, undone []string // what is there
	failing       int      // checks that Security Hub still finds failed
}

// Half of the troubles come after the call took effect. What is there afterwards
// is compared with what a second organization looks like, where no call failed.
func TestWhileCallsFailEveryRunEndsAsItShouldAndNothingIsDoneTwice(t *testing.T) {
	t.Parallel()
	var calm, stormy seen
	t.Run("both", func(t *testing.T) {
		t.Run("calm", func(t *testing.T) { t.Parallel(); calm = live(t, sandbox.Trouble{}) })
		t.Run("stormy", func(t *testing.T) { t.Parallel(); stormy = live(t, sandbox.Trouble{Seed: 1, Share: 0.3}) })
	})
	if diff := gocmp.Diff(calm.fixed, stormy.fixed); diff != "" {
		t.Errorf("after the fixes there is something else (-calm +stormy):\n%s", diff)
	}
	if diff := gocmp.Diff(calm.undone, stormy.undone); diff != "" {
		t.Errorf("after the undos there is something else (-calm +stormy):\n%s", diff)
	}
	if calm.failing != stormy.failing {
		t.Errorf("%d checks fail after the fixes, and %d without trouble", stormy.failing, calm.failing)
	}
}

// live has all that is wrong in an organization fixed, undone, and, under
// trouble, some of it fixed again.
func live(t *testing.T, trouble sandbox.Trouble) (s seen) {
	w, began := newOrg(t), time.Now()
	w.s.Reset()
	fix := func(begin func()) {
		t.Helper()
		w.s.Trouble(trouble)
		begin()
		w.serve(t)
		w.s.Trouble(sandbox.Trouble{})
	}
	fix(func() { w.take(t) })
	w.ended(t)
	s.fixed, s.failing = w.state(t), w.evaluate(t).Failed
	for round, asked := 0, 1; asked > 0 && round < 6; round++ { // what a later run went on from is undone after that
		fix(func() { asked = w.undo(t) })
	}
	s.undone = w.state(t)
	if trouble.Share > 0 {
		fix(func() { w.again(t) })
		w.ended(t)
	}
	w.intact(t)
	w.print(t, time.Since(began))
	return s
}

func (w *world) evaluate(t *testing.T) org.Tally {
	t.Helper()
	tally, err := w.org.Evaluate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

// ended checks that all runs have come to a good end, but those that were
// undone.
func (w *world) ended(t *testing.T) {
	t.Helper()
	for _, r := range w.runs(t) {
		if r.State != asr.StateVerified && r.State != asr.StateNothingToDo && r.Undo == nil {
			t.Errorf("%s on %s ended %s: %+v", r.Remediation, r.Target.ID, r.State, r.Error)
		}
	}
}

// undo asks for all undos that there may be, and counts them and those that
// wait for others.
func (w *world) undo(t *testing.T) (asked int) {
	t.Helper()
	for _, r := range w.runs(t) {
		if !r.Undoable() {
			continue
		}
		switch _, err := w.engine.Revert(t.Context(), r.ID, ada, false); {
		case err == nil, asr.Classify(err) == asr.CodeConflict:
			asked++
		case asr.Classify(err) != asr.CodeRefused:
			t.Errorf("undo of %s on %s: %v", r.Remediation, r.Target.ID, err)
		}
	}
	return asked
}

// again asks for half of what was undone.
func (w *world) again(t *testing.T) {
	t.Helper()
	for i, r := range w.runs(t) {
		switch {
		case r.Undo == nil:
			continue
		case r.State != asr.StateReverted:
			t.Errorf("undone, %s on %s ended %s: %+v %+v", r.Remediation, r.Target.ID, r.State, r.Error, r.Undo.Refused)
		}
		if i%2 == 1 {
			continue
		}
		_, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: r.Control, Account: r.Target.Account, Region: r.Target.Region, Resource: asr.Resource{ID: r.Target.ID, Region: r.Target.Region}})
		if err != nil {
			t.Error(err)
		}
	}
}

// intact checks that nothing was lost: the audit log, the findings' outcomes,
// and what Security Hub was told of them.
func (w *world) intact(t *testing.T) {
	t.Helper()
	rep, err := audit.Verify(t.Context(), w.store, w.vault.Verify)
	if err != nil || len(rep.Problems) > 0 || rep.Records == 0 {
		t.Errorf("audit log: %+v %v", rep, err)
	}
	told, findings := w.told(t), 0
	for _, r := range w.runs(t) {
		for _, id := range r.Findings {
			f, err := w.store.Finding(t.Context(), id)
			if err != nil || f.Outcome == asr.OutcomeRunning {
				t.Errorf("%s is %s: %v", id, f.Outcome, err)
			}
			if want := map[asr.State]string{asr.StateVerified: asr.WorkflowResolved, asr.StateReverted: asr.WorkflowNew}[r.State]; f.Run == r.ID && want != "" && told[id] != want {
				t.Errorf("%s was told %q of %s, want %q", id, told[id], r.State, want)
			}
			findings++
		}
	}
	if findings == 0 {
		t.Error("no finding is left")
	}
}

// print prints what there was.
func (w *world) print(t *testing.T, took time.Duration) {
	t.Helper()
	units, undone, struck, late, calls := map[string]bool{}, 0, map[string]int{}, 0, w.s.Calls()
	all := w.runs(t)
	for _, r := range all {
		units[r.Remediation] = true
		if r.Undo != nil {
			undone++
		}
	}
	product, faults := 0, 0
	for _, c := range calls {
		if c.Principal.Root {
			continue
		}
		product++
		if c.Fault != "" {
			faults++
			struck[c.Fault]++
			if c.Status == 200 && c.Fault != "slow" {
				late++
			}
		}
	}
	t.Logf("%d runs of %d units, %d undone; %d calls, %d of them struck (%d%%), %d after they took effect; %s", len(all), len(units), undone, product, faults, 100*faults/max(product, 1), late, took.Round(time.Second))
	for _, name := range slices.SortedFunc(maps.Keys(struck), cmp.Compare[string]) {
		t.Logf("%5d %s", struck[name], name)
	}
}
