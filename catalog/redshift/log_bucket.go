package redshift

import (
	"context"
	"slices"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
	redshifttypes "github.com/aws/aws-sdk-go-v2/service/redshift/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const policyLimit = 20 * 1024 // bytes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html

// enabled are the Regions that every account has from the start. AWS adds none:
// those that came after March 20, 2019 must be enabled, and have a name for
// Redshift of their own.
// https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
var enabled = []string{
	"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-north-1",
	"eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
}

// deliverer is the name under which Redshift writes logs in a Region:
// https://docs.aws.amazon.com/redshift/latest/mgmt/db-auditing.html#db-auditing-bucket-permissions
func deliverer(t asr.Target) string {
	if t.Partition == "aws" && !slices.Contains(enabled, t.Region) {
		return "redshift." + t.Region + ".amazonaws.com"
	}
	return "redshift.amazonaws.com"
}

// delivery lets Redshift deliver this account's logs, and asks for TLS.
func delivery(on remedy.On[logTo]) []map[string]any {
	arn := on.Expand(logBucket)
	return []map[string]any{{
		"Sid": "RedshiftAuditLogDelivery", "Effect": "Allow", "Principal": map[string]any{"Service": deliverer(on.Target)},
		"Action": []any{"s3:GetBucketAcl", "s3:PutObject"}, "Resource": []any{arn, arn + "/*"},
		"Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": on.Account}},
	}, {
		"Sid": "RequireTLS", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": []any{arn, arn + "/*"},
		"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
	}}
}

func bucketName(on remedy.On[logTo]) *string { return aws.String(on.Expand("{params.bucket}")) }

// target is where a cluster's log goes now, or "".
func target(s *redshift.DescribeLoggingStatusOutput) string {
	switch {
	case !aws.ToBool(s.LoggingEnabled):
		return "" // what else it says is of former times
	case s.LogDestinationType == redshifttypes.LogDestinationTypeCloudwatch:
		return string(s.LogDestinationType)
	}
	return aws.ToString(s.BucketName)
}

// logged judges the answer of Redshift to being told to log, or not to.
func logged(err error) error {
	switch {
	case busy(err):
		return asr.ErrSettling
	case remedy.Is(err, "InsufficientS3BucketPolicyFault", "BucketNotFoundFault"): // S3 takes a while to heed a new policy
		return &asr.Error{Code: asr.CodeUnavailable, Err: err, Do: "wait; the step is tried again by itself. If it lasts, see that the bucket is in the cluster's Region and isn't encrypted with a KMS key, which Redshift can't write to"}
	}
	return err
}

func (l *logging) findBucket(ctx context.Context, cfg aws.Config, on remedy.On[logTo]) error {
	api, name := s3.NewFromConfig(cfg), bucketName(on)
	_, err := api.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: name, ExpectedBucketOwner: &on.Account})
	switch {
	case remedy.Is(err, "Forbidden", "AccessDenied"):
		return asr.Refuse("the bucket "+*name+" belongs to another account, or is closed to asr", "set bucket to another name, then plan again")
	case err != nil:
		return remedy.Unless(err, "NotFound", "NoSuchBucket")
	}
	l.Bucket = on.Expand(logBucket)
	out, err := api.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: name, ExpectedBucketOwner: &on.Account})
	if err := remedy.Unless(err, "NoSuchPublicAccessBlockConfiguration"); err != nil {
		return err
	}
	if out != nil {
		c := out.PublicAccessBlockConfiguration
		l.Private = aws.ToBool(c.BlockPublicAcls) && aws.ToBool(c.IgnorePublicAcls) && aws.ToBool(c.BlockPublicPolicy) && aws.ToBool(c.RestrictPublicBuckets)
	}
	doc, err := bucketPolicy(ctx, api, on)
	l.Delivery = !slices.ContainsFunc(delivery(on), func(s map[string]any) bool { return !doc.Says(s) })
	return err
}

func bucketPolicy(ctx context.Context, api *s3.Client, on remedy.On[logTo]) (remedy.Document, error) {
	out, err := api.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: bucketName(on), ExpectedBucketOwner: &on.Account})
	if err != nil {
		return nil, remedy.Unless(err, "NoSuchBucketPolicy")
	}
	return remedy.ParseDocument(aws.ToString(out.Policy))
}

// makeBucket makes the bucket and tags it in one call: a crash between two
// would leave one that nobody knows to be ours.
func makeBucket(ctx context.Context, cfg aws.Config, on remedy.On[logTo]) error {
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

func closeBucket(ctx context.Context, cfg aws.Config, on remedy.On[logTo]) error {
	yes := aws.Bool(true)
	_, err := s3.NewFromConfig(cfg).PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
		Bucket: bucketName(on), ExpectedBucketOwner: &on.Account,
		PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: yes, BlockPublicPolicy: yes, IgnorePublicAcls: yes, RestrictPublicBuckets: yes},
	})
	return err
}

// allowDelivery adds to the bucket's policy what is missing of it.
func allowDelivery(ctx context.Context, cfg aws.Config, on remedy.On[logTo]) error {
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
