package asr

import (
	"context"
	"errors"
	"time"
)

// longestTelling is how far off a report's next try may be.
const longestTelling = time.Hour

// SetBack mends what a clock left behind that was ahead and has been set right:
// runs and reports whose time is reckoned by it would wait until it comes. They
// are due now; a step that comes too early does no harm. It returns how many
// they were. Whoever drives runs calls it at first, and when its clock has gone
// back; without need it does nothing.
func (e *Engine) SetBack(ctx context.Context) (n int, err error) {
	q := RunQuery{States: []State{StateClaimed, StateScheduled, StateApplying, StateSettling, StateReverting, StateRevertSettle}}
	for {
		runs, next, err := e.c.Store.Runs(ctx, q)
		if !Partial(err) {
			return n, err
		}
		for _, r := range runs {
			if !e.ahead(&r) {
				continue
			}
			if _, err := e.update(ctx, r.ID, system, e.dueNow); err != nil {
				return n, err
			}
			n++
		}
		if q.Cursor = next; next == "" {
			break
		}
	}
	told, err := e.tellNow(ctx)
	return n + told, err
}

// ahead reports whether the run was stored by a clock that is ahead of ours, and
// waits.
func (e *Engine) ahead(r *Run) bool {
	now := e.now()
	due, ok := r.Due()
	return ok && !r.State.Waits() && due.After(now) && r.UpdatedAt.After(now.Add(time.Minute))
}

func (e *Engine) dueNow(b *batch) error {
	if e.ahead(b.Run) {
		b.record("clock_set_back", "", map[string]time.Time{"was": b.Run.NextAt})
		b.Run.NextAt = b.now
	}
	return nil
}

// tellNow has reports told that wait longer than any does.
func (e *Engine) tellNow(ctx context.Context) (n int, err error) {
	now := e.now()
	all, err := e.c.Store.Messages(ctx, "", now.AddDate(100, 0, 0), 0)
	for _, m := range all {
		if m.DueAt.After(now.Add(longestTelling + ClocksApart)) {
			m.DueAt = now
			err = errors.Join(err, e.c.Store.Postpone(ctx, m))
			n++
		}
	}
	return n, err
}
