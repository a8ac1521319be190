// Package s3 fixes S3.
package s3

import (
	"context"
	"reflect"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	bucket      = "arn:{partition}:s3:::{name}"
	policyLimit = 20 * 1024 // bytes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html
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
		deny := requireTLS(on.Expand(bucket))
		if slices.ContainsFunc(now.Policy.Statements(), func(s any) bool { return sameButSid(s, deny) }) {
			return now, nil
		}
		doc, err := now.Policy.With(deny, policyLimit)
		return bucketPolicy{doc}, err
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to bucketPolicy) error {
		return writePolicy(ctx, cfg, on.Target, to.Policy)
	},
}

// requireTLS is the statement that denies plain HTTP to a bucket and all in it.
func requireTLS(arn string) map[string]any {
	return map[string]any{
		"Sid": "RequireTLS", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
		"Resource":  []any{arn, arn + "/*"},
		"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
	}
}

// sameButSid reports whether a statement says the same under whatever name.
func sameButSid(statement any, want map[string]any) bool {
	m, ok := statement.(map[string]any)
	if !ok {
		return false
	}
	for k, v := range want {
		if k != "Sid" && !reflect.DeepEqual(loose(m[k]), loose(v)) {
			return false
		}
	}
	return len(m) <= len(want)
}

// loose folds what IAM takes for the same: a list of one and its element, any
// order, {"AWS": "*"} in a Deny and "*", booleans and their text.
func loose(v any) any {
	switch v := v.(type) {
	case bool:
		if v {
			return "true"
		}
		return "false"
	case []any:
		if len(v) == 1 {
			return loose(v[0])
		}
		set := map[any]bool{}
		for _, e := range v {
			if s, ok := e.(string); ok {
				set[s] = true
			}
		}
		return set
	case map[string]any:
		if len(v) == 1 && loose(v["AWS"]) == any("*") {
			return "*"
		}
		out := map[string]any{}
		for k, e := range v {
			out[k] = loose(e)
		}
		return out
	}
	return v
}

func readPolicy(ctx context.Context, cfg aws.Config, on remedy.On[none]) (p bucketPolicy, err error) {
	p.Policy, err = policyOf(ctx, cfg, on.Target)
	return p, err
}

// policyOf is a bucket's policy, nil if it has none.
func policyOf(ctx context.Context, cfg aws.Config, t asr.Target) (remedy.Document, error) {
	out, err := s3.NewFromConfig(cfg).GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &t.Name, ExpectedBucketOwner: &t.Account})
	switch {
	case remedy.Is(err, "NoSuchBucketPolicy"):
		return nil, nil
	case err != nil:
		return nil, remedy.Gone(err, "NoSuchBucket")
	}
	return remedy.ParseDocument(aws.ToString(out.Policy))
}

func writePolicy(ctx context.Context, cfg aws.Config, t asr.Target, to remedy.Document) error {
	api := s3.NewFromConfig(cfg)
	if to == nil {
		_, err := api.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: &t.Name, ExpectedBucketOwner: &t.Account})
		return err
	}
	_, err := api.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &t.Name, Policy: aws.String(to.Text()), ExpectedBucketOwner: &t.Account})
	return err
}
