package storetest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"example.com/asr"
)

var runs = []clause{
	{"what is not there is not found", func(t *testing.T, s asr.Store) {
		_, err := s.Run(t.Context(), "r-1")
		wantError(t, err, asr.ErrNotFound)
		_, err = s.LastRun(t.Context(), "claim")
		wantError(t, err, asr.ErrNotFound)
		_, err = s.Finding(t.Context(), "f-1")
		wantError(t, err, asr.ErrNotFound)
		_, err = s.NextDue(t.Context())
		wantError(t, err, asr.ErrNotFound)
		_, err = s.Lease(t.Context(), "w", "", at(0), time.Minute)
		wantError(t, err, asr.ErrNotFound)
		noError(t, s.Release(t.Context(), "r-1", "w"))
	}},
	{"versions count up from 1 and come back with the batch", func(t *testing.T, s asr.Store) {
		r := newRun("r-1")
		b := asr.Batch{Run: &r, Findings: []asr.Finding{newFinding("f-1")}}
		for want := int64(1); want <= 3; want++ {
			noError(t, s.Commit(t.Context(), &b))
			f, err := s.Finding(t.Context(), "f-1")
			noError(t, err)
			if got := []int64{r.Version, b.Findings[0].Version, load(t, s, "r-1").Version, f.Version}; got[0] != want || got[1] != want || got[2] != want || got[3] != want {
				t.Fatalf("versions %v, want all %d", got, want)
			}
		}
	}},
	{"a run that somebody else saved meanwhile is stale", func(t *testing.T, s asr.Store) {
		first := put(t, s, newRun("r-1"))
		second := first
		put(t, s, first)
		second.State = asr.StateFailed
		wantError(t, s.Commit(t.Context(), &asr.Batch{Run: &second}), asr.ErrStale)
		if second.Version != 1 {
			t.Errorf("a failed commit changed the version to %d", second.Version)
		}
		if got := load(t, s, "r-1"); got.State != asr.StateClaimed || got.Version != 2 {
			t.Errorf("stored %s, version %d", got.State, got.Version)
		}
	}},
	{"a new run whose id is taken is stale, and so is an old one that isn't there", func(t *testing.T, s asr.Store) {
		put(t, s, newRun("r-1"))
		again := newRun("r-1")
		wantError(t, s.Commit(t.Context(), &asr.Batch{Run: &again}), asr.ErrStale)
		lost := newRun("r-2")
		lost.Version = 3
		wantError(t, s.Commit(t.Context(), &asr.Batch{Run: &lost}), asr.ErrStale)
	}},
	{"runs survive unchanged, times to the microsecond and in UTC", func(t *testing.T, s asr.Store) {
		r := fullRun()
		r = put(t, s, r)
		got := load(t, s, r.ID)
		equal(t, "run", got, r)
		for _, tm := range []time.Time{got.NextAt, got.CreatedAt, got.Plan.MadeAt, got.Approval.At} {
			if tm.Location() != time.UTC {
				t.Errorf("%v is not in UTC", tm)
			}
		}
		due, err := s.NextDue(t.Context())
		noError(t, err)
		if !due.Equal(r.NextAt) || due.Location() != time.UTC {
			t.Errorf("due at %v, want %v", due, r.NextAt)
		}
	}},
	{"a run with a state of 1 MB survives unchanged", func(t *testing.T, s asr.Store) {
		r := fullRun()
		r.Plan.Before = json.RawMessage(`{"policy":"` + strings.Repeat("0123456789abcdef", 1<<16) + `"}`)
		r = put(t, s, r)
		equal(t, "run", load(t, s, r.ID), r)
		listed, _, err := s.Runs(t.Context(), asr.RunQuery{})
		noError(t, err)
		equal(t, "listed", listed, []asr.Run{r})
	}},
	{"an open run has its claim alone", func(t *testing.T, s asr.Store) {
		put(t, s, newRun("r-1"))
		second := newRun("r-2")
		second.Claim = "claim of r-1"
		wantClaimed(t, s.Commit(t.Context(), &asr.Batch{Run: &second}), "r-1")
		_, err := s.Run(t.Context(), "r-2")
		wantError(t, err, asr.ErrNotFound)
		if second.Version != 0 {
			t.Errorf("a failed commit changed the version to %d", second.Version)
		}
	}},
	{"the claim is held in every open state, and free in every other", func(t *testing.T, s asr.Store) {
		first := put(t, s, newRun("r-1"))
		second := newRun("r-2")
		second.Claim = first.Claim
		for _, state := range openStates {
			first.State = state
			first = put(t, s, first)
			wantClaimed(t, s.Commit(t.Context(), &asr.Batch{Run: &second}), "r-1")
		}
		for _, state := range endStates {
			r := newRun("r-" + string(state))
			r.State = asr.StateClaimed
			r = put(t, s, r)
			r.State = state
			put(t, s, r)
			next := newRun("after-" + string(state))
			next.Claim = r.Claim
			put(t, s, next)
		}
	}},
	{"the claim moves with the run", func(t *testing.T, s asr.Store) {
		r := put(t, s, newRun("r-1"))
		r.Claim = "canonical"
		put(t, s, r)
		rival := newRun("r-2")
		rival.Claim = "canonical"
		wantClaimed(t, s.Commit(t.Context(), &asr.Batch{Run: &rival}), "r-1")
		rival.Claim = "claim of r-1"
		put(t, s, rival)
	}},
	{"a claim that another run has can't be moved to", func(t *testing.T, s asr.Store) {
		put(t, s, newRun("r-1"))
		second := put(t, s, newRun("r-2"))
		second.Claim = "claim of r-1"
		wantClaimed(t, s.Commit(t.Context(), &asr.Batch{Run: &second}), "r-1")
		third := newRun("r-3")
		third.Claim = "claim of r-2"
		wantClaimed(t, s.Commit(t.Context(), &asr.Batch{Run: &third}), "r-2")
	}},
	{"a run that ended takes its claim again when it opens again, if it is free", func(t *testing.T, s asr.Store) {
		first := put(t, s, newRun("r-1"))
		first.State = asr.StateVerified
		first = put(t, s, first)
		second := newRun("r-2")
		second.Claim = first.Claim
		second = put(t, s, second)
		first.State = asr.StateReverting
		wantClaimed(t, s.Commit(t.Context(), &asr.Batch{Run: &first}), "r-2")
		second.State = asr.StateCancelled
		put(t, s, second)
		put(t, s, first)
	}},
	{"the last run with a claim is the open one, else the newest that was not cancelled", func(t *testing.T, s asr.Store) {
		for n, id := range []string{"r-b", "r-a", "r-c"} { // not in the order of ids
			r := newRun(id)
			r.Claim, r.CreatedAt = "claim", at(n)
			r = put(t, s, r)
			last, err := s.LastRun(t.Context(), "claim")
			noError(t, err)
			equal(t, "last run", last, r)
			r.State = asr.StateFailed
			r = put(t, s, r)
			last, err = s.LastRun(t.Context(), "claim")
			noError(t, err)
			equal(t, "last run, ended", last, r)
		}
		called := newRun("r-d")
		called.Claim, called.CreatedAt, called.State = "claim", at(9), asr.StateCancelled
		put(t, s, called)
		last, err := s.LastRun(t.Context(), "claim")
		noError(t, err)
		equal(t, "last run, beside a cancelled one", last, load(t, s, "r-c"))
		reopened := load(t, s, "r-b")
		reopened.State = asr.StateReverting
		reopened = put(t, s, reopened)
		last, err = s.LastRun(t.Context(), "claim")
		noError(t, err)
		equal(t, "last run, an older one open again", last, reopened)
	}},
	{"a run that was cancelled after all, or moved its claim, isn't the last with it", func(t *testing.T, s asr.Store) {
		first := newRun("r-1")
		first.State = asr.StateVerified
		first = put(t, s, first)
		second := newRun("r-2")
		second.Claim, second.CreatedAt = first.Claim, at(1)
		for _, state := range []asr.State{asr.StateClaimed, asr.StateVerified, asr.StateReverting, asr.StateCancelled} {
			second.State = state
			second = put(t, s, second)
			want := second
			if state == asr.StateCancelled {
				want = first
			}
			last, err := s.LastRun(t.Context(), first.Claim)
			noError(t, err)
			equal(t, "last run while the second is "+string(state), last, want)
		}
		third := put(t, s, newRun("r-3"))
		third.Claim = "canonical"
		third = put(t, s, third)
		third.State = asr.StateFailed
		third = put(t, s, third)
		last, err := s.LastRun(t.Context(), "canonical")
		noError(t, err)
		equal(t, "last run with the claim that it moved to", last, third)
		_, err = s.LastRun(t.Context(), "claim of r-3")
		wantError(t, err, asr.ErrNotFound)
	}},
}

var (
	openStates = []asr.State{
		asr.StateClaimed, asr.StatePlanned, asr.StateAwaiting, asr.StateScheduled, asr.StateApplying, asr.StateSettling, asr.StateReverting, asr.StateRevertSettle,
	}
	endStates = []asr.State{
		asr.StateVerified, asr.StateNothingToDo, asr.StateCannotPlan, asr.StateConflict, asr.StateFailed, asr.StatePartly, asr.StateCancelled, asr.StateReverted,
	}
)

// fullRun has something in every field that stores have got wrong before.
func fullRun() asr.Run {
	r := newRun("r-ü/1 %_'\"")
	r.State = asr.StateApplying
	r.Params = json.RawMessage(`{"big":12345678901234567890,"exact":0.10,"html":"<a href='?a&b'>","text":"ä \u2028 \\ 日本","null":null,"list":[]}`)
	r.Sources = map[string]string{"days": "playbook CIS v1.2.0"}
	r.Facts = asr.Facts{Control: r.Control, Tags: map[string]string{"": "", "team": "<ops>"}}
	r.Findings = []string{"f-1", "arn:aws:securityhub:eu-west-1:111111111111:subscription/x/finding/1"}
	r.Locks = []string{"arn:aws:s3:::b"}
	r.Plan = &asr.Plan{
		Remediation: r.Remediation, Version: 2, Target: r.Target, Params: r.Params, MadeAt: at(1),
		Before:  json.RawMessage(`{"exists":true,"secret":{"$secret":"asr1:abc"}}`),
		Changes: []asr.Change{{Path: []string{"days"}, To: json.RawMessage(`365`)}, {Path: []string{"a/b", "c"}, From: json.RawMessage(`"x"`)}},
		Grants:  []asr.Grant{}, Hash: "h",
	}
	r.Approval = &asr.Approval{By: someone, Hash: "h", At: at(2)}
	r.Intent = &asr.Intent{Token: "t", Makes: []string{"arn:aws:sns:eu-west-1:111111111111:t"}, At: at(3)}
	r.Undo = &asr.Undo{By: someone, At: at(4), From: asr.StateVerified}
	r.Chain = headOf(chain(r.ID, 2))
	return r
}
