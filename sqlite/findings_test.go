package sqlite

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
)

// everyFilter calls f with each set of filters that a query can have; each
// filter takes the last of its values.
func everyFilter(values asr.FindingQuery, f func(name string, q asr.FindingQuery)) {
	set := []struct {
		name string
		of   func(q *asr.FindingQuery)
	}{
		{"account", func(q *asr.FindingQuery) { q.Account = values.Account }},
		{"Region", func(q *asr.FindingQuery) { q.Region = values.Region }},
		{"control", func(q *asr.FindingQuery) { q.Control = values.Control }},
		{"severity", func(q *asr.FindingQuery) { q.Severity = values.Severity }},
		{"resource", func(q *asr.FindingQuery) { q.Resource = values.Resource }},
		{"outcome", func(q *asr.FindingQuery) { q.Outcomes = values.Outcomes[:1] }},
		{"outcomes", func(q *asr.FindingQuery) { q.Outcomes = values.Outcomes }},
	}
	for bits := range 1 << len(set) {
		var q asr.FindingQuery
		var names []string
		for i, filter := range set {
			if bits>>i&1 == 1 {
				filter.of(&q)
				names = append(names, filter.name)
			}
		}
		f(strings.Join(names, ", "), q)
	}
}

// A filter that few of a million findings pass would read them all.
// covers: W21
func TestNoSetOfFiltersReadsAllFindings(t *testing.T) {
	t.Parallel()
	s := open(t)
	values := asr.FindingQuery{Account: "a", Region: "r", Control: "c", Severity: "s", Resource: "x", Outcomes: []asr.Outcome{asr.OutcomeOpen, asr.OutcomeFixed}}
	for _, after := range []*asr.Place{nil, {At: 1, ID: "2"}} {
		everyFilter(values, func(name string, q asr.FindingQuery) {
			query, args := findingsQuery(q, after, 51)
			kinds := q.Account+q.Control+q.Resource == "" && (q.Region != "" || q.Severity != "" || q.Outcomes != nil)
			for _, step := range explain(t, s, query, args...) {
				switch {
				case step == "SCAN f USING INDEX findings_by_time" && name == "": // as many as it shows
				case step == "SCAN p", strings.HasPrefix(step, "SCAN k"): // of these there are few
				case step == "USE TEMP B-TREE FOR ORDER BY" && kinds: // of a page of each kind
				case strings.HasPrefix(step, "SCAN"), strings.HasPrefix(step, "USE TEMP"), strings.HasPrefix(step, "AUTOMATIC"):
					t.Errorf("by %s (after %v): %s", name, after, step)
				}
			}
		})
	}
}

// Indexes that filter give the same pages as a look at each finding.
func TestEachSetOfFiltersPagesThroughWhatPassesIt(t *testing.T) {
	t.Parallel()
	s := open(t)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // to try things out
	pick := func(values ...string) string { return values[random.IntN(len(values))] }
	var all []asr.Finding
	for n := range 400 {
		f := asr.Finding{ID: fmt.Sprintf("f-%03d", n), Outcome: asr.Outcome(pick("open", "open", "fixed", "closed"))}
		f.Account, f.Region, f.Control, f.Severity = pick("1", "2", "3"), pick("eu", "us"), pick("S3.1", "S3.2", "EC2.1"), pick("HIGH", "LOW")
		f.Resources = []asr.Resource{{ID: pick("a", "b", "c")}}
		f.UpdatedAt = time.Unix(int64(random.IntN(40)), 0).UTC() // many are of the same time
		all = append(all, f)
	}
	if err := s.Commit(t.Context(), &asr.Batch{Findings: all}); err != nil {
		t.Fatal(err)
	}
	for i := range all { // and move some of them
		all[i].Outcome, all[i].Region = asr.Outcome(pick("open", "fixed")), pick("eu", "us", "ap")
	}
	if err := s.Commit(t.Context(), &asr.Batch{Findings: all[:200]}); err != nil {
		t.Fatal(err)
	}
	stored := map[string]asr.Finding{}
	var order []string // the last updated first, and of the same time the last that came
	for _, f := range all {
		got, err := s.Finding(t.Context(), f.ID)
		if err != nil {
			t.Fatal(err)
		}
		stored[f.ID], order = got, append(order, f.ID)
	}
	slices.SortFunc(order, func(a, b string) int {
		return cmp.Or(stored[b].UpdatedAt.Compare(stored[a].UpdatedAt), cmp.Compare(b, a))
	})
	values := asr.FindingQuery{Account: "2", Region: "eu", Control: "S3.2", Severity: "HIGH", Resource: "b", Outcomes: []asr.Outcome{"fixed", "closed", "reverted"}}
	everyFilter(values, func(name string, q asr.FindingQuery) {
		want := slices.DeleteFunc(slices.Clone(order), func(id string) bool { return !passes(stored[id], q) })
		var got []string
		q.Limit = 7
		for more := true; more; more = q.Cursor != "" {
			found, next, err := s.Findings(t.Context(), q)
			if err != nil || len(found) > q.Limit {
				t.Fatalf("by %s: %d findings, %v", name, len(found), err)
			}
			for _, f := range found {
				got = append(got, f.ID)
			}
			q.Cursor = next
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %s: got %v, want %v", name, got, want)
		}
	})
}

func passes(f asr.Finding, q asr.FindingQuery) bool {
	is := func(want, has string) bool { return want == "" || want == has }
	return is(q.Account, f.Account) && is(q.Region, f.Region) && is(q.Control, f.Control) && is(q.Severity, f.Severity) &&
		is(q.Resource, f.Resource().ID) && (len(q.Outcomes) == 0 || slices.Contains(q.Outcomes, f.Outcome))
}
