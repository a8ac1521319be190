package cloudwatch

import (
	"context"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

func readWatch(ctx context.Context, cfg aws.Config, on remedy.On[event]) (w watch, err error) {
	pages := cloudwatchlogs.NewDescribeMetricFiltersPaginator(cloudwatchlogs.NewFromConfig(cfg), &cloudwatchlogs.DescribeMetricFiltersInput{LogGroupName: &on.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if remedy.Is(err, "ResourceNotFoundException") {
			return w, asr.Refuse("the trail delivers to the log group "+on.Name+", which is not there", "give the trail another log group (CloudTrail.5), then plan again")
		}
		if err != nil {
			return w, err
		}
		for _, f := range page.MetricFilters {
			if err := w.count(ctx, cfg, on, f); err != nil {
				return w, err
			}
		}
	}
	arn := on.Expand(ourTopic)
	_, err = sns.NewFromConfig(cfg).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &arn})
	if err == nil {
		w.Topic = arn
	} else if !remedy.Is(err, "NotFound") {
		return w, err
	}
	out, err := cloudwatch.NewFromConfig(cfg).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{on.Expand(named)}, AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm}})
	if err != nil {
		return w, err
	}
	for _, a := range out.MetricAlarms {
		w.Alarm = &alarm{Metric: aws.ToString(a.Namespace) + "/" + aws.ToString(a.MetricName)}
		for _, told := range topics(a) {
			if w.Alarm.Topic == "" || told == arn {
				w.Alarm.Topic = told
			}
		}
	}
	return w, nil
}

// count counts a metric filter as ours, or as one that watches for the same.
func (w *watch) count(ctx context.Context, cfg aws.Config, on remedy.On[event], f logs.MetricFilter) error {
	if aws.ToString(f.FilterName) == on.Expand(named) {
		w.Filter = &filter{Pattern: aws.ToString(f.FilterPattern)}
		for _, m := range f.MetricTransformations {
			w.Filter.Metric = aws.ToString(m.MetricNamespace) + "/" + aws.ToString(m.MetricName)
		}
		return nil
	}
	if aws.ToString(f.FilterPattern) != on.Params.Pattern {
		return nil
	}
	for _, m := range f.MetricTransformations {
		out, err := cloudwatch.NewFromConfig(cfg).DescribeAlarmsForMetric(ctx, &cloudwatch.DescribeAlarmsForMetricInput{Namespace: m.MetricNamespace, MetricName: m.MetricName})
		if err != nil {
			return err
		}
		for _, a := range out.MetricAlarms {
			for _, topic := range topics(a) {
				if err := w.listen(ctx, sns.NewFromConfig(cfg), topic); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// topics are those that an alarm tells.
func topics(a types.MetricAlarm) (arns []string) {
	for _, action := range a.AlarmActions {
		if parts := strings.Split(action, ":"); aws.ToBool(a.ActionsEnabled) && len(parts) == 6 && parts[2] == "sns" {
			arns = append(arns, action)
		}
	}
	return arns
}

// listen notes that others tell a topic, and whether somebody subscribes to it.
func (w *watch) listen(ctx context.Context, api *sns.Client, topic string) error {
	pages := sns.NewListSubscriptionsByTopicPaginator(api, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	for pages.HasMorePages() && !w.Heard {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return remedy.Unless(err, "NotFound")
		}
		w.Theirs = topic
		for _, s := range page.Subscriptions {
			w.Heard = w.Heard || strings.HasPrefix(aws.ToString(s.SubscriptionArn), "arn:") // not "PendingConfirmation"
		}
	}
	return nil
}
