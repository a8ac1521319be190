package ec2

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func newFlowRole(t *testing.T, acct *remedytest.Account, path string) {
	t.Helper()
	out, err := iam.NewFromConfig(acct.Config).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("asr-flow-logs"), Path: &path,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"vpc-flow-logs.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	remedytest.Must(t, out, err)
}

// newFlowLog logs a VPC's traffic to a group as somebody else would.
func newFlowLog(t *testing.T, acct *remedytest.Account, vpc, group string, kind types.TrafficType) {
	t.Helper()
	out, err := ec2.NewFromConfig(acct.Config).CreateFlowLogs(t.Context(), &ec2.CreateFlowLogsInput{
		ResourceType: types.FlowLogsResourceTypeVpc, ResourceIds: []string{vpc}, TrafficType: kind, LogGroupName: &group, DeliverLogsPermissionArn: aws.String("arn:aws:iam::" + acct.ID + ":role/theirs"),
	})
	remedytest.Must(t, out, err)
}

func onVPC(acct *remedytest.Account, vpc string) remedy.On[traffic] {
	return remedy.On[traffic]{
		Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: vpc},
		Params: traffic{types.TrafficTypeReject}, Call: asr.Call{Run: "run-1", Token: "token"},
	}
}

func TestVPCFlowLogs(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api, logs := ec2.NewFromConfig(acct.Config), cloudwatchlogs.NewFromConfig(acct.Config)
	newFlowRole(t, acct, "/asr/")
	first, _ := newVPC(t, acct)
	second, _ := newVPC(t, acct)
	newFlowLog(t, acct, second, "theirs", types.TrafficTypeReject)
	view := acct.Boto("ec2", "describe_vpcs", map[string]any{"VpcIds": []string{first}}, "Vpcs.0").
		And(acct.Boto("ec2", "describe_flow_logs", nil, "FlowLogs").Without("FlowLogId", "CreationTime")).
		And(acct.Boto("logs", "describe_log_groups", nil, "logGroups").Without("creationTime"))
	made := func(kind string) string {
		return `describe_flow_logs[]: none → {"DeliverLogsPermissionArn":"arn:aws:iam::` + acct.ID + `:role/asr/asr-flow-logs","DeliverLogsStatus":"SUCCESS","FlowLogStatus":"ACTIVE","LogDestinationType":"cloud-watch-logs",` +
			`"LogFormat":"${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}",` +
			`"LogGroupName":"/asr/vpc-flow-logs/` + first + `","MaxAggregationInterval":600,"ResourceId":"` + first + `","Tags":[{"Key":"` + asr.OwnerTag + `"`
	}
	groupOf := func(vpc string) string { return acct.Expand(flowGroupID, vpc) }
	remedytest.Lifecycle(t, acct, VPCFlowLogs, remedytest.Case{
		Name: "nothing is logged", Control: "EC2.6", Resource: acct.Expand(vpc, first),
		View: view, Seen: []string{made("REJECT"), `describe_log_groups[]: none → {"arn":"` + groupOf(first) + `:*"`},
		Seed: func() { // undo leaves it
			_, err := logs.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("/asr/vpc-flow-logs/" + first)})
			remedytest.Must(t, first, remedy.Unless(err, "ResourceNotFoundException"))
		},
		Want: []string{
			`flowLogs[REJECT to /asr/vpc-flow-logs/` + first + `]: none → "ACTIVE"`,
			`group: "" → "` + groupOf(first) + `"`,
		},
		Made: []string{groupOf(first)}, Left: []string{"group: it holds what was logged"},
	}, remedytest.Case{
		Name: "the log group is there", Control: "EC2.6", Resource: acct.Expand(vpc, first), View: view, Seen: []string{made("REJECT")},
		Seed: func() {
			_, err := logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/asr/vpc-flow-logs/" + first)})
			remedytest.Must(t, first, remedy.Unless(err, "ResourceAlreadyExistsException"))
		},
		Want: []string{`flowLogs[REJECT to /asr/vpc-flow-logs/` + first + `]: none → "ACTIVE"`},
	}, remedytest.Case{
		Name: "ALL is asked for, and somebody logs less meanwhile", Control: "EC2.6", Params: `{"traffic":"ALL"}`, Resource: acct.Expand(vpc, first),
		Want: []string{`flowLogs[ALL to /asr/vpc-flow-logs/` + first + `]: none → "ACTIVE"`},
		View: view, Seen: []string{made("ALL")},
		Meanwhile: func() { newFlowLog(t, acct, first, "theirs", types.TrafficTypeAccept) },
		Gone: func() {
			_, err := api.DeleteVpc(t.Context(), &ec2.DeleteVpcInput{VpcId: &first})
			remedytest.Must(t, first, err)
		},
	})
	if r := ended(t, acct, VPCFlowLogs, "EC2.6", acct.Expand(vpc, second)); r.State != asr.StateNothingToDo {
		t.Errorf("a VPC whose rejected traffic is logged elsewhere: the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAFlowLogOfAnotherVPCInTheSameGroupIsNoObstacle(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newFlowRole(t, acct, "/asr/")
	id, _ := newVPC(t, acct)
	other, _ := newVPC(t, acct)
	newFlowLog(t, acct, other, "/asr/vpc-flow-logs/"+id, types.TrafficTypeAll)
	if r := ended(t, acct, VPCFlowLogs, "EC2.6", acct.Expand(vpc, id)); r.State != asr.StateVerified {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestWhatAFlowLogIsMadeWith(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newFlowRole(t, acct, "/asr/")
	id, _ := newVPC(t, acct)
	r := ended(t, acct, VPCFlowLogs, "EC2.6", acct.Expand(vpc, id))
	out, err := ec2.NewFromConfig(acct.Config).DescribeFlowLogs(t.Context(), &ec2.DescribeFlowLogsInput{})
	l := remedytest.Must(t, out, err).FlowLogs[0]
	group, err := cloudwatchlogs.NewFromConfig(acct.Config).ListTagsForResource(t.Context(), &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: aws.String(acct.Expand(flowGroupID, id))})
	got := []any{*l.ResourceId, *l.DeliverLogsPermissionArn, *l.DeliverLogsStatus, *l.Tags[0].Key, *l.Tags[0].Value, remedytest.Must(t, group, err).Tags}
	want := []any{id, "arn:aws:iam::" + acct.ID + ":role/asr/asr-flow-logs", "SUCCESS", asr.OwnerTag, r.ID, map[string]string{asr.OwnerTag: r.ID}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWithoutTheServiceRoleItSaysWhatToDeploy(t *testing.T) {
	t.Parallel()
	for path, advice := range map[string]string{"": "no role", "/theirs/": "the role in another path"} {
		acct := remedytest.NewAccount(t)
		id, _ := newVPC(t, acct)
		if path != "" {
			newFlowRole(t, acct, path)
		}
		r := ended(t, acct, VPCFlowLogs, "EC2.6", acct.Expand(vpc, id))
		if want := "deploy asr-member, which has it, in account " + acct.ID + ", then plan again"; r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || r.Error.Do != want {
			t.Errorf("%s: the run ended %s: %+v", advice, r.State, r.Error)
		}
	}
}

func TestAFlowLogThatAWSListsAsUnsuccessfulIsAnError(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newFlowRole(t, acct, "/asr/")
	id, _ := newVPC(t, acct)
	code := "LogDestinationPermissionIssueException"
	cfg := tap(acct.Config, func(_, out any) error {
		if out, ok := out.(*ec2.CreateFlowLogsOutput); ok {
			out.Unsuccessful = []types.UnsuccessfulItem{{ResourceId: &id, Error: &types.UnsuccessfulItemError{Code: &code, Message: aws.String("no")}}}
		}
		return nil
	})
	now := flows{Group: acct.Expand(flowGroupID, id)}
	to := flows{Group: now.Group, FlowLogs: map[string]string{ourFlow(onVPC(acct, id)): active}}
	if err := VPCFlowLogs.Write(t.Context(), cfg, onVPC(acct, id), now, to); !remedy.Is(err, code) {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestUndoDeletesNoFlowLogOfSomebodyElse(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, _ := newVPC(t, acct)
	on := onVPC(acct, id)
	newFlowLog(t, acct, id, on.Expand(flowGroup), types.TrafficTypeReject)
	now := flows{Group: acct.Expand(flowGroupID, id), FlowLogs: map[string]string{ourFlow(on): active}}
	if err := VPCFlowLogs.Write(t.Context(), acct.Config, on, now, flows{Group: now.Group}); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("got %v, want a refusal", err)
	}
	if err := VPCFlowLogs.Write(t.Context(), acct.Config, on, flows{Group: now.Group}, now); err != nil {
		t.Errorf("to make what is there already fails: %v", err)
	}
}

func TestWhichFlowLogsAreEnough(t *testing.T) {
	for _, c := range []struct {
		asked, logged types.TrafficType
		enough        bool
	}{
		{"REJECT", "REJECT", true},
		{"REJECT", "ALL", true},
		{"REJECT", "ACCEPT", false},
		{"ALL", "ALL", true},
		{"ALL", "REJECT", false},
	} {
		on := remedy.On[traffic]{Params: traffic{c.asked}}
		now := flows{Role: "r", FlowLogs: map[string]string{string(c.logged) + " to arn:aws:s3:::bucket": active}}
		to, err := VPCFlowLogs.Want(on, now)
		if enough := cmp.Equal(now, to); err != nil || enough != c.enough {
			t.Errorf("%s asked for, %s logged: %v %v, want %v", c.asked, c.logged, enough, err, c.enough)
		}
	}
}

func TestTrafficIsRejectOrAll(t *testing.T) {
	for kind, ok := range map[types.TrafficType]bool{"REJECT": true, "ALL": true, "ACCEPT": false, "": false, "all": false} {
		if err := VPCFlowLogs.Validate(remedy.On[traffic]{Params: traffic{kind}}); (err == nil) != ok {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

func TestFlowLogsAreOnlyEverAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]types.TrafficType{"REJECT", "ALL"})
		on := remedy.On[traffic]{Target: asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1", Name: "vpc-1"}, Params: traffic{kind.Draw(t, "asked")}}
		logs := rapid.MapOf(rapid.SampledFrom([]string{ourFlow(on), "ACCEPT to g", "REJECT to arn:aws:s3:::b", "ALL to g"}), rapid.SampledFrom([]string{active, ""}))
		now := flows{
			Role:     rapid.SampledFrom([]string{"", on.Expand(flowRole)}).Draw(t, "role"),
			Group:    rapid.SampledFrom([]string{"", on.Expand(flowGroupID)}).Draw(t, "group"),
			FlowLogs: logs.Draw(t, "logs"),
		}
		remedytest.Stable(t, VPCFlowLogs, on, now, "group", "flowLogs")
		to, err := VPCFlowLogs.Want(on, now)
		for what, status := range now.FlowLogs {
			if err == nil && what != ourFlow(on) && to.FlowLogs[what] != status {
				t.Fatalf("%s was %q and becomes %q", what, status, to.FlowLogs[what])
			}
		}
	})
}
