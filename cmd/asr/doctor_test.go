package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/rehearsal"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

const doctored = "222222222222" // a member account

// patient is a deployed hub in the emulator.
type patient struct {
	*rehearsal.Stack
	t       *testing.T
	mapping string // UUID of the event source mapping
}

func deployHub(t *testing.T) *patient {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	d, err := rehearsal.Deploy(t.Context(), s, "../../templates", io.Discard, doctored)
	if err != nil {
		t.Fatal(err)
	}
	p := &patient{Stack: d, t: t}
	p.tell("KillSwitch", 0)
	_, err = dynamodb.NewFromConfig(p.Hub).UpdateContinuousBackups(t.Context(), &dynamodb.UpdateContinuousBackupsInput{ // the emulator leaves it off
		TableName: aws.String("asr-hub"), PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
	})
	p.must(err)
	p.complete()
	return p
}

// complete makes what the emulator's CloudFormation leaves out: alarms, and
// numbers that come from parameters.
func (p *patient) complete() {
	p.t.Helper()
	ctx := p.t.Context()
	out, err := cloudformation.NewFromConfig(p.Hub).ListStackResources(ctx, &cloudformation.ListStackResourcesInput{StackName: aws.String("asr-hub")})
	p.must(err)
	for _, r := range out.StackResourceSummaries {
		switch aws.ToString(r.ResourceType) {
		case "AWS::CloudWatch::Alarm":
			p.alarm(aws.ToString(r.PhysicalResourceId), "")
		case "AWS::Lambda::EventSourceMapping":
			p.mapping = aws.ToString(r.PhysicalResourceId)
			_, err := lambda.NewFromConfig(p.Hub).UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: &p.mapping, ScalingConfig: &lambdatypes.ScalingConfig{MaximumConcurrency: aws.Int32(10)}})
			p.must(err)
		}
	}
}

// alarm makes an alarm, in ALARM if there is a reason.
func (p *patient) alarm(name, reason string) {
	p.t.Helper()
	api := cloudwatch.NewFromConfig(p.Hub)
	_, err := api.PutMetricAlarm(p.t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, AlarmDescription: aws.String("do this"), Namespace: aws.String("ASR"), MetricName: aws.String("X"), Period: aws.Int32(60),
		EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(0), ComparisonOperator: cw.ComparisonOperatorGreaterThanThreshold, Statistic: cw.StatisticSum,
	})
	p.must(err)
	if reason != "" {
		_, err = api.SetAlarmState(p.t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: cw.StateValueAlarm, StateReason: &reason})
		p.must(err)
	}
}

func (p *patient) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// tell publishes a metric as the functions do.
func (p *patient) tell(name string, value float64) {
	p.t.Helper()
	_, err := cloudwatch.NewFromConfig(p.Hub).PutMetricData(p.t.Context(), &cloudwatch.PutMetricDataInput{
		Namespace: aws.String("ASR"), MetricData: []cw.MetricDatum{{MetricName: &name, Value: &value, Timestamp: aws.Time(time.Now())}},
	})
	p.must(err)
}

// doctor runs asr doctor --deployed and returns what it found.
func (p *patient) doctor(args ...string) (code int, all []checked) {
	p.t.Helper()
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, errs: &errs, given: &p.Hub}
	cmd := root(a)
	cmd.SetArgs(append([]string{"doctor", "--deployed", "--json", "--accounts", doctored}, args...))
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	code = exitCode(cmd.ExecuteContext(p.t.Context()))
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		p.t.Fatalf("%v\n%s%s", err, out.String(), errs.String())
	}
	return code, all
}

// names are the checks that found something.
func names(all []checked) (bad []string) {
	for _, c := range all {
		if !c.OK {
			bad = append(bad, c.Name)
		}
	}
	return bad
}

func TestADeploymentThatIsAsItShouldBeIsFoundSo(t *testing.T) {
	t.Parallel()
	p := deployHub(t)
	code, all := p.doctor()
	if bad := names(all); len(bad) > 0 || code != exitDone {
		t.Errorf("exit code %d: %v isn't well: %+v", code, bad, all)
	}
	for _, want := range []string{"stack", "version", "functions", "event source", "queue asr-hub-ingest", "queue asr-hub-ingest-dlq", "queue asr-hub-events-dlq", "state machine asr-hub-run", "state machine asr-hub-sync", "rules", "table asr-hub", "policy", "security hub", "custom actions", "kill switch", "alarms", "role", "stack set asr-member"} {
		if !slices.ContainsFunc(all, func(c checked) bool { return c.Name == want && c.OK }) {
			t.Errorf("nothing says that %s is well", want)
		}
	}
}

func TestWhatIsWrongIsFoundWithWhyAndWhatToDo(t *testing.T) {
	t.Parallel()
	p := deployHub(t)
	ctx := t.Context()
	for _, c := range []struct {
		name, why string
		break_    func(ctx context.Context)
	}{
		{"event source", "nothing that comes in", func(ctx context.Context) {
			_, err := lambda.NewFromConfig(p.Hub).UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: &p.mapping, Enabled: aws.Bool(false)})
			p.must(err)
		}},
		{"queue asr-hub-ingest-dlq", "failed again and again", func(ctx context.Context) {
			api := sqs.NewFromConfig(p.Hub)
			q, err := api.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("asr-hub-ingest-dlq")})
			p.must(err)
			_, err = api.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q.QueueUrl, MessageBody: aws.String("{}")})
			p.must(err)
		}},
		{"rule asr-hub-findings", "don't reach the hub", func(ctx context.Context) {
			_, err := eventbridge.NewFromConfig(p.Hub).DisableRule(ctx, &eventbridge.DisableRuleInput{Name: aws.String("asr-hub-findings")})
			p.must(err)
		}},
		{"table asr-hub", "can't be restored", func(ctx context.Context) {
			_, err := dynamodb.NewFromConfig(p.Hub).UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
				TableName: aws.String("asr-hub"), PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(false)},
			})
			p.must(err)
		}},
		{"policy", "never decides", func(ctx context.Context) {
			_, err := s3.NewFromConfig(p.Hub).PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(p.Outputs["BucketName"]), Key: aws.String("policy.yaml"), Body: strings.NewReader("version: 1\nrules:\n  - {name: a, mode: ask}\n  - {name: b, mode: auto}\n")})
			p.must(err)
		}},
		{"custom actions", "removed them", func(ctx context.Context) {
			_, err := securityhub.NewFromConfig(p.Hub).DeleteActionTarget(ctx, &securityhub.DeleteActionTargetInput{ActionTargetArn: aws.String("arn:aws:securityhub:us-east-1:" + sandbox.DefaultHub + ":action/custom/ASRPlan")})
			p.must(err)
		}},
		{"kill switch", "no run writes", func(context.Context) { p.tell("KillSwitch", 1) }},
		{"alarm asr-hub-test", "in ALARM", func(context.Context) { p.alarm("asr-hub-test", "a test") }},
	} {
		c.break_(ctx)
		var all []checked
		found := func() bool {
			_, all = p.doctor()
			i := slices.IndexFunc(all, func(f checked) bool { return f.Name == c.name && !f.OK })
			return i >= 0 && strings.Contains(all[i].Error+all[i].Detail, c.why) && all[i].Do != ""
		}
		if err := rehearsal.Await(ctx, time.Minute, func() (bool, error) { return found(), nil }); err != nil {
			t.Errorf("%s: %v was found", c.name, all)
		}
	}
}

func TestAStackThatIsNotThereIsAllThatIsSaid(t *testing.T) {
	t.Parallel()
	p := deployHub(t)
	code, all := p.doctor("--stack", "elsewhere")
	if code != exitFailed || len(all) != 1 || all[0].Name != "stack" || !strings.Contains(all[0].Do, "--region") {
		t.Errorf("exit code %d, %+v", code, all)
	}
}

func TestAStacksStateIsToldInWords(t *testing.T) {
	t.Parallel()
	for status, do := range map[cfn.StackStatus]string{
		cfn.StackStatusUpdateComplete: "", cfn.StackStatusUpdateInProgress: "wait", cfn.StackStatusUpdateRollbackComplete: "update again", cfn.StackStatusRollbackComplete: "first failure",
	} {
		d := &hubDoctor{app: &app{}, stack: "asr-hub"}
		d.stackState(cfn.Stack{StackStatus: status})
		if c := d.found[0]; c.OK != (do == "") || !strings.Contains(c.Do, do) {
			t.Errorf("%s: %+v", status, c)
		}
	}
}

func TestInstancesThatArentCurrentAreNamed(t *testing.T) {
	t.Parallel()
	d := &hubDoctor{app: &app{}}
	d.instanceStates("stack set asr-member", []cfn.StackInstanceSummary{
		{Account: aws.String("111111111111"), Status: cfn.StackInstanceStatusCurrent},
		{Account: aws.String("222222222222"), Status: cfn.StackInstanceStatusOutdated, StatusReason: aws.String("the role exists")},
	})
	if c := d.found[0]; c.OK || !strings.Contains(c.Error, "222222222222 is OUTDATED the role exists") || strings.Contains(c.Error, "111111111111") {
		t.Errorf("%+v", c)
	}
}

func TestASampleIsSpreadOverAllAccounts(t *testing.T) {
	t.Parallel()
	all := strings.Split("abcdefghij", "")
	for n, want := range map[int]string{0: "abcdefghij", 2: "af", 3: "adg", 20: "abcdefghij"} {
		if got := strings.Join(spread(all, n), ""); got != want {
			t.Errorf("%d of them: %s, want %s", n, got, want)
		}
	}
}

func TestAnAnswerThatIsDeniedSaysSo(t *testing.T) {
	t.Parallel()
	d := &hubDoctor{app: &app{}}
	d.unread("rules", "events:DescribeRule", &asr.Error{Code: asr.CodeDenied, Message: "no"})
	if c := d.found[0]; c.OK || !strings.Contains(c.Do, "events:DescribeRule") {
		t.Errorf("%+v", c)
	}
}

func TestExecutionsThatFailedAreNamed(t *testing.T) {
	t.Parallel()
	answers := map[string]struct {
		status     int
		body, name string
		ok         bool
	}{
		"all well": {200, `{"executions":[{"name":"r-2-0","status":"SUCCEEDED"},{"name":"r-1-0","status":"RUNNING"}]}`, "1 ended well, 1 go on", true},
		"stopped":  {200, `{"executions":[{"name":"r-2-0","status":"ABORTED"}]}`, "0 ended well", true}, // by somebody, who knows
		"failed":   {200, `{"executions":[{"name":"r-3-1","status":"SUCCEEDED"},{"name":"r-2-0","status":"FAILED"},{"name":"r-1-0","status":"TIMED_OUT"}]}`, "the latest is r-2-0", false},
		"denied":   {400, `{"__type":"com.amazon.coral.service#AccessDeniedException","message":"no"}`, "AccessDeniedException no", false},
	}
	for name, a := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked *http.Request
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r
				w.WriteHeader(a.status)
				_, _ = io.WriteString(w, a.body) // the client is gone: nobody to tell
			}))
			t.Cleanup(server.Close)
			d := &hubDoctor{app: &app{}, cfg: aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}}
			d.resources = []cfn.StackResourceSummary{{ResourceType: aws.String("AWS::StepFunctions::StateMachine"), PhysicalResourceId: aws.String("arn:aws:states:us-east-1:111111111111:stateMachine:asr-hub-run")}}
			d.machines(t.Context())
			if c := d.found[0]; c.Name != "state machine asr-hub-run" || c.OK != a.ok || !strings.Contains(c.Detail+c.Error, a.name) || c.OK == (c.Do != "") {
				t.Errorf("%+v", c)
			}
			if asked.Header.Get("X-Amz-Target") != "AWSStepFunctions.ListExecutions" || !strings.Contains(asked.Header.Get("Authorization"), "/us-east-1/states/aws4_request") {
				t.Errorf("asked with %v", asked.Header)
			}
		})
	}
}
