package policy_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func table(t *testing.T, text string) ([]policy.Case, error) {
	t.Helper()
	dir := t.TempDir()
	folder(t, dir, map[string]string{"p.test.yaml": text})
	return policy.LoadCases(filepath.Join(dir, "p.test.yaml"))
}

func TestACaseIsAFindingAndWhatIsExpected(t *testing.T) {
	t.Parallel()
	cases, err := table(t, `
version: 1
at: 2026-03-04
cases:
  - {name: a, control: S3.2, account: "111111111111", region: eu-west-1, resource: "arn:aws:s3:::b", resource_type: AwsS3Bucket, severity: high, standards: [CIS], tags: {}, ous: [Prod], account_tags: {env: prod}, age: 3d, console: true, expect: {mode: ask}}
  - {at: 2026-03-04T12:00:00+01:00, control: CloudWatch.16, resource: "arn:aws:logs:eu-west-1:111111111111:log-group:x:*", expect: {mode: auto}}
`)
	if err != nil || len(cases) != 2 {
		t.Fatal(cases, err)
	}
	at := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
	want := asr.Finding{Provider: asr.Provider{
		Account: "111111111111", Region: "eu-west-1", Control: "S3.2", Severity: "HIGH", Compliance: "FAILED", RecordState: "ACTIVE", Standards: []string{"CIS"},
		Resources: []asr.Resource{{ID: "arn:aws:s3:::b", Type: "AwsS3Bucket", Tags: map[string]string{}}}, CreatedAt: at.Add(-72 * time.Hour), UpdatedAt: at,
	}}
	if diff := cmp.Diff(want, cases[0].Reported(cases[0].At)); diff != "" || !cases[0].Console {
		t.Error(diff)
	}
	if diff := cmp.Diff(asr.Account{OUs: []string{"Prod"}, Tags: map[string]string{"env": "prod"}}, cases[0].Account); diff != "" {
		t.Error(diff)
	}
	other := cases[1].Reported(cases[1].At)
	if !cases[1].At.Equal(at.Add(11*time.Hour)) || other.Account != "111111111111" || other.Region != "eu-west-1" || other.Resource().Tags != nil || !other.CreatedAt.IsZero() {
		t.Errorf("got %+v at %s", other, cases[1].At)
	}
}

func TestAMistakeInATableIsTold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"cases: []":             "1:1: version: missing",
		"version: 1":            "1:1: cases: missing",
		"version: 1\ncases: {}": "2:8: cases: a list is wanted",
		"version: 1\ncases: [{expect: {mode: ask}}]":                                "2:9: cases[0].control: missing",
		"version: 1\ncases: [{control: S3.2}]":                                      "2:9: cases[0].expect: missing",
		"version: 1\ncases: [{control: S3.2, expect: {reason: rule}}]":              "2:33: cases[0].expect.mode: missing",
		"version: 1\ncases: [{control: S3.2, owner: x, expect: {mode: ask}}]":       "2:25: cases[0].owner: unknown field",
		"version: 1\nat: soon\ncases: []":                                           `2:5: at: "soon" is no time`,
		"version: 1\ncases: [{control: S3.2, age: 1y, expect: {mode: ask}}]":        `"1y" is no duration`,
		"version: 1\ncases: [{control: S3.2, expect: {mode: ask, begins: at ten}}]": `"at ten" is no time`,
	} {
		if _, err := table(t, text); asr.Classify(err) != asr.CodeBadInput || !strings.Contains(err.Error(), want) || asr.Advice(err) == "" {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestWhatIsOtherwiseThanExpectedIsTold(t *testing.T) {
	t.Parallel()
	j := asr.Judgement{Params: json.RawMessage(`{"days":450}`), Decision: asr.Decision{
		Mode: asr.ModeAsk, Reason: asr.ReasonRule, Rule: "r", NotBefore: noon, Consents: []asr.Consent{{By: []string{"arn:b", "arn:a"}, Need: 2}, {By: []string{"arn:a"}}},
	}}
	for expect, want := range map[string][]string{
		"{mode: ask}": nil,
		"{mode: ask, reason: rule, rule: r, begins: 2026-03-04T12:00:00Z, approvers: [\"arn:b\", \"arn:a\"], need: 2, four_eyes: false, params: {days: 450}}": nil,
		"{mode: auto}":                             {"mode: got ask, want auto"},
		"{mode: ask, reason: no_rule}":             {"reason: got rule, want no_rule"},
		"{mode: ask, rule: none}":                  {"rule: got r, want none"},
		"{mode: ask, begins: at once}":             {"begins: got 2026-03-04T12:00:00Z, want at once"},
		"{mode: ask, approvers: \"arn:a\"}":        {"approvers: got [arn:a arn:b], want [arn:a]"},
		"{mode: ask, need: 1}":                     {"need: got 2, want 1"},
		"{mode: ask, four_eyes: true}":             {"four_eyes: got false, want true"},
		"{mode: ask, params: {days: 1, on: true}}": {"params.days: got 450, want 1", "params.on: got nothing, want true"},
	} {
		cases, err := table(t, "version: 1\ncases: [{control: S3.2, expect: "+expect+"}]\n")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, cases[0].Expect.Misses(j)); diff != "" {
			t.Errorf("%s: %s", expect, diff)
		}
	}
}

func TestATableLiesBesideItsPolicy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder(t, dir, map[string]string{"one/a.yaml": "", "one/a.test.yaml": "", "one/b.test.yml": "", "two/p.yml": "", "two/p.test.yml": "", "two/q.yaml": ""})
	for path, want := range map[string][]string{
		"one": {"one/a.test.yaml", "one/b.test.yml"}, "two/p.yml": {"two/p.test.yml"}, "two/q.yaml": nil,
	} {
		got, err := policy.Tables(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			got[i], _ = filepath.Rel(dir, got[i])
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestRulesThatNoCaseIsDecidedByAreTold(t *testing.T) {
	t.Parallel()
	p := rules(t, excepting+"  - {name: more, mode: ask}\n")
	var got []string
	for _, r := range p.Unused([]string{"all", ""}) {
		got = append(got, r.Name+" "+r.Where())
	}
	if diff := cmp.Diff([]string{"website p.yaml:5:5", "more p.yaml:13:5"}, got); diff != "" {
		t.Error(diff)
	}
}
