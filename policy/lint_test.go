package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/policy"
	"github.com/google/go-cmp/cmp"
)

// catalogue is a small one.
var catalogue = policy.LintContext{
	Controls: func() []string {
		return []string{"CloudWatch.16", "S3.2", "S3.8", "S3.99", "EC2.13", "RDS.5", "SecretsManager.3"}
	},
	Remediation: func(control string) (asr.Remediation, bool) {
		unit := func(id string, risk asr.Risk, irreversible, schema string) (asr.Remediation, bool) {
			return asr.Remediation{
				Spec:   asr.Spec{ID: id, Risk: risk, Irreversible: irreversible},
				Schema: []byte(`{"type":"object","additionalProperties":false,"properties":{` + schema + `}}`),
			}, true
		}
		switch control {
		case "CloudWatch.16":
			return unit("logs-retention", asr.RiskLow, "", `"days":{"type":"integer"},"on":{"type":"boolean"},"part":{"type":"number"}`)
		case "S3.2", "S3.8":
			return unit("s3-block-public-access", asr.RiskMedium, "", ``)
		case "EC2.13":
			return unit("ec2-close-ports", asr.RiskMedium, "", `"ports":{"type":"array","items":{"type":"integer"}},"by":{"type":"object","additionalProperties":{"type":"string"}},"name":{"type":"string"}`)
		case "RDS.5":
			return unit("rds-multi-az", asr.RiskHigh, "", ``)
		case "SecretsManager.3":
			return unit("secretsmanager-delete-unused", asr.RiskHigh, "deleted secrets are gone", ``)
		}
		return asr.Remediation{}, false
	},
}

func TestLint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, rules string
		want        []string // LINE SEVERITY RULE: start of the message
	}{
		{name: "nothing to say", rules: `
- {name: a, match: {controls: [CloudWatch.16]}, mode: auto, params: {days: 400, on: true, part: 0.5}}
- {name: b, match: {controls: [EC2.13], accounts: ["111111111111", "2*"], regions: [eu-*, us-gov-west-1, eusc-de-east-1], resources: ["arn:aws:*"]}, mode: ask, params: {ports: [22], by: {a: b}, name: x}}
- {name: c, match: {controls: [RDS.5]}, mode: auto}`},
		{name: "a rule below one that takes all", rules: `
- {name: a, mode: ask}
- {name: b, match: {controls: [S3.2]}, mode: off}`, want: []string{"4 error b: it never decides: a (p.yaml:3:3) matches all that it could"}},
		{name: "a rule below a wider one", rules: `
- {name: a, match: {controls: [S3.*], tags: {env: ["p*", dev]}}, mode: ask}
- {name: b, match: {controls: [s3.2, S3.9*], accounts: ["111111111111"], tags: {env: [prod, pre*], x: y}}, mode: off}`, want: []string{"4 error b: it never decides"}},
		{name: "a rule below one that only seems wider", rules: `
- {name: a, match: {controls: [S3.*], regions: [eu-*]}, mode: ask}
- {name: b, match: {controls: [S3.2], regions: [eu-*, us-*]}, mode: ask}
- {name: c, match: {controls: ["*"]}, not: {accounts: ["1*"]}, mode: ask}
- {name: d, match: {controls: [EC2.13]}, mode: ask}`},
		{name: "a rule below one of its controls", rules: `
- {name: a, match: {controls: [S3.2]}, mode: ask}
- {name: b, match: {controls: [S3.2*]}, mode: ask}`},
		{name: "a rule below a wider one with a narrower exception", rules: `
- {name: a, match: {controls: [S3.*]}, not: {accounts: ["111111111111"]}, mode: ask}
- {name: b, match: {controls: [S3.2]}, not: {accounts: ["1*"]}, mode: ask}`, want: []string{"4 error b: it never decides"}},
		{name: "an exception from all", rules: `
- {name: a, match: {controls: [S3.2]}, not: {controls: [S3.*]}, mode: ask}`, want: []string{"3 error a: it never decides: not:"}},
		{name: "controls that there aren't", rules: `
- name: a
  mode: ask
  match:
    controls:
    - S3.200
    - IAM.*`, want: []string{"7 error a: controls: no control is \"S3.200\"", "8 error a: controls: no control is \"IAM.*\""}},
		{name: "what is no account, Region or ARN", rules: `
- {name: a, match: {accounts: [1111, prod], regions: [Frankfurt, eu-central], resources: [prod-*], controls: ["S3.[28]", S3.2]}, mode: ask}`, want: []string{
			`3 error a: accounts: "1111" is no account id`, `3 error a: accounts: "prod" is no account id`,
			`3 error a: regions: "Frankfurt" is no Region`, `3 error a: regions: "eu-central" is no Region`, `3 error a: resources: "prod-*" matches no ARN`,
			`3 warning a: controls: only * stands`, `3 error a: controls: no control is "S3.[28]"`}},
		{name: "parameters that a remediation doesn't take", rules: `
- name: a
  match: {controls: [CloudWatch.16, S3.*]}
  mode: ask
  params:
    days: a year
    ports: [22]`, want: []string{
			"7 error a: params: days is no parameter of s3-block-public-access", "7 error a: params: days of logs-retention is not \"a year\" but a whole number",
			"8 error a: params: ports is no parameter of logs-retention, s3-block-public-access"}},
		{name: "parameters of other types", rules: `
- {name: a, match: {controls: [EC2.13]}, mode: ask, params: {ports: ["22"], by: {a: 1}, name: 1}}
- {name: b, match: {controls: [CloudWatch.16]}, mode: ask, params: {days: 1.5, on: "true", part: x}}`, want: []string{
			"3 error a: params: by of ec2-close-ports", "3 error a: params: name of ec2-close-ports", "3 error a: params: ports of ec2-close-ports",
			"4 error b: params: days of", "4 error b: params: on of", "4 error b: params: part of"}},
		{name: "everything automatic", rules: `
- {name: a, mode: auto}`, want: []string{"3 warning a: it makes everything automatic", "3 warning a: secretsmanager-delete-unused can't be put back", "3 warning a: the risk of RDS.5 is high"}},
		{name: "low risks only", rules: `
- {name: a, match: {risk: [low, medium]}, mode: auto}`},
		{name: "what can't be put back asks even if it is named", rules: `
- {name: a, match: {controls: [SecretsManager.3]}, mode: auto}`, want: []string{"3 warning a: secretsmanager-delete-unused can't be put back"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			problems := policy.Lint(rules(t, "version: 1\nrules:"+test.rules), catalogue)
			var got []string
			for i, p := range problems {
				s := fmt.Sprintf("%d %s %s: %s", p.Line, p.Severity, p.Rule, p.Message)
				if i < len(test.want) && strings.HasPrefix(s, test.want[i]) {
					s = test.want[i]
				}
				if p.Do == "" {
					t.Errorf("%s: what to do?", s)
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheExampleHasNoProblems(t *testing.T) {
	t.Parallel()
	p, err := policy.Load("testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if problems := policy.Lint(p, policy.LintContext{}); len(problems) > 0 {
		t.Errorf("got %+v", problems)
	}
	if policy.Lint(nil, catalogue) != nil {
		t.Error("no policy has no problems")
	}
}
