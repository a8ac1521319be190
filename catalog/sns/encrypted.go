// Package sns fixes SNS.
package sns

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

const (
	topic  = "arn:{partition}:sns:{region}:{account}:{name}"
	keys   = "arn:{partition}:kms:{region}:*:key/*" // also another account's
	awsKey = "alias/aws/sns"
)

type with struct {
	Key    string `json:"key" doc:"ID, alias/… or ARN of a KMS key. alias/aws/sns is AWS's own: it costs nothing by itself, and lets only principals of the topic's account publish. Of a key of yours, the policy must let the services publish that do."`
	CutOff bool   `json:"cutOff,omitempty" doc:"Encrypt although services or accounts that publish have no rights on the key, and will fail from then on."`
}

// encryption is what a topic's messages are encrypted with, and what that would
// break.
type encryption struct {
	Key     string            `json:"key"`     // "": none
	Problem string            `json:"problem"` // why the key asked for can't be used
	CutOff  map[string]string `json:"cutOff"`  // who publishes and has no rights on the key asked for, and what shows that they publish
}

// Encrypted encrypts a topic's messages at rest.
var Encrypted = remedy.Unit[with, encryption]{
	Spec: asr.Spec{
		ID: "sns-encrypted", Version: 1,
		Title:  "Encrypt SNS topics at rest",
		Impact: "Messages are encrypted from now on, and subscribers get them as before. Whoever publishes needs rights on the key: with AWS's own key, principals of the topic's account have them, AWS services (alarms, S3, EventBridge, Backup …) and other accounts never. Where the topic's policy or a CloudWatch alarm shows such publishers, the fix is refused; a service that publishes under the topic's default policy and isn't CloudWatch doesn't show, and would fail.",
		Risk:   asr.RiskHigh, RiskWhy: "a publisher without rights on the key fails, often silently",
		Cost:  "about 0.03 USD per 10,000 requests to KMS; a key of yours 1 USD a month",
		Scope: asr.ScopeResource, Resources: []string{topic},
		Reads: []asr.Grant{
			// composite alarms show on * alone: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
			asr.Allow(topic, "sns:GetTopicAttributes"), asr.Allow("*", "cloudwatch:DescribeAlarms"), asr.Allow(keys, "kms:DescribeKey", "kms:GetKeyPolicy"),
		},
		Writes: []asr.Grant{asr.Allow(topic, "sns:SetTopicAttributes")},
		Settle: 5 * time.Second,
	},
	Controls: map[string]with{"SNS.1": {Key: awsKey}},
	Validate: func(on remedy.On[with]) error {
		if key := on.Params.Key; !keyName.MatchString(key) && !strings.HasPrefix(key, on.Expand("arn:{partition}:kms:{region}:")) {
			return fmt.Errorf("key is %q: name the id, the ARN or the alias, as alias/mine, of a KMS key in %s", key, on.Region)
		}
		return nil
	},
	Read: readEncryption,
	Want: func(on remedy.On[with], now encryption) (encryption, error) {
		switch {
		case now.Key != "":
			return now, nil
		case now.Problem != "":
			return now, asr.Refuse(now.Problem, "set key to a KMS key that is enabled and encrypts")
		case len(now.CutOff) > 0 && !on.Params.CutOff:
			var who []string
			for _, p := range slices.Sorted(maps.Keys(now.CutOff)) {
				who = append(who, p+" ("+now.CutOff[p]+")")
			}
			return now, asr.Refuse("with the key "+on.Params.Key+", these could no longer publish: "+strings.Join(who, ", "),
				"set key to a KMS key whose policy lets them kms:GenerateDataKey and kms:Decrypt, or cutOff to do without them")
		}
		now.Key = on.Params.Key
		return now, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[with], _, to encryption) error {
		_, err := sns.NewFromConfig(cfg).SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: &on.ID, AttributeName: aws.String("KmsMasterKeyId"), AttributeValue: &to.Key})
		return err
	},
}
