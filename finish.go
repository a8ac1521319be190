package asr

import (
	"context"
	"errors"
	"fmt"
)

const whyGone = "the resource no longer exists"

// nothing ends a run that has nothing to change.
func (e *Engine) nothing(ctx context.Context, b *batch, why string) (Next, error) {
	b.Run.Error = &Failure{Message: why}
	return e.finish(ctx, b, StateNothingToDo)
}

// fail ends a run without success.
func (e *Engine) fail(ctx context.Context, b *batch, end State, err error) (Next, error) {
	b.Run.Error = failure(err)
	return e.finish(ctx, b, end)
}

// finish ends a run and tells its findings, in one batch.
func (e *Engine) finish(ctx context.Context, b *batch, end State) (Next, error) {
	r := b.Run
	b.enter(end)
	reason := ""
	if r.Error != nil {
		reason = string(r.Error.Code)
	}
	if end == StateVerified || end == StateReverted {
		r.Error = nil
	}
	b.record(string(end), reason, map[string]any{"error": r.Error, "made": r.Made, "left": r.Left, "writes": r.Writes})
	for _, id := range r.Findings {
		f, err := e.c.Store.Finding(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return Next{}, fmt.Errorf("%s: %w", r.ID, err)
		}
		if f.Run != r.ID {
			continue // it follows another run by now
		}
		b.tell(&f)
		b.Findings = append(b.Findings, f)
	}
	return e.commit(ctx, b)
}

// tell sets a finding's outcome and reports it.
func (b *batch) tell(f *Finding) {
	r := b.Run
	f.Outcome = outcome(r.State, f.Outcome)
	status, note := "", ""
	switch r.State {
	case StateVerified:
		f.FixedAt = b.now
		status, note = WorkflowResolved, fmt.Sprintf("asr fixed this and verified it by reading back: %s. Run %s; undo: asr revert %s", r.Remediation, r.ID, r.ID)
	case StateNothingToDo:
		f.FixedAt = b.now
		if r.Error.Message == whyGone {
			f.Outcome = OutcomeClosed
		}
		note = "asr found nothing to do: " + r.Error.Message + ". Run " + r.ID
	case StateReverted:
		status, note = WorkflowNew, "asr put its fix back as "+r.Undo.By.Name+" asked. Run "+r.ID
	case StateCancelled:
		return
	default:
		status, note = WorkflowNotified, fmt.Sprintf("asr did not fix this (%s): %s. %s Run %s", r.State, r.Error.Message, r.Error.Do, r.ID)
	}
	b.Messages = append(b.Messages, message(*f, status, note, r.ID, b.now))
}

// outcome is what a run's end means for its findings.
func outcome(s State, was Outcome) Outcome {
	switch s {
	case StateVerified, StateNothingToDo:
		return OutcomeFixed
	case StateReverted:
		return OutcomeReverted
	case StateCancelled:
		return OutcomeOpen
	case StateFailed, StatePartly, StateConflict, StateCannotPlan:
		return OutcomeNotFixed
	}
	return was
}
