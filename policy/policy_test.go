package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/policy"
	"github.com/google/go-cmp/cmp"
)

func Example() {
	p, err := policy.Load("testdata/example.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(p.Explain(asr.Facts{
		Control: "S3.8", Remediation: "s3-block-public-access", Account: "111111111111", Region: "eu-central-1",
		Resource: "arn:aws:s3:::prod-invoices", Severity: "HIGH", Risk: asr.RiskMedium,
		Tags: map[string]string{"env": "prod"}, ManagedBy: "none",
	}))
	// Output:
	// no       hands-off-sandbox (testdata/example.yaml:9:5): accounts: "111111111111" is not 999999999999
	// no       code-owned (testdata/example.yaml:14:5): managed_by: "none" is not terraform or cloudformation
	// no       logs-everywhere (testdata/example.yaml:18:5): controls: "S3.8" is not CloudWatch.16
	// yes      public-buckets (testdata/example.yaml:23:5): controls: "S3.8" is S3.2 or S3.3 or S3.8; regions: "eu-central-1" is eu-*; severities: "HIGH" is HIGH or CRITICAL; not tags: there is no "public"
	// late     prod-asks (testdata/example.yaml:32:5): resources: "arn:aws:s3:::prod-invoices" is arn:aws:s3:::prod-*
	// no       harmless (testdata/example.yaml:37:5): risk: "medium" is not low
	// auto, rule: the rule public-buckets (testdata/example.yaml:23:5) says auto
}

// rules parses a policy of these rules.
func rules(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("p.yaml", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var _ asr.Policy = (*policy.Policy)(nil)

func TestOneRuleDecides(t *testing.T) {
	t.Parallel()
	const text = `
version: 1
console_action: run
default: observe
rules:
  - {name: no-legacy, match: {accounts: ["222222222222"], controls: [S3.*, EC2.*]}, mode: off}
  - {name: tagged, match: {tags: {env: [prod, stag*], team: "*"}}, mode: ask}
  - {name: terraform, match: {managed_by: terraform, controls: [EC2.*]}, mode: observe}
  - {name: s3, match: {controls: [s3.2, S3.1*], resources: ["arn:aws:s3:::*"]}, not: {regions: [us-*], severities: [low]}, mode: auto, params: {days: 400}}
  - {name: low, match: {risk: [LOW, medium]}, mode: auto}
`
	full := func(edit func(*asr.Facts)) asr.Facts {
		f := asr.Facts{
			Control: "S3.2", Remediation: "s3-block-public-access", Account: "111111111111", Region: "eu-central-1", Resource: "arn:aws:s3:::b/with/slash",
			Severity: "HIGH", Risk: asr.RiskHigh, Tags: map[string]string{}, ManagedBy: "none",
		}
		edit(&f)
		return f
	}
	for _, test := range []struct {
		name    string
		facts   func(*asr.Facts)
		mode    asr.Mode
		reason  asr.Reason
		rule    string
		names   bool
		missing []string
		params  string
	}{
		{name: "a control by its name, however it is capitalized", facts: func(*asr.Facts) {}, mode: "auto", reason: "rule", rule: "s3", names: true, params: "400"},
		{name: "a control by a pattern is not named", facts: func(f *asr.Facts) { f.Control = "S3.11" }, mode: "auto", reason: "rule", rule: "s3", params: "400"},
		{name: "all keys must match", facts: func(f *asr.Facts) { f.Account = "222222222222"; f.Control = "IAM.3" }, mode: "observe", reason: "no_rule"},
		{name: "the first rule wins", facts: func(f *asr.Facts) { f.Account = "222222222222" }, mode: "off", reason: "rule", rule: "no-legacy"},
		{name: "every tag must match, by one of its values", facts: func(f *asr.Facts) { f.Tags = map[string]string{"env": "staging", "team": ""} }, mode: "ask", reason: "rule", rule: "tagged"},
		{name: "one tag is not enough", facts: func(f *asr.Facts) { f.Tags = map[string]string{"env": "prod"} }, mode: "auto", reason: "rule", rule: "s3", names: true, params: "400"},
		{name: "tags are case sensitive", facts: func(f *asr.Facts) { f.Tags = map[string]string{"Env": "prod", "team": "a"} }, mode: "auto", reason: "rule", rule: "s3", names: true, params: "400"},
		{name: "an exception needs all its keys", facts: func(f *asr.Facts) { f.Region = "us-east-1" }, mode: "auto", reason: "rule", rule: "s3", names: true, params: "400"},
		{name: "an exception excepts", facts: func(f *asr.Facts) { f.Region = "us-east-1"; f.Severity = "LOW" }, mode: "observe", reason: "no_rule"},
		{name: "words however they are capitalized", facts: func(f *asr.Facts) { f.Control = "X.1"; f.Risk = "low" }, mode: "auto", reason: "rule", rule: "low"},
		{name: "no rule", facts: func(f *asr.Facts) { f.Control = "X.1" }, mode: "observe", reason: "no_rule"},
		{name: "unknown tags ask instead of running", facts: func(f *asr.Facts) { f.Tags = nil }, mode: "ask", reason: "facts_missing", rule: "tagged", missing: []string{"tags"}},
		{name: "unknown tags that lead to stricter rules too", facts: func(f *asr.Facts) { f.Tags, f.ManagedBy, f.Control = nil, "", "EC2.9" }, mode: "observe", reason: "facts_missing", rule: "tagged", missing: []string{"managed_by", "tags"}},
		{name: "an unknown account may be the one that is off", facts: func(f *asr.Facts) { f.Account = "" }, mode: "off", reason: "facts_missing", rule: "no-legacy", missing: []string{"accounts"}},
		{name: "an unknown fact of an exception", facts: func(f *asr.Facts) { f.Severity, f.Region = "", "us-east-1" }, mode: "observe", reason: "facts_missing", rule: "s3", missing: []string{"severities"}},
		{name: "an unknown fact that changes nothing", facts: func(f *asr.Facts) { f.Severity = "" }, mode: "auto", reason: "rule", rule: "s3", names: true, params: "400"},
		{name: "an unknown manager of a control that no rule asks it for", facts: func(f *asr.Facts) { f.ManagedBy = "" }, mode: "auto", reason: "rule", rule: "s3", names: true, params: "400"},
		{name: "a custom action runs", facts: func(f *asr.Facts) { f.Console = true; f.Control = "X.1" }, mode: "auto", reason: "console_action"},
		{name: "a custom action runs where a rule would ask", facts: func(f *asr.Facts) { f.Console = true; f.Tags = map[string]string{"env": "prod", "team": "a"} }, mode: "auto", reason: "console_action"},
		{name: "a custom action with the rule's parameters and name", facts: func(f *asr.Facts) { f.Console = true }, mode: "auto", reason: "console_action", names: true, params: "400"},
		{name: "a custom action doesn't need facts that lead to no off", facts: func(f *asr.Facts) { f.Console = true; f.Tags = nil }, mode: "auto", reason: "console_action"},
		{name: "a rule's off beats a custom action", facts: func(f *asr.Facts) { f.Console = true; f.Account = "222222222222" }, mode: "off", reason: "rule", rule: "no-legacy"},
		{name: "a rule's possible off does too", facts: func(f *asr.Facts) { f.Console = true; f.Account = "" }, mode: "off", reason: "facts_missing", rule: "no-legacy", missing: []string{"accounts"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, f := rules(t, text), full(test.facts)
			d, names := p.Decide(f)
			if d.Mode != test.mode || d.Reason != test.reason || d.Rule != test.rule || names != test.names || d.Why == "" {
				t.Errorf("got %+v, names %v; want %s %s %s, names %v", d, names, test.mode, test.reason, test.rule, test.names)
			}
			if diff := cmp.Diff(test.missing, d.Missing); diff != "" {
				t.Error(diff)
			}
			if got := string(p.Params(f)["days"]); got != test.params {
				t.Errorf("got days %q, want %q", got, test.params)
			}
		})
	}
}

// covers: W18
func TestWhatIsAutomaticEitherWayAsksWhileFactsAreMissing(t *testing.T) {
	t.Parallel()
	p := rules(t, `
version: 1
rules:
  - {name: prod, match: {tags: {env: prod}}, mode: auto, params: {days: 400}}
  - {name: rest, match: {controls: [S3.2]}, mode: auto}
`)
	d, names := p.Decide(asr.Facts{Control: "S3.2"})
	if d.Mode != asr.ModeAsk || d.Reason != asr.ReasonFactsMissing || names {
		t.Errorf("got %+v, %v", d, names)
	}
}

func TestWithoutAPolicyNothingHappensByItself(t *testing.T) {
	t.Parallel()
	var p *policy.Policy
	for _, console := range []bool{false, true} {
		d, names := p.Decide(asr.Facts{Control: "S3.2", Console: console})
		if d.Mode != asr.ModeOff || d.Reason != asr.ReasonNoPolicy || names || p.Params(asr.Facts{}) != nil {
			t.Errorf("got %+v", d)
		}
	}
}

func TestWhatIsLeftOutIsTheCarefulChoice(t *testing.T) {
	t.Parallel()
	p := rules(t, "version: 1\n")
	if d, _ := p.Decide(asr.Facts{Control: "S3.2"}); d.Mode != asr.ModeOff || d.Reason != asr.ReasonNoRule {
		t.Errorf("got %+v", d)
	}
	if d, _ := p.Decide(asr.Facts{Control: "S3.2", Console: true}); d.Mode != asr.ModeAsk || d.Reason != asr.ReasonConsoleAction {
		t.Errorf("got %+v", d)
	}
}

func TestABadPolicySaysWhereAndWhatToDo(t *testing.T) {
	t.Parallel()
	rule := func(text string) string { return "version: 1\nrules:\n  - name: a\n    mode: ask\n    " + text + "\n" }
	for _, test := range []struct{ name, text, want, do string }{
		{"no YAML", "version: [", "p.yaml:1: ", "correct the YAML"},
		{"nothing", "# nothing\n", "p.yaml:1: the file is empty", "write it"},
		{"a list", "- version: 1\n", "p.yaml:1:1: fields are wanted", "NAME: VALUE"},
		{"no version", "rules: []\n", "p.yaml:1:1: version: missing", "write version: 1"},
		{"another version", "version: 2\n", `p.yaml:1:10: version: "2" is none of its values`, "use 1"},
		{"an unknown field", "version: 1\nrule: []\n", "p.yaml:2:1: rule: unknown field", "use one of callers, console_action, default, exceptions"},
		{"an unknown mode", "version: 1\ndefault: automatic\n", `p.yaml:2:10: default: "automatic" is none of its values`, "use off, observe, ask, auto"},
		{"a mode of nothing", "version: 1\ndefault:\n", "p.yaml:2:9: default: a text is wanted", "remove the field"},
		{"an unknown console action", "version: 1\nconsole_action: auto\n", `p.yaml:2:17: console_action: "auto" is none`, "use run, ask"},
		{"rules that are no list", "version: 1\nrules: {}\n", "p.yaml:2:8: rules: a list is wanted", "lines that begin with -"},
		{"a rule that is text", "version: 1\nrules: [a]\n", "p.yaml:2:9: rules[0]: fields are wanted", "NAME: VALUE"},
		{"a rule without a name", "version: 1\nrules:\n  - mode: ask\n", "p.yaml:3:5: rules[0].name: missing", "give the rule a name"},
		{"a rule without a mode", "version: 1\nrules:\n  - name: a\n", "p.yaml:3:5: rules[0].mode: missing", "off, observe, ask, auto"},
		{"a name twice", "version: 1\nrules:\n  - {name: a, mode: ask}\n  - {name: a, mode: ask}\n", `p.yaml:4:5: rules[1].name: "a" is the name of the rule at p.yaml:3:5 too`, "rename one"},
		{"a field twice", rule("mode: off"), "p.yaml:5:5: rules[0].mode: it is there twice", "remove one"},
		{"an unknown key", rule("match: {account: a}"), "p.yaml:5:13: rules[0].match.account: unknown field", "accounts, controls"},
		{"an empty list would match all", rule("match: {accounts: []}"), "p.yaml:5:23: rules[0].match.accounts: it is empty", "or remove it"},
		{"no value would match all", rule("match: {accounts: }"), "p.yaml:5:23: rules[0].match.accounts: a text is wanted", "or remove the field"},
		{"no tags would match all", rule("match: {tags: {}}"), "p.yaml:5:19: rules[0].match.tags: it is empty", "or remove it"},
		{"an unknown severity", rule("match: {severities: [SEVERE]}"), `p.yaml:5:26: rules[0].match.severities[0]: "SEVERE" is none`, "INFORMATIONAL, LOW"},
		{"an unknown risk", rule("not: {risk: none}"), `p.yaml:5:17: rules[0].not.risk: "none" is none`, "low, medium, high"},
		{"an unknown manager", rule("match: {managed_by: [pulumi]}"), `rules[0].match.managed_by[0]: "pulumi" is none`, "terraform, cloudformation, none"},
		{"an exception from everything", rule("not: {}"), "p.yaml:5:10: rules[0].not: it excepts everything", "or remove it"},
		{"a parameter that JSON can't hold", rule("params: {a: .nan}"), "p.yaml:5:17: rules[0].params.a: not a value", "write a number"},
		{"an age without a unit", rule("match: {older_than: 30}"), `p.yaml:5:25: rules[0].match.older_than: "30" is no duration`, "12h, 30d or 2w"},
		{"an age of nothing", rule("match: {newer_than: 0d}"), `rules[0].match.newer_than: "0d" is no duration`, "12h, 30d or 2w"},
		{"too much", "version: 1\n#" + strings.Repeat("x", 1<<20), "p.yaml:1: the file is larger than 1 MiB", "split it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := policy.Parse("p.yaml", strings.NewReader(test.text))
			var e *asr.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Code != asr.CodeBadInput || !strings.Contains(e.Message, test.want) || !strings.Contains(e.Do, test.do) {
				t.Errorf("got %s: %s; do: %s\nwant %s; do: %s", e.Code, e.Message, e.Do, test.want, test.do)
			}
		})
	}
}

func TestAFileThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	_, err := policy.Load(t.TempDir() + "/none.yaml")
	if asr.Classify(err) != asr.CodeBadInput || asr.Advice(err) == "" || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"version: 1\ndefault: off\nrules:\n  - {name: a, mode: auto, match: {controls: [S3.*], tags: {a: b}}, not: {regions: eu-*}, params: {days: 1}}\n",
		"version: 1\nrules: [&a {name: x, mode: ask}, *a]\n", "a: &a [*a]\n", "<<: {version: 1}\n", "- 1\n", "version: 1\nrules:\n- name: [a]\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := policy.Parse("p.yaml", strings.NewReader(text))
		if err != nil {
			if asr.Classify(err) != asr.CodeBadInput || asr.Advice(err) == "" || !strings.HasPrefix(err.Error(), "p.yaml:") {
				t.Fatalf("error %q (%s)", err, asr.Advice(err))
			}
			return
		}
		d, _ := p.Decide(asr.Facts{Control: "S3.2"})
		if d.Mode == "" || d.Reason == "" || d.Why == "" {
			t.Fatalf("no decision: %+v", d)
		}
		policy.Lint(p, catalogue)
	})
}

func TestAliasesOfAliasesAreRefusedSoon(t *testing.T) {
	t.Parallel()
	start := time.Now()
	_, err := policy.Parse("p.yaml", strings.NewReader("version: 1\nrules:\n- &a {name: a, mode: off, match: {controls: ["+strings.Repeat("a,", 100_000)+"]}}\n"+strings.Repeat("- *a\n", 100_000)))
	if asr.Classify(err) != asr.CodeBadInput || !strings.Contains(err.Error(), "aliases repeat too much") {
		t.Errorf("got %.200v", err)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestWhileFactsAreMissingAPersonIsBoundByTheRulesThatMightHold(t *testing.T) {
	t.Parallel()
	p := rules(t, `
version: 1
default: off
rules:
  - {name: prod, match: {controls: [S3.*], tags: {env: prod}}, mode: observe}
  - {name: s3, match: {controls: [S3.2]}, mode: ask}
  - {name: iam, match: {controls: [IAM.3], tags: {env: prod}}, mode: auto}
  - {name: ec2, match: {controls: [EC2.9], tags: {env: prod}}, mode: off}
`)
	for control, want := range map[string]asr.Mode{"S3.2": asr.ModeAsk, "S3.3": "", "IAM.3": "", "EC2.9": asr.ModeOff} {
		if d, _ := p.Decide(asr.Facts{Control: control}); d.Reason != asr.ReasonFactsMissing || d.Binds != want {
			t.Errorf("%s: got %+v, want it to bind to %q", control, d, want)
		}
	}
}
