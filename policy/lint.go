package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.com/asr"
)

// Problem is something in a policy that won't do what it seems to say.
type Problem struct {
	Place
	Severity string `json:"severity"` // "error": part of the rule has no effect, or the wrong one; "warning": it may surprise
	Rule     string `json:"rule"`
	Message  string `json:"message"`
	Do       string `json:"do"`
}

// LintContext is what a policy is held against. A nil function leaves out the
// checks that need it.
type LintContext struct {
	Now         time.Time                                    // exceptions are held against it
	Controls    func() []string                              // the security controls that playbooks know
	Remediation func(control string) (asr.Remediation, bool) // what answers a control
}

// Lint finds what Parse can't see: rules that never decide, controls, accounts,
// Regions and parameters that don't exist, and fixes that a rule seems to make
// automatic and doesn't. The problems come by file and line.
func Lint(p *Policy, c LintContext) []Problem {
	if p == nil {
		return nil
	}
	l := &linter{context: c}
	if c.Controls != nil {
		l.controls = c.Controls()
	}
	l.exceptions(p)
	l.callers(p)
	for i := range p.Rules {
		l.rule = &p.Rules[i]
		l.reachable(p.Rules[:i])
		l.patterns(l.rule.Match)
		l.patterns(l.rule.Not)
		l.known()
		l.params()
		l.automatic()
		l.approvable()
	}
	slices.SortStableFunc(l.problems, func(x, y Problem) int { return cmp.Or(strings.Compare(x.File, y.File), x.Line-y.Line) })
	return l.problems
}

type linter struct {
	context  LintContext
	controls []string
	rule     *Rule
	problems []Problem
}

func (l *linter) add(severity string, at Place, do, format string, args ...any) {
	l.problems = append(l.problems, Problem{Place: at, Severity: severity, Rule: l.rule.Name, Message: fmt.Sprintf(format, args...), Do: do})
}

// reachable finds an earlier rule that takes all that this one could.
func (l *linter) reachable(earlier []Rule) {
	for _, e := range earlier {
		if e.Match.covers(&l.rule.Match) && (e.Not.empty() || !l.rule.Not.empty() && l.rule.Not.covers(&e.Not)) {
			l.add("error", l.rule.Place, "move it above "+e.Name+", narrow that one, or remove it", "it never decides: %s (%s) matches all that it could", e.Name, e.Where())
			return
		}
	}
	if !l.rule.Not.empty() && l.rule.Not.covers(&l.rule.Match) {
		l.add("error", l.rule.Place, "narrow not:", "it never decides: not: excepts all that it matches")
	}
}

// covers reports whether m matches whatever other matches. It may miss that,
// and is never wrong.
func (m *Match) covers(other *Match) bool {
	theirs := map[string][]Pattern{}
	for k := range other.keys() {
		theirs[k.name] = k.patterns
	}
	for k := range m.keys() {
		if !coverAll(theirs[k.name], k.covers) {
			return false
		}
	}
	return coverTags(m.Tags, other.Tags) && coverTags(m.AccountTags, other.AccountTags) &&
		m.OlderThan <= other.OlderThan && (m.NewerThan == 0 || other.NewerThan > 0 && other.NewerThan <= m.NewerThan)
}

func coverTags(mine, theirs map[string][]Pattern) bool {
	for tag, patterns := range mine {
		if !coverAll(theirs[tag], func(text string) bool { return anyOf(patterns, text, false) }) {
			return false
		}
	}
	return true
}

func coverAll(patterns []Pattern, covers func(string) bool) bool {
	for _, p := range patterns {
		if !covers(strings.ReplaceAll(p.Text, "*", "\x00")) { // a letter that only * can take
			return false
		}
	}
	return len(patterns) > 0
}

var (
	account  = regexp.MustCompile(`^(\d{12}|[\d*]*\*[\d*]*)$`)
	region   = regexp.MustCompile(`^([a-z]{2,4}(-[a-z]+)+-\d+|[a-z0-9*-]*\*[a-z0-9*-]*)$`)
	resource = regexp.MustCompile(`^(arn:|\*|AWS::::Account:)`)
	wild     = regexp.MustCompile(`[?\[\]{}]`)
)

// patterns checks the forms of what a match lists.
func (l *linter) patterns(m Match) {
	for _, p := range m.Accounts {
		if !account.MatchString(p.Text) {
			l.add("error", p.Place, "write 12 digits in quotes, or a pattern with *", "accounts: %s is no account id", quoted(p.Text))
		}
	}
	for _, p := range m.Regions {
		if !region.MatchString(p.Text) {
			l.add("error", p.Place, "write a Region such as eu-central-1, or a pattern such as eu-*", "regions: %s is no Region", quoted(p.Text))
		}
	}
	for _, p := range m.Resources {
		if !resource.MatchString(p.Text) {
			l.add("error", p.Place, "write the resource's ARN, such as arn:aws:s3:::prod-*", "resources: %s matches no ARN", quoted(p.Text))
		}
	}
	for k := range m.keys() {
		for _, p := range k.patterns {
			if wild.MatchString(p.Text) {
				l.add("warning", p.Place, "use *, or list each", "%s: only * stands for other characters, ?, [] and {} don't: %s", k.name, quoted(p.Text))
			}
		}
	}
}

// known checks that there are the controls that the rule lists.
func (l *linter) known() {
	if l.context.Controls == nil {
		return
	}
	for _, p := range slices.Concat(l.rule.Match.Controls, l.rule.Not.Controls) {
		if !slices.ContainsFunc(l.controls, func(c string) bool { return anyOf([]Pattern{p}, c, true) }) {
			l.add("error", p.Place, "see asr controls for those that there are", "controls: no control is %s", quoted(p.Text))
		}
	}
}

// answer is a remediation and the controls of the rule that it answers.
type answer struct {
	asr.Remediation
	controls []string
}

// answers are the remediations that the rule decides on.
func (l *linter) answers() []answer {
	if l.context.Remediation == nil {
		return nil
	}
	var found []answer
	for _, control := range l.controls {
		r, ok := l.context.Remediation(control)
		if !ok || !l.rule.concerns(control, r.Spec.Risk) {
			continue
		}
		i := slices.IndexFunc(found, func(a answer) bool { return a.Spec.ID == r.Spec.ID })
		if i < 0 {
			i = len(found)
			found = append(found, answer{Remediation: r})
		}
		found[i].controls = append(found[i].controls, control)
	}
	return found
}

// concerns reports whether the rule could match a finding of that control.
func (r *Rule) concerns(control string, risk asr.Risk) bool {
	facts := asr.Facts{Control: control, Risk: risk}
	step, _ := r.try(&facts, false)
	return step.Result != No
}

// params checks that each remediation takes the parameters that the rule sets.
func (l *linter) params() {
	answers := l.answers()
	for _, name := range sortedKeys(l.rule.Params) {
		p := l.rule.Params[name]
		var without, wrong []string
		wanted := ""
		for _, a := range answers {
			want, ok := parameter(a.Schema, name)
			switch {
			case !ok:
				without = append(without, a.Spec.ID)
			case !want.fits(p.Value):
				wrong, wanted = append(wrong, a.Spec.ID), want.Type
			}
		}
		if len(without) > 0 {
			l.add("error", p.Place, "list only controls that take it: see asr explain", "params: %s is no parameter of %s, which would refuse it", name, some(without))
		}
		if len(wrong) > 0 {
			l.add("error", p.Place, "correct the value", "params: %s of %s is not %s but %s", name, some(wrong), clip(string(p.Value)), article[wanted])
		}
	}
}

// automatic finds what a rule with mode auto won't do by itself, or does
// without having been asked in so many words.
func (l *linter) automatic() {
	if l.rule.Mode != asr.ModeAuto {
		return
	}
	if l.rule.Match.empty() {
		l.add("warning", l.rule.Place, "say which controls: match: {controls: [...]}", "it makes everything automatic")
	}
	var irreversible, risky []string
	for _, a := range l.answers() {
		unnamed := slices.DeleteFunc(slices.Clone(a.controls), l.rule.names)
		switch {
		case a.Spec.Irreversible != "":
			irreversible = append(irreversible, a.Spec.ID)
		case a.Spec.Risk == asr.RiskHigh:
			risky = append(risky, unnamed...)
		}
	}
	if len(irreversible) > 0 {
		l.add("warning", l.rule.Place, "write a rule with mode: ask for them, so that nobody is surprised", "%s can't be put back, so it asks all the same", some(irreversible))
	}
	if len(risky) > 0 {
		l.add("warning", l.rule.Place, "name the control itself if it shall be automatic", "the risk of %s is high: it asks unless the rule names it", some(risky))
	}
}

// approvable finds a rule whose approvers are too few.
func (l *linter) approvable() {
	n := len(l.rule.Approvers)
	if n > 0 && n < l.rule.Need && !slices.ContainsFunc(l.rule.Approvers, func(p Pattern) bool { return strings.Contains(p.Text, "*") }) {
		l.add("error", l.rule.Place, "list more approvers, or lower need", "%d must approve, and it lists only %d", l.rule.Need, n)
	}
}

// some lists up to three.
func some(all []string) string {
	if len(all) > 3 {
		return strings.Join(all[:3], ", ") + fmt.Sprintf(" and %d more", len(all)-3)
	}
	return strings.Join(all, ", ")
}

// schema is as much of JSON Schema as remediations' parameters use.
type schema struct {
	Type       string            `json:"type"`
	Properties map[string]schema `json:"properties"`
	Items      *schema           `json:"items"`
	Additional json.RawMessage   `json:"additionalProperties"`
}

var article = map[string]string{"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "text", "array": "a list", "object": "fields"}

func parameter(doc json.RawMessage, name string) (schema, bool) {
	var s schema
	if json.Unmarshal(doc, &s) != nil {
		return s, false
	}
	p, ok := s.Properties[name]
	return p, ok
}

// fits reports whether a value has the form; an unknown form takes any.
func (s schema) fits(value json.RawMessage) bool {
	switch s.Type {
	case "integer":
		return decodes[int64](value)
	case "number":
		return decodes[float64](value)
	case "boolean":
		return decodes[bool](value)
	case "string":
		return decodes[string](value)
	case "array":
		var items []json.RawMessage
		return json.Unmarshal(value, &items) == nil && items != nil &&
			(s.Items == nil || !slices.ContainsFunc(items, func(v json.RawMessage) bool { return !s.Items.fits(v) }))
	case "object":
		return s.fitsFields(value)
	}
	return true
}

func (s schema) fitsFields(value json.RawMessage) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(value, &fields) != nil || fields == nil {
		return false
	}
	var rest schema
	closed := json.Unmarshal(s.Additional, &rest) != nil && string(s.Additional) == "false"
	for name, v := range fields {
		if p, ok := s.Properties[name]; ok && !p.fits(v) || !ok && (closed || !rest.fits(v)) {
			return false
		}
	}
	return true
}

func decodes[T any](value json.RawMessage) bool {
	var v *T
	return json.Unmarshal(value, &v) == nil && v != nil
}
