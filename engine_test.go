package asr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/memory"
)

// cloud is an account as far as the tests' units can see: a document per
// resource, its settings by name.
type cloud struct {
	mu     sync.Mutex
	docs   map[string]map[string]any
	writes map[string]int // by setting
	fail   func(op string, on asr.On) error
}

func newCloud(docs map[string]map[string]any) *cloud {
	return &cloud{docs: docs, writes: map[string]int{}}
}

func (c *cloud) trouble(op string, on asr.On) error {
	if c.fail == nil {
		return nil
	}
	return c.fail(op, on)
}

func (c *cloud) read(on asr.On) (json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.trouble("read", on); err != nil {
		return nil, err
	}
	doc, ok := c.docs[on.Name+on.Account]
	if !ok {
		return nil, asr.ErrGone
	}
	return json.Marshal(doc)
}

// set writes the settings that differ between from and to.
func (c *cloud) set(on asr.On, from, to json.RawMessage) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.trouble("write", on); err != nil {
		return err
	}
	changes, err := asr.Diff(from, to)
	if err != nil {
		return err
	}
	doc := maps.Clone(c.docs[on.Name+on.Account])
	for _, ch := range changes {
		c.writes[ch.Path[0]]++
		var v any
		if len(ch.To) == 0 {
			delete(doc, ch.Path[0])
			continue
		}
		if err := json.Unmarshal(ch.To, &v); err != nil {
			return err
		}
		doc[ch.Path[0]] = v
	}
	c.docs[on.Name+on.Account] = doc
	return nil
}

func (c *cloud) get(name string) map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.docs[name])
}

func (c *cloud) put(name, key string, v any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	doc := maps.Clone(c.docs[name])
	doc[key] = v
	c.docs[name] = doc
}

const account = "111111111111"

// unit is a remediation that sets settings to what its parameters say.
func (c *cloud) unit(id string, defaults map[string]string, change ...func(*asr.Remediation)) asr.Remediation {
	u := asr.Remediation{
		Spec: asr.Spec{
			ID: id, Version: 1, Title: "Set it", Impact: "It is set.", Risk: asr.RiskLow, RiskWhy: "a test",
			Scope: asr.ScopeResource, Resources: []string{"arn:{partition}:test:{region}:{account}:{name}"}, Settle: time.Second,
		},
		Controls: map[string]json.RawMessage{},
		Check:    func(asr.On) error { return nil },
		Resolve:  func(_ context.Context, on asr.On) (asr.Target, error) { return on.Target, nil },
		Read:     func(_ context.Context, on asr.On) (json.RawMessage, error) { return c.read(on) },
		Want: func(on asr.On, now json.RawMessage) (json.RawMessage, error) {
			var doc map[string]any
			var params map[string]any
			if err := errors.Join(json.Unmarshal(now, &doc), json.Unmarshal(on.Params, &params)); err != nil {
				return nil, err
			}
			maps.Copy(doc, params)
			return json.Marshal(doc)
		},
		Write: func(_ context.Context, on asr.On, from, to json.RawMessage) error { return c.set(on, from, to) },
		Keep:  func(asr.On, asr.Change) string { return "" },
		Makes: func(asr.On, asr.Change) string { return "" },
	}
	for control, params := range defaults {
		u.Controls[control] = json.RawMessage(params)
	}
	for _, f := range change {
		f(&u)
	}
	return u
}

// world is an engine with everything around it, and a clock that jumps.
type world struct {
	t        *testing.T
	store    *memory.Store
	engine   *asr.Engine
	units    map[string]string // control → remediation
	rules    asr.Rules
	accounts asr.Accounts
	channels []asr.Channel
	mu       sync.Mutex
	now      time.Time
	ids      int
}

func (w *world) Match(f asr.Finding) (asr.Match, error) {
	m, err := w.Control(f.Control)
	m.Finding = f.Parameters
	return m, err
}
func (w *world) Control(id string) (asr.Match, error) {
	unit, ok := w.units[id]
	if !ok {
		return asr.Match{}, &asr.Error{Code: asr.CodeNoRemediation, Message: "no playbook knows " + id}
	}
	return asr.Match{Playbook: "test", Control: id, Remediation: unit}, nil
}

// mirror seals by turning round, so that a test sees what was sealed.
type mirror struct{}

func (mirror) Seal(s string) (string, error) { return "sealed:" + reversed(s), nil }
func (mirror) Open(s string) (string, error) {
	plain, ok := strings.CutPrefix(s, "sealed:")
	if !ok {
		return "", errors.New("not sealed: " + s)
	}
	return reversed(plain), nil
}

func reversed(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

// fixed is a policy that always says the same.
type fixed struct {
	d     asr.Decision
	names bool
}

func (p fixed) Decide(asr.Facts) (asr.Decision, bool)       { return p.d, p.names }
func (p fixed) Params(asr.Facts) map[string]json.RawMessage { return nil }
func (fixed) Limits() asr.Limits                            { return asr.DefaultLimits() }

var auto = fixed{asr.Decision{Mode: asr.ModeAuto, Reason: asr.ReasonRule, Rule: "all", Why: "rule all"}, false}

func newWorld(t *testing.T, p asr.Policy, units ...asr.Remediation) *world {
	w := &world{t: t, store: memory.New(), units: map[string]string{}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	for _, u := range units {
		for control := range u.Controls {
			w.units[control] = u.Spec.ID
		}
	}
	w.engine = w.build(p, units...)
	return w
}

func (w *world) build(p asr.Policy, units ...asr.Remediation) *asr.Engine {
	return asr.New(asr.Config{Store: w.store, Remediations: units, Matcher: w, Policy: p, Vault: mirror{}, Rules: w.rules, Accounts: w.accounts, Channels: w.channels, Clock: w.clock, NewID: w.newID})
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) jump(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) newID(time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ids++
	return fmt.Sprintf("r-%d", w.ids)
}

// finding is a report of a failing check of a resource.
func (w *world) finding(id, control, resource string, change ...func(*asr.Observation)) asr.Observation {
	now := w.clock()
	o := asr.Observation{
		ID: id, Source: asr.SourceImported, At: now,
		Provider: asr.Provider{
			Product: "arn:aws:securityhub:us-east-1::product/aws/securityhub", Format: "asff", Account: account, Region: "eu-west-1", Severity: "HIGH",
			Compliance: asr.ComplianceFailed, RecordState: asr.RecordActive, Control: control, UpdatedAt: now,
			Resources: []asr.Resource{{ID: "arn:aws:test:eu-west-1:" + account + ":" + resource}},
		},
		Workflow: asr.Workflow{Status: asr.WorkflowNew},
	}
	for _, f := range change {
		f(&o)
	}
	return o
}

func (w *world) ingest(observations ...asr.Observation) asr.Intake {
	w.t.Helper()
	in, err := w.engine.Ingest(w.t.Context(), observations)
	if err != nil {
		w.t.Fatal(err)
	}
	return in
}

// drive takes a run to its end, or to where it waits for a person.
func (w *world) drive(id string) asr.Run {
	w.t.Helper()
	for range 1500 {
		next, err := w.engine.Step(w.t.Context(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		w.jump(next.After + time.Millisecond)
		if next.Done {
			return w.run(id)
		}
	}
	w.t.Fatalf("run %s is not done after 1500 steps: %+v", id, w.run(id))
	return asr.Run{}
}

func (w *world) run(id string) asr.Run {
	w.t.Helper()
	r, err := w.store.Run(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) get(finding string) asr.Finding {
	w.t.Helper()
	f, err := w.store.Finding(w.t.Context(), finding)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// messages are the reports that wait.
func (w *world) messages() []asr.Report {
	w.t.Helper()
	all, err := w.store.Messages(w.t.Context(), "", w.clock().Add(time.Hour), 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []asr.Report
	for _, m := range all {
		out = append(out, m.Report)
	}
	return out
}

func (w *world) expect(r asr.Run, state asr.State) {
	w.t.Helper()
	if r.State != state {
		w.t.Fatalf("run %s ended %s, want %s: %+v", r.ID, r.State, state, r.Error)
	}
}

var (
	ada = asr.Actor{Kind: "person", Name: "arn:aws:iam::111111111111:user/ada", Verified: true}
	bob = asr.Actor{Kind: "person", Name: "bob"}
)

// one is a world with one resource, r, and one unit that sets its "tls" on.
func one(t *testing.T, p asr.Policy, change ...func(*asr.Remediation)) (*world, *cloud) {
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r"}})
	return newWorld(t, p, c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`, "T.2": `{"tls":"on","strict":"yes"}`}, change...)), c
}

var internal = regexp.MustCompile(`^db-[A-Z]+$`)
