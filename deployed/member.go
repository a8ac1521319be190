package deployed

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"example.com/asr"
	"go.yaml.in/yaml/v3"
)

// MaxDirect is how long a template may be that is handed over as text, in bytes.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const MaxDirect = 51200

// Member is asr-member for some remediations: its role may do what these need,
// and the roles that only others hand to AWS services are left out.
func Member(units []asr.Remediation) ([]byte, error) {
	template, err := Template("asr-member.yaml")
	if err != nil {
		return nil, err
	}
	policies, err := Policies(units)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(template, &doc); err != nil {
		return nil, err
	}
	resources := valueOf(doc.Content[0], "Resources")
	if resources == nil {
		return nil, fmt.Errorf("asr-member.yaml has no resources")
	}
	if err := replace(resources, policies); err != nil {
		return nil, err
	}
	text, err := encode(&doc)
	if err == nil && len(text) > MaxDirect {
		err = fmt.Errorf("asr-member would have %d bytes: CloudFormation takes %d", len(text), MaxDirect)
	}
	return text, err
}

// replace puts the policies in the place of those that are there, and takes
// away the service roles that they don't name.
func replace(resources *yaml.Node, policies []Policy) error {
	granted, err := json.Marshal(policies)
	if err != nil {
		return err
	}
	var kept []*yaml.Node
	done, gone := false, map[string]bool{}
	for i := 0; i < len(resources.Content); i += 2 {
		id, resource := resources.Content[i], resources.Content[i+1]
		switch name := serviceRole(resource); {
		case typeOf(resource) == managedPolicy && done:
		case typeOf(resource) == managedPolicy:
			nodes, err := nodesOf(policies)
			if err != nil {
				return err
			}
			kept, done = append(kept, nodes...), true
		case name != "" && !strings.Contains(string(granted), "/asr/"+name+`"`):
			gone[id.Value] = true
		case usesAny(resource, gone):
		default:
			kept = append(kept, id, resource)
		}
	}
	resources.Content = kept
	return nil
}

// serviceRole is the name of a role under /asr/.
func serviceRole(resource *yaml.Node) string {
	properties := valueOf(resource, "Properties")
	if path := valueOf(properties, "Path"); typeOf(resource) != "AWS::IAM::Role" || path == nil || path.Value != "/asr/" {
		return ""
	}
	return valueOf(properties, "RoleName").Value
}

// usesAny reports whether a resource refers to one of those.
func usesAny(n *yaml.Node, ids map[string]bool) bool {
	if n.Tag == "!Ref" || n.Tag == "!GetAtt" {
		id, _, _ := strings.Cut(n.Value, ".")
		return ids[id]
	}
	return slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return usesAny(c, ids) })
}

func nodesOf(policies []Policy) (nodes []*yaml.Node, err error) {
	for _, p := range policies {
		text, err := json.Marshal(map[string]any{p.ID: p.resource()})
		if err != nil {
			return nil, err
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(text, &doc); err != nil {
			return nil, err
		}
		nodes = append(nodes, shorten(doc.Content[0]).Content...)
	}
	return nodes, nil
}

func typeOf(resource *yaml.Node) string {
	if t := valueOf(resource, "Type"); t != nil {
		return t.Value
	}
	return ""
}

// valueOf is a map's value by its key, or nil.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n == nil {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
