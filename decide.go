package asr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// request is who wants something done about a finding.
type request struct {
	actor   Actor
	console bool
	person  bool                       // a person asks: only a rule that says off stands in the way
	plan    bool                       // only a plan is wanted
	params  map[string]json.RawMessage // that the person sets
	hash    string                     // of the plan that the person saw
	reply   *Reply                     // who waits for the outcome
	ticket  bool                       // a ticket of the outcome is wanted
}

// The custom actions that Security Hub's console offers, by the names that its
// events carry; at most 20 characters.
const (
	ActionRemediate = "Remediate with ASR"
	ActionPlan      = "Plan with ASR"
	ActionTicket    = "ASR fix and ticket"
)

func (e *Engine) console(o Observation) request {
	return request{actor: Actor{Kind: "console", Name: "securityhub-console"}, console: true, plan: o.Action == ActionPlan, ticket: o.Action == ActionTicket}
}

// work is what was found out for a request, before anything is stored.
type work struct {
	match   Match
	unit    Remediation
	target  Target
	params  json.RawMessage
	sources map[string]string
	claim   string // of the run; "" if it can't be understood
	facts   Facts
	unknown error // why the facts lack what the organization knows, if it will tell later
}

// consider decides what is done about a failing finding and starts it, or joins
// what is going on. It returns the claim that it looked at.
func (e *Engine) consider(ctx context.Context, f *Finding, b *Batch, req request) (claim string, err error) {
	w, d, last, err := e.judge(ctx, *f, req)
	if err == nil {
		err = e.tooSoon(w)
	}
	if err != nil {
		return "", err
	}
	if err := e.decided(ctx, f, b, d, req.actor); err != nil {
		return "", err
	}
	switch {
	case d.Reason == ReasonFixed:
		f.Outcome, f.Run, f.FixedAt = OutcomeFixed, last.ID, last.EndedAt
	case d.Mode != ModeOff:
		e.claim(f, b, w, d, last, req)
	}
	return w.claim, nil
}

// understand finds the remediation, the target and the parameters that a
// finding asks for. A decision that has a mode says why it can't.
func (e *Engine) understand(ctx context.Context, f Finding, req request) (w work, no Decision) {
	off := func(reason Reason, err error) (work, Decision) {
		why := err.Error()
		if do := Advice(err); do != "" {
			why += " (" + do + ")"
		}
		return w, Decision{Mode: ModeOff, Reason: reason, Why: why}
	}
	var err error
	if w.match, err = e.c.Matcher.Match(f); err != nil {
		if Classify(err) == CodeBadParams {
			return off(ReasonBadParameters, err)
		}
		return off(ReasonNoRemediation, err)
	}
	if w.unit, err = e.unit(w.match.Remediation); err != nil {
		return off(ReasonNoRemediation, err)
	}
	if w.target, err = w.unit.Spec.Locate(f.Account, f.Region, f.Resource()); err != nil {
		return off(ReasonBadTarget, err)
	}
	w.facts, w.unknown = e.current(ctx, facts(f, w))
	w.facts.Console = req.console
	if err := e.parameters(&w, req.params); err != nil {
		return off(ReasonBadParameters, err)
	}
	w.claim = claimKey(w.unit.Spec.ID, w.target, w.params)
	return w, no
}

func facts(f Finding, w work) Facts {
	tags := f.Resource().Tags
	tool, known := ManagedBy(tags)
	if known && tool == "" {
		tool = "none"
	}
	return Facts{
		Control: w.match.Control, Remediation: w.unit.Spec.ID, Account: w.target.Account, Region: w.target.Region, Resource: w.target.ID,
		Severity: f.Severity, Risk: w.unit.Spec.Risk, Tags: tags, ManagedBy: tool,
		Standards: standards(f, w.match), ResourceType: f.Resource().Type, FoundAt: f.CreatedAt,
	}
}

// standards are the names of the standards that a finding is of: the playbooks'
// and Security Hub's. Of a finding that doesn't tell, nobody knows.
func standards(f Finding, m Match) []string {
	names := slices.Concat(m.Standards, f.Standards)
	if f.Standard.Name != "" {
		names = append(names, f.Standard.Name+"/v/"+f.Standard.Version)
	}
	return names
}

// current adds to facts what changes with time: the time, and what the
// organization knows of the account. What can't be had is left unknown; the error
// says so if it can be had later.
func (e *Engine) current(ctx context.Context, f Facts) (Facts, error) {
	f.At, f.OUs, f.AccountTags = e.now(), nil, nil
	if e.c.Accounts == nil {
		return f, nil
	}
	a, err := e.c.Accounts.Account(ctx, f.Account)
	if err != nil {
		e.c.Log.WarnContext(ctx, "account unknown", "account", f.Account, "error", err)
		if !transient(err) {
			err = nil
		}
		return f, err
	}
	f.OUs, f.AccountTags = a.OUs, a.Tags
	return f, nil
}

// tooSoon is the error with which a decision is left for later: the organization
// has no time to tell what the policy's answer hangs on. Rules that fail closed
// are for what can't be had at all.
func (e *Engine) tooSoon(w work) error {
	if w.unknown == nil || e.hurried {
		return nil
	}
	f := w.facts
	f.Console = false // a custom action's mode may be certain while its parameters and approvers aren't
	d, _ := e.c.Policy.Decide(f)
	if slices.Contains(d.Missing, "ous") || slices.Contains(d.Missing, "account_tags") {
		return w.unknown
	}
	return nil
}

// parameters lays the sources of parameters over each other and checks the outcome.
func (e *Engine) parameters(w *work, asked map[string]json.RawMessage) error {
	defaults, ok := w.unit.Controls[w.match.Control]
	if !ok {
		return &Error{Code: CodeBadParams, Message: w.unit.Spec.ID + " has no parameters for " + w.match.Control, Do: "this is a defect of asr's catalogue: report it"}
	}
	var err error
	w.params, w.sources, err = ResolveParams(w.match.Bounds,
		Layer{"default", fields(defaults)}, Layer{w.match.Playbook, w.match.Playbooks}, Layer{"finding", w.match.Finding},
		Layer{"policy", e.c.Policy.Params(w.facts)}, Layer{requestLayer, asked})
	if err != nil {
		return err
	}
	on := On{Target: w.target, Params: w.params}
	return errors.Join(w.unit.Spec.tight(on), w.unit.Check(on))
}

// decide asks the policy, and holds back what is never done by itself.
func (e *Engine) decide(w work, req request) Decision {
	d, names := e.c.Policy.Decide(w.facts)
	spec := w.unit.Spec
	if req.person {
		d = asked(d, req)
	}
	if req.console && req.plan && d.Mode != ModeOff {
		d.Mode = ModeObserve
	}
	switch {
	case d.Mode != ModeAuto:
	case spec.Irreversible != "":
		d.Mode, d.Reason, d.Why = ModeAsk, ReasonIrreversible, "it can't be put back: "+spec.Irreversible
	case spec.Risk == RiskHigh && !names && !req.person:
		d.Mode, d.Reason, d.Why = ModeAsk, ReasonHighRisk, fmt.Sprintf("its risk is high (%s), and no rule names %s itself", spec.RiskWhy, w.facts.Control)
	}
	return d
}

// asked is what a person's request makes of the policy's answer: an exception
// and a rule's off and ask stand, also those that may hold while facts are
// missing; the rest is the person's to decide.
func asked(d Decision, req request) Decision {
	if d.Reason == ReasonException {
		return d
	}
	if d.Reason == ReasonRule {
		d.Binds = d.Mode
	}
	if d.Binds == ModeOff || d.Binds == ModeAsk && !req.plan {
		d.Mode = d.Binds
		return d
	}
	mode := ModeAuto
	if req.plan {
		mode = ModeObserve
	}
	return Decision{Mode: mode, Reason: ReasonRequested, Rule: d.Rule, Why: req.actor.Name + " asked for it", Consents: d.Consents, NotBefore: d.NotBefore}
}

// remember holds back what the last run on the same target tells against.
func (e *Engine) remember(d Decision, last *Run, f Finding, req request) Decision {
	if last == nil || last.State.Open() || req.person || req.console {
		return d
	}
	off := func(reason Reason, why string) Decision {
		return Decision{Mode: ModeOff, Reason: reason, Why: why}
	}
	switch last.State {
	case StateReverted:
		return off(ReasonReverted, "run "+last.ID+" fixed this and was undone: it isn't done again by itself")
	case StateCancelled:
		if last.Rejected {
			return off(ReasonRejected, "run "+last.ID+" was rejected: it isn't planned again by itself")
		}
	case StateFailed, StatePartly, StateConflict, StateCannotPlan:
		return off(ReasonFailedBefore, "run "+last.ID+" ended "+string(last.State)+": it isn't tried again by itself")
	case StateVerified:
		if !f.UpdatedAt.After(last.EndedAt) {
			return off(ReasonFixed, "run "+last.ID+" fixed this after the check last looked")
		}
		if n := last.undone(e.now()); n >= maxUndone && d.Mode == ModeAuto {
			d.Mode, d.Reason, d.Why = ModeAsk, ReasonUndone, fmt.Sprintf("asr has fixed this %d times, and something outside of it has put it back each time", n)
		}
	}
	return d
}

// What of our fixes is put back outside of asr is fixed again by itself until it
// has been so maxUndone times, each within undoneWithin of the fix.
const (
	maxUndone    = 2
	undoneWithin = 30 * 24 * time.Hour
)

// undone is how many times in a row a fix has been put back, if the target of
// this one, the last, fails again.
func (r *Run) undone(now time.Time) int {
	switch {
	case r == nil || r.State != StateVerified:
		return 0
	case now.Sub(r.EndedAt) > undoneWithin:
		return 1
	}
	return r.Undone + 1
}

// follows counts in a new run how often fixes like it have been put back.
func (r *Run) follows(last *Run, now time.Time) {
	if r.Undone = last.undone(now); r.Undone > 0 {
		r.FixedAt = last.EndedAt
	}
}

// headStart is by how much a finding of the next higher severity is planned
// before one that came in at the same time.
const headStart = 6 * time.Hour

// claim starts a run for the finding, or joins the one that is open.
func (e *Engine) claim(f *Finding, b *Batch, w work, d Decision, last *Run, req request) {
	var r Run
	if last != nil && last.State.Open() {
		r = *last
	} else {
		now := e.now()
		r = Run{
			ID: e.c.NewID(now), State: StateClaimed, Remediation: w.unit.Spec.ID, Control: w.match.Control, Playbook: w.match.Playbook,
			Target: w.target, Params: w.params, Sources: w.sources, Facts: w.facts, Claim: w.claim,
			Actor: req.actor, NextAt: now.Add(-headStart * time.Duration(max(0, slices.Index(Severities, f.Severity)))), Since: now, CreatedAt: now,
		}
		r.follows(last, now)
	}
	if req.person { // somebody looks on
		if r.State == StateClaimed && r.NextAt.After(e.now()) {
			r.NextAt = e.now()
		}
		if r.Queued != nil {
			r.Queued.Person = true
		}
	}
	bb := e.batch(&r, req.actor)
	f.Run, f.Outcome = r.ID, OutcomeRunning
	follows := f.ID == "" || slices.Contains(r.Findings, f.ID)
	if !follows {
		r.Findings = append(r.Findings, f.ID)
	}
	switch {
	case r.Version == 0:
		r.Decision, r.Wanted = d, d.Mode
		bb.record("claimed", string(d.Reason), map[string]any{"decision": d, "finding": f.ID, "target": r.Target, "control": r.Control, "params": r.Params})
	case bb.promotes(d) || !follows:
		bb.record("joined", string(d.Reason), map[string]any{"decision": d, "finding": f.ID})
		bb.promote(d, req.actor)
	case !req.person && req.reply == nil && (r.Ticket || !req.ticket):
		return // it has been told all this before
	}
	r.Ticket = r.Ticket || req.ticket
	if req.reply != nil && !slices.Contains(r.Replies, *req.reply) {
		r.Replies = append(r.Replies, *req.reply)
	}
	if req.hash != "" && r.State == StateClaimed && d.Mode == ModeAuto { // what they saw, and nothing else
		r.Approval = &Approval{By: req.actor, Hash: req.hash, At: bb.now, Requested: true}
	}
	r.UpdatedAt = bb.now
	b.Run, b.Records = &r, append(b.Records, bb.Records...)
}

// promotes reports whether a decision takes a run that waits further.
func (b *batch) promotes(d Decision) bool {
	rank := []Mode{ModeOff, ModeObserve, ModeAsk, ModeAuto}
	r := b.Run
	return (r.State.Waits() || r.State == StateClaimed) && slices.Index(rank, d.Mode) > slices.Index(rank, r.Wanted)
}

// promote takes it further. It is planned again, since its plan may be old.
func (b *batch) promote(d Decision, actor Actor) {
	if b.promotes(d) {
		b.Run.Decision, b.Run.Wanted, b.Run.Actor = d, d.Mode, actor
		b.enter(StateClaimed)
	}
}
