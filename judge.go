package asr

import (
	"context"
	"encoding/json"
	"errors"
)

// Judgement is what would be decided about a finding.
type Judgement struct {
	Facts    Facts
	Decision Decision
	Params   json.RawMessage // of the remediation; nil if nothing would be done
	Claim    string          // findings of one claim share a run; "" if nothing would be done
}

// Judge says what would be decided about a finding as it is if it were reported
// now, or, with console, if a custom action asked for it. It goes the way that
// Ingest goes and stores nothing.
func (e *Engine) Judge(ctx context.Context, f Finding, console bool) (Judgement, error) {
	if !console {
		if d, ok := f.settled(); ok {
			d.At = e.now()
			w, _ := e.understand(ctx, f, request{})
			return Judgement{Facts: w.facts, Decision: d}, nil
		}
	}
	return e.weigh(ctx, f, request{console: console})
}

func (e *Engine) weigh(ctx context.Context, f Finding, req request) (j Judgement, err error) {
	w, d, _, err := e.judge(ctx, f, req)
	j.Facts, j.Decision = w.facts, d
	if d.Mode != ModeOff && err == nil {
		j.Params, j.Claim = w.params, w.claim
	}
	return j, err
}

// judge decides what is done about a failing finding, and finds the run that
// last had its claim; nil if there is none, or if nothing is done.
func (e *Engine) judge(ctx context.Context, f Finding, req request) (w work, d Decision, last *Run, err error) {
	w, d = e.understand(ctx, f, req)
	if d.Mode == "" {
		d = e.decide(w, req)
	}
	if d.Mode != ModeOff {
		last, err = e.lastRun(ctx, f, w)
		d = e.remember(d, last, f, req)
	}
	d.At = e.now()
	return w, d, last, err
}

// lastRun is the run that a finding would join or must remember; nil: none.
func (e *Engine) lastRun(ctx context.Context, f Finding, w work) (*Run, error) {
	r, err := e.c.Store.LastRun(ctx, w.claim)
	if f.Run != "" && (err != nil || !r.State.Open()) { // its claim moved when it was resolved, or it was rejected
		if own, oerr := e.c.Store.Run(ctx, f.Run); oerr == nil && (err != nil || own.CreatedAt.After(r.CreatedAt)) {
			r, err = own, nil
		}
	}
	switch {
	case err == nil && r.Remediation == w.unit.Spec.ID:
		return &r, nil
	case err != nil && !errors.Is(err, ErrNotFound):
		return nil, err
	}
	return nil, nil
}

// settled is the decision about a finding that no policy is asked about: it
// fails no more, a person put it aside, or it is fixed and waits for the check.
func (f Finding) settled() (Decision, bool) {
	off := func(reason Reason, why string) (Decision, bool) {
		return Decision{Mode: ModeOff, Reason: reason, Why: why}, true
	}
	person := "somebody set the finding's workflow status to " + f.Status
	switch {
	case !f.Failing():
		return off(ReasonNotFailing, "the check passes, or the finding is archived")
	case f.Status == WorkflowSuppressed:
		return off(ReasonSuppressed, person)
	case f.Outcome == OutcomeFixed:
		return off(ReasonFixed, "run "+f.Run+" fixed this, and the check hasn't confirmed it yet")
	case f.Status == WorkflowResolved && f.Outcome != OutcomeStillFailed:
		return off(ReasonResolved, person)
	}
	return Decision{}, false
}
