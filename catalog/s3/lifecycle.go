package s3

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

type age struct {
	TransitionDays int32                        `json:"transitionDays" doc:"Days after which objects move to storageClass. 0: not asked for; 30 if storageClass is."`
	ExpirationDays int32                        `json:"expirationDays" doc:"Days after which objects are deleted. 0: never. Needs allowDeletion."`
	StorageClass   types.TransitionStorageClass `json:"storageClass" doc:"Where objects move. Empty: not asked for; INTELLIGENT_TIERING if transitionDays are."`
	AllowDeletion  bool                         `json:"allowDeletion,omitempty" doc:"Lets the rule delete objects, as expirationDays say. Nothing brings them back."`
}

// lifecycle is a bucket's rules by their ids. Ours is the only one that changes.
type lifecycle struct {
	Rules map[string]ageing `json:"rules"`
}

// ageing is what a rule does to objects, as far as the control looks at it.
type ageing struct {
	Enabled     bool                                   `json:"enabled"`
	Transitions map[types.TransitionStorageClass]int32 `json:"transitions"` // days
	Expiration  int32                                  `json:"expiration"`  // days; 0: never
	Uploads     int32                                  `json:"uploads"`     // days after which uploads that nobody finished are given up; 0: never
}

// Lifecycle gives a bucket a lifecycle rule.
var Lifecycle = remedy.Unit[age, lifecycle]{
	Spec: asr.Spec{
		ID: "s3-lifecycle", Version: 1,
		Title:  "Give S3 buckets a lifecycle rule",
		Impact: "A rule is added to those that are there. If no days and no storage class are asked for, it gives up multipart uploads that nobody finished within 7 days, and touches no object. Else objects of that age move to the storage class, where reading them may cost, take hours (GLACIER, DEEP_ARCHIVE) or both. Objects are deleted only if allowDeletion is set. Undone, the rule goes; what it has moved stays moved, and what it has deleted is gone, or a former version where the bucket keeps versions.",
		Risk:   asr.RiskMedium, RiskWhy: "by default only stale uploads go; a storage class or an expiration, if asked for, changes where objects are and whether they are there",
		Cost:  "nothing by default; about 0.01 USD per 1,000 objects that move, and 0.0025 USD per 1,000 objects and month in INTELLIGENT_TIERING",
		Scope: asr.ScopeResource, Resources: []string{bucket},
		Reads:  []asr.Grant{asr.Allow(bucket, "s3:GetLifecycleConfiguration")},
		Writes: []asr.Grant{asr.Allow(bucket, "s3:PutLifecycleConfiguration")},
		Settle: 5 * time.Second,
	},
	Controls: map[string]age{"S3.13": {}},
	Validate: func(on remedy.On[age]) error { return on.Params.valid() },
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[age]) (lifecycle, error) {
		out, err := lifecycleOf(ctx, cfg, on.Target)
		if err != nil {
			return lifecycle{}, err
		}
		now := lifecycle{map[string]ageing{}}
		for _, r := range out.Rules {
			now.Rules[aws.ToString(r.ID)] = ageingOf(r)
		}
		return now, nil
	},
	Want: func(on remedy.On[age], now lifecycle) (lifecycle, error) {
		for _, r := range now.Rules {
			if on.Params.satisfied(r) {
				return now, nil
			}
		}
		id, ours := on.Params.rule()
		switch _, taken := now.Rules[id]; {
		case ours.Expiration > 0 && !on.Params.AllowDeletion:
			return now, asr.Refuse(fmt.Sprintf("the rule would delete objects that are %d days old, for good where the bucket keeps no versions", ours.Expiration), "set allowDeletion if that is meant, or expirationDays to 0")
		case taken:
			return now, asr.Refuse("the bucket has a rule "+id+" that is off or does something else", "look why somebody changed it; turn it on or delete it, then plan again")
		case len(now.Rules) >= 1000: // https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
			return now, asr.Refuse("the bucket has 1,000 rules, which is the limit", "merge some of them, then plan again")
		}
		rules := maps.Clone(now.Rules)
		if rules == nil {
			rules = map[string]ageing{}
		}
		rules[id] = ours
		return lifecycle{rules}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[age], from, to lifecycle) error {
		out, err := lifecycleOf(ctx, cfg, on.Target)
		if err != nil {
			return err
		}
		rules := slices.DeleteFunc(out.Rules, func(r types.LifecycleRule) bool { return differs(from, to, aws.ToString(r.ID)) })
		for _, id := range slices.Sorted(maps.Keys(to.Rules)) {
			if differs(from, to, id) {
				rules = append(rules, newRule(id, to.Rules[id], rules))
			}
		}
		api := s3.NewFromConfig(cfg)
		if len(rules) == 0 {
			_, err = api.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: &on.Name, ExpectedBucketOwner: &on.Account})
			return err
		}
		_, err = api.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
			Bucket: &on.Name, ExpectedBucketOwner: &on.Account, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules},
			TransitionDefaultMinimumObjectSize: out.TransitionDefaultMinimumObjectSize, // left out, it would be reset
		})
		return err
	},
}
