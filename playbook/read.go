package playbook

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/asr/yamlfile"
	"go.yaml.in/yaml/v3"
)

var (
	remediationID = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	controlID     = regexp.MustCompile(`^[A-Za-z0-9]+(\.[A-Za-z0-9]+)+$`)
	parameter     = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9]*$`)
)

const (
	aRemediation = "the id of a remediation, such as s3-tls-only"
	aControl     = "a security control, such as S3.2"
)

// reader reads playbook files.
type reader struct{ yamlfile.Reader }

func (r *reader) at(n *yaml.Node) source { return source{r.File, n.Line} }

// playbook adds a file to the book.
func (r *reader) playbook(b *Book, text []byte) {
	root := r.Parse(text)
	if root == nil {
		return
	}
	name := r.name(root)
	if name == "" {
		return
	}
	p := b.named(name)
	r.Fields(root, "", map[string]func(string, *yaml.Node){
		"playbook":  func(string, *yaml.Node) {}, // read already
		"title":     func(at string, n *yaml.Node) { p.title = r.Text(n, at) },
		"aliases":   func(at string, n *yaml.Node) { p.aliases = append(p.aliases, r.texts(n, at)...) },
		"standard":  func(at string, n *yaml.Node) { r.standard(p, n, at) },
		"prefixes":  func(at string, n *yaml.Node) { p.prefixes = append(p.prefixes, r.texts(n, at)...) },
		"controls":  func(string, *yaml.Node) {}, // below: they depend on the standard
		"rules":     func(at string, n *yaml.Node) { p.rules = r.entries(p, p.rules, n, at) },
		"types":     func(at string, n *yaml.Node) { p.types = r.entries(p, p.types, n, at) },
		"documents": func(at string, n *yaml.Node) { r.documents(b, n, at) },
	})
	if n := yamlfile.Child(root, "controls"); n != nil {
		p.controls = r.entries(p, p.controls, n, "controls")
	}
}

func (r *reader) name(root *yaml.Node) string {
	n := yamlfile.Child(root, "playbook")
	if n == nil {
		r.Fail(root, "playbook", "missing", "name the playbook: a new name, or SC to add security controls")
		return ""
	}
	return r.Text(n, "playbook")
}

func (r *reader) standard(p *playbook, n *yaml.Node, at string) {
	s := &p.standard
	if s.Name == "" && len(p.controls) > 0 {
		r.Fail(n, at, p.name+" lists security controls", "give the standard a playbook of its own: another name after playbook:")
		return
	}
	r.Fields(n, at, map[string]func(string, *yaml.Node){
		"name":    func(at string, n *yaml.Node) { s.Name = r.Text(n, at) },
		"version": func(at string, n *yaml.Node) { s.Version = r.Text(n, at) },
		"arn":     func(at string, n *yaml.Node) { s.arn = r.Text(n, at) },
	})
	if s.Name == "" || s.Version == "" {
		r.Fail(n, at, "name and version are needed", "take them from the standard's ARN: …/NAME/v/VERSION")
	}
}

// entries lays a section's entries over those that are there.
func (r *reader) entries(p *playbook, all []*entry, n *yaml.Node, at string) []*entry {
	rule := at != "controls"
	r.Pairs(n, at, func(k, v *yaml.Node) {
		id, at := k.Value, at+"."+k.Value
		star := strings.IndexByte(id, '*')
		switch {
		case !rule && p.standard.Name == "" && !controlID.MatchString(id):
			r.Fail(k, at, "not the id of a control", "write it as Security Hub does: SERVICE.NUMBER")
			return
		case rule && star >= 0 && star < len(id)-1:
			r.Fail(k, at, "* stands for the rest of a name only", "move it to the end")
			return
		}
		i := slices.IndexFunc(all, func(e *entry) bool { return strings.EqualFold(e.id, id) })
		if i < 0 {
			i = len(all)
			all = append(all, &entry{playbook: p, id: id})
		}
		all[i].source = r.at(k)
		r.entry(all[i], v, at, rule || p.standard.Name != "")
	})
	return all
}

// entry reads an entry, or its short form: the one id that it needs.
func (r *reader) entry(e *entry, n *yaml.Node, at string, mapped bool) {
	control := func(at string, n *yaml.Node) { e.control = r.id(n, at, controlID, aControl) }
	remediation := func(at string, n *yaml.Node) { e.remediation = r.id(n, at, remediationID, aRemediation) }
	fields := map[string]func(string, *yaml.Node){
		"remediation": remediation,
		"by_hand":     func(at string, n *yaml.Node) { e.byHand = r.Text(n, at) },
		"retired":     func(at string, n *yaml.Node) { e.retired = r.Flag(n, at) },
		"params":      func(at string, n *yaml.Node) { e.params = merged(e.params, r.params(n, at)) },
		"names":       func(at string, n *yaml.Node) { e.names = merged(e.names, r.targets(n, at)) },
		"at_least":    func(at string, n *yaml.Node) { e.atLeast = merged(e.atLeast, r.numbers(n, at)) },
		"at_most":     func(at string, n *yaml.Node) { e.atMost = merged(e.atMost, r.numbers(n, at)) },
	}
	short := remediation
	if mapped {
		fields["control"], short = control, control
	}
	if n.Kind == yaml.ScalarNode {
		short(at, n)
		return
	}
	r.Fields(n, at, fields)
	if mapped && e.control == "" {
		r.Fail(n, at, "control is missing", "name the security control that it is, such as control: S3.2")
	}
}

func (r *reader) id(n *yaml.Node, at string, form *regexp.Regexp, want string) string {
	s := r.Text(n, at)
	if s != "" && !form.MatchString(s) {
		r.Fail(n, at, strconv.Quote(clip(s))+" is not "+want, "correct it")
	}
	return s
}

func (r *reader) texts(n *yaml.Node, at string) []string {
	var all []string
	r.Items(n, at, func(at string, n *yaml.Node) { all = append(all, r.Text(n, at)) })
	return all
}

func (r *reader) params(n *yaml.Node, at string) map[string]json.RawMessage {
	params := map[string]json.RawMessage{}
	r.byParameter(n, at, func(name, at string, n *yaml.Node) { params[name] = r.JSON(n, at) })
	return params
}

func (r *reader) numbers(n *yaml.Node, at string) map[string]float64 {
	bounds := map[string]float64{}
	r.byParameter(n, at, func(name, at string, n *yaml.Node) {
		v, err := strconv.ParseFloat(n.Value, 64)
		if n.Kind != yaml.ScalarNode || err != nil || v != v {
			r.Fail(n, at, "not a number", "write the bound as a number")
			return
		}
		bounds[name] = v
	})
	return bounds
}

func (r *reader) targets(n *yaml.Node, at string) map[string]target {
	all := map[string]target{}
	r.Pairs(n, at, func(k, v *yaml.Node) {
		var t target
		at := at + "." + k.Value
		r.Fields(v, at, map[string]func(string, *yaml.Node){
			"to":   func(at string, n *yaml.Node) { t.to = r.id(n, at, parameter, "the name of a parameter") },
			"type": func(at string, n *yaml.Node) { t.kind = r.Text(n, at) },
		})
		if t.to == "" || !slices.Contains(kinds, t.kind) {
			r.Fail(v, at, "needs to: and type:", "write {to: PARAMETER, type: TYPE}, TYPE one of "+strings.Join(kinds, ", "))
			return
		}
		all[strings.ToLower(k.Value)] = t
	})
	return all
}

// byParameter is Pairs for a mapping by the names of our parameters.
func (r *reader) byParameter(n *yaml.Node, at string, f func(name, at string, v *yaml.Node)) {
	r.Pairs(n, at, func(k, v *yaml.Node) {
		at := at + "." + k.Value
		if !parameter.MatchString(k.Value) {
			r.Fail(k, at, "not the name of a parameter", "write it as asr explain does for the remediation")
			return
		}
		f(k.Value, at, v)
	})
}
