package playbook

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/asr"
	"go.yaml.in/yaml/v3"
)

// What AWS takes: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartAutomationExecution.html
var (
	documentName    = regexp.MustCompile(`^([a-zA-Z0-9_.-]{3,128}|arn:\{partition\}:ssm:\{region\}:[0-9]{12}:document/[a-zA-Z0-9_.-]{3,128})$`)
	documentVersion = regexp.MustCompile(`^[1-9][0-9]{0,8}$`)
	documentInput   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,49}$`)
	documentOutput  = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,200}$`)
	roleName        = regexp.MustCompile(`^([A-Za-z0-9+=,.@_-]+/){0,10}[A-Za-z0-9+=,.@_-]{1,64}$`)
	resourcePattern = regexp.MustCompile(`^arn:\{partition\}:[a-z0-9-]+:(\{region\}|[a-z0-9-]*):(\{account\}|[a-z0-9]*):[^{}*?$]*\{name\}[^{}*?$]*$`)
)

const (
	maxInput  = 512 // characters of a value that a document takes
	maxInputs = 50  // values of one parameter
)

// documents reads the declarations of a file.
func (r *reader) documents(b *Book, n *yaml.Node, at string) {
	r.Pairs(n, at, func(k, v *yaml.Node) {
		id, at := k.Value, at+"."+k.Value
		switch {
		case !remediationID.MatchString(id):
			r.Fail(k, at, "not the id of a remediation", "write it as house-close-bucket: small letters, with hyphens")
			return
		case b.documents[id] != nil:
			r.Fail(k, at, "it is declared already, at "+b.documents[id].Source, "give this one another id, or remove one")
			return
		}
		d := &Document{ID: id, Source: fmt.Sprintf("%s:%d", r.File, k.Line), Scope: asr.ScopeResource}
		b.documents[id] = d
		r.document(d, v, at)
	})
}

func (r *reader) document(d *Document, n *yaml.Node, at string) {
	text := func(to *string) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) { *to = r.Text(n, at) }
	}
	r.Fields(n, at, map[string]func(string, *yaml.Node){
		"document": func(at string, n *yaml.Node) {
			d.Name = r.id(n, at, documentName, "the name of a document, or arn:{partition}:ssm:{region}:ACCOUNT:document/NAME of a shared one")
		},
		"version": func(at string, n *yaml.Node) { d.Version = r.id(n, at, documentVersion, "the number of a version") },
		"role": func(at string, n *yaml.Node) {
			d.Role = r.id(n, at, roleName, "the name of a role, with its path if it has one")
		},
		"parameters": func(at string, n *yaml.Node) { d.Parameters = r.inputs(n, at) },
		"success":    func(at string, n *yaml.Node) { r.success(d, n, at) },
		"title":      text(&d.Title), "impact": text(&d.Impact), "risk_why": text(&d.RiskWhy), "interrupts": text(&d.Interrupts), "cost": text(&d.Cost),
		"risk":      func(at string, n *yaml.Node) { d.Risk = asr.Risk(r.one(n, at, "low", "medium", "high")) },
		"scope":     func(at string, n *yaml.Node) { d.Scope = asr.Scope(r.one(n, at, "resource", "region", "account")) },
		"resources": func(at string, n *yaml.Node) { d.Resources = r.patterns(n, at) },
		"params":    func(at string, n *yaml.Node) { d.Params = r.declared(n, at) },
	})
	r.complete(d, n, at)
	r.fits(d, n, at)
}

// one is one of some words.
func (r *reader) one(n *yaml.Node, at string, words ...string) string {
	s := r.Text(n, at)
	if s != "" && !slices.Contains(words, s) {
		r.Fail(n, at, strconv.Quote(clip(s))+" is none of "+strings.Join(words, ", "), "write one of them")
	}
	return s
}

func (r *reader) success(d *Document, n *yaml.Node, at string) {
	r.Fields(n, at, map[string]func(string, *yaml.Node){
		"output": func(at string, n *yaml.Node) {
			d.Output = r.id(n, at, documentOutput, "the name of an output, such as Verify.Status")
		},
		"is": func(at string, n *yaml.Node) { d.Means = r.Text(n, at) },
	})
	if d.Output == "" || d.Means == "" {
		r.Fail(n, at, "output and is are needed", "write {output: STEP.NAME, is: VALUE}: the output, and what it is when the document has succeeded")
	}
}

func (r *reader) patterns(n *yaml.Node, at string) []string {
	var all []string
	r.Items(n, at, func(at string, n *yaml.Node) {
		s := r.Text(n, at)
		if s != "" && !resourcePattern.MatchString(s) {
			r.Fail(n, at, strconv.Quote(clip(s))+" is not the pattern of an ARN", "write it as arn:{partition}:sqs:{region}:{account}:{name}: those four stand for what differs")
		}
		all = append(all, s)
	})
	return all
}

// inputs are what a document is started with: texts, or lists of them.
func (r *reader) inputs(n *yaml.Node, at string) map[string][]string {
	all := map[string][]string{}
	r.Pairs(n, at, func(k, v *yaml.Node) {
		name, at := k.Value, at+"."+k.Value
		if !documentInput.MatchString(name) {
			r.Fail(k, at, "not the name of a document's parameter", "write it as the document does")
			return
		}
		if v.Kind == yaml.SequenceNode {
			r.Items(v, at, func(at string, n *yaml.Node) { all[name] = append(all[name], r.input(n, at)) })
		} else {
			all[name] = []string{r.input(v, at)}
		}
		if len(all[name]) > maxInputs {
			r.Fail(v, at, fmt.Sprintf("more than %d values", maxInputs), "Systems Manager takes no more: shorten the list")
		}
	})
	return all
}

// input is one value, in which there are known placeholders only.
func (r *reader) input(n *yaml.Node, at string) string {
	s := r.Text(n, at)
	switch {
	case strings.ContainsAny(placeholder.ReplaceAllString(s, ""), "{}"):
		r.Fail(n, at, "a brace that belongs to no placeholder", "write placeholders as {resource.name}; documents take no other braces from a playbook")
	case len(s) > maxInput:
		r.Fail(n, at, fmt.Sprintf("longer than %d characters", maxInput), "Systems Manager takes no more: shorten it")
	}
	for _, name := range Placeholders(s) {
		if !slices.Contains(placeholders, name) && !strings.HasPrefix(name, "param.") {
			r.Fail(n, at, "there is no placeholder {"+clip(name)+"}", "use one of {"+strings.Join(placeholders, "}, {")+"}, {param.NAME}")
		}
	}
	return s
}

// declared are the remediation's own parameters.
func (r *reader) declared(n *yaml.Node, at string) map[string]Param {
	all := map[string]Param{}
	r.byParameter(n, at, func(name, at string, n *yaml.Node) {
		var p Param
		var preset *yaml.Node
		r.Fields(n, at, map[string]func(string, *yaml.Node){
			"type":        func(at string, n *yaml.Node) { p.Type = r.one(n, at, "int", "bool", "text", "list") },
			"description": func(at string, n *yaml.Node) { p.Description = r.Text(n, at) },
			"default":     func(_ string, n *yaml.Node) { preset = n },
		})
		if p.Type == "" || p.Description == "" {
			r.Fail(n, at, "type and description are needed", "write {type: int, description: TEXT}, and default: if it needn't be set")
		}
		if preset != nil {
			p.Default = r.preset(preset, at+".default", p.Type)
		}
		all[name] = p
	})
	return all
}

func (r *reader) preset(n *yaml.Node, at, kind string) (v any) {
	var err error
	switch kind {
	case "int":
		v, err = strconv.ParseInt(n.Value, 10, 64)
		if i, ok := v.(int64); ok && (i > math.MaxInt32 || i < math.MinInt32) {
			err = strconv.ErrRange
		}
	case "bool":
		return r.Flag(n, at)
	case "list":
		return r.texts(n, at)
	default:
		return r.Text(n, at)
	}
	if n.Kind != yaml.ScalarNode || err != nil {
		r.Fail(n, at, "not a whole number", "write one")
	}
	return v
}

// complete finds what a declaration lacks.
func (r *reader) complete(d *Document, n *yaml.Node, at string) {
	for _, f := range []struct{ name, have, do string }{
		{"document", d.Name, "name the document: its name, or the ARN of a shared one"},
		{"role", d.Role, "name the role that the document works with: asr's own session may start it and nothing else"},
		{"title", d.Title, "say in an imperative sentence what it does"},
		{"impact", d.Impact, "say what the resource's owner will notice"},
		{"risk", string(d.Risk), "write low, medium or high"},
		{"risk_why", d.RiskWhy, "say why the risk is so"},
	} {
		if f.have == "" {
			r.Fail(n, at, f.name+" is missing", f.do)
		}
	}
	if (len(d.Resources) == 0) == (d.Scope == asr.ScopeResource) {
		r.Fail(n, at, "it needs resources, or a scope without any", "write resources: with the patterns of the ARNs that it works on, or scope: region or account and no resources")
	}
}

// fits finds what doesn't go together.
func (r *reader) fits(d *Document, n *yaml.Node, at string) {
	passes := false
	for _, name := range slices.Sorted(maps.Keys(d.Parameters)) {
		for _, v := range d.Parameters[name] {
			for _, hole := range Placeholders(v) {
				r.hole(d, n, at+".parameters."+name, hole, v, len(d.Parameters[name]))
				passes = passes || hole == "role"
			}
		}
	}
	if strings.HasPrefix(d.Name, "AWS") && !passes {
		r.Fail(n, at, "a document of AWS's own gets its role as a parameter", `write AutomationAssumeRole: "{role}" in parameters`)
	}
}

func (r *reader) hole(d *Document, n *yaml.Node, at, hole, value string, values int) {
	name, isParam := strings.CutPrefix(hole, "param.")
	p, known := d.Params[name]
	switch {
	case isParam && !known:
		r.Fail(n, at, "there is no parameter "+clip(name), "declare it in params")
	case isParam && p.Type == "list" && (value != "{"+hole+"}" || values != 1):
		r.Fail(n, at, name+" is a list", "let it stand alone: \"{"+hole+"}\"")
	case strings.HasPrefix(hole, "resource") && d.Scope != asr.ScopeResource:
		r.Fail(n, at, "{"+hole+"} stands for a resource, and its scope is the "+string(d.Scope), "take it out, or give it resources")
	}
}
