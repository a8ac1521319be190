package asr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Limits of one run. They are generous: they stop what goes wrong for ever.
const (
	maxWrites     = 100            // writes of one run, one way
	maxStalls     = 10             // writes in a row that changed nothing
	maxTries      = 80             // of one step that AWS fails for the time being: hours
	heldTries     = 6              // that back-off counts while a person must do something: it is a minute by then
	maxSettling   = 24 * time.Hour // until a resource has settled
	maxReplans    = 12             // plans in a row that were stale at the first step
	maxUnverified = 5              // verifying reads that don't show the fix
	verifyReads   = 2
)

// Step takes a run one step further and stores the outcome before it returns.
// It may be called at any time, by any number of callers, and again after a
// crash: a step that somebody else took meanwhile is not taken twice. The error
// is of the store; what AWS or a unit fails with becomes part of the run.
func (e *Engine) Step(ctx context.Context, id string) (Next, error) {
	r, err := e.c.Store.Run(ctx, id)
	if err != nil {
		return Next{}, fmt.Errorf("%s: %w", id, err)
	}
	b := e.batch(&r, system)
	if due, ok := r.Due(); !ok || r.State.Waits() && due.After(b.now) {
		return b.next(), nil
	}
	if r.State.Waits() {
		return e.expire(ctx, b)
	}
	u, err := e.unitFor(&r)
	if err != nil {
		return e.fail(ctx, b, StateFailed, err)
	}
	switch r.State {
	case StateClaimed:
		return e.plan(ctx, b, u)
	case StateScheduled:
		return e.begin(ctx, b, u)
	case StateApplying:
		return e.apply(ctx, b, u)
	case StateSettling:
		return e.verify(ctx, b, u)
	case StateReverting:
		return e.revert(ctx, b, u)
	}
	return e.verifyRevert(ctx, b, u)
}

// plan resolves the target, reads it and says what would change.
func (e *Engine) plan(ctx context.Context, b *batch, u Remediation) (Next, error) {
	r := b.Run
	r.Plans++
	if !r.Resolved {
		if err := e.complete(ctx, r); err != nil {
			if Classify(err) == CodeInternal && ctx.Err() == nil { // the store's
				return Next{}, fmt.Errorf("%s: %w", r.ID, err)
			}
			return e.trouble(ctx, b, err, StateCannotPlan)
		}
		on := r.on()
		on.Call.Look = r.Looks + 1 // what comes next: to look at it
		t, err := u.Resolve(ctx, on)
		if err == nil && t.Account != r.Target.Account { // another's policy, approvers and viewers
			err = &Error{Code: CodeBadTarget, Message: fmt.Sprintf("it is in account %s, and not in %s", t.Account, r.Target.Account), Do: "name the resource with its own account"}
		}
		if err != nil {
			return e.trouble(ctx, b, err, StateCannotPlan)
		}
		if next, merged, err := e.settleClaim(ctx, b, claimKey(r.Remediation, t, r.Params)); merged || err != nil {
			return next, err
		}
		r.Target, r.Resolved, r.Facts.Resource = t, true, t.ID
		e.blame(ctx, r)
		r.Locks = u.Spec.locks(r.on())
	}
	p, err := makePlan(ctx, u, r, b.now)
	if err != nil {
		return e.trouble(ctx, b, err, StateCannotPlan)
	}
	if len(p.Changes) == 0 {
		return e.nothing(ctx, b, "it is as it should be already")
	}
	r.Plan, r.Error = &p, nil
	b.record("planned", "", map[string]any{"hash": p.Hash, "version": p.Version, "params": p.Params, "fields": names(p.Changes), "warnings": p.Warnings})
	e.route(b, u)
	return e.commit(ctx, b)
}

// blame says in the run who put the last fix back, if that happens again and
// again, as far as CloudTrail tells.
func (e *Engine) blame(ctx context.Context, r *Run) {
	if e.c.Trail == nil || r.Undone < maxUndone {
		return
	}
	touches, err := e.c.Trail.Changes(ctx, r.on(), r.FixedAt)
	who := "CloudTrail tells of no change since"
	switch {
	case err != nil:
		who = "who did couldn't be found out (" + string(Classify(err)) + ": " + err.Error() + ")"
	case len(touches) > 0:
		var all []string
		for _, t := range touches {
			all = append(all, t.Action+" by "+t.By+" at "+t.At.UTC().Format(time.RFC3339))
		}
		who = "since: " + strings.Join(all, "; ")
	}
	note := fmt.Sprintf("asr's fix of this has been put back outside of it %d times; the last was verified at %s; %s", r.Undone, r.FixedAt.Format(time.RFC3339), who)
	r.Notes = append(r.Notes, note+".")
	if r.Decision.Reason == ReasonUndone {
		r.Decision.Why += "; " + who
	}
}

// complete reads the parameters of the Config rule behind the run's finding,
// where the finding itself doesn't carry the control's. A rule that can't be
// read leaves the others, and the plan says so.
func (e *Engine) complete(ctx context.Context, r *Run) error {
	if e.c.Rules == nil || len(r.Findings) == 0 || len(fields(r.Params)) == 0 {
		return nil
	}
	f, err := e.c.Store.Finding(ctx, r.Findings[0])
	if err != nil || f.Rule == "" || len(f.Parameters) > 0 {
		return err
	}
	on := r.on()
	on.Region, on.Call.Look = f.Region, r.Looks+1
	f.Parameters, err = e.c.Rules.InputParameters(ctx, on, f.Rule)
	switch {
	case transient(err) || ctx.Err() != nil:
		return err
	case err != nil:
		r.Notes = []string{fmt.Sprintf("The parameters of Config rule %s couldn't be read (%s): the defaults stand.", f.Rule, Classify(err))}
		return nil
	case len(f.Parameters) == 0:
		return nil
	}
	asked := map[string]json.RawMessage{}
	for name, v := range fields(r.Params) {
		if r.Sources[name] == requestLayer {
			asked[name] = v
		}
	}
	w, no := e.understand(ctx, f, request{params: asked})
	if err := e.tooSoon(w); err != nil && r.Tries < maxTries {
		return err
	}
	if no.Mode != "" {
		return &Error{Code: CodeBadParams, Message: no.Why, Do: "correct the parameters of Config rule " + f.Rule}
	}
	r.Params, r.Sources = w.params, w.sources
	return nil
}

// settleClaim moves the claim to the resolved target. If another run has that
// claim, this run's findings go over to it.
func (e *Engine) settleClaim(ctx context.Context, b *batch, claim string) (Next, bool, error) {
	other, err := e.c.Store.LastRun(ctx, claim)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && other.ID == b.Run.ID:
		b.Run.Claim = claim
		return Next{}, false, nil
	case err != nil:
		return Next{}, false, err
	case !other.State.Open():
		b.Run.Claim = claim
		next, err := e.recall(ctx, b, other)
		return next, b.Run.State == StateCancelled, err
	}
	if err := e.strengthen(ctx, other.ID, *b.Run); err != nil {
		return Next{}, true, err
	}
	if err := e.handOver(ctx, b.Run.Findings, other.ID); err != nil { // first: a crash in between repeats it
		return Next{}, true, err
	}
	b.Run.Error = &Failure{Code: CodeNotAllowed, Message: "run " + other.ID + " works on the same resource already"}
	b.record("cancelled", "duplicate", map[string]string{"run": other.ID})
	b.enter(StateCancelled)
	next, err := e.commit(ctx, b)
	return next, true, err
}

// recall holds a run back that nobody asked for, when an ended one on the
// resolved target tells against it.
func (e *Engine) recall(ctx context.Context, b *batch, ended Run) (Next, error) {
	r := b.Run
	req := request{person: r.Actor.Kind == "person", console: r.Facts.Console}
	d := e.remember(r.Decision, &ended, Finding{Provider: Provider{UpdatedAt: r.CreatedAt}}, req)
	r.follows(&ended, b.now)
	if d.Mode != ModeOff {
		r.Decision, r.Wanted = d, d.Mode
		return Next{}, nil
	}
	d.At = b.now
	r.Decision = d
	return e.fail(ctx, b, StateCancelled, &Error{Code: CodeNotAllowed, Message: d.Why, Do: "asr remediate starts it all the same"})
}

// strengthen gives an open run what a duplicate of it was meant for, if that is more.
func (e *Engine) strengthen(ctx context.Context, id string, duplicate Run) error {
	_, err := e.update(ctx, id, duplicate.Actor, func(b *batch) error {
		for _, reply := range duplicate.Replies {
			if !slices.Contains(b.Run.Replies, reply) {
				b.Run.Replies = append(b.Run.Replies, reply)
			}
		}
		if b.promotes(duplicate.Decision) {
			b.record("joined", string(duplicate.Decision.Reason), map[string]any{"decision": duplicate.Decision, "run": duplicate.ID})
			b.promote(duplicate.Decision, duplicate.Actor)
			b.Run.Approval, b.Run.Approvals = duplicate.Approval, duplicate.Approvals
		}
		return nil
	})
	return err
}

// handOver lets findings follow another run.
func (e *Engine) handOver(ctx context.Context, findings []string, run string) error {
	for _, id := range findings {
		err := ErrStale
		for tries := 0; errors.Is(err, ErrStale) && tries < 20; tries++ {
			err = e.follow(ctx, id, run)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) follow(ctx context.Context, finding, run string) error {
	f, err := e.c.Store.Finding(ctx, finding)
	if err != nil {
		return err
	}
	r, err := e.c.Store.Run(ctx, run)
	if err != nil {
		return err
	}
	b := e.batch(&r, system)
	f.Run = run
	if !slices.Contains(r.Findings, finding) {
		r.Findings = append(r.Findings, finding)
	}
	b.record("joined", "", map[string]string{"finding": finding})
	if !r.State.Open() { // it ended meanwhile: the finding has its outcome
		b.tell(&f)
	}
	b.Findings = []Finding{f}
	return e.c.Store.Commit(ctx, &b.Batch)
}

// makePlan compares how it is with how it should be.
func makePlan(ctx context.Context, u Remediation, r *Run, now time.Time) (p Plan, err error) {
	on := r.look()
	before, err := u.Read(ctx, on)
	if err != nil {
		return p, err
	}
	after, err := u.Want(on, before)
	if err != nil {
		return p, err
	}
	changes, err := Diff(before, after)
	if err != nil {
		return p, err
	}
	for i, c := range changes {
		changes[i].Keep, changes[i].Makes = u.Keep(on, c), u.Makes(on, c)
	}
	p = Plan{
		Remediation: u.Spec.ID, Version: u.Spec.Version, Target: r.Target, Params: r.Params, Sources: r.Sources,
		Before: before, Changes: changes, Grants: on.Narrow(u.Spec.WriteGrants()), MadeAt: now,
	}
	p.Warnings = append(warnings(u.Spec, r.Facts, changes), r.Notes...)
	p.Hash = p.hash()
	return p, nil
}

func warnings(s Spec, f Facts, changes []Change) (w []string) {
	if f.ManagedBy != "" && f.ManagedBy != "none" {
		w = append(w, "The resource is managed by "+f.ManagedBy+": the next deployment may undo the fix. Mend it there too.")
	}
	if s.Interrupts != "" {
		w = append(w, "Interrupts: "+s.Interrupts)
	}
	if s.Irreversible != "" {
		w = append(w, "Can't be put back: "+s.Irreversible)
	}
	for _, c := range changes {
		if c.Keep != "" {
			w = append(w, c.Field()+" stays when this is undone: "+c.Keep)
		}
	}
	return w
}

// lasting reports whether a plan takes something away that can't be put back.
// What it merely adds and then leaves behind is not meant.
func (p Plan) lasting() string {
	for _, c := range p.Changes {
		if c.Keep != "" && !void(c.From) {
			return c.Field() + ": " + c.Keep
		}
	}
	return ""
}

// void reports whether a value says that nothing is there.
func void(doc json.RawMessage) bool {
	switch string(doc) {
	case "", "null", "false", "0", `""`, "{}", "[]":
		return true
	}
	return false
}

// route sends a planned run where its decision says.
func (e *Engine) route(b *batch, u Remediation) {
	r := b.Run
	d := &r.Decision
	if why := r.Plan.lasting(); why != "" && d.Mode == ModeAuto {
		d.Mode, d.Reason, d.Why = ModeAsk, ReasonIrreversible, "part of it can't be put back: "+why
		if r.Approval != nil && r.Approval.Requested {
			r.Approval, r.Approvals = nil, nil
		}
	}
	if r.Approval != nil && r.Approval.Hash != r.Plan.Hash {
		b.record("approval_void", string(ReasonStalePlan), r.Approval)
		d.Reason, d.Why = ReasonStalePlan, "what "+r.Approval.By.Name+" approved is not what would be done now"
		if d.Mode == ModeAuto {
			d.Mode = ModeAsk
		}
		r.Approval, r.Approvals = nil, nil
	}
	switch {
	case r.lacks(d.Consents) == 0, d.Mode == ModeAuto:
		b.enter(StateScheduled)
	case d.Mode == ModeAsk:
		b.record("asked", string(d.Reason), d)
		b.enter(StateAwaiting)
		r.ExpiresAt = b.now.Add(e.c.Patience)
		e.announce(b)
	default:
		b.enter(StatePlanned)
		b.answer()
	}
}

// expire takes no answer for a no.
func (e *Engine) expire(ctx context.Context, b *batch) (Next, error) {
	b.Run.Rejected = b.Run.Actor.Kind != "person"
	return e.fail(ctx, b, StateCancelled, &Error{Code: CodeExpired, Message: "nobody approved it in time", Do: "asr remediate starts it again"})
}

// begin asks the policy once more and takes the locks.
func (e *Engine) begin(ctx context.Context, b *batch, u Remediation) (Next, error) {
	r := b.Run
	now, unknown := e.current(ctx, r.Facts)
	if err := e.tooSoon(work{facts: now, unknown: unknown}); err != nil && r.Tries < maxTries {
		return e.trouble(ctx, b, err, StateFailed)
	}
	r.Facts = now
	person, given := r.Actor.Kind == "person", r.Lacks() == 0
	d := e.decide(work{unit: u, facts: r.Facts}, request{actor: r.Actor, console: r.Facts.Console, person: person || given})
	d.At = b.now
	if given && !person && d.Mode == ModeAuto && r.lacks(d.Consents) > 0 {
		d.Mode, d.Why = ModeAsk, "the policy wants other approvals by now"
	}
	switch {
	case d.Mode == ModeOff:
		r.Decision = d
		return e.fail(ctx, b, StateCancelled, &Error{Code: CodeNotAllowed, Message: "the policy turned it off meanwhile: " + d.Why})
	case d.Mode != ModeAuto && r.lacks(d.Consents) > 0: // the target has its name by now, or the policy is another
		r.Decision, r.Wanted = d, d.Mode
		b.record("decided", string(d.Reason), d)
		e.route(b, u)
		return e.commit(ctx, b)
	case d.NotBefore.After(b.now) && !(person && d.Reason == ReasonRequested):
		return e.hold(ctx, b, d.NotBefore)
	}
	switch admitted, err := e.admit(ctx, b); {
	case err != nil:
		return Next{}, fmt.Errorf("%s: limits: %w", r.ID, err)
	case !admitted:
		return e.commit(ctx, b)
	}
	b.Locks = LockTake
	b.enter(StateApplying)
	b.record("begun", string(r.Decision.Reason), map[string]any{"locks": r.Locks, "hash": r.Plan.Hash})
	return e.locked(ctx, b, StateScheduled)
}

// hold has a run wait until its window opens.
func (e *Engine) hold(ctx context.Context, b *batch, until time.Time) (Next, error) {
	if b.Run.Slot {
		if err := e.vacate(ctx, &b.Batch, endedOtherwise); err != nil {
			return Next{}, fmt.Errorf("%s: limits: %w", b.Run.ID, err)
		}
	}
	b.record("held", "", map[string]time.Time{"until": until})
	b.Run.NextAt = until
	b.Run.Error = &Failure{
		Code: CodeNotAllowed, Message: "the policy's window is closed: it may begin at " + until.Format(time.RFC3339),
		Do: "wait, or cancel it; asr remediate is for a person who can't wait, where no rule asks",
	}
	return e.commit(ctx, b)
}

// locked commits a batch that takes locks; while others hold them, the run
// stays where it was.
func (e *Engine) locked(ctx context.Context, b *batch, stay State) (Next, error) {
	next, err := e.commit(ctx, b)
	var held *LockedError
	if !errors.As(err, &held) {
		return next, err
	}
	r, err := e.c.Store.Run(ctx, b.Run.ID)
	if err != nil || r.State != stay {
		return Next{Step: "again"}, err
	}
	w := e.batch(&r, system)
	r.Tries++
	r.Error = &Failure{Code: CodeConflict, Message: "run " + held.Run + " is changing the same setting", Do: "wait: this run goes on when that one has ended"}
	w.wait(min(backoff(100*time.Millisecond, r.Tries), 5*time.Second))
	return e.commit(ctx, w)
}
