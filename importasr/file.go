package importasr

import (
	"bytes"
	"slices"
	"strings"

	"example.com/asr"
	"go.yaml.in/yaml/v3"
)

// maxSize is what a policy file may have.
const maxSize = 1 << 20

// file writes the policy with its comments.
func (c *converter) file(s Settings) ([]byte, error) {
	root := fields(
		"version", number("1"),
		"console_action", word("ask"),
		"default", word("off"),
	)
	root.HeadComment = comment(c.head(s)...)
	root.Content[4].HeadComment = comment("What no rule names was not automatic: nothing happens by itself, and what a person asks for is done.")
	if len(c.written) > 0 {
		rules := &yaml.Node{Kind: yaml.SequenceNode}
		for _, r := range c.written {
			rules.Content = append(rules.Content, r.node())
		}
		root.Content = append(root.Content, word("rules"), rules)
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return nil, err
	}
	if out.Len() > maxSize {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: "the policy would be larger than 1 MiB", Do: "shorten the solution's account and tag filters"}
	}
	return asr.Inert(out.Bytes()), e.Close() // a text in double quotes is one of JSON's
}

func (c *converter) head(s Settings) []string {
	head := []string{"Imported from Automated Security Response on AWS, table " + quoted(s.Table) + ", by asr import-asr.", "Check it with asr policy lint, and what it decides with asr policy explain."}
	if len(c.warnings) > 0 {
		head = append(head, "", "What it says otherwise than there:")
	}
	for _, w := range c.warnings {
		head = append(head, "- "+w)
	}
	if len(c.manual) > 0 {
		slices.Sort(c.manual)
		head = append(head, "", "Not automatic there either: "+strings.Join(slices.Compact(c.manual), ", ")+".")
	}
	return head
}

func (r rule) node() *yaml.Node {
	match := fields("controls", words(r.controls))
	if len(r.accounts) > 0 {
		match.Content = append(match.Content, word("accounts"), texts(r.accounts))
	}
	if r.tag != "" {
		tag := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{text(r.tag), text("*")}}
		match.Content = append(match.Content, word("tags"), tag)
	}
	n := fields("name", word(r.name), "match", match)
	if len(r.except) > 0 {
		n.Content = append(n.Content, word("not"), fields("accounts", texts(r.except)))
	}
	n.Content = append(n.Content, word("mode"), word(r.mode))
	n.HeadComment = comment(r.comment)
	return n
}

// fields is a mapping of names and nodes.
func fields(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i < len(pairs); i += 2 {
		n.Content = append(n.Content, word(pairs[i].(string)), pairs[i+1].(*yaml.Node))
	}
	return n
}

// word is one of ours; text is somebody's and quoted.
func word(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }
func text(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: yaml.DoubleQuotedStyle}
}
func number(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: s} }

func words(all []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, s := range all {
		n.Content = append(n.Content, word(s))
	}
	return n
}

func texts(all []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, s := range all {
		n.Content = append(n.Content, text(s))
	}
	return n
}

// comment is lines that are comments whatever stands in them.
func comment(lines ...string) string {
	flat := strings.NewReplacer("\n", " ", "\r", " ", "\u0085", " ", "\u2028", " ", "\u2029", " ")
	var all []string
	for _, line := range lines {
		all = append(all, strings.TrimRight("# "+flat.Replace(line), " "))
	}
	return strings.Join(all, "\n")
}
