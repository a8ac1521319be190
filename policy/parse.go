package policy

import (
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/yamlfile"
	"go.yaml.in/yaml/v3"
)

var (
	modes    = []string{"off", "observe", "ask", "auto"}
	risks    = []string{"low", "medium", "high"}
	managers = []string{"terraform", "cloudformation", "none"}
)

// Load reads a policy file. Errors are those of Parse, or *asr.Error with
// CodeBadInput if the file can't be read.
func Load(path string) (*Policy, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: "policy", Do: "name a policy file that can be read", Err: err}
	}
	defer f.Close() // only read
	return Parse(path, f)
}

// Parse reads a policy; name stands for it in errors. Errors are *asr.Error
// with CodeBadInput, joined, one per mistake.
func Parse(name string, in io.Reader) (*Policy, error) {
	text, err := io.ReadAll(io.LimitReader(in, yamlfile.MaxSize+1))
	if err != nil {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: name, Do: "name a policy file that can be read", Err: err}
	}
	r := &reader{}
	r.File = name
	p := r.policy(text)
	if err := r.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

type reader struct{ yamlfile.Reader }

func (r *reader) policy(text []byte) *Policy {
	p := &Policy{File: r.File, Console: asr.ModeAsk, Default: asr.ModeOff, Limit: asr.DefaultLimits()}
	root := r.Parse(text)
	if root == nil {
		return p
	}
	version := false
	r.Fields(root, "", map[string]func(string, *yaml.Node){
		"version": func(at string, n *yaml.Node) { version = r.oneOf(n, at, []string{"1"}) != "" },
		"console_action": func(at string, n *yaml.Node) {
			if r.oneOf(n, at, []string{"run", "ask"}) == "run" {
				p.Console = asr.ModeAuto
			}
		},
		"default": func(at string, n *yaml.Node) { p.Default = asr.Mode(r.oneOf(n, at, modes)) },
		"limits":  func(at string, n *yaml.Node) { p.Limit = r.limits(n, at) },
		"windows": func(at string, n *yaml.Node) {
			p.Windows = map[string]Window{}
			r.Pairs(n, at, func(k, v *yaml.Node) { p.Windows[k.Value] = r.window(v, at+"."+k.Value) })
		},
		"groups": func(at string, n *yaml.Node) {
			p.Groups = map[string][]Pattern{}
			r.Pairs(n, at, func(k, v *yaml.Node) { p.Groups[k.Value] = r.group(v, at+"."+k.Value) })
		},
		"exceptions": func(at string, n *yaml.Node) {
			r.Items(n, at, func(at string, n *yaml.Node) { p.Exceptions = append(p.Exceptions, r.exception(n, at)) })
		},
		"rules": func(at string, n *yaml.Node) {
			r.Items(n, at, func(at string, n *yaml.Node) { p.Rules = append(p.Rules, r.rule(n, at)) })
		},
	})
	if !version && yamlfile.Child(root, "version") == nil {
		r.Fail(root, "version", "missing", "write version: 1 at the top")
	}
	r.unique(p)
	r.named(p)
	return p
}

func (r *reader) rule(n *yaml.Node, at string) Rule {
	rule := Rule{Line: n.Line, Params: map[string]Param{}}
	r.Fields(n, at, map[string]func(string, *yaml.Node){
		"name":  func(at string, n *yaml.Node) { rule.Name = r.Text(n, at) },
		"match": func(at string, n *yaml.Node) { rule.Match = r.match(n, at) },
		"not": func(at string, n *yaml.Node) {
			if rule.Not = r.match(n, at); rule.Not.empty() {
				r.Fail(n, at, "it excepts everything", "say what to except, or remove it")
			}
		},
		"window":    func(at string, n *yaml.Node) { rule.Window = Pattern{r.Text(n, at), n.Line} },
		"approvers": func(at string, n *yaml.Node) { rule.Approvers = r.patterns(n, at, nil) },
		"need":      func(at string, n *yaml.Node) { rule.Need = r.count(n, at, "approvals", 9) },
		"four_eyes": func(at string, n *yaml.Node) { rule.FourEyes = r.Flag(n, at) },
		"mode":      func(at string, n *yaml.Node) { rule.Mode = asr.Mode(r.oneOf(n, at, modes)) },
		"params": func(at string, n *yaml.Node) {
			r.Pairs(n, at, func(k, v *yaml.Node) {
				rule.Params[k.Value] = Param{r.JSON(v, at+"."+k.Value), k.Line}
			})
		},
	})
	if n.Kind == yaml.MappingNode {
		r.need(n, at, "name", "give the rule a name: decisions are told by it")
		r.need(n, at, "mode", "say what the rule allows: "+strings.Join(modes, ", "))
	}
	return rule
}

func (r *reader) need(n *yaml.Node, at, field, do string) {
	if yamlfile.Child(n, field) == nil {
		r.Fail(n, at+"."+field, "missing", do)
	}
}

func (r *reader) match(n *yaml.Node, at string) Match {
	m := Match{}
	patterns := func(into *[]Pattern, words []string) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) { *into = r.patterns(n, at, words) }
	}
	tags := func(into *map[string][]Pattern) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) { *into = r.tags(n, at) }
	}
	age := func(into *time.Duration) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) { *into = r.duration(n, at) }
	}
	r.Fields(n, at, map[string]func(string, *yaml.Node){
		"controls":       patterns(&m.Controls, nil),
		"standards":      patterns(&m.Standards, nil),
		"accounts":       patterns(&m.Accounts, nil),
		"ous":            patterns(&m.OUs, nil),
		"regions":        patterns(&m.Regions, nil),
		"resources":      patterns(&m.Resources, nil),
		"resource_types": patterns(&m.ResourceTypes, nil),
		"severities":     patterns(&m.Severities, asr.Severities),
		"risk":           patterns(&m.Risk, risks),
		"managed_by":     patterns(&m.ManagedBy, managers),
		"tags":           tags(&m.Tags),
		"account_tags":   tags(&m.AccountTags),
		"older_than":     age(&m.OlderThan),
		"newer_than":     age(&m.NewerThan),
	})
	return m
}

func (r *reader) tags(n *yaml.Node, at string) map[string][]Pattern {
	tags := map[string][]Pattern{}
	r.Pairs(n, at, func(k, v *yaml.Node) { tags[k.Value] = r.patterns(v, at+"."+k.Value, nil) })
	if len(tags) == 0 {
		r.Fail(n, at, "it is empty", "say which tags, or remove it")
	}
	return tags
}

var durations = regexp.MustCompile(`^([1-9]\d{0,4})([hdw])$`)

// duration is a number of hours, days or weeks.
func (r *reader) duration(n *yaml.Node, at string) time.Duration {
	text := r.Text(n, at)
	m := durations.FindStringSubmatch(text)
	if m == nil {
		if text != "" {
			r.Fail(n, at, strconv.Quote(text)+" is no duration", "write hours, days or weeks, such as 12h, 30d or 2w")
		}
		return 0
	}
	count, _ := strconv.Atoi(m[1]) // digits
	return time.Duration(count) * map[string]time.Duration{"h": time.Hour, "d": day, "w": 7 * day}[m[2]]
}

const day = 24 * time.Hour

// inDays writes a duration in days, below two days in hours.
func inDays(d time.Duration) string {
	if d < 2*day {
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strconv.Itoa(int(d/day)) + "d"
}

// patterns is a list, or a single one. An empty list would be no condition at
// all and is refused. With words, only they are taken.
func (r *reader) patterns(n *yaml.Node, at string, words []string) []Pattern {
	var patterns []Pattern
	one := func(at string, n *yaml.Node) {
		text := ""
		if len(words) > 0 {
			text = r.oneOf(n, at, words)
		} else {
			text = r.Text(n, at)
		}
		patterns = append(patterns, Pattern{text, n.Line})
	}
	if n.Kind == yaml.ScalarNode {
		one(at, n)
		return patterns
	}
	r.Items(n, at, one)
	if n.Kind == yaml.SequenceNode && len(patterns) == 0 {
		r.Fail(n, at, "it is empty", "list what it shall match, or remove it")
	}
	return patterns
}

// oneOf is a word out of some, however it is capitalized; "" if it is another.
func (r *reader) oneOf(n *yaml.Node, at string, words []string) string {
	text := r.Text(n, at)
	for _, w := range words {
		if strings.EqualFold(w, text) {
			return w
		}
	}
	if text != "" {
		r.Fail(n, at, strconv.Quote(text)+" is none of its values", "use "+strings.Join(words, ", "))
	}
	return ""
}

// unique finds names that two rules or exceptions have.
func (r *reader) unique(p *Policy) {
	lines := map[string]int{}
	check := func(rule Rule, list string, i int) {
		if line, ok := lines[rule.Name]; ok && rule.Name != "" {
			r.Fail(&yaml.Node{Line: rule.Line}, fmt.Sprintf("%s[%d].name", list, i), strconv.Quote(rule.Name)+" is the name of the rule on line "+strconv.Itoa(line)+" too", "rename one")
		}
		lines[rule.Name] = rule.Line
	}
	for i, x := range p.Exceptions {
		check(x.Rule, "exceptions", i)
	}
	for i, rule := range p.Rules {
		check(rule, "rules", i)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

func quoted(s string) string { return strconv.Quote(clip(s)) }

// clip shortens what comes from outside.
func clip(s string) string {
	runes := []rune(s)
	if len(runes) <= 120 {
		return s
	}
	return string(runes[:119]) + "…"
}

// several are facts of which one counts.
func several(facts []string) string {
	var texts []string
	for _, f := range facts {
		texts = append(texts, quoted(f))
	}
	return strings.Join(texts, ", ")
}

func listed(patterns []Pattern) string {
	var texts []string
	for _, p := range patterns {
		texts = append(texts, p.Text)
	}
	return strings.Join(texts, " or ")
}
