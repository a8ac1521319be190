package policy

import (
	"regexp"
	"slices"

	"example.com/asr"
	"example.com/asr/yamlfile"
	"go.yaml.in/yaml/v3"
)

// Caller says which accounts somebody may know of and act in through the API:
// those that the patterns name, and those in the organizational units, however deep.
type Caller struct {
	Who      []Pattern // principals' ARNs
	Accounts []Pattern
	OUs      []Pattern // ids or names
	Place

	field string // its path in the file
}

// View is what a caller of the API may see: all accounts where the policy names
// no callers; else those of all the entries that name them, none if AWS doesn't
// vouch for them. units are patterns of the ids or names of organizational units,
// whose accounts they may see as well; none if they see all anyway.
func (p *Policy) View(by asr.Actor) (v asr.View, units []string) {
	if p == nil || len(p.Callers) == 0 {
		return asr.View{"*"}, nil
	}
	for _, c := range p.Callers {
		if !by.Verified || !anyOf(c.Who, by.Name, false) {
			continue
		}
		v, units = append(v, texts(c.Accounts)...), append(units, texts(c.OUs)...)
	}
	if v.All() {
		return v, nil
	}
	return v, units
}

// Units are the patterns of organizational units that callers see the accounts
// of, each once.
func (p *Policy) Units() (units []string) {
	if p == nil {
		return nil
	}
	for _, c := range p.Callers {
		units = append(units, texts(c.OUs)...)
	}
	return slices.Compact(slices.Sorted(slices.Values(units)))
}

func texts(patterns []Pattern) (all []string) {
	for _, p := range patterns {
		all = append(all, p.Text)
	}
	return all
}

func (r *reader) callers(n *yaml.Node, at string) (all []Caller) {
	r.Items(n, at, func(at string, n *yaml.Node) { all = append(all, r.caller(n, at)) })
	if n.Kind == yaml.SequenceNode && len(all) == 0 {
		r.Fail(n, at, "it is empty", "say who may see which accounts, or remove it")
	}
	return all
}

func (r *reader) caller(n *yaml.Node, at string) Caller {
	c := Caller{Place: r.place(n), field: at}
	r.Fields(n, at, map[string]func(string, *yaml.Node){
		"who": func(at string, n *yaml.Node) { c.Who = r.patterns(n, at, nil) },
		"accounts": func(at string, n *yaml.Node) {
			c.Accounts = r.patterns(n, at, nil)
			for _, p := range c.Accounts {
				if p.Text != "" && !account.MatchString(p.Text) {
					r.fail(p.Place, at, quoted(p.Text)+" is no account id", "write 12 digits in quotes, or a pattern with *")
				}
			}
		},
		"ous": func(at string, n *yaml.Node) { c.OUs = r.patterns(n, at, nil) },
	})
	r.need(n, at, "who", "say who calls: groups, or principals' ARNs")
	if n.Kind == yaml.MappingNode && yamlfile.Child(n, "ous") == nil {
		r.need(n, at, "accounts", `say which accounts they see, or of which organizational units (ous); "*" is all`)
	}
	return c
}

// role is a principal's ARN as no caller has it: AWS tells of who has assumed a
// role as of arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION.
var role = regexp.MustCompile(`^arn:[^:]*:iam:[^:]*:[^:]*:role/`)

// callers finds principals that never call, and that nobody sees all accounts.
func (l *linter) callers(p *Policy) {
	found := func(severity string, at Place, message, do string) {
		l.problems = append(l.problems, Problem{Place: at, Severity: severity, Message: message, Do: do})
	}
	all := len(p.Callers) == 0
	for _, c := range p.Callers {
		for _, who := range c.Who {
			if role.MatchString(who.Text) {
				found("error", who.Place, "callers: "+quoted(who.Text)+" is nobody: who has assumed a role calls as a session of it", "write arn:aws:sts::ACCOUNT:assumed-role/ROLE/*")
			}
		}
		for _, a := range c.Accounts {
			all = all || asr.View{a.Text}.All()
		}
	}
	if !all {
		found("warning", p.Callers[0].Place, "callers: nobody sees all accounts, so nobody may turn the kill switch or let what was stopped begin again through the API", `give somebody accounts: "*"`)
	}
}
