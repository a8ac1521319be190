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

func readLogging(ctx context.Context, cfg aws.Config, on remedy.On[logTo]) (l logging, err error) {
	api := s3.NewFromConfig(cfg)
	out, err := api.GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: &on.Name, ExpectedBucketOwner: &on.Account})
	if err != nil {
		return l, remedy.Gone(err, "NoSuchBucket")
	}
	if e := out.LoggingEnabled; e != nil {
		l.Target, l.Prefix = aws.ToString(e.TargetBucket), aws.ToString(e.TargetPrefix)
	}
	there, err := ourBucket(on).Look(ctx, cfg)
	if there.There {
		l.Bucket, l.Private, l.Delivery = on.Expand(logBucket), there.Private, there.Delivers
	}
	return l, err
}

// writeLogging takes the first step that is missing.
func writeLogging(ctx context.Context, cfg aws.Config, on remedy.On[logTo], from, to logging) (err error) {
	api := s3.NewFromConfig(cfg)
	switch {
	case from.Bucket == "" && to.Bucket != "":
		return ourBucket(on).Make(ctx, cfg, on.Call)
	case !from.Private && to.Private:
		return ourBucket(on).Close(ctx, cfg)
	case !from.Delivery && to.Delivery:
		return ourBucket(on).Allow(ctx, cfg)
	case to.Target == "":
		_, err = api.PutBucketLogging(ctx, &s3.PutBucketLoggingInput{Bucket: &on.Name, ExpectedBucketOwner: &on.Account, BucketLoggingStatus: &types.BucketLoggingStatus{}})
	default:
		_, err = api.PutBucketLogging(ctx, &s3.PutBucketLoggingInput{Bucket: &on.Name, ExpectedBucketOwner: &on.Account, BucketLoggingStatus: &types.BucketLoggingStatus{
			LoggingEnabled: &types.LoggingEnabled{TargetBucket: &to.Target, TargetPrefix: &to.Prefix},
		}})
	}
	return err
}
