package cloudwatch

import (
	"context"
	"strings"

	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snst "github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// writeWatch takes the first step that is missing, or takes one back.
func writeWatch(ctx context.Context, cfg aws.Config, on remedy.On[event], from, to watch) (err error) {
	name := aws.String(on.Expand(named))
	switch {
	case from.Topic == "" && to.Topic != "":
		in := &sns.CreateTopicInput{Name: &on.Params.Topic}
		for k, v := range on.Call.Tags() {
			in.Tags = append(in.Tags, snst.Tag{Key: &k, Value: &v})
		}
		_, err = sns.NewFromConfig(cfg).CreateTopic(ctx, in)
	case from.Filter == nil && to.Filter != nil:
		_, err = cloudwatchlogs.NewFromConfig(cfg).PutMetricFilter(ctx, &cloudwatchlogs.PutMetricFilterInput{
			LogGroupName: &on.Name, FilterName: name, FilterPattern: &to.Filter.Pattern,
			MetricTransformations: []logs.MetricTransformation{{MetricNamespace: aws.String(namespace), MetricName: &on.Params.Name, MetricValue: aws.String("1")}},
		})
	case from.Alarm == nil && to.Alarm != nil:
		return putAlarm(ctx, cfg, on, *to.Alarm)
	case from.Alarm != nil && to.Alarm == nil:
		_, err = cloudwatch.NewFromConfig(cfg).DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{*name}})
		err = remedy.Unless(err, "ResourceNotFound", "ResourceNotFoundException")
	case from.Filter != nil && to.Filter == nil:
		_, err = cloudwatchlogs.NewFromConfig(cfg).DeleteMetricFilter(ctx, &cloudwatchlogs.DeleteMetricFilterInput{LogGroupName: &on.Name, FilterName: name})
		err = remedy.Unless(err, "ResourceNotFoundException")
	}
	return err
}

// putAlarm makes the alarm that one event within five minutes raises.
func putAlarm(ctx context.Context, cfg aws.Config, on remedy.On[event], a alarm) error {
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String(on.Expand(named)), AlarmDescription: aws.String("The account's trail recorded " + strings.ReplaceAll(on.Params.Name, "-", " ")),
		AlarmActions: []string{a.Topic}, Namespace: aws.String(namespace), MetricName: &on.Params.Name, Statistic: types.StatisticSum,
		ComparisonOperator: types.ComparisonOperatorGreaterThanOrEqualToThreshold, Threshold: aws.Float64(1),
		Period: aws.Int32(300), EvaluationPeriods: aws.Int32(1), TreatMissingData: aws.String("notBreaching"),
	}
	for k, v := range on.Call.Tags() {
		in.Tags = append(in.Tags, types.Tag{Key: &k, Value: &v})
	}
	_, err := cloudwatch.NewFromConfig(cfg).PutMetricAlarm(ctx, in)
	return err
}
