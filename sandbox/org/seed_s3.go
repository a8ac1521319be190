package org

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	s3controltypes "github.com/aws/aws-sdk-go-v2/service/s3control/types"
)

// bucket is one to build. Without anything said it is private, takes only TLS
// and needs a log bucket.
type bucket struct {
	name     string
	tags     tags
	log      string                             // bucket that its access logs go to
	unlogged bool                               // there is none: that is wrong
	open     bool                               // nothing blocks public access: wrong
	plain    bool                               // requests without TLS are served: wrong
	public   []string                           // what everybody may do with its objects: wrong
	policy   func(name string) []map[string]any // more statements of its policy
}

func (k bucket) build(ctx context.Context, b *site) error {
	api := s3.NewFromConfig(b.Config)
	in := &s3.CreateBucketInput{Bucket: &k.name}
	if b.Region != virginia {
		in.CreateBucketConfiguration = &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(b.Region)}
	}
	if _, err := api.CreateBucket(ctx, in); err != nil {
		return err
	}
	k.account(b)
	if _, err := api.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: &k.name, Tagging: &s3types.Tagging{
		TagSet: as(k.tags, func(key, value *string) s3types.Tag { return s3types.Tag{Key: key, Value: value} }),
	}}); err != nil {
		return err
	}
	if err := k.guard(ctx, api); err != nil || k.log == "" {
		return err
	}
	_, err := api.PutBucketLogging(ctx, &s3.PutBucketLoggingInput{Bucket: &k.name, BucketLoggingStatus: &s3types.BucketLoggingStatus{
		LoggingEnabled: &s3types.LoggingEnabled{TargetBucket: &k.log, TargetPrefix: aws.String(k.name + "/")},
	}})
	return err
}

// account notes the worst of what is wrong.
func (k bucket) account(b *site) {
	control, what := "", ""
	switch {
	case slices.Contains(k.public, "s3:PutObject"):
		control, what = "S3.3", "everybody may write objects"
	case len(k.public) > 0:
		control, what = "S3.2", "everybody may read its objects"
	case k.open:
		control, what = "S3.8", "nothing blocks public access"
	case k.plain:
		control, what = "S3.5", "requests without TLS are served"
	case k.unlogged:
		control, what = "S3.9", "nobody knows who reads it: access is not logged"
	default:
		return
	}
	b.wrong(control, "arn:aws:s3:::"+k.name, what)
}

// guard sets who may do what.
func (k bucket) guard(ctx context.Context, api *s3.Client) error {
	if !k.open {
		yes := aws.Bool(true)
		if _, err := api.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: &k.name, PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{
			BlockPublicAcls: yes, BlockPublicPolicy: yes, IgnorePublicAcls: yes, RestrictPublicBuckets: yes,
		}}); err != nil {
			return err
		}
	}
	objects := "arn:aws:s3:::" + k.name + "/*"
	var statements []map[string]any
	if !k.plain {
		statements = append(statements, map[string]any{
			"Sid": "TLSOnly", "Effect": "Deny", "Principal": map[string]string{"AWS": "*"}, "Action": "s3:*", "Resource": []string{"arn:aws:s3:::" + k.name, objects},
			"Condition": map[string]any{"Bool": map[string]string{"aws:SecureTransport": "false"}},
		})
	}
	if len(k.public) > 0 {
		statements = append(statements, map[string]any{"Sid": "Everybody", "Effect": "Allow", "Principal": "*", "Action": k.public, "Resource": objects})
	}
	if k.policy != nil {
		statements = append(statements, k.policy(k.name)...)
	}
	if len(statements) == 0 {
		return nil
	}
	_, err := api.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &k.name, Policy: aws.String(document(statements...))})
	return err
}

// logDelivery lets S3 deliver logs to a bucket.
func logDelivery(name string) []map[string]any { return delivery(name, "logging.s3.amazonaws.com") }

// trailDelivery lets CloudTrail deliver logs to a bucket.
func trailDelivery(name string) []map[string]any { return delivery(name, "cloudtrail.amazonaws.com") }

func delivery(name, service string) []map[string]any {
	who := map[string]string{"Service": service}
	return []map[string]any{
		{"Sid": "Write", "Effect": "Allow", "Principal": who, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::" + name + "/*"},
		{"Sid": "Check", "Effect": "Allow", "Principal": who, "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::" + name},
	}
}

// privateByDefault blocks public access in the whole account.
func privateByDefault(ctx context.Context, b *site) error {
	yes := aws.Bool(true)
	_, err := s3control.NewFromConfig(b.Config).PutPublicAccessBlock(ctx, &s3control.PutPublicAccessBlockInput{
		AccountId: &b.account,
		PublicAccessBlockConfiguration: &s3controltypes.PublicAccessBlockConfiguration{
			BlockPublicAcls: yes, BlockPublicPolicy: yes, IgnorePublicAcls: yes, RestrictPublicBuckets: yes,
		},
	})
	return err
}

// publicByDefault is how accounts begin.
func publicByDefault(_ context.Context, b *site) error {
	b.wrong("S3.1", accountARN(b.account), "the account lets buckets be public")
	return nil
}
