package iam

import (
	"context"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPasswordPolicy(t *testing.T) {
	t.Parallel()
	passwordLifecycle(t, remedytest.NewAccount(t))
}

func TestPasswordPolicyUnderAnIAMThatIsEnforced(t *testing.T) {
	t.Parallel()
	passwordLifecycle(t, remedytest.NewEnforcedAccount(t))
}

func passwordLifecycle(t *testing.T, acct *remedytest.Account) {
	api := iam.NewFromConfig(acct.Config)
	view := acct.Boto("iam", "get_account_password_policy", nil, "")
	remedytest.Lifecycle(t, acct, PasswordPolicy, remedytest.Case{
		Name: "none", Control: "IAM.15", Want: []string{`policy: none → {"change":true,"length":14}`},
		View: view, Seen: []string{`Error: "NoSuchEntity" → none`, `PasswordPolicy: none → {"AllowUsersToChangePassword":true,"ExpirePasswords":false,"HardExpiry":false,"MaxPasswordAge":0,"MinimumPasswordLength":14,"RequireLowercaseCharacters":false,`},
	}, remedytest.Case{
		Name: "none, other control", Control: "IAM.7", Want: []string{`policy: none → {"change":true,"length":8,"lower":true,"number":true,"symbol":true,"upper":true}`},
		Foreign: func() {
			_, err := api.UpdateAccountPasswordPolicy(t.Context(), &iam.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: aws.Int32(20)})
			remedytest.Must(t, 0, err)
		},
	})
}

func TestWeakPasswordPolicy(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := iam.NewFromConfig(acct.Config)
	_, err := api.UpdateAccountPasswordPolicy(t.Context(), &iam.UpdateAccountPasswordPolicyInput{RequireSymbols: true, MinimumPasswordLength: aws.Int32(6), MaxPasswordAge: aws.Int32(180)})
	remedytest.Must(t, 0, err)
	view := acct.Boto("iam", "get_account_password_policy", nil, "PasswordPolicy")
	unit := PasswordPolicy
	unit.Spec.Writes = []asr.Grant{asr.Allow("*", "iam:UpdateAccountPasswordPolicy")} // nothing is to be deleted where there was a policy
	remedytest.Lifecycle(t, acct, unit, remedytest.Case{
		Name: "history", Control: "IAM.16", Want: []string{`policy.history: none → 24`},
		View: view, Seen: []string{"PasswordReusePrevention: none → 24"},
	}, remedytest.Case{
		Name: "age", Control: "IAM.17", Want: []string{`policy.maxAge: 180 → 90`},
		View: view, Seen: []string{"MaxPasswordAge: 180 → 90"},
		Meanwhile: func() {
			_, err := api.UpdateAccountPasswordPolicy(t.Context(), &iam.UpdateAccountPasswordPolicyInput{RequireSymbols: true, RequireNumbers: true, MinimumPasswordLength: aws.Int32(6), MaxPasswordAge: aws.Int32(90)})
			remedytest.Must(t, 0, err)
		},
	})
}

func TestPasswordPolicyIsOnlyTightened(t *testing.T) {
	passwords := rapid.Custom(func(t *rapid.T) password {
		b := rapid.Bool()
		return password{
			rapid.Int32Range(6, 128).Draw(t, "length"), b.Draw(t, "upper"), b.Draw(t, "lower"), b.Draw(t, "symbol"), b.Draw(t, "number"),
			rapid.Int32Range(0, 24).Draw(t, "history"), rapid.Int32Range(0, 365).Draw(t, "age"), b.Draw(t, "hard"), b.Draw(t, "change"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		now, on := passwords.Draw(t, "now"), remedy.On[password]{Params: passwords.Draw(t, "least")}
		remedytest.Stable(t, PasswordPolicy, on, account{&now}, "policy")
		got, err := wantPassword(on, account{&now})
		p := got.Policy
		if err != nil || p.Length < now.Length || p.History < now.History || now.MaxAge > 0 && p.MaxAge > now.MaxAge || p.Hard != now.Hard || p.Change != now.Change {
			t.Fatalf("%+v becomes %+v, %v", now, p, err)
		}
	})
}

// strengthened runs a control's remediation to its end.
func strengthened(t *testing.T, acct *remedytest.Account, u remedy.Unit[password, account], control string) asr.Run {
	t.Helper()
	return remedytest.End(t, acct, u, remedytest.Case{Control: control})
}

func policyOf(t *testing.T, acct *remedytest.Account) password {
	t.Helper()
	now, err := readPassword(t.Context(), acct.Config, remedy.On[password]{})
	return *remedytest.Must(t, now, err).Policy
}

// IAM.7 asks for 8 characters and IAM.15 for 14: neither undoes the other.
func TestControlsOfOnePasswordPolicyDoNotFight(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{{"IAM.7", "IAM.15"}, {"IAM.15", "IAM.7"}} {
		acct := remedytest.NewAccount(t)
		for _, control := range order {
			if r := strengthened(t, acct, PasswordPolicy, control); r.State != asr.StateVerified {
				t.Errorf("%v: %s ended %s %+v", order, control, r.State, r.Error)
			}
		}
		for _, control := range append(order, "IAM.11", "IAM.12", "IAM.13", "IAM.14") {
			if r := strengthened(t, acct, PasswordPolicy, control); r.State != asr.StateNothingToDo {
				t.Errorf("%v: after both, %s ended %s %v, want nothing_to_do", order, control, r.State, r.Plan)
			}
		}
		if diff := cmp.Diff(password{Length: 14, Upper: true, Lower: true, Symbol: true, Number: true, Change: true}, policyOf(t, acct)); diff != "" {
			t.Errorf("%v: (-want +got)\n%s", order, diff)
		}
	}
}

func TestEachPasswordControlSetsOnlyWhatItChecks(t *testing.T) {
	now := password{Length: 6, Hard: true}
	for control, set := range map[string]func(p *password){
		"IAM.7": func(p *password) { p.Length, p.Upper, p.Lower, p.Symbol, p.Number = 8, true, true, true, true }, "IAM.10": func(*password) {},
		"IAM.11": func(p *password) { p.Upper = true }, "IAM.12": func(p *password) { p.Lower = true }, "IAM.13": func(p *password) { p.Symbol = true }, "IAM.14": func(p *password) { p.Number = true },
		"IAM.15": func(p *password) { p.Length = 14 }, "IAM.16": func(p *password) { p.History = 24 }, "IAM.17": func(p *password) { p.MaxAge = 90 },
	} {
		want, least := now, PasswordPolicy.Controls[control]
		set(&want)
		got, err := wantPassword(remedy.On[password]{Params: least}, account{&now})
		if diff := cmp.Diff(&want, got.Policy); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", control, err, diff)
		}
	}
	if len(PasswordPolicy.Controls) != 9 {
		t.Errorf("there are %d controls, want 9", len(PasswordPolicy.Controls))
	}
}

func TestAPasswordPolicyThatAWSWouldRefuseIsRefusedFirst(t *testing.T) {
	for least, ok := range map[password]bool{
		{}: true, {Length: 128, History: 24, MaxAge: 1095}: true, {Length: 129}: false, {History: 25}: false, {MaxAge: 1096}: false, {Length: -1}: false, {History: -1}: false, {MaxAge: -1}: false,
	} {
		if err := PasswordPolicy.Validate(remedy.On[password]{Params: least}); (err == nil) != ok {
			t.Errorf("%+v: got %v, want ok=%t", least, err, ok)
		}
	}
}

func TestAPasswordPolicyThatIsNotAsWrittenIsNoSuccess(t *testing.T) {
	t.Parallel()
	u := PasswordPolicy
	u.Write = func(context.Context, aws.Config, remedy.On[password], account, account) error { return nil }
	if r := strengthened(t, remedytest.NewAccount(t), u, "IAM.15"); r.State != asr.StatePartly || r.Error == nil || r.Error.Do == "" {
		t.Errorf("the run ended %s %+v, want partly_applied", r.State, r.Error)
	}
}
