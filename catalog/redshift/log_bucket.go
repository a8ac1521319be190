package redshift

import (
	"context"
	"slices"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedy/logbucket"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
	redshifttypes "github.com/aws/aws-sdk-go-v2/service/redshift/types"
)

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

// ourBucket is the bucket that lets Redshift deliver this account's logs.
func ourBucket(on remedy.On[logTo]) logbucket.Bucket {
	arn := on.Expand(logBucket)
	return logbucket.Bucket{Target: on.Target, Name: *bucketName(on), Policy: []map[string]any{{
		"Sid": "RedshiftAuditLogDelivery", "Effect": "Allow", "Principal": map[string]any{"Service": deliverer(on.Target)},
		"Action": []any{"s3:GetBucketAcl", "s3:PutObject"}, "Resource": []any{arn, arn + "/*"},
		"Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": on.Account}},
	}, logbucket.RequireTLS(arn)}}
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
	there, err := ourBucket(on).Look(ctx, cfg)
	if remedy.Is(err, "Forbidden", "AccessDenied") {
		return asr.Refuse("the bucket "+*bucketName(on)+" belongs to another account, or is closed to asr", "set bucket to another name, then plan again")
	}
	if there.There {
		l.Bucket, l.Private, l.Delivery = on.Expand(logBucket), there.Private, there.Delivers
	}
	return err
}
