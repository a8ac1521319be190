package org

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// person is an IAM user as it is.
type person struct {
	arn      string
	tags     tags
	signsIn  bool
	signedIn time.Time // or when the user was made, if it never did
	mfa      bool
	keys     []credential // the active ones
}

type credential struct {
	made, used time.Time // used: or made, if it never was
}

func people(ctx context.Context, s *spot) ([]person, error) {
	return recall(s, "users", func() ([]person, error) {
		api := iam.NewFromConfig(s.Config)
		users, err := collect(ctx, iam.NewListUsersPaginator(api, &iam.ListUsersInput{}), func(o *iam.ListUsersOutput) []iamtypes.User { return o.Users })
		if err != nil {
			return nil, err
		}
		all := make([]person, len(users))
		for i, u := range users {
			if all[i], err = meet(ctx, api, u.UserName); err != nil {
				return nil, err
			}
		}
		return all, nil
	})
}

func meet(ctx context.Context, api *iam.Client, name *string) (p person, err error) {
	u, err := api.GetUser(ctx, &iam.GetUserInput{UserName: name})
	if err != nil {
		return p, err
	}
	p.arn, p.signedIn = aws.ToString(u.User.Arn), later(u.User.PasswordLastUsed, u.User.CreateDate)
	p.tags = gather(u.User.Tags, func(t iamtypes.Tag) (key, value *string) { return t.Key, t.Value })
	profile, err := api.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: name})
	if err := unless(err, "NoSuchEntity"); err != nil {
		return p, err
	}
	p.signsIn = profile != nil
	devices, err := api.ListMFADevices(ctx, &iam.ListMFADevicesInput{UserName: name})
	if err != nil {
		return p, err
	}
	p.mfa = len(devices.MFADevices) > 0
	keys, err := collect(ctx, iam.NewListAccessKeysPaginator(api, &iam.ListAccessKeysInput{UserName: name}),
		func(o *iam.ListAccessKeysOutput) []iamtypes.AccessKeyMetadata { return o.AccessKeyMetadata })
	if err != nil {
		return p, err
	}
	for _, k := range keys {
		if k.Status != iamtypes.StatusTypeActive {
			continue
		}
		use, err := api.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: k.AccessKeyId})
		if err != nil {
			return p, err
		}
		p.keys = append(p.keys, credential{aws.ToTime(k.CreateDate), later(use.AccessKeyLastUsed.LastUsedDate, k.CreateDate)})
	}
	return p, nil
}

func later(a, b *time.Time) time.Time {
	if aws.ToTime(a).After(aws.ToTime(b)) {
		return *a
	}
	return aws.ToTime(b)
}

// everyUser judges the account's users.
func everyUser(passes func(*spot, person) bool) check {
	return func(ctx context.Context, s *spot) ([]verdict, error) {
		all, err := people(ctx, s)
		return judge(all, func(p person) verdict { return verdict{p.arn, passes(s, p), p.tags} }), err
	}
}

func keysYoung(days int) check {
	return everyUser(func(s *spot, p person) bool {
		return !slices.ContainsFunc(p.keys, func(k credential) bool { return s.older(k.made, days) })
	})
}

// credentialsUsed looks at passwords and active keys.
func credentialsUsed(days int) check {
	return everyUser(func(s *spot, p person) bool {
		idle := slices.ContainsFunc(p.keys, func(k credential) bool { return s.older(k.used, days) })
		return !idle && (!p.signsIn || !s.older(p.signedIn, days))
	})
}

func secondFactor() check {
	return everyUser(func(_ *spot, p person) bool { return !p.signsIn || p.mfa })
}

// passwordPolicy judges the account's; without one it fails.
func passwordPolicy(passes func(iamtypes.PasswordPolicy) bool) check {
	return func(ctx context.Context, s *spot) ([]verdict, error) {
		policy, err := recall(s, "password policy", func() (*iamtypes.PasswordPolicy, error) {
			out, err := iam.NewFromConfig(s.Config).GetAccountPasswordPolicy(ctx, nil)
			if err := unless(err, "NoSuchEntity"); err != nil || out == nil {
				return nil, err
			}
			return out.PasswordPolicy, nil
		})
		return s.whole(policy != nil && passes(*policy)), err
	}
}

// strongPasswords are what IAM.7 asks for by default.
// https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html#iam-7
func strongPasswords(p iamtypes.PasswordPolicy) bool {
	return p.RequireUppercaseCharacters && p.RequireLowercaseCharacters && p.RequireSymbols && p.RequireNumbers && aws.ToInt32(p.MinimumPasswordLength) >= 8
}
