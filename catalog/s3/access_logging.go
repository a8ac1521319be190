package s3

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const logBucket = "arn:{partition}:s3:::{params.bucket}"

type logTo struct {
	Bucket string `json:"bucket" doc:"The bucket that logs go to; {account} and {region} are filled in. It is made if it isn't there."`
}

// logging is where a bucket's access log goes. What doesn't exist is empty.
type logging struct {
	Bucket   string `json:"bucket"`   // the log bucket's ARN, once it is there
	Private  bool   `json:"private"`  // it blocks public access
	Delivery bool   `json:"delivery"` // its policy lets S3 deliver this account's logs
	Target   string `json:"target"`   // the bucket that logs go to now
	Prefix   string `json:"prefix"`
}

// AccessLogging turns a bucket's server access log on.
var AccessLogging = remedy.Unit[logTo, logging]{
	Spec: asr.Spec{
		ID: "s3-access-logging", Version: 1,
		Title:  "Log access to S3 buckets",
		Impact: "Requests to the bucket are logged to a private bucket of the same account and Region, which is made if it isn't there. It stays when the fix is undone.",
		Risk:   asr.RiskLow, RiskWhy: "who uses the bucket notices nothing",
		Cost:  "about 0.023 USD per GB of log and month",
		Scope: asr.ScopeResource, Resources: []string{bucket, "{name}"},
		Reads: []asr.Grant{asr.Allow(bucket, "s3:GetBucketLogging"), asr.Allow(logBucket, "s3:ListBucket", "s3:GetBucketPublicAccessBlock", "s3:GetBucketPolicy")},
		Writes: []asr.Grant{asr.Allow(bucket, "s3:PutBucketLogging"),
			asr.Allow(logBucket, "s3:CreateBucket", "s3:PutBucketPublicAccessBlock", "s3:PutBucketPolicy")},
		Implied: []asr.Grant{asr.Allow(logBucket, "s3:TagResource")},
		Locks:   []string{bucket, logBucket},
		Settle:  2 * time.Second,
	},
	Controls: map[string]logTo{"S3.9": {"asr-access-logs-{account}-{region}"}, "CloudTrail.7": {"asr-access-logs-{account}-{region}"}},
	Read:     readLogging,
	Want: func(on remedy.On[logTo], now logging) (logging, error) {
		if now.Target != "" {
			return now, nil
		}
		if on.Name == logBucketOf(on) {
			return now, asr.Refuse("the bucket is where access logs go: logging it to itself would never end", "suppress the finding, or set bucket to another one")
		}
		return logging{Bucket: on.Expand(logBucket), Private: true, Delivery: true, Target: logBucketOf(on), Prefix: on.Name + "/"}, nil
	},
	Write: writeLogging,
	Makes: func(on remedy.On[logTo], c asr.Change) string {
		if c.Path[0] == "bucket" {
			return on.Expand(logBucket)
		}
		return ""
	},
	Keep: func(_ remedy.On[logTo], c asr.Change) string {
		switch c.Path[0] {
		case "bucket", "private", "delivery":
			return "the log bucket holds logs, and other buckets may log to it"
		}
		return ""
	},
}

func logBucketOf(on remedy.On[logTo]) string { return on.Expand("{params.bucket}") }

func readLogging(ctx context.Context, cfg aws.Config, on remedy.On[logTo]) (l logging, err error) {
	api := s3.NewFromConfig(cfg)
	out, err := api.GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: &on.Name, ExpectedBucketOwner: &on.Account})
	if err != nil {
		return l, remedy.Gone(err, "NoSuchBucket")
	}
	if e := out.LoggingEnabled; e != nil {
		l.Target, l.Prefix = aws.ToString(e.TargetBucket), aws.ToString(e.TargetPrefix)
	}
	to := on.Target
	to.Name = logBucketOf(on)
	_, err = api.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &to.Name, ExpectedBucketOwner: &on.Account})
	if err != nil {
		return l, remedy.Unless(err, "NotFound", "NoSuchBucket")
	}
	l.Bucket = on.Expand(logBucket)
	if l.Private, err = private(ctx, api, to); err != nil {
		return l, err
	}
	policy, err := policyOf(ctx, cfg, to)
	for _, s := range policy.Statements() {
		l.Delivery = l.Delivery || sameButSid(s, deliver(on))
	}
	return l, err
}

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

// writeLogging takes the first step that is missing.
func writeLogging(ctx context.Context, cfg aws.Config, on remedy.On[logTo], from, to logging) (err error) {
	api, name := s3.NewFromConfig(cfg), logBucketOf(on)
	switch {
	case from.Bucket == "" && to.Bucket != "":
		return createLogBucket(ctx, api, on)
	case !from.Private && to.Private:
		_, err = api.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: &name, ExpectedBucketOwner: &on.Account, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true), IgnorePublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true),
		}})
	case !from.Delivery && to.Delivery:
		return allowDelivery(ctx, cfg, on)
	case to.Target == "":
		_, err = api.PutBucketLogging(ctx, &s3.PutBucketLoggingInput{Bucket: &on.Name, ExpectedBucketOwner: &on.Account, BucketLoggingStatus: &types.BucketLoggingStatus{}})
	default:
		_, err = api.PutBucketLogging(ctx, &s3.PutBucketLoggingInput{Bucket: &on.Name, ExpectedBucketOwner: &on.Account, BucketLoggingStatus: &types.BucketLoggingStatus{
			LoggingEnabled: &types.LoggingEnabled{TargetBucket: &to.Target, TargetPrefix: &to.Prefix},
		}})
	}
	return err
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
		there := false
		for _, have := range doc.Statements() {
			there = there || sameButSid(have, s)
		}
		if there {
			continue
		}
		if doc, err = doc.With(s, policyLimit); err != nil {
			return err
		}
	}
	return writePolicy(ctx, cfg, to, doc)
}
