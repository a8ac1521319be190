// Package config fixes AWS Config.
package config

import (
	"errors"
	"regexp"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
)

const (
	ourRecorder = "asr-recorder"
	ourChannel  = "asr-channel"
	everywhere  = "all"
	anyRecorder = "arn:{partition}:config:{region}:{account}:configuration-recorder/*" // its name and an id that AWS assigns
	recorder    = "arn:{partition}:config:{region}:{account}:configuration-recorder/" + ourRecorder + "/*"
	linkedRole  = "arn:{partition}:iam::{account}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
	bucket      = "arn:{partition}:s3:::{params.bucket}"
	anyBucket   = "arn:{partition}:s3:::*" // that of a channel that is there
)

type delivery struct {
	Bucket            string `json:"bucket" doc:"The bucket that a new delivery channel delivers to; {account} and {region} are filled in. It is made if it isn't there."`
	Owner             string `json:"owner" doc:"The account that the bucket belongs to, if the bucket is only to be used, as another account's or another Region's: it must be there, and its policy must let AWS Config deliver."`
	GlobalIn          string `json:"globalIn" doc:"The Region that records IAM's users, groups, roles and policies, which all Regions share; all: each Region. Security Hub demands them in its aggregation Region, or in each Region if there is none."`
	ServiceLinkedRole bool   `json:"serviceLinkedRole" doc:"A recorder that is there must use the role AWSServiceRoleForConfig."`
}

// recording is what records the Region's resources. What doesn't exist is empty.
type recording struct {
	Role     string `json:"role"`     // the ARN of the service-linked role
	Bucket   string `json:"bucket"`   // the ARN of our bucket
	Private  bool   `json:"private"`  // it blocks public access
	Delivery bool   `json:"delivery"` // its policy lets AWS Config deliver, and asks for TLS
	Recorder string `json:"recorder"` // the name of the recorder that the account manages: a Region has one
	Channel  string `json:"channel"`  // the name of the delivery channel: a Region has one
	On       bool   `json:"on"`       // the recorder records
	Problem  string `json:"problem"`  // why what is there won't do
	Advice   string `json:"advice"`   // and what to do about it
}

// Recording lets AWS Config record all resources of a Region.
var Recording = remedy.Unit[delivery, recording]{
	Spec: asr.Spec{
		ID: "config-recording", Version: 1,
		Title:  "Record the configuration of all resources with AWS Config",
		Impact: "AWS Config records each resource of the Region and every change to it, with its service-linked role, and delivers that to a private bucket. A recorder that is there is never changed, only started; if it records too little, the fix is refused. Undone, recording stops, and recorder and delivery channel go if the fix made them; the bucket, what was recorded and the service-linked role stay.",
		Risk:   asr.RiskMedium, RiskWhy: "nothing is disturbed, but where resources come and go by the thousand, recording all of them costs much",
		Cost:  "0.003 USD per change to a resource, from a few USD a month in a quiet Region to hundreds in a busy one; rules are extra",
		Scope: asr.ScopeRegion,
		Reads: []asr.Grant{
			asr.Allow("*", "config:DescribeDeliveryChannels", "config:DescribeConfigurationRecorders", "config:DescribeConfigurationRecorderStatus"), // all of them are asked for
			asr.Allow(linkedRole, "iam:GetRole"), asr.Allow(bucket, "s3:ListBucket", "s3:GetBucketPublicAccessBlock", "s3:GetBucketPolicy"), asr.Allow(anyBucket, "s3:GetBucketLocation"),
		},
		Writes: []asr.Grant{
			asr.ServiceLinked(linkedRole, "config.amazonaws.com"),
			asr.Allow(bucket, "s3:CreateBucket", "s3:PutBucketPublicAccessBlock", "s3:PutBucketPolicy"),
			asr.Allow(recorder, "config:PutConfigurationRecorder"), asr.Allow(anyRecorder, "config:StartConfigurationRecorder", "config:StopConfigurationRecorder"),
			asr.Allow("*", "config:PutDeliveryChannel", "config:DeleteDeliveryChannel"),
			{On: recorder, Actions: []string{"config:DeleteConfigurationRecorder"}, When: map[string]map[string]string{"StringLike": {"aws:ResourceTag/" + asr.OwnerTag: "*"}}},
		},
		Implied: []asr.Grant{asr.Allow(recorder, "config:TagResource"), asr.Allow(bucket, "s3:TagResource"), asr.Pass(linkedRole, "config.amazonaws.com")},
		Locks:   []string{"config-recording/{account}/{region}", bucket},
		Settle:  5 * time.Second,
	},
	Controls: map[string]delivery{"Config.1": {Bucket: "asr-config-{account}-{region}", GlobalIn: everywhere, ServiceLinkedRole: true}},
	Validate: func(on remedy.On[delivery]) error {
		switch p := on.Params; {
		case !bucketName.MatchString(on.Expand("{params.bucket}")):
			return errors.New("bucket must be the name of a bucket")
		case p.Owner != "" && !accountID.MatchString(p.Owner):
			return errors.New("owner must be an account, or empty")
		case p.GlobalIn != everywhere && !regionName.MatchString(p.GlobalIn):
			return errors.New("globalIn must be a Region, or all")
		}
		return nil
	},
	Read: readRecording,
	Want: func(on remedy.On[delivery], now recording) (recording, error) {
		to := now
		switch {
		case now.Problem != "":
			return now, asr.Refuse(now.Problem, now.Advice)
		case now.Recorder == "":
			to.Recorder, to.Role = ourRecorder, on.Expand(linkedRole)
		}
		if now.Channel == "" {
			to.Channel = ourChannel
			if on.Params.Owner == "" {
				to.Bucket, to.Private, to.Delivery = on.Expand(bucket), true, true
			}
		}
		to.On = true
		return to, nil
	},
	Write: writeRecording,
	Keep: func(_ remedy.On[delivery], c asr.Change) string {
		switch c.Path[0] {
		case "role":
			return "AWS Config uses it in all Regions"
		case "bucket", "private", "delivery":
			return "it holds what was recorded"
		}
		return ""
	},
	Makes: func(on remedy.On[delivery], c asr.Change) string {
		return map[string]string{"role": on.Expand(linkedRole), "bucket": on.Expand(bucket)}[c.Path[0]]
	},
}

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	accountID  = regexp.MustCompile(`^\d{12}$`)
	regionName = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d+$`)
)
