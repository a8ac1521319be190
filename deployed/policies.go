package deployed

import (
	"encoding/json"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/configrules"
	"example.com/asr/render"
	"example.com/asr/ssmdoc"
	"example.com/asr/trail"
)

// RoleID is the logical id of the member role in asr-member.
const RoleID = "MemberRole"

const managedPolicy = "AWS::IAM::ManagedPolicy"

// Policy is a managed policy of the member role, as a resource of asr-member.
type Policy struct {
	ID, Name string         // "ReadPolicy1", "${MemberRoleName}-read-1"
	Document map[string]any // with Fn::Sub around what CloudFormation fills in
}

// Always is what the member role needs whatever is fixed: to read what Config's
// rules are parameterised with, to find out who keeps putting fixes back, and to
// answer runbooks.
func Always() []asr.Grant {
	return slices.Concat(configrules.Grants, trail.Grants, ssmdoc.ReplyGrants())
}

// Policies are the managed policies that the member role needs for the remediations.
func Policies(units []asr.Remediation) ([]Policy, error) {
	rendered, err := render.RolePolicies(units, Always()...)
	if err != nil {
		return nil, err
	}
	var all []Policy
	for _, p := range rendered {
		kind, n, _ := strings.Cut(p.Name, "-")
		doc, err := Substituted([]byte(p.Document))
		if err != nil {
			return nil, err
		}
		all = append(all, Policy{strings.ToUpper(kind[:1]) + kind[1:] + "Policy" + n, "${MemberRoleName}-" + p.Name, doc})
	}
	return all, nil
}

// Substituted is a JSON document in which each text that has a ${…} is an
// Fn::Sub, and one that is nothing else a Ref.
func Substituted(document []byte) (map[string]any, error) {
	var doc map[string]any
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, err
	}
	return substitute(doc).(map[string]any), nil
}

func substitute(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			v[k] = substitute(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = substitute(inner)
		}
	case string:
		if name, ok := strings.CutPrefix(v, "${"); ok && strings.HasSuffix(v, "}") && !strings.ContainsAny(name[:len(name)-1], "${}.") {
			return map[string]any{"Ref": name[:len(name)-1]}
		}
		if strings.Contains(v, "${") {
			return map[string]any{"Fn::Sub": v}
		}
	}
	return v
}

// resource is the policy as it stands in the template.
func (p Policy) resource() map[string]any {
	return map[string]any{"Type": managedPolicy, "Properties": map[string]any{
		"ManagedPolicyName": substitute(p.Name), "PolicyDocument": p.Document, "Roles": []any{map[string]any{"Ref": RoleID}},
	}}
}
