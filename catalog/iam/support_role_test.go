package iam

import (
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const awsSupport = "arn:aws:iam::aws:policy/AWSSupportAccess"

// newRole makes a role that trusts what it says: a member of Principal.
func newRole(t *testing.T, acct *remedytest.Account, path, name, trusts string) {
	t.Helper()
	_, err := iam.NewFromConfig(acct.Config).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name, Path: &path, AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + trusts + `,"Action":"sts:AssumeRole"}]}`),
	})
	remedytest.Must(t, name, err)
}

func ownAccount(acct *remedytest.Account) string {
	return `{"AWS":"arn:aws:iam::` + acct.ID + `:root"}`
}

// supported runs SupportRole to its end.
func supported(t *testing.T, acct *remedytest.Account, params string) asr.Run {
	t.Helper()
	return remedytest.End(t, acct, SupportRole, remedytest.Case{Control: "IAM.18", Params: params})
}

func TestSupportRole(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := iam.NewFromConfig(acct.Config)
	newRole(t, acct, "/asr/", "asr-support", ownAccount(acct))
	newRole(t, acct, "/", "helpdesk", `{"AWS":["`+acct.ID+`"],"Federated":"arn:aws:iam::`+acct.ID+`:saml-provider/corp"}`)
	_, err := api.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("asr-support"), PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")})
	remedytest.Must(t, 0, err)
	_, err = api.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: aws.String("nobody")}) // a group without users doesn't count
	remedytest.Must(t, 0, err)
	_, err = api.AttachGroupPolicy(t.Context(), &iam.AttachGroupPolicyInput{GroupName: aws.String("nobody"), PolicyArn: aws.String(awsSupport)})
	remedytest.Must(t, 0, err)
	view := func(role string) remedytest.View {
		who := map[string]any{"RoleName": role}
		return acct.Boto("iam", "get_role", who, "Role").And(acct.Boto("iam", "list_attached_role_policies", who, "AttachedPolicies")).And(acct.Boto("iam", "list_entities_for_policy", map[string]any{"PolicyArn": awsSupport}, "PolicyRoles"))
	}
	seen := func(role string) []string {
		return []string{`list_attached_role_policies[]: none → {"PolicyArn":"` + awsSupport + `","PolicyName":"AWSSupportAccess"}`, `list_entities_for_policy[]: none → {"RoleId":"`}
	}
	remedytest.Lifecycle(t, acct, SupportRole, remedytest.Case{
		Name: "the role is there, without rights", Control: "IAM.18", Want: []string{"attached: false → true"}, View: view("asr-support"), Seen: seen("asr-support"),
	}, remedytest.Case{
		Name: "a role of one's own", Control: "IAM.18", Params: `{"role":"helpdesk"}`, Want: []string{"attached: false → true"}, View: view("helpdesk"), Seen: seen("helpdesk"),
		Meanwhile: func() {
			_, err := api.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("helpdesk"), PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")})
			remedytest.Must(t, 0, err)
		},
	})
}

// As Security Hub counts: users, roles, and groups that have users.
func TestWhoeverHasTheSupportPolicyWillDo(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		seed func(acct *remedytest.Account, api *iam.Client) error
		want asr.State
	}{
		"a user": {func(acct *remedytest.Account, api *iam.Client) error {
			newUser(t, acct, "", "ann")
			_, err := api.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: aws.String(awsSupport)})
			return err
		}, asr.StateNothingToDo},
		"a role, though ours is there": {func(acct *remedytest.Account, api *iam.Client) error {
			newRole(t, acct, "/", "oncall", ownAccount(acct))
			_, err := api.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("oncall"), PolicyArn: aws.String(awsSupport)})
			return err
		}, asr.StateNothingToDo},
		"ours": {func(_ *remedytest.Account, api *iam.Client) error {
			_, err := api.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("asr-support"), PolicyArn: aws.String(awsSupport)})
			return err
		}, asr.StateNothingToDo},
		"a group of one": {func(acct *remedytest.Account, api *iam.Client) error {
			newUser(t, acct, "", "ann")
			_, err := api.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: aws.String("desk")})
			remedytest.Must(t, 0, err)
			_, err = api.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{GroupName: aws.String("desk"), UserName: aws.String("ann")})
			remedytest.Must(t, 0, err)
			_, err = api.AttachGroupPolicy(t.Context(), &iam.AttachGroupPolicyInput{GroupName: aws.String("desk"), PolicyArn: aws.String(awsSupport)})
			return err
		}, asr.StateNothingToDo},
		"a group of nobody": {func(_ *remedytest.Account, api *iam.Client) error {
			_, err := api.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: aws.String("desk")})
			remedytest.Must(t, 0, err)
			_, err = api.AttachGroupPolicy(t.Context(), &iam.AttachGroupPolicyInput{GroupName: aws.String("desk"), PolicyArn: aws.String(awsSupport)})
			return err
		}, asr.StateVerified},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			acct := remedytest.NewAccount(t)
			newRole(t, acct, "/asr/", "asr-support", ownAccount(acct))
			remedytest.Must(t, name, tt.seed(acct, iam.NewFromConfig(acct.Config)))
			if r := supported(t, acct, ""); r.State != tt.want {
				t.Errorf("the run ended %s %+v, want %s", r.State, r.Error, tt.want)
			}
		})
	}
}

func TestARoleThatIsNotThereIsNotMade(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/theirs/"} { // names are unique whatever the path: theirs stands in for ours
		acct := remedytest.NewAccount(t)
		if path != "" {
			newRole(t, acct, path, "asr-support", ownAccount(acct))
		}
		r := supported(t, acct, "")
		if r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, acct.ID+":role/asr/asr-support") || !strings.Contains(r.Error.Do, "deploy asr-member") {
			t.Errorf("%q: the run ended %s %+v", path, r.State, r.Error)
		}
	}
	for _, g := range SupportRole.Spec.WriteGrants() { // conditions are narrowed like resources
		if slices.Contains(g.Actions, "iam:CreateRole") || slices.Contains(g.Actions, "iam:AttachRolePolicy") && g.When["ArnEquals"]["iam:PolicyARN"] != supportPolicy {
			t.Errorf("the grant %+v allows more than to attach that policy", g)
		}
	}
}

func TestARoleThatTrustsOthersGetsNoAccess(t *testing.T) {
	t.Parallel()
	for trusts, who := range map[string]string{
		`"*"`:         "anybody",
		`{"AWS":"*"}`: "*",
		`{"AWS":["arn:aws:iam::999999999999:root"]}`: "arn:aws:iam::999999999999:root",
		`{"Service":"ec2.amazonaws.com"}`:            "ec2.amazonaws.com",
	} {
		acct := remedytest.NewAccount(t)
		newRole(t, acct, "/asr/", "asr-support", trusts)
		if r := supported(t, acct, ""); r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || r.Error.Do == "" || !strings.Contains(r.Error.Message, " "+who+",") {
			t.Errorf("%s: the run ended %s %+v", trusts, r.State, r.Error)
		}
	}
}

func TestStrangersAreThoseOfOtherAccounts(t *testing.T) {
	for text, want := range map[string][]string{
		`{"Statement":{"Effect":"Allow","Principal":{"AWS":["111111111111","arn:aws-cn:iam::111111111111:role/x"]}}}`:                                nil,
		`{"Statement":[{"Effect":"Deny","Principal":"*"},{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111111111111:saml-provider/a"}}]}`: nil,
		`{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"111111111111"}}}`:                                                                     {"anybody"},
		`{"Statement":{"Effect":"Allow","Principal":{"Federated":"accounts.google.com","AWS":"222222222222"}}}`:                                      {"222222222222", "accounts.google.com"},
		``: nil,
	} {
		doc, err := remedy.ParseDocument(text)
		if diff := cmp.Diff(want, strangers(doc, "111111111111")); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", text, err, diff)
		}
	}
}

func TestTheSupportRoleIsNamedWithItsPath(t *testing.T) {
	for role, ok := range map[string]bool{
		"asr/asr-support": true, "helpdesk": true, "": false, "/asr/asr-support": false, "asr/": false, "arn:aws:iam::111111111111:role/x": false, "a*": false,
		"aws-service-role/support.amazonaws.com/AWSServiceRoleForSupport": false, "aws-reserved/sso.amazonaws.com/AWSReservedSSO_x": false,
	} {
		if err := SupportRole.Validate(remedy.On[support]{Params: support{role}}); (err == nil) != ok {
			t.Errorf("%q: got %v, want ok=%t", role, err, ok)
		}
	}
}

func TestSupportIsNeverTakenFromAnybody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string { return rapid.SampledFrom([]string{"", name}).Draw(t, name) }
		now := supporters{text("role"), text("stranger"), rapid.Bool().Draw(t, "attached"), text("other")}
		on := remedy.On[support]{Target: asr.Target{Partition: "aws", Account: "111111111111"}, Params: support{"asr/asr-support"}}
		remedytest.Stable(t, SupportRole, on, now, "attached")
		to, err := SupportRole.Want(on, now)
		if now.Attached && !to.Attached || err == nil && to.Attached && !now.Attached && (now.Role == "" || now.Stranger != "" || now.Other != "") {
			t.Fatalf("%+v becomes %+v, %v", now, to, err)
		}
	})
}
