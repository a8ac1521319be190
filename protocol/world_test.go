package protocol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/memory"
)

// world is one state: what the store and the cloud hold, and how far each
// program is.
type world struct {
	scenario *scenario
	store    *memory.Store
	docs     map[string]doc // runs and findings, by id
	chains   map[string]int64
	cloud    json.RawMessage
	left     []int // how often each program may still be started
	deaths   int   // how many may still die
	actors   []actor
	saw      map[string]string // the changes that a person approved, by the plan's hash
	now      time.Time
	wrong    string // the promise that was broken to come here
}

// doc is a stored document, and what of it tells two states apart.
type doc struct {
	version     int64
	json, canon string
	run         asr.Run // to look at
}

// actor is a program on its way. It is not kept as it runs but as the answers
// that it has had: it starts again from them.
type actor struct {
	name    string
	program int
	run     string // that it is about; "" if none
	log     []answer
	pending string // the side effect that it is about to have
	born    time.Time
}

// answer is what a side effect came to.
type answer struct {
	text    string
	err     error
	id      string // of the document or chain that it is about
	version int64  // of it, then
	canon   string
}

func (w *world) clone() *world {
	c := *w
	c.store, c.docs, c.chains, c.saw = w.store.Clone(), maps.Clone(w.docs), maps.Clone(w.chains), maps.Clone(w.saw)
	c.left, c.actors = slices.Clone(w.left), slices.Clone(w.actors)
	return &c
}

// key is equal for states that differ in nothing that will ever matter: not in
// versions, only in whether an actor has the last one.
func (w *world) key() string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(w.docs)) {
		b.WriteString(w.docs[id].canon)
	}
	kill, _ := w.store.Setting(context.Background(), asr.KillSwitch)
	fmt.Fprint(&b, string(w.cloud), kill, w.left, w.deaths, w.now.Unix())
	var all []string
	for _, a := range w.actors {
		s := fmt.Sprint(a.program, a.run, a.pending, a.born.Unix())
		for _, e := range a.log {
			s += fmt.Sprint("|", e.canon, e.err, e.id == "" || e.version == max(w.docs[e.id].version, w.chains[e.id]))
		}
		all = append(all, s)
	}
	slices.Sort(all)
	return b.String() + strings.Join(all, "\n")
}

// session is an actor's hold on the world: the store and the cloud as it sees
// them. Each transition has one side effect that is new.
type session struct {
	asr.Store // what the engine doesn't use here isn't there
	w         *world
	a         *actor
	at        int
	spent     bool
}

func (s *session) do(name string, f func() answer) answer {
	if s.at == len(s.a.log) {
		if s.spent {
			s.a.pending = name
			runtime.Goexit()
		}
		s.spent = true
	}
	return s.quietly(f)
}

// quietly has a side effect together with the one before: nobody could tell.
func (s *session) quietly(f func() answer) answer {
	if s.at == len(s.a.log) {
		s.a.log = append(slices.Clip(s.a.log), f())
	}
	s.at++
	return s.a.log[s.at-1]
}

// advance takes an actor to just before its next side effect, or to its end.
func (w *world) advance(a actor) {
	s, finished := &session{w: w, a: &a}, false
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p := w.scenario.programs[a.program]
		err := p.body(s, s.engine())
		if finished = true; err != nil && asr.Classify(err) == asr.CodeInternal {
			w.break_("%s: %v", a.name, err)
		}
	}()
	<-ended
	w.actors = slices.DeleteFunc(w.actors, func(o actor) bool { return o.name == a.name })
	if !finished {
		w.actors = append(w.actors, a)
	}
}

func (w *world) break_(format string, args ...any) {
	if w.wrong == "" {
		w.wrong = fmt.Sprintf(format, args...)
	}
}

func (s *session) engine() *asr.Engine {
	return asr.New(asr.Config{
		Store: s, Remediations: []asr.Remediation{s.unit()}, Matcher: enginetest.Book{}, Vault: enginetest.Glass{},
		Policy: enginetest.Always(s.w.scenario.mode), Clock: func() time.Time { return s.a.born }, NewID: func(time.Time) string { return "r-" + s.a.name },
	})
}

func (w *world) load(id string) answer {
	d, ok := w.docs[id]
	if !ok {
		return answer{err: asr.ErrNotFound}
	}
	return answer{id: id, version: d.version, text: d.json, canon: d.canon}
}

func open[T any](a answer) (v T, err error) {
	if a.err == nil {
		err = json.Unmarshal([]byte(a.text), &v)
	}
	return v, errors.Join(a.err, err)
}

func (s *session) Run(_ context.Context, id string) (asr.Run, error) {
	return open[asr.Run](s.do("load", func() answer { return s.w.load(id) }))
}

func (s *session) Finding(_ context.Context, id string) (asr.Finding, error) {
	return open[asr.Finding](s.do("load", func() answer { return s.w.load(id) }))
}

func (s *session) LastRun(ctx context.Context, claim string) (asr.Run, error) {
	return open[asr.Run](s.do("last", func() answer {
		r, err := s.w.store.LastRun(ctx, claim)
		if err != nil {
			return answer{err: err}
		}
		return s.w.load(r.ID)
	}))
}

func (s *session) Runs(ctx context.Context, q asr.RunQuery) ([]asr.Run, string, error) {
	runs, err := open[[]asr.Run](s.do("list", func() answer {
		runs, _, err := s.w.store.Runs(ctx, q)
		a := answer{err: err, text: text(runs)}
		for _, r := range runs {
			a.canon += s.w.docs[r.ID].canon
		}
		return a
	}))
	return runs, "", err
}

func (s *session) Setting(ctx context.Context, name string) (string, error) {
	a := s.do("ask", func() answer {
		if s.w.scenario.blind {
			return answer{}
		}
		v, err := s.w.store.Setting(ctx, name)
		return answer{text: v, err: err, canon: "ask " + v}
	})
	return a.text, a.err
}

func (s *session) SetSetting(ctx context.Context, name, value string) error {
	return s.do("set", func() answer { return answer{err: s.w.store.SetSetting(ctx, name, value)} }).err
}

func (s *session) Head(ctx context.Context, subject string) (asr.Chain, error) {
	return open[asr.Chain](s.do("head", func() answer {
		c, err := s.w.store.Head(ctx, subject)
		return answer{id: "chain " + subject, version: c.Seq, text: text(c), err: err}
	}))
}

// Commit stores a batch, as the scenario's deliberate mistake leaves it.
func (s *session) Commit(ctx context.Context, b *asr.Batch) error {
	a := s.do("commit", func() answer {
		c := *b
		if c.Findings = slices.Clone(b.Findings); b.Run != nil {
			r := *b.Run
			c.Run = &r
		}
		if spoil := s.w.scenario.commit; spoil != nil {
			spoil(s.w, &c)
		}
		if err := s.w.store.Commit(ctx, &c); err != nil {
			return answer{err: err}
		}
		return s.w.keep(&c)
	})
	if a.err == nil && b.Run != nil {
		b.Run.Version++
	}
	for i := range b.Findings {
		if a.err == nil {
			b.Findings[i].Version++
		}
	}
	return a.err
}

// keep notes what was stored.
func (w *world) keep(b *asr.Batch) (a answer) {
	for _, r := range b.Records {
		w.chains["chain "+r.Subject] = r.Seq
	}
	for _, f := range b.Findings {
		d := doc{version: f.Version, json: text(f)}
		f.Version = 0
		d.canon = text(f)
		w.docs[f.ID] = d
		a = answer{id: f.ID, version: d.version}
	}
	if b.Run != nil {
		r := *b.Run
		d := doc{version: r.Version, json: text(r)}
		d.run, _ = open[asr.Run](answer{text: d.json})
		r.Version, r.Chain, r.UpdatedAt = 0, asr.Chain{}, time.Time{}
		r.Plans, r.Looks, r.Polls = 0, 0, 0                                 // counted for people: nothing is decided by them
		if r.State == asr.StateScheduled || r.State == asr.StateReverting { // how often it waited for its lock
			r.Tries = 0
		}
		d.canon = text(r)
		w.docs[r.ID] = d
		a = answer{id: r.ID, version: d.version}
	}
	return a
}

func text(v any) string {
	b, _ := json.Marshal(v) // ours
	return string(b)
}
