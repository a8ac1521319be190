package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

// visibility is how long a message that is being worked on stays hidden:
// AWS asks for six times the function's time-out, and the batching window more.
const visibility = 6*ingestTimeout + ingestWindow

// deadLetters are the queues that somebody has to look at.
var deadLetters = []string{"IngestDeadLetters", "EventDeadLetters"}

// Queues are encrypted with SQS's own keys: to send to one with a KMS key,
// EventBridge as such would have to be let use the key, for whichever account.
func queues(stack awscdk.Stack) {
	queue := func(id, name string, hidden float64, redrive any) {
		awssqs.NewCfnQueue(stack, &id, &awssqs.CfnQueueProps{
			QueueName: &name, VisibilityTimeout: &hidden, MessageRetentionPeriod: jsii.Number(14 * 24 * 3600), RedrivePolicy: redrive,
			SqsManagedSseEnabled: jsii.Bool(true),
		})
	}
	queue("IngestQueue", "asr-hub-ingest", visibility, obj{"deadLetterTargetArn": arnOf("IngestDeadLetters"), "maxReceiveCount": 5})
	queue("IngestDeadLetters", "asr-hub-ingest-dlq", visibility, nil)
	queue("EventDeadLetters", "asr-hub-events-dlq", 60, nil)

	fromRules := by(service("events.amazonaws.com"), allow("Rules", "sqs:SendMessage", arnOf("IngestQueue"), fromOurRules()))
	queuePolicy(stack, "IngestQueue", fromRules)
	queuePolicy(stack, "IngestDeadLetters")
	queuePolicy(stack, "EventDeadLetters", by(service("events.amazonaws.com"), allow("Rules", "sqs:SendMessage", arnOf("EventDeadLetters"), fromOurRules())))
}

// fromOurRules holds for what our rules send, those of the default bus and
// those of the hub's own.
func fromOurRules() obj {
	return obj{"StringEquals": obj{"aws:SourceAccount": ref("AWS::AccountId")},
		"ArnLike": obj{"aws:SourceArn": []any{regional("events", "rule/asr-hub-*"), regional("events", "rule/asr-hub/asr-hub-*")}}}
}

func queuePolicy(stack awscdk.Stack, queue string, more ...any) {
	awssqs.NewCfnQueuePolicy(stack, str(queue+"Policy"), &awssqs.CfnQueuePolicyProps{
		Queues: &[]*string{ref(queue)}, PolicyDocument: document(append([]any{denyPlain("sqs:*", arnOf(queue))}, more...)...),
	})
}

func topics(stack awscdk.Stack) {
	deliveryRole(stack)
	topic := func(id, name, title string, withoutKey any) {
		set(awssns.NewCfnTopic(stack, &id, &awssns.CfnTopicProps{
			TopicName: &name, DisplayName: &title, KmsMasterKeyId: text("UseKMS", keyARN(), withoutKey),
		}), "DeliveryStatusLogging", deliveryLogging())
		mail := awssns.NewCfnSubscription(stack, str(id+"Email"), &awssns.CfnSubscriptionProps{TopicArn: ref(id), Protocol: str("email"), Endpoint: ref("NotificationEmail")})
		provided(stack, "HasNotificationEmail", mail)
	}
	topic("OutcomesTopic", "asr-hub-outcomes", "asr outcomes", "alias/aws/sns")
	topic("AlarmsTopic", "asr-hub-alarms", "asr alarms", ref("AWS::NoValue")) // alarms can't publish with AWS's own key
	topicPolicy(stack, "OutcomesTopic")
	topicPolicy(stack, "AlarmsTopic", by(service("cloudwatch.amazonaws.com"), allow("Alarms", "sns:Publish", ref("AlarmsTopic"), obj{
		"StringEquals": obj{"aws:SourceAccount": ref("AWS::AccountId")}, "ArnLike": obj{"aws:SourceArn": regional("cloudwatch", "alarm:asr-hub-*")},
	})))
}

func topicPolicy(stack awscdk.Stack, topic string, more ...any) {
	awssns.NewCfnTopicPolicy(stack, str(topic+"Policy"), &awssns.CfnTopicPolicyProps{
		Topics: &[]*string{ref(topic)}, PolicyDocument: document(append([]any{denyPlain("sns:Publish", ref(topic))}, more...)...),
	})
}

// deliveryRole logs what becomes of messages. Like all roles that only AWS
// services assume, it isn't called asr-hub-…, which member roles trust.
func deliveryRole(stack awscdk.Stack) {
	awsiam.NewCfnRole(stack, str("DeliveryRole"), &awsiam.CfnRoleProps{
		Path: str("/asr/"), RoleName: sub("asr-deliveries-${AWS::Region}"), Description: str("asr: SNS logs deliveries of the hub's topics"),
		AssumeRolePolicyDocument: trust("sns.amazonaws.com", nil),
		Policies: policies(allow("LogDeliveries", []string{"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
			[]any{regional("logs", "log-group:sns/${AWS::Region}/${AWS::AccountId}/asr-hub-*"), regional("logs", "log-group:sns/${AWS::Region}/${AWS::AccountId}/asr-hub-*:*")}, nil)),
	})
}

func deliveryLogging() []any {
	var all []any
	for _, p := range []string{"application", "firehose", "http/s", "lambda", "sqs"} {
		all = append(all, obj{"Protocol": p, "SuccessFeedbackRoleArn": arnOf("DeliveryRole"), "FailureFeedbackRoleArn": arnOf("DeliveryRole"), "SuccessFeedbackSampleRate": "0"})
	}
	return all
}

// policies are a role's own.
func policies(statements ...any) []any {
	return []any{&awsiam.CfnRole_PolicyProperty{PolicyName: str("own"), PolicyDocument: document(statements...)}}
}
