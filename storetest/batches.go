package storetest

import (
	"errors"
	"testing"
	"time"

	"example.com/asr"
)

func take(r *asr.Run, locks ...string) *asr.Batch {
	if len(locks) > 0 {
		r.Locks = locks
	}
	return &asr.Batch{Run: r, Locks: asr.LockTake}
}

var batches = []clause{
	{"locks are taken all or none, and the error names the holder", func(t *testing.T, s asr.Store) {
		first, second, third := newRun("r-1"), newRun("r-2"), newRun("r-3")
		noError(t, s.Commit(t.Context(), take(&first, "a", "b")))
		wantLocked(t, s.Commit(t.Context(), take(&second, "c", "b")), "r-1")
		_, err := s.Run(t.Context(), "r-2")
		wantError(t, err, asr.ErrNotFound)
		noError(t, s.Commit(t.Context(), take(&third, "c")))
	}},
	{"locks that a run has it may take again, and keeps on other saves", func(t *testing.T, s asr.Store) {
		first, second := newRun("r-1"), newRun("r-2")
		noError(t, s.Commit(t.Context(), take(&first, "a", "b")))
		noError(t, s.Commit(t.Context(), take(&first, "b", "a")))
		first.State = asr.StateSettling
		first = put(t, s, first)
		wantLocked(t, s.Commit(t.Context(), take(&second, "a")), "r-1")
		wantLocked(t, s.Commit(t.Context(), take(&second, "b")), "r-1")
	}},
	{"a run that only names locks has none", func(t *testing.T, s asr.Store) {
		first, second := newRun("r-1"), newRun("r-2")
		first.Locks = []string{"a"}
		first = put(t, s, first)
		noError(t, s.Commit(t.Context(), take(&second, "a")))
		wantLocked(t, s.Commit(t.Context(), take(&first)), "r-2")
	}},
	{"locks end with a release and with the run", func(t *testing.T, s asr.Store) {
		first, second, third := newRun("r-1"), newRun("r-2"), newRun("r-3")
		noError(t, s.Commit(t.Context(), take(&first, "a", "b")))
		noError(t, s.Commit(t.Context(), &asr.Batch{Run: &first, Locks: asr.LockRelease}))
		noError(t, s.Commit(t.Context(), take(&second, "a", "b")))
		second.State, second.Locks = asr.StateVerified, nil // whatever it says by then
		second = put(t, s, second)
		noError(t, s.Commit(t.Context(), take(&third, "b", "a")))
		third.State = asr.StateFailed
		noError(t, s.Commit(t.Context(), take(&third)))
		noError(t, s.Commit(t.Context(), take(&first)))
	}},
	{"a batch is stored whole", func(t *testing.T, s asr.Store) {
		r := newRun("r-1")
		records := append(chain("r-1", 2), chain("finding/f-1", 1)...)
		m := newMessage("m-1", at(0))
		commit(t, s, asr.Batch{Run: &r, Findings: []asr.Finding{newFinding("f-1"), newFinding("f-2")}, Records: records, Messages: []asr.Message{m}})
		if _, err := s.Finding(t.Context(), "f-2"); err != nil {
			t.Error(err)
		}
		got, err := s.Records(t.Context(), "r-1")
		noError(t, err)
		equal(t, "records", got, records[:2])
		due, err := s.Messages(t.Context(), "", at(0), 0)
		noError(t, err)
		equal(t, "messages", due, []asr.Message{m})
	}},
	{"a batch of which a part can't be stored is not stored at all", func(t *testing.T, s asr.Store) {
		held := newRun("r-held")
		noError(t, s.Commit(t.Context(), take(&held, "held")))
		old := putFinding(t, s, newFinding("f-old"))
		putFinding(t, s, old)
		for name, spoil := range map[string]func(b *asr.Batch){
			"stale run":     func(b *asr.Batch) { b.Run.Version = 7 },
			"claimed":       func(b *asr.Batch) { b.Run.Claim = held.Claim },
			"locked":        func(b *asr.Batch) { b.Locks, b.Run.Locks = asr.LockTake, []string{"free", "held"} },
			"stale finding": func(b *asr.Batch) { b.Findings = append(b.Findings, old) },
			"gap in chain":  func(b *asr.Batch) { b.Records = append(b.Records, chain("x", 2)[1]) },
			"wrong hash": func(b *asr.Batch) {
				r := chain("x", 1)[0]
				r.Reason = "changed"
				b.Records = append(b.Records, r)
			},
		} {
			r := newRun("r-1")
			b := asr.Batch{Run: &r, Findings: []asr.Finding{newFinding("f-1")}, Records: chain("r-1", 1), Messages: []asr.Message{newMessage("m-1", at(0))}}
			spoil(&b)
			if err := s.Commit(t.Context(), &b); err == nil {
				t.Fatalf("%s: stored", name)
			}
			nothingOf(t, s, name)
			if b.Findings[0].Version != 0 {
				t.Errorf("%s: the finding's version is %d", name, b.Findings[0].Version)
			}
		}
	}},
	{"an empty batch is stored", func(t *testing.T, s asr.Store) {
		noError(t, s.Commit(t.Context(), &asr.Batch{}))
	}},
	{"many batches at once are stored in their order, all or none", func(t *testing.T, s asr.Store) {
		many, ok := s.(asr.BatchStore)
		if !ok {
			return // it promises nothing of the kind
		}
		first, second, later := newRun("r-1"), newRun("r-2"), newFinding("f-1")
		later.Version, later.Outcome = 1, asr.OutcomeClosed
		noError(t, many.CommitAll(t.Context(), []*asr.Batch{{Run: &first, Findings: []asr.Finding{newFinding("f-1")}}, {Run: &second, Findings: []asr.Finding{later}}}))
		if f, err := s.Finding(t.Context(), "f-1"); err != nil || f.Version != 2 || f.Outcome != asr.OutcomeClosed || second.Version != 1 {
			t.Errorf("got version %d, %s, %v", f.Version, f.Outcome, err)
		}
		third, rival := newRun("r-3"), newRun("r-4")
		rival.Claim = first.Claim
		batches := []*asr.Batch{{Run: &third, Findings: []asr.Finding{newFinding("f-3")}}, {Run: &rival}}
		var claimed *asr.ClaimedError
		if err := many.CommitAll(t.Context(), batches); !errors.As(err, &claimed) || claimed.Run != "r-1" || third.Version != 0 || batches[0].Findings[0].Version != 0 {
			t.Errorf("got %v, and versions %d and %d", err, third.Version, batches[0].Findings[0].Version)
		}
		_, err := s.Run(t.Context(), "r-3")
		wantError(t, err, asr.ErrNotFound)
		_, err = s.Finding(t.Context(), "f-3")
		wantError(t, err, asr.ErrNotFound)
		if counts, err := s.Counts(t.Context()); err != nil || counts.Outcomes[asr.OutcomeClosed] != 1 || len(counts.Outcomes) != 1 {
			t.Errorf("counts %+v, %v", counts, err)
		}
		noError(t, many.CommitAll(t.Context(), nil))
	}},
}

// nothingOf checks that nothing was stored of the batch that the clause above makes.
func nothingOf(t *testing.T, s asr.Store, name string) {
	t.Helper()
	if _, err := s.Run(t.Context(), "r-1"); err == nil {
		t.Errorf("%s: the run was stored", name)
	}
	if _, err := s.Finding(t.Context(), "f-1"); err == nil {
		t.Errorf("%s: the finding was stored", name)
	}
	if head, err := s.Head(t.Context(), "r-1"); err != nil || head != (asr.Chain{}) {
		t.Errorf("%s: the record was stored (%v)", name, err)
	}
	if due, err := s.Messages(t.Context(), "", at(0), 0); err != nil || len(due) > 0 {
		t.Errorf("%s: the message was stored (%v)", name, err)
	}
	if id, err := s.Lease(t.Context(), "w", "r-1", at(0), time.Minute); err == nil {
		t.Errorf("%s: %s was leased", name, id)
	}
	free := newRun("r-free-" + name)
	noError(t, s.Commit(t.Context(), take(&free, "free")))
	noError(t, s.Commit(t.Context(), &asr.Batch{Run: &free, Locks: asr.LockRelease}))
	unclaimed := newRun("r-unclaimed-" + name)
	unclaimed.Claim = "claim of r-1"
	unclaimed = put(t, s, unclaimed)
	unclaimed.State = asr.StateCancelled
	put(t, s, unclaimed)
}
