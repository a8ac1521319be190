package cloudtrail

import (
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"pgregory.net/rapid"
)

// newLogsRole makes a role that CloudTrail may assume, and returns its ARN.
func newLogsRole(t *testing.T, acct *remedytest.Account, path, name string) string {
	t.Helper()
	out, err := iam.NewFromConfig(acct.Config).CreateRole(t.Context(), &iam.CreateRoleInput{
		Path: &path, RoleName: &name, AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"sts:AssumeRole"}}`),
	})
	return *remedytest.Must(t, out, err).Role.Arn
}

// newGroup makes a log group, and returns its ARN as trails have it.
func newGroup(t *testing.T, acct *remedytest.Account, name string) string {
	t.Helper()
	_, err := cloudwatchlogs.NewFromConfig(acct.Config).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name})
	remedytest.Must(t, name, err)
	return acct.Expand("arn:{partition}:logs:{region}:{account}:log-group:{name}:*", name)
}

func sent(t *testing.T, acct *remedytest.Account, trail, params string) asr.Run {
	t.Helper()
	return remedytest.End(t, acct, CloudWatchLogs, remedytest.Case{Control: "CloudTrail.5", Resource: trail, Params: params})
}

func TestCloudWatchLogs(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	here, far := newTrail(t, acct, acct.Region, "audit.log-1", true), newTrail(t, acct, "us-west-2", "far", true)
	role, other := newLogsRole(t, acct, "/asr/", "asr-cloudtrail-logs"), newLogsRole(t, acct, "/", "theirs")
	theirs := newGroup(t, acct, "theirs")
	start(t, acct, here)
	bucket, policy := "theirs-"+acct.ID, `{"Version":"2012-10-17","Statement":[{"Sid":"AWSCloudTrailWrite20150319","Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::theirs-`+acct.ID+`/x/AWSLogs/o-abc/*"}]}`
	_, err := s3.NewFromConfig(acct.Config).PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &policy})
	remedytest.Must(t, bucket, err)
	set := func(group, role string) {
		_, err := in(acct, acct.Region).UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: &here, CloudWatchLogsLogGroupArn: &group, CloudWatchLogsRoleArn: &role})
		remedytest.Must(t, group, err)
	}
	drop := func(region, name string) func() {
		return func() {
			_, err := cloudwatchlogs.NewFromConfig(acct.Sandbox.Config(acct.ID, region)).DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &name})
			remedytest.Must(t, name, remedy.Unless(err, "ResourceNotFoundException"))
		}
	}
	view := func(arn string) remedytest.View {
		at := &remedytest.Account{ID: acct.ID, Region: strings.Split(arn, ":")[3], Sandbox: acct.Sandbox}
		return at.Boto("cloudtrail", "get_trail", map[string]any{"Name": arn}, "Trail").And(at.Boto("cloudtrail", "get_trail_status", map[string]any{"Name": arn}, "IsLogging")).
			And(at.Boto("logs", "describe_log_groups", nil, "logGroups")).And(at.Boto("s3", "get_bucket_policy", map[string]any{"Bucket": bucket}, "Policy"))
	}
	group := func(arn string) string {
		return strings.Replace(strings.Replace(arn, ":cloudtrail:", ":logs:", 1), "trail/", "log-group:/asr/cloudtrail/", 1)
	}
	seen := func(arn string) []string {
		return []string{`get_trail.CloudWatchLogsLogGroupArn: none → "` + group(arn) + `:*"`, `get_trail.CloudWatchLogsRoleArn: none → "` + role + `"`, `describe_log_groups[]: none → {"arn":"` + group(arn) + `:*",`}
	}
	want := func(arn string) []string {
		return []string{`as: "" → "` + role + `"`, `group: "" → "` + group(arn) + `"`, `to: "" → "` + group(arn) + `:*"`}
	}
	const left = "group: it holds what was recorded"
	remedytest.Lifecycle(t, acct, CloudWatchLogs, remedytest.Case{
		Name: "no log group is there", Control: "CloudTrail.5", Resource: here, Seed: drop(acct.Region, "/asr/cloudtrail/audit.log-1"),
		View: view(here), Seen: seen(here), Want: want(here), Made: []string{group(here)}, Left: []string{left},
		Meanwhile: func() {
			_, err := in(acct, acct.Region).UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: &here, EnableLogFileValidation: aws.Bool(true)})
			remedytest.Must(t, 0, err)
		},
	}, remedytest.Case{
		Name: "a log group that is there", Control: "CloudTrail.5", Resource: here, Params: `{"group":"theirs"}`, View: view(here), Seen: []string{"get_trail.CloudWatchLogsLogGroupArn: none → ", "get_trail.CloudWatchLogsRoleArn: none → "},
		Want: []string{`as: "" → "` + role + `"`, `to: "" → "` + theirs + `"`}, Seed: func() { set("", "") },
		Foreign: func() { set(newGroup(t, acct, "another"), other) },
	}, remedytest.Case{
		Name: "a shadow of a trail that lives in another Region", Control: "CloudTrail.5", Resource: acct.Expand(trail, "far"), Seed: drop("us-west-2", "/asr/cloudtrail/far"),
		View: view(far), Seen: seen(far), Want: want(far), Made: []string{group(far)}, Left: []string{left},
		Gone: func() {
			_, err := in(acct, "us-west-2").DeleteTrail(t.Context(), &cloudtrail.DeleteTrailInput{Name: aws.String("far")})
			remedytest.Must(t, 0, err)
		},
	})
}

func TestTheLogGroupAndTheRoleOfATrailStay(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn, role := newTrail(t, acct, acct.Region, "audit", true), newLogsRole(t, acct, "/", "theirs")
	newLogsRole(t, acct, "/asr/", "asr-cloudtrail-logs")
	_, err := in(acct, acct.Region).UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: &arn, CloudWatchLogsLogGroupArn: aws.String(newGroup(t, acct, "theirs")), CloudWatchLogsRoleArn: &role})
	if r := sent(t, acct, arn, ""); remedytest.Must(t, r, err).State != asr.StateNothingToDo || *trailOf(t, acct, arn).CloudWatchLogsRoleArn != role {
		t.Errorf("the run ended %s %+v", r.State, r.Error)
	}
}

func TestWithoutTheRoleThatDeliversNothingIsDone(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newTrail(t, acct, acct.Region, "audit", true)
	for _, path := range []string{"", "/theirs/"} {
		if path != "" {
			newLogsRole(t, acct, path, "asr-cloudtrail-logs")
		}
		if r := sent(t, acct, arn, ""); r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, "role/asr/asr-cloudtrail-logs") || !strings.Contains(r.Error.Do, "deploy asr-member") {
			t.Errorf("%q: the run ended %s %+v", path, r.State, r.Error)
		}
	}
}

// Whatever step AWS refuses, the run says so.
func TestATrailThatWasNotChangedIsNoSuccess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ service, operation, code string }{
		{"cloudtrail", "UpdateTrail", "InvalidCloudWatchLogsRoleArnException"}, {"cloudtrail", "UpdateTrail", "InsufficientS3BucketPolicyException"}, {"cloudtrail", "UpdateTrail", "InvalidCloudWatchLogsLogGroupArnException"},
		{"logs", "CreateLogGroup", "LimitExceededException"}, {"logs", "DescribeLogGroups", "InvalidParameterException"}, {"iam", "GetRole", "InvalidInput"},
	} {
		acct := remedytest.NewAccount(t)
		arn := newTrail(t, acct, acct.Region, "audit", true)
		newLogsRole(t, acct, "/asr/", "asr-cloudtrail-logs")
		t.Cleanup(acct.Sandbox.Fault(sandbox.Fault{Service: tt.service, Operation: tt.operation, Account: acct.ID, Code: tt.code}))
		if r := sent(t, acct, arn, ""); r.State == asr.StateVerified || r.State == asr.StateNothingToDo || r.Error == nil || trailOf(t, acct, arn).CloudWatchLogsLogGroupArn != nil {
			t.Errorf("%s: the run ended %s %+v", tt.code, r.State, r.Error)
		}
	}
}

func TestALogGroupThatIsNotKnownYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newTrail(t, acct, acct.Region, "audit", true)
	newLogsRole(t, acct, "/asr/", "asr-cloudtrail-logs")
	t.Cleanup(acct.Sandbox.Fault(sandbox.Fault{Service: "cloudtrail", Operation: "UpdateTrail", Account: acct.ID, Code: "InvalidCloudWatchLogsLogGroupArnException", Times: 2}))
	if r := sent(t, acct, arn, ""); r.State != asr.StateVerified {
		t.Errorf("the run ended %s %+v", r.State, r.Error)
	}
}

// Others may deliver to the bucket of a trail, which may be another account's:
// its policy is neither read nor written.
func TestTheBucketOfATrailIsNotTouched(t *testing.T) {
	for _, g := range CloudWatchLogs.Spec.WriteGrants() {
		for _, a := range g.Actions {
			if strings.HasPrefix(a, "s3:") {
				t.Errorf("%s is granted", a)
			}
		}
	}
}

func TestTheLogGroupsNameIsOneThatAWSTakes(t *testing.T) {
	for group, ok := range map[string]bool{"/asr/cloudtrail/{name}": true, "CloudTrail/x": true, "": false, "aws/x": false, "a:*": false, "arn:aws:logs:eu-west-1:111111111111:log-group:x": false, strings.Repeat("x", 513): false} {
		on := remedy.On[forwarding]{Target: asr.Target{Name: strings.Repeat("n", 128)}, Params: forwarding{group}}
		if err := CloudWatchLogs.Validate(on); (err == nil) != ok {
			t.Errorf("%q: got %v, want ok=%t", group, err, ok)
		}
	}
}

func TestWhereATrailSendsItsEventsIsNeverChanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string { return rapid.SampledFrom([]string{"", "arn:" + name}).Draw(t, name) }
		on := remedy.On[forwarding]{Target: asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1", Name: "a"}, Params: forwarding{"/g"}}
		now := forwarded{text("role"), text("group"), text("to"), text("as")}
		remedytest.Stable(t, CloudWatchLogs, on, now, "group", "to", "as")
		to, err := CloudWatchLogs.Want(on, now)
		if now.To != "" && to != now || err == nil && (to.To == "" || now.To == "" && !strings.HasSuffix(to.To, ":*")) {
			t.Fatalf("%+v becomes %+v, %v", now, to, err)
		}
	})
}
