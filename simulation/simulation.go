// Package simulation drives the real engine over thousands of findings by a
// clock of its own, and watches from outside what is under way and what begins:
// at each commit, by the runs' states alone. It shows that no limit is ever
// passed, and what limits do to a backlog. It calls nobody.
package simulation

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/memory"
)

// Config is what is simulated.
type Config struct {
	Seed     uint64
	Limits   asr.Limits
	Fails    float64       // the share of writes that AWS refuses
	Settles  time.Duration // the longest that a resource takes to settle
	Regions  int           // that the findings are in; 0 is one
	Controls int           // that the findings are of; 0 is eight
	Quota    Quota         // of writes, in each Region of each account
}

// Quota is a bucket of tokens, as AWS throttles: a write takes one. None has no
// Rate.
type Quota struct {
	Rate  float64 // tokens a second
	Burst float64 // that the bucket holds
}

// Simulation is an engine, an account full of switches that are off, and a clock.
type Simulation struct {
	*memory.Store
	Engine *asr.Engine
	Now    time.Time
	Seen   map[string]asr.Run       // runs as they were stored last
	Waits  map[string]time.Duration // from a run's claim to its begin
	Ends   map[asr.State]int
	Broken []string // limits that were passed, in words

	Throttled int // writes that the quota refused

	c        Config
	rnd      *rand.Rand
	on       map[string]time.Time // when switches that were turned have settled
	due      map[string]time.Time
	under    map[string]int         // runs under way, by scope
	begun    map[string][]time.Time // by scope; of a control once for each finding
	findings map[string]int         // by control
	buckets  map[string]bucket      // by scope
}

// bucket is how many tokens there were at a time.
type bucket struct {
	tokens float64
	at     time.Time
}

// What a simulation's findings are of.
const (
	MostFindings = 9 // of one resource: of as many standards, old and new versions
	controls     = 8
	accounts     = 40
	region       = "eu-west-1"
	loud         = "111111111111" // the account that has more than all others together
)

// New returns a simulation at some day's noon.
func New(c Config) *Simulation {
	c.Controls = cmp.Or(c.Controls, controls)
	s := &Simulation{
		Store: memory.New(), Now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Seen: map[string]asr.Run{}, Waits: map[string]time.Duration{}, Ends: map[asr.State]int{},
		c: c, rnd: rand.New(rand.NewPCG(c.Seed, 1)), on: map[string]time.Time{}, due: map[string]time.Time{}, under: map[string]int{}, begun: map[string][]time.Time{}, findings: map[string]int{}, buckets: map[string]bucket{},
	}
	s.Engine = asr.New(asr.Config{
		Store: s, Remediations: []asr.Remediation{s.unit()}, Matcher: book{}, Policy: policy{enginetest.Always(asr.ModeAuto), c.Limits}, Vault: enginetest.Glass{},
		Clock: func() time.Time { return s.Now }, NewID: func(time.Time) string { return fmt.Sprintf("r-%06d", len(s.Seen)) },
	})
	return s
}

// policy lets everything happen by itself, within limits.
type policy struct {
	enginetest.Always
	limits asr.Limits
}

func (p policy) Limits() asr.Limits { return p.limits }

// book has a switch for each control.
type book struct{}

func (b book) Match(f asr.Finding) (asr.Match, error) { return b.Control(f.Control) }

func (book) Control(id string) (asr.Match, error) {
	m, err := enginetest.Book{}.Control(enginetest.Control)
	m.Control = id
	return m, err
}

func control(i int) string { return fmt.Sprintf("T.%d", i) }

// unit turns switches on: some of its writes fail, and each takes its time.
func (s *Simulation) unit() asr.Remediation {
	u := (&enginetest.Switches{}).Remediation()
	for i := range s.c.Controls {
		u.Controls[control(i)] = json.RawMessage(`{}`)
	}
	u.Spec.Settle = time.Second
	u.Read = func(_ context.Context, on asr.On) (json.RawMessage, error) {
		at, written := s.on[on.Account+on.Name]
		if written && s.Now.Before(at) {
			return nil, asr.ErrSettling
		}
		return fmt.Appendf(nil, `{"on":%v}`, written), nil
	}
	u.Write = func(_ context.Context, on asr.On, _, _ json.RawMessage) error {
		if !s.token(asr.RegionRuns(on.Account, on.Region)) {
			s.Throttled++
			return &asr.Error{Code: asr.CodeThrottled, Message: "RequestLimitExceeded"}
		}
		if s.rnd.Float64() < s.c.Fails {
			return &asr.Error{Code: asr.CodeDenied, Message: "AccessDenied"}
		}
		s.on[on.Account+on.Name] = s.Now.Add(time.Duration(s.rnd.Int64N(int64(s.c.Settles) + 1)))
		return nil
	}
	return u
}

// token takes one out of a scope's bucket, if there is one.
func (s *Simulation) token(scope string) bool {
	q := s.c.Quota
	if q.Rate <= 0 {
		return true
	}
	b, known := s.buckets[scope]
	if !known {
		b = bucket{q.Burst, s.Now}
	}
	b = bucket{min(q.Burst, b.tokens+q.Rate*s.Now.Sub(b.at).Seconds()), s.Now}
	has := b.tokens >= 1
	if has {
		b.tokens--
	}
	s.buckets[scope] = b
	return has
}

// Arrive takes in the findings of some resources, and says how many they are.
func (s *Simulation) Arrive(ctx context.Context, resources int) (findings int, err error) {
	var all []asr.Observation
	for range resources {
		account := loud
		if s.rnd.IntN(10) > 5 {
			account = fmt.Sprintf("%012d", s.rnd.IntN(accounts))
		}
		name, control := fmt.Sprintf("s%d", s.rnd.Int64()), control(s.rnd.IntN(s.c.Controls))
		severity, region := asr.Severities[s.rnd.IntN(len(asr.Severities))], region
		if s.c.Regions > 1 {
			region = fmt.Sprintf("xx-test-%d", 1+s.rnd.IntN(s.c.Regions))
		}
		for standard := range 1 + s.rnd.IntN(MostFindings) {
			s.findings[control]++
			all = append(all, asr.Observation{
				ID: fmt.Sprintf("%s-%s-%d", account, name, standard), At: s.Now,
				Provider: asr.Provider{
					Format: "asff", Account: account, Region: region, Control: control, Severity: severity, Compliance: asr.ComplianceFailed, RecordState: asr.RecordActive,
					UpdatedAt: s.Now, CreatedAt: s.Now, Resources: []asr.Resource{{ID: "arn:aws:test:" + region + ":" + account + ":" + name}},
				},
				Workflow: asr.Workflow{Status: asr.WorkflowNew},
			})
		}
	}
	_, err = s.Engine.Ingest(ctx, all)
	return len(all), err
}

// Pass lets time pass: turns are given, and what is due takes its steps.
func (s *Simulation) Pass(ctx context.Context, d time.Duration) error {
	s.Now = s.Now.Add(d)
	if _, err := s.Engine.Admit(ctx); err != nil {
		return err
	}
	return s.step(ctx)
}

// step takes the steps that are due.
func (s *Simulation) step(ctx context.Context) error {
	for ids := s.dueNow(); len(ids) > 0; ids = s.dueNow() {
		for _, id := range ids {
			if _, err := s.Engine.Step(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// Turn is what a hub does between two looks at the line: turns are given, then
// each step is taken when it is due, until the time has passed.
func (s *Simulation) Turn(ctx context.Context, d time.Duration) error {
	end := s.Now.Add(d)
	if _, err := s.Engine.Admit(ctx); err != nil {
		return err
	}
	for at := s.Now; !at.After(end); at = s.nextDue(end) {
		s.Now = at
		if err := s.step(ctx); err != nil {
			return err
		}
	}
	s.Now = end
	return nil
}

// nextDue is when the next step is due; a time after the end, if none is before.
func (s *Simulation) nextDue(end time.Time) time.Time {
	next := end.Add(1)
	for _, at := range s.due {
		if at.Before(next) {
			next = at
		}
	}
	return next
}

// dueNow are the runs that are due, the longest due first as a driver takes them.
func (s *Simulation) dueNow() (ids []string) {
	for id, at := range s.due {
		if !at.After(s.Now) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		if c := s.due[a].Compare(s.due[b]); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return ids
}

// Open is how many runs have not ended.
func (s *Simulation) Open() int {
	ended := 0
	for _, n := range s.Ends {
		ended += n
	}
	return len(s.Seen) - ended
}

// Resume lets all go on that too many failures have stopped, and says how much
// that was.
func (s *Simulation) Resume(ctx context.Context, by asr.Actor) (resumed int, err error) {
	ledgers, err := s.AllLedgers(ctx)
	for _, g := range ledgers {
		if err == nil && g.Stopped != nil {
			resumed++
			err = s.Engine.Resume(ctx, g.Scope, by, "looked into it")
		}
	}
	return resumed, err
}

// Counts is quick, unlike the store's.
func (s *Simulation) Counts(context.Context) (asr.Counts, error) {
	return asr.Counts{Controls: maps.Clone(s.findings)}, nil
}

func underWay(r asr.Run) bool { return r.State == asr.StateApplying || r.State == asr.StateSettling }

// Commit looks at what is stored, and holds it to the limits.
func (s *Simulation) Commit(ctx context.Context, b *asr.Batch) error {
	err := s.Store.Commit(ctx, b)
	if err != nil || b.Run == nil {
		return err
	}
	r, was := *b.Run, s.Seen[b.Run.ID]
	scopes := []string{asr.AllRuns, asr.RegionRuns(r.Target.Account, r.Target.Region), asr.ControlRuns(r.Control)}
	switch {
	case underWay(r) && !underWay(was):
		for _, scope := range scopes {
			s.begins(scope, len(r.Findings))
		}
		s.Waits[r.ID] = s.Now.Sub(r.CreatedAt)
	case !underWay(r) && underWay(was):
		for _, scope := range scopes {
			s.under[scope]--
		}
	}
	if !r.State.Open() {
		s.Ends[r.State]++
	}
	s.Seen[r.ID] = r
	delete(s.due, r.ID)
	if at, ok := r.Due(); ok {
		s.due[r.ID] = at
	}
	return nil
}

// begins counts a run that begins, and checks the limits of its scope.
func (s *Simulation) begins(scope string, findings int) {
	l, name, isControl := s.c.Limits, "", false
	if name, isControl = strings.CutPrefix(scope, asr.ControlRuns("")); !isControl {
		findings = 1
	}
	s.under[scope]++
	for range findings {
		s.begun[scope] = append(s.begun[scope], s.Now)
	}
	switch {
	case isControl:
		s.check(scope, "findings within a day", s.within(scope, 24*time.Hour), l.Daily > 0, max(int(l.Daily*float64(s.findings[name])), MostFindings))
	case scope == asr.AllRuns:
		s.check(scope, "under way", s.under[scope], l.InFlight.All > 0, l.InFlight.All)
		s.check(scope, "within an hour", s.within(scope, time.Hour), l.PerHour.All > 0, l.PerHour.All)
	default:
		s.check(scope, "under way", s.under[scope], l.InFlight.Region > 0, l.InFlight.Region)
		s.check(scope, "within an hour", s.within(scope, time.Hour), l.PerHour.Region > 0, l.PerHour.Region)
	}
}

// within is how many of a scope have begun within the time before now.
func (s *Simulation) within(scope string, d time.Duration) int {
	all := s.begun[scope]
	first, _ := slices.BinarySearchFunc(all, s.Now.Add(-d), func(at, t time.Time) int {
		if at.After(t) {
			return 1
		}
		return -1
	})
	return len(all) - first
}

func (s *Simulation) check(scope, what string, n int, limited bool, limit int) {
	if limited && n > limit {
		s.Broken = append(s.Broken, fmt.Sprintf("%s: %d %s at %s, %d may be", scope, n, what, s.Now.Format(time.RFC3339), limit))
	}
}
