package redshift

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
)

const logBucket = "arn:{partition}:s3:::{params.bucket}"

type logTo struct {
	Bucket string `json:"bucket" doc:"The bucket that logs go to; {account} and {region} are filled in. It is made if it isn't there, and must be in the cluster's Region."`
}

// logging is where a cluster's audit log goes. What doesn't exist is empty.
type logging struct {
	Bucket   string `json:"bucket"`            // the log bucket's ARN, once it is there
	Private  bool   `json:"private"`           // it blocks public access
	Delivery bool   `json:"delivery"`          // its policy lets Redshift deliver this account's logs, and asks for TLS
	Target   string `json:"target"`            // where logs go now: a bucket, or "cloudwatch"
	Refusal  string `json:"refusal,omitempty"` // why Redshift wouldn't change it
}

// AuditLogging has connections and changes of users logged. The log of queries
// needs enable_user_activity_logging in the cluster's parameter group besides.
// https://docs.aws.amazon.com/redshift/latest/mgmt/db-auditing.html
var AuditLogging = remedy.Unit[logTo, logging]{
	Spec: asr.Spec{
		ID: "redshift-audit-logging", Version: 1,
		Title:  "Log connections to Redshift clusters",
		Impact: "Connections and changes of database users are logged to a private bucket of the same account and Region, which is made if it isn't there; queries too if the cluster's parameter group says so. The bucket stays when the fix is undone.",
		Risk:   asr.RiskLow, RiskWhy: "who uses the cluster notices nothing",
		Cost:  "about 0.023 USD per GB of log and month",
		Scope: asr.ScopeResource, Resources: []string{cluster},
		Reads: []asr.Grant{asr.Allow(cluster, "redshift:DescribeClusters", "redshift:DescribeLoggingStatus"),
			asr.Allow(logBucket, "s3:ListBucket", "s3:GetBucketPublicAccessBlock", "s3:GetBucketPolicy")},
		Writes: []asr.Grant{asr.Allow(cluster, "redshift:EnableLogging", "redshift:DisableLogging"),
			asr.Allow(logBucket, "s3:CreateBucket", "s3:PutBucketPublicAccessBlock", "s3:PutBucketPolicy")},
		Implied: []asr.Grant{asr.Allow(logBucket, "s3:TagResource"), asr.Allow(logBucket+"/*", "s3:PutObject")}, // Redshift asks whether whoever turns logging on may write there
		Locks:   []string{cluster, logBucket},
		Settle:  5 * time.Second,
	},
	Controls: map[string]logTo{"Redshift.4": {"asr-redshift-logs-{account}-{region}"}},
	Read:     readLogging,
	Want: func(on remedy.On[logTo], now logging) (logging, error) {
		switch {
		case now.Target != "":
			return now, nil
		case now.Refusal != "":
			return now, refuse(now.Refusal)
		}
		return logging{Bucket: on.Expand(logBucket), Private: true, Delivery: true, Target: *bucketName(on)}, nil
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
			return "the log bucket holds logs, and other clusters may log to it"
		}
		return ""
	},
}

func readLogging(ctx context.Context, cfg aws.Config, on remedy.On[logTo]) (l logging, err error) {
	if _, l.Refusal, err = describe(ctx, cfg, on.Target); err != nil {
		return l, err
	}
	out, err := redshift.NewFromConfig(cfg).DescribeLoggingStatus(ctx, &redshift.DescribeLoggingStatusInput{ClusterIdentifier: &on.Name})
	if err != nil {
		return l, remedy.Gone(err, "ClusterNotFound", "ClusterNotFoundFault")
	}
	if l.Target = target(out); l.Target != "" && l.Target != *bucketName(on) {
		return l, nil // a log that goes elsewhere is as good, whatever our bucket is like
	}
	return l, l.findBucket(ctx, cfg, on)
}

// writeLogging takes the first step that is missing.
func writeLogging(ctx context.Context, cfg aws.Config, on remedy.On[logTo], from, to logging) (err error) {
	api := redshift.NewFromConfig(cfg)
	switch {
	case from.Refusal != "":
		return refuse(from.Refusal)
	case from.Bucket == "" && to.Bucket != "":
		return ourBucket(on).Make(ctx, cfg, on.Call)
	case !from.Private && to.Private:
		return ourBucket(on).Close(ctx, cfg)
	case !from.Delivery && to.Delivery:
		return ourBucket(on).Allow(ctx, cfg)
	case to.Target == "":
		_, err = api.DisableLogging(ctx, &redshift.DisableLoggingInput{ClusterIdentifier: &on.Name})
	default:
		_, err = api.EnableLogging(ctx, &redshift.EnableLoggingInput{ClusterIdentifier: &on.Name, BucketName: &to.Target})
	}
	return logged(err)
}
