package deployed_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/asr/deployed"
)

// names are those that a stack gives, by what they must be unique among.
func (d *deployment) names(types map[string]string) map[string]bool {
	all := map[string]bool{}
	for kind, property := range types {
		for _, r := range d.resources(kind) {
			if name, ok := r.properties[property]; ok {
				all[kind+" "+fmt.Sprint(name)] = true
			}
		}
	}
	return all
}

// What is unique in an account, whatever the Region, or in the world.
var global = map[string]string{
	"AWS::IAM::Role": "RoleName", "AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::IAM::InstanceProfile": "InstanceProfileName", "AWS::S3::Bucket": "BucketName",
}

func disjoint(t *testing.T, what string, first, second map[string]bool) {
	t.Helper()
	if len(first) < 6 || len(second) < 6 {
		t.Errorf("%s: %d and %d names", what, len(first), len(second))
	}
	for name := range second {
		if first[name] {
			t.Errorf("%s: both make %s", what, name)
		}
	}
}

// A second installation, to try a version with, stands beside the first: its hub
// in another account or Region, its role in the same member accounts.
// covers: O12
func TestASecondInstallationTakesNoNameOfTheFirst(t *testing.T) {
	t.Parallel()
	first, second := hub(t), hub(t, "AWS::Region=us-west-2", "MemberRoleName=asr-staging")
	disjoint(t, "hubs in two Regions of an account", first.names(global), second.names(global))

	one := committed(t, "asr-member.yaml").deploy(t)
	other := committed(t, "asr-member.yaml").deploy(t, "MemberRoleName=asr-staging", "ServiceRoles=no")
	disjoint(t, "two member roles in an account", one.names(global), other.names(global))
	if got := other.resource(t, deployed.RoleID).properties["RoleName"]; got != "asr-staging" {
		t.Errorf("the role is %v", got)
	}
	for _, r := range other.resources("AWS::IAM::Role") {
		if r.id != deployed.RoleID {
			t.Errorf("the second makes %s too", r.id)
		}
	}

	reached := 0
	for _, s := range second.statements() {
		if s.kind == "identity" && strings.Contains(text(s.actions()), "sts:AssumeRole") {
			reached++
			if to := text(s.resources()); !strings.Contains(to, ":role/asr-staging\"") || strings.Contains(to, "asr-member") {
				t.Errorf("%s reaches %s", s.where(), to)
			}
		}
	}
	if reached == 0 {
		t.Error("the second hub reaches no role")
	}
	for _, f := range second.resources("AWS::Lambda::Function") {
		env := f.properties["Environment"].(obj)["Variables"].(obj)
		if role, ok := env["ASR_ROLE"]; ok && role != "arn:{partition}:iam::{account}:role/asr-staging" {
			t.Errorf("%s assumes %v", f.id, role)
		}
	}
}
