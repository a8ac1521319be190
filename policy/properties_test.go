package policy_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/policy"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var (
	noon     = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) // a Wednesday
	modes    = []asr.Mode{asr.ModeOff, asr.ModeObserve, asr.ModeAsk, asr.ModeAuto}
	controls = []string{"S3.2", "S3.11", "IAM.3"}
	accounts = []string{"111111111111", "222222222222"}
	regions  = []string{"eu-central-1", "eu-west-1", "us-east-1"}
)

func pick[T any](t *rapid.T, from []T, what string) T { return rapid.SampledFrom(from).Draw(t, what) }

// matcher draws a match: few words, so that rules meet often.
func matcher(t *rapid.T) map[string]any {
	some := func(words ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(words), 1, 2, rapid.ID).Draw(t, "words")
	}
	m := map[string]any{}
	for key, words := range map[string][]string{
		"controls": {"S3.2", "S3.*", "iam.3", "*"}, "accounts": {"111111111111", "2*"}, "regions": {"eu-*", "us-east-1", "*-1"},
		"standards": {"CIS *", "pci-dss/v/3.2.1"}, "ous": {"Prod", "ou-*"}, "resource_types": {"AWS::S3::Bucket", "AwsEc2*"},
		"severities": {"LOW", "HIGH"}, "risk": {"low", "high"}, "managed_by": {"terraform", "none"},
	} {
		if rapid.IntRange(0, 4).Draw(t, key) == 0 {
			m[key] = some(words...)
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "tags") == 0 {
		m["tags"] = map[string]any{pick(t, []string{"env", "team"}, "tag"): some("prod", "p*", "dev")}
	}
	for key, some := range map[string]any{"account_tags": map[string]any{"env": some("prod", "p*")}, "older_than": "3d", "newer_than": "30d"} {
		if rapid.IntRange(0, 7).Draw(t, key) == 0 {
			m[key] = some
		}
	}
	return m
}

func rule(t *rapid.T, name string) map[string]any {
	r := map[string]any{"name": name, "mode": pick(t, modes, "mode"), "match": matcher(t), "params": map[string]any{"from": name}}
	if not := matcher(t); len(not) > 0 && rapid.Bool().Draw(t, "not") {
		r["not"] = not
	}
	return r
}

// drawn is a policy file, in JSON, which is YAML too.
func drawn(t *rapid.T) map[string]any {
	var list []map[string]any
	for i := range rapid.IntRange(0, 5).Draw(t, "rules") {
		list = append(list, rule(t, fmt.Sprint("r", i)))
	}
	return map[string]any{"version": 1, "console_action": pick(t, []string{"run", "ask"}, "console"), "default": pick(t, modes, "default"), "rules": list}
}

func parse(t *rapid.T, file map[string]any) *policy.Policy {
	if file["rules"] == nil || len(file["rules"].([]map[string]any)) == 0 {
		delete(file, "rules")
	}
	text, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse("p.json", strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func facts(t *rapid.T) asr.Facts {
	tags := map[string]string{}
	for _, tag := range []string{"env", "team"} {
		if rapid.Bool().Draw(t, tag) {
			tags[tag] = pick(t, []string{"prod", "dev", "x"}, "value")
		}
	}
	return asr.Facts{
		Control: pick(t, controls, "control"), Account: pick(t, accounts, "account"), Region: pick(t, regions, "region"), Resource: "arn:aws:s3:::b",
		Severity: pick(t, asr.Severities, "severity"), Risk: pick(t, []asr.Risk{"low", "medium", "high"}, "risk"),
		Tags: tags, ManagedBy: pick(t, []string{"none", "terraform", "cloudformation"}, "managed by"), Console: rapid.Bool().Draw(t, "asked in the console"),
		Standards: pick(t, [][]string{{"CIS v1.4.0", "PCI DSS v3.2.1", "pci-dss/v/3.2.1"}, {"AFSBP v1.0.0"}}, "standards"), OUs: pick(t, [][]string{{"ou-1", "Prod", "r-1"}, {"r-1"}}, "ous"),
		ResourceType: pick(t, []string{"AwsS3Bucket", "AwsEc2Vpc"}, "type"), AccountTags: map[string]string{"env": pick(t, []string{"prod", "dev"}, "account tag")},
		At: noon, FoundAt: noon.Add(-time.Duration(rapid.IntRange(0, 60).Draw(t, "age")) * 24 * time.Hour),
	}
}

// blurred leaves some facts out.
func blurred(t *rapid.T, f asr.Facts) asr.Facts {
	if rapid.Bool().Draw(t, "no tags") {
		f.Tags = nil
	}
	if rapid.Bool().Draw(t, "no manager") {
		f.ManagedBy = ""
	}
	if rapid.IntRange(0, 3).Draw(t, "no account") == 0 {
		f.Account = ""
	}
	if rapid.IntRange(0, 3).Draw(t, "no severity") == 0 {
		f.Severity = ""
	}
	if rapid.IntRange(0, 3).Draw(t, "no organization") == 0 {
		f.OUs, f.AccountTags = nil, nil
	}
	if rapid.IntRange(0, 3).Draw(t, "a bare finding") == 0 {
		f.Standards, f.ResourceType, f.FoundAt = nil, "", time.Time{}
	}
	return f
}

// covers: W10
func TestEveryFindingGetsOneModeAndOneReason(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, f := parse(t, drawn(t)), blurred(t, facts(t))
		d, names := p.Decide(f)
		reasons := []asr.Reason{asr.ReasonNoRule, asr.ReasonRule, asr.ReasonConsoleAction, asr.ReasonFactsMissing}
		switch {
		case !slices.Contains(modes, d.Mode), !slices.Contains(reasons, d.Reason), d.Why == "":
			t.Fatalf("got %+v", d)
		case (d.Reason == asr.ReasonFactsMissing) != (len(d.Missing) > 0):
			t.Fatalf("what is missing? %+v", d)
		case d.Reason == asr.ReasonFactsMissing && (d.Mode == asr.ModeAuto || names || p.Params(f) != nil):
			t.Fatalf("it acts on what it doesn't know: %+v, names %v", d, names)
		case d.Reason == asr.ReasonRule && string(p.Params(f)["from"]) != `"`+d.Rule+`"`:
			t.Fatalf("parameters of another rule: %+v, %s", d, p.Params(f))
		}
		again, _ := p.Decide(f)
		if diff := cmp.Diff(d, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestALaterRuleNeverChangesWhatAnEarlierDecides(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		file, f := drawn(t), blurred(t, facts(t))
		before, _ := parse(t, file).Decide(f)
		if before.Reason != asr.ReasonRule {
			t.Skip("no rule decides")
		}
		file["rules"] = append(file["rules"].([]map[string]any), rule(t, "later"))
		after, _ := parse(t, file).Decide(f)
		before.Why, after.Why = "", ""
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestTheFirstRuleThatMatchesDecides(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		file, f := drawn(t), facts(t)
		f.Console = false
		d, _ := parse(t, file).Decide(f)
		want := ""
		list, _ := file["rules"].([]map[string]any)
		for _, r := range list {
			alone, _ := parse(t, map[string]any{"version": 1, "rules": []map[string]any{r}}).Decide(f)
			if alone.Reason == asr.ReasonRule {
				want = r["name"].(string)
				break
			}
		}
		if d.Rule != want {
			t.Fatalf("got %q, want %q", d.Rule, want)
		}
	})
}

// covers: W18
func TestMissingFactsNeverAllowMoreThanTheFactsWould(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, f := parse(t, drawn(t)), facts(t)
		known, _ := p.Decide(f)
		unknown, _ := p.Decide(blurred(t, f))
		if slices.Index(modes, unknown.Mode) > slices.Index(modes, known.Mode) {
			t.Fatalf("%+v allows more than %+v", unknown, known)
		}
		if !f.Console && asked(unknown) > asked(known) {
			t.Fatalf("%+v allows a person more than %+v", unknown, known)
		}
	})
}

// asked is how far a person's request goes: 0 is refused, 1 waits for an
// approval, 2 is done.
func asked(d asr.Decision) int {
	binds := d.Binds
	if d.Reason == asr.ReasonRule || d.Reason == asr.ReasonException {
		binds = d.Mode
	}
	switch binds {
	case asr.ModeOff:
		return 0
	case asr.ModeAsk:
		return 1
	}
	return 2
}

func TestARuleThatLintCallsUnreachableNeverDecides(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, f := parse(t, drawn(t)), facts(t)
		f.Console = false
		d, _ := p.Decide(f)
		for _, problem := range policy.Lint(p, policy.LintContext{}) {
			if strings.HasPrefix(problem.Message, "it never decides") && problem.Rule == d.Rule {
				t.Fatalf("%s, yet %s", problem.Message, d.Why)
			}
		}
	})
}
