package render

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/sessions"
)

// Limits of IAM.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	MaxManagedPolicy = 6144 // characters of a managed policy, white space not counted
	MaxAttached      = 10   // managed policies of one role, by default
)

// The account that a role's policies are for, as CloudFormation's Fn::Sub fills
// it in. Both are longer than what they stand for.
const (
	partition = "${AWS::Partition}"
	account   = "${AWS::AccountId}"
)

// RolePolicy is a managed policy: "read-1" and its document, JSON.
type RolePolicy struct{ Name, Document string }

// RolePolicies are the managed policies that the member role needs for the
// remediations, each within MaxManagedPolicy, those that read apart from those
// that write. What a session narrows to one target is here for all targets of
// the account. Roles that are handed to AWS services are those of the
// parameters' defaults: another one must be granted by who wants it. also is
// what the role needs whatever is fixed.
func RolePolicies(units []asr.Remediation, also ...asr.Grant) ([]RolePolicy, error) {
	var all []asr.Grant
	for _, g := range also {
		on := asr.On{Target: asr.Target{Partition: partition, Account: account, Region: "*", Name: "*"}}
		g.On = widen(on, g.On)
		all = append(all, g)
	}
	for _, u := range units {
		for _, on := range defaults(u) {
			grants := on.Narrow(u.Spec.WriteGrants()) // for the conditions; roles are those of the defaults
			for i, g := range u.Spec.WriteGrants() {
				grants[i].On = widen(on, g.On)
			}
			all = append(all, grants...)
		}
	}
	var reads, writes []asr.Grant
	for _, g := range distinct(all) {
		if sessions.Reads(g.Actions[0]) {
			reads = append(reads, g)
		} else {
			writes = append(writes, g)
		}
	}
	var policies []RolePolicy
	for kind, grants := range map[string][]asr.Grant{"read": reads, "write": writes} {
		for i, part := range sessions.Pack(grants, MaxManagedPolicy) {
			doc := sessions.Document(part)
			if len(doc) > MaxManagedPolicy {
				return nil, fmt.Errorf("a managed policy of %d characters: IAM takes %d", len(doc), MaxManagedPolicy)
			}
			policies = append(policies, RolePolicy{fmt.Sprintf("%s-%d", kind, i+1), doc})
		}
	}
	if len(policies) > MaxAttached {
		return nil, fmt.Errorf("%d managed policies: a role takes %d", len(policies), MaxAttached)
	}
	slices.SortFunc(policies, func(a, b RolePolicy) int { return strings.Compare(a.Name, b.Name) })
	return policies, nil
}

// defaults are the parameters that the controls of a unit ask for.
func defaults(u asr.Remediation) (all []asr.On) {
	for _, params := range u.Controls {
		all = append(all, asr.On{Target: asr.Target{Partition: partition, Account: account, Region: "*", Name: "*"}, Params: params})
	}
	return all
}

// widen puts a grant on all targets of an account. A parameter that names
// anything but a role may be any name.
func widen(on asr.On, pattern string) string {
	if !strings.Contains(pattern, ":iam:") {
		on.Params = nil
	}
	wide := []string{}
	for step := range strings.SplitSeq(on.Expand(pattern), "{params.") {
		if len(wide) > 0 {
			_, rest, _ := strings.Cut(step, "}")
			step = "*" + rest
		}
		wide = append(wide, step)
	}
	return strings.Join(wide, "")
}

// distinct leaves out what another grant allows already.
func distinct(grants []asr.Grant) []asr.Grant {
	byAction := map[string]map[string]asr.Grant{} // action, then the grant's own policy
	for _, g := range grants {
		for _, a := range g.Actions {
			one := asr.Grant{On: g.On, Actions: []string{a}, When: g.When}
			if byAction[a] == nil {
				byAction[a] = map[string]asr.Grant{}
			}
			byAction[a][sessions.Document([]asr.Grant{one})] = one
		}
	}
	var all []asr.Grant
	for _, same := range byAction {
		for key, g := range same {
			covered := false
			for other, o := range same {
				covered = covered || other != key && covers(o, g)
			}
			if !covered {
				all = append(all, g)
			}
		}
	}
	return all
}

// covers reports whether one grant of an action allows all that another does.
func covers(wide, narrow asr.Grant) bool {
	return len(wide.When) == 0 && (wide.On == "*" || fits(wide.On, narrow.On))
}

// fits reports whether a pattern matches all that another does: IAM's * stands
// for any characters, slashes and colons too.
func fits(pattern, name string) bool {
	flat := strings.NewReplacer("/", ":", "[", "(", "]", ")", `\`, "|", "?", "+", "${", "$(", "}", ")")
	ok, err := path.Match(flat.Replace(pattern), flat.Replace(name))
	return ok && err == nil
}
