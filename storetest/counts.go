package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"example.com/asr"
)

var counts = []clause{
	{"findings are counted by outcome, severity, control and account", func(t *testing.T, s asr.Store) {
		sameCounts(t, s, asr.Counts{})
		f, g, h := newFinding("f-1"), newFinding("f-2"), newFinding("f-3")
		g.Severity, g.Outcome = "HIGH", asr.OutcomeFixed
		h.Account, h.Control = "222222222222", "" // of a product without controls
		commit(t, s, asr.Batch{Findings: []asr.Finding{f, g, h}})
		sameCounts(t, s, asr.Counts{
			Outcomes:   map[asr.Outcome]int{asr.OutcomeOpen: 2, asr.OutcomeFixed: 1},
			Severities: map[string]int{"MEDIUM": 2, "HIGH": 1},
			Controls:   map[string]int{"CloudWatch.16": 2, "": 1},
			Accounts:   map[string]int{"111111111111": 2, "222222222222": 1},
		})
	}},
	{"what there is no finding of any more is not counted", func(t *testing.T, s asr.Store) {
		f := putFinding(t, s, newFinding("f-1"))
		f.Outcome, f.Severity, f.Control, f.Account = asr.OutcomeClosed, "LOW", "S3.2", "222222222222"
		putFinding(t, s, f)
		sameCounts(t, s, asr.Counts{
			Outcomes: map[asr.Outcome]int{asr.OutcomeClosed: 1}, Severities: map[string]int{"LOW": 1}, Controls: map[string]int{"S3.2": 1}, Accounts: map[string]int{"222222222222": 1},
		})
	}},
	{"whatever happens to findings, the counts are those of the findings", func(t *testing.T, s asr.Store) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 0))
		model := map[string]asr.Finding{}
		for step := range 60 {
			b := someChange(r, model)
			err := s.Commit(t.Context(), &b)
			if stale := b.Findings[0].Version < 0; stale != (err != nil) {
				t.Fatalf("step %d: %v", step, err)
			}
			for _, f := range b.Findings {
				if err == nil {
					model[f.ID] = f
				}
			}
			if step%20 == 19 {
				sameCounts(t, s, tally(model))
			}
		}
	}},
}

// someChange makes or changes one to three findings; now and then one of them
// is stale, and it is the first.
func someChange(r *rand.Rand, model map[string]asr.Finding) (b asr.Batch) {
	for _, n := range r.Perm(8)[:1+r.IntN(3)] {
		id := fmt.Sprint("f-", n)
		f, ok := model[id]
		if !ok {
			f = newFinding(id)
		}
		f.Outcome, f.Severity = asr.Outcomes[r.IntN(len(asr.Outcomes))], asr.Severities[r.IntN(2)]
		if r.IntN(3) == 0 {
			f.Control, f.Account = fmt.Sprint("S3.", r.IntN(3)), fmt.Sprintf("%012d", r.IntN(3))
		}
		b.Findings = append(b.Findings, f)
	}
	if r.IntN(8) == 0 {
		b.Findings[0].Version = -1
	}
	return b
}

func tally(findings map[string]asr.Finding) (c asr.Counts) {
	for _, f := range findings {
		c.Add(f.Account, f.Control, f.Severity, f.Outcome, 1)
	}
	return c
}

func sameCounts(t *testing.T, s asr.Store, want asr.Counts) {
	t.Helper()
	got, err := s.Counts(t.Context())
	noError(t, err)
	if len(got.Outcomes)+len(want.Outcomes) > 0 { // none may be nil or empty
		equal(t, "counts", got, want)
	}
}
