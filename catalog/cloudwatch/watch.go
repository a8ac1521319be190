// Package cloudwatch fixes CloudWatch.
package cloudwatch

import (
	"errors"
	"reflect"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
)

const (
	namespace = "ASR" // of our metrics
	named     = "asr-{params.name}"
	group     = "arn:{partition}:logs:{region}:{account}:log-group:{name}:*"
	ourAlarm  = "arn:{partition}:cloudwatch:{region}:{account}:alarm:" + named
	ourTopic  = "arn:{partition}:sns:{region}:{account}:{params.topic}"
	anyTopic  = "arn:{partition}:sns:{region}:*:*"       // others' alarms may tell any, also another account's
	anyTrail  = "arn:{partition}:cloudtrail:*:*:trail/*" // they may live in any Region, and be the organization's
)

type event struct {
	Name    string `json:"name" doc:"What is watched for: filter and alarm are called asr- and this."`
	Pattern string `json:"pattern" doc:"The metric filter's pattern. Security Hub demands its own, to the letter."`
	Topic   string `json:"topic" doc:"The name of the SNS topic that the alarm tells. It is made if it isn't there."`
}

// watch is what watches for an event. What doesn't exist is empty.
type watch struct {
	Filter *filter `json:"filter"` // ours
	Topic  string  `json:"topic"`  // ours, an ARN
	Alarm  *alarm  `json:"alarm"`  // ours
	Theirs string  `json:"theirs"` // the topic, an ARN, that others tell of the same event
	Heard  bool    `json:"heard"`  // and somebody subscribes to it
}

type filter struct {
	Pattern string `json:"pattern"`
	Metric  string `json:"metric"` // "ASR/root-usage"
}

type alarm struct {
	Metric string `json:"metric"`
	Topic  string `json:"topic"` // an ARN; empty: it tells nobody
}

// Watch raises an alarm when a trail records an event. The finding is the
// account's; what is made stands where the trail's log group is.
var Watch = remedy.Unit[event, watch]{
	Spec: asr.Spec{
		ID: "cloudwatch-watch", Version: 1,
		Title:  "Raise an alarm on account activity that matters",
		Impact: "A metric filter on the trail's log group, an alarm and an SNS topic are made. Nobody is told, and Security Hub isn't content, until somebody subscribes to the topic: do so. Undone, alarm and filter are deleted; the topic stays, since other alarms may tell it.",
		Risk:   asr.RiskLow, RiskWhy: "the log is only watched, and nobody notices until there is an alarm",
		Cost:  "up to 0.40 USD a month for the alarm and its metric",
		Scope: asr.ScopeRegion,
		Reads: []asr.Grant{
			asr.Allow("*", "cloudtrail:DescribeTrails", "cloudwatch:DescribeAlarmsForMetric"), asr.Allow(anyTrail, "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"),
			asr.Allow(group, "logs:DescribeMetricFilters"), asr.Allow(ourAlarm, "cloudwatch:DescribeAlarms"),
			asr.Allow(ourTopic, "sns:GetTopicAttributes"), asr.Allow(anyTopic, "sns:ListSubscriptionsByTopic"),
		},
		Writes: []asr.Grant{
			asr.Allow(group, "logs:PutMetricFilter", "logs:DeleteMetricFilter"), asr.Allow(ourTopic, "sns:CreateTopic"),
			asr.Allow(ourAlarm, "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"),
		},
		Implied: []asr.Grant{asr.Allow(ourTopic, "sns:TagResource"), asr.Allow(ourAlarm, "cloudwatch:TagResource")},
		Settle:  5 * time.Second,
	},
	Controls: events,
	Validate: func(on remedy.On[event]) error {
		if !plainName.MatchString(on.Params.Name) || !plainName.MatchString(on.Params.Topic) {
			return errors.New("name and topic are 1 to 200 letters, digits, - and _")
		}
		if n := len(on.Params.Pattern); n == 0 || n > 1024 {
			return errors.New("pattern is 1 to 1024 characters")
		}
		return nil
	},
	Resolve: findTrail,
	Read:    readWatch,
	Want: func(on remedy.On[event], now watch) (watch, error) {
		to, what := goal(on, now), on.Expand(named)
		switch {
		case now.Heard:
			return now, nil
		case now.Filter != nil && *now.Filter != *to.Filter:
			return now, asr.Refuse("the log group has a metric filter "+what+" that watches for something else", "delete that filter, or set name to another one; then plan again")
		case now.Alarm != nil && (now.Alarm.Metric != to.Filter.Metric || now.Alarm.Topic == ""):
			return now, asr.Refuse("there is an alarm "+what+" that watches another metric, or tells nobody", "delete that alarm, or set name to another one; then plan again")
		case now.Theirs != "" && !reflect.DeepEqual(to, now):
			return now, asr.Refuse("another alarm watches for it already and tells "+now.Theirs+", to which nobody subscribes", "let somebody subscribe to that topic")
		}
		return to, nil
	},
	Write: writeWatch,
	Keep: func(_ remedy.On[event], c asr.Change) string {
		if c.Path[0] == "topic" {
			return "other alarms may tell it, and people may have subscribed"
		}
		return ""
	},
	Makes: func(on remedy.On[event], c asr.Change) string {
		return map[string]string{"topic": on.Expand(ourTopic), "alarm": on.Expand(ourAlarm)}[c.Path[0]]
	},
}

// goal is what is there with what is missing of it. An alarm that tells another
// topic is right.
func goal(on remedy.On[event], now watch) watch {
	now.Filter = &filter{on.Params.Pattern, namespace + "/" + on.Params.Name}
	if now.Alarm == nil {
		now.Alarm = &alarm{now.Filter.Metric, on.Expand(ourTopic)}
	}
	if now.Alarm.Topic == on.Expand(ourTopic) {
		now.Topic = now.Alarm.Topic
	}
	return now
}
