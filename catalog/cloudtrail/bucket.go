package cloudtrail

import (
	"context"

	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const policyLimit = 20 * 1024 // bytes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html

func (r *recording) findBucket(ctx context.Context, cfg aws.Config, on remedy.On[store]) error {
	api, name := s3.NewFromConfig(cfg), bucketName(on)
	if _, err := api.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: name, ExpectedBucketOwner: &on.Account}); err != nil {
		return remedy.Unless(err, "NotFound", "NoSuchBucket")
	}
	r.Bucket = on.Expand(bucket)
	out, err := api.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: name, ExpectedBucketOwner: &on.Account})
	if err := remedy.Unless(err, "NoSuchPublicAccessBlockConfiguration"); err != nil {
		return err
	}
	if out != nil {
		c := out.PublicAccessBlockConfiguration
		r.Private = aws.ToBool(c.BlockPublicAcls) && aws.ToBool(c.IgnorePublicAcls) && aws.ToBool(c.BlockPublicPolicy) && aws.ToBool(c.RestrictPublicBuckets)
	}
	doc, err := bucketPolicy(ctx, api, on)
	r.Delivery = true
	for _, s := range delivery(on) {
		r.Delivery = r.Delivery && doc.Says(s)
	}
	return err
}

func bucketPolicy(ctx context.Context, api *s3.Client, on remedy.On[store]) (remedy.Document, error) {
	out, err := api.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: bucketName(on), ExpectedBucketOwner: &on.Account})
	if err != nil {
		return nil, remedy.Unless(err, "NoSuchBucketPolicy")
	}
	return remedy.ParseDocument(aws.ToString(out.Policy))
}

// delivery is what lets CloudTrail deliver our trail's log, and asks for TLS:
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
func delivery(on remedy.On[store]) []map[string]any {
	arn, cloudTrail := on.Expand(bucket), map[string]any{"Service": "cloudtrail.amazonaws.com"}
	return []map[string]any{{
		"Sid": "AsrTrailLooks", "Effect": "Allow", "Principal": cloudTrail, "Action": "s3:GetBucketAcl", "Resource": arn,
		"Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceArn": on.Expand(ours)}},
	}, {
		"Sid": "AsrTrailDelivers", "Effect": "Allow", "Principal": cloudTrail, "Action": "s3:PutObject", "Resource": arn + "/AWSLogs/" + on.Account + "/*",
		"Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceArn": on.Expand(ours), "s3:x-amz-acl": "bucket-owner-full-control"}},
	}, {
		"Sid": "RequireTLS", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": []any{arn, arn + "/*"},
		"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
	}}
}

// makeBucket makes the bucket and tags it in one call: a crash between two
// would leave one that nobody knows to be ours.
func makeBucket(ctx context.Context, cfg aws.Config, on remedy.On[store]) error {
	where := &types.CreateBucketConfiguration{}
	if on.Region != "us-east-1" {
		where.LocationConstraint = types.BucketLocationConstraint(on.Region)
	}
	for k, v := range on.Call.Tags() {
		where.Tags = append(where.Tags, types.Tag{Key: &k, Value: &v})
	}
	_, err := s3.NewFromConfig(cfg).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucketName(on), CreateBucketConfiguration: where})
	return remedy.Unless(err, "BucketAlreadyOwnedByYou")
}

func closeBucket(ctx context.Context, cfg aws.Config, on remedy.On[store]) error {
	yes := aws.Bool(true)
	_, err := s3.NewFromConfig(cfg).PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
		Bucket: bucketName(on), ExpectedBucketOwner: &on.Account,
		PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: yes, BlockPublicPolicy: yes, IgnorePublicAcls: yes, RestrictPublicBuckets: yes},
	})
	return err
}

// allowDelivery adds to the bucket's policy what is missing of it.
func allowDelivery(ctx context.Context, cfg aws.Config, on remedy.On[store]) error {
	api := s3.NewFromConfig(cfg)
	doc, err := bucketPolicy(ctx, api, on)
	for _, s := range delivery(on) {
		if err == nil && !doc.Says(s) {
			doc, err = doc.With(s, policyLimit)
		}
	}
	if err != nil {
		return err
	}
	_, err = api.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: bucketName(on), ExpectedBucketOwner: &on.Account, Policy: aws.String(doc.Text())})
	return err
}

func bucketName(on remedy.On[store]) *string { return aws.String(on.Expand("{params.bucket}")) }
