package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"example.com/asr"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/uuid"
)

// Policy puts the policy file where the hub looks for it. The functions see it
// within a minute of their clock, so that jumps as well.
func (d *Stack) Policy(ctx context.Context, text string) error {
	d.Jump(time.Minute)
	return d.Upload(ctx, "policy.yaml", text)
}

// Upload puts a file into the hub's bucket.
func (d *Stack) Upload(ctx context.Context, key, text string) error {
	_, err := s3.NewFromConfig(d.Hub).PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(d.Outputs["BucketName"]), Key: &key, Body: strings.NewReader(text)})
	return err
}

// Finding is a finding of Security Hub.
type Finding struct{ types.AwsSecurityFinding }

// NewFinding makes a failed check of a resource and imports it into the hub's
// Security Hub.
func (d *Stack) NewFinding(ctx context.Context, account, control, resource string) (Finding, error) {
	now := aws.String(stamp(d.now()))
	f := Finding{types.AwsSecurityFinding{
		SchemaVersion: aws.String("2018-10-08"), Id: aws.String(fmt.Sprintf("arn:aws:securityhub:%s:%s:security-control/%s/finding/%s", Region, account, control, uuid.NewString())),
		ProductArn: aws.String("arn:aws:securityhub:" + Region + "::product/aws/securityhub"), GeneratorId: aws.String("security-control/" + control),
		AwsAccountId: &account, Region: aws.String(Region), Types: []string{"Software and Configuration Checks/Industry and Regulatory Standards"},
		CreatedAt: now, UpdatedAt: now, Title: &control, Description: aws.String(control + " fails"), Severity: &types.Severity{Label: types.SeverityLabelHigh},
		Resources:  []types.Resource{{Type: aws.String("Other"), Id: &resource, Partition: types.PartitionAws, Region: aws.String(Region), Tags: map[string]string{"team": "shop"}}},
		Compliance: &types.Compliance{Status: types.ComplianceStatusFailed, SecurityControlId: &control}, RecordState: types.RecordStateActive, Workflow: &types.Workflow{Status: types.WorkflowStatusNew},
	}}
	out, err := securityhub.NewFromConfig(d.Hub).BatchImportFindings(ctx, &securityhub.BatchImportFindingsInput{Findings: []types.AwsSecurityFinding{f.AwsSecurityFinding}})
	if err == nil && aws.ToInt32(out.FailedCount) > 0 {
		err = errors.New(aws.ToString(out.FailedFindings[0].ErrorMessage))
	}
	return f, err
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// With is the finding with another workflow status and compliance, as of then.
func (f Finding) With(now time.Time, workflow types.WorkflowStatus, compliance types.ComplianceStatus) Finding {
	f.Workflow = &types.Workflow{Status: workflow}
	f.Compliance = &types.Compliance{Status: compliance, SecurityControlId: f.Compliance.SecurityControlId}
	f.UpdatedAt = aws.String(stamp(now))
	return f
}

// MarshalJSON writes the Security Finding Format: the client's names are its
// names, and what is absent is left out.
func (f Finding) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(f.AwsSecurityFinding)
	if err != nil {
		return nil, err
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	return json.Marshal(prune(doc))
}

func prune(v any) any {
	doc, ok := v.(map[string]any)
	if !ok {
		if list, ok := v.([]any); ok {
			for i := range list {
				list[i] = prune(list[i])
			}
		}
		return v
	}
	for k, inner := range doc {
		if inner == nil || inner == "" {
			delete(doc, k)
			continue
		}
		doc[k] = prune(inner)
	}
	return doc
}

// Event is an event of EventBridge.
type Event struct {
	Version    string    `json:"version"`
	ID         string    `json:"id"`
	DetailType string    `json:"detail-type"`
	Source     string    `json:"source"`
	Account    string    `json:"account"`
	Time       time.Time `json:"time"`
	Region     string    `json:"region"`
	Resources  []string  `json:"resources"`
	Detail     any       `json:"detail"`
}

// Imported is Security Hub's event of findings.
func (d *Stack) Imported(findings ...Finding) Event {
	return d.event("aws.securityhub", "Security Hub Findings - Imported", map[string]any{"findings": findings}, *findings[0].Id)
}

// Action is Security Hub's event of a custom action.
func (d *Stack) Action(id, name string, findings ...Finding) Event {
	return d.event("aws.securityhub", "Security Hub Findings - Custom Action", map[string]any{"actionName": name, "actionDescription": "", "findings": findings},
		"arn:aws:securityhub:"+Region+":"+d.hub()+":action/custom/"+id)
}

func (d *Stack) hub() string { return strings.Split(d.Outputs["RunMachineArn"], ":")[4] }

func (d *Stack) event(source, kind string, detail any, resources ...string) Event {
	return Event{Version: "0", ID: uuid.NewString(), DetailType: kind, Source: source, Account: d.hub(), Time: d.now().UTC().Truncate(time.Second), Region: Region, Resources: resources, Detail: detail}
}

// Send puts an event where the rules put it: into the queue.
func (d *Stack) Send(ctx context.Context, e Event) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = sqs.NewFromConfig(d.Hub).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(d.Outputs["QueueUrl"]), MessageBody: aws.String(string(text))})
	return err
}

// Sweep is the schedule's event.
func (d *Stack) Sweep(ctx context.Context) error {
	return d.Send(ctx, d.event("asr.schedule", "sweep", map[string]any{}))
}

// Call uses the API as the person with the ARN, through the function's URL as
// Lambda would pass it on; out is what a success is decoded into.
func (d *Stack) Call(ctx context.Context, who, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	path, query, _ := strings.Cut(path, "?")
	event := events.LambdaFunctionURLRequest{RawPath: path, RawQueryString: query, Body: string(body), Headers: map[string]string{"content-type": "application/json"}}
	event.RequestContext.DomainName = "api"
	event.RequestContext.HTTP.Method = method
	event.RequestContext.Authorizer = &events.LambdaFunctionURLRequestContextAuthorizerDescription{IAM: &events.LambdaFunctionURLRequestContextAuthorizerIAMDescription{UserARN: who}}
	var answer events.LambdaFunctionURLResponse
	if err := d.Invoke(ctx, "asr-hub-api", event, &answer); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		var no asr.Error
		if err := json.Unmarshal([]byte(answer.Body), &no); err != nil {
			return fmt.Errorf("%d: %s", answer.StatusCode, answer.Body)
		}
		return &no
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal([]byte(answer.Body), out)
}

// Invoke calls a function.
func (d *Stack) Invoke(ctx context.Context, name string, in, out any) error {
	payload, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := lambda.NewFromConfig(d.Hub).Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, Payload: payload})
	if err != nil {
		return err
	}
	if answer.FunctionError != nil {
		return fmt.Errorf("%s: %s", name, answer.Payload)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Payload, out)
}

// Executions are those of the machine that drives runs, by name: their status.
func (d *Stack) Executions(ctx context.Context, run string) (map[string]string, error) {
	all := map[string]string{}
	pages := sfn.NewListExecutionsPaginator(sfn.NewFromConfig(d.Hub), &sfn.ListExecutionsInput{StateMachineArn: aws.String(d.Outputs["RunMachineArn"])})
	for pages.HasMorePages() {
		p, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, e := range p.Executions {
			if strings.HasPrefix(aws.ToString(e.Name), run+"-") {
				all[aws.ToString(e.Name)] = string(e.Status)
			}
		}
	}
	return all, nil
}

// ErrSlow is that something did not happen in time.
var ErrSlow = errors.New("it did not happen in time")

// Await asks until the answer is yes.
func Await(ctx context.Context, limit time.Duration, yes func() (bool, error)) error {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		ok, err := yes()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return ErrSlow
}

// Now is the time by the functions' clock.
func (d *Stack) Now() time.Time { return d.now() }

// PolicyAround has a policy while do goes on, and another afterwards.
func (d *Stack) PolicyAround(ctx context.Context, during, after string, do func() error) error {
	if err := d.Policy(ctx, during); err != nil {
		return err
	}
	return errors.Join(do(), d.Policy(ctx, after))
}

// Ended is the event of an execution that ended badly, which the emulator
// doesn't send.
func (d *Stack) Ended(name, status string) Event {
	return d.event("aws.states", "Step Functions Execution Status Change", map[string]any{"name": name, "status": status, "stateMachineArn": d.Outputs["RunMachineArn"]})
}

// Impatient lets tasks be tried again at once: the waits between tries are the
// only thing of the definition that a test changes.
func (d *Stack) Impatient(ctx context.Context) error {
	c := sfn.NewFromConfig(d.Hub)
	is, err := c.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(d.Outputs["RunMachineArn"])})
	if err != nil {
		return err
	}
	text := regexp.MustCompile(`"IntervalSeconds": *\d+`).ReplaceAllString(aws.ToString(is.Definition), `"IntervalSeconds": 1`)
	text = regexp.MustCompile(`"BackoffRate": *\d+`).ReplaceAllString(text, `"BackoffRate": 1`)
	_, err = c.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: is.StateMachineArn, Definition: &text})
	return err
}

// Break has a function fail until restore is called.
func (d *Stack) Break(name string, err error) (restore func()) {
	d.Sandbox.Function(name, func(context.Context, []byte) ([]byte, error) { return nil, err })
	return func() { d.serve(name) }
}

// Pull runs the machine that takes findings in, to its end.
func (d *Stack) Pull(ctx context.Context) error {
	c := sfn.NewFromConfig(d.Hub)
	started, err := c.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String(d.Outputs["SyncMachineArn"]), Name: aws.String("pull-" + uuid.NewString()), Input: aws.String("{}")})
	if err != nil {
		return err
	}
	return Await(ctx, time.Minute, func() (bool, error) {
		e, err := c.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: started.ExecutionArn})
		if err == nil && e.Status != "RUNNING" && e.Status != "SUCCEEDED" {
			err = fmt.Errorf("the pull ended %s: %s %s", e.Status, aws.ToString(e.Error), aws.ToString(e.Cause))
		}
		return err == nil && e.Status == "SUCCEEDED", err
	})
}
