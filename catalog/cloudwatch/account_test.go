package cloudwatch

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3t "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// account is one with what tests need of it, in one Region.
type account struct {
	t *testing.T
	*remedytest.Account
	trails *cloudtrail.Client
	logs   *cloudwatchlogs.Client
	alarms *cloudwatch.Client
	topics *sns.Client
}

func in(t *testing.T, acct *remedytest.Account, region string) account {
	cfg := acct.Sandbox.Config(acct.ID, region)
	return account{t, acct, cloudtrail.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg), sns.NewFromConfig(cfg)}
}

// trail makes a trail of all Regions that delivers to its log group, "" for none.
func (a account) trail(region, name, group string) {
	a.t.Helper()
	bucket := "trail-" + a.ID
	_, err := s3.NewFromConfig(a.Config).CreateBucket(a.t.Context(), &s3.CreateBucketInput{Bucket: &bucket, CreateBucketConfiguration: &s3t.CreateBucketConfiguration{LocationConstraint: s3t.BucketLocationConstraint(a.Region)}})
	remedytest.Must(a.t, 0, remedy.Unless(err, "BucketAlreadyOwnedByYou"))
	in := &cloudtrail.CreateTrailInput{Name: &name, S3BucketName: &bucket, IsMultiRegionTrail: aws.Bool(true)}
	if group != "" {
		_, err := a.logs.CreateLogGroup(a.t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group})
		remedytest.Must(a.t, 0, err)
		in.CloudWatchLogsLogGroupArn = aws.String("arn:aws:logs:" + region + ":" + a.ID + ":log-group:" + group + ":*")
	}
	_, err = a.trails.CreateTrail(a.t.Context(), in)
	_, err2 := a.trails.StartLogging(a.t.Context(), &cloudtrail.StartLoggingInput{Name: &name})
	remedytest.Must(a.t, remedytest.Must(a.t, 0, err), err2)
}

// filter makes a metric filter as somebody else would.
func (a account) filter(group, name, pattern, namespace, metric string) {
	a.t.Helper()
	_, err := a.logs.PutMetricFilter(a.t.Context(), &cloudwatchlogs.PutMetricFilterInput{
		LogGroupName: &group, FilterName: &name, FilterPattern: &pattern,
		MetricTransformations: []logs.MetricTransformation{{MetricNamespace: &namespace, MetricName: &metric, MetricValue: aws.String("1")}},
	})
	remedytest.Must(a.t, 0, err)
}

func (a account) alarm(name, namespace, metric string, enabled bool, tells ...string) {
	a.t.Helper()
	_, err := a.alarms.PutMetricAlarm(a.t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, Namespace: &namespace, MetricName: &metric, AlarmActions: tells, ActionsEnabled: &enabled, Statistic: "Sum",
		ComparisonOperator: "GreaterThanThreshold", Threshold: aws.Float64(0), Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1),
	})
	remedytest.Must(a.t, 0, err)
}

// topic makes a topic; with a subscriber it is heard.
func (a account) topic(name string, heard bool) string {
	a.t.Helper()
	out, err := a.topics.CreateTopic(a.t.Context(), &sns.CreateTopicInput{Name: &name})
	arn := remedytest.Must(a.t, out, err).TopicArn
	if heard {
		_, err := a.topics.Subscribe(a.t.Context(), &sns.SubscribeInput{TopicArn: arn, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:eu-west-1:" + a.ID + ":q")})
		remedytest.Must(a.t, 0, err)
	}
	return *arn
}

// ended runs Watch for CloudWatch.1 to its end.
func (a account) ended(params string) asr.Run {
	a.t.Helper()
	return remedytest.End(a.t, a.Account, Watch, remedytest.Case{Control: "CloudWatch.1", Params: params})
}

// view is all filters and alarms, and the topics.
func (a account) view() remedytest.View {
	return a.Boto("logs", "describe_metric_filters", nil, "metricFilters").And(a.Boto("cloudwatch", "describe_alarms", nil, "MetricAlarms")).And(a.Boto("sns", "list_topics", nil, "Topics"))
}

// forget deletes a topic.
func (a account) forget(topic string) func() {
	return func() {
		_, err := a.topics.DeleteTopic(a.t.Context(), &sns.DeleteTopicInput{TopicArn: &topic})
		remedytest.Must(a.t, topic, err)
	}
}
