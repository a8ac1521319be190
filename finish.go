package asr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const whyGone = "the resource no longer exists"

// nothing ends a run that has nothing to change.
func (e *Engine) nothing(ctx context.Context, b *batch, why string) (Next, error) {
	b.Run.Error = &Failure{Message: why}
	return e.finish(ctx, b, StateNothingToDo)
}

// fail ends a run without success, unless it may be tried again.
func (e *Engine) fail(ctx context.Context, b *batch, end State, err error) (Next, error) {
	b.Run.Error = failure(err)
	if l := e.c.Policy.Limits().Retries; b.Run.Retries < l.Most && b.Run.retryable(end) {
		return e.retry(ctx, b, l.After<<(2*b.Run.Retries))
	}
	return e.finish(ctx, b, end)
}

// retryable reports whether a run that ends so, with its Error, may be tried
// again by itself: nothing was written, nobody was asked, and what went wrong
// may be right another time.
func (r *Run) retryable(end State) bool {
	switch r.Error.Code {
	case CodeThrottled, CodeUnavailable, CodeDenied, CodeNoRole, CodeTimeout, CodeConflict, CodeStalePlan, CodeAWS:
		return slices.Contains([]State{StateFailed, StateCannotPlan, StateConflict}, end) && r.Decision.Mode == ModeAuto && r.Actor.Kind == "policy" && r.Undo == nil
	}
	return false
}

// retry has a failed run planned again after a while.
func (e *Engine) retry(ctx context.Context, b *batch, after time.Duration) (Next, error) {
	r := b.Run
	if r.Slot {
		if err := e.vacate(ctx, &b.Batch, endedBadly); err != nil {
			return Next{}, fmt.Errorf("%s: limits: %w", r.ID, err)
		}
	}
	r.Retries++
	b.record("retried_later", string(r.Error.Code), map[string]any{"error": r.Error, "until": b.now.Add(after)})
	r.Intent, b.Locks = nil, LockRelease
	b.enter(StateClaimed)
	b.wait(after)
	return e.commit(ctx, b)
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
		if len(b.Findings) == maxTold {
			if next, err := e.tellFirst(ctx, b); err != nil || next.Step == "again" {
				return next, err
			}
		}
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
	e.announce(b)
	b.answer()
	return e.commit(ctx, b)
}

// maxTold is how many findings one batch tells: stores take no batch of any size.
const maxTold = 25

// tellFirst stores the findings that have been told so far, before their run
// ends: a crash in between tells them again.
func (e *Engine) tellFirst(ctx context.Context, b *batch) (Next, error) {
	err := e.c.Store.Commit(ctx, &Batch{Findings: b.Findings, Messages: b.Messages})
	b.Findings, b.Messages = nil, nil
	if errors.Is(err, ErrStale) {
		return Next{Step: "again"}, nil
	}
	if err != nil {
		return Next{}, fmt.Errorf("%s: store: %w", b.Run.ID, err)
	}
	return Next{}, nil
}

// announce tells people where the run stands, on the channels that there are.
func (e *Engine) announce(b *batch) {
	for _, channel := range e.c.Channels {
		b.say(channel, nil)
	}
}

// answer tells who waits for the run's outcome.
func (b *batch) answer() {
	for _, reply := range b.Run.Replies {
		b.say(ChannelRequester, &reply)
	}
}

// say is a report on the run.
func (b *batch) say(channel Channel, reply *Reply) {
	r := b.Run
	rep := r.report(channel, b.now)
	rep.By, rep.Ticket, rep.Reply = r.acting().Name, r.Ticket, reply
	note, do := b.inWords()
	rep.Note, rep.Do = clip(Line(note), 512), Line(do)
	switch {
	case r.Error != nil && !r.State.Waits():
		rep.Reason = string(r.Error.Code)
	default:
		rep.Reason = string(r.Decision.Reason)
	}
	id := r.ID + "/" + string(channel) + "/" + string(r.State) + "/" + b.now.Format("20060102T150405.000000")
	if reply != nil {
		id += "/" + reply.Execution
	}
	b.Messages = append(b.Messages, Message{ID: id, DueAt: b.now, Report: rep})
}

// report is what every report on a run says.
func (r *Run) report(channel Channel, at time.Time) Report {
	return Report{
		Channel: channel, Account: r.Target.Account, Region: r.Target.Region, Run: r.ID, State: r.State, Control: r.Control, Remediation: r.Remediation,
		Resource: r.Target.ID, Severity: r.Facts.Severity, At: at,
	}
}

// inWords says where a run stands, and what is to be done.
func (b *batch) inWords() (note, do string) {
	r := b.Run
	switch r.State {
	case StateVerified:
		return "Fixed, and verified by reading back.", "asr revert " + r.ID + " puts it back"
	case StateReverted:
		return "Put back as " + r.Undo.By.Name + " asked.", ""
	case StateAwaiting:
		return fmt.Sprintf("%d changes wait for an approval until %s: %s.", len(r.Plan.Changes), r.ExpiresAt.Format(time.RFC3339), r.Decision.Why), "asr runs show " + r.ID + ", then asr approve or asr reject"
	case StatePlanned:
		return "Planned only: " + r.Decision.Why + ".", "asr remediate starts it"
	}
	if r.Error != nil {
		return r.Error.Message, r.Error.Do
	}
	return string(r.State), ""
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
