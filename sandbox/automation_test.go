package sandbox

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

const pausing = `
schemaVersion: "0.3"
parameters:
  Name: {type: String, allowedPattern: "^[a-z]+$"}
  Many: {type: StringList, default: []}
mainSteps:
- {name: Hello, action: aws:executeScript, inputs: {Runtime: python3.11, Handler: hello, InputPayload: {name: "{{ Name }}"}, Script: "def hello(e, c):\n    return 'hello ' + e['name']"}, outputs: [{Name: Said, Selector: $.Payload, Type: String}]}
- {name: Wait, action: aws:pause, inputs: {}}
- {name: Fail, action: aws:executeScript, inputs: {Runtime: python3.11, Handler: fails, InputPayload: {said: "{{ Hello.Said }}"}, Script: "def fails(e, c):\n    raise Exception(e['said'])"}}
`

// automations is an account with a document and its clients.
func automations(t *testing.T, s *Sandbox, content string) *ssm.Client {
	t.Helper()
	api := ssm.NewFromConfig(s.Config(memberA, here))
	_, err := api.CreateDocument(t.Context(), &ssm.CreateDocumentInput{Name: aws.String("House-Doc"), Content: &content, DocumentType: types.DocumentTypeAutomation, DocumentFormat: types.DocumentFormatYaml})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func begin(t *testing.T, api *ssm.Client, in *ssm.StartAutomationExecutionInput) string {
	t.Helper()
	out, err := api.StartAutomationExecution(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.AutomationExecutionId
}

func execution(t *testing.T, api *ssm.Client, id string) *types.AutomationExecution {
	t.Helper()
	out, err := api.GetAutomationExecution(t.Context(), &ssm.GetAutomationExecutionInput{AutomationExecutionId: &id})
	if err != nil {
		t.Fatal(err)
	}
	return out.AutomationExecution
}

// ears hear what a rule for all of Systems Manager's events delivered.
func ears(t *testing.T, s *Sandbox) func() []string {
	t.Helper()
	queues := sqs.NewFromConfig(s.Config(memberA, here))
	q, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("heard")})
	if err != nil {
		t.Fatal(err)
	}
	rules := eventbridge.NewFromConfig(s.Config(memberA, here))
	if _, err := rules.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("ssm"), EventPattern: aws.String(`{"source":["aws.ssm"]}`)}); err != nil {
		t.Fatal(err)
	}
	_, err = rules.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("ssm"), Targets: []ebtypes.Target{{Id: aws.String("q"), Arn: aws.String("arn:aws:sqs:" + here + ":" + memberA + ":heard")}}})
	if err != nil {
		t.Fatal(err)
	}
	return func() (all []string) {
		for {
			out, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q.QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 60})
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Messages) == 0 {
				return all
			}
			for _, m := range out.Messages {
				all = append(all, *m.Body)
			}
		}
	}
}

func TestAnExecutionRunsItsStepsAndTellsOfEachStatus(t *testing.T) {
	t.Parallel()
	s := start(t)
	api, heard := automations(t, s, pausing), ears(t, s)
	id := begin(t, api, &ssm.StartAutomationExecutionInput{DocumentName: aws.String("House-Doc"), Parameters: map[string][]string{"Name": {"ada"}}})
	if e := execution(t, api, id); e.AutomationExecutionStatus != "Waiting" || *e.CurrentStepName != "Wait" || !slices.Equal(e.Outputs["Hello.Said"], []string{"hello ada"}) {
		t.Fatalf("paused: %+v", e)
	}
	signal := func(kind types.SignalType, payload map[string][]string) error {
		_, err := api.SendAutomationSignal(t.Context(), &ssm.SendAutomationSignalInput{AutomationExecutionId: &id, SignalType: kind, Payload: payload})
		return err
	}
	if err := signal("Approve", nil); code(err) != "InvalidAutomationSignalException" {
		t.Errorf("a pause takes an approval: %v", err)
	}
	if err := signal("Resume", map[string][]string{"StepName": {"Wait"}}); err != nil {
		t.Fatal(err)
	}
	if e := execution(t, api, id); e.AutomationExecutionStatus != "Failed" || e.ExecutionEndTime == nil || !strings.Contains(*e.FailureMessage, "hello ada") || len(e.StepExecutions) != 3 {
		t.Errorf("resumed: %+v", e)
	}
	if err := signal("Resume", map[string][]string{"StepName": {"Wait"}}); code(err) != "InvalidAutomationSignalException" {
		t.Errorf("an ended execution is resumed: %v", err)
	}
	var got []string
	for _, body := range heard() {
		var e struct {
			DetailType string `json:"detail-type"`
			Account    string
			Detail     struct{ ExecutionID, Status, ExecutedBy string }
		}
		if err := json.Unmarshal([]byte(body), &e); err != nil || e.Account != memberA || e.Detail.ExecutedBy != "arn:aws:iam::"+memberA+":root" || e.Detail.ExecutionID != id {
			t.Errorf("%v: %s", err, body)
		}
		got = append(got, e.Detail.Status)
	}
	slices.Sort(got)
	if want := []string{"Failed", "InProgress", "InProgress", "Waiting"}; !slices.Equal(got, want) {
		t.Errorf("told of %v, want %v", got, want)
	}
}

func TestAStartIsHeldToTheDocumentAndItsToken(t *testing.T) {
	t.Parallel()
	s := start(t)
	api := automations(t, s, pausing)
	token := aws.String("3f9f6a6e-93e1-4c0c-9f0a-000000000001")
	good := map[string][]string{"Name": {"ada"}, "Many": {"a", "b"}}
	in := &ssm.StartAutomationExecutionInput{DocumentName: aws.String("House-Doc"), Parameters: good, ClientToken: token}
	if one, two := begin(t, api, in), begin(t, api, in); one != two {
		t.Errorf("one token started %s and %s", one, two)
	}
	for _, row := range []struct {
		name, want string
		in         ssm.StartAutomationExecutionInput
	}{
		{"other parameters under the token", "IdempotentParameterMismatch", ssm.StartAutomationExecutionInput{Parameters: map[string][]string{"Name": {"bob"}}, ClientToken: token}},
		{"a token that is no UUID", "ValidationException", ssm.StartAutomationExecutionInput{Parameters: good, ClientToken: aws.String(strings.Repeat("x", 36))}},
		{"no document", "AutomationDefinitionNotFoundException", ssm.StartAutomationExecutionInput{DocumentName: aws.String("Nope")}},
		{"no version", "AutomationDefinitionVersionNotFoundException", ssm.StartAutomationExecutionInput{DocumentVersion: aws.String("7"), Parameters: good}},
		{"a parameter too few", "InvalidAutomationExecutionParametersException", ssm.StartAutomationExecutionInput{}},
		{"a parameter too many", "InvalidAutomationExecutionParametersException", ssm.StartAutomationExecutionInput{Parameters: map[string][]string{"Name": {"ada"}, "Age": {"7"}}}},
		{"a value that doesn't match", "InvalidAutomationExecutionParametersException", ssm.StartAutomationExecutionInput{Parameters: map[string][]string{"Name": {"Ada"}}}},
		{"two values for one", "InvalidAutomationExecutionParametersException", ssm.StartAutomationExecutionInput{Parameters: map[string][]string{"Name": {"ada", "bob"}}}},
		{"a role that isn't there", "InvalidAutomationExecutionParametersException", ssm.StartAutomationExecutionInput{
			DocumentName: aws.String("AWS-DisableS3BucketPublicReadWrite"), Parameters: map[string][]string{"S3BucketName": {"b"}, "AutomationAssumeRole": {"arn:aws:iam::" + memberA + ":role/none"}},
		}},
	} {
		if row.in.DocumentName == nil {
			row.in.DocumentName = aws.String("House-Doc")
		}
		if _, err := api.StartAutomationExecution(t.Context(), &row.in); code(err) != row.want {
			t.Errorf("%s: %v, want %s", row.name, err, row.want)
		}
	}
}

func TestAProgrammedDocumentGoesThroughItsStatuses(t *testing.T) {
	t.Parallel()
	s := start(t)
	api := ssm.NewFromConfig(s.Config(memberA, here))
	program := Automation{
		Account: memberA, Document: "AWS-DisableS3BucketPublicReadWrite", Statuses: []string{"InProgress", "Cancelling", "Cancelled"}, Step: "Block", Message: "no",
		Outputs: map[string][]string{"Block.Said": {"nothing"}},
	}
	if err := s.Automate(t.Context(), program); err != nil {
		t.Fatal(err)
	}
	in := &ssm.StartAutomationExecutionInput{DocumentName: &program.Document, Parameters: map[string][]string{"S3BucketName": {"b"}}, Tags: []types.Tag{{Key: aws.String("mine"), Value: aws.String("1")}}}
	id := begin(t, api, in)
	by := func(key types.AutomationExecutionFilterKey, value string) []types.AutomationExecutionMetadata {
		out, err := api.DescribeAutomationExecutions(t.Context(), &ssm.DescribeAutomationExecutionsInput{Filters: []types.AutomationExecutionFilter{{Key: key, Values: []string{value}}}})
		if err != nil {
			t.Fatal(err)
		}
		return out.AutomationExecutionMetadataList
	}
	var got []string
	for range 4 {
		got = append(got, string(by("TagKey", "mine")[0].AutomationExecutionStatus))
	}
	if want := []string{"InProgress", "Cancelling", "Cancelled", "Cancelled"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if e := execution(t, api, id); *e.FailureMessage != "no" || *e.StepExecutions[0].StepName != "Block" || !slices.Equal(e.Outputs["Block.Said"], []string{"nothing"}) {
		t.Errorf("ended: %+v", e)
	}
	if len(by("TagKey", "1"))+len(by("ExecutionStatus", "Success")) != 0 || len(by("ExecutionId", id)) != 1 || len(by("DocumentNamePrefix", "AWS-")) != 1 {
		t.Error("filters take what doesn't match, or leave out what does")
	}
	if _, err := api.StopAutomationExecution(t.Context(), &ssm.StopAutomationExecutionInput{AutomationExecutionId: &id}); code(err) != "InvalidAutomationStatusUpdateException" {
		t.Errorf("an ended execution is stopped: %v", err)
	}
	two := begin(t, api, in)
	if err := s.EndAutomation(t.Context(), memberA, here, two, "Success"); err != nil {
		t.Fatal(err)
	}
	if e := execution(t, api, two); e.AutomationExecutionStatus != "Success" {
		t.Errorf("ended by hand: %s", e.AutomationExecutionStatus)
	}
	if err := s.EndAutomation(t.Context(), memberA, here, "nobody", "Success"); err == nil {
		t.Error("an execution that isn't there is ended")
	}
}

func TestOnlyAnApproverAnswersAnApproval(t *testing.T) {
	t.Parallel()
	s := start(t)
	api := automations(t, s, `
schemaVersion: "0.3"
mainSteps:
- {name: Ask, action: aws:approve, inputs: {Approvers: ["arn:{{ global:AWS_PARTITION }}:iam::{{ global:ACCOUNT_ID }}:user/ada"]}, isEnd: true}
`)
	people := iam.NewFromConfig(s.Config(memberA, here))
	if _, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ada")}); err != nil {
		t.Fatal(err)
	}
	key, err := people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ada")})
	if err != nil {
		t.Fatal(err)
	}
	hers := s.Config(memberA, here)
	hers.Credentials, hers.APIOptions = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, ""), nil
	ada := ssm.NewFromConfig(hers)
	for kind, want := range map[types.SignalType]string{"Approve": "Success", "Reject": "Failed"} {
		id := begin(t, api, &ssm.StartAutomationExecutionInput{DocumentName: aws.String("House-Doc")})
		in := &ssm.SendAutomationSignalInput{AutomationExecutionId: &id, SignalType: kind, Payload: map[string][]string{"Comment": {"because"}}}
		if _, err := api.SendAutomationSignal(t.Context(), in); code(err) != "InvalidAutomationSignalException" {
			t.Errorf("%s of somebody else: %v", kind, err)
		}
		if _, err := ada.SendAutomationSignal(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		e := execution(t, api, id)
		if got := string(e.AutomationExecutionStatus); got != want || !strings.Contains(e.StepExecutions[0].Outputs["ApproverDecisions"][0], "because") {
			t.Errorf("%s: %s, %+v", kind, got, e.StepExecutions)
		}
	}
}

func TestAnEventKeepsItsAccountOnTheWayToAnotherOnesBus(t *testing.T) {
	t.Parallel()
	s := start(t)
	theirs := eventbridge.NewFromConfig(s.Config(DefaultHub, here))
	queues := sqs.NewFromConfig(s.Config(DefaultHub, here))
	q, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("in")})
	if err != nil {
		t.Fatal(err)
	}
	rule := func(api *eventbridge.Client, bus, target string) {
		t.Helper()
		if _, err := api.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("r"), EventBusName: &bus, EventPattern: aws.String(`{"source":["house"]}`)}); err != nil {
			t.Fatal(err)
		}
		if _, err := api.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("r"), EventBusName: &bus, Targets: []ebtypes.Target{{Id: aws.String("t"), Arn: &target}}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := theirs.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String("hub")}); err != nil {
		t.Fatal(err)
	}
	hub := "arn:aws:events:" + here + ":" + DefaultHub + ":event-bus/hub"
	rule(theirs, "hub", "arn:aws:sqs:"+here+":"+DefaultHub+":in")
	mine := eventbridge.NewFromConfig(s.Config(memberA, here))
	rule(mine, "default", hub)
	put := func(bus string) error {
		_, err := mine.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{EventBusName: &bus, Source: aws.String("house"), DetailType: aws.String("x"), Detail: aws.String("{}")}}})
		return err
	}
	for _, bus := range []string{"default", hub} {
		if err := put(bus); err != nil {
			t.Fatal(err)
		}
		out, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q.QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 60})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) != 1 {
			t.Fatalf("by %s came %d messages", bus, len(out.Messages))
		}
		var e struct{ Account, Region string }
		if err := json.Unmarshal([]byte(*out.Messages[0].Body), &e); err != nil || e.Account != memberA || e.Region != here {
			t.Errorf("by %s came %s", bus, *out.Messages[0].Body)
		}
	}
	if err := put(strings.Replace(hub, here, "ap-south-1", 1)); code(err) != "ValidationException" {
		t.Errorf("another Region's bus takes it: %v", err)
	}
}
