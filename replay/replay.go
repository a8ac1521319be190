// Package replay says what a policy would decide about the findings that are
// stored, and what two policies would decide otherwise. It asks the engine, and
// starts and stores nothing.
package replay

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/asr"
)

// Store is where findings are.
type Store interface {
	// Findings lists findings, the last updated first.
	Findings(ctx context.Context, q asr.FindingQuery) (findings []asr.Finding, next string, err error)
}

// Judge says what would be decided about a finding. An *asr.Engine is one.
type Judge interface {
	Judge(ctx context.Context, f asr.Finding, console bool) (asr.Judgement, error)
}

// Report is what would be decided. Each list is sorted, the most that would be
// done first; the same findings and decisions make the same report.
type Report struct {
	Findings  int     `json:"findings"`
	Decisions []Kind  `json:"decisions"`
	Controls  []Group `json:"controls"`
	Accounts  []Group `json:"accounts"`
	Rules     []Group `json:"rules"` // and exceptions, that decide
}

// Kind is how many findings get a decision.
type Kind struct {
	Mode     asr.Mode   `json:"mode"`
	Reason   asr.Reason `json:"reason"`
	Findings int        `json:"findings"`
	Runs     int        `json:"runs"`    // that they would start or join
	Waiting  int        `json:"waiting"` // findings whose window is closed

	claims map[string]bool
}

// Group is how many findings of a control, an account or a rule get each mode.
type Group struct {
	Name    string `json:"name"`
	Auto    int    `json:"auto"`
	Ask     int    `json:"ask"`
	Observe int    `json:"observe"`
	Off     int    `json:"off"`
}

// Run asks about all findings that were updated since a time; the zero time: all.
func Run(ctx context.Context, s Store, judge Judge, since time.Time) (Report, error) {
	var r Report
	kinds, controls, accounts, rules := map[string]*Kind{}, groups{}, groups{}, groups{}
	err := each(ctx, s, since, func(f asr.Finding) error {
		j, err := judge.Judge(ctx, f, false)
		if err != nil {
			return err
		}
		r.Findings++
		count(kinds, j)
		controls.count(cmp.Or(j.Facts.Control, f.Control, "none"), j.Decision.Mode)
		accounts.count(f.Account, j.Decision.Mode)
		if j.Decision.Rule != "" {
			rules.count(j.Decision.Rule, j.Decision.Mode)
		}
		return nil
	})
	for _, k := range kinds {
		k.Runs = len(k.claims)
		r.Decisions = append(r.Decisions, *k)
	}
	slices.SortFunc(r.Decisions, func(a, b Kind) int {
		return cmp.Or(rank(b.Mode)-rank(a.Mode), b.Findings-a.Findings, strings.Compare(string(a.Reason), string(b.Reason)))
	})
	r.Controls, r.Accounts, r.Rules = controls.sorted(), accounts.sorted(), rules.sorted()
	return r, err
}

// each calls f for all findings since a time, the last updated first.
func each(ctx context.Context, s Store, since time.Time, f func(asr.Finding) error) error {
	q := asr.FindingQuery{Limit: 1000}
	for {
		page, next, err := s.Findings(ctx, q)
		if err != nil {
			return err
		}
		for _, finding := range page {
			if finding.UpdatedAt.Before(since) {
				return nil // as are all that follow
			}
			if err := f(finding); err != nil {
				return err
			}
		}
		if q.Cursor = next; next == "" {
			return nil
		}
	}
}

func count(kinds map[string]*Kind, j asr.Judgement) {
	d := j.Decision
	key := string(d.Mode) + "/" + string(d.Reason)
	k := kinds[key]
	if k == nil {
		k = &Kind{Mode: d.Mode, Reason: d.Reason, claims: map[string]bool{}}
		kinds[key] = k
	}
	k.Findings++
	if j.Claim != "" {
		k.claims[j.Claim] = true
	}
	if !d.NotBefore.IsZero() && (d.Mode == asr.ModeAuto || d.Mode == asr.ModeAsk) {
		k.Waiting++
	}
}

type groups map[string]*Group

func (all groups) count(name string, m asr.Mode) {
	g := all[name]
	if g == nil {
		g = &Group{Name: name}
		all[name] = g
	}
	switch m {
	case asr.ModeAuto:
		g.Auto++
	case asr.ModeAsk:
		g.Ask++
	case asr.ModeObserve:
		g.Observe++
	default:
		g.Off++
	}
}

func (all groups) sorted() []Group {
	list := []Group{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[name])
	}
	slices.SortStableFunc(list, func(a, b Group) int {
		return cmp.Or(b.Auto-a.Auto, b.Ask-a.Ask, b.Observe-a.Observe, b.Off-a.Off)
	})
	return list
}

// rank is how much a mode allows.
func rank(m asr.Mode) int {
	return slices.Index([]asr.Mode{asr.ModeOff, asr.ModeObserve, asr.ModeAsk, asr.ModeAuto}, m)
}
