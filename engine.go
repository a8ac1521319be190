package asr

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Config is what an Engine is made of. Store, Matcher and Vault are required.
type Config struct {
	Store        Store
	Remediations []Remediation
	Matcher      Matcher
	Policy       Policy // nil: there is none, and nothing is automatic
	Vault        Vault
	Rules        Rules                      // nil: parameters come from findings alone
	Accounts     Accounts                   // nil: nothing is known of accounts
	Trail        Trail                      // nil: nobody knows who changed what
	Channels     []Channel                  // who is told besides Security Hub and requesters
	Patience     time.Duration              // how long a plan waits for an approval, until that counts as a no; 0: 7 days
	Clock        Clock                      // nil: the system's
	NewID        func(now time.Time) string // nil: sortable by time, 45 random bits
	Log          *slog.Logger               // nil: silent
}

// Engine takes findings in and drives runs. It keeps nothing between calls:
// any number of engines may work on one store.
type Engine struct {
	c       Config
	units   map[string]Remediation
	hurried bool // decisions don't wait for facts that take time
}

// New returns an engine.
func New(c Config) *Engine {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.NewID == nil {
		c.NewID = newID
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Patience == 0 {
		c.Patience = 7 * 24 * time.Hour
	}
	if c.Policy == nil {
		c.Policy = NoPolicy{}
	}
	e := &Engine{c: c, units: map[string]Remediation{}}
	for _, r := range c.Remediations {
		r.Spec.patterns = sync.OnceValue(r.Spec.compile)
		e.units[r.Spec.ID] = r
	}
	return e
}

// WithoutWaiting is the engine for who can't come again: where the organization
// has no time to tell what a decision hangs on, it fails closed instead of being
// left for later.
func (e *Engine) WithoutWaiting() *Engine {
	hurried := *e
	hurried.hurried = true
	return &hurried
}

// Next is what a run needs after a step.
type Next struct {
	Step  string        `json:"step"`  // the state that the next step starts from
	After time.Duration `json:"after"` // how long to wait before it
	Done  bool          `json:"done"`  // the run has ended, or waits for a person or in the line

	// Parked: an event tells when it goes on; without events, look after After.
	Parked bool `json:"parked,omitempty"`
}

func newID(now time.Time) string {
	var b [12]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // never fails
	return "r-" + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// now is rounded as stores keep it.
func (e *Engine) now() time.Time { return e.c.Clock().UTC().Round(time.Microsecond) }

// unit returns a remediation.
func (e *Engine) unit(id string) (Remediation, error) { return e.unitWith(id, e.c.Vault) }

// unitFor returns a run's remediation. It seals as the run's plan is sealed, or
// nothing in the plan would compare.
func (e *Engine) unitFor(run *Run) (Remediation, error) {
	v := e.c.Vault
	if keys, several := v.(KeyRing); several && run.seal() != "" {
		v = keys.Like(run.seal())
	}
	return e.unitWith(run.Remediation, v)
}

func (e *Engine) unitWith(id string, v Vault) (Remediation, error) {
	r, ok := e.units[id]
	if !ok {
		return r, &Error{Code: CodeNoRemediation, Message: "this asr has no remediation " + id, Do: "see asr controls for what it has; a newer asr may have it"}
	}
	return r.guarded(v), nil
}

// guarded seals the secrets in all that a remediation says and opens those in
// all that it is told.
func (r Remediation) guarded(v Vault) Remediation {
	read, want, write, resolve := r.Read, r.Want, r.Write, r.Resolve
	r.Resolve = func(ctx context.Context, on On) (t Target, err error) {
		defer r.survive(&err)
		return resolve(ctx, on)
	}
	r.Read = func(ctx context.Context, on On) (_ json.RawMessage, err error) {
		defer r.survive(&err)
		doc, err := read(ctx, on)
		if err != nil {
			return nil, err
		}
		return seal(v, doc)
	}
	r.Want = func(on On, now json.RawMessage) (_ json.RawMessage, err error) {
		defer r.survive(&err)
		now, err = unseal(v, now)
		if err != nil {
			return nil, err
		}
		to, err := want(on, now)
		if err != nil {
			return nil, err
		}
		return seal(v, to)
	}
	r.Write = func(ctx context.Context, on On, from, to json.RawMessage) (err error) {
		defer r.survive(&err)
		from, err = unseal(v, from)
		if err != nil {
			return err
		}
		if to, err = unseal(v, to); err != nil {
			return err
		}
		return write(ctx, on, from, to)
	}
	return r
}

// survive makes an error of a unit's panic: one odd resource must not end the
// process that looks after all others.
func (r Remediation) survive(err *error) {
	if v := recover(); v != nil {
		*err = &Error{Code: CodeInternal, Message: fmt.Sprintf("%s: panic: %v", r.Spec.ID, v), Do: "this is a defect of asr: report it with the run's id"}
	}
}

// batch is what a step is about to store.
type batch struct {
	Batch
	actor    Actor
	now      time.Time
	settling bool // it waits for AWS to finish something
	killed   bool // it waits for the kill switch
}

func (e *Engine) batch(r *Run, actor Actor) *batch {
	return &batch{Batch: Batch{Run: r}, actor: actor, now: e.now()}
}

// record adds an audit record to the run's chain.
func (b *batch) record(event, reason string, detail any) {
	doc, _ := json.Marshal(detail) // details are ours
	b.Records = append(b.Records, b.Run.Chain.Append(Record{Subject: b.Run.ID, At: b.now, Actor: b.actor, Event: event, Reason: reason, Detail: doc}))
}

// enter moves the run to a state.
func (b *batch) enter(s State) {
	if b.Run.State != s {
		b.Run.State, b.Run.Since, b.Run.Tries = s, b.now, 0
	}
	b.Run.NextAt, b.Run.ExpiresAt = b.now, time.Time{}
	if !s.Open() {
		b.Run.EndedAt = b.now
	}
}

// wait postpones the run's next step.
func (b *batch) wait(d time.Duration) { b.Run.NextAt = b.now.Add(d) }

// commit stores the batch. A stale batch is no failure: somebody else took the
// same step, and the run goes on from what they stored.
func (e *Engine) commit(ctx context.Context, b *batch) (Next, error) {
	b.Run.UpdatedAt = b.now
	err := e.put(ctx, &b.Batch)
	var claimed *ClaimedError
	if errors.Is(err, ErrStale) || errors.As(err, &claimed) {
		return Next{Step: "again"}, nil
	}
	if err != nil {
		return Next{}, fmt.Errorf("%s: store: %w", b.Run.ID, err)
	}
	e.c.Log.DebugContext(ctx, "stored", "run", b.Run.ID, "state", b.Run.State, "target", b.Run.Target.ID)
	next := b.next()
	next.Parked = !next.Done && next.After > 0 && (b.killed || b.settling && e.units[b.Run.Remediation].Spec.Wakes)
	return next, nil
}

// put stores a batch, with what limits count of it.
func (e *Engine) put(ctx context.Context, b *Batch) error {
	if err := e.square(ctx, b); err != nil {
		return err
	}
	return e.c.Store.Commit(ctx, b)
}

func (b *batch) next() Next {
	r := b.Run
	return Next{Step: string(r.State), After: max(0, r.NextAt.Sub(b.now)), Done: !r.State.Open() || r.State.Waits() || r.Queued != nil}
}

// backoff grows from d by doubling, up to 10 minutes.
func backoff(d time.Duration, tries int) time.Duration {
	return min(d<<min(tries, 12), 10*time.Minute)
}

// scattered is up to half less, for each run and try its own: runs that were
// throttled together don't come back together.
func scattered(d time.Duration, run string, try int) time.Duration {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, run, "/", try) // never fails
	return d - time.Duration(h.Sum64()%uint64(d/2+1))
}

// system is the actor of what the engine does by itself.
var system = Actor{Kind: "system", Name: "asr"}
