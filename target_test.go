package asr_test

import (
	"testing"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

func TestGrantsAreNarrowedInTheirConditionsToo(t *testing.T) {
	when := map[string]map[string]string{"ArnEquals": {"iam:PolicyARN": "arn:{partition}:iam::aws:policy/{params.policy}"}}
	g := asr.Grant{On: "arn:{partition}:iam::{account}:role/{name}", Actions: []string{"iam:AttachRolePolicy"}, When: when}
	on := asr.On{Target: asr.Target{Partition: "aws-cn", Account: "111111111111", Name: "app"}, Params: []byte(`{"policy":"ReadOnlyAccess"}`)}
	want := []asr.Grant{{
		On: "arn:aws-cn:iam::111111111111:role/app", Actions: []string{"iam:AttachRolePolicy"},
		When: map[string]map[string]string{"ArnEquals": {"iam:PolicyARN": "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"}},
	}}
	if diff := cmp.Diff(want, on.Narrow([]asr.Grant{g})); diff != "" {
		t.Error(diff)
	}
	if when["ArnEquals"]["iam:PolicyARN"] != "arn:{partition}:iam::aws:policy/{params.policy}" {
		t.Errorf("the declared grant is another now: %v", when)
	}
}
