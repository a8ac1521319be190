package s3

import (
	"context"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// logBucketOf names the bucket that access logs go to.
func logBucketOf(on remedy.On[logTo]) string { return on.Expand("{params.bucket}") }

// private reports whether a bucket blocks public access in all four ways.
func private(ctx context.Context, api *s3.Client, t asr.Target) (bool, error) {
	out, err := api.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &t.Name, ExpectedBucketOwner: &t.Account})
	if err != nil {
		return false, remedy.Unless(err, "NoSuchPublicAccessBlockConfiguration")
	}
	c := out.PublicAccessBlockConfiguration
	return aws.ToBool(c.BlockPublicAcls) && aws.ToBool(c.BlockPublicPolicy) && aws.ToBool(c.IgnorePublicAcls) && aws.ToBool(c.RestrictPublicBuckets), nil
}

// deliver is the statement that lets S3 put this account's access logs:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
func deliver(on remedy.On[logTo]) map[string]any {
	return map[string]any{
		"Sid": "AccessLogDelivery", "Effect": "Allow", "Principal": map[string]any{"Service": "logging.s3.amazonaws.com"},
		"Action": "s3:PutObject", "Resource": on.Expand(logBucket) + "/*",
		"Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": on.Account}},
	}
}

// createLogBucket makes the bucket and tags it in one call: a crash between two
// would leave one that nobody knows to be ours.
func createLogBucket(ctx context.Context, api *s3.Client, on remedy.On[logTo]) error {
	name, where := logBucketOf(on), &types.CreateBucketConfiguration{}
	if on.Region != "us-east-1" {
		where.LocationConstraint = types.BucketLocationConstraint(on.Region)
	}
	for k, v := range on.Call.Tags() {
		where.Tags = append(where.Tags, types.Tag{Key: &k, Value: &v})
	}
	_, err := api.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: where})
	return remedy.Unless(err, "BucketAlreadyOwnedByYou")
}

// allowDelivery adds to the log bucket's policy what is missing of it.
func allowDelivery(ctx context.Context, cfg aws.Config, on remedy.On[logTo]) error {
	to := on.Target
	to.Name = logBucketOf(on)
	doc, err := policyOf(ctx, cfg, to)
	if err != nil {
		return err
	}
	for _, s := range []map[string]any{deliver(on), requireTLS(on.Expand(logBucket))} {
		if doc.Says(s) {
			continue
		}
		if doc, err = doc.With(s, policyLimit); err != nil {
			return err
		}
	}
	return writePolicy(ctx, cfg, to, doc)
}
