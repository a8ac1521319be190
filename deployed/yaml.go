package deployed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// YAML renders a template's JSON as people write templates: intrinsic functions
// in their short form, the order as it is, texts of several lines as blocks.
func YAML(template []byte) ([]byte, error) {
	var doc yaml.Node
	if !json.Valid(template) { // which YAML is a superset of
		return nil, fmt.Errorf("the template is no JSON")
	}
	if err := yaml.Unmarshal(template, &doc); err != nil {
		return nil, err
	}
	return encode(shorten(&doc))
}

func encode(n *yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(n); err != nil {
		return nil, err
	}
	return out.Bytes(), e.Close()
}

// first are the keys that lead in a map, as AWS's own examples have them; the
// others keep their order behind them.
var first = []string{
	"AWSTemplateFormatVersion", "Version", "Sid", "Effect", "Principal", "Action", "Resource",
	"Type", "Default", "Description", "Condition", "DeletionPolicy", "UpdateReplacePolicy", "DependsOn", "Metadata",
}

// shorten turns the long forms of functions into the short ones, in place.
func shorten(n *yaml.Node) *yaml.Node {
	for i, child := range n.Content {
		n.Content[i] = shorten(child)
	}
	n.Style = 0
	switch n.Kind {
	case yaml.ScalarNode:
		style(n)
	case yaml.MappingNode:
		if len(n.Content) == 2 && n.Content[0].Kind == yaml.ScalarNode {
			return function(n, n.Content[0].Value, n.Content[1])
		}
		order(n)
	case yaml.SequenceNode:
		if len(n.Content) == 0 {
			n.Style = yaml.FlowStyle
		}
	}
	return n
}

// old are what CloudFormation's YAML 1.1 takes for something else than a text.
var old = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null|~)$|^[-+]?[0-9][0-9_,.:-]*$|^[=<]`)

func style(n *yaml.Node) {
	switch {
	case n.Tag != "!!str":
	case strings.Contains(n.Value, "\n"):
		n.Style = yaml.LiteralStyle
	case n.Value == "", old.MatchString(n.Value):
		n.Style = yaml.SingleQuotedStyle
	}
}

// function is a map with one key in its short form, if it is a function that has one here.
func function(n *yaml.Node, name string, arg *yaml.Node) *yaml.Node {
	short, isFunction := strings.CutPrefix(name, "Fn::")
	switch {
	case name == "Ref":
		return tagged(arg, "!Ref")
	case name == "Condition" && arg.Kind == yaml.ScalarNode && arg.Tag == "!!str":
		n.Style = yaml.FlowStyle // the long form: not every reader of templates knows !Condition
		return n
	case !isFunction:
		return n
	case short == "GetAtt":
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!GetAtt", Value: arg.Content[0].Value + "." + arg.Content[1].Value}
	case arg.Kind == yaml.ScalarNode && strings.HasPrefix(arg.Tag, "!") && !strings.HasPrefix(arg.Tag, "!!"):
		return n // !Base64 !Ref X: one value has one tag
	}
	return tagged(arg, "!"+short)
}

func tagged(arg *yaml.Node, tag string) *yaml.Node {
	arg.Tag = tag
	if arg.Kind == yaml.SequenceNode && flat(arg) {
		arg.Style = yaml.FlowStyle
	}
	return arg
}

// flat reports whether a function's arguments fit on one line.
func flat(n *yaml.Node) bool {
	length := 0
	for _, c := range n.Content {
		length += len(c.Value) + len(c.Tag)
		if c.Kind != yaml.ScalarNode && c.Style != yaml.FlowStyle || strings.Contains(c.Value, "\n") {
			return false
		}
		for _, d := range c.Content {
			length += len(d.Value) + len(d.Tag)
		}
	}
	return length < 100
}

func order(n *yaml.Node) {
	type pair struct{ key, value *yaml.Node }
	var pairs []pair
	for i := 0; i < len(n.Content); i += 2 {
		pairs = append(pairs, pair{n.Content[i], n.Content[i+1]})
	}
	rank := func(p pair) int {
		if i := slices.Index(first, p.key.Value); i >= 0 {
			return i
		}
		return len(first)
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return rank(a) - rank(b) })
	n.Content = n.Content[:0]
	for _, p := range pairs {
		n.Content = append(n.Content, p.key, p.value)
	}
}
