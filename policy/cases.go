package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"go.yaml.in/yaml/v3"
)

// Case is a finding and what is to be decided about it: a line of a table.
type Case struct {
	Name string
	Place
	At      time.Time     // when it is decided; zero: now
	Age     time.Duration // of the finding; 0: not known
	Console bool          // a custom action asks for it
	Finding asr.Finding
	Account asr.Account // what the organization knows of its account
	Expect  Expect
}

// Expect is what a case's decision is to be; what is left out may be anything.
type Expect struct {
	Mode      asr.Mode
	Reason    asr.Reason
	Rule      *string // "none" in the table: ""
	Begins    *time.Time
	Approvers []string // all that any rule lists, sorted; nil: any
	Need      int
	FourEyes  *bool
	Params    map[string]Param
}

// Tables are the tables of cases beside a policy: NAME.test.yaml beside
// NAME.yaml, or all *.test.yaml of a folder.
func Tables(path string) ([]string, error) {
	files, err := filesOf(path, isTable)
	if err != nil || len(files) != 1 || files[0] != path {
		return files, err
	}
	ext := filepath.Ext(path)
	table := strings.TrimSuffix(path, ext) + ".test" + ext
	if _, err := os.Stat(table); err != nil {
		return nil, nil
	}
	return []string{table}, nil
}

// LoadCases reads a table. Errors are *asr.Error with CodeBadInput, joined, one
// per mistake.
func LoadCases(file string) ([]Case, error) {
	r := newReader(file)
	var cases []Case
	err := r.open(file, func(text []byte) { cases = r.cases(text) })
	if err == nil {
		err = r.Err()
	}
	return cases, err
}

func (r *reader) cases(text []byte) (cases []Case) {
	root := r.Parse(text)
	if root == nil {
		return nil
	}
	var at time.Time
	r.Fields(root, "", map[string]func(string, *yaml.Node){
		"version": func(at string, n *yaml.Node) { r.oneOf(n, at, []string{"1"}) },
		"at":      func(field string, n *yaml.Node) { at = r.instant(n, field) },
		"cases": func(at string, n *yaml.Node) {
			r.Items(n, at, func(at string, n *yaml.Node) { cases = append(cases, r.aCase(n, at)) })
		},
	})
	r.need(root, "", "version", "write version: 1 at the top")
	r.need(root, "", "cases", "list cases")
	for i := range cases {
		if cases[i].At.IsZero() {
			cases[i].At = at
		}
	}
	return cases
}

func (r *reader) aCase(n *yaml.Node, at string) Case {
	c := Case{Place: r.place(n), Finding: asr.Finding{Provider: asr.Provider{Compliance: asr.ComplianceFailed, RecordState: asr.RecordActive, Resources: []asr.Resource{{}}}}}
	f, resource := &c.Finding, &c.Finding.Resources[0]
	text := func(into *string) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) { *into = r.Text(n, at) }
	}
	r.Fields(n, at, map[string]func(string, *yaml.Node){
		"name":          text(&c.Name),
		"at":            func(at string, n *yaml.Node) { c.At = r.instant(n, at) },
		"console":       func(at string, n *yaml.Node) { c.Console = r.Flag(n, at) },
		"control":       text(&f.Control),
		"account":       text(&f.Account),
		"region":        text(&f.Region),
		"resource":      text(&resource.ID),
		"resource_type": text(&resource.Type),
		"severity":      func(at string, n *yaml.Node) { f.Severity = r.oneOf(n, at, asr.Severities) },
		"standards":     func(at string, n *yaml.Node) { f.Standards = r.texts(n, at) },
		"tags":          func(at string, n *yaml.Node) { resource.Tags = r.values(n, at) },
		"ous":           func(at string, n *yaml.Node) { c.Account.OUs = r.texts(n, at) },
		"account_tags":  func(at string, n *yaml.Node) { c.Account.Tags = r.values(n, at) },
		"age":           func(at string, n *yaml.Node) { c.Age = r.duration(n, at) },
		"expect":        func(at string, n *yaml.Node) { c.Expect = r.expect(n, at) },
	})
	r.need(n, at, "control", "say what is found: the control")
	r.need(n, at, "expect", "say what is to be decided: expect: {mode: ...}")
	if arn := strings.SplitN(resource.ID, ":", 6); len(arn) == 6 && arn[0] == "arn" { // as a finding would say
		f.Region, f.Account = cmp.Or(f.Region, arn[3]), cmp.Or(f.Account, arn[4])
	}
	return c
}

// Reported is the case's finding as it is reported at a time.
func (c Case) Reported(at time.Time) asr.Finding {
	f := c.Finding
	if f.UpdatedAt = at; c.Age > 0 {
		f.CreatedAt = at.Add(-c.Age)
	}
	return f
}

func (r *reader) expect(n *yaml.Node, at string) (e Expect) {
	r.Fields(n, at, map[string]func(string, *yaml.Node){
		"mode":   func(at string, n *yaml.Node) { e.Mode = asr.Mode(r.oneOf(n, at, modes)) },
		"reason": func(at string, n *yaml.Node) { e.Reason = asr.Reason(r.Text(n, at)) },
		"rule": func(at string, n *yaml.Node) {
			rule := strings.TrimSuffix(r.Text(n, at), "none")
			e.Rule = &rule
		},
		"begins": func(at string, n *yaml.Node) {
			var begins time.Time
			if n.Value != "at once" {
				begins = r.instant(n, at)
			}
			e.Begins = &begins
		},
		"approvers": func(at string, n *yaml.Node) {
			e.Approvers = r.texts(n, at)
			slices.Sort(e.Approvers)
		},
		"need": func(at string, n *yaml.Node) { e.Need = r.count(n, at, "approvals", 9) },
		"four_eyes": func(at string, n *yaml.Node) {
			flag := r.Flag(n, at)
			e.FourEyes = &flag
		},
		"params": func(at string, n *yaml.Node) {
			e.Params = map[string]Param{}
			r.Pairs(n, at, func(k, v *yaml.Node) { e.Params[k.Value] = Param{r.JSON(v, at+"."+k.Value), r.place(k)} })
		},
	})
	r.need(n, at, "mode", "say which: "+strings.Join(modes, ", "))
	return e
}

// Misses is what a judgement has otherwise than expected, in words: "mode: got
// ask, want auto".
func (e Expect) Misses(j asr.Judgement) (all []string) {
	d := j.Decision
	miss := func(same bool, what string, got, want any) {
		if !same {
			all = append(all, fmt.Sprintf("%s: got %v, want %v", what, got, want))
		}
	}
	miss(d.Mode == e.Mode, "mode", d.Mode, e.Mode)
	miss(e.Reason == "" || d.Reason == e.Reason, "reason", d.Reason, e.Reason)
	if e.Rule != nil {
		miss(d.Rule == *e.Rule, "rule", named(d.Rule), named(*e.Rule))
	}
	if e.Begins != nil {
		miss(d.NotBefore.Equal(*e.Begins), "begins", begins(d.NotBefore), begins(*e.Begins))
	}
	approvers, need, eyes := demanded(d)
	miss(e.Approvers == nil || slices.Equal(approvers, e.Approvers), "approvers", approvers, e.Approvers)
	miss(e.Need == 0 || need == e.Need, "need", need, e.Need)
	miss(e.FourEyes == nil || eyes == *e.FourEyes, "four_eyes", eyes, !eyes)
	var got map[string]json.RawMessage
	_ = json.Unmarshal(j.Params, &got) // where nothing is done there are none
	for _, name := range sortedKeys(e.Params) {
		want := string(e.Params[name].Value)
		miss(string(got[name]) == want, "params."+name, cmp.Or(string(got[name]), "nothing"), want)
	}
	return all
}

func named(rule string) string { return cmp.Or(rule, "none") }

func begins(t time.Time) string {
	if t.IsZero() {
		return "at once"
	}
	return t.UTC().Format(time.RFC3339)
}

// demanded is what all consents come to together.
func demanded(d asr.Decision) (approvers []string, need int, eyes bool) {
	need = 1
	for _, c := range d.Consents {
		approvers = append(approvers, c.By...)
		need, eyes = max(need, c.Need), eyes || c.FourEyes
	}
	slices.Sort(approvers)
	return slices.Compact(approvers), need, eyes
}

// Unused are the rules and exceptions that none of the names is of.
func (p *Policy) Unused(names []string) (unused []Rule) {
	if p == nil {
		return nil
	}
	var all []Rule
	for _, x := range p.Exceptions {
		all = append(all, x.Rule)
	}
	for _, r := range append(all, p.Rules...) {
		if !slices.Contains(names, r.Name) {
			unused = append(unused, r)
		}
	}
	return unused
}

// instant is a time as RFC 3339 writes it, or the beginning of a day in UTC.
func (r *reader) instant(n *yaml.Node, at string) time.Time {
	text, layout := r.Text(n, at), date
	if strings.Contains(text, "T") {
		layout = time.RFC3339
	}
	t, err := time.Parse(layout, text)
	if err != nil && text != "" {
		r.Fail(n, at, quoted(text)+" is no time", "write it as 2026-03-04T12:00:00Z, or a day")
	}
	return t.UTC()
}

// texts is a list of texts, or a single one.
func (r *reader) texts(n *yaml.Node, at string) (all []string) {
	for _, p := range r.patterns(n, at, nil) {
		all = append(all, p.Text)
	}
	return all
}

// values are texts by name; none is not the same as not known.
func (r *reader) values(n *yaml.Node, at string) map[string]string {
	all := map[string]string{}
	r.Pairs(n, at, func(k, v *yaml.Node) { all[k.Value] = r.Text(v, at+"."+k.Value) })
	return all
}
