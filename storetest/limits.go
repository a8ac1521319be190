package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

func newLedger(scope string) asr.Ledger {
	return asr.Ledger{
		Scope: scope, InFlight: []string{"r-1", "r-2"}, Begun: asr.Tally{{At: at(0).Unix(), N: 3}}, Bad: asr.Tally{{At: at(60).Unix(), N: 1}}, Line: 2,
		Stopped: &asr.Stopped{At: at(1), Run: "r-3", Why: "10 <&> more"}, Turns: 7, Served: map[string]int64{"111111111111": at(2).UnixMicro()}, Findings: 9, CountedAt: at(3),
	}
}

func ledger(t *testing.T, s asr.Store, scope string) asr.Ledger {
	t.Helper()
	all, err := s.Ledgers(t.Context(), scope)
	if err != nil || len(all) != 1 {
		t.Fatalf("ledger %s: %v, %v", scope, all, err)
	}
	return all[0]
}

// queued is a new run in the line.
func queued(id string) asr.Run {
	r := newRun(id)
	r.State = asr.StateScheduled
	r.Queued = &asr.Waiting{Run: id, Account: "111111111111", Region: "eu-west-1", Control: "S3.2", Severity: "HIGH", Person: true, Findings: 2, Since: at(4), Scope: "all", Reason: asr.ReasonInFlight}
	return r
}

func waiting(t *testing.T, s asr.Store) (all []asr.Waiting) {
	t.Helper()
	noError(t, s.Line(t.Context(), func(w asr.Waiting) error {
		all = append(all, w)
		return nil
	}))
	slices.SortFunc(all, func(a, b asr.Waiting) int { return strings.Compare(a.Run, b.Run) })
	return all
}

var limits = []clause{
	{"a ledger is kept as it is, and there is an empty one where none is", func(t *testing.T, s asr.Store) {
		b := asr.Batch{Ledgers: []asr.Ledger{newLedger("all"), newLedger("control/S3.2")}}
		commit(t, s, b)
		want := newLedger("control/S3.2")
		want.Version = 1
		got, err := s.Ledgers(t.Context(), "control/S3.2", "region/111111111111/eu-west-1", "all")
		noError(t, err)
		if len(got) != 3 || cmp.Diff(want, got[0]) != "" || cmp.Diff(asr.Ledger{Scope: "region/111111111111/eu-west-1"}, got[1]) != "" || got[2].Scope != "all" {
			t.Errorf("got %+v", got)
		}
		if b.Ledgers[0].Version != 1 {
			t.Errorf("the batch says version %d", b.Ledgers[0].Version)
		}
		none, err := s.Ledgers(t.Context())
		noError(t, err)
		if len(none) != 0 {
			t.Errorf("without scopes: %+v", none)
		}
	}},
	{"all ledgers are listed by scope", func(t *testing.T, s asr.Store) {
		var want []string
		for i := range 40 {
			scope := fmt.Sprintf("region/%012d/eu-west-1", i)
			want = append(want, scope)
			commit(t, s, asr.Batch{Ledgers: []asr.Ledger{newLedger(scope)}})
		}
		all, err := s.AllLedgers(t.Context())
		noError(t, err)
		var got []string
		for _, g := range all {
			got = append(got, g.Scope)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}},
	{"a ledger that somebody else saved makes the batch stale, whole", func(t *testing.T, s asr.Store) {
		commit(t, s, asr.Batch{Ledgers: []asr.Ledger{newLedger("all")}})
		mine := ledger(t, s, "all")
		mine.Line++
		r := newRun("r-1")
		for name, g := range map[string]asr.Ledger{"new": newLedger("all"), "ahead": {Scope: "all", Version: 2}, "not there": {Scope: "other", Version: 1}} {
			stale := asr.Batch{Run: &r, Ledgers: []asr.Ledger{g}}
			wantError(t, s.Commit(t.Context(), &stale), asr.ErrStale)
			if stale.Ledgers[0].Version != g.Version {
				t.Errorf("%s: the batch was changed", name)
			}
		}
		_, err := s.Run(t.Context(), "r-1")
		wantError(t, err, asr.ErrNotFound)
		commit(t, s, asr.Batch{Run: &r, Ledgers: []asr.Ledger{mine}})
		if got := ledger(t, s, "all"); got.Version != 2 || got.Line != 3 {
			t.Errorf("got %+v", got)
		}
		r.Version = 7
		again := ledger(t, s, "all")
		wantError(t, s.Commit(t.Context(), &asr.Batch{Run: &r, Ledgers: []asr.Ledger{again}}), asr.ErrStale)
		if got := ledger(t, s, "all"); got.Version != 2 {
			t.Errorf("a batch that was stale by its run changed the ledger: %+v", got)
		}
	}},
	{"a run is in the line while it says so", func(t *testing.T, s asr.Store) {
		first, second := queued("r-1"), queued("r-2")
		first, second = put(t, s, first), put(t, s, second)
		put(t, s, newRun("r-3"))
		if d := cmp.Diff([]asr.Waiting{*first.Queued, *second.Queued}, waiting(t, s)); d != "" {
			t.Fatal(d)
		}
		first.Queued.Person = false
		first = put(t, s, first)
		second.Queued, second.State = nil, asr.StateVerified
		put(t, s, second)
		if d := cmp.Diff([]asr.Waiting{*first.Queued}, waiting(t, s)); d != "" {
			t.Fatal(d)
		}
		first.Queued = nil
		put(t, s, first)
		if left := waiting(t, s); len(left) != 0 {
			t.Errorf("left: %+v", left)
		}
	}},
	{"a run in the line isn't due", func(t *testing.T, s asr.Store) {
		r := put(t, s, queued("r-1"))
		_, err := s.Lease(t.Context(), "w", "", at(1000), time.Minute)
		wantError(t, err, asr.ErrNotFound)
		_, err = s.Lease(t.Context(), "w", "r-1", at(1000), time.Minute)
		wantError(t, err, asr.ErrNotFound)
		r.Queued = nil
		put(t, s, r)
		_, err = s.Lease(t.Context(), "w", "", at(1000), time.Minute)
		noError(t, err)
	}},
	{"the line ends with the error of who reads it", func(t *testing.T, s asr.Store) {
		put(t, s, queued("r-1"))
		enough := errors.New("enough")
		wantError(t, s.Line(t.Context(), func(asr.Waiting) error { return enough }), enough)
	}},
	{"16 who count in one ledger at once lose no count", func(t *testing.T, s asr.Store) {
		allAtOnce(t, func(int) error {
			return Retry(t.Context(), func() error {
				all, err := s.Ledgers(context.Background(), "all")
				if err != nil {
					return err
				}
				all[0].Turns++
				return s.Commit(context.Background(), &asr.Batch{Ledgers: all})
			})
		})
		if got := ledger(t, s, "all"); got.Turns != together || got.Version != together {
			t.Errorf("got %+v", got)
		}
	}},
}
