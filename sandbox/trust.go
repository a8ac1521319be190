package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"example.com/asr"
)

// texts is a JSON string or list of strings, as policies have both.
type texts []string

func (t *texts) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(t))
	}
	var one string
	err := json.Unmarshal(b, &one)
	*t = texts{one}
	return err
}

// principals are a statement's: "*", or by kind.
type principals map[string]texts

func (p *principals) UnmarshalJSON(b []byte) error {
	if string(b) == `"*"` {
		*p = principals{"AWS": {"*"}}
		return nil
	}
	return json.Unmarshal(b, (*map[string]texts)(p))
}

// trustPolicy is a role's AssumeRolePolicyDocument.
type trustPolicy struct {
	Statement statements
}

type statements []trustStatement

func (s *statements) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]trustStatement)(s))
	}
	*s = make(statements, 1)
	return json.Unmarshal(b, &(*s)[0])
}

func parseTrust(doc string) (trustPolicy, error) {
	var p trustPolicy
	err := json.Unmarshal([]byte(doc), &p)
	return p, err
}

type trustStatement struct {
	Effect    string
	Principal principals
	Action    texts
	Condition map[string]map[string]texts
}

// trusts asks the role's trust policy whether the caller may assume it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func (g *gateway) trusts(q *request) error {
	arn := q.form.Get("RoleArn")
	denied := fmt.Errorf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", g.arn(q.principal), arn)
	doc, err := g.trustOf(q.Context(), arn)
	if err != nil {
		return denied
	}
	facts := g.facts(q)
	needed := []string{"sts:AssumeRole"}
	if q.form.Has("SourceIdentity") {
		needed = append(needed, "sts:SetSourceIdentity")
	}
	if q.form.Has("Tags.member.1.Key") {
		needed = append(needed, "sts:TagSession")
	}
	for _, action := range needed {
		if !doc.allows(action, facts) {
			return denied
		}
	}
	return nil
}

// trustOf reads the trust policy of a role, in whichever account.
func (g *gateway) trustOf(ctx context.Context, arn string) (trustPolicy, error) {
	if !isAccount(arnAccount(arn)) {
		return trustPolicy{}, errors.New("no role's ARN")
	}
	role, err := iam.NewFromConfig(g.root(arnAccount(arn))).GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(path.Base(arn))})
	if err != nil {
		return trustPolicy{}, err
	}
	text, err := url.QueryUnescape(aws.ToString(role.Role.AssumeRolePolicyDocument))
	if err != nil {
		return trustPolicy{}, err
	}
	return parseTrust(text)
}

// root is for the gateway's own questions to moto, past its own journal.
func (g *gateway) root(account string) aws.Config {
	s := &Sandbox{url: "http://" + g.moto, http: pinned(g.moto)}
	cfg := s.Config(account, asr.Home("aws"))
	cfg.HTTPClient = headed{s.http, account}
	return cfg
}

// arn is the caller's as IAM compares it: of a role, the role's.
func (g *gateway) arn(id Identity) string {
	switch {
	case id.Role != "":
		return id.Role
	case id.AccessKeyID == g.op.AccessKeyID:
		return "arn:aws:iam::" + g.hub + ":user/" + operatorName
	}
	return "arn:aws:iam::" + id.Account + ":user/" + id.AccessKeyID
}

// facts are the values that trust conditions may ask for.
func (g *gateway) facts(q *request) map[string]string {
	facts := map[string]string{
		"aws:principalarn":     g.arn(q.principal),
		"aws:principalaccount": q.principal.Account,
		"sts:externalid":       q.form.Get("ExternalId"),
		"sts:rolesessionname":  q.form.Get("RoleSessionName"),
		"sts:sourceidentity":   q.form.Get("SourceIdentity"),
		"aws:sourceidentity":   q.principal.SourceIdentity,
	}
	org, err := organizations.NewFromConfig(g.root(g.hub)).DescribeOrganization(q.Context(), nil)
	if err == nil { // else there is none, and no principal has its id
		facts["aws:principalorgid"] = aws.ToString(org.Organization.Id)
	}
	return facts
}

func (p trustPolicy) allows(action string, facts map[string]string) bool {
	allowed := false
	for _, s := range p.Statement {
		if !s.concerns(action, facts) {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

func (s trustStatement) concerns(action string, facts map[string]string) bool {
	if !slices.ContainsFunc(s.Action, func(a string) bool { return like(strings.ToLower(a), strings.ToLower(action)) }) {
		return false
	}
	if !slices.ContainsFunc(s.Principal["AWS"], func(p string) bool { return isPrincipal(p, facts) }) {
		return false
	}
	for operator, keys := range s.Condition {
		for key, wanted := range keys {
			value, known := facts[strings.ToLower(key)]
			if !holds(operator, value, known && value != "", wanted) {
				return false
			}
		}
	}
	return true
}

func isPrincipal(p string, facts map[string]string) bool {
	account := facts["aws:principalaccount"]
	return p == "*" || p == account || p == facts["aws:principalarn"] || strings.HasSuffix(p, ":iam::"+account+":root")
}

// holds judges one condition; operators that it doesn't know never hold.
func holds(operator, value string, present bool, wanted texts) bool {
	operator, optional := strings.CutSuffix(operator, "IfExists")
	if !present {
		return optional || operator == "Null" && slices.Contains(wanted, "true") || strings.Contains(operator, "Not")
	}
	any := func(match func(string) bool) bool { return slices.ContainsFunc(wanted, match) }
	switch operator {
	case "StringEquals", "ArnEquals":
		return any(func(w string) bool { return w == value || operator == "ArnEquals" && like(w, value) })
	case "StringNotEquals", "ArnNotEquals":
		return !any(func(w string) bool { return w == value || operator == "ArnNotEquals" && like(w, value) })
	case "StringLike", "ArnLike":
		return any(func(w string) bool { return like(w, value) })
	case "StringNotLike", "ArnNotLike":
		return !any(func(w string) bool { return like(w, value) })
	case "Null":
		return slices.Contains(wanted, "false")
	}
	return false
}

// like matches IAM's wildcards, * and ?.
func like(pattern, s string) bool {
	for i := range len(pattern) {
		switch {
		case pattern[i] == '*':
			for j := range len(s) - i + 1 {
				if like(pattern[i+1:], s[i+j:]) {
					return true
				}
			}
			return false
		case i >= len(s), pattern[i] != '?' && pattern[i] != s[i]:
			return false
		}
	}
	return len(pattern) == len(s)
}
