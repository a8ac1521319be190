package remedytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/memory"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
)

// Actor is the verified person who asks for everything in tests.
var Actor = asr.Actor{Kind: "person", Name: "arn:aws:iam::111111111111:user/ada", Verified: true}

// Harness drives one unit with the real engine, a clock that jumps and a store
// that can be made to crash.
type Harness struct {
	Engine *asr.Engine
	Store  *crashing
	Unit   asr.Remediation
	acct   *Account
	now    time.Time
}

// NewHarness returns a harness for units on an account.
func NewHarness[P, S any](acct *Account, u remedy.Unit[P, S]) *Harness {
	h := &Harness{Store: &crashing{Store: memory.New()}, Unit: remedy.Bind(u, acct.Dial), acct: acct, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	h.Engine = asr.New(asr.Config{
		Store: h.Store, Remediations: []asr.Remediation{h.Unit}, Matcher: only(u.Spec.ID), Policy: unlimited{}, Vault: glass{}, Clock: func() time.Time { return h.now },
	})
	return h
}

// only matches every control to one remediation.
type only string

func (o only) Match(f asr.Finding) (asr.Match, error) { return o.Control(f.Control) }
func (o only) Control(id string) (asr.Match, error) {
	return asr.Match{Playbook: "test", Control: id, Remediation: string(o)}, nil
}

// unlimited lets a unit fail more often than any policy would bear. All else is a
// person's request.
type unlimited struct{ asr.NoPolicy }

func (unlimited) Limits() asr.Limits { return asr.Limits{} }

// glass is a vault that hides nothing.
type glass struct{}

func (glass) Seal(s string) (string, error) { return s, nil }
func (glass) Open(s string) (string, error) { return s, nil }

// crashing is a store whose process can be killed at a commit.
type crashing struct {
	*memory.Store
	dead  bool
	kill  func(n int) (before, after bool) // at the n-th commit since it was set
	count int
}

func (c *crashing) Commit(ctx context.Context, b *asr.Batch) error {
	if c.dead {
		return errKilled
	}
	before, after := false, false
	if c.kill != nil {
		before, after = c.kill(c.count)
	}
	c.count++
	if before {
		c.dead = true
		return errKilled
	}
	if err := c.Store.Commit(ctx, b); err != nil || !after {
		return err
	}
	c.dead = true
	return errKilled
}

// Request asks for a case's remediation.
func (h *Harness) Request(ctx context.Context, c Case, planOnly bool) (asr.Run, error) {
	ask := asr.Ask{
		Actor: Actor, Control: c.Control, Account: h.acct.ID, Region: h.acct.Region, PlanOnly: planOnly,
		Resource: asr.Resource{ID: c.Resource, Region: h.acct.Region},
	}
	if c.Params != "" {
		if err := json.Unmarshal([]byte(c.Params), &ask.Params); err != nil {
			return asr.Run{}, err
		}
	}
	return h.Engine.Request(ctx, ask)
}

// Drive takes a run to its end, approving what asks.
func (h *Harness) Drive(ctx context.Context, id string) (asr.Run, error) {
	most := 300
	if h.acct.storm != nil { // in which most steps fail
		most = 3000
	}
	for range most {
		next, err := h.step(ctx, id)
		if err != nil {
			return asr.Run{}, err
		}
		if !next.Done {
			continue
		}
		r, err := h.Store.Run(ctx, id)
		if err != nil || r.State != asr.StateAwaiting {
			return r, err
		}
		if _, err := h.Engine.Approve(ctx, id, r.Plan.Hash, Actor, "test"); err != nil {
			return r, err
		}
	}
	r, err := h.Store.Run(ctx, id)
	return r, errors.Join(err, fmt.Errorf("not done after %d steps: %s %+v", most, r.State, r.Error))
}

// step takes a step and jumps to the time of the next.
func (h *Harness) step(ctx context.Context, id string) (asr.Next, error) {
	next, err := h.Engine.Step(ctx, id)
	h.now = h.now.Add(next.After + time.Millisecond)
	return next, err
}

// Crash takes a run to its end through all crashes there are: each step is
// killed before its first commit, after its last write but before that is
// stored, and after each commit, and only then taken whole.
func (h *Harness) Crash(ctx context.Context, id string) (asr.Run, error) {
	for range 100 {
		for _, kill := range []func(){
			func() { h.Store.kill = func(n int) (bool, bool) { return n == 0, false } },
			func() { h.Store.kill = func(n int) (bool, bool) { return false, n == 0 } },
			func() { h.acct.setFuse(h.killAt(false)) },
			func() { h.acct.setFuse(h.killAt(true)) },
			func() { h.Store.kill = func(n int) (bool, bool) { return n == 1, false } },
		} {
			h.Store.count = 0
			kill()
			_, err := h.step(ctx, id)
			h.restart()
			if err != nil && !errors.Is(err, errKilled) {
				return asr.Run{}, err
			}
		}
		next, err := h.step(ctx, id)
		if err != nil {
			return asr.Run{}, err
		}
		if next.Done {
			r, err := h.Store.Run(ctx, id)
			if err != nil || r.State != asr.StateAwaiting {
				return r, err
			}
			if _, err := h.Engine.Approve(ctx, id, r.Plan.Hash, Actor, "test"); err != nil {
				return r, err
			}
		}
	}
	r, err := h.Store.Run(ctx, id)
	return r, errors.Join(err, fmt.Errorf("not done after 100 crashing rounds: %s %+v", r.State, r.Error))
}

// killAt kills the process before or after the next call that writes.
func (h *Harness) killAt(after bool) func(string, bool) error {
	return func(_ string, now bool) error {
		if now == after {
			h.Store.dead = true
			return errKilled
		}
		return nil
	}
}

func (h *Harness) restart() {
	h.Store.dead, h.Store.kill, h.Store.count = false, nil, 0
	h.acct.setFuse(nil)
}

// End asks for a case's remediation and takes the run to its end, approving
// what asks.
func (h *Harness) End(t T, c Case) asr.Run {
	t.Helper()
	r, err := h.Request(t.Context(), c, false)
	if err != nil {
		t.Fatalf("request: %v", err)
	}
	if r, err = h.Drive(t.Context(), r.ID); err != nil {
		t.Fatalf("%v", err)
	}
	return r
}

// End takes a case's run of a unit to its end.
func End[P, S any](t T, acct *Account, u remedy.Unit[P, S], c Case) asr.Run {
	t.Helper()
	return NewHarness(acct, u).End(t, c)
}

// Asked returns a config that keeps what is asked of an operation, by the type
// of its input.
func Asked[I any](cfg aws.Config) (aws.Config, *[]I) {
	var asked []I
	keep := func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		if m, ok := in.Parameters.(I); ok {
			asked = append(asked, m)
		}
		return next.HandleInitialize(ctx, in)
	}
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("asked", keep), middleware.After)
	})
	return cfg, &asked
}
