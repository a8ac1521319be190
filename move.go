package asr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// apply takes the next step towards the plan's goal.
func (e *Engine) apply(ctx context.Context, b *batch, u Remediation) (Next, error) {
	r := b.Run
	var now json.RawMessage
	if !r.wrote() {
		p, err := makePlan(ctx, u, r, b.now)
		if err != nil {
			return e.trouble(ctx, b, err, StateCannotPlan)
		}
		if p.Hash != r.Plan.Hash {
			return e.replan(ctx, b)
		}
		now = p.Before
	} else {
		var err error
		if now, err = u.Read(ctx, r.look()); err != nil {
			return e.trouble(ctx, b, err, StatePartly)
		}
	}
	left, goal, err := remaining(now, r.Plan.Changes)
	if err != nil {
		end := StateConflict
		if r.wrote() {
			end = StatePartly
		}
		return e.fail(ctx, b, end, err)
	}
	b.own(left)
	if len(left) == 0 {
		b.enter(StateSettling)
		b.record("applied", "", map[string]any{"writes": r.Writes, "made": r.Made})
		r.Reads, r.Error = 0, nil
		return e.commit(ctx, b)
	}
	return e.write(ctx, b, u, now, goal, left, r.Plan.Changes)
}

// replan sends a run back to be planned: what it would do now is not its plan.
func (e *Engine) replan(ctx context.Context, b *batch) (Next, error) {
	b.Run.Replans++
	if b.Run.Replans > maxReplans {
		return e.fail(ctx, b, StateConflict, &Error{Code: CodeStalePlan, Message: "each time that it is to begin, what would be done is something else", Do: "find out who keeps changing the resource: see the account's CloudTrail"})
	}
	b.record("replanned", string(CodeStalePlan), nil)
	b.Locks = LockRelease
	b.enter(StateClaimed)
	b.wait(backoff(100*time.Millisecond, b.Run.Replans))
	return e.commit(ctx, b)
}

// remaining merges changes into the present state and says what is left to do.
func remaining(now json.RawMessage, changes []Change) (left []Change, goal json.RawMessage, err error) {
	if goal, err = Merge(now, changes); err != nil {
		return nil, nil, err
	}
	left, err = Diff(now, goal)
	return left, goal, err
}

// own counts as made by this run what it meant to make and now is there.
func (b *batch) own(left []Change) {
	if b.Run.Intent == nil {
		return
	}
	for _, arn := range b.Run.Intent.Makes {
		pending := slices.ContainsFunc(left, func(c Change) bool { return pathMakes(b.Run, c) == arn })
		if !pending && !slices.Contains(b.Run.Made, arn) {
			b.Run.Made = append(b.Run.Made, arn)
			b.record("made", "", map[string]string{"arn": arn})
		}
	}
}

// pathMakes names what the plan's change at this change's path makes.
func pathMakes(r *Run, c Change) string {
	for _, p := range r.Plan.Changes {
		if p.Makes != "" && slices.Equal(p.Path, c.Path) {
			return p.Makes
		}
	}
	return ""
}

// write saves the intent, writes once, and saves that it did.
func (e *Engine) write(ctx context.Context, b *batch, u Remediation, now, goal json.RawMessage, left, changes []Change) (Next, error) {
	r := b.Run
	switch err := e.killed(ctx); { // the sessions ask too, at each call
	case Classify(err) == CodeKilled:
		return e.trouble(ctx, b, err, StatePartly)
	case err != nil:
		return Next{}, fmt.Errorf("%s: %w", r.ID, err)
	}
	intent := Intent{Token: token(r, left), At: b.now}
	for _, c := range left {
		if arn := pathMakes(r, c); arn != "" && r.State == StateApplying {
			intent.Makes = append(intent.Makes, arn)
		}
	}
	writes := &r.Writes
	if r.State == StateReverting {
		writes = &r.Undo.Writes
	}
	if r.Intent != nil && r.Intent.Token == intent.Token {
		intent.Stalls = r.Intent.Stalls
	} else {
		*writes++
	}
	if *writes > maxWrites || intent.Stalls > maxStalls {
		return e.fail(ctx, b, StatePartly, &Error{Code: CodeTooManySteps, Message: "writes were accepted but changed nothing", Do: "look at the resource: " + strings.Join(names(left), ", ")})
	}
	again := r.Intent != nil && r.Intent.Token == intent.Token && r.Tries > 0
	r.Intent = &intent
	if !again { // a step that waited for the kill switch or for AWS is told of once
		b.record("intent", "", map[string]any{"token": intent.Token, "makes": intent.Makes, "fields": names(left)})
	}
	if next, err := e.commit(ctx, b); err != nil || next.Step == "again" {
		return next, err
	}
	err := u.Write(ctx, r.on(), now, goal)
	after := e.batch(r, system)
	if err != nil {
		return e.writeFailed(ctx, after, u, err, left, changes)
	}
	if after.wait(0); intent.Stalls > 0 {
		after.wait(min(backoff(100*time.Millisecond, intent.Stalls), 15*time.Second))
	}
	r.Intent.Stalls++ // unless the next look shows another state
	r.Tries, r.Error = 0, nil
	after.record("wrote", "", map[string]any{"token": intent.Token})
	return e.commit(ctx, after)
}

// killed is an error while the kill switch is on.
func (e *Engine) killed(ctx context.Context) error {
	reason, err := e.c.Store.Setting(ctx, KillSwitch)
	if err != nil {
		return err
	}
	if reason != "" {
		return &Error{Code: CodeKilled, Message: "the kill switch is on: " + reason, Do: "asr kill-switch off lets writes go on"}
	}
	return nil
}

// token is the same for every try of one step of one run.
func token(r *Run, left []Change) string {
	p := Plan{Remediation: r.ID, Target: r.Target, Changes: left}
	return p.hash()[:32]
}

// names lists changes without their values, which stand in the run alone: the
// audit log holds the plan's hash, and so proves them, but isn't encrypted.
func names(changes []Change) (fields []string) {
	for _, c := range changes {
		fields = append(fields, c.Field())
	}
	return fields
}

// writeFailed looks what a failed write left behind, to go on from there or to
// end in the right state.
func (e *Engine) writeFailed(ctx context.Context, b *batch, u Remediation, err error, left, changes []Change) (Next, error) {
	if transient(err) && (b.Run.Tries < maxTries || untilMended(err)) || errors.Is(err, ErrSettling) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return e.trouble(ctx, b, err, StatePartly)
	}
	now, rerr := u.Read(ctx, b.Run.look())
	switch {
	case rerr == nil && Classify(err) != CodeRefused && moved(now, left, changes):
		return e.goOn(ctx, b, err)
	case errors.Is(rerr, ErrSettling), transient(rerr):
		return e.trouble(ctx, b, rerr, StatePartly)
	case b.Run.State == StateReverting:
		return e.revertFailed(ctx, b, u, err)
	case rerr != nil:
		return e.fail(ctx, b, StatePartly, err)
	}
	if untouched(now, changes) && b.Run.Intent.Stalls == 0 { // a write that was accepted may have changed what the plan has no path for
		b.Run.Writes = 0
		return e.fail(ctx, b, StateFailed, err)
	}
	if left, _, merr := remaining(now, changes); merr == nil {
		b.own(left) // undo must know what there is to undo
	}
	return e.fail(ctx, b, StatePartly, err)
}

// moved reports whether something else is left to do than before a write.
func moved(now json.RawMessage, left, changes []Change) bool {
	still, _, err := remaining(now, changes)
	return err == nil && !reflect.DeepEqual(still, left)
}

// goOn takes the next step after a write that failed and yet changed something:
// AWS may have carried it out, lost its answer, and refused to do it again.
func (e *Engine) goOn(ctx context.Context, b *batch, err error) (Next, error) {
	b.Run.Tries, b.Run.Error = 0, failure(err)
	b.record("wrote", string(Classify(err)), map[string]any{"token": b.Run.Intent.Token})
	b.wait(0)
	return e.commit(ctx, b)
}

// untouched reports whether no change has been made at all.
func untouched(now json.RawMessage, changes []Change) bool {
	for _, c := range changes {
		inverse := []Change{c.Reverse()}
		left, _, err := remaining(now, inverse)
		if err != nil || len(left) > 0 {
			return false
		}
	}
	return true
}

// trouble is an error of a step: the run waits, ends with nothing to do, or
// ends in the given state.
func (e *Engine) trouble(ctx context.Context, b *batch, err error, end State) (Next, error) {
	r := b.Run
	switch {
	case errors.Is(err, ErrGone) && r.State == StateReverting, errors.Is(err, ErrGone) && r.State == StateRevertSettle:
		r.Left = append(r.Left, "the resource no longer exists, so nothing of it can be put back")
		return e.finish(ctx, b, StateReverted)
	case errors.Is(err, ErrGone):
		return e.nothing(ctx, b, whyGone)
	case ctx.Err() != nil: // the process is ending: the step repeats elsewhere
		return Next{Step: string(r.State)}, ctx.Err()
	case errors.Is(err, ErrSettling):
		if b.now.Sub(r.Since) > maxSettling {
			return e.fail(ctx, b, end, &Error{Code: CodeTimeout, Message: "the resource has not settled for " + maxSettling.String(), Do: "look at the resource in AWS, then start again"})
		}
		r.Tries++
		r.Polls++
		b.settling = true
		b.wait(min(backoff(time.Second, r.Tries), 2*time.Minute))
		return e.commit(ctx, b)
	case Classify(err) == CodeKilled:
		b.killed = true
		r.Error = failure(err)
		b.wait(5 * time.Second)
		return e.commit(ctx, b)
	case untilMended(err), transient(err) && r.Tries < maxTries:
		if r.Tries++; untilMended(err) { // whatever comes after it has its own tries left
			r.Tries = min(r.Tries, heldTries)
		}
		r.Error = failure(err)
		b.wait(scattered(min(backoff(time.Second, r.Tries), time.Minute), r.ID, r.Tries))
		return e.commit(ctx, b)
	}
	return e.fail(ctx, b, end, err)
}

func failure(err error) *Failure {
	f := &Failure{Code: Classify(err), Message: err.Error(), Do: Advice(err)}
	var c *ConflictError
	if errors.As(err, &c) {
		f.Foreign, f.Do = c.Changes, "find out who changed it and why; then plan again"
	}
	return f
}
