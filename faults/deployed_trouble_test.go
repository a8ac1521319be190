package faults

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/audit"
)

// whole checks that everything has ended as it should, that nothing was applied
// twice, and that nothing was lost.
func (d *deployed) whole(findings int, want asr.State) {
	d.t.Helper()
	outcome, value, status := asr.OutcomeFixed, 1, asr.WorkflowResolved
	if want == asr.StateReverted {
		outcome, value, status = asr.OutcomeReverted, 5, asr.WorkflowNew
	}
	for i := range findings {
		f, err := d.store.Finding(d.t.Context(), fmt.Sprint("f-", i))
		if err != nil || f.Outcome != outcome || d.told[f.ID] != status {
			d.t.Errorf("f-%d is %s and was told %q: %v", i, f.Outcome, d.told[f.ID], err)
		}
	}
	runs := d.runs()
	for _, r := range runs {
		if r.State != want && r.State != asr.StateCancelled { // a duplicate that came before its target was known
			d.t.Errorf("%s ended %s: %+v", r.ID, r.State, r.Error)
		}
		d.recorded(r)
	}
	for name, now := range d.cloud {
		if now["a"] != value || now["b"] != value {
			d.t.Errorf("%s is %v", name, now)
		}
	}
	if claims, locks := d.store.Held(); len(claims)+len(locks) > 0 {
		d.t.Errorf("still held: %v %v", claims, locks)
	}
	if d.again > 0 || d.letters > 0 || d.failures > 0 {
		d.t.Errorf("%d writes were made again, %d messages are dead letters, %d executions failed", d.again, d.letters, d.failures)
	}
	rep, err := audit.Verify(d.t.Context(), d.store, func([]byte, string) bool { return true })
	if err != nil || len(rep.Problems) > 0 || rep.Subjects < len(runs) {
		d.t.Errorf("audit log: %+v %v", rep, err)
	}
}

// recorded checks that the audit log tells of a run what it must.
func (d *deployed) recorded(r asr.Run) {
	d.t.Helper()
	records, err := d.store.Records(d.t.Context(), r.ID)
	if err != nil {
		d.t.Fatal(err)
	}
	count := map[string]int{}
	for _, rec := range records {
		count[rec.Event]++
	}
	want := []string{"planned", "begun", "applied", "verified"}
	intents := 2
	if r.State == asr.StateReverted {
		want, intents = append(want, "revert_asked", "reverting", "reverted"), 4
	}
	for _, event := range want {
		if count[event] != 1 {
			d.t.Errorf("%s has %d records of %q: %v", r.ID, count[event], event, count)
		}
	}
	if count["intent"] < intents {
		d.t.Errorf("%s has %d records of what it was about to write", r.ID, count["intent"])
	}
}

func (d *deployed) fixAndUndo(findings int) {
	d.t.Helper()
	d.live()
	d.whole(findings, asr.StateVerified)
	d.undoing = true
	d.live()
	d.whole(findings, asr.StateReverted)
}

// Each function of the fix and of its undo dies once at each point there is.
func TestAFunctionThatDiesBetweenAnyTwoSideEffectsLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	for _, mode := range []asr.Mode{asr.ModeAuto, asr.ModeAsk} {
		died, runs, writes := map[string]int{}, 0, 0
		for at := 1; ; at++ {
			d := newDeployed(t, mode, perils{at: at})
			d.send("f-0", "s", 0)
			if d.fixAndUndo(1); t.Failed() {
				t.Fatalf("%s: death at point %d of %v", mode, at, d.pointNames)
			}
			runs, writes = runs+len(d.runs()), writes+d.writes
			if d.deaths == 0 {
				break
			}
			died[d.pointNames[at-1]]++
		}
		total := 0
		for _, n := range died {
			total += n
		}
		t.Logf("%s: %d functions died, one at each point: %v; %d runs, each fixed and put back; %d writes, none made again", mode, total, died, runs, writes)
		if total < 50 {
			t.Errorf("only %d points", total)
		}
	}
}

// Where AWS, the store and Lambda fail and functions die all at once.
func TestUnderTheStateMachineTroubleChangesNoOutcome(t *testing.T) {
	t.Parallel()
	const findings = 25
	var lives, deaths, runs, writes, executions int
	struck := map[string]int{}
	for seed := range uint64(16) {
		mode := []asr.Mode{asr.ModeAuto, asr.ModeAsk}[seed%2]
		d := newDeployed(t, mode, perils{seed: seed, aws: 0.3, store: 0.01, busy: 0.05, lambda: 0.05, death: 0.015})
		for i := range findings {
			d.send(fmt.Sprint("f-", i), fmt.Sprint("s-", i), time.Duration(i%7)*time.Second)
			if i%5 == 0 { // queues deliver at least once
				d.send(fmt.Sprint("f-", i), fmt.Sprint("s-", i), time.Duration(i)*time.Second)
			}
		}
		if d.fixAndUndo(findings); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		lives, deaths, runs, writes, executions = lives+d.lives, deaths+d.deaths, runs+len(d.runs()), writes+d.writes, executions+d.executions
		for what, n := range d.struck {
			struck[what] += n
		}
	}
	t.Logf("%d runs, each fixed and put back, in %d executions; %d functions ran and %d died; struck: %v; %d writes, none made again", runs, executions, lives, deaths, struck, writes)
	if runs < 16*findings || deaths < 400 || slices.Min([]int{struck["aws"], struck["store"], struck["conflict"], struck["lambda"]}) < 100 {
		t.Error("there was too little trouble")
	}
}
