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

type age struct {
	MaxAge int `json:"maxAge" doc:"Days after which an access key is too old."`
}

type accessKeys struct {
	Keys map[string]bool `json:"keys"` // by id: whether it is active
	Age  map[string]int  `json:"age"`  // in whole days, for judging only
}

// RotateKeys deactivates access keys that are too old. That a key is idle is
// no matter of its control.
var RotateKeys = remedy.Unit[age, accessKeys]{
	Spec: asr.Spec{
		ID: "iam-rotate-keys", Version: 1,
		Title:  "Deactivate old IAM access keys",
		Impact: "Whatever still signs its requests with the old key is refused at once. The key is not deleted: put back, it works again. A new key must be made and handed out by the user's owner.",
		Risk:   asr.RiskHigh, RiskWhy: "the key may be in daily use, and its users fail at once",
		Interrupts: "applications that use the key, until they have a new one",
		Scope:      asr.ScopeResource, Global: true, Resources: []string{user}, Internal: userID,
		Reads:  []asr.Grant{asr.Allow("*", "iam:ListUsers"), asr.Allow(user, "iam:ListAccessKeys")},
		Writes: []asr.Grant{asr.Allow(user, "iam:UpdateAccessKey")},
		Settle: 5 * time.Second,
	},
	Controls: map[string]age{"IAM.3": {90}},
	Resolve:  resolveUser[age],
	Validate: func(on remedy.On[age]) error {
		if on.Params.MaxAge < 1 {
			return errors.New("maxAge must be 1 day or more: 0 would take every key")
		}
		return nil
	},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[age]) (accessKeys, error) {
		all, err := listKeys(ctx, iam.NewFromConfig(cfg), on.Target)
		now := accessKeys{all.active, map[string]int{}}
		for id, made := range all.made {
			now.Age[id] = days(all.now, made)
		}
		return now, err
	},
	Want: func(on remedy.On[age], now accessKeys) (accessKeys, error) {
		to := accessKeys{maps.Clone(now.Keys), now.Age}
		for id, active := range now.Keys {
			to.Keys[id] = active && now.Age[id] < on.Params.MaxAge
		}
		return to, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[age], from, to accessKeys) error {
		return switchKeys(ctx, iam.NewFromConfig(cfg), on.Target, from.Keys, to.Keys)
	},
}
