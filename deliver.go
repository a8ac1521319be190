package asr

import (
	"context"
	"errors"
	"slices"
	"time"
)

// maxReports is how often a report is sent that AWS refuses for good.
const maxReports = 10

// together is how many reports a Reporter is given at once: few enough that
// what was so before is still so at their end, and that few are sent twice if
// the process dies.
const together = 40

// Pending selects reports to deliver; its zero value selects all that are due.
type Pending struct {
	Run  string        // only those of the run
	Late time.Duration // only those that have been due so long
}

// Deliver sends the reports that are due, at most 100, and says how many it
// sent. Those that fail are sent again later, unless Security Hub doesn't know
// the finding any more or goes on refusing: they never change a run's outcome.
func (e *Engine) Deliver(ctx context.Context, to Reporter, p Pending) (int, error) {
	due, err := e.c.Store.Messages(ctx, p.Run, e.now().Add(-p.Late), 100)
	if !Partial(err) {
		return 0, err
	}
	sent, unread := 0, err // those that can't be read stay, and keep no other back
	for some := range slices.Chunk(due, together) {
		n, err := e.deliver(ctx, to, some)
		if sent += n; err != nil {
			return sent, errors.Join(unread, err)
		}
	}
	return sent, unread
}

// deliver sends some reports at once, and keeps what became of each.
func (e *Engine) deliver(ctx context.Context, to Reporter, due []Message) (sent int, err error) {
	var some []Message
	var reports []Report
	for _, m := range due {
		old, err := e.superseded(ctx, m.Report)
		if err == nil && old {
			err = e.c.Store.Delivered(ctx, m.ID)
		}
		if errors.Is(err, ErrCorrupt) { // what became of its finding can't be told: the report stands
			old, err = false, nil
		}
		if err != nil {
			return 0, err
		}
		if !old {
			some, reports = append(some, m), append(reports, m.Report)
		}
	}
	var all []error
	for i, rerr := range reportAll(ctx, to, reports) {
		if rerr == nil {
			sent++
		}
		all = append(all, e.keep(ctx, some[i], rerr)) // those that were sent are done with, whatever becomes of the others
	}
	return sent, errors.Join(all...)
}

// keep keeps what became of a message: it is done with, or due again later.
func (e *Engine) keep(ctx context.Context, m Message, rerr error) error {
	switch code := Classify(rerr); {
	case rerr == nil:
		return e.c.Store.Delivered(ctx, m.ID)
	case code == CodeNotFound, code == CodeAWS && m.Tries >= maxReports:
		e.c.Log.WarnContext(ctx, "report given up", "finding", m.Report.Finding, "run", m.Report.Run, "error", rerr)
		return e.c.Store.Delivered(ctx, m.ID)
	}
	m.Tries++
	m.Error = rerr.Error()
	m.DueAt = e.now().Add(min(backoff(5*time.Second, m.Tries), longestTelling))
	return e.c.Store.Postpone(ctx, m)
}

// superseded reports whether a report was overtaken by a later one on the same
// finding: sent now, it would stand for what is no longer so.
func (e *Engine) superseded(ctx context.Context, r Report) (bool, error) {
	f, err := e.c.Store.Finding(ctx, r.Finding)
	if r.Channel != ChannelSecurityHub || errors.Is(err, ErrNotFound) || err == nil && (r.Workflow == "" || f.Outcome == OutcomeRunning) {
		return false, nil
	}
	now := map[Outcome]string{
		OutcomeFixed: WorkflowResolved, OutcomeConfirmed: WorkflowResolved, OutcomeStillFailed: WorkflowNotified, OutcomeNotFixed: WorkflowNotified, OutcomeReverted: WorkflowNew,
	}[f.Outcome]
	return err == nil && now != "" && now != r.Workflow, err
}
