package kms

import (
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"pgregory.net/rapid"
)

func newKey(t *testing.T, acct *remedytest.Account, in kms.CreateKeyInput) string {
	out, err := kms.NewFromConfig(acct.Config).CreateKey(t.Context(), &in)
	return *remedytest.Must(t, out, err).KeyMetadata.Arn
}

// id is the end of a key's ARN; the emulator doesn't take the ARN everywhere.
func id(arn string) *string { return aws.String(arn[strings.LastIndex(arn, "/")+1:]) }

func enable(t *testing.T, acct *remedytest.Account, arn string, days int32) {
	_, err := kms.NewFromConfig(acct.Config).EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: &arn, RotationPeriodInDays: &days})
	remedytest.Must(t, arn, err)
}

func TestRotation(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := kms.NewFromConfig(acct.Config)
	theirs := kms.CreateKeyInput{Description: aws.String("of a team"), Tags: []types.Tag{{TagKey: aws.String("team"), TagValue: aws.String("a")}}}
	plain, slow := newKey(t, acct, theirs), newKey(t, acct, theirs)
	theirs.MultiRegion = aws.Bool(true)
	multi := newKey(t, acct, theirs)
	enable(t, acct, slow, 1000)
	view := func(arn string) remedytest.View {
		of := map[string]any{"KeyId": arn}
		return acct.Boto("kms", "get_key_rotation_status", of, "").And(acct.Boto("kms", "describe_key", of, "KeyMetadata")).
			And(acct.Boto("kms", "get_key_policy", map[string]any{"KeyId": *id(arn)}, "Policy")).And(acct.Boto("kms", "list_resource_tags", map[string]any{"KeyId": *id(arn)}, "Tags"))
	}
	remedytest.Lifecycle(t, acct, Rotation, remedytest.Case{
		Name: "off", Control: "KMS.4", Resource: plain, Want: []string{"on: false → true", "period: none → 365"}, View: view(plain),
		Seen:    []string{"get_key_rotation_status.KeyRotationEnabled: false → true", "get_key_rotation_status.RotationPeriodInDays: none → 365"},
		Foreign: func() { enable(t, acct, plain, 200) },
	}, remedytest.Case{
		Name: "too slow", Control: "KMS.4", Resource: slow, Params: `{"periodDays":180}`, Want: []string{"period: 1000 → 180"}, View: view(slow), Seen: []string{"get_key_rotation_status.RotationPeriodInDays: 1000 → 180"},
		Meanwhile: func() {
			_, err := api.UpdateKeyDescription(t.Context(), &kms.UpdateKeyDescriptionInput{KeyId: &slow, Description: aws.String("theirs")})
			remedytest.Must(t, 0, err)
		},
	}, remedytest.Case{
		Name: "primary of several Regions", Control: "KMS.4", Resource: multi, Params: `{"periodDays":90}`, Want: []string{"on: false → true", "period: none → 90"}, View: view(multi),
		Seen: []string{"get_key_rotation_status.KeyRotationEnabled: false → true", "get_key_rotation_status.RotationPeriodInDays: none → 90"},
		Gone: func() { // a key can't be deleted at once, only after days
			t.Cleanup(acct.Sandbox.Fault(sandbox.Fault{Service: "kms", Operation: "DescribeKey", Account: acct.ID, Code: "NotFoundException"}))
		},
	})
}

// end plans a remediation and says how that ended.
func end(t *testing.T, acct *remedytest.Account, arn string) asr.Run {
	return remedytest.End(t, acct, Rotation, remedytest.Case{Control: "KMS.4", Resource: arn})
}

func TestKeysThatKMSDoesNotRotateAreRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := kms.NewFromConfig(acct.Config)
	deleted, disabled := newKey(t, acct, kms.CreateKeyInput{}), newKey(t, acct, kms.CreateKeyInput{})
	_, err := api.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: id(deleted)})
	remedytest.Must(t, 0, err)
	_, err = api.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: id(disabled)})
	remedytest.Must(t, 0, err)
	for _, tt := range []struct{ name, arn, why string }{
		{"RSA", newKey(t, acct, kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeSignVerify}), "RSA_2048"},
		{"HMAC", newKey(t, acct, kms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac}), "HMAC_256"},
		{"imported", newKey(t, acct, kms.CreateKeyInput{Origin: types.OriginTypeExternal}), "imported"},
		{"pending deletion", deleted, "deleted"},
		{"disabled", disabled, "Disabled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r := end(t, acct, tt.arn); r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, tt.why) || r.Error.Do == "" {
				t.Errorf("the run ended %s: %+v", r.State, r.Error)
			}
		})
	}
}

func TestAKeyThatIsNotThereIsGone(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	if r := end(t, acct, acct.Expand(key, "00000000-0000-4000-8000-000000000000")); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestCannot(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(*types.KeyMetadata)
		want string
	}{
		"plain":             {func(*types.KeyMetadata) {}, ""},
		"AWS's own":         {func(k *types.KeyMetadata) { k.KeyManager = types.KeyManagerTypeAws }, "AWS manages this key and rotates it every year"},
		"CloudHSM":          {func(k *types.KeyMetadata) { k.Origin = types.OriginTypeAwsCloudhsm }, "the key's material lives in a custom key store, where KMS can't rotate it"},
		"external store":    {func(k *types.KeyMetadata) { k.Origin = types.OriginTypeExternalKeyStore }, "the key's material lives in a custom key store, where KMS can't rotate it"},
		"replica to delete": {func(k *types.KeyMetadata) { k.KeyState = types.KeyStatePendingReplicaDeletion }, "the key waits to be deleted"},
		"replica": {func(k *types.KeyMetadata) {
			k.MultiRegionConfiguration = &types.MultiRegionConfiguration{MultiRegionKeyType: types.MultiRegionKeyTypeReplica, PrimaryKey: &types.MultiRegionKey{Arn: aws.String("arn")}}
		}, "the key is a replica, which rotates with its primary key"},
	} {
		t.Run(name, func(t *testing.T) {
			k := types.KeyMetadata{KeyManager: types.KeyManagerTypeCustomer, KeyState: types.KeyStateEnabled, KeySpec: types.KeySpecSymmetricDefault, Origin: types.OriginTypeAwsKms}
			tt.edit(&k)
			if why, do := cannot(&k); why != tt.want || (why == "") != (do == "") {
				t.Errorf("got %q, %q, want %q", why, do, tt.want)
			}
		})
	}
}

func TestAPeriodThatKMSWouldRefuseIsRefusedFirst(t *testing.T) {
	for days, ok := range map[int32]bool{0: true, 90: true, 2560: true, 89: false, 2561: false, -1: false} {
		if err := Rotation.Validate(remedy.On[period]{Params: period{days}}); (err == nil) != ok {
			t.Errorf("%d days: %v", days, err)
		}
	}
}

func TestRotationIsNeverMadeRarer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.Int32Range(shortest, longest)
		now, on := rotation{}, remedy.On[period]{}
		if now.On = rapid.Bool().Draw(t, "on"); now.On {
			now.Period = days.Draw(t, "period")
		}
		if rapid.Bool().Draw(t, "asked") {
			on.Params.PeriodDays = days.Draw(t, "asked for")
		}
		remedytest.Stable(t, Rotation, on, now, "on", "period")
		got, err := Rotation.Want(on, now)
		if err != nil || !got.On || now.On && got.Period > now.Period || on.Params.PeriodDays > 0 && got.Period > on.Params.PeriodDays {
			t.Fatalf("%+v becomes %+v for %+v: %v", now, got, on.Params, err)
		}
	})
}

// IAM alone doesn't decide: a key's own policy must admit the role too.
func TestAKeyWhosePolicyDoesNotAdmitTheRoleIsADenial(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newKey(t, acct, kms.CreateKeyInput{})
	defer acct.Sandbox.Fault(sandbox.Fault{Service: "kms", Operation: "EnableKeyRotation", Account: acct.ID, Code: "AccessDeniedException"})()
	if r := end(t, acct, arn); r.State != asr.StateFailed || r.Error.Code != asr.CodeDenied || !strings.Contains(r.Error.Do, "the resource's own policy") {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAReplicaIsRefusedAndItsPrimaryNamed(t *testing.T) {
	t.Parallel()
	primary := "arn:aws:kms:us-east-1:111111111111:key/mrk-1"
	why, do := cannot(&types.KeyMetadata{
		KeyManager: types.KeyManagerTypeCustomer, KeyState: types.KeyStateEnabled, KeySpec: types.KeySpecSymmetricDefault, Origin: types.OriginTypeAwsKms,
		MultiRegionConfiguration: &types.MultiRegionConfiguration{MultiRegionKeyType: types.MultiRegionKeyTypeReplica, PrimaryKey: &types.MultiRegionKey{Arn: &primary}},
	})
	if !strings.Contains(why, "replica") || !strings.Contains(do, primary) {
		t.Errorf("got %q, %q", why, do)
	}
}

func TestAKeyThatRotatesMoreOftenIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newKey(t, acct, kms.CreateKeyInput{})
	enable(t, acct, arn, 90)
	if r := end(t, acct, arn); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}
