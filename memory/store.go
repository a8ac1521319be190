// Package memory is a store that forgets everything when the process ends: for
// tests, and for asr plan without a data folder. It may not be used where an
// audit log is owed.
package memory

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"example.com/asr"
)

// Store implements asr.Store. Documents are kept as JSON, so that nobody can
// change them from outside and what JSON loses is lost here too.
type Store struct {
	mu          sync.Mutex
	runs        map[string]*run
	claims      map[string]string // claim → open run
	locks       map[string]string // setting → run
	findings    map[string]doc
	records     map[string][]asr.Record
	messages    map[string]asr.Message
	rejected    map[string]asr.Rejected
	settings    map[string]string
	calls       map[string][]asr.APICall
	checkpoints []asr.Checkpoint
}

type doc struct {
	version int64
	json    []byte
}

type run struct {
	doc
	asr.Run        // for queries
	leasedTo       string
	leasedUntil    time.Time
	locksHeld      []string
	everFollowedBy map[string]bool
}

var _ asr.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store {
	return &Store{
		runs: map[string]*run{}, claims: map[string]string{}, locks: map[string]string{}, findings: map[string]doc{},
		records: map[string][]asr.Record{}, messages: map[string]asr.Message{}, rejected: map[string]asr.Rejected{},
		settings: map[string]string{}, calls: map[string][]asr.APICall{},
	}
}

// Commit checks everything first and then stores everything.
func (s *Store) Commit(_ context.Context, b *asr.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, check := range []func(*asr.Batch) error{s.checkRun, s.checkFindings, s.checkRecords} {
		if err := check(b); err != nil {
			return err
		}
	}
	s.putRun(b)
	for i := range b.Findings {
		f := &b.Findings[i]
		f.Version++
		s.findings[f.ID] = doc{f.Version, encode(f)}
	}
	for _, r := range b.Records {
		s.records[r.Subject] = append(s.records[r.Subject], r)
	}
	for _, m := range b.Messages {
		s.messages[m.ID] = m
	}
	return nil
}

func (s *Store) checkRun(b *asr.Batch) error {
	r := b.Run
	if r == nil {
		return nil
	}
	stored := s.runs[r.ID]
	if stored == nil && r.Version != 0 || stored != nil && stored.version != r.Version {
		return asr.ErrStale
	}
	if !r.State.Open() {
		return nil
	}
	if holder, taken := s.claims[r.Claim]; taken && holder != r.ID {
		return &asr.ClaimedError{Run: holder}
	}
	for _, key := range r.Locks {
		if holder, taken := s.locks[key]; b.Locks == asr.LockTake && taken && holder != r.ID {
			return &asr.LockedError{Run: holder}
		}
	}
	return nil
}

func (s *Store) checkFindings(b *asr.Batch) error {
	for _, f := range b.Findings {
		if s.findings[f.ID].version != f.Version {
			return asr.ErrStale
		}
	}
	return nil
}

func (s *Store) checkRecords(b *asr.Batch) error {
	heads := map[string]asr.Chain{}
	for _, r := range b.Records {
		head, ok := heads[r.Subject]
		if !ok {
			head = s.head(r.Subject)
		}
		if !head.Follows(r) {
			return asr.ErrStale
		}
		heads[r.Subject] = asr.Chain{Seq: r.Seq, Hash: r.Hash}
	}
	return nil
}

func (s *Store) putRun(b *asr.Batch) {
	r := b.Run
	if r == nil {
		return
	}
	kept := s.runs[r.ID]
	if kept == nil {
		kept = &run{everFollowedBy: map[string]bool{}}
		s.runs[r.ID] = kept
	}
	if s.claims[kept.Claim] == r.ID {
		delete(s.claims, kept.Claim)
	}
	if r.State.Open() {
		s.claims[r.Claim] = r.ID
	}
	if b.Locks == asr.LockRelease || !r.State.Open() {
		s.unlock(kept)
	} else if b.Locks == asr.LockTake {
		s.unlock(kept)
		for _, key := range r.Locks {
			s.locks[key] = r.ID
		}
		kept.locksHeld = slices.Clone(r.Locks)
	}
	r.Version++
	kept.doc = doc{r.Version, encode(r)}
	kept.Run = s.load(kept)
	for _, f := range r.Findings {
		kept.everFollowedBy[f] = true
	}
}

func (s *Store) unlock(r *run) {
	for _, key := range r.locksHeld {
		delete(s.locks, key)
	}
	r.locksHeld = nil
}

func (s *Store) load(r *run) (out asr.Run) {
	decode(r.json, &out)
	return out
}

// Run implements asr.RunStore.
func (s *Store) Run(_ context.Context, id string) (asr.Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runs[id]; r != nil {
		return s.load(r), nil
	}
	return asr.Run{}, asr.ErrNotFound
}

// Runs implements asr.RunStore. The cursor is the last run's id.
func (s *Store) Runs(_ context.Context, q asr.RunQuery) ([]asr.Run, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sorted := slices.SortedFunc(maps.Values(s.runs), newestFirst)
	sorted = slices.DeleteFunc(sorted, func(r *run) bool {
		return len(q.States) > 0 && !slices.Contains(q.States, r.State) || q.Account != "" && q.Account != r.Target.Account ||
			q.Control != "" && q.Control != r.Control || q.Finding != "" && !r.everFollowedBy[q.Finding]
	})
	picked, next := page(sorted, q.Cursor, q.Limit, func(r *run) string { return r.ID })
	var out []asr.Run
	for _, r := range picked {
		out = append(out, s.load(r))
	}
	return out, next, nil
}

func newestFirst(a, b *run) int {
	return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
}

// page cuts the page after the item with the cursor's key.
func page[T any](all []T, cursor string, limit int, key func(T) string) (picked []T, next string) {
	if cursor != "" {
		at := slices.IndexFunc(all, func(v T) bool { return key(v) == cursor })
		all = all[at+1:]
	}
	if limit == 0 {
		limit = 100
	}
	if len(all) <= limit {
		return all, ""
	}
	return all[:limit], key(all[limit-1])
}

// LastRun implements asr.RunStore.
func (s *Store) LastRun(_ context.Context, claim string) (asr.Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, open := s.claims[claim]; open {
		return s.load(s.runs[id]), nil
	}
	for _, r := range slices.SortedFunc(maps.Values(s.runs), newestFirst) {
		if r.Claim == claim && r.State != asr.StateCancelled {
			return s.load(r), nil
		}
	}
	return asr.Run{}, asr.ErrNotFound
}

// Lease implements asr.RunStore.
func (s *Store) Lease(_ context.Context, worker, id string, now time.Time, ttl time.Duration) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first *run
	for _, r := range s.runs {
		if (id == "" || id == r.ID) && r.driven() && !r.NextAt.After(now) && !r.leasedUntil.After(now) && (first == nil || r.NextAt.Before(first.NextAt)) {
			first = r
		}
	}
	if first == nil {
		return "", asr.ErrNotFound
	}
	first.leasedTo, first.leasedUntil = worker, now.Add(ttl)
	return first.ID, nil
}

func (r *run) driven() bool { return r.State.Open() && !r.State.Waits() }

// Release implements asr.RunStore.
func (s *Store) Release(_ context.Context, id, worker string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runs[id]; r != nil && r.leasedTo == worker {
		r.leasedTo, r.leasedUntil = "", time.Time{}
	}
	return nil
}

// NextDue implements asr.RunStore.
func (s *Store) NextDue(context.Context) (at time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = asr.ErrNotFound
	for _, r := range s.runs {
		if r.driven() && (err != nil || r.NextAt.Before(at)) {
			at, err = r.NextAt, nil
		}
	}
	return at, err
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("memory: a document that JSON can't hold: %v", err)) // a defect of the domain
	}
	return b
}

func decode(b []byte, v any) {
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(v); err != nil {
		panic("memory: " + strconv.Quote(string(b)) + ": " + err.Error())
	}
}
