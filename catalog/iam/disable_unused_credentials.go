package iam

import (
	"context"
	"errors"
	"maps"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

type idle struct {
	UnusedDays int `json:"unusedDays" doc:"Days without use after which an access key or a password goes."`
}

// console is the member of Unused that stands for the password.
const console = "password"

type credentials struct {
	Keys     map[string]bool `json:"keys"`     // by id: whether it is active
	Password bool            `json:"password"` // there is one for the console
	Unused   map[string]int  `json:"unused"`   // whole days since the last use or, later still, the making, by key or "password"; for judging only
}

// DisableUnusedCredentials deactivates access keys and deletes passwords that
// nobody uses. MFA devices, SSH keys, certificates and passwords of services stay.
var DisableUnusedCredentials = remedy.Unit[idle, credentials]{
	Spec: asr.Spec{
		ID: "iam-disable-unused-credentials", Version: 1,
		Title:  "Disable unused credentials of IAM users",
		Impact: "Access keys that nobody has used for long are deactivated; put back, they work again. A console password that nobody has used for long is deleted: nobody knows it but the user, so it can't be put back, and the user needs a new one to sign in.",
		Risk:   asr.RiskHigh, RiskWhy: "people and jobs that come rarely lose their access, and a password is lost for good",
		Interrupts: "jobs that run less often than the limit, until their key is active again",
		Scope:      asr.ScopeResource, Global: true, Resources: []string{user}, Internal: userID,
		Reads: []asr.Grant{
			asr.Allow("*", "iam:ListUsers"),
			asr.Allow(user, "iam:GetUser", "iam:ListAccessKeys", "iam:GetAccessKeyLastUsed", "iam:GetLoginProfile"),
		},
		Writes: []asr.Grant{asr.Allow(user, "iam:UpdateAccessKey", "iam:DeleteLoginProfile")},
		Settle: 5 * time.Second,
	},
	Controls: map[string]idle{"IAM.8": {90}, "IAM.22": {45}},
	Resolve:  resolveUser[idle],
	Validate: func(on remedy.On[idle]) error {
		if on.Params.UnusedDays < 1 {
			return errors.New("unusedDays must be 1 or more: 0 would take every credential")
		}
		return nil
	},
	Read: readCredentials,
	Want: func(on remedy.On[idle], now credentials) (credentials, error) {
		to := credentials{maps.Clone(now.Keys), now.Password && now.Unused[console] < on.Params.UnusedDays, now.Unused}
		for id, active := range now.Keys {
			to.Keys[id] = active && now.Unused[id] < on.Params.UnusedDays
		}
		return to, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[idle], from, to credentials) error {
		api := iam.NewFromConfig(cfg)
		if err := switchKeys(ctx, api, on.Target, from.Keys, to.Keys); err != nil || !from.Password || to.Password {
			return err
		}
		_, err := api.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: nameOf(on.Target)})
		if remedy.Is(err, "EntityTemporarilyUnmodifiable") { // the profile was made or changed just now
			return asr.ErrSettling
		}
		return remedy.Unless(err, "NoSuchEntity")
	},
	Keep: func(_ remedy.On[idle], c asr.Change) string {
		if c.Path[0] == console {
			return "nobody but the user knew the password; give the user a new one"
		}
		return ""
	},
}

func readCredentials(ctx context.Context, cfg aws.Config, on remedy.On[idle]) (credentials, error) {
	api := iam.NewFromConfig(cfg)
	all, err := listKeys(ctx, api, on.Target)
	now := credentials{Keys: all.active, Unused: map[string]int{}}
	if err != nil {
		return now, err
	}
	for id, made := range all.made {
		used, err := api.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id})
		if err != nil {
			return now, err
		}
		now.Unused[id] = days(all.now, made, aws.ToTime(used.AccessKeyLastUsed.LastUsedDate))
	}
	login, err := api.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: nameOf(on.Target)})
	if err != nil { // no password, or no user: ListAccessKeys would have said so
		return now, remedy.Unless(err, "NoSuchEntity")
	}
	u, err := api.GetUser(ctx, &iam.GetUserInput{UserName: nameOf(on.Target)})
	if err != nil {
		return now, remedy.Gone(err, "NoSuchEntity")
	}
	now.Password = true
	now.Unused[console] = days(all.now, aws.ToTime(login.LoginProfile.CreateDate), aws.ToTime(u.User.PasswordLastUsed))
	return now, nil
}
