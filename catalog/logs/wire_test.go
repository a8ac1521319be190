package logs

import (
	"testing"

	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

func TestRetentionUnderAnIAMThatIsEnforced(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewEnforcedAccount(t)
	api := cloudwatchlogs.NewFromConfig(acct.Config)
	_, err := api.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("app")})
	remedytest.Must(t, 0, err)
	_, err = api.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("app"), RetentionInDays: aws.Int32(7)})
	remedytest.Must(t, 0, err)
	remedytest.Lifecycle(t, acct, Retention, remedytest.Case{
		Name: "too short", Control: "CloudWatch.16", Resource: acct.Expand(group, "app"), Want: []string{"days: 7 → 365"},
		View: acct.Boto("logs", "describe_log_groups", map[string]any{"logGroupNamePrefix": "app"}, "logGroups.0"),
		Seen: []string{"retentionInDays: 7 → 365"},
		Gone: func() {
			_, err := api.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("app")})
			remedytest.Must(t, 0, err)
		},
	})
}
