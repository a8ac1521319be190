package lambda

import (
	"context"
	"math"
	"time"

	"example.com/asr"
	"example.com/asr/workflow"
)

const (
	inline   = 5 * time.Second  // a wait as short as this costs less here than as a state
	oneStep  = time.Minute      // what a step may take
	maxTurns = 800              // tasks of one execution: its history may hold 25,000 events
	longest  = 30 * time.Minute // an execution doesn't wait longer: the sweep starts the next when it is time
)

// Where a task sends its execution next.
const (
	doPlan   = "plan"
	doApply  = "apply"
	doReport = "report"
)

// Plan takes a run's steps that look: its role can assume no session that
// writes. Apply takes the others.
func (h *Handlers) Plan(ctx context.Context, in workflow.State) (workflow.State, error) {
	return h.drive(ctx, in, doPlan)
}

// Apply takes a run's steps that write, and those that read back.
func (h *Handlers) Apply(ctx context.Context, in workflow.State) (workflow.State, error) {
	return h.drive(ctx, in, doApply)
}

// drive takes steps as long as they are this function's and none has to wait.
func (h *Handlers) drive(ctx context.Context, in workflow.State, mine string) (workflow.State, error) {
	if err := h.c.Refresh(ctx); err != nil {
		return in, err
	}
	r, err := h.c.Store.Run(ctx, in.Run)
	if err != nil {
		return in, err
	}
	in.Turns++
	in.Do, in.Wait, in.Error = h.concern(r), 0, nil
	for in.Do == mine && h.enough(ctx, oneStep) {
		next, err := h.c.Engine.Step(ctx, in.Run)
		if err != nil {
			return in, err
		}
		if r, err = h.c.Store.Run(ctx, in.Run); err != nil {
			return in, err
		}
		in.Do = h.concern(r)
		if !r.State.Open() {
			h.c.Metrics.Ended(r)
		}
		if next.Parked || next.After > longest {
			in.Do, in.Parked = doReport, true
			break
		}
		if next.After > inline || !h.enough(ctx, oneStep+next.After) {
			in.Wait = int(math.Ceil(next.After.Seconds()))
			break
		}
		h.c.Sleep(ctx, next.After)
	}
	if in.Turns >= maxTurns { // the next execution goes on from here
		in.Do = doReport
	}
	return in, ctx.Err()
}

// concern is whose step a run's next one is.
func (h *Handlers) concern(r asr.Run) string {
	due, ok := r.Due()
	switch {
	case !ok, r.State.Waits() && due.After(h.c.Clock()):
		return doReport
	case r.State == asr.StateClaimed, r.State.Waits():
		return doPlan
	}
	return doApply
}
