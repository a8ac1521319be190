package org

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	watchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// recorder is a trail that sees the Region, wherever it is based.
type recorder struct {
	trailtypes.Trail
	logging    bool
	management bool // records all management events
}

// works reports whether the trail does what CloudTrail.1 asks for.
func (r recorder) works() bool { return aws.ToBool(r.IsMultiRegionTrail) && r.logging && r.management }

func recorders(ctx context.Context, s *spot) ([]recorder, error) {
	return recall(s, "trails", func() ([]recorder, error) {
		out, err := cloudtrail.NewFromConfig(s.Config).DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{IncludeShadowTrails: aws.Bool(true)})
		if err != nil {
			return nil, err
		}
		all := make([]recorder, len(out.TrailList))
		for i, t := range out.TrailList {
			all[i].Trail = t
			home := cloudtrail.NewFromConfig(s.Config, func(o *cloudtrail.Options) { o.Region = aws.ToString(t.HomeRegion) })
			status, err := home.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: t.TrailARN})
			if err != nil {
				return nil, err
			}
			events, err := home.GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: t.TrailARN})
			if err != nil {
				return nil, err
			}
			all[i].logging, all[i].management = aws.ToBool(status.IsLogging), managing(events)
		}
		return all, nil
	})
}

// managing reports whether a trail's selectors take all management events, as
// those of a trail that has none do.
func managing(out *cloudtrail.GetEventSelectorsOutput) bool {
	if len(out.EventSelectors)+len(out.AdvancedEventSelectors) == 0 {
		return true
	}
	return slices.ContainsFunc(out.EventSelectors, func(e trailtypes.EventSelector) bool {
		return aws.ToBool(e.IncludeManagementEvents) && e.ReadWriteType == trailtypes.ReadWriteTypeAll
	})
}

func trailEverywhere(ctx context.Context, s *spot) ([]verdict, error) {
	all, err := recorders(ctx, s)
	return s.whole(slices.ContainsFunc(all, recorder.works)), err
}

// filesValidated looks at the trails that are based in the Region.
func filesValidated(ctx context.Context, s *spot) ([]verdict, error) {
	all, err := recorders(ctx, s)
	if err != nil {
		return nil, err
	}
	api, found := cloudtrail.NewFromConfig(s.Config), []verdict{}
	for _, t := range all {
		if aws.ToString(t.HomeRegion) != s.Region {
			continue
		}
		labels, err := api.ListTags(ctx, &cloudtrail.ListTagsInput{ResourceIdList: []string{*t.TrailARN}})
		if err != nil {
			return nil, err
		}
		v := verdict{ID: *t.TrailARN, Passed: aws.ToBool(t.LogFileValidationEnabled)}
		if len(labels.ResourceTagList) > 0 {
			v.Tags = gather(labels.ResourceTagList[0].TagsList, func(t trailtypes.Tag) (key, value *string) { return t.Key, t.Value })
		}
		found = append(found, v)
	}
	return found, nil
}

// policyEvents are the changes of IAM policies that CloudWatch.4 is about.
// https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html#cloudwatch-4
func policyEvents() []string {
	var all []string
	for _, kind := range []string{"Group", "Role", "User"} {
		all = append(all, "Delete"+kind+"Policy", "Put"+kind+"Policy", "Attach"+kind+"Policy", "Detach"+kind+"Policy")
	}
	return append(all, "CreatePolicy", "DeletePolicy", "CreatePolicyVersion", "DeletePolicyVersion")
}

// watched checks that somebody is told of events: a metric filter that names
// them, on the log group of a trail for all Regions, an alarm on its metric, a
// topic behind the alarm, and a subscriber. Where the trail is based in another
// Region there is nothing to say.
func watched(words ...string) check {
	return func(ctx context.Context, s *spot) ([]verdict, error) {
		all, err := recorders(ctx, s)
		if err != nil {
			return nil, err
		}
		away := false
		for _, t := range all {
			here := aws.ToString(t.HomeRegion) == s.Region
			away = away || t.works() && !here
			group := groupName(aws.ToString(t.CloudWatchLogsLogGroupArn))
			if !t.works() || !here || group == "" {
				continue
			}
			if ok, err := alarmed(ctx, s, group, words); ok || err != nil {
				return s.whole(ok), err
			}
		}
		if away {
			return nil, nil
		}
		return s.whole(false), nil
	}
}

// groupName is a log group's in its ARN.
func groupName(arn string) string {
	_, name, _ := strings.Cut(arn, ":log-group:")
	return strings.TrimSuffix(name, ":*")
}

func alarmed(ctx context.Context, s *spot, group string, words []string) (bool, error) {
	filters, err := collect(ctx, cloudwatchlogs.NewDescribeMetricFiltersPaginator(cloudwatchlogs.NewFromConfig(s.Config), &cloudwatchlogs.DescribeMetricFiltersInput{LogGroupName: &group}),
		func(o *cloudwatchlogs.DescribeMetricFiltersOutput) []logstypes.MetricFilter { return o.MetricFilters })
	if err != nil {
		return false, err
	}
	alarms, err := collect(ctx, cloudwatch.NewDescribeAlarmsPaginator(cloudwatch.NewFromConfig(s.Config), &cloudwatch.DescribeAlarmsInput{}),
		func(o *cloudwatch.DescribeAlarmsOutput) []watchtypes.MetricAlarm { return o.MetricAlarms })
	if err != nil {
		return false, err
	}
	for _, f := range filters {
		if slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(aws.ToString(f.FilterPattern), w) }) {
			continue
		}
		for _, a := range alarms {
			if !rings(a, f.MetricTransformations) {
				continue
			}
			if heard, err := subscribed(ctx, s, a.AlarmActions); heard || err != nil {
				return heard, err
			}
		}
	}
	return false, nil
}

// rings reports whether an alarm is about a filter's metric.
func rings(a watchtypes.MetricAlarm, metrics []logstypes.MetricTransformation) bool {
	return slices.ContainsFunc(metrics, func(m logstypes.MetricTransformation) bool {
		return aws.ToString(m.MetricName) == aws.ToString(a.MetricName) && aws.ToString(m.MetricNamespace) == aws.ToString(a.Namespace)
	})
}

// subscribed reports whether somebody listens to one of an alarm's topics.
func subscribed(ctx context.Context, s *spot, actions []string) (bool, error) {
	for _, topic := range actions {
		if !strings.HasPrefix(topic, s.arn("sns", "")) {
			continue
		}
		p := sns.NewListSubscriptionsByTopicPaginator(sns.NewFromConfig(s.Config), &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
		all, err := collect(ctx, p, func(o *sns.ListSubscriptionsByTopicOutput) []snstypes.Subscription { return o.Subscriptions })
		if err := unless(err, "NotFound", "NotFoundException"); err != nil || len(all) > 0 {
			return len(all) > 0, err
		}
	}
	return false, nil
}

// logsKept checks that events are kept for so many days at least, or for ever.
// https://docs.aws.amazon.com/config/latest/developerguide/cw-loggroup-retention-period-check.html
func logsKept(days int32) check {
	return func(ctx context.Context, s *spot) ([]verdict, error) {
		api := cloudwatchlogs.NewFromConfig(s.Config)
		all, err := collect(ctx, cloudwatchlogs.NewDescribeLogGroupsPaginator(api, &cloudwatchlogs.DescribeLogGroupsInput{}),
			func(o *cloudwatchlogs.DescribeLogGroupsOutput) []logstypes.LogGroup { return o.LogGroups })
		if err != nil {
			return nil, err
		}
		found := make([]verdict, len(all))
		for i, g := range all {
			arn := s.arn("logs", "log-group:"+aws.ToString(g.LogGroupName))
			labels, err := api.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: &arn})
			if err != nil {
				return nil, err
			}
			found[i] = verdict{arn + ":*", g.RetentionInDays == nil || *g.RetentionInDays >= days, labels.Tags}
		}
		return found, nil
	}
}
