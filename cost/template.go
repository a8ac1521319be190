package cost

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/asr"
	"go.yaml.in/yaml/v3"
)

// Stack is what of a template has a price, with the parameters' defaults.
type Stack struct {
	Counts        map[string]int     // resources by type
	AlarmMetrics  int                // metrics that alarms look at
	CustomMetrics []string           // "NAMESPACE NAME DIMENSIONS", each once
	Memory        map[string]float64 // GB of each function, by what it is: "plan"
	Schedules     []string           // rate(…) and cron(…) of the rules
}

// ReadTemplate reads a CloudFormation template, YAML or JSON. Resources whose
// condition is false with the parameters' defaults are left out.
func ReadTemplate(name string, text []byte) (Stack, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil || len(root.Content) == 0 {
		return Stack{}, &asr.Error{Code: asr.CodeBadInput, Message: name + " is no CloudFormation template", Do: "name a template that asr templates wrote", Err: err}
	}
	doc, _ := plain(root.Content[0]).(map[string]any)
	t := template{parameters: section(doc, "Parameters"), conditions: section(doc, "Conditions")}
	s := Stack{Counts: map[string]int{}, Memory: map[string]float64{}}
	for id, r := range section(doc, "Resources") {
		resource, _ := r.(map[string]any)
		if condition, ok := resource["Condition"].(string); ok && !t.holds(condition) {
			continue
		}
		kind, ok := resource["Type"].(string)
		if !ok {
			return s, &asr.Error{Code: asr.CodeBadInput, Message: fmt.Sprintf("%s: resource %s has no type", name, id), Do: "name a template that asr templates wrote"}
		}
		properties, _ := resource["Properties"].(map[string]any)
		s.Counts[kind]++
		s.count(kind, properties, t)
	}
	slices.Sort(s.CustomMetrics)
	s.CustomMetrics = slices.Compact(s.CustomMetrics)
	slices.Sort(s.Schedules)
	return s, nil
}

func (s *Stack) count(kind string, properties map[string]any, t template) {
	switch kind {
	case "AWS::CloudWatch::Alarm":
		metrics := alarmed(properties)
		s.AlarmMetrics += max(len(metrics), 1)
		s.custom(metrics)
	case "AWS::Logs::MetricFilter":
		for _, m := range list(properties["MetricTransformations"]) {
			one, _ := m.(map[string]any)
			s.custom([]metric{{text(one["MetricNamespace"]), text(one["MetricName"]), ""}})
		}
	case "AWS::CloudWatch::Dashboard":
		s.custom(charted(properties["DashboardBody"]))
	case "AWS::Lambda::Function":
		mb, known := t.number(properties["MemorySize"])
		if !known {
			mb = 128 // Lambda's own default
		}
		s.Memory[functionOf(properties)] = mb / 1024
	case "AWS::Events::Rule":
		if every := text(properties["ScheduleExpression"]); every != "" {
			s.Schedules = append(s.Schedules, every)
		}
	}
}

// custom keeps the metrics that aren't AWS's own, which have no price.
func (s *Stack) custom(metrics []metric) {
	for _, m := range metrics {
		if m.namespace != "" && !strings.HasPrefix(m.namespace, "AWS/") {
			s.CustomMetrics = append(s.CustomMetrics, strings.TrimSpace(m.namespace+" "+m.name+" "+m.dimensions))
		}
	}
}

// functionOf says what a function is for: its ASR_FUNCTION, or the end of its name.
func functionOf(properties map[string]any) string {
	environment, _ := properties["Environment"].(map[string]any)
	variables, _ := environment["Variables"].(map[string]any)
	if what := text(variables["ASR_FUNCTION"]); what != "" {
		return what
	}
	return strings.TrimPrefix(text(properties["FunctionName"]), "asr-hub-")
}

type metric struct{ namespace, name, dimensions string }

// alarmed are the metrics that an alarm looks at.
func alarmed(properties map[string]any) []metric {
	if name := text(properties["MetricName"]); name != "" {
		return []metric{{text(properties["Namespace"]), name, canonical(properties["Dimensions"])}}
	}
	var all []metric
	for _, q := range list(properties["Metrics"]) {
		query, _ := q.(map[string]any)
		stat, _ := query["MetricStat"].(map[string]any)
		of, _ := stat["Metric"].(map[string]any)
		if name := text(of["MetricName"]); name != "" {
			all = append(all, metric{text(of["Namespace"]), name, canonical(of["Dimensions"])})
		}
	}
	return all
}

// charted are the metrics that a dashboard names one by one.
func charted(body any) (all []metric) {
	var dashboard struct {
		Widgets []struct {
			Properties struct {
				Metrics [][]any `json:"metrics"`
			} `json:"properties"`
		} `json:"widgets"`
	}
	if json.Unmarshal([]byte(text(body)), &dashboard) != nil {
		return nil // it is a text that CloudFormation completes
	}
	for _, w := range dashboard.Widgets {
		for _, m := range w.Properties.Metrics {
			var parts []string
			for _, part := range m {
				if s, ok := part.(string); ok {
					parts = append(parts, s)
				}
			}
			if len(parts) > 1 {
				all = append(all, metric{parts[0], parts[1], strings.Join(parts[2:], " ")})
			}
		}
	}
	return all
}

// template is what conditions are made of.
type template struct{ parameters, conditions map[string]any }

// answer is a condition's: one that hangs on what only a deployment knows may
// be either.
type answer int

const (
	no answer = iota
	maybe
	yes
)

// holds reports whether a condition is true with the parameters' defaults, or
// might be.
func (t template) holds(name string) bool { return t.truth(t.conditions[name]) != no }

func (t template) truth(condition any) answer {
	c, _ := condition.(map[string]any)
	if name, ok := c["Condition"].(string); ok {
		return t.truth(t.conditions[name])
	}
	if sides := list(c["Fn::Equals"]); len(sides) == 2 {
		return t.equal(sides[0], sides[1])
	}
	if inner := list(c["Fn::Not"]); len(inner) == 1 {
		return yes - t.truth(inner[0])
	}
	all, some := list(c["Fn::And"]), list(c["Fn::Or"])
	switch {
	case len(all) > 0:
		return t.truth(slices.MinFunc(all, func(a, b any) int { return int(t.truth(a) - t.truth(b)) }))
	case len(some) > 0:
		return t.truth(slices.MaxFunc(some, func(a, b any) int { return int(t.truth(a) - t.truth(b)) }))
	}
	return maybe
}

func (t template) equal(a, b any) answer {
	left, known := t.value(a)
	right, too := t.value(b)
	switch {
	case !known || !too:
		return maybe
	case left == right:
		return yes
	}
	return no
}

// value is a text, or the default of the parameter that is meant.
func (t template) value(v any) (string, bool) {
	if m, ok := v.(map[string]any); ok {
		p, ok := t.parameters[text(m["Ref"])].(map[string]any)
		if !ok || p["Default"] == nil {
			return "", false
		}
		return text(p["Default"]), true
	}
	return text(v), true
}

func (t template) number(v any) (float64, bool) {
	s, known := t.value(v)
	n, err := strconv.ParseFloat(s, 64)
	return n, known && err == nil
}

// plain is a node as JSON has it; !Sub and its like become their long form.
func plain(n *yaml.Node) any {
	var v any
	switch n.Kind {
	case yaml.AliasNode:
		return plain(n.Alias)
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(n.Content[i+1])
		}
		v = m
	case yaml.SequenceNode:
		all := []any{}
		for _, c := range n.Content {
			all = append(all, plain(c))
		}
		v = all
	default:
		v = n.Value
	}
	if name, short := strings.CutPrefix(n.Tag, "!"); short && !strings.HasPrefix(name, "!") {
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		return map[string]any{name: v}
	}
	return v
}

func section(doc map[string]any, name string) map[string]any {
	m, _ := doc[name].(map[string]any)
	return m
}

func list(v any) []any {
	all, _ := v.([]any)
	return all
}

// text is a text, also one that CloudFormation completes.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		return text(v["Fn::Sub"])
	}
	return ""
}

func canonical(v any) string {
	if v == nil {
		return ""
	}
	doc, _ := json.Marshal(v) // it came from YAML
	return string(doc)
}
