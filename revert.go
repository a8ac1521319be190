package asr

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Revert asks that a run's changes be put back. It answers with what can't be,
// in Run.Left. With force, values that somebody changed since are overwritten
// and noted in Undo.Overridden. CodeNotAllowed if the run changed nothing or has
// not ended; CodeRefused if none of it can be put back; CodeConflict if another
// run works on the target.
func (e *Engine) Revert(ctx context.Context, id string, by Actor, force bool) (Run, error) {
	return e.update(ctx, id, by, func(b *batch) error {
		r := b.Run
		if !r.Undoable() {
			return &Error{Code: CodeNotAllowed, Message: fmt.Sprintf("run %s is %s: there is nothing to put back", id, r.State), Do: "asr runs show " + id}
		}
		u, err := e.unit(r.Remediation)
		if err != nil {
			return err
		}
		if u.Spec.Irreversible != "" {
			return &Error{Code: CodeRefused, Message: "it can't be put back: " + u.Spec.Irreversible, Do: "nothing was changed"}
		}
		back, left := inverse(r)
		if len(back) == 0 {
			return &Error{Code: CodeRefused, Message: fmt.Sprintf("none of it can be put back: %v", left), Do: "nothing was changed"}
		}
		if err := e.buildsOn(ctx, r, back); err != nil {
			return err
		}
		r.Undo = &Undo{By: by, At: b.now, Force: force, From: r.State, Changes: back}
		r.Left, r.Reads, r.Intent = left, 0, nil
		b.record("revert_asked", "", map[string]any{"force": force, "left": left})
		b.enter(StateReverting)
		return nil
	})
}

// buildsOn refuses to put back what a later run has gone on from: a path that
// both changed may read as it did before the first, though it is the second's.
// What a later run went on from stands in its plan: a run whose plan is older
// was planned anew if another one changed the same path first.
func (e *Engine) buildsOn(ctx context.Context, r *Run, back []Change) error {
	q := RunQuery{
		States:  []State{StateVerified, StatePartly, StateApplying, StateSettling, StateReverting, StateRevertSettle},
		Account: r.Target.Account, Resource: r.Target.ID,
	}
	for {
		runs, next, err := e.c.Store.Runs(ctx, q)
		if err != nil {
			return err
		}
		for _, later := range runs {
			if later.ID == r.ID || later.Plan == nil || !later.Plan.MadeAt.After(r.Plan.MadeAt) || !overlaps(later, *r, back) {
				continue
			}
			do := "asr revert " + later.ID + " first"
			if later.State == StateReverting || later.State == StateRevertSettle {
				do = "wait until its undo has ended, then try again"
			}
			return &Error{Code: CodeConflict, Message: "run " + later.ID + " went on from what this run did", Do: do}
		}
		if q.Cursor = next; next == "" {
			return nil
		}
	}
}

// overlaps reports whether a run of the same unit on the same target changed
// one of the paths.
func overlaps(later, r Run, back []Change) bool {
	if later.Remediation != r.Remediation || later.Target != r.Target {
		return false
	}
	return slices.ContainsFunc(later.Plan.Changes, func(c Change) bool {
		return slices.ContainsFunc(back, func(b Change) bool {
			return slices.Equal(b.Path, c.Path) && (len(c.Path) == 0 || c.Path[len(c.Path)-1] != Element)
		})
	})
}

// inverse turns a plan's changes round, and lists those that stay.
func inverse(r *Run) (back []Change, left []string) {
	for _, c := range slices.Backward(r.Plan.Changes) {
		switch {
		case c.Keep != "":
			left = append(left, c.Field()+": "+c.Keep)
		case c.Makes != "" && !slices.Contains(r.Made, c.Makes):
			left = append(left, c.Field()+": this run didn't make it")
		default:
			back = append(back, c.Reverse())
		}
	}
	return back, left
}

// revert takes the next step back.
func (e *Engine) revert(ctx context.Context, b *batch, u Remediation) (Next, error) {
	r := b.Run
	if r.Intent == nil { // its first step
		r.Intent = &Intent{At: b.now}
		r.Tries, r.Error = 0, nil // waiting for the lock was no try
		b.Locks = LockTake
		b.record("reverting", "", map[string]any{"fields": names(r.Undo.Changes)})
		return e.locked(ctx, b, StateReverting)
	}
	now, err := u.Read(ctx, r.look())
	if err != nil {
		return e.trouble(ctx, b, err, StatePartly)
	}
	left, goal, err := remaining(now, r.Undo.Changes)
	var conflict *ConflictError
	if errors.As(err, &conflict) {
		if !r.Undo.Force {
			return e.refuseRevert(ctx, b, conflict)
		}
		r.Undo.override(conflict)
		b.record("overridden", string(CodeConflict), map[string]any{"fields": names(conflict.Changes)})
		left, goal, err = remaining(now, r.Undo.Changes)
	}
	if err != nil {
		return e.fail(ctx, b, StatePartly, err)
	}
	if len(left) == 0 {
		r.Reads, r.Error = 0, nil
		b.enter(StateRevertSettle)
		return e.commit(ctx, b)
	}
	return e.write(ctx, b, u, now, goal, left, r.Undo.Changes)
}

// override takes what is there now for what is to be put back.
func (u *Undo) override(conflict *ConflictError) {
	for _, foreign := range conflict.Changes {
		u.Overridden = append(u.Overridden, foreign)
		for i, c := range u.Changes {
			if slices.Equal(c.Path, foreign.Path) && string(encodeOf(c.From)) == string(encodeOf(foreign.From)) {
				u.Changes[i].From = foreign.To
			}
		}
	}
}

// refuseRevert leaves everything as it is: somebody has changed what was to be
// put back. If something was put back already, the run ends partly applied.
func (e *Engine) refuseRevert(ctx context.Context, b *batch, conflict *ConflictError) (Next, error) {
	r := b.Run
	f := failure(conflict)
	f.Do = "look at the difference; asr revert --force " + r.ID + " overwrites it"
	if r.Undo.Writes > 0 {
		r.Error = f
		return e.finish(ctx, b, StatePartly)
	}
	return e.standAsItIs(ctx, b, f)
}

// standAsItIs ends an undo that was refused before it put anything back.
func (e *Engine) standAsItIs(ctx context.Context, b *batch, why *Failure) (Next, error) {
	r := b.Run
	r.Undo.Writes, r.Undo.Refused = 0, why
	b.record("revert_refused", string(why.Code), why)
	ended := r.EndedAt
	b.enter(r.Undo.From)
	r.EndedAt = ended
	return e.commit(ctx, b)
}

// revertFailed leaves behind what the unit says can't be removed, and goes on
// with the rest; any other failure ends the run.
func (e *Engine) revertFailed(ctx context.Context, b *batch, u Remediation, err error) (Next, error) {
	r := b.Run
	now, rerr := u.Read(ctx, r.look())
	if Classify(err) != CodeRefused || rerr != nil {
		return e.fail(ctx, b, StatePartly, err)
	}
	pending, _, rerr := remaining(now, r.Undo.Changes)
	if rerr != nil {
		return e.fail(ctx, b, StatePartly, rerr)
	}
	kept := 0
	r.Undo.Changes = slices.DeleteFunc(r.Undo.Changes, func(c Change) bool {
		made := c.Makes != "" && slices.ContainsFunc(pending, func(p Change) bool { return slices.Equal(p.Path, c.Path) })
		if made {
			kept++
			r.Left = append(r.Left, c.Field()+": "+err.Error())
		}
		return made
	})
	if kept == 0 && untouched(now, r.Undo.Changes) { // refused before anything was put back
		return e.standAsItIs(ctx, b, failure(err))
	}
	if kept == 0 {
		return e.fail(ctx, b, StatePartly, err)
	}
	b.record("left_behind", string(CodeRefused), r.Left)
	b.wait(0)
	return e.commit(ctx, b)
}

func encodeOf(doc []byte) []byte {
	v, _ := decode(doc)
	return encode(v)
}
