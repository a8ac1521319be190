package ssm

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"pgregory.net/rapid"
)

// setSharing sets the setting; "" is AWS's default.
func setSharing(t *testing.T, acct *remedytest.Account, value string) func() {
	return func() {
		api := ssm.NewFromConfig(acct.Config)
		_, err := api.ResetServiceSetting(t.Context(), &ssm.ResetServiceSettingInput{SettingId: aws.String(publicSharing)})
		remedytest.Must(t, value, err)
		if value != "" {
			_, err := api.UpdateServiceSetting(t.Context(), &ssm.UpdateServiceSettingInput{SettingId: aws.String(publicSharing), SettingValue: &value})
			remedytest.Must(t, value, err)
		}
	}
}

func TestBlockPublicSharing(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	view := acct.Boto("ssm", "get_service_setting", map[string]any{"SettingId": publicSharing}, "ServiceSetting").Without("LastModifiedDate").
		And(acct.Boto("ssm", "get_service_setting", map[string]any{"SettingId": "/ssm/parameter-store/high-throughput-enabled"}, "ServiceSetting"))
	remedytest.Lifecycle(t, acct, BlockPublicSharing, remedytest.Case{
		Name: "AWS's default", Control: "SSM.7", Resource: "AWS::::Account:" + acct.ID, Want: []string{`publicSharing: "" → "Disable"`},
		Seed: setSharing(t, acct, ""), View: view,
		Seen: []string{
			`get_service_setting.SettingValue: "Enable" → "Disable"`, `get_service_setting.Status: "Default" → "Customized"`, `get_service_setting.LastModifiedUser: "System" → `,
		},
		Foreign: setSharing(t, acct, "Enable"),
	}, remedytest.Case{
		Name: "allowed by somebody", Control: "SSM.7", Want: []string{`publicSharing: "Enable" → "Disable"`},
		Seed: setSharing(t, acct, "Enable"), View: view, Seen: []string{`get_service_setting.SettingValue: "Enable" → "Disable"`},
	})
}

// A finding of an account and Region names the account as AWS::::Account:…
func TestAFindingOfAnAccountIsOfItsRegionsSetting(t *testing.T) {
	got, err := BlockPublicSharing.Spec.Locate("111111111111", "us-east-1", asr.Resource{ID: "AWS::::Account:111111111111", Region: "ap-southeast-2"})
	if want := "arn:aws:ssm:ap-southeast-2:111111111111:servicesetting/ssm/documents/console/public-sharing-permission"; err != nil || got.Expand(publicSetting) != want {
		t.Errorf("got %+v, %v, want %s", got, err, want)
	}
}

func TestSharingThatIsBlockedIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	setSharing(t, acct, blocked)()
	if r := remedytest.End(t, acct, BlockPublicSharing, remedytest.Case{Control: "SSM.7"}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestSharingEndsUpBlocked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := permission{rapid.SampledFrom([]string{"", "Enable", blocked}).Draw(t, "now")}
		remedytest.Stable(t, BlockPublicSharing, remedy.On[none]{}, now, "publicSharing")
		if got, err := BlockPublicSharing.Want(remedy.On[none]{}, now); err != nil || got.PublicSharing != blocked {
			t.Fatalf("%+v becomes %+v: %v", now, got, err)
		}
	})
}
