package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/asr"
)

// Explanation is how a policy comes to its decision.
type Explanation struct {
	Steps    []Step                     `json:"steps"` // exceptions and rules, in order
	Decision asr.Decision               `json:"decision"`
	Names    bool                       `json:"names"` // the deciding rule names the control itself
	Params   map[string]json.RawMessage `json:"params,omitempty"`
}

// Step is one rule tried.
type Step struct {
	Rule string `json:"rule"`
	Place
	Result Result   `json:"result"`
	Why    []string `json:"why"` // key by key
}

// String tells the steps line by line.
func (e Explanation) String() string {
	var b strings.Builder
	for _, s := range e.Steps { // names are what somebody wrote
		b.WriteString(asr.Line(fmt.Sprintf("%-7s  %s (%s): %s", s.Result, s.Rule, s.Where(), strings.Join(s.Why, "; "))) + "\n")
	}
	b.WriteString(asr.Line(fmt.Sprintf("%s, %s: %s", e.Decision.Mode, e.Decision.Reason, e.Decision.Why)) + "\n")
	return b.String()
}

// Decide implements asr.Policy. An exception that matches and has not expired
// turns it off. Else the first rule that matches decides. If one
// before it, or all there are, might match with facts that are missing, nobody
// knows which decides: the answer is ModeAsk, or the strictest mode that any of
// them gives, with ReasonFactsMissing. A console custom action does what
// console_action says, unless a rule with mode off matches, or might.
func (p *Policy) Decide(f asr.Facts) (asr.Decision, bool) {
	e := p.explain(f, false)
	return e.Decision, e.Names
}

// Params implements asr.Policy: those of the rule that decides; none while
// facts are missing that could make it another rule.
func (p *Policy) Params(f asr.Facts) map[string]json.RawMessage { return p.explain(f, false).Params }

// Explain decides and tells how. Decide and Params are parts of its answer.
func (p *Policy) Explain(f asr.Facts) Explanation { return p.explain(f, true) }

func (p *Policy) explain(f asr.Facts, tell bool) Explanation {
	if p == nil {
		none, _ := asr.NoPolicy{}.Decide(f)
		return Explanation{Decision: none}
	}
	var e Explanation
	var c contest
	for i := range p.Exceptions {
		x := &p.Exceptions[i]
		if !x.expired(f.At) {
			e.note(c.enter(&x.Rule, x, &f, tell), tell)
		} else if tell {
			e.note(Step{x.Name, x.Place, No, []string{"it expired on " + x.lastDay()}}, tell)
		}
	}
	for i := range p.Rules {
		if c.winner == nil || tell {
			e.note(c.enter(&p.Rules[i], nil, &f, tell), tell)
		}
	}
	if c.winner != nil && len(c.maybe) == 0 {
		e.Names = c.winner.names(f.Control)
		e.Params = c.winner.params()
	}
	e.Decision = p.settle(c, f.Console)
	p.bind(&e.Decision, c, f.At)
	return e
}

func (e *Explanation) note(s Step, tell bool) {
	if tell {
		e.Steps = append(e.Steps, s)
	}
}

// bind adds what the rules that decide, or might, demand of approvals, and when
// all of their windows are open.
func (p *Policy) bind(d *asr.Decision, c contest, at time.Time) {
	rules := c.maybe
	if c.winner != nil {
		rules = append(slices.Clone(rules), c.winner)
	}
	var windows []Window
	for _, r := range rules {
		if consent, ok := r.consent(); ok {
			d.Consents = append(d.Consents, consent)
		}
		if r.Window.Text != "" {
			windows = append(windows, p.Windows[r.Window.Text])
		}
	}
	if opens := together(windows, at); opens.After(at) {
		d.NotBefore = opens
	}
}

// together is the first instant at which all windows are open. Windows that
// never are hold for a day: the policy is asked again then.
func together(windows []Window, at time.Time) time.Time {
	t := at
	for range 100 {
		before := t
		for _, w := range windows {
			if t = w.opens(t); t.IsZero() {
				return at.Add(day)
			}
		}
		if t.Equal(before) {
			return t
		}
	}
	return at.Add(day)
}

func (r *Rule) consent() (asr.Consent, bool) {
	c := asr.Consent{Rule: r.Name, Need: r.Need, FourEyes: r.FourEyes}
	for _, p := range r.Approvers {
		c.By = append(c.By, p.Text)
	}
	return c, len(c.By) > 0 || c.Need > 0 || c.FourEyes
}

// enter holds a rule, or an exception's, against the facts. After the winner,
// that is only for the record.
func (c *contest) enter(r *Rule, x *Exception, f *asr.Facts, tell bool) Step {
	step, missing := r.try(f, tell)
	switch {
	case c.winner != nil && step.Result != No:
		step.Result = Late
	case c.winner != nil:
	case step.Result == Unknown:
		c.maybe, c.missing = append(c.maybe, r), append(c.missing, missing...)
	case step.Result == Yes:
		c.winner, c.exception = r, x
	}
	return step
}

// NeedsAccounts reports whether a rule hangs on what an organization knows of
// an account.
func (p *Policy) NeedsAccounts() bool {
	needs := func(r Rule) bool {
		return len(r.Match.OUs)+len(r.Match.AccountTags)+len(r.Not.OUs)+len(r.Not.AccountTags) > 0
	}
	return p != nil && (slices.ContainsFunc(p.Rules, needs) || slices.ContainsFunc(p.Exceptions, func(x Exception) bool { return needs(x.Rule) }))
}

// contest is which rules may decide.
type contest struct {
	maybe   []*Rule // match if missing facts turn out so
	winner  *Rule   // the first that matches for certain, nil if none does
	missing []string

	exception *Exception // the winner's, if it is one
}

// settle makes one decision of a contest.
func (p *Policy) settle(c contest, console bool) asr.Decision {
	modes := []asr.Mode{p.Default}
	if c.winner != nil {
		modes[0] = c.winner.Mode
	}
	for _, r := range c.maybe {
		modes = append(modes, r.Mode)
	}
	if console {
		if d, ok := p.console(c, modes); ok {
			return d
		}
	}
	switch {
	case len(c.maybe) > 0:
		d := c.undecided(slices.MinFunc(append(modes, asr.ModeAsk), stricter))
		if c.winner == nil {
			modes = modes[1:] // the default binds nobody who asks
		}
		for _, mode := range []asr.Mode{asr.ModeAsk, asr.ModeOff} {
			if slices.Contains(modes, mode) {
				d.Binds = mode
			}
		}
		return d
	case c.exception != nil:
		x := c.exception
		return asr.Decision{
			Mode: asr.ModeOff, Reason: asr.ReasonException, Rule: x.Name,
			Why: fmt.Sprintf("the exception %s (%s) of %s holds until %s: %s", x.Name, x.Where(), x.Owner, x.lastDay(), x.Reason),
		}
	case c.winner != nil:
		return asr.Decision{
			Mode: c.winner.Mode, Reason: asr.ReasonRule, Rule: c.winner.Name,
			Why: fmt.Sprintf("the rule %s (%s) says %s", c.winner.Name, c.winner.Where(), c.winner.Mode),
		}
	}
	return asr.Decision{Mode: p.Default, Reason: asr.ReasonNoRule, Why: fmt.Sprintf("no rule of %s matches, and its default%s is %s", p.File, p.at("default"), p.Default)}
}

// console is what a custom action does, unless a rule may say off.
func (p *Policy) console(c contest, modes []asr.Mode) (asr.Decision, bool) {
	if c.winner == nil {
		modes = modes[1:] // the default holds no custom action back
	}
	if slices.Contains(modes, asr.ModeOff) {
		return asr.Decision{}, false
	}
	says := "ask"
	if p.Console == asr.ModeAuto {
		says = "run"
	}
	return asr.Decision{Mode: p.Console, Reason: asr.ReasonConsoleAction, Why: fmt.Sprintf("it was asked for in the console, and console_action of %s%s is %s", p.File, p.at("console_action"), says)}, true
}

// at is where the policy says something itself; "" if it doesn't.
func (p *Policy) at(field string) string {
	if place, ok := p.said[field]; ok {
		return " (" + place.Where() + ")"
	}
	return ""
}

func (c contest) undecided(mode asr.Mode) asr.Decision {
	missing := slices.Compact(slices.Sorted(slices.Values(c.missing)))
	var rules []string
	for _, r := range c.maybe {
		rules = append(rules, r.Name+" ("+r.Where()+")")
	}
	return asr.Decision{
		Mode: mode, Reason: asr.ReasonFactsMissing, Rule: c.maybe[0].Name, Missing: missing,
		Why: fmt.Sprintf("%s not known, and %s might decide: the strictest that may hold is %s", strings.Join(missing, ", "), strings.Join(rules, ", "), mode),
	}
}

// strictness in rising order of what is allowed.
var strictness = []asr.Mode{asr.ModeOff, asr.ModeObserve, asr.ModeAsk, asr.ModeAuto}

func stricter(a, b asr.Mode) int { return slices.Index(strictness, a) - slices.Index(strictness, b) }

// try holds a rule against the facts; missing are those that it hangs on.
func (r *Rule) try(f *asr.Facts, tell bool) (s Step, missing []string) {
	match := r.Match.against(f, tell)
	s = Step{Rule: r.Name, Place: r.Place, Result: all(match)}
	if s.Result == No && !tell { // as of most rules of a long policy
		return s, nil
	}
	not := r.Not.against(f, tell)
	if tell {
		s.Why = whys(match, not)
	}
	open := match // the checks that more facts could change
	if len(not) > 0 && s.Result != No {
		but := all(not)
		s.Result = min2(s.Result, opposite(but))
		if but == Unknown {
			open = slices.Concat(match, not)
		}
	}
	if s.Result != Unknown {
		return s, nil
	}
	for _, c := range open {
		if c.result == Unknown {
			missing = append(missing, c.key)
		}
	}
	return s, missing
}

// whys tells of all checks.
func whys(match, not []check) (all []string) {
	for _, c := range match {
		all = append(all, c.why)
	}
	for _, c := range not {
		all = append(all, "not "+c.why)
	}
	if len(all) == 0 {
		return []string{"it has no conditions"}
	}
	return all
}

func opposite(r Result) Result {
	switch r {
	case Yes:
		return No
	case No:
		return Yes
	}
	return Unknown
}

// min2 is both together: no beats unknown beats yes.
func min2(a, b Result) Result {
	return all([]check{{result: a}, {result: b}})
}

func (r *Rule) params() map[string]json.RawMessage {
	if len(r.Params) == 0 {
		return nil
	}
	params := map[string]json.RawMessage{}
	for name, p := range r.Params {
		params[name] = p.Value
	}
	return params
}
