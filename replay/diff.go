package replay

import (
	"bytes"
	"cmp"
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"example.com/asr"
)

// Difference is what two policies would decide otherwise: what becomes
// automatic first, then what else allows more, then what allows the same
// otherwise, then what allows less.
type Difference struct {
	Findings  int      `json:"findings"`
	Changed   int      `json:"changed"`
	Automatic int      `json:"automatic"` // of them, that become automatic
	Changes   []Change `json:"changes"`
}

// Effect is what a change comes to.
type Effect string

// Effects, the most that is allowed first.
const (
	Automatic Effect = "automatic" // it becomes automatic
	More      Effect = "more"      // more is allowed
	Other     Effect = "other"     // the same mode, otherwise
	Less      Effect = "less"      // less is allowed
)

var effects = []Effect{Automatic, More, Other, Less}

// Change is findings whose decision changes in the same way.
type Change struct {
	Effect   Effect    `json:"effect"`
	From     Verdict   `json:"from"`
	To       Verdict   `json:"to"`
	What     []string  `json:"what"` // of "mode", "reason", "parameters", "approvals", "window"
	Findings int       `json:"findings"`
	Examples []Example `json:"examples"` // the last updated first
}

// Verdict is a decision in short.
type Verdict struct {
	Mode   asr.Mode   `json:"mode"`
	Reason asr.Reason `json:"reason"`
}

// Example is a finding whose decision changes.
type Example struct {
	Finding  string `json:"finding"`
	Control  string `json:"control"`
	Account  string `json:"account"`
	Region   string `json:"region"`
	Resource string `json:"resource"`
	Was      string `json:"was"` // why the old policy decides as it does
	Will     string `json:"will"`
}

// Diff asks two judges about all findings that were updated since a time. It
// keeps so many examples of each change. A rule of another name that does the
// same is no change.
func Diff(ctx context.Context, s Store, before, after Judge, since time.Time, examples int) (Difference, error) {
	d := Difference{Changes: []Change{}}
	changes := map[string]*Change{}
	err := each(ctx, s, since, func(f asr.Finding) error {
		was, err := before.Judge(ctx, f, false)
		if err != nil {
			return err
		}
		will, err := after.Judge(ctx, f, false)
		if err != nil {
			return err
		}
		d.Findings++
		if what := changed(was, will); len(what) > 0 {
			d.Changed++
			note(changes, what, f, was, will, examples)
		}
		return nil
	})
	for _, c := range changes {
		d.Changes = append(d.Changes, *c)
		if c.Effect == Automatic {
			d.Automatic += c.Findings
		}
	}
	slices.SortFunc(d.Changes, func(a, b Change) int {
		return cmp.Or(slices.Index(effects, a.Effect)-slices.Index(effects, b.Effect), b.Findings-a.Findings, strings.Compare(a.key(), b.key()))
	})
	return d, err
}

// changed is what two judgements don't agree on.
func changed(was, will asr.Judgement) (what []string) {
	a, b := was.Decision, will.Decision
	for _, c := range []struct {
		name string
		same bool
	}{
		{"mode", a.Mode == b.Mode},
		{"reason", a.Reason == b.Reason},
		{"parameters", bytes.Equal(was.Params, will.Params) || was.Params == nil || will.Params == nil},
		{"approvals", reflect.DeepEqual(demands(a), demands(b)) || a.Mode != b.Mode},
		{"window", a.NotBefore.Equal(b.NotBefore) || a.Mode != b.Mode},
	} {
		if !c.same {
			what = append(what, c.name)
		}
	}
	return what
}

// demands are a decision's consents without their rules' names, where it asks.
func demands(d asr.Decision) []asr.Consent {
	var all []asr.Consent
	for _, c := range d.Consents {
		if c.Rule = ""; d.Mode == asr.ModeAsk {
			all = append(all, c)
		}
	}
	return all
}

func note(changes map[string]*Change, what []string, f asr.Finding, was, will asr.Judgement, examples int) {
	a, b := was.Decision, will.Decision
	c := Change{From: Verdict{a.Mode, a.Reason}, To: Verdict{b.Mode, b.Reason}, What: what, Effect: effect(a.Mode, b.Mode), Examples: []Example{}}
	kept := changes[c.key()]
	if kept == nil {
		kept = &c
		changes[c.key()] = kept
	}
	kept.Findings++
	if len(kept.Examples) < examples {
		kept.Examples = append(kept.Examples, Example{
			Finding: f.ID, Control: cmp.Or(will.Facts.Control, f.Control), Account: f.Account, Region: f.Region, Resource: f.Resource().ID, Was: a.Why, Will: b.Why,
		})
	}
}

func (c Change) key() string {
	return strings.Join(append([]string{string(c.From.Mode), string(c.From.Reason), string(c.To.Mode), string(c.To.Reason)}, c.What...), "/")
}

func effect(from, to asr.Mode) Effect {
	switch {
	case from != to && to == asr.ModeAuto:
		return Automatic
	case rank(to) > rank(from):
		return More
	case rank(to) < rank(from):
		return Less
	}
	return Other
}
