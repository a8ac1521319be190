// Package s3 fixes S3.
package s3

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedy/logbucket"
	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	bucket      = "arn:{partition}:s3:::{name}"
	policyLimit = logbucket.PolicyLimit
)

type none struct{}

type bucketPolicy struct {
	Policy remedy.Document `json:"policy"` // nil: none
}

// TLSOnly denies requests to a bucket that don't use TLS.
var TLSOnly = remedy.Unit[none, bucketPolicy]{
	Spec: asr.Spec{
		ID: "s3-tls-only", Version: 1,
		Title:  "Require TLS for requests to S3 buckets",
		Impact: "Requests over plain HTTP fail.",
		Risk:   asr.RiskMedium, RiskWhy: "clients that use plain HTTP are refused",
		Scope: asr.ScopeResource, Resources: []string{bucket},
		Reads:  []asr.Grant{asr.Allow(bucket, "s3:GetBucketPolicy")},
		Writes: []asr.Grant{asr.Allow(bucket, "s3:PutBucketPolicy", "s3:DeleteBucketPolicy")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]none{"S3.5": {}},
	Read:     readPolicy,
	Want: func(on remedy.On[none], now bucketPolicy) (bucketPolicy, error) {
		deny := logbucket.RequireTLS(on.Expand(bucket))
		if now.Policy.Says(deny) {
			return now, nil
		}
		doc, err := now.Policy.With(deny, policyLimit)
		return bucketPolicy{doc}, err
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to bucketPolicy) error {
		return writePolicy(ctx, cfg, on.Target, to.Policy)
	},
}

func readPolicy(ctx context.Context, cfg aws.Config, on remedy.On[none]) (p bucketPolicy, err error) {
	p.Policy, err = policyOf(ctx, cfg, on.Target)
	return p, err
}
