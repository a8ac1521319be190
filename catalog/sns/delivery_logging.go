package sns

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

const logRole = "arn:{partition}:iam::{account}:role/asr/asr-sns-logging"

// protocols are those whose deliveries SNS can log, as its attributes begin:
// https://docs.aws.amazon.com/sns/latest/dg/sns-topic-attributes.html
var protocols = []string{"Application", "Firehose", "HTTP", "Lambda", "SQS"}

type sample struct {
	Rate int32 `json:"sampleRate" doc:"Percentage of successful deliveries that is logged at least. Failures are all logged."`
}

// deliveries is what is logged of a topic's deliveries, by protocol.
type deliveries struct {
	Role string              `json:"role"` // the ARN of the service role that logs, once it is there
	Logs map[string]feedback `json:"logs"`
}

type feedback struct {
	Success string `json:"success"` // ARN of the role with which successes are logged, "": they aren't
	Failure string `json:"failure"`
	Rate    int32  `json:"rate"` // percentage of successes that is logged
}

// DeliveryLogging logs what becomes of a topic's messages.
var DeliveryLogging = remedy.Unit[sample, deliveries]{
	Spec: asr.Spec{
		ID: "sns-delivery-logging", Version: 1,
		Title:  "Log the deliveries of SNS topics",
		Impact: "SNS logs failed deliveries, and of successful ones the percentage that is asked for, to the CloudWatch log groups sns/REGION/ACCOUNT/TOPIC and …/Failure, which keep them until somebody sets a retention and stay when the fix is undone. Protocols that are logged already keep their roles.",
		Risk:   asr.RiskLow, RiskWhy: "deliveries are only watched, and nobody notices",
		Cost:  "about 0.50 USD per GB of log, and 0.03 USD per GB and month to keep it",
		Scope: asr.ScopeResource, Resources: []string{topic},
		Reads:   []asr.Grant{asr.Allow(topic, "sns:GetTopicAttributes"), asr.Allow(logRole, "iam:GetRole")},
		Writes:  []asr.Grant{asr.Allow(topic, "sns:SetTopicAttributes")},
		Implied: []asr.Grant{asr.Pass(logRole, "sns.amazonaws.com")},
		Settle:  5 * time.Second,
	},
	Controls: map[string]sample{"SNS.2": {}},
	Validate: func(on remedy.On[sample]) error {
		if r := on.Params.Rate; r < 0 || r > 100 {
			return fmt.Errorf("sampleRate is %d, and can be 0 to 100", r)
		}
		return nil
	},
	Read: readDeliveries,
	Want: func(on remedy.On[sample], now deliveries) (deliveries, error) {
		to := deliveries{Role: now.Role, Logs: maps.Clone(now.Logs)}
		if to.Logs == nil {
			to.Logs = map[string]feedback{}
		}
		unlogged := false
		for _, p := range protocols {
			f := to.Logs[p]
			unlogged = unlogged || f.Success == "" || f.Failure == ""
			if f.Success == "" {
				f.Success = now.Role
			}
			if f.Failure == "" {
				f.Failure = now.Role
			}
			f.Rate = max(f.Rate, on.Params.Rate)
			to.Logs[p] = f
		}
		if unlogged && now.Role == "" {
			return now, asr.Refuse("the role "+on.Expand(logRole)+", with which SNS writes to CloudWatch Logs, is not there", "deploy asr-member, which has it, in account "+on.Account+", then plan again")
		}
		return to, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[sample], from, to deliveries) error {
		api := sns.NewFromConfig(cfg)
		was, is := attributesFor(from), attributesFor(to)
		for _, name := range slices.Sorted(maps.Keys(is)) {
			if was[name] == is[name] {
				continue
			}
			if _, err := api.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: &on.ID, AttributeName: &name, AttributeValue: aws.String(is[name])}); err != nil {
				return err
			}
		}
		return nil
	},
}
