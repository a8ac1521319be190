// Package iam fixes IAM.
package iam

import (
	"context"
	"errors"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// password is a password policy, or what one must at least ask for.
type password struct {
	Length  int32 `json:"length,omitempty" doc:"Least number of characters."`
	Upper   bool  `json:"upper,omitempty" doc:"An upper-case letter is required."`
	Lower   bool  `json:"lower,omitempty" doc:"A lower-case letter is required."`
	Symbol  bool  `json:"symbol,omitempty" doc:"A symbol is required."`
	Number  bool  `json:"number,omitempty" doc:"A digit is required."`
	History int32 `json:"history,omitempty" doc:"Number of former passwords that may not be used again."`
	MaxAge  int32 `json:"maxAge,omitempty" doc:"Days after which a password expires."`
	Hard    bool  `json:"hard,omitempty" doc:"Who lets a password expire can't set a new one. Kept as it is."`
	Change  bool  `json:"change,omitempty" doc:"Users may change their own password. Kept as it is."`
}

type account struct {
	Policy *password `json:"policy"` // nil: none
}

// PasswordPolicy raises the account's password policy to what a control asks for.
var PasswordPolicy = remedy.Unit[password, account]{
	Spec: asr.Spec{
		ID: "iam-password-policy", Version: 1,
		Title:  "Strengthen the IAM password policy",
		Impact: "IAM users must choose stronger passwords the next time that they change them. With a maximum age, older passwords expire now. An account that has no policy gets one of its own, which stands in for AWS's default of three kinds of characters out of four.",
		Risk:   asr.RiskMedium, RiskWhy: "with a maximum age, users whose password is older must change it at once",
		Scope:  asr.ScopeAccount,
		Reads:  []asr.Grant{asr.Allow("*", "iam:GetAccountPasswordPolicy")},
		Writes: []asr.Grant{asr.Allow("*", "iam:UpdateAccountPasswordPolicy", "iam:DeleteAccountPasswordPolicy")},
		Settle: 5 * time.Second,
	},
	Controls: map[string]password{
		"IAM.10": {},
		"IAM.7":  {Length: 8, Upper: true, Lower: true, Symbol: true, Number: true},
		"IAM.11": {Upper: true},
		"IAM.12": {Lower: true},
		"IAM.13": {Symbol: true},
		"IAM.14": {Number: true},
		"IAM.15": {Length: 14},
		"IAM.16": {History: 24},
		"IAM.17": {MaxAge: 90},
	},
	Validate: func(on remedy.On[password]) error { // https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html
		if p := on.Params; min(p.Length, p.History, p.MaxAge) < 0 || p.Length > 128 || p.History > 24 || p.MaxAge > 1095 {
			return errors.New("length is at most 128, history 24 and maxAge 1095, and none is below 0")
		}
		return nil
	},
	Read:  readPassword,
	Want:  wantPassword,
	Write: writePassword,
}

// defaultLength is that of accounts without a policy of their own:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html
const defaultLength = 8

// wantPassword only ever tightens: two controls on one policy agree.
func wantPassword(on remedy.On[password], now account) (account, error) {
	least := on.Params
	want := password{Change: true, Length: defaultLength}
	if now.Policy != nil {
		want = *now.Policy
	}
	want.Length = max(want.Length, least.Length)
	want.History = max(want.History, least.History)
	want.Upper = want.Upper || least.Upper
	want.Lower = want.Lower || least.Lower
	want.Symbol = want.Symbol || least.Symbol
	want.Number = want.Number || least.Number
	if least.MaxAge > 0 && (want.MaxAge == 0 || want.MaxAge > least.MaxAge) {
		want.MaxAge = least.MaxAge
	}
	return account{&want}, nil
}

func readPassword(ctx context.Context, cfg aws.Config, _ remedy.On[password]) (account, error) {
	out, err := iam.NewFromConfig(cfg).GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})
	if err != nil {
		return account{}, remedy.Unless(err, "NoSuchEntity")
	}
	p := out.PasswordPolicy
	return account{&password{
		aws.ToInt32(p.MinimumPasswordLength), p.RequireUppercaseCharacters, p.RequireLowercaseCharacters, p.RequireSymbols,
		p.RequireNumbers, aws.ToInt32(p.PasswordReusePrevention), aws.ToInt32(p.MaxPasswordAge), aws.ToBool(p.HardExpiry), p.AllowUsersToChangePassword,
	}}, nil
}

func writePassword(ctx context.Context, cfg aws.Config, _ remedy.On[password], _, to account) error {
	api := iam.NewFromConfig(cfg)
	if to.Policy == nil {
		_, err := api.DeleteAccountPasswordPolicy(ctx, &iam.DeleteAccountPasswordPolicyInput{})
		return remedy.Unless(err, "NoSuchEntity")
	}
	p := to.Policy
	_, err := api.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{
		MinimumPasswordLength: &p.Length, RequireUppercaseCharacters: p.Upper, RequireLowercaseCharacters: p.Lower, RequireSymbols: p.Symbol,
		RequireNumbers: p.Number, PasswordReusePrevention: positive(p.History), MaxPasswordAge: positive(p.MaxAge), HardExpiry: &p.Hard, AllowUsersToChangePassword: p.Change,
	})
	return err
}

func positive(n int32) *int32 {
	if n > 0 {
		return &n
	}
	return nil
}
