package logs

import (
	"testing"

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
