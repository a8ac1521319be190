package policy

import (
	"maps"
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

	consoleActions = []string{"run", "ask"}
)

// reader takes the files of one policy apart.
type reader struct {
	yamlfile.Reader
	policy *Policy
}

// place is where n stands in the file that is being read.
func (r *reader) place(n *yaml.Node) Place { return Place{r.File, n.Line, n.Column} }

// fail notes a mistake at a place; field is its path.
func (r *reader) fail(at Place, field, what, do string) {
	r.Add(yamlfile.MistakeAt(at.Where(), field, what, do))
}

// once notes where a field stands that only one file may have.
func (r *reader) once(n *yaml.Node, field string) bool {
	before, ok := r.policy.said[field]
	if ok {
		r.Fail(n, field, "it is at "+before.Where()+" already", "remove one")
		return false
	}
	r.policy.said[field] = r.place(n)
	return true
}

// file adds a file's text to the policy.
func (r *reader) file(text []byte) {
	p := r.policy
	root := r.Parse(text)
	if root == nil {
		return
	}
	version := false
	r.Fields(root, "", map[string]func(string, *yaml.Node){
		"version": func(at string, n *yaml.Node) { version = r.oneOf(n, at, []string{"1"}) != "" },
		"console_action": func(at string, n *yaml.Node) {
			if r.once(n, at) && r.oneOf(n, at, consoleActions) == "run" {
				p.Console = asr.ModeAuto
			}
		},
		"default": func(at string, n *yaml.Node) {
			if r.once(n, at) {
				p.Default = asr.Mode(r.oneOf(n, at, modes))
			}
		},
		"limits": func(at string, n *yaml.Node) {
			if r.once(n, at) {
				p.Limit = r.limits(n, at)
			}
		},
		"windows": func(at string, n *yaml.Node) {
			r.Pairs(n, at, func(k, v *yaml.Node) {
				if field := at + "." + k.Value; r.once(k, field) {
					p.Windows[k.Value] = r.window(v, field)
				}
			})
		},
		"groups": func(at string, n *yaml.Node) {
			r.Pairs(n, at, func(k, v *yaml.Node) {
				if field := at + "." + k.Value; r.once(k, field) {
					p.Groups[k.Value] = r.group(v, field)
				}
			})
		},
		"callers": func(at string, n *yaml.Node) { p.Callers = append(p.Callers, r.callers(n, at)...) },
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
}

func (r *reader) rule(n *yaml.Node, at string) Rule {
	rule := Rule{field: at, Place: r.place(n), Params: map[string]Param{}}
	r.Fields(n, at, map[string]func(string, *yaml.Node){
		"name":  func(at string, n *yaml.Node) { rule.Name = r.Text(n, at) },
		"match": func(at string, n *yaml.Node) { rule.Match = r.match(n, at) },
		"not": func(at string, n *yaml.Node) {
			if rule.Not = r.match(n, at); rule.Not.empty() {
				r.Fail(n, at, "it excepts everything", "say what to except, or remove it")
			}
		},
		"window":    func(at string, n *yaml.Node) { rule.Window = Pattern{r.Text(n, at), r.place(n)} },
		"approvers": func(at string, n *yaml.Node) { rule.Approvers = r.patterns(n, at, nil) },
		"need":      func(at string, n *yaml.Node) { rule.Need = r.count(n, at, "approvals", 9) },
		"four_eyes": func(at string, n *yaml.Node) { rule.FourEyes = r.Flag(n, at) },
		"mode":      func(at string, n *yaml.Node) { rule.Mode = asr.Mode(r.oneOf(n, at, modes)) },
		"params": func(at string, n *yaml.Node) {
			r.Pairs(n, at, func(k, v *yaml.Node) {
				rule.Params[k.Value] = Param{r.JSON(v, at+"."+k.Value), r.place(k)}
			})
		},
	})
	r.need(n, at, "name", "give the rule a name: decisions are told by it")
	r.need(n, at, "mode", "say what the rule allows: "+strings.Join(modes, ", "))
	return rule
}

func (r *reader) need(n *yaml.Node, at, field, do string) {
	if n.Kind == yaml.MappingNode && yamlfile.Child(n, field) == nil {
		r.Fail(n, strings.TrimPrefix(at+"."+field, "."), "missing", do)
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
		patterns = append(patterns, Pattern{text, r.place(n)})
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
	places := map[string]Place{}
	check := func(rule Rule) {
		if before, ok := places[rule.Name]; ok && rule.Name != "" {
			r.fail(rule.Place, rule.field+".name", strconv.Quote(rule.Name)+" is the name of the rule at "+before.Where()+" too", "rename one")
		}
		places[rule.Name] = rule.Place
	}
	for _, x := range p.Exceptions {
		check(x.Rule)
	}
	for _, rule := range p.Rules {
		check(rule)
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
