package iam

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"pgregory.net/rapid"
)

func TestPasswordPolicy(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := iam.NewFromConfig(acct.Config)
	remedytest.Lifecycle(t, acct, PasswordPolicy, remedytest.Case{
		Name: "none", Control: "IAM.15", Want: []string{`policy: none → {"change":true,"length":14}`},
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
	unit := PasswordPolicy
	unit.Spec.Writes = []asr.Grant{asr.Allow("*", "iam:UpdateAccountPasswordPolicy")} // nothing is to be deleted where there was a policy
	remedytest.Lifecycle(t, acct, unit, remedytest.Case{
		Name: "history", Control: "IAM.16", Want: []string{`policy.history: none → 24`},
	}, remedytest.Case{
		Name: "age", Control: "IAM.17", Want: []string{`policy.maxAge: 180 → 90`},
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
