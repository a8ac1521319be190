package policy_test

import (
	"slices"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/policy"
)

func TestARuleMatchesByWhatTheFindingAndItsAccountAre(t *testing.T) {
	t.Parallel()
	facts := asr.Facts{
		Standards: []string{"CIS v1.4.0", "cis-aws-foundations-benchmark/v/1.4.0"}, ResourceType: "AwsS3Bucket", OUs: []string{"ou-ab12-web", "Web", "ou-ab12-prod", "Prod", "r-ab12", "Root"},
		AccountTags: map[string]string{"env": "prod"}, At: noon, FoundAt: noon.Add(-10 * 24 * time.Hour),
	}
	for _, test := range []struct {
		match, missing string
		want           bool
	}{
		{"standards: [cis v1.4.0]", "standards", true},
		{"standards: cis-aws-foundations-benchmark/*", "standards", true},
		{"standards: [PCI*]", "standards", false},
		{"resource_types: [AwsS3Bucket]", "resource_types", true},
		{"resource_types: [\"AWS::S3::*\"]", "resource_types", true},
		{"resource_types: [AwsEc2Vpc]", "resource_types", false},
		{"ous: [Prod]", "ous", true},
		{"ous: [ou-ab12-prod]", "ous", true},
		{"ous: [Sandbox, Root]", "ous", true},
		{"ous: [prod]", "ous", false},
		{"account_tags: {env: p*}", "account_tags", true},
		{"account_tags: {env: dev}", "account_tags", false},
		{"older_than: 9d", "older_than", true},
		{"older_than: 10d", "older_than", false},
		{"newer_than: 2w", "newer_than", true},
		{"newer_than: 240h", "newer_than", true},
		{"newer_than: 239h", "newer_than", false},
	} {
		p := rules(t, "version: 1\nrules:\n  - {name: a, mode: auto, match: {"+test.match+"}}\n")
		if d, _ := p.Decide(facts); (d.Reason == asr.ReasonRule) != test.want {
			t.Errorf("%s: got %+v, want a match: %v", test.match, d, test.want)
		}
		if d, _ := p.Decide(asr.Facts{At: noon}); d.Reason != asr.ReasonFactsMissing || !slices.Equal(d.Missing, []string{test.missing}) || d.Mode != asr.ModeOff {
			t.Errorf("%s: without facts it is %+v", test.match, d)
		}
	}
}

func TestOnlyAPolicyThatAsksForAccountsNeedsThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"match: {accounts: [\"111111111111\"]}":            false,
		"match: {ous: [Prod]}":                             true,
		"match: {account_tags: {env: prod}}":               true,
		"match: {controls: [S3.2]}, not: {ous: [Sandbox]}": true,
	} {
		if got := rules(t, "version: 1\nrules:\n  - {name: a, mode: auto, "+text+"}\n").NeedsAccounts(); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
	if (*policy.Policy)(nil).NeedsAccounts() {
		t.Error("no policy needs nothing")
	}
}
