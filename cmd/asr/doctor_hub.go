package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func (d *hubDoctor) functions(ctx context.Context) {
	api := lambda.NewFromConfig(d.cfg)
	all := d.of("AWS::Lambda::Function")
	well := 0
	for _, r := range all {
		f, err := api.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: r.PhysicalResourceId})
		switch {
		case err != nil:
			d.unread("functions", "lambda:GetFunctionConfiguration", err)
			return
		case f.State == lambdatypes.StateFailed || f.LastUpdateStatus == lambdatypes.LastUpdateStatusFailed:
			d.bad("functions", aws.ToString(r.PhysicalResourceId)+" can't run", aws.ToString(f.StateReason)+aws.ToString(f.LastUpdateStatusReason), "see that the code is in the bucket and that the KMS key lets the function's role in, then update the stack")
		default:
			well++
		}
	}
	if well == len(all) {
		d.good("functions", "%d functions can run", well)
	}
}

// source is how the queue feeds ingest.
func (d *hubDoctor) source(ctx context.Context) {
	all := d.of("AWS::Lambda::EventSourceMapping")
	if len(all) == 0 {
		d.bad("event source", "there is none", "the stack has no event source mapping", "update the stack with the template of this version")
		return
	}
	id := aws.ToString(all[0].PhysicalResourceId)
	m, err := lambda.NewFromConfig(d.cfg).GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &id})
	switch {
	case err != nil:
		d.unread("event source", "lambda:GetEventSourceMapping", err)
	case aws.ToString(m.State) != "Enabled":
		d.bad("event source", "it is "+aws.ToString(m.State), "nothing that comes in is taken from the queue", "enable it: aws lambda update-event-source-mapping --enabled --uuid "+id)
	default:
		d.good("event source", "the queue feeds asr-hub-ingest")
	}
}

// oldest is how old a message may get before somebody should look.
const oldest = 15 * time.Minute

func (d *hubDoctor) queues(ctx context.Context) {
	api := sqs.NewFromConfig(d.cfg)
	for _, r := range d.of("AWS::SQS::Queue") {
		url := aws.ToString(r.PhysicalResourceId)
		name := url[strings.LastIndexByte(url, '/')+1:]
		out, err := api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessages}})
		if err != nil {
			d.unread("queue "+name, "sqs:GetQueueAttributes", err)
			continue
		}
		n, _ := strconv.Atoi(out.Attributes[string(sqstypes.QueueAttributeNameApproximateNumberOfMessages)]) // SQS says a number
		if strings.HasSuffix(name, "-dlq") {
			d.deadLetters(name, n)
			continue
		}
		d.waiting(ctx, name, n)
	}
}

func (d *hubDoctor) deadLetters(name string, n int) {
	if n == 0 {
		d.good("queue "+name, "it is empty")
		return
	}
	d.bad("queue "+name, fmt.Sprintf("%d messages are in it", n), "they failed again and again, or couldn't be delivered", "read the log of asr-hub-ingest, mend the cause, then have SQS send them back (Start DLQ redrive)")
}

func (d *hubDoctor) waiting(ctx context.Context, name string, n int) {
	age, known, err := d.latest(ctx, "AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", name)
	switch {
	case err != nil:
		d.unread("queue "+name, "cloudwatch:GetMetricStatistics", err)
	case known && age > oldest.Seconds():
		d.bad("queue "+name, fmt.Sprintf("%d messages wait, the oldest for %s", n, time.Duration(age)*time.Second), "ingest fails or can't keep up", "read the log of asr-hub-ingest; raise the parameter MaximumConcurrency if it only is too much")
	default:
		d.good("queue "+name, "%d messages wait", n)
	}
}

// latest is a metric's highest value of the last 15 minutes. EndTime is
// exclusive and whole seconds: a minute ahead, what was told just now counts.
func (d *hubDoctor) latest(ctx context.Context, namespace, name, dimension, value string) (float64, bool, error) {
	in := &cloudwatch.GetMetricStatisticsInput{
		Namespace: &namespace, MetricName: &name, Period: aws.Int32(900), Statistics: []cw.Statistic{cw.StatisticMaximum},
		StartTime: aws.Time(time.Now().Add(-15 * time.Minute)), EndTime: aws.Time(time.Now().Add(time.Minute)),
	}
	if dimension != "" {
		in.Dimensions = []cw.Dimension{{Name: &dimension, Value: &value}}
	}
	out, err := cloudwatch.NewFromConfig(d.cfg).GetMetricStatistics(ctx, in)
	if err != nil {
		return 0, false, err
	}
	most := 0.0
	for _, p := range out.Datapoints {
		most = max(most, aws.ToFloat64(p.Maximum))
	}
	return most, len(out.Datapoints) > 0, nil
}

// killSwitch is told by the metric that each sweep publishes, so that it also
// shows whether the schedule reaches the hub.
func (d *hubDoctor) killSwitch(ctx context.Context) {
	on, known, err := d.latest(ctx, "ASR", "KillSwitch", "", "")
	switch {
	case err != nil:
		d.unread("kill switch", "cloudwatch:GetMetricStatistics", err)
	case !known:
		d.bad("kill switch", "nobody has told of it for 15 minutes", "the schedule that sweeps every five minutes doesn't reach ingest", "see the rule asr-hub-sweep, the queue and the log of asr-hub-ingest; a hub that was just deployed needs a few minutes")
	case on > 0:
		d.bad("kill switch", "it was on in the last 15 minutes", "no run writes while it is on", "asr hub kill-switch status says why; asr hub kill-switch off lets writes go on")
	default:
		d.good("kill switch", "it is off, and the schedule sweeps")
	}
}

func (d *hubDoctor) alarms(ctx context.Context) {
	pages := cloudwatch.NewDescribeAlarmsPaginator(cloudwatch.NewFromConfig(d.cfg), &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: aws.String("asr-hub-")})
	n, loud := 0, 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			d.unread("alarms", "cloudwatch:DescribeAlarms", err)
			return
		}
		for _, a := range page.MetricAlarms {
			if n++; a.StateValue == cw.StateValueAlarm {
				loud++
				d.bad("alarm "+aws.ToString(a.AlarmName), aws.ToString(a.StateReason), "it is in ALARM", aws.ToString(a.AlarmDescription))
			}
		}
	}
	if want := len(d.of("AWS::CloudWatch::Alarm")); n < want {
		d.bad("alarms", fmt.Sprintf("%d of the stack's %d alarms are there", n, want), "somebody removed the others", "detect drift on the stack to see which; delete it with its data kept and launch it again, or make them as the template has them")
	} else if loud == 0 {
		d.good("alarms", "none of %d is in ALARM", n)
	}
}

func (d *hubDoctor) table(ctx context.Context) {
	api := dynamodb.NewFromConfig(d.cfg)
	for _, r := range d.of("AWS::DynamoDB::Table") {
		name := aws.ToString(r.PhysicalResourceId)
		t, err := api.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
		if err != nil {
			d.unread("table "+name, "dynamodb:DescribeTable", err)
			continue
		}
		b, err := api.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &name})
		if err != nil {
			d.unread("table "+name, "dynamodb:DescribeContinuousBackups", err)
			continue
		}
		d.tableState(name, t.Table, b.ContinuousBackupsDescription)
	}
}

func (d *hubDoctor) tableState(name string, t *types.TableDescription, b *types.ContinuousBackupsDescription) {
	recovery := b != nil && b.PointInTimeRecoveryDescription != nil && b.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled
	switch {
	case t.TableStatus != types.TableStatusActive && t.TableStatus != types.TableStatusUpdating:
		d.bad("table "+name, "it is "+string(t.TableStatus), "runs can't be stored", "wait; if it stays so, see DynamoDB's console")
	case !recovery:
		d.bad("table "+name, "point-in-time recovery is off", "what is deleted or overwritten can't be restored", "switch it on again: aws dynamodb update-continuous-backups --table-name "+name+" --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true")
	case !aws.ToBool(t.DeletionProtectionEnabled):
		d.bad("table "+name, "deletion protection is off", "the table with all runs and the audit log can be deleted by one call", "switch it on again: aws dynamodb update-table --table-name "+name+" --deletion-protection-enabled")
	default:
		d.good("table "+name, "%s, with point-in-time recovery and deletion protection", t.TableStatus)
	}
}
