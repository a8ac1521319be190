package main

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
)

// namespace holds the metrics that the functions write with their logs.
const namespace = "ASR"

// alarm watches the sum or the maximum of some metrics over one period. Missing
// is what no data means: "notBreaching" where services say nothing when there
// is nothing, "ignore" where silence doesn't tell.
type alarm struct {
	id, name, description, stat string
	metrics                     []metric
	period, above               float64
	missing                     string
}

type metric struct {
	namespace, name string
	dimensions      obj
}

func hubAlarms() []alarm {
	all := []alarm{
		{"IngestAgeAlarm", "asr-hub-ingest-age", "What comes in waits for more than 15 minutes: is the ingest function failing or throttled?", "Maximum",
			[]metric{{"AWS/SQS", "ApproximateAgeOfOldestMessage", obj{"QueueName": att("IngestQueue", "QueueName")}}}, 300, 900, "notBreaching"},
		{"IngestDeadLettersAlarm", "asr-hub-ingest-dead-letters", "Messages failed five times: read them, mend the reason, then start the redrive.", "Maximum", []metric{visible("IngestDeadLetters")}, 60, 0, "notBreaching"},
		{"EventDeadLettersAlarm", "asr-hub-event-dead-letters", "Events couldn't be delivered, or calls of the report or setup function failed for good: read the messages.", "Maximum", []metric{visible("EventDeadLetters")}, 60, 0, "notBreaching"},
		{"SyncFailuresAlarm", "asr-hub-sync-failures", "Fetching findings failed: read the sync function's log.", "Sum", []metric{{namespace, "SyncFailures", nil}}, 300, 0, "notBreaching"},
		{"AuditAlarm", "asr-hub-audit", "Somebody has tampered with the audit log: asr hub audit says where.", "Maximum", []metric{{namespace, "AuditProblems", nil}}, 300, 0, "notBreaching"},
		{"KillSwitchAlarm", "asr-hub-kill-switch", "The kill switch is on: asr changes nothing until it is turned off.", "Maximum", []metric{{namespace, "KillSwitch", nil}}, 300, 0, "ignore"},
	}
	for _, m := range hubMachines() {
		var ended []metric
		for _, how := range []string{"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"} {
			ended = append(ended, metric{"AWS/States", how, obj{"StateMachineArn": ref(m.id())}})
		}
		all = append(all, alarm{m.id() + "Alarm", "asr-hub-" + m.name + "-executions", "Executions of asr-hub-" + m.name + " failed, timed out or were aborted: see them in the Step Functions console.", "Sum", ended, 300, 0, "notBreaching"})
	}
	var throttles []metric
	for _, f := range hubFunctions() {
		throttles = append(throttles, metric{"AWS/Lambda", "Throttles", obj{"FunctionName": ref(f.id())}})
		all = append(all, alarm{logical(f.name) + "ErrorsAlarm", "asr-hub-" + f.name + "-errors", "The function asr-hub-" + f.name + ", which " + f.title + ", fails: read its log.", "Sum",
			[]metric{{"AWS/Lambda", "Errors", obj{"FunctionName": ref(f.id())}}}, 300, 0, "notBreaching"})
	}
	return append(all, alarm{"ThrottlesAlarm", "asr-hub-throttles", "Lambda throttles asr's functions: is the account's concurrency used up?", "Sum", throttles, 300, 0, "notBreaching"})
}

func visible(queue string) metric {
	return metric{"AWS/SQS", "ApproximateNumberOfMessagesVisible", obj{"QueueName": att(queue, "QueueName")}}
}

func alarms(stack awscdk.Stack) {
	for _, a := range hubAlarms() {
		a.add(stack)
	}
}

func (a alarm) add(stack awscdk.Stack) {
	to := &[]any{ref("AlarmsTopic")}
	props := &awscloudwatch.CfnAlarmProps{
		AlarmName: &a.name, AlarmDescription: &a.description, AlarmActions: to, OkActions: to,
		ComparisonOperator: str("GreaterThanThreshold"), Threshold: &a.above, EvaluationPeriods: jsii.Number(1), TreatMissingData: &a.missing,
	}
	property, value := "", []any(nil)
	if len(a.metrics) == 1 {
		m := a.metrics[0]
		props.Namespace, props.MetricName, props.Statistic, props.Period = &m.namespace, &m.name, &a.stat, &a.period
		if m.dimensions != nil {
			property, value = "Dimensions", dimensions(m.dimensions)
		}
	} else {
		property, value = "Metrics", a.sum()
	}
	made := awscloudwatch.NewCfnAlarm(stack, &a.id, props)
	if value != nil {
		set(made, property, value)
	}
}

// sum adds several metrics up. One that has no data counts as nothing.
func (a alarm) sum() []any {
	queries := []any{obj{"Id": "total", "Expression": "SUM(METRICS())", "Label": a.name, "ReturnData": true}}
	for i, m := range a.metrics {
		queries = append(queries, obj{"Id": "m" + strconv.Itoa(i), "ReturnData": false, "MetricStat": obj{
			"Stat": a.stat, "Period": a.period, "Metric": obj{"Namespace": m.namespace, "MetricName": m.name, "Dimensions": dimensions(m.dimensions)},
		}})
	}
	return queries
}

func dimensions(of obj) []any {
	all := []any{}
	for _, name := range sorted(of) {
		all = append(all, obj{"Name": name, "Value": of[name]})
	}
	return all
}
