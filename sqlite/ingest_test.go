package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"github.com/google/go-cmp/cmp"
)

// single hides that the store takes many batches at once.
type single struct{ asr.Store }

// reports are what a hub of few findings could say: several in a row of the same resource, of
// the same finding, of ones that pass, that somebody put aside, that nobody knows.
func reports(random *rand.Rand, n int) (all []asr.Observation) {
	pick := func(values ...string) string { return values[random.IntN(len(values))] }
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range n {
		at = at.Add(time.Duration(random.IntN(3)) * time.Minute)
		o := asr.Observation{ID: fmt.Sprintf("f-%02d", (i/30*7+random.IntN(12))%80), At: at, Provider: asr.Provider{
			Format: "asff", Account: "111111111111", Region: "eu-west-1", Severity: pick(asr.Severities...), RecordState: asr.RecordActive,
			Compliance: pick(asr.ComplianceFailed, asr.ComplianceFailed, asr.ComplianceFailed, asr.CompliancePassed), Control: pick(enginetest.Control, enginetest.Control, "X.1"), UpdatedAt: at,
		}}
		o.Resources = []asr.Resource{{ID: "arn:aws:test:eu-west-1:111111111111:" + pick("a", "b", "c", o.ID, o.ID, o.ID, o.ID)}}
		o.Status = pick(asr.WorkflowNew, asr.WorkflowNew, asr.WorkflowNew, asr.WorkflowSuppressed)
		if i%17 == 3 {
			o.Source, o.Action = asr.SourceCustomAction, asr.ActionRemediate
		}
		all = append(all, o)
	}
	return all
}

// took is what a store holds of findings and runs, with runs named by the order
// in which they began.
type took struct {
	Intakes  []asr.Intake
	Findings []asr.Finding
	Runs     []asr.Run
	Records  map[string]int
	Counts   asr.Counts
}

func ingest(t *testing.T, who string, store asr.Store, pages ...[]asr.Observation) (all took) {
	t.Helper()
	var switches enginetest.Switches
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	tried := 0
	e := asr.New(asr.Config{
		Store: store, Remediations: []asr.Remediation{switches.Remediation()}, Matcher: enginetest.Book{}, Policy: enginetest.Always(asr.ModeAuto), Vault: enginetest.Glass{},
		Clock: func() time.Time { return now }, NewID: func(time.Time) string { tried++; return fmt.Sprintf("r-%s-%04d", who, tried) },
	})
	ctx := t.Context()
	names := map[string]string{"": ""} // of runs
	for _, page := range pages {
		in, err := e.Ingest(ctx, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range in.Runs {
			if names[id] == "" {
				names[id] = fmt.Sprint("run ", len(names))
			}
		}
		for _, ids := range [][]string{in.Runs, in.Going} {
			for i := range ids {
				ids[i] = names[ids[i]]
			}
		}
		all.Intakes = append(all.Intakes, in)
	}
	all.Records = map[string]int{}
	found, _, err := store.Findings(ctx, asr.FindingQuery{Limit: 1000})
	for _, f := range found {
		f.Run = names[f.Run]
		all.Findings = append(all.Findings, f)
		records, rerr := store.Records(ctx, "finding/"+f.ID)
		all.Records[f.ID], err = len(records), errors.Join(err, rerr)
	}
	for id, name := range names {
		if id == "" {
			continue
		}
		records, rerr := store.Records(ctx, id)
		all.Records[name], err = len(records), errors.Join(err, rerr)
	}
	counts, cerr := store.Counts(ctx)
	all.Counts = counts
	runs, _, lerr := store.Runs(ctx, asr.RunQuery{Limit: 1000})
	byName := map[string]asr.Run{}
	for _, r := range runs {
		r.ID, r.Chain = names[r.ID], asr.Chain{Seq: r.Chain.Seq}
		byName[r.ID] = r
	}
	for n := range runs {
		all.Runs = append(all.Runs, byName[fmt.Sprint("run ", n+1)])
	}
	if err := errors.Join(err, cerr, lerr); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatIsTakenManyAtOnceIsTakenAsOneByOne(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // to try things out
		var pages [][]asr.Observation
		all := reports(random, 200)
		for len(all) > 0 {
			n := min(len(all), 1+random.IntN(4))
			if random.IntN(8) == 0 { // most small, so that not each has two that are in each other's way
				n = min(len(all), 1+random.IntN(100))
			}
			pages, all = append(pages, all[:n]), all[n:]
		}
		want := ingest(t, "a", single{open(t)}, pages...)
		got := ingest(t, "b", open(t), pages...)
		if diff := cmp.Diff(want, got); diff != "" || len(want.Runs) < 10 {
			t.Fatalf("seed %d: %d runs (-one by one +at once):\n%s", seed, len(want.Runs), diff)
		}
	}
}

// rival is a store whose data somebody else changes just before many batches are
// stored at once.
type rival struct {
	*Store
	change func()
}

func (r *rival) CommitAll(ctx context.Context, batches []*asr.Batch) error {
	if r.change != nil {
		r.change()
		r.change = nil
	}
	return r.Store.CommitAll(ctx, batches)
}

func TestWhatSomebodyElseChangedMeanwhileIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	all := reports(rand.New(rand.NewPCG(1, 0)), 40) //nolint:gosec // to try things out
	for i := range all {
		all[i].ID, all[i].Compliance, all[i].Status, all[i].Source = fmt.Sprint("f-", i), asr.ComplianceFailed, asr.WorkflowNew, ""
	}
	theirs := all[20]
	r := &rival{s, func() { ingest(t, "b", single{s}, []asr.Observation{theirs}) }}
	got := ingest(t, "a", r, all)
	if in := got.Intakes[0]; r.change != nil || in.New != 39 || in.Duplicates != 1 || len(got.Findings) != 40 {
		t.Errorf("%d new, %d told nothing new, %d stored", in.New, in.Duplicates, len(got.Findings))
	}
}

// The second would be told that the last run fixed it, but for the first, which
// has just started another on the same resource.
func TestAFindingJoinsTheRunThatOneOfTheSameCallStarted(t *testing.T) {
	t.Parallel()
	s := open(t)
	var switches enginetest.Switches
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := began
	e := asr.New(asr.Config{
		Store: s, Remediations: []asr.Remediation{switches.Remediation()}, Matcher: enginetest.Book{}, Policy: enginetest.Always(asr.ModeAuto), Vault: enginetest.Glass{},
		Clock: func() time.Time { return now },
	})
	report := func(id string, at time.Time) asr.Observation {
		o := asr.Observation{ID: id, At: at, Provider: asr.Provider{Format: "asff", Account: "111111111111", Region: "eu-west-1", Control: enginetest.Control, Severity: "HIGH"}}
		o.Compliance, o.RecordState, o.Status, o.UpdatedAt = asr.ComplianceFailed, asr.RecordActive, asr.WorkflowNew, at
		o.Resources = []asr.Resource{{ID: "arn:aws:test:eu-west-1:111111111111:a"}}
		return o
	}
	in, err := e.Ingest(t.Context(), []asr.Observation{report("f-1", now)})
	if err != nil || len(in.Runs) != 1 {
		t.Fatal(in, err)
	}
	for done := false; !done; {
		next, err := e.Step(t.Context(), in.Runs[0])
		if err != nil {
			t.Fatal(err)
		}
		now, done = now.Add(next.After), next.Done
	}
	now = now.Add(time.Hour)
	in, err = e.Ingest(t.Context(), []asr.Observation{report("f-2", now), report("f-3", began.Add(-time.Hour))})
	if err != nil || len(in.Runs) != 1 {
		t.Fatal(in, err)
	}
	if f, err := s.Finding(t.Context(), "f-3"); err != nil || f.Outcome != asr.OutcomeRunning || f.Run != in.Runs[0] {
		t.Errorf("it is %s, its run %q, %v; want %s", f.Outcome, f.Run, err, in.Runs[0])
	}
}
