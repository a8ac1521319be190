package lambda

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/asr"
	"example.com/asr/workflow"
)

// Report ends an execution: it gives the run up if a task failed for good, tells
// of it, and starts the next execution if there is more to do. Without a run,
// as the schedule calls it each minute, it gives turns to the runs in the line,
// and tells what is still to be told.
func (h *Handlers) Report(ctx context.Context, in workflow.State) error {
	if in.Run == "" {
		return errors.Join(h.admit(ctx), h.deliver(ctx, asr.Pending{Late: late}))
	}
	if in.Error != nil {
		why := &asr.Error{Code: asr.CodeInternal, Message: fmt.Sprintf("a task of its workflow failed: %s: %s", in.Error.Error, clip(in.Error.Cause)), Do: "look at the execution " + workflow.Name(in.Run, in.N) + " in Step Functions, then start the run again"}
		if err := h.abandon(ctx, in.Run, why); err != nil {
			return err
		}
	}
	if err := h.deliver(ctx, asr.Pending{Run: in.Run}); err != nil {
		return err
	}
	return h.goOn(ctx, in)
}

// admit starts the runs of the line whose turn has come.
func (h *Handlers) admit(ctx context.Context) error {
	if err := h.c.Refresh(ctx); err != nil {
		return err
	}
	runs, err := h.c.Engine.Admit(ctx)
	for _, id := range runs {
		err = errors.Join(err, h.c.Starter.Start(ctx, id))
	}
	return err
}

// abandon gives a run up that can't be driven.
func (h *Handlers) abandon(ctx context.Context, run string, why *asr.Error) error {
	if err := h.c.Refresh(ctx); err != nil { // its limits: the defaults do, too
		h.c.Log.ErrorContext(ctx, "policy", "error", err)
	}
	was, err := h.c.Store.Run(ctx, run)
	if err != nil {
		return err
	}
	if err := h.c.Engine.Abandon(ctx, run, why); err != nil || !was.State.Open() {
		return err
	}
	r, err := h.c.Store.Run(ctx, run)
	if err == nil && !r.State.Open() {
		h.c.Metrics.Ended(r)
	}
	return err
}

// clip keeps what a task says of its failure to what an operator reads.
func clip(s string) string {
	const most = 300
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// tellFor is how long the schedule's own telling goes on: the next one begins a
// minute after it began, and would tell the same.
const tellFor = 40 * time.Second

// deliver tells until nothing is left that is due.
func (h *Handlers) deliver(ctx context.Context, p asr.Pending) error {
	begun := h.c.Clock()
	for h.enough(ctx, oneStep/2) && (p.Run != "" || h.c.Clock().Sub(begun) < tellFor) {
		sent, err := h.c.Engine.Deliver(ctx, h.c.Reporter, p)
		if err != nil || sent == 0 {
			return err
		}
	}
	return ctx.Err()
}

// goOn starts the next execution for what came while this one was ending, and
// for what this one was too long for.
func (h *Handlers) goOn(ctx context.Context, in workflow.State) error {
	if in.Parked {
		return nil
	}
	r, err := h.c.Store.Run(ctx, in.Run)
	if err != nil {
		return err
	}
	if due, ok := r.Due(); !ok || due.After(h.c.Clock()) {
		return nil
	}
	if _, err := h.c.Engine.Restart(ctx, in.Run, in.N); err != nil {
		return err
	}
	return h.c.Starter.Start(ctx, in.Run)
}
