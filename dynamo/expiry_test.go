package dynamo

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/asr"
	"pgregory.net/rapid"
)

const day = 24 * time.Hour

// aging is a store whose time passes when it is told, with a retention of 8 days.
func aging(t *testing.T) (*Store, func(time.Duration)) {
	t.Helper()
	var now atomic.Int64
	now.Store(noon.UnixMicro())
	c := config(t)
	c.Retention, c.Clock = 8*day, func() time.Time { return time.UnixMicro(now.Load()) }
	return New(c), func(d time.Duration) { now.Add(int64(d / time.Microsecond)) }
}

// covers: W2, W15
func TestAnEndedRunExpiresAndAnOpenOneNever(t *testing.T) {
	t.Parallel()
	s, pass := aging(t)
	open, ended := aRun("r-open"), aRun("r-ended")
	keep(t, s, asr.Batch{Run: &open})
	ended.Findings = []string{"f-1"}
	rec := ended.Chain.Append(asr.Record{Subject: "r-ended", At: noon, Event: "verified"})
	ended.State = asr.StateVerified
	keep(t, s, asr.Batch{Run: &ended, Records: []asr.Record{rec}})
	pass(8*day - time.Second)
	if _, err := s.Run(t.Context(), "r-ended"); err != nil {
		t.Errorf("before its time: %v", err)
	}
	pass(day + 2*time.Second)
	if _, err := s.Run(t.Context(), "r-ended"); !errors.Is(err, asr.ErrNotFound) {
		t.Errorf("an ended run after its time: %v", err)
	}
	if _, err := s.LastRun(t.Context(), ended.Claim); !errors.Is(err, asr.ErrNotFound) {
		t.Errorf("its claim: %v", err)
	}
	for name, q := range map[string]asr.RunQuery{"all": {}, "by account": {Account: "111111111111"}, "by finding": {Finding: "f-1"}, "by resource": {Resource: ended.Target.ID}} {
		runs, _, err := s.Runs(t.Context(), q)
		if err != nil || len(runs) > 0 && runs[0].ID != "r-open" || len(runs) > 1 {
			t.Errorf("%s: %d runs, %v", name, len(runs), err)
		}
	}
	if err := s.Commit(t.Context(), &asr.Batch{Run: &ended}); !errors.Is(err, asr.ErrStale) {
		t.Errorf("saved after its time: %v", err)
	}
	records, err := s.Records(t.Context(), "r-ended")
	head, herr := s.Head(t.Context(), "r-ended")
	if err != nil || herr != nil || len(records) != 1 || head != ended.Chain {
		t.Errorf("the audit log lost it: %d records, %v, %v, %v", len(records), head, err, herr)
	}
	for _, it := range items(t, s) {
		kind, _, _ := strings.Cut(it.text(attrPK), "/")
		if (kind == "audit" || kind == "heads" || it.id() == "r-open") && it.number(attrExpire) != 0 {
			t.Errorf("%v expires", it.key())
		}
	}
}

func TestSavingAnEndedRunRenewsItsTime(t *testing.T) {
	t.Parallel()
	s, pass := aging(t)
	r := aRun("r-1")
	r.State = asr.StateVerified
	keep(t, s, asr.Batch{Run: &r})
	pass(7 * day)
	keep(t, s, asr.Batch{Run: &r})
	pass(7 * day)
	if got, err := s.LastRun(t.Context(), r.Claim); err != nil || got.ID != "r-1" {
		t.Fatalf("saved 7 days ago: %v", err)
	}
	r.State = asr.StateReverting
	keep(t, s, asr.Batch{Run: &r})
	pass(1000 * day)
	if got, err := s.LastRun(t.Context(), r.Claim); err != nil || got.State != asr.StateReverting {
		t.Errorf("open again: %v", err)
	}
}

func TestTheLastRunWithAClaimIsTheNewestThatHasNotExpired(t *testing.T) {
	t.Parallel()
	s, pass := aging(t)
	old, young := aRun("r-old"), aRun("r-young")
	old.State, young.State = asr.StateFailed, asr.StateFailed
	young.Claim, young.CreatedAt = old.Claim, noon.Add(time.Hour)
	keep(t, s, asr.Batch{Run: &old})
	keep(t, s, asr.Batch{Run: &young})
	pass(5 * day)
	keep(t, s, asr.Batch{Run: &old})
	pass(5 * day)
	if got, err := s.LastRun(t.Context(), old.Claim); err != nil || got.ID != "r-old" {
		t.Errorf("got %s, %v", got.ID, err)
	}
}

// covers: W2
func TestAClosedFindingExpiresWithItsCountAndMayComeAgain(t *testing.T) {
	t.Parallel()
	s, pass := aging(t)
	b := asr.Batch{Findings: []asr.Finding{aFinding("f-open"), aFinding("f-closed"), aFinding("f-fixed")}}
	b.Findings[1].Outcome, b.Findings[2].Outcome = asr.OutcomeClosed, asr.OutcomeFixed
	keep(t, s, b)
	want := func(when string, open, closed, fixed int) {
		t.Helper()
		c, err := s.Counts(t.Context())
		if err != nil || c.Outcomes[asr.OutcomeOpen] != open || c.Outcomes[asr.OutcomeClosed] != closed || c.Outcomes[asr.OutcomeFixed] != fixed || c.Controls["S3.2"] != open+closed+fixed {
			t.Errorf("%s: %v, %v", when, c, err)
		}
		found, _, err := s.Findings(t.Context(), asr.FindingQuery{})
		if err != nil || len(found) != open+closed+fixed {
			t.Errorf("%s: %d findings, %v", when, len(found), err)
		}
	}
	want("at first", 1, 1, 1)
	pass(7 * day)
	keep(t, s, asr.Batch{Findings: b.Findings[1:2]}) // told of again: its time begins anew
	pass(7 * day)
	want("renewed", 1, 1, 1)
	pass(2*day + time.Second)
	want("after its time", 1, 0, 1)
	if _, err := s.Finding(t.Context(), "f-closed"); !errors.Is(err, asr.ErrNotFound) {
		t.Errorf("loaded after its time: %v", err)
	}
	keep(t, s, asr.Batch{Findings: []asr.Finding{aFinding("f-closed")}})
	want("come again", 2, 0, 1)
	pass(1000 * day)
	want("open", 2, 0, 1)
}

func TestARejectedInputMayComeAgainAfterItsTime(t *testing.T) {
	t.Parallel()
	s, pass := aging(t)
	for _, want := range []string{"first", "first", "third"} {
		given := map[string]string{"first": "first", "third": "third"}[want]
		if err := s.Reject(t.Context(), asr.Rejected{ID: "x", At: noon, Reason: given}); err != nil {
			t.Fatal(err)
		}
		all, err := s.Rejected(t.Context(), 0)
		if err != nil || len(all) != 1 || all[0].Reason != want {
			t.Errorf("got %v, %v; want %s", all, err, want)
		}
		pass(5 * day)
	}
}

func TestNothingExpiresWithoutARetention(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	r, f := aRun("r-1"), aFinding("f-1")
	r.State, f.Outcome, r.Findings = asr.StateFailed, asr.OutcomeClosed, []string{"f-1"}
	keep(t, s, asr.Batch{Run: &r, Findings: []asr.Finding{f}})
	err := errors.Join(s.Reject(t.Context(), asr.Rejected{ID: "x"}), s.AddCall(t.Context(), asr.APICall{Run: "r-1"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range items(t, s) {
		if it.number(attrExpire) != 0 {
			t.Errorf("%v expires", it.key())
		}
	}
}

// Counters are told from each other by their expiry: there must be few.
func TestExpiriesAreLateByLittleAndFew(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := &Store{Config: Config{Retention: time.Duration(rapid.Int64Range(1, int64(4000*day)).Draw(t, "retention"))}}
		start := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "start"), 0)
		seen := map[int64]bool{}
		for i := range 100 { // moments of one retention
			now := start.Add(s.Retention / 100 * time.Duration(i))
			s.Clock = func() time.Time { return now }
			at := s.expiry()
			late := time.Unix(at, 0).Sub(now.Add(s.Retention))
			if late < -time.Second || late > s.Retention/eighths+time.Second {
				t.Fatalf("late by %v", late)
			}
			if over(at, now) && s.Retention > time.Second {
				t.Fatal("expired at once")
			}
			seen[at] = true
		}
		if s.Retention > 100*time.Second && len(seen) > eighths+2 {
			t.Errorf("%d expiries in one retention", len(seen))
		}
	})
}
