package faults

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/sandbox"
	"example.com/asr/sessions"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

const (
	member = "222222222222"
	region = "eu-west-1"
)

// shared is the sandbox of the tests whose faults are for one call; it ends with
// the process.
var shared = sync.OnceValues(func() (*sandbox.Sandbox, error) { return sandbox.Start(context.Background(), sandbox.Config{}) })

// small is a world without an organization. Tests take turns in it.
func small(t *testing.T) *world {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{s: s, began: time.Now()}
	if err := w.wire(t, sessions.Patience); err != nil {
		t.Fatal(err)
	}
	s.Reset()
	return w
}

// ask asks for a fix and takes it to its end.
func (w *world) ask(t *testing.T, control, resource string) asr.Run {
	t.Helper()
	r, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: control, Account: member, Region: region, Resource: asr.Resource{ID: resource, Region: region}})
	if err != nil {
		t.Fatal(err)
	}
	w.serve(t)
	return w.run(t, r.ID)
}

func (w *world) run(t *testing.T, id string) asr.Run {
	t.Helper()
	r, err := w.store.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// group makes a log group that keeps what it has for a day.
func (w *world) group(t *testing.T, name string) (arn string) {
	t.Helper()
	api := cloudwatchlogs.NewFromConfig(w.s.Config(member, region))
	if _, err := api.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := api.DeleteLogGroup(context.Background(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &name}); err != nil {
			t.Error(err)
		}
	})
	if _, err := api.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &name, RetentionInDays: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	return "arn:aws:logs:" + region + ":" + member + ":log-group:" + name
}

// days is how long a group keeps what it has.
func (w *world) days(t *testing.T, name string) int32 {
	t.Helper()
	out, err := cloudwatchlogs.NewFromConfig(w.s.Config(member, region)).DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	if err != nil || len(out.LogGroups) != 1 {
		t.Fatalf("%d groups, %v", len(out.LogGroups), err)
	}
	return aws.ToInt32(out.LogGroups[0].RetentionInDays)
}

// What AWS says for good ends a run; the person who looks at it sees what
// happened, that nothing was changed, and what to do. Then it works.
func TestWhatAWSRefusesForGoodIsToldWithWhatToDo(t *testing.T) {
	w := small(t)
	for name, row := range map[string]struct {
		fault    sandbox.Fault
		state    asr.State
		code     asr.Code
		says, do string
	}{
		"the Region is not enabled": {
			sandbox.Fault{Service: "logs", Code: "UnrecognizedClientException", Message: "The security token included in the request is invalid."},
			asr.StateCannotPlan, asr.CodeRegionOff, region + " takes no credentials of account " + member, "enable " + region,
		},
		"the Region's STS is not enabled": {
			sandbox.Fault{Service: "sts", Operation: "AssumeRole", Status: 403, Code: "RegionDisabledException", Message: "STS is not activated in this region for account:" + member + "."},
			asr.StateCannotPlan, asr.CodeRegionOff, "account " + member + " can't be reached in " + region, "enable " + region,
		},
		"the role is missing": {
			sandbox.Fault{Service: "sts", Operation: "AssumeRole", Status: 403, Code: "AccessDenied", Message: "User: arn:aws:iam::111111111111:user/asr-operator is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/asr-member"},
			asr.StateCannotPlan, asr.CodeNoRole, "asr-member can't be assumed", "deploy asr-member in account " + member,
		},
		"the role may not read": {
			sandbox.Fault{Service: "logs", Operation: "DescribeLogGroups", Code: "AccessDeniedException", Message: "not authorized to perform: logs:DescribeLogGroups"},
			asr.StateCannotPlan, asr.CodeDenied, "logs:DescribeLogGroups", "asr doctor",
		},
		"the role may not write": {
			sandbox.Fault{Service: "logs", Operation: "PutRetentionPolicy", Code: "AccessDeniedException", Message: "not authorized to perform: logs:PutRetentionPolicy"},
			asr.StateFailed, asr.CodeDenied, "logs:PutRetentionPolicy", "asr doctor",
		},
	} {
		group := "/" + strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", "")
		arn := w.group(t, group)
		mended := w.s.Fault(row.fault)
		r := w.ask(t, "CloudWatch.16", arn)
		if r.State != row.state || r.Error == nil || r.Error.Code != row.code || !strings.Contains(r.Error.Message, row.says) || !strings.Contains(r.Error.Do, row.do) {
			t.Errorf("%s: the run is %s: %+v", name, r.State, r.Error)
		}
		mended()
		if days := w.days(t, group); days != 1 || r.Writes > 0 || r.Undoable() {
			t.Errorf("%s: it keeps %d days after %d writes", name, days, r.Writes)
		}
		if r = w.ask(t, "CloudWatch.16", arn); r.State != asr.StateVerified || w.days(t, group) < 365 {
			t.Errorf("%s: mended, the run is %s: %+v", name, r.State, r.Error)
		}
	}
}

// Runs wait for people, who sign in again: before they look, and before they
// write.
func TestWhileOurOwnCredentialsHaveExpiredRunsWaitAndThenGoOn(t *testing.T) {
	w := small(t)
	expired := sandbox.Fault{Service: "sts", Operation: "AssumeRole", Status: 403, Code: "ExpiredToken", Message: "The security token included in the request is expired"}
	for name, steps := range map[string]int{"before it looks": 0, "before it writes": 2} {
		group := "/" + strings.ReplaceAll(name, " ", "-")
		r, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: "CloudWatch.16", Account: member, Region: region, Resource: asr.Resource{ID: w.group(t, group), Region: region}})
		if err != nil {
			t.Fatal(err)
		}
		step := func() {
			t.Helper()
			if _, err := w.engine.Step(t.Context(), r.ID); err != nil {
				t.Fatal(err)
			}
		}
		for range steps {
			step()
		}
		renewed := w.s.Fault(expired)
		for range 100 {
			step()
		}
		r = w.run(t, r.ID)
		if !r.State.Open() || r.Error == nil || r.Error.Code != asr.CodeSignedOut || !strings.Contains(r.Error.Message, "asr's own AWS credentials have expired") || !strings.Contains(r.Error.Do, "sign in again") {
			t.Errorf("%s: the run is %s: %+v", name, r.State, r.Error)
		}
		if days := w.days(t, group); days != 1 {
			t.Errorf("%s: it keeps %d days", name, days)
		}
		renewed()
		w.serve(t)
		if r = w.run(t, r.ID); r.State != asr.StateVerified || w.days(t, group) < 365 {
			t.Errorf("%s: renewed, the run is %s: %+v", name, r.State, r.Error)
		}
	}
}

// Security Token Service says how long a session lasts, and the service may
// find that it is over.
func TestASessionThatExpiresMidwayIsRenewedAndTheRunGoesOn(t *testing.T) {
	w := small(t)
	arn := w.group(t, "/expires")
	w.s.Fault(sandbox.Fault{Service: "logs", Operation: "PutRetentionPolicy", Times: 1, Code: "ExpiredTokenException", Message: "The security token included in the request is expired"})
	r := w.ask(t, "CloudWatch.16", arn)
	if r.State != asr.StateVerified || w.days(t, "/expires") < 365 {
		t.Errorf("the run is %s: %+v", r.State, r.Error)
	}
	keys := map[string]bool{}
	for _, c := range w.s.Calls() {
		if c.Operation == "PutRetentionPolicy" && !c.Principal.Root {
			keys[c.Principal.AccessKeyID] = true
		}
	}
	if len(keys) != 2 {
		t.Errorf("%d sessions wrote, want 2: one that had expired and one that was renewed", len(keys))
	}
}

// A fix of several writes gets as far as it may. The lifecycle test does the same
// with each write of each remediation.
func TestWhatIsDeniedMidwayIsPartlyAppliedAndCanBePutBack(t *testing.T) {
	w := small(t)
	roles, role := iam.NewFromConfig(w.s.Config(member, region)), "asr-flow-logs"
	_, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{
		Path: aws.String("/asr/"), RoleName: &role,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"vpc-flow-logs.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := roles.DeleteRole(context.Background(), &iam.DeleteRoleInput{RoleName: &role}); err != nil {
			t.Error(err)
		}
	})
	vpc, err := ec2.NewFromConfig(w.s.Config(member, region)).CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	arn := "arn:aws:ec2:" + region + ":" + member + ":vpc/" + *vpc.Vpc.VpcId
	mended := w.s.Fault(sandbox.Fault{Service: "ec2", Operation: "CreateFlowLogs", Status: 403, Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation: ec2:CreateFlowLogs"})
	r := w.ask(t, "EC2.6", arn)
	if r.State != asr.StatePartly || r.Error.Code != asr.CodeDenied || !strings.Contains(r.Error.Message, "ec2:CreateFlowLogs") || !strings.Contains(r.Error.Do, "asr doctor") {
		t.Fatalf("the run is %s: %+v", r.State, r.Error)
	}
	if len(r.Made) != 1 {
		t.Fatalf("it says that it made %v, want a log group", r.Made)
	}
	_, name, _ := strings.Cut(r.Made[0], ":log-group:")
	if w.groups(t, name) != 1 {
		t.Errorf("it says that it made %v, and there are %d groups", r.Made, w.groups(t, name))
	}
	if _, err := w.engine.Revert(t.Context(), r.ID, ada, false); err != nil {
		t.Fatal(err)
	}
	w.serve(t)
	if r = w.run(t, r.ID); r.State != asr.StateReverted || len(r.Left) != 1 || !strings.HasPrefix(r.Left[0], "group: it holds what was logged") || w.groups(t, name) != 1 {
		t.Errorf("put back, the run is %s, has left %v, and there are %d groups: %+v", r.State, r.Left, w.groups(t, name), r.Error)
	}
	mended()
	if r = w.ask(t, "EC2.6", arn); r.State != asr.StateVerified || w.groups(t, name) != 1 {
		t.Errorf("mended, the run is %s: %+v", r.State, r.Error)
	}
}

// groups counts the log groups whose names begin so.
func (w *world) groups(t *testing.T, name string) int {
	t.Helper()
	out, err := cloudwatchlogs.NewFromConfig(w.s.Config(member, region)).DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.LogGroups)
}
