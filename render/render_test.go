package render_test

import (
	"encoding/json"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/render"
	"example.com/asr/sandbox"
	"example.com/asr/sessions"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

type policy struct {
	Statement []struct {
		Action, Resource any
		Condition        json.RawMessage
	}
}

func rolePolicies(t *testing.T) (all []policy) {
	t.Helper()
	policies, err := render.RolePolicies(catalog.All(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range policies {
		if len(p.Document) > render.MaxManagedPolicy {
			t.Errorf("%s has %d characters", p.Name, len(p.Document))
		}
		var doc policy
		if err := json.Unmarshal([]byte(p.Document), &doc); err != nil {
			t.Fatal(err)
		}
		for _, s := range doc.Statement {
			if equals := regexp.MustCompile(`Equals":\{[^}]*\*`); equals.Match(s.Condition) {
				t.Errorf("%s: %s compares with a wildcard, which only Like does", p.Name, s.Condition)
			}
			for _, a := range list(s.Action) {
				if strings.ContainsAny(a, "*?") {
					t.Errorf("%s: a wildcard action %s", p.Name, a)
				}
				if reads := strings.HasPrefix(p.Name, "read-"); reads != sessions.Reads(a) {
					t.Errorf("%s has %s", p.Name, a)
				}
			}
		}
		all = append(all, doc)
	}
	return all
}

func list(v any) (out []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			out = append(out, e.(string))
		}
	}
	return out
}

// Whatever a session asks for, the role has: a session can't have more than its role.
func TestTheRoleHasAllThatSessionsNeed(t *testing.T) {
	policies := rolePolicies(t)
	for _, u := range catalog.All(nil) {
		for control, params := range u.Controls {
			on := asr.On{Target: asr.Target{Partition: "aws", Account: "123456789012", Region: "eu-west-1", Name: "name"}, Params: params}
			for _, g := range on.Narrow(u.Spec.WriteGrants()) {
				for _, action := range g.Actions {
					if !allows(policies, action, g) {
						t.Errorf("%s, %s: the role lacks %s on %s", u.Spec.ID, control, action, g.On)
					}
				}
			}
		}
	}
}

func allows(policies []policy, action string, g asr.Grant) bool {
	for _, p := range policies {
		for _, s := range p.Statement {
			if slices.Contains(list(s.Action), action) && slices.ContainsFunc(list(s.Resource), func(r string) bool { return within(r, g.On) }) && sameWhen(s.Condition, g.When) {
				return true
			}
		}
	}
	return false
}

func sameWhen(have json.RawMessage, want map[string]map[string]string) bool {
	var h map[string]map[string]string
	_ = json.Unmarshal([]byte(filled(string(have))), &h) // none
	return len(h) == 0 || cmp.Equal(h, want)
}

func within(pattern, name string) bool {
	flat := strings.NewReplacer("/", ":")
	ok, err := path.Match(flat.Replace(filled(pattern)), flat.Replace(name))
	return pattern == "*" || ok && err == nil
}

// filled does what CloudFormation's Fn::Sub does.
func filled(s string) string {
	return strings.NewReplacer("${AWS::Partition}", "aws", "${AWS::AccountId}", "123456789012").Replace(s)
}

// copied are the services whose things a remediation copies, with the roles that
// their owners gave them: those are handed on to the same service.
var copied = []string{"ecs-tasks.amazonaws.com", "ec2.amazonaws.com"}

func TestTheMemberRoleNeverMakesRoles(t *testing.T) {
	for _, p := range rolePolicies(t) {
		for _, s := range p.Statement {
			for _, a := range list(s.Action) {
				if slices.Contains([]string{"iam:CreateRole", "iam:PutRolePolicy", "iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:UpdateAssumeRolePolicy", "sts:AssumeRole", "iam:CreateUser", "iam:CreateAccessKey"}, a) {
					t.Errorf("the member role may %s on %v", a, s.Resource)
				}
				ours := func(r string) bool {
					return strings.Contains(r, ":role/asr/") || strings.Contains(r, ":role/aws-service-role/")
				}
				theirs := slices.ContainsFunc(list(s.Resource), func(r string) bool { return !ours(r) })
				toCopied := slices.ContainsFunc(copied, func(service string) bool {
					return strings.Contains(string(s.Condition), `"iam:PassedToService":"`+service)
				})
				if a == "iam:PassRole" && (len(s.Condition) == 0 || theirs && !toCopied) {
					t.Errorf("the member role may pass %v, to whom? %s", s.Resource, s.Condition)
				}
			}
		}
	}
}

func TestEverySessionFitsAtItsLongestTarget(t *testing.T) {
	for _, u := range catalog.All(nil) {
		all, err := render.Sessions(u)
		if err != nil {
			t.Error(err)
		}
		for _, s := range all {
			if s.Size > sessions.MaxPolicy || len(s.Policies) == 0 {
				t.Errorf("%s, %s: %d characters in %d policies", u.Spec.ID, s.For, s.Size, len(s.Policies))
			}
		}
	}
}

// What Systems Manager demands of an Automation document.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-syntax-data-elements-parameters.html
func TestRunbooksAreAsSystemsManagerWantsThem(t *testing.T) {
	t.Parallel()
	parameterName, stepName := regexp.MustCompile(`^[a-zA-Z0-9]{1,64}$`), regexp.MustCompile(`^[a-zA-Z0-9_]{3,128}$`)
	reference := regexp.MustCompile(`\{\{\s*([\w:.]+)\s*\}\}`)
	for _, u := range catalog.All(nil) {
		text := runbook(t, u)
		var doc document
		if err := yaml.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", u.Spec.ID, err)
		}
		known := map[string]bool{"automation:EXECUTION_ID": true, "global:REGION": true, "global:ACCOUNT_ID": true, "global:AWS_PARTITION": true}
		for name, p := range doc.Parameters {
			known[name] = true
			re, err := regexp.Compile(p.AllowedPattern)
			switch {
			case err != nil:
				t.Errorf("%s: %s: %v", u.Spec.ID, name, err)
			case !parameterName.MatchString(name), p.Type != "String", p.Description == "", p.AllowedPattern == "" && len(p.AllowedValues) == 0:
				t.Errorf("%s: parameter %s: %+v", u.Spec.ID, name, p)
			case p.Default != nil && !re.MatchString(*p.Default), p.Default != nil && len(p.AllowedValues) > 0 && !slices.Contains(p.AllowedValues, *p.Default):
				t.Errorf("%s: parameter %s: its default is not allowed", u.Spec.ID, name)
			case re.MatchString(`x","remediation":"other`) && len(p.AllowedValues) == 0:
				t.Errorf("%s: parameter %s takes quotes", u.Spec.ID, name)
			}
		}
		for _, s := range doc.MainSteps {
			if !stepName.MatchString(s.Name) || !slices.Contains([]string{"aws:executeAwsApi", "aws:executeScript", "aws:approve"}, s.Action) || s.OnFailure != "Abort" {
				t.Errorf("%s: step %+v", u.Spec.ID, s)
			}
			for _, o := range s.Outputs {
				known[s.Name+"."+o.Name] = true
			}
		}
		for _, m := range reference.FindAllStringSubmatch(string(text), -1) {
			if !known[m[1]] {
				t.Errorf("%s: {{ %s }} is nothing", u.Spec.ID, m[1])
			}
		}
		if doc.SchemaVersion != "0.3" || doc.AssumeRole == "" || doc.Description == "" || len(text) > 64<<10 || !doc.MainSteps[len(doc.MainSteps)-1].IsEnd {
			t.Errorf("%s: schema %s, %d bytes", u.Spec.ID, doc.SchemaVersion, len(text))
		}
	}
}

func runbook(t *testing.T, u asr.Remediation) []byte {
	t.Helper()
	text, err := render.Runbook(u)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// document is what Systems Manager reads of a document.
type document struct {
	Description   string
	SchemaVersion string `yaml:"schemaVersion"`
	AssumeRole    string `yaml:"assumeRole"`
	Parameters    map[string]struct {
		Type, Description string
		AllowedPattern    string   `yaml:"allowedPattern"`
		AllowedValues     []string `yaml:"allowedValues"`
		Default           *string
	}
	MainSteps []struct {
		Name, Action string
		OnFailure    string `yaml:"onFailure"`
		Outputs      []struct {
			Name string `yaml:"Name"`
		}
		IsEnd bool `yaml:"isEnd"`
	} `yaml:"mainSteps"`
}

func TestARunbookTakesTheResourcesOfItsRemediationOnly(t *testing.T) {
	for _, u := range catalog.All(nil) {
		if u.Spec.Scope != asr.ScopeResource {
			continue
		}
		var doc document
		if err := yaml.Unmarshal(runbook(t, u), &doc); err != nil {
			t.Fatal(err)
		}
		re := regexp.MustCompile(doc.Parameters["Resource"].AllowedPattern)
		target := asr.Target{Partition: "aws-cn", Account: "123456789012", Region: "cn-north-1", Name: "name"}
		for _, pattern := range u.Spec.Resources {
			if id := target.Expand(pattern); !re.MatchString(id) {
				t.Errorf("%s: %s is not taken: %s", u.Spec.ID, id, re)
			}
		}
		if re.MatchString(`arn:aws:s3:::b"}`) || re.MatchString("arn:aws:s3:::{{ssm:x}}") {
			t.Errorf("%s takes quotes or braces", u.Spec.ID)
		}
	}
}

func TestTheEmulatedSystemsManagerTakesEveryRunbook(t *testing.T) {
	t.Parallel()
	s, err := sandbox.Start(t.Context(), sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	api := ssm.NewFromConfig(s.Config("222222222222", "eu-west-1"))
	for _, u := range catalog.All(nil) {
		_, err := api.CreateDocument(t.Context(), &ssm.CreateDocumentInput{
			Name: aws.String("ASR-" + u.Spec.ID), Content: aws.String(string(runbook(t, u))), DocumentType: types.DocumentTypeAutomation, DocumentFormat: types.DocumentFormatYaml,
		})
		if err != nil {
			t.Errorf("%s: %v", u.Spec.ID, err)
		}
	}
}

func TestSchemasHaveEveryControlsDefaults(t *testing.T) {
	for _, u := range catalog.All(nil) {
		text, err := render.Schema(u)
		if err != nil {
			t.Fatal(err)
		}
		var schema struct {
			Properties map[string]struct{ Description string }
			Controls   map[string]map[string]json.RawMessage `json:"x-controls"`
		}
		if err := json.Unmarshal(text, &schema); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(u.Controls)), slices.Sorted(maps.Keys(schema.Controls))); diff != "" {
			t.Errorf("%s: controls %s", u.Spec.ID, diff)
		}
		for name, p := range schema.Properties {
			if p.Description == "" {
				t.Errorf("%s: parameter %s has no description", u.Spec.ID, name)
			}
		}
	}
}
