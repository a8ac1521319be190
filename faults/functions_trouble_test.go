package faults

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/audit"
	"example.com/asr/sandbox"
)

// whole checks that all has ended as it should and that nothing was lost.
func (f *functions) whole(n int, want asr.State, outcome asr.Outcome) {
	f.t.Helper()
	runs := f.runs()
	for _, r := range runs {
		if r.State != want {
			f.t.Errorf("%s on %s ended %s: %+v", r.ID, r.Target.ID, r.State, r.Error)
		}
		for _, id := range r.Findings {
			if found, err := f.auditor.Finding(f.t.Context(), id); err != nil || found.Outcome != outcome {
				f.t.Errorf("%s is %s: %v", id, found.Outcome, err)
			}
		}
	}
	if len(runs) != n || f.failed.Load() > 0 {
		f.t.Errorf("%d runs, want %d; %d executions failed", len(runs), n, f.failed.Load())
	}
	rep, err := audit.Verify(f.t.Context(), f.auditor, f.vault.Verify)
	if err != nil || len(rep.Problems) > 0 || rep.Records == 0 {
		f.t.Errorf("audit log: %+v %v", rep, err)
	}
}

// Calls are throttled, fail, break off and stay unanswered, DynamoDB's as well,
// and functions die besides.
func TestDeployedWhileCallsFailAndFunctionsDieEveryRunEndsAsItShould(t *testing.T) {
	t.Parallel()
	const groups = 8
	f, began := newFunctions(t), time.Now()
	var all []string
	for i := range groups {
		all = append(all, f.group(t, fmt.Sprintf("/storm-%02d", i)))
	}
	f.s.Reset()
	in := func(do func()) {
		f.s.Trouble(sandbox.Trouble{Seed: 2, Share: 0.3})
		f.deadly.Store(true)
		do()
		f.serve(allEnded)
		f.wg.Wait()
		f.deadly.Store(false)
		f.s.Trouble(sandbox.Trouble{})
	}
	in(func() { f.fix("CloudWatch.16", all...) })
	f.whole(groups, asr.StateVerified, asr.OutcomeFixed)
	in(f.undo)
	f.whole(groups, asr.StateReverted, asr.OutcomeReverted)
	for i := range groups {
		if days := f.days(t, fmt.Sprintf("/storm-%02d", i)); days != 1 {
			t.Errorf("group %d keeps %d days", i, days)
		}
	}
	f.print(time.Since(began))
}

// print prints what there was.
func (f *functions) print(took time.Duration) {
	f.t.Helper()
	product, struck, store, late := 0, map[string]int{}, 0, 0
	for _, c := range f.s.Calls() {
		if c.Principal.Root {
			continue
		}
		if product++; c.Fault == "" {
			continue
		}
		if struck[c.Fault]++; c.Service == "dynamodb" {
			store++
		}
		if c.Status == 200 && c.Fault != "slow" {
			late++
		}
	}
	n := 0
	for _, s := range slices.Sorted(maps.Keys(struck)) {
		n += struck[s]
	}
	f.t.Logf("%d runs in %d executions, each fixed and put back; %d calls, %d struck (%d of DynamoDB, %d after they took effect): %v; %d functions died; %s",
		len(f.runs()), len(f.closed), product, n, store, late, struck, f.deaths.Load(), took.Round(time.Second))
	if n < 200 || f.deaths.Load() < 3 {
		f.t.Error("there was too little trouble")
	}
}
