package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/asr"
)

var findings = []clause{
	{"a finding that somebody else saved meanwhile is stale", func(t *testing.T, s asr.Store) {
		first := putFinding(t, s, newFinding("f-1"))
		putFinding(t, s, first)
		wantError(t, s.Commit(t.Context(), &asr.Batch{Findings: []asr.Finding{first}}), asr.ErrStale)
		wantError(t, s.Commit(t.Context(), &asr.Batch{Findings: []asr.Finding{newFinding("f-1")}}), asr.ErrStale)
		lost := newFinding("f-2")
		lost.Version = 1
		wantError(t, s.Commit(t.Context(), &asr.Batch{Findings: []asr.Finding{lost}}), asr.ErrStale)
	}},
	{"findings survive unchanged, also large ones", func(t *testing.T, s asr.Store) {
		f := newFinding("arn:aws:securityhub:eu-west-1:111111111111:subscription/x/v/1.0.0/S3.2/finding/ü <1>")
		f.Parameters = map[string]json.RawMessage{"n": json.RawMessage(`12345678901234567890`), "s": json.RawMessage(`"<&>\u2029"`)}
		f.UserFields = map[string]string{"asr:run": "r-1"}
		f.Note = asr.Note{Text: "it's \"fine\"\n", By: "jo", At: at(1)}
		f.Resources = []asr.Resource{{ID: "b", Tags: map[string]string{}}, {ID: "big", Type: strings.Repeat("0123456789abcdef", 1<<16)}}
		f.Decision = asr.Decision{Mode: asr.ModeAsk, Reason: asr.ReasonRule, At: at(2)}
		f = putFinding(t, s, f)
		got, err := s.Finding(t.Context(), f.ID)
		noError(t, err)
		equal(t, "finding", got, f)
		if got.UpdatedAt.Location() != time.UTC {
			t.Errorf("%v is not in UTC", got.UpdatedAt)
		}
	}},
	{"findings are found by each field and by all together", func(t *testing.T, s asr.Store) {
		type row struct {
			account, region, control, severity, resource string
			outcome                                      asr.Outcome
		}
		for i, w := range []row{
			{"111111111111", "eu-west-1", "S3.2", "HIGH", "arn:aws:s3:::a", asr.OutcomeOpen},
			{"111111111111", "us-east-1", "S3.2", "LOW", "arn:aws:s3:::b", asr.OutcomeFixed},
			{"222222222222", "eu-west-1", "EC2.2", "HIGH", "arn:aws:s3:::a", asr.OutcomeConfirmed},
		} {
			f := newFinding(fmt.Sprint("f-", i))
			f.Account, f.Region, f.Control, f.Severity, f.Outcome, f.UpdatedAt = w.account, w.region, w.control, w.severity, w.outcome, at(i)
			f.Resources = []asr.Resource{{ID: w.resource}, {ID: "beside it"}}
			putFinding(t, s, f)
		}
		for name, want := range map[string]struct {
			q   asr.FindingQuery
			ids []string
		}{
			"all":           {asr.FindingQuery{}, []string{"f-2", "f-1", "f-0"}},
			"an account":    {asr.FindingQuery{Account: "111111111111"}, []string{"f-1", "f-0"}},
			"a region":      {asr.FindingQuery{Region: "eu-west-1"}, []string{"f-2", "f-0"}},
			"a control":     {asr.FindingQuery{Control: "EC2.2"}, []string{"f-2"}},
			"a severity":    {asr.FindingQuery{Severity: "HIGH"}, []string{"f-2", "f-0"}},
			"an outcome":    {asr.FindingQuery{Outcomes: []asr.Outcome{asr.OutcomeFixed}}, []string{"f-1"}},
			"some outcomes": {asr.FindingQuery{Outcomes: []asr.Outcome{asr.OutcomeOpen, asr.OutcomeFixed}}, []string{"f-1", "f-0"}},
			"a resource":    {asr.FindingQuery{Resource: "arn:aws:s3:::a"}, []string{"f-2", "f-0"}},
			"two fields":    {asr.FindingQuery{Account: "111111111111", Outcomes: []asr.Outcome{asr.OutcomeFixed, asr.OutcomeConfirmed}}, []string{"f-1"}},
			"everything":    {asr.FindingQuery{Account: "111111111111", Region: "eu-west-1", Control: "S3.2", Severity: "HIGH", Resource: "arn:aws:s3:::a", Outcomes: []asr.Outcome{asr.OutcomeOpen}}, []string{"f-0"}},
			"nothing":       {asr.FindingQuery{Account: "222222222222", Region: "us-east-1"}, nil},
			"no such":       {asr.FindingQuery{Resource: "beside it"}, nil},
		} {
			got, next, err := s.Findings(t.Context(), want.q)
			noError(t, err)
			sameOrder(t, name, findingIDs(got), want.ids)
			if next != "" {
				t.Errorf("%s: there is no next page, but a cursor", name)
			}
		}
	}},
	{"an updated finding comes first, and old values find it no more", func(t *testing.T, s asr.Store) {
		old := putFinding(t, s, newFinding("f-0"))
		f := newFinding("f-1")
		f.UpdatedAt = at(1)
		putFinding(t, s, f)
		old.UpdatedAt, old.Outcome = at(2), asr.OutcomeClosed
		putFinding(t, s, old)
		got, _, err := s.Findings(t.Context(), asr.FindingQuery{})
		noError(t, err)
		sameOrder(t, "findings", findingIDs(got), []string{"f-0", "f-1"})
		got, _, err = s.Findings(t.Context(), asr.FindingQuery{Outcomes: []asr.Outcome{asr.OutcomeOpen}})
		noError(t, err)
		sameOrder(t, "open", findingIDs(got), []string{"f-1"})
	}},
	{"pages of findings hold all, once, whatever comes in between", func(t *testing.T, s asr.Store) {
		add := func(n int) {
			f := newFinding(fmt.Sprintf("f-%02d", n))
			f.UpdatedAt = at(n / 2)
			putFinding(t, s, f)
		}
		for n := range 11 {
			add(n)
		}
		newer := 100
		got := pages(t, 2, func(cursor string, limit int) ([]string, string, error) {
			found, next, err := s.Findings(t.Context(), asr.FindingQuery{Outcomes: []asr.Outcome{asr.OutcomeOpen}, Cursor: cursor, Limit: limit})
			newer++
			add(newer)
			return findingIDs(found), next, err
		})
		sameSet(t, "pages", got, numbered("f-%02d", 11))
	}},
	{"what was rejected is kept once, newest first", func(t *testing.T, s asr.Store) {
		var want []asr.Rejected
		for i := range 3 {
			r := asr.Rejected{ID: fmt.Sprint("x-", 9-i), At: at(i), Source: "findings.json", Reason: "not a finding", Body: "<\x00é>"}
			want = append([]asr.Rejected{r}, want...)
			noError(t, s.Reject(t.Context(), r))
			r.At, r.Reason = at(9), "the second time"
			noError(t, s.Reject(t.Context(), r))
		}
		all, err := s.Rejected(t.Context(), 10)
		noError(t, err)
		equal(t, "rejected", all, want)
		some, err := s.Rejected(t.Context(), 2)
		noError(t, err)
		equal(t, "rejected", some, want[:2])
	}},
}
