package main

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
)

// widget is a graph of the dashboard.
type widget struct {
	title   string
	width   int
	stacked bool
	single  bool
	metrics []any
}

func search(metric, dimension, stat string) []any {
	return []any{[]any{obj{"expression": "SEARCH('{" + namespace + "," + dimension + "} MetricName=\"" + metric + "\"', '" + stat + "', 3600)", "id": "e1"}}}
}

func widgets() []widget {
	stat := func(stat, color string) obj { return obj{"stat": stat, "label": color} }
	queue := func(name, metric, label string) []any {
		return []any{"AWS/SQS", metric, "QueueName", name, obj{"stat": "Maximum", "label": label}}
	}
	var errors []any
	for _, f := range hubFunctions() {
		errors = append(errors, []any{"AWS/Lambda", "Errors", "FunctionName", "asr-hub-" + f.name, obj{"stat": "Sum", "label": f.name}})
	}
	return []widget{
		{"Runs by outcome", 12, true, false, search("Runs", "Outcome", "Sum")},
		{"Runs by control and outcome", 12, true, false, search("Runs", "Control,Outcome", "Sum")},
		{"Time to fix (seconds)", 12, false, false, []any{
			[]any{namespace, "TimeToFix", stat("p50", "half of them")}, []any{namespace, "TimeToFix", stat("p90", "9 of 10")}, []any{namespace, "TimeToFix", stat("Maximum", "the longest")}}},
		{"Failures by reason", 12, true, false, search("Failures", "Reason", "Sum")},
		{"Time saved (minutes)", 6, false, true, []any{[]any{namespace, "TimeSaved", stat("Sum", "minutes")}}},
		{"Kill switch", 6, false, true, []any{[]any{namespace, "KillSwitch", stat("Maximum", "1: on")}}},
		{"Age of the oldest message (seconds)", 12, false, false, []any{queue("asr-hub-ingest", "ApproximateAgeOfOldestMessage", "ingest")}},
		{"Waiting messages", 12, false, false, []any{
			queue("asr-hub-ingest", "ApproximateNumberOfMessagesVisible", "ingest"), queue("asr-hub-ingest-dlq", "ApproximateNumberOfMessagesVisible", "ingest, dead letters"),
			queue("asr-hub-events-dlq", "ApproximateNumberOfMessagesVisible", "events, dead letters")}},
		{"Errors of functions", 12, true, false, errors},
	}
}

func dashboard(stack awscdk.Stack) error {
	var all []any
	x, y := 0, 0
	for _, w := range widgets() {
		if x+w.width > 24 {
			x, y = 0, y+6
		}
		view := "timeSeries"
		if w.single {
			view = "singleValue"
		}
		all = append(all, obj{"type": "metric", "x": x, "y": y, "width": w.width, "height": 6, "properties": obj{
			"title": w.title, "view": view, "stacked": w.stacked, "region": "${AWS::Region}", "period": 3600, "metrics": w.metrics,
		}})
		x += w.width
	}
	body, err := json.MarshalIndent(obj{"widgets": all}, "", "  ")
	if err != nil {
		return err
	}
	awscloudwatch.NewCfnDashboard(stack, str("Dashboard"), &awscloudwatch.CfnDashboardProps{DashboardName: str("asr-hub"), DashboardBody: sub(string(body))})
	return nil
}
