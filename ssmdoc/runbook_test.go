package ssmdoc

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/catalog/s3"
	"example.com/asr/memory"
	"example.com/asr/remedy"
	"example.com/asr/render"
	"example.com/asr/sandbox"
	"example.com/asr/sessions"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

const (
	member = "222222222222"
	region = "us-east-1"
)

// organization is a hub and a member account whose events come to the hub's
// queue, with the product's own sessions, on an emulator that enforces IAM.
type organization struct {
	t      *testing.T
	s      *sandbox.Sandbox
	member *ssm.Client
	queue  *sqs.Client
	url    string
	dial   remedy.Dialer
	store  *memory.Store
	engine *asr.Engine
	units  []asr.Remediation
	now    time.Time
}

type answer asr.Decision

func (a answer) Decide(asr.Facts) (asr.Decision, bool)                 { return asr.Decision(a), true }
func (a answer) Params(asr.Facts) (none map[string]json.RawMessage)    { return nil }
func (answer) Limits() asr.Limits                                      { return asr.DefaultLimits() }
func (o *organization) Report(ctx context.Context, r asr.Report) error { return nil }

func organize(t *testing.T, p asr.Policy, text string) *organization {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	o := &organization{t: t, s: s, member: ssm.NewFromConfig(s.Config(member, region)), queue: sqs.NewFromConfig(s.Config(sandbox.DefaultHub, region)), store: memory.New(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	o.roles()
	o.buses()
	if err := s.Enforce(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	through, err := sessions.New(sessions.Config{Hub: s.HubConfig(region), Settings: o.store})
	if err != nil {
		t.Fatal(err)
	}
	o.dial = through.Dial
	b := book(t, text)
	if o.units, err = With([]asr.Remediation{remedy.Bind(s3.BlockPublicAccess, o.dial)}, b, o.dial); err != nil {
		t.Fatal(err)
	}
	o.engine = asr.New(asr.Config{Store: o.store, Remediations: o.units, Matcher: b, Policy: p, Vault: clear{}, Clock: func() time.Time { return o.now }})
	return o
}

func (o *organization) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *organization) roles() {
	o.t.Helper()
	api := iam.NewFromConfig(o.s.Config(member, region))
	for name, trust := range map[string]string{
		"asr-member": sessions.TrustPolicy(sandbox.DefaultHub, "aws", "", "", "arn:aws:iam::"+sandbox.DefaultHub+":user/asr-operator"),
		"house-ssm":  `{"Statement":[{"Effect":"Allow","Principal":{"Service":"ssm.amazonaws.com"},"Action":"sts:AssumeRole"}]}`,
	} {
		_, err := api.CreateRole(o.t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
		o.must(err)
		_, err = api.PutRolePolicy(o.t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("all"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)})
		o.must(err)
	}
}

// buses forward the member's events to the hub's bus, and from there to a queue.
func (o *organization) buses() {
	o.t.Helper()
	q, err := o.queue.CreateQueue(o.t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("asr-hub-ingest")})
	o.must(err)
	o.url = *q.QueueUrl
	hub := eventbridge.NewFromConfig(o.s.Config(sandbox.DefaultHub, region))
	_, err = hub.CreateEventBus(o.t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String("asr-hub")})
	o.must(err)
	for _, r := range []struct {
		api         *eventbridge.Client
		bus, target string
	}{
		{hub, "asr-hub", "arn:aws:sqs:" + region + ":" + sandbox.DefaultHub + ":asr-hub-ingest"},
		{eventbridge.NewFromConfig(o.s.Config(member, region)), "default", "arn:aws:events:" + region + ":" + sandbox.DefaultHub + ":event-bus/asr-hub"},
	} {
		_, err = r.api.PutRule(o.t.Context(), &eventbridge.PutRuleInput{Name: aws.String("asr"), EventBusName: &r.bus, EventPattern: aws.String(`{"source":["asr.runbook","aws.ssm"]}`)})
		o.must(err)
		_, err = r.api.PutTargets(o.t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("asr"), EventBusName: &r.bus, Targets: []ebtypes.Target{{Id: aws.String("t"), Arn: &r.target}}})
		o.must(err)
	}
}

// received are the messages in the hub's queue, once.
func (o *organization) received() (all []string) {
	o.t.Helper()
	for {
		out, err := o.queue.ReceiveMessage(o.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &o.url, MaxNumberOfMessages: 10, VisibilityTimeout: 600})
		o.must(err)
		if len(out.Messages) == 0 {
			return all
		}
		for _, m := range out.Messages {
			all = append(all, *m.Body)
		}
	}
}

// runbook starts the runbook of the bucket's remediation.
func (o *organization) runbook(parameters map[string][]string) string {
	o.t.Helper()
	if _, err := o.member.GetDocument(o.t.Context(), &ssm.GetDocumentInput{Name: aws.String("asr-s3-block-public-access")}); err != nil {
		text, err := render.Runbook(o.units[0])
		o.must(err)
		_, err = o.member.CreateDocument(o.t.Context(), &ssm.CreateDocumentInput{
			Name: aws.String("asr-s3-block-public-access"), Content: aws.String(string(text)), DocumentType: types.DocumentTypeAutomation, DocumentFormat: types.DocumentFormatYaml,
		})
		o.must(err)
	}
	out, err := o.member.StartAutomationExecution(o.t.Context(), &ssm.StartAutomationExecutionInput{DocumentName: aws.String("asr-s3-block-public-access"), Parameters: parameters})
	o.must(err)
	return *out.AutomationExecutionId
}

// handle does what the hub does with its queue, and delivers the answers.
func (o *organization) handle() {
	o.t.Helper()
	for _, body := range o.received() {
		if !strings.Contains(body, "asr.runbook") {
			continue
		}
		ask, err := Requests(o.units)([]byte(body))
		o.must(err)
		r, err := o.engine.Request(o.t.Context(), ask)
		for err == nil {
			next, serr := o.engine.Step(o.t.Context(), r.ID)
			o.must(serr)
			if next.Done {
				break
			}
			o.now = o.now.Add(next.After)
		}
	}
	_, err := o.engine.Deliver(o.t.Context(), asr.Reporters{asr.ChannelSecurityHub: o, asr.ChannelRequester: Signaller{Dial: o.dial}}, asr.Pending{})
	o.must(err)
}

func (o *organization) execution(id string) *types.AutomationExecution {
	o.t.Helper()
	out, err := o.member.GetAutomationExecution(o.t.Context(), &ssm.GetAutomationExecutionInput{AutomationExecutionId: &id})
	o.must(err)
	return out.AutomationExecution
}

func (o *organization) bucket(name string) {
	o.t.Helper()
	_, err := awss3.NewFromConfig(o.s.Config(member, region), func(c *awss3.Options) { c.UsePathStyle = true }).CreateBucket(o.t.Context(), &awss3.CreateBucketInput{Bucket: &name})
	o.must(err)
}

func decision(e *types.AutomationExecution) string {
	last := e.StepExecutions[len(e.StepExecutions)-1]
	return strings.Join(append(slices.Clone(last.Outputs["ApprovalStatus"]), last.Outputs["ApproverDecisions"]...), " ")
}

const nothingDeclared = "playbook: House\n"

func TestARunbookEndsWithTheRunsOutcome(t *testing.T) {
	t.Parallel()
	o := organize(t, answer{Mode: asr.ModeAuto, Reason: asr.ReasonRule}, nothingDeclared)
	o.bucket("open")
	id := o.runbook(map[string][]string{"Resource": {"arn:aws:s3:::open"}})
	if e := o.execution(id); e.AutomationExecutionStatus != "Waiting" {
		t.Fatalf("it doesn't wait: %s: %s", e.AutomationExecutionStatus, aws.ToString(e.FailureMessage))
	}
	o.handle()
	e := o.execution(id)
	if e.AutomationExecutionStatus != "Success" || !strings.Contains(decision(e), "Fixed, and verified by reading back") {
		t.Errorf("%s: %s", e.AutomationExecutionStatus, decision(e))
	}
	gone := o.runbook(map[string][]string{"Resource": {"arn:aws:s3:::nobody"}})
	o.handle()
	if e := o.execution(gone); e.AutomationExecutionStatus != "Success" || !strings.Contains(decision(e), "no longer exists") {
		t.Errorf("nothing to do: %s: %s", e.AutomationExecutionStatus, decision(e))
	}
}

func TestARunbookFailsWithTheReason(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		policy   asr.Policy
		resource string
		want     string
	}{
		"the policy says off": {answer{Mode: asr.ModeOff, Reason: asr.ReasonRule, Why: "rule 3 keeps its hands off"}, "arn:aws:s3:::open", "rule 3 keeps its hands off"},
		"only planned":        {answer{Mode: asr.ModeObserve, Reason: asr.ReasonRule, Why: "rule 4 observes"}, "arn:aws:s3:::open", "rule 4 observes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := organize(t, row.policy, nothingDeclared)
			o.bucket("open")
			id := o.runbook(map[string][]string{"Resource": {row.resource}})
			o.handle()
			if e := o.execution(id); e.AutomationExecutionStatus != "Failed" || !strings.Contains(decision(e), "Rejected") || !strings.Contains(decision(e), row.want) {
				t.Errorf("%s: %s", e.AutomationExecutionStatus, decision(e))
			}
		})
	}
}

func TestARunbookNeedsAResourceOrAFinding(t *testing.T) {
	t.Parallel()
	o := organize(t, nil, nothingDeclared)
	for _, parameters := range []map[string][]string{nil, {"Resource": {"arn:aws:s3:::b"}, "Finding": {"f"}}} {
		if e := o.execution(o.runbook(parameters)); e.AutomationExecutionStatus != "Failed" || !strings.Contains(aws.ToString(e.FailureMessage), "give Resource or Finding, one of them") {
			t.Errorf("%v: %s: %s", parameters, e.AutomationExecutionStatus, aws.ToString(e.FailureMessage))
		}
	}
	for _, body := range o.received() {
		if strings.Contains(body, "asr.runbook") {
			t.Errorf("the hub is asked: %s", body)
		}
	}
}

func TestASignalWaitsForItsRunbookAndIsDoneWithOneThatEnded(t *testing.T) {
	t.Parallel()
	o := organize(t, nil, nothingDeclared)
	signaller := Signaller{Dial: o.dial}
	tell := func(execution string) error {
		return signaller.Report(t.Context(), asr.Report{
			Channel: asr.ChannelRequester, State: asr.StateFailed, Note: strings.Repeat("long ", 200), Run: "r-1", Reply: &asr.Reply{Account: member, Region: region, Execution: execution},
		})
	}
	early := `{schemaVersion: "0.3", mainSteps: [{name: Before, action: aws:pause, inputs: {}}, {name: Outcome, action: aws:approve, inputs: {Approvers: ["arn:aws:iam::222222222222:role/asr-member"]}}]}`
	_, err := o.member.CreateDocument(t.Context(), &ssm.CreateDocumentInput{Name: aws.String("Early"), Content: &early, DocumentType: types.DocumentTypeAutomation, DocumentFormat: types.DocumentFormatYaml})
	o.must(err)
	out, err := o.member.StartAutomationExecution(t.Context(), &ssm.StartAutomationExecutionInput{DocumentName: aws.String("Early")})
	o.must(err)
	id := *out.AutomationExecutionId
	if err := tell(id); asr.Classify(err) != asr.CodeUnavailable || !strings.Contains(err.Error(), "at step Before") {
		t.Errorf("too early: %v", err)
	}
	_, err = o.member.SendAutomationSignal(t.Context(), &ssm.SendAutomationSignalInput{AutomationExecutionId: &id, SignalType: types.SignalTypeResume, Payload: map[string][]string{"StepName": {"Before"}}})
	o.must(err)
	for _, when := range []string{"in time", "again", "to nobody"} {
		execution := id
		if when == "to nobody" {
			execution = "333ba70b-2333-48db-b17e-a5e69c6f4d1c"
		}
		if err := tell(execution); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	if e := o.execution(id); e.AutomationExecutionStatus != "Failed" || !strings.Contains(decision(e), "Rejected") {
		t.Errorf("%s: %s", e.AutomationExecutionStatus, decision(e))
	}
	if err := signaller.Report(t.Context(), asr.Report{Channel: asr.ChannelRequester}); err != nil {
		t.Errorf("nobody waits: %v", err)
	}
	o.must(o.store.SetSetting(t.Context(), asr.KillSwitch, "test"))
	if err := tell(id); asr.Classify(err) != asr.CodeKilled {
		t.Errorf("the kill switch lets it pass: %v", err)
	}
}

func TestTheEventOfADocumentsEndNamesItsRun(t *testing.T) {
	t.Parallel()
	o := organize(t, nil, with("service/house-ssm", "house-ssm"))
	o.must(o.s.Automate(t.Context(), sandbox.Automation{Account: member, Document: awsOwn, Statuses: []string{"InProgress", "Success"}}))
	r, err := o.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: "House.1", Account: member, Region: region, Resource: asr.Resource{ID: "arn:aws:s3:::b"}})
	o.must(err)
	for range 50 {
		next, err := o.engine.Step(t.Context(), r.ID)
		o.must(err)
		if next.Done {
			if r, err = o.store.Run(t.Context(), r.ID); err != nil || r.State != asr.StateAwaiting {
				break
			}
			_, err = o.engine.Approve(t.Context(), r.ID, r.Plan.Hash, ada, "")
			o.must(err)
		}
		o.now = o.now.Add(next.After)
	}
	if r.State != asr.StateVerified {
		t.Fatalf("%s: %+v", r.State, r.Error)
	}
	woken := 0
	for _, body := range o.received() {
		if run, account, ok := Event([]byte(body)); ok {
			woken++
			if run != r.ID || account != member {
				t.Errorf("it wakes %s in %s, not %s: %s", run, account, r.ID, body)
			}
		}
	}
	if woken != 1 {
		t.Errorf("woken %d times", woken)
	}
}
