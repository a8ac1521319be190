package athena

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/aws/smithy-go"
	"pgregory.net/rapid"
)

func newWorkgroup(t *testing.T, acct *remedytest.Account, name string, published bool) {
	_, err := athena.NewFromConfig(acct.Config).CreateWorkGroup(t.Context(), &athena.CreateWorkGroupInput{
		Name: &name, Description: aws.String("of the team"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("data")}},
		Configuration: &types.WorkGroupConfiguration{
			PublishCloudWatchMetricsEnabled: &published, EnforceWorkGroupConfiguration: aws.Bool(true), RequesterPaysEnabled: aws.Bool(true), BytesScannedCutoffPerQuery: aws.Int64(50_000_000),
			ResultConfiguration: &types.ResultConfiguration{OutputLocation: aws.String("s3://results/here/"), EncryptionConfiguration: &types.EncryptionConfiguration{EncryptionOption: types.EncryptionOptionSseS3}},
		},
	})
	remedytest.Must(t, name, err)
}

func update(t *testing.T, acct *remedytest.Account, in athena.UpdateWorkGroupInput) func() {
	return func() {
		_, err := athena.NewFromConfig(acct.Config).UpdateWorkGroup(t.Context(), &in)
		remedytest.Must(t, 0, err)
	}
}

func see(acct *remedytest.Account, name string) remedytest.View {
	return acct.Boto("athena", "get_work_group", map[string]any{"WorkGroup": name}, "WorkGroup").Without("CreationTime").
		And(acct.Boto("athena", "list_tags_for_resource", map[string]any{"ResourceARN": acct.Expand(workgroup, name)}, "Tags"))
}

var published = []string{"published: false → true"}

func TestWorkgroupLogging(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newWorkgroup(t, acct, "data.team_1", false)
	newWorkgroup(t, acct, "asleep", false)
	update(t, acct, athena.UpdateWorkGroupInput{WorkGroup: aws.String("asleep"), State: types.WorkGroupStateDisabled})()
	seen := []string{"get_work_group.Configuration.PublishCloudWatchMetricsEnabled: false → true"}
	remedytest.Lifecycle(t, acct, WorkgroupLogging, remedytest.Case{
		Name: "a workgroup with settings of its own", Control: "Athena.4", Resource: acct.Expand(workgroup, "data.team_1"), Want: published,
		View: see(acct, "data.team_1"), Seen: seen,
	}, remedytest.Case{
		Name: "others change another setting", Control: "Athena.4", Resource: acct.Expand(workgroup, "data.team_1"), Want: published,
		Meanwhile: update(t, acct, athena.UpdateWorkGroupInput{WorkGroup: aws.String("data.team_1"), Description: aws.String("of another team")}),
	}, remedytest.Case{
		Name: "the account's first", Control: "Athena.4", Resource: acct.Expand(workgroup, "primary"), Want: published, View: see(acct, "primary"), Seen: seen,
	}, remedytest.Case{
		Name: "a disabled one", Control: "Athena.4", Resource: acct.Expand(workgroup, "asleep"), Want: published, View: see(acct, "asleep"), Seen: seen,
		Gone: func() {
			_, err := athena.NewFromConfig(acct.Config).DeleteWorkGroup(t.Context(), &athena.DeleteWorkGroupInput{WorkGroup: aws.String("asleep")})
			remedytest.Must(t, 0, err)
		},
	})
}

func TestAWorkgroupThatPublishesIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newWorkgroup(t, acct, "seen", true)
	r := remedytest.End(t, acct, WorkgroupLogging, remedytest.Case{Control: "Athena.4", Resource: acct.Expand(workgroup, "seen")})
	if r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestOnlyAWorkgroupThatIsNotFoundIsGone(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]bool{"WorkGroup x is not found.": true, "Invalid settings": false} {
		if got := gone(&smithy.GenericAPIError{Code: "InvalidRequestException", Message: message}) == asr.ErrGone; got != want {
			t.Errorf("%s: gone is %v, want %v", message, got, want)
		}
	}
}

func TestNothingButPublishingIsTouched(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Make[metrics]().Draw(t, "state")
		remedytest.Stable(t, WorkgroupLogging, remedy.On[none]{}, now, "published")
		if got, err := WorkgroupLogging.Want(remedy.On[none]{}, now); err != nil || !got.Published {
			t.Fatalf("%+v becomes %+v, %v", now, got, err)
		}
	})
}
