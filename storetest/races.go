package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"example.com/asr"
)

const together = 16

var races = []clause{
	{"16 who change one run and its chain at once lose no change", func(t *testing.T, s asr.Store) {
		put(t, s, newRun("r-1"))
		putFinding(t, s, newFinding("f-1"))
		allAtOnce(t, func(i int) error { return Retry(t.Context(), func() error { return touch(t.Context(), s, i) }) })
		r := load(t, s, "r-1")
		records, err := s.Records(t.Context(), "r-1")
		noError(t, err)
		f, err := s.Finding(t.Context(), "f-1")
		noError(t, err)
		if r.Writes != together || r.Version != together+1 || len(records) != together || len(f.UserFields) != together {
			t.Errorf("%d writes, version %d, %d records, %d fields; want %d of each", r.Writes, r.Version, len(records), len(f.UserFields), together)
		}
	}},
	{"of 16 who claim the same at once, one gets it", func(t *testing.T, s asr.Store) {
		var mu sync.Mutex
		var winners, named []string
		allAtOnce(t, func(i int) error {
			r := newRun(fmt.Sprintf("r-%d", i))
			r.Claim, r.Locks = "claim", []string{"lock"}
			err := s.Commit(t.Context(), &asr.Batch{Run: &r, Locks: asr.LockTake})
			mu.Lock()
			defer mu.Unlock()
			var claimed *asr.ClaimedError
			switch {
			case errors.As(err, &claimed):
				named = append(named, claimed.Run)
			case err != nil:
				return err
			default:
				winners = append(winners, r.ID)
			}
			return nil
		})
		if len(winners) != 1 {
			t.Fatalf("%q all got it", winners)
		}
		for _, id := range named {
			if id != winners[0] {
				t.Errorf("%s is named as the holder, but it is %s", id, winners[0])
			}
		}
	}},
	{"of 16 who take locks in any order at once, one has them at a time", func(t *testing.T, s asr.Store) {
		var mu sync.Mutex
		holds := map[string]string{}
		allAtOnce(t, func(i int) error {
			r := newRun(fmt.Sprintf("r-%d", i))
			locks := [][]string{{"a", "b"}, {"b", "a"}, {"b", "c"}}[i%3]
			err := Retry(t.Context(), func() error { return s.Commit(t.Context(), take(&r, locks...)) })
			if err != nil {
				return err
			}
			mu.Lock()
			for _, l := range locks {
				if other := holds[l]; other != "" {
					t.Errorf("%s has %s, which %s has", r.ID, l, other)
				}
				holds[l] = r.ID
			}
			for _, l := range locks {
				delete(holds, l)
			}
			mu.Unlock()
			r.State = asr.StateVerified
			return s.Commit(t.Context(), &asr.Batch{Run: &r})
		})
	}},
	{"of 16 who add the next checkpoint at once, one does", func(t *testing.T, s asr.Store) {
		var mu sync.Mutex
		added := 0
		allAtOnce(t, func(i int) error {
			err := s.AddCheckpoint(t.Context(), asr.Checkpoint{Seq: 1, At: at(i)})
			if errors.Is(err, asr.ErrStale) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			added++
			return err
		})
		if all, err := s.Checkpoints(t.Context()); err != nil || added != 1 || len(all) != 1 {
			t.Errorf("%d added, %d kept, %v", added, len(all), err)
		}
	}},
}

// touch changes a run, a finding and a chain in one batch.
func touch(ctx context.Context, s asr.Store, i int) error {
	r, err := s.Run(ctx, "r-1")
	if err != nil {
		return err
	}
	f, err := s.Finding(ctx, "f-1")
	if err != nil {
		return err
	}
	if f.UserFields == nil {
		f.UserFields = map[string]string{}
	}
	f.UserFields[fmt.Sprint(i)] = "was here"
	r.Writes++
	rec := r.Chain.Append(asr.Record{Subject: "r-1", At: at(i), Event: "wrote"})
	return s.Commit(ctx, &asr.Batch{Run: &r, Findings: []asr.Finding{f}, Records: []asr.Record{rec}})
}

// Retry calls f until its error is neither that something is stale nor that
// something is locked.
func Retry(ctx context.Context, f func() error) error {
	for {
		err := f()
		var locked *asr.LockedError
		if !errors.Is(err, asr.ErrStale) && !errors.As(err, &locked) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func allAtOnce(t *testing.T, f func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range together {
		wg.Go(func() {
			<-start
			if err := f(i); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	wg.Wait()
}
