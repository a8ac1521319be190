package deployed_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func hub(t *testing.T, given ...string) *deployment {
	t.Helper()
	return committed(t, "asr-hub.yaml").deploy(t, given...)
}

// covers: O2, O3
func TestTheQueueHidesMessagesLongEnough(t *testing.T) {
	t.Parallel()
	d := hub(t)
	source := d.resource(t, "IngestSource").properties
	if source["EventSourceArn"] != d.attribute("IngestQueue", "Arn") || source["FunctionName"] != "asr-hub-ingest" {
		t.Fatalf("the source feeds %v from %v", source["FunctionName"], source["EventSourceArn"])
	}
	timeout := d.resource(t, "IngestFunction").properties["Timeout"].(int)
	visible := d.resource(t, "IngestQueue").properties["VisibilityTimeout"].(int)
	if least := 6*timeout + source["MaximumBatchingWindowInSeconds"].(int); visible < least {
		t.Errorf("messages are hidden for %d seconds, want %d", visible, least)
	}
	if got := text(source["FunctionResponseTypes"]); got != `["ReportBatchItemFailures"]` {
		t.Errorf("a batch fails as a whole: %s", got)
	}
	if got := source["ScalingConfig"].(obj)["MaximumConcurrency"]; got != "10" {
		t.Errorf("maximum concurrency: %v", got)
	}
	if dlq := d.resource(t, "IngestQueue").properties["RedrivePolicy"].(obj)["deadLetterTargetArn"]; dlq != d.attribute("IngestDeadLetters", "Arn") {
		t.Errorf("what fails goes to %v", dlq)
	}
}

// alarmOn are the alarms whose metric, statistic and dimension are these.
func (d *deployment) alarmOn(namespace, metric, stat, dimension string) (ids []string) {
	for _, a := range d.resources("AWS::CloudWatch::Alarm") {
		watched := []any{obj{"MetricStat": obj{"Metric": a.properties, "Stat": a.properties["Statistic"]}}}
		if queries, ok := a.properties["Metrics"].([]any); ok {
			watched = queries
		}
		for _, w := range watched {
			s, _ := w.(obj)["MetricStat"].(obj)
			m, _ := s["Metric"].(obj)
			if m["Namespace"] == namespace && m["MetricName"] == metric && s["Stat"] == stat && (dimension == "" || strings.Contains(text(m["Dimensions"]), `"`+dimension+`"`)) {
				ids = append(ids, a.id)
			}
		}
	}
	return ids
}

// covers: O1
func TestEveryDeadLetterQueueHasAnAlarmOnWhatLiesInIt(t *testing.T) {
	t.Parallel()
	d := hub(t)
	dead := map[string]bool{}
	for _, r := range d.resources() {
		walk(r.id, r.properties, func(path string, v any) {
			arn, _ := v.(string)
			if strings.HasSuffix(path, "deadLetterTargetArn") || strings.HasSuffix(path, "DeadLetterConfig.Arn") || strings.HasSuffix(path, "OnFailure.Destination") {
				dead[arn[strings.LastIndex(arn, ":")+1:]] = true
			}
		})
	}
	if len(dead) < 2 {
		t.Fatalf("dead-letter queues: %v", dead)
	}
	for queue := range dead {
		if len(d.alarmOn("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", queue)) != 1 {
			t.Errorf("%s has no alarm", queue)
		}
	}
}

func TestEveryRulesTargetHasADeadLetterQueue(t *testing.T) {
	t.Parallel()
	d := hub(t)
	for _, r := range d.resources("AWS::Events::Rule") {
		for _, target := range r.properties["Targets"].([]any) {
			if dlq, _ := target.(obj)["DeadLetterConfig"].(obj); dlq["Arn"] != d.attribute("EventDeadLetters", "Arn") {
				t.Errorf("%s: what can't be delivered goes to %v", r.id, dlq)
			}
		}
	}
}

// silent are the functions that AWS calls without waiting for an answer.
var silent = []string{"ReportFunction", "SetupFunction"}

// covers: O4
func TestFailuresOfFunctionsDoNotGoUnnoticed(t *testing.T) {
	t.Parallel()
	d := hub(t)
	kept := map[any]any{}
	for _, c := range d.resources("AWS::Lambda::EventInvokeConfig") {
		kept[c.properties["FunctionName"]] = c.properties["DestinationConfig"].(obj)["OnFailure"].(obj)["Destination"]
	}
	for _, f := range d.resources("AWS::Lambda::Function") {
		name := f.properties["FunctionName"].(string)
		for _, metric := range []string{"Errors", "Throttles"} {
			if len(d.alarmOn("AWS/Lambda", metric, "Sum", name)) != 1 {
				t.Errorf("%s: no alarm on %s", name, metric)
			}
		}
		if slices.Contains(silent, f.id) && kept[name] != d.attribute("EventDeadLetters", "Arn") {
			t.Errorf("%s: calls that fail for good go to %v", name, kept[name])
		}
	}
}

// covers: O4
func TestAlarmsFireAndTell(t *testing.T) {
	t.Parallel()
	d := hub(t)
	for metric, found := range map[string][]string{
		"age":        d.alarmOn("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", "asr-hub-ingest"),
		"failed":     d.alarmOn("AWS/States", "ExecutionsFailed", "Sum", d.attribute("RunMachine", "Arn")),
		"timed out":  d.alarmOn("AWS/States", "ExecutionsTimedOut", "Sum", d.attribute("RunMachine", "Arn")),
		"aborted":    d.alarmOn("AWS/States", "ExecutionsAborted", "Sum", d.attribute("SyncMachine", "Arn")),
		"sync":       d.alarmOn("ASR", "SyncFailures", "Sum", ""),
		"killswitch": d.alarmOn("ASR", "KillSwitch", "Maximum", ""),
	} {
		if len(found) != 1 {
			t.Errorf("%s: alarms %v", metric, found)
		}
	}
	for _, a := range d.resources("AWS::CloudWatch::Alarm") {
		p := a.properties
		if got := text(p["AlarmActions"]); got != `["`+d.ref("AlarmsTopic").(string)+`"]` {
			t.Errorf("%s tells %s", a.id, got)
		}
		want := "notBreaching" // no data: nothing happened
		if a.id == "KillSwitchAlarm" {
			want = "ignore" // no data: it is as it was
		}
		if p["TreatMissingData"] != want || p["ComparisonOperator"] != "GreaterThanThreshold" || p["EvaluationPeriods"] != 1 {
			t.Errorf("%s: missing data is %v, %v over %v", a.id, p["TreatMissingData"], p["ComparisonOperator"], p["EvaluationPeriods"])
		}
		if !strings.HasPrefix(p["AlarmName"].(string), "asr-hub-") {
			t.Errorf("%s may not publish on the topic: it is called %s", a.id, p["AlarmName"])
		}
	}
}

// covers: O9
func TestWhatIsLoggedIsKeptAsLongAsAskedFor(t *testing.T) {
	t.Parallel()
	d := hub(t, "RetentionDays=731")
	groups := map[any]bool{}
	for _, g := range d.resources("AWS::Logs::LogGroup") {
		groups[g.properties["LogGroupName"]] = true
		if g.properties["RetentionInDays"] != "731" || g.properties["KmsKeyId"] != d.attribute("Key", "Arn") {
			t.Errorf("%s: %v days, key %v", g.id, g.properties["RetentionInDays"], g.properties["KmsKeyId"])
		}
	}
	for _, f := range d.resources("AWS::Lambda::Function") {
		if group := f.properties["LoggingConfig"].(obj)["LogGroup"]; !groups[group] {
			t.Errorf("%s logs to %v", f.id, group)
		}
	}
	for _, m := range d.resources("AWS::StepFunctions::StateMachine") {
		if l := m.properties["LoggingConfiguration"].(obj); l["Level"] != "ERROR" || l["IncludeExecutionData"] != false {
			t.Errorf("%s logs %v", m.id, l)
		}
	}
}

func TestFunctionsAreOneBinaryAndReadWhatTheirWiringKnows(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"ASR_FUNCTION": true}
	wiring, err := os.ReadFile("../functions/wire.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`"(ASR_[A-Z0-9_]+)"`).FindAllStringSubmatch(string(wiring), -1) {
		known[m[1]] = true
	}
	seen := map[any]bool{}
	for _, f := range hub(t).resources("AWS::Lambda::Function") {
		p := f.properties
		if p["Runtime"] != "provided.al2023" || text(p["Architectures"]) != `["arm64"]` || text(p["Code"]) != `{"S3Bucket":"artifacts","S3Key":"asr-1.zip"}` || text(p["TracingConfig"]) != `{"Mode":"Active"}` {
			t.Errorf("%s: %v %v %v %v", f.id, p["Runtime"], p["Architectures"], p["Code"], p["TracingConfig"])
		}
		env := p["Environment"].(obj)["Variables"].(obj)
		for name := range env {
			if !known[name] {
				t.Errorf("%s: nobody reads %s", f.id, name)
			}
		}
		if p["FunctionName"] != "asr-hub-"+env["ASR_FUNCTION"].(string) {
			t.Errorf("%s is called %v and works as %v", f.id, p["FunctionName"], env["ASR_FUNCTION"])
		}
		if seen[p["Role"]] {
			t.Errorf("%s shares its role", f.id)
		}
		seen[p["Role"]] = true
	}
}

func TestDefinitionsOfStateMachinesAreWhole(t *testing.T) {
	t.Parallel()
	d := hub(t)
	for _, m := range d.resources("AWS::StepFunctions::StateMachine") {
		var definition struct {
			StartAt string
			States  map[string]struct{ Type, Resource string }
		}
		written := m.properties["DefinitionString"].(string)
		if err := json.Unmarshal([]byte(written), &definition); err != nil || definition.StartAt == "" {
			t.Fatalf("%s: %v", m.id, err)
		}
		grants := text(d.resource(t, m.id+"Role").properties["Policies"])
		for name, s := range definition.States {
			if s.Type == "Task" && (!strings.Contains(s.Resource, ":function:asr-hub-") || !strings.Contains(grants, `"`+s.Resource+`"`)) {
				t.Errorf("%s: %s calls %s, which its role can't", m.id, name, s.Resource)
			}
		}
	}
}

// covers: O7
func TestTheDashboardIsJSONOfOurMetrics(t *testing.T) {
	t.Parallel()
	var body struct {
		Widgets []struct {
			Properties struct {
				Title, Region string
				Metrics       [][]any
			}
		}
	}
	if err := json.Unmarshal([]byte(hub(t).resource(t, "Dashboard").properties["DashboardBody"].(string)), &body); err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, w := range body.Widgets {
		all += text(w.Properties.Metrics)
		if w.Properties.Region != region || len(w.Properties.Metrics) == 0 {
			t.Errorf("%s: %+v", w.Properties.Title, w.Properties)
		}
	}
	for _, want := range []string{"{ASR,Outcome} MetricName", "{ASR,Control,Outcome}", "TimeToFix", "TimeSaved", "{ASR,Reason} MetricName", "ApproximateAgeOfOldestMessage", "KillSwitch"} {
		if !strings.Contains(all, want) {
			t.Errorf("the dashboard shows no %s", want)
		}
	}
}

// covers: W22
func TestSwitchesLeaveThingsAway(t *testing.T) {
	t.Parallel()
	tt := committed(t, "asr-hub.yaml")
	for id, given := range map[string]string{
		"ApiUrl": "Api", "ActionsRule": "CustomActions", "Key": "EncryptWithKMS",
	} {
		for _, value := range []string{"yes", "no"} {
			d := tt.deploy(t, given+"="+value)
			made := slices.ContainsFunc(d.resources(), func(r resource) bool { return r.id == id })
			if made != (value == "yes") {
				t.Errorf("%s=%s: %s is made: %v", given, value, id, made)
			}
		}
	}
	if mails := len(tt.deploy(t).resources("AWS::SNS::Subscription")); mails != 0 {
		t.Errorf("%d subscriptions of nobody", mails)
	}
	if sync := tt.deploy(t, "SyncOnDeploy=no").resource(t, "SetupFunction").properties["Environment"].(obj)["Variables"].(obj)["ASR_SYNC_MACHINE"]; sync != "" {
		t.Errorf("a sync starts with %v", sync)
	}
}
