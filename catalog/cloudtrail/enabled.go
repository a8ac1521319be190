package cloudtrail

import (
	"errors"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
)

const (
	ourName = "asr-trail"
	ours    = "arn:{partition}:cloudtrail:{region}:{account}:trail/" + ourName
	anyOne  = "arn:{partition}:cloudtrail:*:*:trail/*" // also the organization's, which another account owns
	bucket  = "arn:{partition}:s3:::{params.bucket}"
	alias   = "arn:{partition}:kms:{region}:{account}:alias/{params.key}"
	anyKey  = "arn:{partition}:kms:{region}:{account}:key/*" // a key has no name before it is made
)

type store struct {
	Bucket string `json:"bucket" doc:"The bucket that the log goes to; {account} and {region} are filled in. It is made if it isn't there."`
	Key    string `json:"key" doc:"The name of the KMS key that the log is encrypted with: its alias without alias/. A key is made if there is none of that name. Empty: S3's own key."`
}

// recording is what records the account's events. What doesn't exist is empty.
type recording struct {
	By       string `json:"by"`       // the ARN of another trail that records everything
	Key      string `json:"key"`      // the key's alias, an ARN
	Bucket   string `json:"bucket"`   // an ARN
	Private  bool   `json:"private"`  // the bucket blocks public access
	Delivery bool   `json:"delivery"` // its policy lets our trail deliver, and asks for TLS
	Trail    string `json:"trail"`    // the ARN of our trail
	Logging  bool   `json:"logging"`  // it is on
	Problem  string `json:"problem"`  // why what has our names can't be used
}

// Enabled records the management events of all Regions.
var Enabled = remedy.Unit[store, recording]{
	Spec: asr.Spec{
		ID: "cloudtrail-enabled", Version: 1,
		Title:  "Record account activity of all Regions with CloudTrail",
		Impact: "A trail of all Regions, asr-trail, records who reads and changes what, in a private bucket; a KMS key is made to encrypt it, and who reads the log needs kms:Decrypt on that key. Undone, the trail is deleted; bucket and key stay, since they hold what was recorded.",
		Risk:   asr.RiskLow, RiskWhy: "nothing that is there is changed, and nobody notices",
		Cost:  "1 USD a month for the key and about 0.023 USD per GB of log and month; 2 USD per 100,000 events if another trail records management events already",
		Scope: asr.ScopeAccount,
		Reads: []asr.Grant{
			asr.Allow("*", "cloudtrail:DescribeTrails"), asr.Allow(anyOne, "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"),
			asr.Allow(anyKey, "kms:DescribeKey"), asr.Allow(bucket, "s3:ListBucket", "s3:GetBucketPublicAccessBlock", "s3:GetBucketPolicy"),
		},
		Writes: []asr.Grant{
			asr.Allow("*", "kms:CreateKey", "kms:ListKeys"), asr.Allow(anyKey, "kms:ListResourceTags", "kms:EnableKeyRotation", "kms:CreateAlias"), asr.Allow(alias, "kms:CreateAlias"),
			asr.Allow(bucket, "s3:CreateBucket", "s3:PutBucketPublicAccessBlock", "s3:PutBucketPolicy"),
			asr.Allow(ours, "cloudtrail:CreateTrail", "cloudtrail:StartLogging", "cloudtrail:StopLogging", "cloudtrail:ListTags"),
			{On: ours, Actions: []string{"cloudtrail:DeleteTrail"}, When: map[string]map[string]string{"StringLike": {"aws:ResourceTag/" + asr.OwnerTag: "*"}}},
		},
		Implied: []asr.Grant{asr.Allow(anyKey, "kms:TagResource"), asr.Allow(bucket, "s3:TagResource"), asr.Allow(ours, "cloudtrail:AddTags")},
		Locks:   []string{"cloudtrail-enabled/{account}", bucket},
		Settle:  5 * time.Second,
	},
	Controls: map[string]store{"CloudTrail.1": {"asr-trail-{account}-{region}", "asr-trail"}, "CloudTrail.3": {"asr-trail-{account}-{region}", "asr-trail"}},
	Validate: func(on remedy.On[store]) error {
		if key := on.Params.Key; strings.HasPrefix(key, "aws/") || strings.HasPrefix(key, "alias/") || strings.HasPrefix(key, "arn:") {
			return errors.New("key must be the name of a key of your own, as in asr-trail, or empty")
		}
		return nil
	},
	Read: readRecording,
	Want: func(on remedy.On[store], now recording) (recording, error) {
		switch {
		case now.By != "" || now.Problem == "" && now.Trail != "" && now.Logging:
			return now, nil
		case now.Problem != "":
			return now, asr.Refuse(now.Problem, "put it right or delete it, then plan again")
		case now.Trail != "":
			now.Logging = true
			return now, nil
		}
		to := recording{Bucket: on.Expand(bucket), Private: true, Delivery: true, Trail: on.Expand(ours), Logging: true}
		if on.Params.Key != "" {
			to.Key = on.Expand(alias)
		}
		return to, nil
	},
	Write: writeRecording,
	Keep: func(_ remedy.On[store], c asr.Change) string {
		switch c.Path[0] {
		case "key":
			return "without it, nobody could read the log that it encrypted"
		case "bucket", "private", "delivery":
			return "it holds the account's audit log"
		}
		return ""
	},
	Makes: func(on remedy.On[store], c asr.Change) string {
		return map[string]string{"key": on.Expand(alias), "bucket": on.Expand(bucket), "trail": on.Expand(ours)}[c.Path[0]]
	},
}
