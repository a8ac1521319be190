package deployed

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// WithDefault gives a template's parameter a default value, so that whoever
// launches it need not name one.
func WithDefault(template []byte, parameter, value string) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(template, &doc); err != nil {
		return nil, err
	}
	p := valueOf(valueOf(doc.Content[0], "Parameters"), parameter)
	if p == nil {
		return nil, fmt.Errorf("the template has no parameter %s", parameter)
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	style(n)
	if was := valueOf(p, "Default"); was != nil {
		*was = *n
	} else {
		p.Content = append(p.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "Default"}, n)
		order(p)
	}
	return encode(&doc)
}
