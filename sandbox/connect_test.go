package sandbox

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"example.com/asr"
)

func TestAConnectedSandboxDoesWhatItsOwnerCan(t *testing.T) {
	t.Parallel()
	owner := start(t)
	s := Connect(owner.URL())
	if diff := cmp.Diff(owner.Env(here), s.Env(here)); diff != "" {
		t.Errorf("env (-owner +connected):\n%s", diff)
	}
	if _, err := sts.NewFromConfig(s.HubConfig(here)).GetCallerIdentity(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	remove := s.Fault(Fault{Service: "iam", Code: "Throttling", Delay: time.Millisecond})
	users := iam.NewFromConfig(s.Config(memberA, here))
	if _, err := users.ListUsers(t.Context(), nil); code(err) != "Throttling" {
		t.Errorf("fault: %v", err)
	}
	remove()
	if _, err := users.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("u")}); err != nil {
		t.Errorf("after the fault: %v", err)
	}
	if diff := cmp.Diff(owner.Calls(), s.Calls(), cmp.Comparer(time.Time.Equal)); diff != "" || len(s.Calls()) != 3 {
		t.Errorf("journal (-owner +connected):\n%s", diff)
	}
	s.Reset()
	if n := len(owner.Calls()); n != 0 {
		t.Errorf("%d calls after Reset", n)
	}
	if err := s.Backdate(t.Context(), memberA, UserCreated, "u", time.Unix(1e9, 0)); err != nil {
		t.Error(err)
	}
	s.Slow(1)
	if owner.gateway.settling.n != 1 {
		t.Error("Slow did not arrive")
	}
	_, _ = rds.NewFromConfig(s.Config(memberA, here)).CreateTenantDatabase(t.Context(), &rds.CreateTenantDatabaseInput{
		DBInstanceIdentifier: aws.String("d"), MasterUsername: aws.String("m"), TenantDBName: aws.String("t"),
	})
	if diff := cmp.Diff(owner.Missing(), s.Missing()); diff != "" || len(s.Missing()) != 1 {
		t.Errorf("missing (-owner +connected):\n%s", diff)
	}
	if err := s.Enforce(t.Context(), true); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := sts.NewFromConfig(owner.HubConfig(here)).GetCallerIdentity(t.Context(), nil); err != nil {
		t.Errorf("Close of the connected one ended it: %v", err)
	}
}

func TestNobodyThereIsNoSilence(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"http://127.0.0.1:1", "::"} {
		s := Connect(url)
		if calls := s.Calls(); len(calls) != 1 || calls[0].ErrorCode == "" {
			t.Errorf("%s: calls %v", url, calls)
		}
		if missing := s.Missing(); len(missing) != 1 {
			t.Errorf("%s: missing %v", url, missing)
		}
		if err := s.Enforce(t.Context(), true); asr.Advice(err) == "" {
			t.Errorf("%s: enforce: %v", url, err)
		}
		if _, err := sts.NewFromConfig(s.HubConfig(here)).GetCallerIdentity(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "sandbox") {
			t.Errorf("%s: a call: %v", url, err)
		}
	}
}

func TestAWebPageCannotDriveTheSandbox(t *testing.T) {
	t.Parallel()
	s := start(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/_sandbox/faults", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://evil.example")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("status %s", resp.Status)
	}
}

// python runs a script with boto3 in the sandbox's environment.
func python(t *testing.T, s *Sandbox, script string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.python, "-c", script)
	cmd.Env = append(cmd.Environ(), s.Env(here)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s (%v)", out, err)
	}
	return strings.TrimSpace(string(out))
}

func TestAnotherProgramWorksByItsEnvironment(t *testing.T) {
	t.Parallel()
	s := start(t)
	got := python(t, s, `
import boto3
c = boto3.client("sts").assume_role(RoleArn="arn:aws:iam::222222222222:role/r", RoleSessionName="session")["Credentials"]
member = boto3.client("sts", aws_access_key_id=c["AccessKeyId"], aws_secret_access_key=c["SecretAccessKey"], aws_session_token=c["SessionToken"])
print(member.get_caller_identity()["Account"])`)
	if got != memberA {
		t.Errorf("it acts in %q", got)
	}
}

func TestRulesSeeIntoFindingsAndRestWhenDisabled(t *testing.T) {
	t.Parallel()
	s := start(t)
	got := python(t, s, `
import boto3, json
sqs, events = boto3.client("sqs"), boto3.client("events")
url = sqs.create_queue(QueueName="q")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
pattern = {"detail": {"findings": {"Workflow": {"Status": ["NEW"]}, "Compliance": {"Status": ["FAILED"]}}}}
for name, state in (("on", "ENABLED"), ("off", "DISABLED")):
    events.put_rule(Name=name, EventPattern=json.dumps(pattern), State=state)
    events.put_targets(Rule=name, Targets=[{"Id": name, "Arn": arn}])
for statuses in ([("NEW", "PASSED"), ("NEW", "FAILED")], [("NEW", "PASSED"), ("RESOLVED", "FAILED")], []):
    findings = [{"Workflow": {"Status": w}, "Compliance": {"Status": c}} for w, c in statuses]
    events.put_events(Entries=[{"Source": "aws.securityhub", "DetailType": "t", "Detail": json.dumps({"findings": findings})}])
messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
print(len(messages), len(json.loads(messages[0]["Body"])["detail"]["findings"]))`)
	if got != "1 2" {
		t.Errorf("messages and their findings: %s, want 1 2", got)
	}
}

func TestAStateMachineRunsTwice(t *testing.T) {
	t.Parallel()
	s := start(t)
	got := python(t, s, `
import boto3, json, time
sfn = boto3.client("stepfunctions")
definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"x": 1}, "End": True}}}
machine = sfn.create_state_machine(name="m", definition=json.dumps(definition), roleArn="arn:aws:iam::111111111111:role/r")["stateMachineArn"]
for name in ("one", "two"):
    run = sfn.start_execution(stateMachineArn=machine, name=name, input="{}")["executionArn"]
    while (told := sfn.describe_execution(executionArn=run))["status"] == "RUNNING":
        time.sleep(0.05)
    print(told["status"], told["output"])`)
	if want := "SUCCEEDED {\"x\":1}\nSUCCEEDED {\"x\":1}"; strings.ReplaceAll(got, ": ", ":") != want {
		t.Errorf("got %s", got)
	}
}
