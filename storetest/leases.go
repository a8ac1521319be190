package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/asr"
)

func lease(t *testing.T, s asr.Store, id string, now time.Time) string {
	t.Helper()
	got, err := s.Lease(t.Context(), "w", id, now, time.Minute)
	if errors.Is(err, asr.ErrNotFound) {
		return ""
	}
	noError(t, err)
	return got
}

func putDue(t *testing.T, s asr.Store, id string, due time.Time, state asr.State) asr.Run {
	t.Helper()
	r := newRun(id)
	r.NextAt, r.State = due, state
	return put(t, s, r)
}

var leases = []clause{
	{"the run that is due longest is leased first, and none before its time", func(t *testing.T, s asr.Store) {
		putDue(t, s, "r-2", at(2), asr.StateClaimed)
		putDue(t, s, "r-3", at(3), asr.StateSettling)
		putDue(t, s, "r-1", at(1), asr.StateScheduled)
		got := []string{lease(t, s, "", at(0)), lease(t, s, "", at(2)), lease(t, s, "", at(2)), lease(t, s, "", at(2)), lease(t, s, "", at(3))}
		sameOrder(t, "leased", got, []string{"", "r-1", "r-2", "", "r-3"})
	}},
	{"a run that waits for a person or has ended is not leased", func(t *testing.T, s asr.Store) {
		for _, state := range append([]asr.State{asr.StatePlanned, asr.StateAwaiting}, endStates...) {
			putDue(t, s, "r-"+string(state), at(0), state)
			if got := lease(t, s, "", at(9)); got != "" {
				t.Errorf("leased %s", got)
			}
			if got := lease(t, s, "r-"+string(state), at(9)); got != "" {
				t.Errorf("leased %s by its id", got)
			}
		}
		if due, err := s.NextDue(t.Context()); !errors.Is(err, asr.ErrNotFound) {
			t.Errorf("next due %v, %v", due, err)
		}
	}},
	{"a run that waits for an approval is due when that has expired, and not a moment before", func(t *testing.T, s asr.Store) {
		for i, state := range []asr.State{asr.StateAwaiting, asr.StatePlanned} {
			r := newRun("r-" + string(state))
			r.State, r.NextAt, r.ExpiresAt = state, at(0), at(5+i)
			r = put(t, s, r)
			due, err := s.NextDue(t.Context())
			if err != nil || !due.Equal(r.ExpiresAt) {
				t.Errorf("%s: due at %v, %v; want %v", state, due, err, r.ExpiresAt)
			}
			moment := r.ExpiresAt.Add(-time.Microsecond)
			got := []string{lease(t, s, "", moment), lease(t, s, r.ID, moment), lease(t, s, "", r.ExpiresAt)}
			sameOrder(t, "leased", got, []string{"", "", r.ID})
			r.State, r.NextAt = asr.StateScheduled, at(99) // approved: the expiry counts no more
			r = put(t, s, r)
			if due, err = s.NextDue(t.Context()); err != nil || !due.Equal(at(99)) {
				t.Errorf("%s, then approved: due at %v, %v", state, due, err)
			}
			r.State = asr.StateVerified
			put(t, s, r)
		}
	}},
	{"only the run that is asked for is leased", func(t *testing.T, s asr.Store) {
		putDue(t, s, "r-1", at(1), asr.StateClaimed)
		putDue(t, s, "r-2", at(2), asr.StateClaimed)
		got := []string{lease(t, s, "r-2", at(1)), lease(t, s, "r-2", at(2)), lease(t, s, "r-2", at(2)), lease(t, s, "r-0", at(2))}
		sameOrder(t, "leased", got, []string{"", "r-2", "", ""})
	}},
	{"an expired lease is given to another, and not a moment before", func(t *testing.T, s asr.Store) {
		putDue(t, s, "r-1", at(0), asr.StateClaimed)
		got := []string{lease(t, s, "", at(0)), lease(t, s, "", at(60).Add(-time.Microsecond)), lease(t, s, "", at(60))}
		sameOrder(t, "leased", got, []string{"r-1", "", "r-1"})
	}},
	{"a lease from before the clock was set back holds nobody up", func(t *testing.T, s asr.Store) {
		putDue(t, s, "r-1", at(0).Add(-24*time.Hour), asr.StateClaimed)
		got := []string{lease(t, s, "", at(0)), lease(t, s, "", at(0).Add(-asr.ClocksApart)), lease(t, s, "r-1", at(0).Add(-asr.ClocksApart-time.Second)), lease(t, s, "", at(0).Add(-2*asr.ClocksApart))}
		sameOrder(t, "leased", got, []string{"r-1", "", "r-1", ""})
	}},
	{"a lease survives saves of its run and ends with a release by its worker", func(t *testing.T, s asr.Store) {
		r := putDue(t, s, "r-1", at(0), asr.StateClaimed)
		lease(t, s, "", at(0))
		r = put(t, s, r)
		noError(t, s.Release(t.Context(), "r-1", "somebody else"))
		if got := lease(t, s, "", at(1)); got != "" {
			t.Fatalf("leased %s twice", got)
		}
		noError(t, s.Release(t.Context(), "r-1", "w"))
		noError(t, s.Release(t.Context(), "r-1", "w"))
		if got := lease(t, s, "", at(1)); got != "r-1" {
			t.Fatalf("leased %q after the release", got)
		}
		if got := load(t, s, "r-1"); got.Version != r.Version {
			t.Errorf("leases made it version %d", got.Version)
		}
	}},
	{"next due is the earliest, leased or not, and follows the run", func(t *testing.T, s asr.Store) {
		r := putDue(t, s, "r-1", at(1), asr.StateClaimed)
		putDue(t, s, "r-2", at(2), asr.StateClaimed)
		lease(t, s, "r-1", at(1))
		for _, want := range []int{1, 5, 7} {
			if want > 1 {
				r.NextAt = at(want)
				r = put(t, s, r)
			}
			if due, err := s.NextDue(t.Context()); err != nil || !due.Equal(at(min(want, 2))) {
				t.Errorf("due at %v, %v; want %v", due, err, at(min(want, 2)))
			}
		}
	}},
	{"two workers never have the same run at once", func(t *testing.T, s asr.Store) {
		const n = 20
		for i := range n {
			putDue(t, s, fmt.Sprintf("r-%d", i), at(i), asr.StateClaimed)
		}
		var held sync.Map
		var wg sync.WaitGroup
		var leased atomic.Int32
		for w := range 8 {
			wg.Go(func() {
				worker := fmt.Sprint("w", w)
				for {
					id, err := s.Lease(t.Context(), worker, "", at(n), time.Minute)
					if errors.Is(err, asr.ErrNotFound) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					if other, taken := held.LoadOrStore(id, worker); taken {
						t.Errorf("%s is leased to %v and %s", id, other, worker)
						return
					}
					leased.Add(1)
				}
			})
		}
		wg.Wait()
		if leased.Load() != n {
			t.Errorf("%d leases for %d runs", leased.Load(), n)
		}
	}},
	{"workers that lease, step and release lose no step", func(t *testing.T, s asr.Store) {
		const runs, steps = 5, 6
		for i := range runs {
			putDue(t, s, fmt.Sprintf("r-%d", i), at(0), asr.StateClaimed)
		}
		var wg sync.WaitGroup
		for w := range 6 {
			wg.Go(func() { drive(t, s, fmt.Sprint("w", w), steps) })
		}
		wg.Wait()
		for i := range runs {
			if r := load(t, s, fmt.Sprintf("r-%d", i)); r.Writes != steps || r.State != asr.StateVerified {
				t.Errorf("%s made %d steps, %s", r.ID, r.Writes, r.State)
			}
		}
	}},
}

// drive counts up the runs' writes, one a lease, until no run is left. A stale
// commit would mean that two had the same run.
func drive(t *testing.T, s asr.Store, worker string, steps int) {
	for {
		if _, err := s.NextDue(t.Context()); errors.Is(err, asr.ErrNotFound) {
			return
		}
		id, err := s.Lease(t.Context(), worker, "", at(0), time.Minute)
		if errors.Is(err, asr.ErrNotFound) {
			continue
		}
		if err != nil {
			t.Error(err)
			return
		}
		r, err := s.Run(t.Context(), id)
		if err != nil {
			t.Error(err)
			return
		}
		if r.Writes++; r.Writes == steps {
			r.State = asr.StateVerified
		}
		if err := errors.Join(s.Commit(t.Context(), &asr.Batch{Run: &r}), s.Release(t.Context(), id, worker)); err != nil {
			t.Errorf("%s: %v", id, err)
			return
		}
	}
}
