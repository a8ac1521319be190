package asr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// admit has a scheduled run take its place among those that are under way, as
// far as the limits allow. A run that they hold back joins the line: admitted is
// false then. What it changes is stored with the batch.
func (e *Engine) admit(ctx context.Context, b *batch) (admitted bool, err error) {
	r, limits := b.Run, e.c.Policy.Limits()
	if r.Slot {
		return true, nil
	}
	scopes := limits.scopes(r.Target.Account, r.Target.Region, r.Control)
	if len(scopes) == 0 {
		return true, nil
	}
	ledgers, err := e.c.Store.Ledgers(ctx, scopes...)
	if err != nil {
		return false, err
	}
	for i := range ledgers {
		g := &ledgers[i]
		if err := e.count(ctx, g, limits); err != nil {
			return false, err
		}
		reason, why := limits.room(*g, r.weight(), b.now)
		if reason == "" && g.Line > 0 {
			reason, why = ReasonTurn, fmt.Sprintf("%d runs wait %s already, and take turns", g.Line, inWords(g.Scope))
		}
		if reason != "" {
			g.Line++
			b.Ledgers = []Ledger{*g}
			b.queue(Waiting{
				Run: r.ID, Account: r.Target.Account, Region: r.Target.Region, Control: r.Control, Severity: r.Facts.Severity,
				Person: r.Actor.Kind == "person", Findings: r.weight(), Since: b.now, Scope: g.Scope, Reason: reason,
			}, why)
			return false, nil
		}
	}
	b.occupy(ledgers)
	return true, nil
}

// count looks how many findings a control has, where the limits depend on it and
// an hour has passed.
func (e *Engine) count(ctx context.Context, g *Ledger, l Limits) error {
	control, ok := strings.CutPrefix(g.Scope, ofAControl)
	if now := e.now(); ok && l.Daily > 0 && now.Sub(g.CountedAt).Abs() >= hour.length {
		counts, err := e.c.Store.Counts(ctx)
		if err != nil {
			return err
		}
		g.Findings, g.CountedAt = counts.Controls[control], now
	}
	return nil
}

// queue has the run wait in the line.
func (b *batch) queue(w Waiting, why string) {
	b.Run.Queued = &w
	b.Run.Error = &Failure{Code: CodeLimited, Message: why, Do: "wait: its turn comes when there is room; asr limits shows what holds runs back"}
	if w.Reason == ReasonStopped {
		b.Run.Error.Do = resumeDo(w.Scope)
	}
	b.record("queued", string(w.Reason), map[string]string{"scope": w.Scope, "why": why})
}

// resumeDo is what is to be done about a scope that is stopped.
func resumeDo(scope string) string {
	return "find out why they failed, then asr limits resume " + strings.TrimPrefix(scope, ofAControl)
}

// weight is how many findings a run is about; one that somebody asked for
// without a finding counts as one.
func (r *Run) weight() int { return max(1, len(r.Findings)) }

// occupy counts the run in the ledgers as one that begins.
func (b *batch) occupy(ledgers []Ledger) {
	for i := range ledgers {
		ledgers[i].begin(b.Run.ID, b.Run.weight(), b.now)
	}
	b.Run.Slot, b.Ledgers = true, ledgers
}

// square brings the ledgers in line with where the batch's run stands: one that
// isn't about to begin any more leaves the line, one that is no longer under way
// gives its place up.
func (e *Engine) square(ctx context.Context, b *Batch) error {
	r := b.Run
	switch {
	case r == nil:
		return nil
	case r.Queued != nil && r.State != StateScheduled:
		ledgers, err := e.c.Store.Ledgers(ctx, r.Queued.Scope)
		if err != nil {
			return err
		}
		ledgers[0].Line = max(0, ledgers[0].Line-1)
		b.Ledgers, r.Queued = ledgers, nil
	case r.Slot && r.State != StateScheduled && r.State != StateApplying && r.State != StateSettling:
		return e.vacate(ctx, b, howEnded(r.State))
	}
	return nil
}

func howEnded(s State) ended {
	switch s {
	case StateVerified, StateNothingToDo:
		return endedWell
	case StateFailed, StatePartly, StateConflict, StateCannotPlan:
		return endedBadly
	}
	return endedOtherwise
}

// vacate gives the run's place up. A failure that is one too many stops its
// scope, of which people are told.
func (e *Engine) vacate(ctx context.Context, b *Batch, how ended) error {
	r, l, now := b.Run, e.c.Policy.Limits(), e.now()
	ledgers, err := e.c.Store.Ledgers(ctx, AllRuns, RegionRuns(r.Target.Account, r.Target.Region), ControlRuns(r.Control))
	if err != nil {
		return err
	}
	for i := range ledgers {
		g := &ledgers[i]
		if !slices.Contains(g.InFlight, r.ID) {
			continue // it has begun without this scope's limits
		}
		if why := g.end(r.ID, how, l.Failures, now); why != "" {
			if err := e.stopped(ctx, b, *g); err != nil {
				return err
			}
		}
		b.Ledgers = append(b.Ledgers, *g)
	}
	r.Slot = false
	return nil
}

// stopped records that a scope is stopped, and tells people.
func (e *Engine) stopped(ctx context.Context, b *Batch, g Ledger) error {
	rec, err := e.own(ctx, b, Record{At: g.Stopped.At, Actor: system, Event: "stopped", Reason: string(ReasonStopped), Detail: encode(map[string]any{"scope": g.Scope, "why": g.Stopped.Why, "run": g.Stopped.Run})})
	if err != nil {
		return err
	}
	b.Records = append(b.Records, rec)
	for _, channel := range e.c.Channels {
		report := b.Run.report(channel, g.Stopped.At)
		report.By, report.Reason, report.Do = system.Name, string(ReasonStopped), resumeDo(g.Scope)
		report.Note = "asr stopped " + scopeInWords(g.Scope) + ": " + g.Stopped.Why + ". What has begun goes on; nothing more of it begins."
		b.Messages = append(b.Messages, Message{ID: b.Run.ID + "/" + string(channel) + "/stopped/" + g.Scope, DueAt: g.Stopped.At, Report: report})
	}
	return nil
}

// own chains a record to asr's own, after those of the batch.
func (e *Engine) own(ctx context.Context, b *Batch, rec Record) (Record, error) {
	rec.Subject = SubjectSelf
	head, err := e.c.Store.Head(ctx, rec.Subject)
	if err != nil {
		return rec, err
	}
	for _, before := range b.Records {
		if before.Subject == rec.Subject {
			head = Chain{Seq: before.Seq, Hash: before.Hash}
		}
	}
	return head.Append(rec), nil
}

// maxTurns is how many turns one Admit gives: the rest wait for the next.
const maxTurns = 500

// Admit gives turns to the runs in the line, as far as the limits allow: the
// most severe first, yet each fourth turn to the account that has waited
// longest. It returns those runs, which are due now. Whoever drives runs calls
// it every minute or oftener; any number may at once.
func (e *Engine) Admit(ctx context.Context) (runs []string, err error) {
	if err := e.killed(ctx); err != nil {
		if Classify(err) == CodeKilled {
			return nil, nil
		}
		return nil, err
	}
	var waiting []Waiting
	err = e.c.Store.Line(ctx, func(w Waiting) error {
		waiting = append(waiting, w)
		return nil
	})
	unread, left := err, UnreadableError{}
	if !Partial(err) || len(waiting) == 0 {
		return nil, err
	}
	turns, err := e.c.Store.Ledgers(ctx, givenTurns)
	if err != nil {
		return nil, err
	}
	d := &desk{e, e.c.Policy.Limits(), map[string]Ledger{}}
	line := newLine(waiting, d.limits, turns[0])
	for stale := 0; err == nil && len(runs) < maxTurns && stale < 20; {
		w, ok := line.next()
		if !ok {
			break
		}
		var admitted bool
		admitted, err = d.turn(ctx, line, w)
		switch {
		case errors.Is(err, ErrStale):
			stale, err = stale+1, nil
		case left.Skip(err): // a run that can't be read gets no turn, and costs no other its own
			err = nil
			line.drop(w)
		}
		if admitted {
			runs = append(runs, w.Run)
		}
	}
	err = errors.Join(unread, left.OrNil(), err)
	if len(runs) == 0 {
		return nil, err
	}
	noted := e.c.Store.Commit(ctx, &Batch{Ledgers: []Ledger{line.given(turns[0])}})
	if errors.Is(noted, ErrStale) { // somebody else gave turns too, and noted theirs
		noted = nil
	}
	return runs, errors.Join(err, noted)
}

// desk is the ledgers as one Admit has them in hand, by scope.
type desk struct {
	*Engine
	limits  Limits
	ledgers map[string]Ledger
}

// look returns the scopes' ledgers.
func (d *desk) look(ctx context.Context, scopes ...string) ([]Ledger, error) {
	var all []Ledger
	for _, scope := range scopes {
		g, ok := d.ledgers[scope]
		if !ok {
			found, err := d.c.Store.Ledgers(ctx, scope)
			if err != nil {
				return nil, err
			}
			g = found[0]
			if err := d.count(ctx, &g, d.limits); err != nil {
				return nil, err
			}
			d.ledgers[scope] = g
		}
		all = append(all, g)
	}
	return all, nil
}

// turn lets a run of the line begin, or notes which scope is full. ErrStale if
// somebody else was quicker.
func (d *desk) turn(ctx context.Context, line *line, w Waiting) (bool, error) {
	counted := d.limits.scopes(w.Account, w.Region, w.Control)
	ledgers, err := d.look(ctx, counted...)
	if err != nil {
		return false, err
	}
	for _, g := range ledgers {
		if reason, _ := d.limits.room(g, w.Findings, d.now()); reason != "" {
			line.full[g.Scope] = true
			return false, nil
		}
	}
	r, err := d.c.Store.Run(ctx, w.Run)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	if err != nil || r.Queued == nil {
		line.drop(w)
		return false, nil
	}
	if ledgers, err = d.look(ctx, distinct(append(counted, r.Queued.Scope))...); err != nil {
		return false, err
	}
	b := d.batch(&r, system)
	b.record("admitted", string(r.Queued.Reason), map[string]string{"scope": r.Queued.Scope})
	for i := range ledgers {
		if g := &ledgers[i]; g.Scope == r.Queued.Scope {
			g.Line = max(0, g.Line-1)
		}
	}
	r.Queued, r.Error, r.NextAt, r.UpdatedAt = nil, nil, b.now, b.now
	b.occupy(ledgers)
	if err := d.c.Store.Commit(ctx, &b.Batch); err != nil {
		clear(d.ledgers)
		return false, err
	}
	for _, g := range b.Ledgers {
		d.ledgers[g.Scope] = g
	}
	line.turn(w, b.now)
	return true, nil
}

func distinct(scopes []string) []string {
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// Resume lets runs of a scope begin again after too many have failed. Its
// failures so far no longer count. CodeNotFound if it isn't stopped.
func (e *Engine) Resume(ctx context.Context, scope string, by Actor, why string) error {
	if !by.Verified {
		return &Error{Code: CodeNotAllowed, Message: by.Name + " is not verified", Do: "resume with AWS credentials: the audit log says who did"}
	}
	for range 20 {
		ledgers, err := e.c.Store.Ledgers(ctx, scope)
		if err != nil {
			return err
		}
		g := ledgers[0]
		if g.Stopped == nil {
			return &Error{Code: CodeNotFound, Message: scopeInWords(scope) + " isn't stopped", Do: "asr limits shows what is"}
		}
		b := Batch{Ledgers: []Ledger{g}}
		rec, err := e.own(ctx, &b, Record{At: e.now(), Actor: by, Event: "resumed", Detail: encode(map[string]any{"scope": scope, "why": why, "stopped": g.Stopped})})
		if err != nil {
			return err
		}
		b.Records = []Record{rec}
		b.Ledgers[0].Stopped, b.Ledgers[0].Good, b.Ledgers[0].Bad = nil, nil, nil
		if err := e.c.Store.Commit(ctx, &b); !errors.Is(err, ErrStale) {
			return err
		}
	}
	return ErrStale
}
