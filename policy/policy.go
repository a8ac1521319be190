// Package policy is the user's policy file: which findings may be remediated,
// how far by itself, and with which parameters. It decides on the facts that it
// is given and fails closed on those that are missing; it looks up nothing and
// changes nothing.
package policy

import (
	"encoding/json"
	"strings"

	"example.com/asr"
)

// Policy is a policy file. It doesn't change and may be used by many at once;
// nil is no policy. It implements asr.Policy.
type Policy struct {
	File    string   // as errors name it
	Console asr.Mode // what a console custom action does: ModeAuto for run, ModeAsk
	Default asr.Mode // when no rule matches
	Rules   []Rule   // the first that matches decides
}

// Rule says what happens to the findings that it matches.
type Rule struct {
	Name   string
	Line   int
	Match  Match // all of its keys
	Not    Match // unless all of these match too; no key: no exception
	Mode   asr.Mode
	Params map[string]Param
}

// Param is the value that a rule gives a remediation's parameter.
type Param struct {
	Value json.RawMessage
	Line  int
}

// Match is patterns by key. Each key that has any must match, by one of its
// patterns; with tags, each tag must.
type Match struct {
	Controls, Accounts, Regions, Resources, Severities, Risk, ManagedBy []Pattern
	Tags                                                                map[string][]Pattern
}

// Pattern is text in which * stands for any number of any characters.
type Pattern struct {
	Text string
	Line int
}

// Result is what came of matching.
type Result string

const (
	Yes     Result = "yes"
	No      Result = "no"
	Unknown Result = "unknown" // it depends on a fact that is missing
)

// check is one key of a Match held against the facts.
type check struct {
	key    string // as the file spells it
	result Result
	why    string
}

// empty reports whether m has no key: it matches everything.
func (m Match) empty() bool { return len(m.keys()) == 0 && len(m.Tags) == 0 }

// keys are the patterns of all keys but tags, in a fixed order.
func (m Match) keys() []key {
	var given []key
	for _, k := range []key{
		{"controls", m.Controls, func(f asr.Facts) string { return f.Control }},
		{"accounts", m.Accounts, func(f asr.Facts) string { return f.Account }},
		{"regions", m.Regions, func(f asr.Facts) string { return f.Region }},
		{"resources", m.Resources, func(f asr.Facts) string { return f.Resource }},
		{"severities", m.Severities, func(f asr.Facts) string { return f.Severity }},
		{"risk", m.Risk, func(f asr.Facts) string { return string(f.Risk) }},
		{"managed_by", m.ManagedBy, func(f asr.Facts) string { return f.ManagedBy }},
	} {
		if len(k.patterns) > 0 {
			given = append(given, k)
		}
	}
	return given
}

type key struct {
	name     string
	patterns []Pattern
	fact     func(asr.Facts) string
}

// covers reports whether one pattern matches the text, or all that the pattern
// text matches: a * in it is then a letter that only a * can take.
func (k key) covers(text string) bool { return anyOf(k.patterns, text, k.name == "controls") }

func anyOf(patterns []Pattern, text string, foldCase bool) bool {
	for _, p := range patterns {
		pattern := p.Text
		if foldCase {
			pattern, text = strings.ToLower(pattern), strings.ToLower(text)
		}
		if glob(pattern, text) {
			return true
		}
	}
	return false
}

// against holds m against the facts; an empty fact is one that is missing.
func (m Match) against(f asr.Facts) []check {
	var checks []check
	for _, k := range m.keys() {
		fact := k.fact(f)
		c := check{k.name, No, k.name + ": " + quoted(fact) + " is not " + listed(k.patterns)}
		switch {
		case fact == "":
			c.result, c.why = Unknown, k.name+": not known"
		case k.covers(fact):
			c.result, c.why = Yes, k.name+": "+quoted(fact)+" is "+listed(k.patterns)
		}
		checks = append(checks, c)
	}
	for _, tag := range sortedKeys(m.Tags) {
		checks = append(checks, tagCheck(tag, m.Tags[tag], f.Tags))
	}
	return checks
}

func tagCheck(tag string, patterns []Pattern, tags map[string]string) check {
	value, has := tags[tag]
	switch {
	case tags == nil:
		return check{"tags", Unknown, "tags: not known"}
	case !has:
		return check{"tags", No, "tags: there is no " + quoted(tag)}
	case anyOf(patterns, value, false):
		return check{"tags", Yes, "tags: " + tag + " = " + quoted(value) + " is " + listed(patterns)}
	}
	return check{"tags", No, "tags: " + tag + " = " + quoted(value) + " is not " + listed(patterns)}
}

// all is what checks come to together: no if one says no, else unknown if one does.
func all(checks []check) Result {
	result := Yes
	for _, c := range checks {
		if c.result == No {
			return No
		}
		if c.result == Unknown {
			result = Unknown
		}
	}
	return result
}

// names reports whether the rule lists the control itself, not a pattern.
func (r Rule) names(control string) bool {
	for _, p := range r.Match.Controls {
		if strings.EqualFold(p.Text, control) && !strings.Contains(p.Text, "*") {
			return true
		}
	}
	return false
}

// glob matches a pattern with *, in time proportional to the product of the lengths.
func glob(pattern, text string) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
