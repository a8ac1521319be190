package sessions

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTrustPolicyAdmitsTheHubsRoles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                                 string
		partition, org, externalID, operator string
		want                                 string // statements: action, callers, what must be equal
	}{
		{"all of it", "aws", "o-a1b2c3d4e5", "word", "Operators", `[
			["sts:AssumeRole", ["arn:aws:iam::111111111111:role/asr-hub-*", "arn:aws:iam::111111111111:role/Operators"], {"aws:PrincipalOrgID": "o-a1b2c3d4e5", "sts:ExternalId": "word"}],
			["sts:SetSourceIdentity", ["arn:aws:iam::111111111111:role/asr-hub-*", "arn:aws:iam::111111111111:role/Operators"], {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}]]`},
		{"one account, no operators", "aws-us-gov", "", "", "", `[
			["sts:AssumeRole", "arn:aws-us-gov:iam::111111111111:role/asr-hub-*", null],
			["sts:SetSourceIdentity", "arn:aws-us-gov:iam::111111111111:role/asr-hub-*", null]]`},
		{"operators of IAM Identity Center", "aws", "", "word", "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Security_*", `[
			["sts:AssumeRole", ["arn:aws:iam::111111111111:role/asr-hub-*", "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Security_*"], {"sts:ExternalId": "word"}],
			["sts:SetSourceIdentity", ["arn:aws:iam::111111111111:role/asr-hub-*", "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Security_*"], null]]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc := TrustPolicy("111111111111", tt.partition, tt.org, tt.externalID, tt.operator)
			if again := TrustPolicy("111111111111", tt.partition, tt.org, tt.externalID, tt.operator); again != doc {
				t.Errorf("it differs from call to call:\n%s\n%s", doc, again)
			}
			var p struct {
				Version   string
				Statement []struct {
					Effect, Action string
					Principal      map[string]string
					Condition      map[string]map[string]any
				}
			}
			if err := json.Unmarshal([]byte(doc), &p); err != nil {
				t.Fatal(err)
			}
			var got []any
			for _, s := range p.Statement {
				if s.Effect != "Allow" || s.Principal["AWS"] != "arn:"+tt.partition+":iam::111111111111:root" || len(s.Principal) != 1 {
					t.Errorf("statement for %s: %s %v", s.Action, s.Effect, s.Principal)
				}
				var equals any
				if e, ok := s.Condition["StringEquals"]; ok {
					equals = e
				}
				got = append(got, []any{s.Action, s.Condition["ArnLike"]["aws:PrincipalArn"], equals})
			}
			var want []any
			if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			back, _ := json.Marshal(got)
			var flat []any
			_ = json.Unmarshal(back, &flat)
			if diff := cmp.Diff(want, flat); diff != "" {
				t.Error(diff)
			}
		})
	}
}
