package storetest

import (
	"fmt"
	"testing"

	"example.com/asr"
)

var queries = []clause{
	{"runs are found by each field and by all together", func(t *testing.T, s asr.Store) {
		type row struct {
			id                         string
			state                      asr.State
			account, control, resource string
			findings                   []string
		}
		for i, w := range []row{
			{"r-0", asr.StateClaimed, "111111111111", "S3.2", "arn:aws:s3:::a", []string{"f-1"}},
			{"r-1", asr.StateVerified, "111111111111", "S3.2", "arn:aws:s3:::b", []string{"f-1", "f-2"}},
			{"r-2", asr.StateFailed, "222222222222", "S3.2", "arn:aws:s3:::a", nil},
			{"r-3", asr.StateClaimed, "222222222222", "EC2.2", "sg-1", []string{"f-3"}},
		} {
			r := newRun(w.id)
			r.State, r.Target.Account, r.Target.ID, r.Control, r.Findings, r.CreatedAt = w.state, w.account, w.resource, w.control, w.findings, at(i)
			put(t, s, r)
		}
		for name, want := range map[string]struct {
			q   asr.RunQuery
			ids []string
		}{
			"all":         {asr.RunQuery{}, []string{"r-3", "r-2", "r-1", "r-0"}},
			"a state":     {asr.RunQuery{States: []asr.State{asr.StateClaimed}}, []string{"r-3", "r-0"}},
			"some states": {asr.RunQuery{States: []asr.State{asr.StateVerified, asr.StateFailed, asr.StateReverted}}, []string{"r-2", "r-1"}},
			"an account":  {asr.RunQuery{Account: "222222222222"}, []string{"r-3", "r-2"}},
			"a control":   {asr.RunQuery{Control: "S3.2"}, []string{"r-2", "r-1", "r-0"}},
			"a resource":  {asr.RunQuery{Resource: "arn:aws:s3:::a"}, []string{"r-2", "r-0"}},
			"a finding":   {asr.RunQuery{Finding: "f-1"}, []string{"r-1", "r-0"}},
			"two fields":  {asr.RunQuery{States: []asr.State{asr.StateClaimed, asr.StateFailed}, Account: "222222222222"}, []string{"r-3", "r-2"}},
			"everything":  {asr.RunQuery{States: []asr.State{asr.StateClaimed}, Account: "111111111111", Control: "S3.2", Resource: "arn:aws:s3:::a", Finding: "f-1"}, []string{"r-0"}},
			"nothing":     {asr.RunQuery{Control: "S3.2", Finding: "f-3"}, nil},
			"no such":     {asr.RunQuery{Resource: "arn:aws:s3:::"}, nil},
			"not a glob":  {asr.RunQuery{Control: "S3%"}, nil},
		} {
			got, next, err := s.Runs(t.Context(), want.q)
			noError(t, err)
			sameOrder(t, name, runIDs(got), want.ids)
			if next != "" {
				t.Errorf("%s: there is no next page, but a cursor", name)
			}
		}
	}},
	{"a run is found by a finding that it followed once", func(t *testing.T, s asr.Store) {
		r := newRun("r-1")
		r.Findings = []string{"f-1", "f-2"}
		r = put(t, s, r)
		r.Findings = []string{"f-2"}
		put(t, s, r)
		got, _, err := s.Runs(t.Context(), asr.RunQuery{Finding: "f-1"})
		noError(t, err)
		sameOrder(t, "runs", runIDs(got), []string{"r-1"})
	}},
	{"queries see what a run has become", func(t *testing.T, s asr.Store) {
		r := put(t, s, newRun("r-1"))
		r.State, r.Target.Account, r.Control = asr.StateVerified, "999999999999", "S3.9"
		put(t, s, r)
		for _, q := range []asr.RunQuery{{States: []asr.State{asr.StateClaimed}}, {Account: "111111111111"}, {Control: "CloudWatch.16"}} {
			got, _, err := s.Runs(t.Context(), q)
			noError(t, err)
			sameOrder(t, "old", runIDs(got), nil)
		}
		got, _, err := s.Runs(t.Context(), asr.RunQuery{States: []asr.State{asr.StateVerified}, Account: "999999999999", Control: "S3.9"})
		noError(t, err)
		sameOrder(t, "new", runIDs(got), []string{"r-1"})
	}},
	{"pages of runs hold all, once, whatever comes in between", func(t *testing.T, s asr.Store) {
		add := func(n int) {
			r := newRun(fmt.Sprintf("r-%02d", n))
			r.CreatedAt = at(n / 2) // some at the same time
			put(t, s, r)
		}
		for n := range 11 {
			add(n)
		}
		newer := 100
		got := pages(t, 3, func(cursor string, limit int) ([]string, string, error) {
			found, next, err := s.Runs(t.Context(), asr.RunQuery{Account: "111111111111", Cursor: cursor, Limit: limit})
			newer++
			add(newer)
			return runIDs(found), next, err
		})
		sameSet(t, "pages", got, numbered("r-%02d", 11))
	}},
	{"a page has 100 unless told, and the last one no cursor", func(t *testing.T, s asr.Store) {
		b := asr.Batch{}
		for n := range 101 {
			r := newRun(fmt.Sprint("r-", n))
			put(t, s, r)
			b.Findings = append(b.Findings, newFinding(fmt.Sprint("f-", n)))
		}
		for _, part := range [][]asr.Finding{b.Findings[:50], b.Findings[50:]} {
			commit(t, s, asr.Batch{Findings: part})
		}
		page, next, err := s.Runs(t.Context(), asr.RunQuery{})
		noError(t, err)
		rest, end, err := s.Runs(t.Context(), asr.RunQuery{Cursor: next})
		noError(t, err)
		if len(page) != 100 || len(rest) != 1 || end != "" {
			t.Errorf("pages of %d and %d runs, then %q", len(page), len(rest), end)
		}
		found, next, err := s.Findings(t.Context(), asr.FindingQuery{})
		noError(t, err)
		last, end, err := s.Findings(t.Context(), asr.FindingQuery{Cursor: next})
		noError(t, err)
		if len(found) != 100 || len(last) != 1 || end != "" {
			t.Errorf("pages of %d and %d findings, then %q", len(found), len(last), end)
		}
	}},
}

// Cursors come back from outside.
var cursors = []clause{
	{"a cursor that isn't one of the list's is an error", func(t *testing.T, s asr.Store) {
		for n := range 2 {
			put(t, s, newRun(fmt.Sprint("r-", n)))
			putFinding(t, s, newFinding(fmt.Sprint("f-", n)))
		}
		_, runs, err := s.Runs(t.Context(), asr.RunQuery{Limit: 1})
		noError(t, err)
		_, findings, err := s.Findings(t.Context(), asr.FindingQuery{Limit: 1})
		noError(t, err)
		for _, cursor := range []string{"x", "e30", "bnVsbA", "'; DROP TABLE runs", "r-1", "f-1", runs[1:], runs[:len(runs)-1], findings + "A", runs + runs} {
			wantRefused(t, s, cursor, cursor)
		}
		wantRefused(t, s, findings, runs)
	}},
	{"a cursor is for the query that it came from", func(t *testing.T, s asr.Store) {
		for n := range 3 {
			put(t, s, newRun(fmt.Sprint("r-", n)))
			putFinding(t, s, newFinding(fmt.Sprint("f-", n)))
		}
		_, runs, err := s.Runs(t.Context(), asr.RunQuery{Account: "111111111111", Limit: 1})
		noError(t, err)
		_, findings, err := s.Findings(t.Context(), asr.FindingQuery{Account: "111111111111", Limit: 1})
		noError(t, err)
		wantRefused(t, s, runs, findings)
		if got, _, err := s.Runs(t.Context(), asr.RunQuery{Account: "111111111111", Cursor: runs, Limit: 2}); err != nil || len(got) != 2 {
			t.Errorf("another page size: %d runs, %v", len(got), err)
		}
		if got, _, err := s.Findings(t.Context(), asr.FindingQuery{Account: "111111111111", Cursor: findings, Limit: 2}); err != nil || len(got) != 2 {
			t.Errorf("another page size: %d findings, %v", len(got), err)
		}
	}},
}

// wantRefused checks that neither list of all takes its cursor.
func wantRefused(t *testing.T, s asr.Store, runs, findings string) {
	t.Helper()
	got, _, err := s.Runs(t.Context(), asr.RunQuery{Cursor: runs})
	if asr.Classify(err) != asr.CodeBadInput || len(got) > 0 {
		t.Errorf("runs after %q: %d, %v", runs, len(got), err)
	}
	found, _, err := s.Findings(t.Context(), asr.FindingQuery{Cursor: findings})
	if asr.Classify(err) != asr.CodeBadInput || len(found) > 0 {
		t.Errorf("findings after %q: %d, %v", findings, len(found), err)
	}
}

// pages collects all pages.
func pages(t *testing.T, limit int, page func(cursor string, limit int) ([]string, string, error)) (all []string) {
	t.Helper()
	for cursor, n := "", 0; ; n++ {
		got, next, err := page(cursor, limit)
		noError(t, err)
		if len(got) > limit || len(got) < limit && next != "" {
			t.Fatalf("a page of %d, next %q", len(got), next)
		}
		all = append(all, got...)
		if next == "" {
			return all
		}
		if n > 50 {
			t.Fatal("the pages never end")
		}
		cursor = next
	}
}

func numbered(format string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf(format, i))
	}
	return all
}
