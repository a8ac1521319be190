// Package policy is the user's policy: which findings may be remediated,
// how far by itself, and with which parameters. It decides on the facts that it
// is given and fails closed on those that are missing; it looks up nothing and
// changes nothing.
package policy

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"example.com/asr"
)

// Policy is a policy, of one file or a folder of files. It doesn't change and may be used by many at once;
// nil is no policy. It implements asr.Policy.
type Policy struct {
	File    string   // or folder, as errors name it
	Console asr.Mode // what a console custom action does: ModeAuto for run, ModeAsk
	Default asr.Mode // when no rule matches
	Rules   []Rule   // the first that matches decides

	Exceptions []Exception          // tried before all rules
	Windows    map[string]Window    // by name
	Groups     map[string][]Pattern // of approvers, by name
	Callers    []Caller             // who may use the API, for which accounts; none: everybody, for all
	Limit      asr.Limits           // what holds for all runs

	said map[string]Place // what may be said once only, by its field
}

// Place is where something stands in a policy.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// Where is "FILE:LINE:COLUMN".
func (p Place) Where() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Exception holds back what it matches until it expires.
type Exception struct {
	Rule                    // its mode is off
	Reason, Owner, Evidence string
	Expires                 time.Time // the first instant at which it no longer holds
}

// expired reports whether it no longer holds; while nobody knows the time, it does.
func (x Exception) expired(at time.Time) bool { return !at.IsZero() && !at.Before(x.Expires) }

// Rule says what happens to the findings that it matches.
type Rule struct {
	Name string
	Place
	Match  Match // all of its keys
	Not    Match // unless all of these match too; no key: no exception
	Mode   asr.Mode
	Params map[string]Param

	Window    Pattern   // the name of one; "": it may begin at any time
	Approvers []Pattern // ARNs; none: anybody whom AWS vouches for
	Need      int       // approvals of different people; 0: 1
	FourEyes  bool      // who asked for a run may not approve it

	field string // its path in the file
}

// Param is the value that a rule gives a remediation's parameter.
type Param struct {
	Value json.RawMessage
	Place
}

// Match is patterns by key. Each key that has any must match, by one of its
// patterns; with tags, each tag must.
type Match struct {
	Controls, Standards, Accounts, OUs, Regions, Resources, ResourceTypes, Severities, Risk, ManagedBy []Pattern

	Tags, AccountTags    map[string][]Pattern
	OlderThan, NewerThan time.Duration // of the finding; 0: any
}

// Pattern is text in which * stands for any number of any characters.
type Pattern struct {
	Text string
	Place
}

// Result is what came of matching.
type Result string

const (
	Yes     Result = "yes"
	No      Result = "no"
	Unknown Result = "unknown" // it depends on a fact that is missing
	Late    Result = "late"    // it matches, or might, but one before it decides
)

// check is one key of a Match held against the facts.
type check struct {
	key    string // as the file spells it
	result Result
	why    string
}

// empty reports whether m has no key: it matches everything.
func (m *Match) empty() bool {
	for range m.keys() {
		return false
	}
	return len(m.Tags)+len(m.AccountTags) == 0 && m.OlderThan == 0 && m.NewerThan == 0
}

// keys are the patterns of all keys but tags and ages, in a fixed order.
func (m *Match) keys() iter.Seq[key] {
	return func(yield func(key) bool) {
		for _, k := range [...]key{
			{"controls", m.Controls, func(f *asr.Facts) []string { return known(f.Control) }},
			{"standards", m.Standards, func(f *asr.Facts) []string { return f.Standards }},
			{"accounts", m.Accounts, func(f *asr.Facts) []string { return known(f.Account) }},
			{"ous", m.OUs, func(f *asr.Facts) []string { return f.OUs }},
			{"regions", m.Regions, func(f *asr.Facts) []string { return known(f.Region) }},
			{"resources", m.Resources, func(f *asr.Facts) []string { return known(f.Resource) }},
			{"resource_types", m.ResourceTypes, func(f *asr.Facts) []string { return known(f.ResourceType) }},
			{"severities", m.Severities, func(f *asr.Facts) []string { return known(f.Severity) }},
			{"risk", m.Risk, func(f *asr.Facts) []string { return known(string(f.Risk)) }},
			{"managed_by", m.ManagedBy, func(f *asr.Facts) []string { return known(f.ManagedBy) }},
		} {
			if len(k.patterns) > 0 && !yield(k) {
				return
			}
		}
	}
}

// key is a key of a match. Its facts are what one of the patterns must match
// one of; nil while they are not known.
type key struct {
	name     string
	patterns []Pattern
	facts    func(*asr.Facts) []string
}

// known is a fact of one value.
func known(fact string) []string {
	if fact == "" {
		return nil
	}
	return []string{fact}
}

// covers reports whether one pattern matches the text, or all that the pattern
// text matches: a * in it is then a letter that only a * can take.
func (k key) covers(text string) bool {
	return anyOf(k.patterns, text, slices.Contains([]string{"controls", "standards", "resource_types"}, k.name))
}

func anyOf(patterns []Pattern, text string, loose bool) bool {
	for _, p := range patterns {
		pattern := p.Text
		if loose {
			pattern, text = fold(pattern), fold(text)
		}
		if asr.Glob(pattern, text) {
			return true
		}
	}
	return false
}

// fold makes AwsS3Bucket of AWS::S3::Bucket, all in lower case.
func fold(s string) string { return strings.ToLower(strings.ReplaceAll(s, "::", "")) }

// against holds m against the facts. Unless it is to tell why, the first key
// that says no is the last one tried.
func (m *Match) against(f *asr.Facts, tell bool) (checks []check) {
	add := func(key string, result Result, why func() string) {
		c := check{key: key, result: result}
		if tell {
			c.why = key + ": " + why()
		}
		checks = append(checks, c)
	}
	settled := func() bool { return !tell && len(checks) > 0 && checks[len(checks)-1].result == No }
	for k := range m.keys() {
		facts := k.facts(f)
		switch {
		case facts == nil:
			add(k.name, Unknown, unknown)
		case slices.ContainsFunc(facts, k.covers):
			add(k.name, Yes, func() string { return several(facts) + " is " + listed(k.patterns) })
		default:
			add(k.name, No, func() string { return several(facts) + " is not " + listed(k.patterns) })
		}
		if settled() {
			return checks
		}
	}
	for _, tag := range sortedKeys(m.Tags) {
		result, why := tagged(tag, m.Tags[tag], f.Tags)
		add("tags", result, why)
	}
	for _, tag := range sortedKeys(m.AccountTags) {
		result, why := tagged(tag, m.AccountTags[tag], f.AccountTags)
		add("account_tags", result, why)
	}
	for _, limit := range []struct {
		key  string
		d    time.Duration
		want bool // older
	}{{"older_than", m.OlderThan, true}, {"newer_than", m.NewerThan, false}} {
		if limit.d > 0 {
			result, why := aged(f, limit.d, limit.want)
			add(limit.key, result, why)
		}
	}
	return checks
}

func unknown() string { return "not known" }

// aged compares a finding's age with a limit.
func aged(f *asr.Facts, limit time.Duration, older bool) (Result, func() string) {
	if f.FoundAt.IsZero() || f.At.IsZero() {
		return Unknown, unknown
	}
	age := f.At.Sub(f.FoundAt)
	result, word := No, " is not"
	if (age > limit) == older {
		result, word = Yes, " is"
	}
	return result, func() string {
		compared := " less than "
		if older {
			compared = " more than "
		}
		return "an age of " + inDays(age) + word + compared + inDays(limit)
	}
}

func tagged(tag string, patterns []Pattern, tags map[string]string) (Result, func() string) {
	value, has := tags[tag]
	says := func(word string) func() string {
		return func() string { return tag + " = " + quoted(value) + word + listed(patterns) }
	}
	switch {
	case tags == nil:
		return Unknown, unknown
	case !has:
		return No, func() string { return "there is no " + quoted(tag) }
	case anyOf(patterns, value, false):
		return Yes, says(" is ")
	}
	return No, says(" is not ")
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
