// Package cloudformation fixes CloudFormation.
package cloudformation

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

const topic = "arn:{partition}:sns:{region}:{account}:{params.topic}"

type notify struct {
	Topic string `json:"topic" doc:"Name of the SNS topic, in the stack's account and Region, that the stack's events go to. It is made if it isn't there, encrypted by SNS's own KMS key; stacks share it."`
}

// notifications is where a stack's events go.
type notifications struct {
	Topic  string          `json:"topic"`  // our topic's ARN, once it is there
	Topics map[string]bool `json:"topics"` // the ARNs of the stack's topics
	Unfit  string          `json:"unfit"`  // why it can't be updated
}

func (n notifications) refusal() error {
	return asr.Refuse(n.Unfit, "set NotificationARNs with the stack's next deployment, or suppress the finding")
}

// Notifications sends a stack's events to an SNS topic. Security Hub has
// retired the control, but its findings can still come.
var Notifications = remedy.Unit[notify, notifications]{
	Spec: asr.Spec{
		ID: "cloudformation-notifications", Version: 1,
		Title:  "Notify an SNS topic of CloudFormation stack events",
		Impact: "Events of the stack go to an SNS topic, which other stacks share and which stays when the fix is undone. Nobody hears of them before somebody subscribes to it. CloudFormation takes the topic by an update of the stack, with the same template, parameters, capabilities and tags, so that no resource changes; deployments at the same moment have to wait. It is refused where an update could change resources: with nested stacks, macros, values from Parameter Store, and templates that use their own topics. Who deploys the stack later notifies the topic in their own name, which the topic's policy lets all of the account do: where something else forbids it, the deployment fails. A later deployment that names other topics replaces this one.",
		Risk:   asr.RiskMedium, RiskWhy: "the stack goes through an update, in which nothing else of it changes",
		Cost:  "nothing for the topic; about 0.50 USD per million notifications, and 0.03 USD per 10,000 requests to KMS",
		Scope: asr.ScopeResource, Resources: []string{stack},
		Reads:  []asr.Grant{asr.Allow(stack, "cloudformation:DescribeStacks", "cloudformation:GetTemplate"), asr.Allow(topic, "sns:GetTopicAttributes")},
		Writes: []asr.Grant{asr.Allow(stack, "cloudformation:UpdateStack"), asr.Allow(topic, "sns:CreateTopic")},
		Implied: []asr.Grant{ // CloudFormation notifies of an update in the name of who asked for it
			asr.Allow(topic, "sns:TagResource", "sns:Publish"),
			{On: "arn:{partition}:kms:{region}:{account}:key/*", Actions: []string{"kms:GenerateDataKey", "kms:Decrypt"}, When: map[string]map[string]string{"StringLike": {"kms:ViaService": "sns.*"}}},
		},
		Locks:  []string{stack, topic},
		Settle: 5 * time.Second,
	},
	Controls: map[string]notify{"CloudFormation.1": {"asr-cloudformation-notifications"}},
	Validate: func(on remedy.On[notify]) error {
		if !topicName.MatchString(on.Params.Topic) {
			return fmt.Errorf("topic is %q, and can be a name of letters, digits, _ and -, of at most 256 characters", on.Params.Topic)
		}
		return nil
	},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[notify]) (now notifications, err error) {
		s, err := describe(ctx, cfg, on.Target)
		if err == nil {
			err = settled(s)
		}
		if err != nil {
			return now, err
		}
		now.Topics, now.Unfit = map[string]bool{}, unfit(s)
		for _, arn := range s.NotificationARNs {
			now.Topics[arn] = true
		}
		if now.Unfit == "" {
			if now.Unfit, err = restless(ctx, cfg, on.Target); err != nil {
				return now, err
			}
		}
		_, err = sns.NewFromConfig(cfg).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: aws.String(on.Expand(topic))})
		if err == nil {
			now.Topic = on.Expand(topic)
		}
		return now, remedy.Unless(err, "NotFound", "NotFoundException")
	},
	Want: func(on remedy.On[notify], now notifications) (notifications, error) {
		if len(now.Topics) > 0 {
			return now, nil // any topic is good
		}
		if now.Unfit != "" {
			return now, now.refusal()
		}
		return notifications{Topic: on.Expand(topic), Topics: map[string]bool{on.Expand(topic): true}}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[notify], from, to notifications) error {
		switch {
		case from.Topic == "" && to.Topic != "":
			return createTopic(ctx, cfg, on)
		case from.Unfit != "": // somebody changed the stack since it was planned, or fixed
			return from.refusal()
		}
		return setTopics(ctx, cfg, on, slices.Sorted(maps.Keys(to.Topics)))
	},
	Makes: func(on remedy.On[notify], c asr.Change) string {
		if c.Path[0] == "topic" {
			return on.Expand(topic)
		}
		return ""
	},
	Keep: func(_ remedy.On[notify], c asr.Change) string {
		if c.Path[0] == "topic" {
			return "other stacks may use it, and people may have subscribed to it"
		}
		return ""
	},
}
