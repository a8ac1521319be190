package logs

import (
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"pgregory.net/rapid"
)

func TestRetention(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := cloudwatchlogs.NewFromConfig(acct.Config)
	name := "/app/web.prod"
	put := func(days int32) {
		_, err := api.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &name, RetentionInDays: &days})
		remedytest.Must(t, days, err)
	}
	_, err := api.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name, Tags: map[string]string{"team": "a"}})
	remedytest.Must(t, name, err)
	seed := func() { put(7) }
	view := acct.Boto("logs", "describe_log_groups", map[string]any{"logGroupNamePrefix": name}, "logGroups.0").
		And(acct.Boto("logs", "list_tags_for_resource", map[string]any{"resourceArn": acct.Expand("arn:{partition}:logs:{region}:{account}:log-group:{name}", name)}, "tags"))
	remedytest.Lifecycle(t, acct, Retention, remedytest.Case{
		Name: "too short", Control: "CloudWatch.16", Resource: acct.Expand(group, name), Want: []string{"days: 7 → 365"},
		Seed: seed, View: view, Seen: []string{"describe_log_groups.retentionInDays: 7 → 365"},
		Foreign: func() { put(90) },
	}, remedytest.Case{
		Name: "without :*, and a period that the API doesn't take", Control: "CloudWatch.16", Params: `{"days": 366}`,
		Resource: acct.Expand("arn:{partition}:logs:{region}:{account}:log-group:{name}", name), Want: []string{"days: 7 → 400"},
		Seed: seed, View: view, Seen: []string{"describe_log_groups.retentionInDays: 7 → 400"},
		Gone: func() {
			_, err := api.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &name})
			remedytest.Must(t, name, err)
		},
	})
}

func TestRetentionIsNeverMadeShorter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		on := remedy.On[retention]{Params: retention{rapid.Int32Range(1, 4000).Draw(t, "required")}}
		now := retention{rapid.SampledFrom(append([]int32{0}, periods...)).Draw(t, "now")}
		remedytest.Stable(t, Retention, on, now, "days")
		to, err := Retention.Want(on, now)
		if err == nil && (now.Days == 0) != (to.Days == 0) || to.Days < now.Days {
			t.Fatalf("%v becomes %v", now, to)
		}
	})
}

// newGroup makes a log group that keeps events for so many days; 0: for ever.
func newGroup(t *testing.T, acct *remedytest.Account, name string, days int32) {
	api := cloudwatchlogs.NewFromConfig(acct.Config)
	_, err := api.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name})
	remedytest.Must(t, name, err)
	if days > 0 {
		_, err = api.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &name, RetentionInDays: &days})
		remedytest.Must(t, name, err)
	}
}

func end(t *testing.T, acct *remedytest.Account, arn string) asr.Run {
	t.Helper()
	return remedytest.End(t, acct, Retention, remedytest.Case{Control: "CloudWatch.16", Resource: arn})
}

func TestGroupsAreFoundWithDotsInTheirNamesAndWithoutTheStarInTheirARNs(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for _, name := range []string{"web.prod", "/aws/lambda/a_b-c#1", "API-Gateway-Execution-Logs_abc/live"} {
		newGroup(t, acct, name, 7)
		if r := end(t, acct, strings.TrimSuffix(acct.Expand(group, name), ":*")); r.State != asr.StateVerified {
			t.Errorf("%s: the run ended %s: %+v", name, r.State, r.Error)
		}
	}
}

// A group of the same beginning is another group.
func TestAGroupThatIsKeptLongerOrForEverIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newGroup(t, acct, "app-old", 7)
	for name, days := range map[string]int32{"app": 0, "longer": 3653, "enough": 365} {
		newGroup(t, acct, name, days)
		if r := end(t, acct, acct.Expand(group, name)); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v", name, r.State, r.Error)
		}
	}
}

func TestAPeriodThatTheAPIDoesNotTakeBecomesTheNextLonger(t *testing.T) {
	t.Parallel()
	for required, want := range map[int32]int32{1: 1, 2: 3, 91: 120, 365: 365, 366: 400, 3653: 3653, 3654: 0} {
		got, err := Retention.Want(remedy.On[retention]{Params: retention{required}}, retention{Days: 1})
		if (err == nil) != (want != 0) || err == nil && got.Days != want || err != nil && asr.Classify(err) != asr.CodeRefused {
			t.Errorf("%d days: got %v, %v, want %d", required, got, err, want)
		}
	}
}
