package org

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	watchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// trail is a CloudTrail trail that logs.
type trail struct {
	name, bucket string
	group        string // log group that it also goes to; "": none
	everywhere   bool   // in all Regions; else wrong
	validated    bool   // its log files are signed; else wrong
	watched      bool   // metric filters and alarms look at it
}

func (t trail) build(ctx context.Context, b *site) error {
	in := &cloudtrail.CreateTrailInput{
		Name: &t.name, S3BucketName: &t.bucket, IsMultiRegionTrail: &t.everywhere, IncludeGlobalServiceEvents: &t.everywhere, EnableLogFileValidation: &t.validated,
		TagsList: as(prod, func(key, value *string) trailtypes.Tag { return trailtypes.Tag{Key: key, Value: value} }),
	}
	if t.group != "" {
		if err := t.forward(ctx, b, in); err != nil {
			return err
		}
	}
	api := cloudtrail.NewFromConfig(b.Config)
	made, err := api.CreateTrail(ctx, in)
	if err != nil {
		return err
	}
	t.account(b, *made.TrailARN)
	if _, err := api.StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: &t.name}); err != nil || !t.watched {
		return err
	}
	return t.watch(ctx, b)
}

// account notes what is wrong.
func (t trail) account(b *site, arn string) {
	if !t.validated {
		b.wrong("CloudTrail.4", arn, "the trail's log files are not signed")
	}
	if !t.everywhere {
		b.wrong("CloudTrail.1", accountARN(b.account), "the only trail sees one Region")
	}
	if t.group != "" && !t.watched {
		b.wrong("CloudWatch.1", accountARN(b.account), "nobody is told when the root user is used, or IAM policies change")
	}
}

// noTrail is how accounts begin.
func noTrail(_ context.Context, b *site) error {
	b.wrong("CloudTrail.1", accountARN(b.account), "there is no trail")
	return nil
}

// forward makes the log group and the role that brings the trail to it.
func (t trail) forward(ctx context.Context, b *site, in *cloudtrail.CreateTrailInput) error {
	if err := (logGroup{t.group, 731, prod}).build(ctx, b); err != nil {
		return err
	}
	name := t.name + "-to-logs"
	err := role(ctx, iam.NewFromConfig(b.Config), "/", name, serviceTrust("cloudtrail.amazonaws.com"), allowing("logs:CreateLogStream", "logs:PutLogEvents"))
	in.CloudWatchLogsLogGroupArn, in.CloudWatchLogsRoleArn = aws.String(b.arn("logs", "log-group:"+t.group+":*")), aws.String("arn:aws:iam::"+b.account+":role/"+name)
	return err
}

// watch makes an alarm for each kind of event, and tells people by a topic.
func (t trail) watch(ctx context.Context, b *site) error {
	api := sns.NewFromConfig(b.Config)
	topic, err := api.CreateTopic(ctx, &sns.CreateTopicInput{
		Name: aws.String("security-alarms"), Tags: as(prod, func(key, value *string) snstypes.Tag { return snstypes.Tag{Key: key, Value: value} }),
	})
	if err != nil {
		return err
	}
	if _, err := api.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("email"), Endpoint: aws.String("security@example.com")}); err != nil {
		return err
	}
	for _, w := range []struct{ name, pattern string }{
		{"RootUsed", `{$.userIdentity.type="Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType !="AwsServiceEvent"}`},
		{"IAMPoliciesChanged", "{($.eventName=" + strings.Join(policyEvents(), ") || ($.eventName=") + ")}"},
	} {
		if err := t.alarm(ctx, b, w.name, w.pattern, *topic.TopicArn); err != nil {
			return fmt.Errorf("alarm %s: %w", w.name, err)
		}
	}
	return nil
}

func (t trail) alarm(ctx context.Context, b *site, name, pattern, topic string) error {
	_, err := cloudwatchlogs.NewFromConfig(b.Config).PutMetricFilter(ctx, &cloudwatchlogs.PutMetricFilterInput{
		LogGroupName: &t.group, FilterName: &name, FilterPattern: &pattern,
		MetricTransformations: []logstypes.MetricTransformation{{MetricName: &name, MetricNamespace: aws.String("Security"), MetricValue: aws.String("1")}},
	})
	if err != nil {
		return err
	}
	_, err = cloudwatch.NewFromConfig(b.Config).PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, MetricName: &name, Namespace: aws.String("Security"), Statistic: watchtypes.StatisticSum, Period: aws.Int32(300), EvaluationPeriods: aws.Int32(1),
		Threshold: aws.Float64(1), ComparisonOperator: watchtypes.ComparisonOperatorGreaterThanOrEqualToThreshold, AlarmActions: []string{topic},
	})
	return err
}

// logGroup keeps its events for so many days; below 365 is wrong.
type logGroup struct {
	name string
	days int32
	tags tags
}

func (g logGroup) build(ctx context.Context, b *site) error {
	api := cloudwatchlogs.NewFromConfig(b.Config)
	if _, err := api.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &g.name, Tags: g.tags}); err != nil {
		return err
	}
	if g.days < 365 {
		b.wrong("CloudWatch.16", b.arn("logs", "log-group:"+g.name+":*"), fmt.Sprintf("events are gone after %d days", g.days))
	}
	_, err := api.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &g.name, RetentionInDays: &g.days})
	return err
}
