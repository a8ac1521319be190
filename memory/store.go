// Package memory is a store that forgets everything when the process ends: for
// tests, and for asr plan without a data folder. It may not be used where an
// audit log is owed.
package memory

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
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
	signer      signer
	runs        map[string]*run
	claims      map[string]string          // claim → open run
	had         map[string]map[string]bool // claim → all runs that have or had it
	locks       map[string]string          // setting → run
	findings    map[string]doc
	records     map[string][]asr.Record
	messages    map[string]asr.Message
	rejected    map[string]asr.Rejected
	settings    map[string]string
	ledgers     map[string]doc
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
		runs: map[string]*run{}, claims: map[string]string{}, had: map[string]map[string]bool{}, locks: map[string]string{}, findings: map[string]doc{},
		records: map[string][]asr.Record{}, messages: map[string]asr.Message{}, rejected: map[string]asr.Rejected{},
		settings: map[string]string{}, ledgers: map[string]doc{}, calls: map[string][]asr.APICall{}, signer: newSigner(),
	}
}

// Commit checks everything first and then stores everything.
func (s *Store) Commit(_ context.Context, b *asr.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, check := range []func(*asr.Batch) error{s.checkRun, s.checkFindings, s.checkRecords, s.checkLedgers} {
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
	for i := range b.Ledgers {
		g := &b.Ledgers[i]
		g.Version++
		s.ledgers[g.Scope] = doc{g.Version, encode(g)}
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
	if s.had[r.Claim] == nil {
		s.had[r.Claim] = map[string]bool{}
	}
	s.had[r.Claim][r.ID] = true
	r.Version++
	kept.doc = doc{r.Version, encode(r)}
	kept.Run = *r // queries look at what isn't shared alone
	if r.Queued != nil {
		place := *r.Queued
		kept.Queued = &place
	}
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

// Runs implements asr.RunStore.
func (s *Store) Runs(_ context.Context, q asr.RunQuery) ([]asr.Run, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*run
	for _, r := range s.runs {
		if (len(q.States) == 0 || slices.Contains(q.States, r.State)) && (q.Account == "" || q.Account == r.Target.Account) && (q.Control == "" || q.Control == r.Control) &&
			(q.Resource == "" || q.Resource == r.Target.ID) && (q.Finding == "" || r.everFollowedBy[q.Finding]) {
			all = append(all, r)
		}
	}
	picked, next, err := page(s.signer, all, runPlace, q.Scope(), q.Cursor, q.Limit)
	var out []asr.Run
	for _, r := range picked {
		out = append(out, s.load(r))
	}
	return out, next, err
}

func runPlace(r *run) asr.Place { return asr.Place{At: r.CreatedAt.UnixMicro(), ID: r.ID} }

func newestFirst(a, b *run) int { return latestFirst(runPlace(a), runPlace(b)) }

// latestFirst is the order of lists.
func latestFirst(a, b asr.Place) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(b.ID, a.ID)) }

// page sorts and cuts the page after the cursor's place.
func page[T any](s asr.Signer, all []T, place func(T) asr.Place, scope, cursor string, limit int) (picked []T, next string, err error) {
	if cursor != "" {
		last, err := asr.ParseCursor(s, scope, cursor)
		if err != nil {
			return nil, "", err
		}
		all = slices.DeleteFunc(all, func(v T) bool { return latestFirst(place(v), last) <= 0 })
	}
	slices.SortFunc(all, func(a, b T) int { return latestFirst(place(a), place(b)) })
	if limit <= 0 {
		limit = 100
	}
	if len(all) <= limit {
		return all, "", nil
	}
	return all[:limit], place(all[limit-1]).Cursor(s, scope), nil
}

// signer signs cursors with a key that ends with the store.
type signer [32]byte

func newSigner() (s signer) {
	_, _ = rand.Read(s[:]) // never fails
	return s
}

// Sign implements asr.Signer.
func (s signer) Sign(message []byte) string {
	h := hmac.New(sha256.New, s[:])
	h.Write(message)
	return hex.EncodeToString(h.Sum(nil))
}

// Verify implements asr.Signer.
func (s signer) Verify(message []byte, signature string) bool {
	return hmac.Equal([]byte(s.Sign(message)), []byte(signature))
}

// LastRun implements asr.RunStore.
func (s *Store) LastRun(_ context.Context, claim string) (asr.Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, open := s.claims[claim]; open {
		return s.load(s.runs[id]), nil
	}
	var last *run
	for id := range s.had[claim] {
		if r := s.runs[id]; r.Claim == claim && r.State != asr.StateCancelled && (last == nil || newestFirst(r, last) < 0) {
			last = r
		}
	}
	if last == nil {
		return asr.Run{}, asr.ErrNotFound
	}
	return s.load(last), nil
}

// Lease implements asr.RunStore.
func (s *Store) Lease(_ context.Context, worker, id string, now time.Time, ttl time.Duration) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first *run
	var firstDue time.Time
	latest := now.Add(ttl + asr.ClocksApart)
	for _, r := range s.runs {
		due, ok := r.Due()
		leased := r.leasedUntil.After(now) && !r.leasedUntil.After(latest)
		if ok && (id == "" || id == r.ID) && !due.After(now) && !leased && (first == nil || due.Before(firstDue) || due.Equal(firstDue) && r.ID < first.ID) {
			first, firstDue = r, due
		}
	}
	if first == nil {
		return "", asr.ErrNotFound
	}
	first.leasedTo, first.leasedUntil = worker, now.Add(ttl)
	return first.ID, nil
}

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
		if due, ok := r.Due(); ok && (err != nil || due.Before(at)) {
			at, err = due, nil
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
