package asr

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// Standing is how far the limits of a scope are used.
type Standing struct {
	Scope         string   `json:"scope"` // AllRuns, or as RegionRuns and ControlRuns say
	Name          string   `json:"name"`  // in words
	InFlight      int      `json:"inFlight"`
	MayBeInFlight int      `json:"mayBeInFlight,omitempty"` // 0: any number
	Begun         int      `json:"begun"`                   // runs within the hour; findings within the day, of a control
	MayBegin      int      `json:"mayBegin,omitempty"`      // 0: any number
	Good          int      `json:"good"`                    // runs that ended within the time that failures count for
	Bad           int      `json:"bad"`
	Line          int      `json:"line"` // runs in the line for its sake
	Stopped       *Stopped `json:"stopped,omitempty"`
}

// Standings are the scopes that something is counted of: all, then what is
// stopped or holds runs back, then the others.
func (e *Engine) Standings(ctx context.Context) ([]Standing, error) {
	l, now := e.c.Policy.Limits(), e.now()
	ledgers, err := e.c.Store.AllLedgers(ctx)
	if err != nil {
		return nil, err
	}
	all := []Standing{}
	for _, g := range ledgers {
		s := Standing{
			Scope: g.Scope, Name: strings.TrimPrefix(inWords(g.Scope), "of "), InFlight: len(g.InFlight), Begun: g.Begun.sum(spanOf(g.Scope), now), Line: g.Line, Stopped: g.Stopped,
			Good: g.Good.sum(l.Failures.span(), now), Bad: g.Bad.sum(l.Failures.span(), now),
		}
		s.MayBeInFlight, s.MayBegin = l.bounds(g.Scope)
		s.MayBegin = max(s.MayBegin, l.budget(g))
		if g.Scope != givenTurns && (s.InFlight+s.Begun+s.Good+s.Bad+s.Line > 0 || s.Stopped != nil) {
			all = append(all, s)
		}
	}
	urgency := func(s Standing) int {
		switch {
		case s.Scope == AllRuns:
			return 0
		case s.Stopped != nil:
			return 1
		case s.Line > 0:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(all, func(a, b Standing) int { return cmp.Compare(urgency(a), urgency(b)) })
	return all, nil
}

// ParseScope is the scope that somebody means by a control's name, or "all".
func (e *Engine) ParseScope(name string) (string, error) {
	if strings.EqualFold(name, AllRuns) {
		return AllRuns, nil
	}
	m, err := e.c.Matcher.Control(name)
	if err != nil {
		return "", err
	}
	return ControlRuns(m.Control), nil
}
