package secretsmanager

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// newFunction makes a rotation function.
func newFunction(t *testing.T, acct *remedytest.Account) string {
	t.Helper()
	role, err := iam.NewFromConfig(acct.Config).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("rotate"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	arn := remedytest.Must(t, role, err).Role.Arn
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	f, err := z.Create("rotate.py")
	_, err = remedytest.Must(t, f, err).Write([]byte("def rotate(event, context):\n    pass\n"))
	remedytest.Must(t, z, err)
	remedytest.Must(t, z, z.Close())
	out, err := lambda.NewFromConfig(acct.Config).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("rotate"), Role: arn, Handler: aws.String("rotate.rotate"), Runtime: lambdatypes.RuntimePython312, Code: &lambdatypes.FunctionCode{ZipFile: code.Bytes()},
	})
	return *remedytest.Must(t, out, err).FunctionArn
}

// rotating returns how to bring a secret under a schedule, on or off.
func rotating(t *testing.T, acct *remedytest.Account, arn, function string, r rotation) func() {
	return func() {
		api := secretsmanager.NewFromConfig(acct.Config)
		in := &secretsmanager.RotateSecretInput{SecretId: &arn, RotationRules: rules(r), RotateImmediately: aws.Bool(false)}
		if function != "" {
			in.RotationLambdaARN = &function
		}
		_, err := api.RotateSecret(t.Context(), in)
		remedytest.Must(t, arn, err)
		if !r.On {
			_, err := api.CancelRotateSecret(t.Context(), &secretsmanager.CancelRotateSecretInput{SecretId: &arn})
			remedytest.Must(t, arn, err)
		}
	}
}

func wholeSecret(acct *remedytest.Account, arn string) remedytest.View {
	return acct.Boto("secretsmanager", "describe_secret", map[string]any{"SecretId": arn}, "").Without("LastChangedDate")
}

func TestRotation(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	function := newFunction(t, acct)
	arn := newSecret(t, acct, "team/db", 10, 0)
	remedytest.Lifecycle(t, acct, Rotation, remedytest.Case{
		Name: "turned off, with a schedule that is often enough", Control: "SecretsManager.1", Resource: arn, Want: []string{"on: false → true"},
		Seed: rotating(t, acct, arn, function, rotation{Schedule: "rate(30 days)", Window: "3h"}),
		View: wholeSecret(acct, arn), Seen: []string{"RotationEnabled: false → true", "NextRotationDate: none → "},
	}, remedytest.Case{
		Name: "turned off, with a schedule that is too rare", Control: "SecretsManager.1", Resource: arn, Params: `{"days":60}`, Want: []string{"on: false → true", `schedule: "cron(0 8 1 1 ? *)" → "rate(60 days)"`},
		Seed: rotating(t, acct, arn, function, rotation{Schedule: "cron(0 8 1 1 ? *)", Window: "3h"}),
		View: wholeSecret(acct, arn),
		Seen: []string{
			"RotationEnabled: false → true", "NextRotationDate: none → ", `RotationRules.ScheduleExpression: "cron(0 8 1 1 ? *)" → "rate(60 days)"`,
		},
		Foreign: rotating(t, acct, arn, function, rotation{On: true, Schedule: "7 days"}),
	}, remedytest.Case{
		Name: "others change the secret", Control: "SecretsManager.1", Resource: arn, Want: []string{"on: false → true"},
		Seed: rotating(t, acct, arn, function, rotation{Schedule: "90 days"}),
		Meanwhile: func() {
			_, err := secretsmanager.NewFromConfig(acct.Config).TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: &arn, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
			remedytest.Must(t, arn, err)
		},
		Gone: func() {
			_, err := secretsmanager.NewFromConfig(acct.Config).DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &arn})
			remedytest.Must(t, arn, err)
		},
	})
}

func TestASecretThatNothingCanRotateIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newSecret(t, acct, "plain", 0, 0)
	for control, r := range map[string]asr.Run{
		"SecretsManager.1": remedytest.End(t, acct, Rotation, remedytest.Case{Control: "SecretsManager.1", Resource: arn}),
		"SecretsManager.4": remedytest.End(t, acct, RotationPeriod, remedytest.Case{Control: "SecretsManager.4", Resource: arn}),
	} {
		if r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || !strings.HasPrefix(r.Error.Do, "set one up") {
			t.Errorf("%s: the run ended %s: %+v, want a refusal", control, r.State, r.Error)
		}
	}
}

func TestAManagedSecretNeedsNoFunction(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	out, err := secretsmanager.NewFromConfig(acct.Config).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("rds!db-1"), SecretString: aws.String("s3cret"), Tags: []types.Tag{{Key: aws.String("aws:secretsmanager:owningService"), Value: aws.String("rds")}},
	})
	arn := *remedytest.Must(t, out, err).ARN
	rotating(t, acct, arn, "", rotation{On: true, Schedule: "365 days"})()
	if r := remedytest.End(t, acct, Rotation, remedytest.Case{Control: "SecretsManager.1", Resource: arn}); r.State != asr.StateVerified {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAScheduleExpressionThatIsOftenEnoughStays(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn, function := newSecret(t, acct, "s", 0, 0), newFunction(t, acct)
	for _, schedule := range []string{"rate(12 hours)", "rate(90 days)", "90 days", "1 day"} {
		rotating(t, acct, arn, function, rotation{On: true, Schedule: schedule})()
		if r := remedytest.End(t, acct, Rotation, remedytest.Case{Control: "SecretsManager.1", Resource: arn}); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v", schedule, r.State, r.Error)
		}
	}
	on := remedy.On[period]{Params: period{90}}
	if got, err := wantRotation(on, rotation{On: true, Schedule: "cron(0 8 1 * ? *)", Cron: 31}); err != nil || got.Schedule != "cron(0 8 1 * ? *)" {
		t.Errorf("a monthly cron() becomes %+v, %v", got, err)
	}
}

// A call that fails is a failure, though the secret rotates already.
func TestAnErrorOnASecretThatRotatesAlreadyIsNoSuccess(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newSecret(t, acct, "s", 0, 0)
	rotating(t, acct, arn, newFunction(t, acct), rotation{On: true, Schedule: "365 days"})()
	remove := acct.Sandbox.Fault(sandbox.Fault{Service: "secretsmanager", Operation: "RotateSecret", Account: acct.ID, Code: "InvalidRequestException", Message: "no"})
	defer remove()
	if r := remedytest.End(t, acct, Rotation, remedytest.Case{Control: "SecretsManager.1", Resource: arn}); r.State != asr.StateFailed || r.Error.Code != asr.CodeAWS {
		t.Errorf("the run ended %s: %+v, want failed", r.State, r.Error)
	}
}

// A rotation function that fails is when undo is needed most. Secrets Manager
// refuses schedules then, and what it refuses it tries again.
func TestUndoStopsARotationThatFails(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api, arn := secretsmanager.NewFromConfig(acct.Config), newSecret(t, acct, "s", 0, 0)
	rotating(t, acct, arn, newFunction(t, acct), rotation{Schedule: "365 days"})()
	h := remedytest.NewHarness(acct, Rotation)
	fixed := h.End(t, remedytest.Case{Control: "SecretsManager.1", Resource: arn})
	half, err := api.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &arn, SecretString: aws.String("new"), VersionStages: []string{"AWSPENDING"}})
	remedytest.Must(t, half, err)
	undo := func() (asr.Run, rotation) {
		_, err := h.Engine.Revert(t.Context(), fixed.ID, remedytest.Actor, false)
		r, err := h.Drive(t.Context(), remedytest.Must(t, fixed.ID, err))
		remedytest.Must(t, r, err)
		now, err := readRotation(t.Context(), acct.Config, remedy.On[period]{Target: fixed.Target})
		return r, remedytest.Must(t, now, err)
	}
	if r, now := undo(); r.State != asr.StatePartly || r.Error.Code != asr.CodeRefused || r.Error.Do == "" || now.On || now.Schedule != "90 days" {
		t.Errorf("undo ended %s %+v and leaves %+v, want rotation off and its schedule refused", r.State, r.Error, now)
	}
	_, err = api.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{SecretId: &arn, VersionStage: aws.String("AWSPENDING"), RemoveFromVersionId: half.VersionId})
	remedytest.Must(t, arn, err)
	if r, now := undo(); r.State != asr.StateReverted || now.On || now.Schedule != "365 days" {
		t.Errorf("the second undo ended %s %+v and leaves %+v", r.State, r.Error, now)
	}
}

func TestARotationThatIsUnderWayIsRefused(t *testing.T) {
	stages := map[string]bool{"AWSPENDING": true, "AWSPENDING AWSCURRENT": false, "AWSCURRENT": false, "AWSPREVIOUS": false}
	for s, want := range stages {
		secret := &secretsmanager.DescribeSecretOutput{RotationLambdaARN: aws.String("f"), VersionIdsToStages: map[string][]string{"v": strings.Fields(s)}}
		why, do := hindrance(secret, "eu-west-1")
		if got := why != ""; got != want || want && do == "" {
			t.Errorf("%s: got %q, %q", s, why, do)
		}
	}
}

func TestAReplicaIsRefused(t *testing.T) {
	why, _ := hindrance(&secretsmanager.DescribeSecretOutput{RotationLambdaARN: aws.String("f"), PrimaryRegion: aws.String("us-east-1")}, "eu-west-1")
	if want := "the secret is a replica of one in us-east-1, which it follows"; why != want {
		t.Errorf("got %q, want %q", why, want)
	}
	if why, _ := hindrance(&secretsmanager.DescribeSecretOutput{RotationLambdaARN: aws.String("f"), PrimaryRegion: aws.String("eu-west-1")}, "eu-west-1"); why != "" {
		t.Errorf("the primary one is refused: %q", why)
	}
}

// AWS wants it of who calls RotateSecret.
func TestTheRightToInvokeTheFunctionIsDeclared(t *testing.T) {
	want := []asr.Grant{{
		On: "arn:{partition}:lambda:{region}:{account}:function:*", Actions: []string{"lambda:InvokeFunction"},
		When: map[string]map[string]string{"Bool": {"aws:ViaAWSService": "true"}},
	}}
	for id, got := range map[string][]asr.Grant{Rotation.Spec.ID: Rotation.Spec.Implied, RotationPeriod.Spec.ID: RotationPeriod.Spec.Implied} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", id, diff)
		}
	}
}

func TestHowOftenAScheduleRotates(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	date := func(days int) *time.Time { d := at.Add(time.Duration(days) * day); return &d }
	for name, tt := range map[string]struct {
		secret secretsmanager.DescribeSecretOutput
		want   int64
	}{
		"AWS has worked it out":  {secretsmanager.DescribeSecretOutput{RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(31)}, NextRotationDate: date(3)}, 31},
		"from the last rotation": {secretsmanager.DescribeSecretOutput{RotationRules: &types.RotationRulesType{}, LastRotatedDate: date(-20), NextRotationDate: date(11)}, 31},
		"from now":               {secretsmanager.DescribeSecretOutput{RotationRules: &types.RotationRulesType{}, NextRotationDate: date(11)}, 11},
		"within a day":           {secretsmanager.DescribeSecretOutput{RotationRules: &types.RotationRulesType{}, NextRotationDate: &at}, 1},
		"nothing tells":          {secretsmanager.DescribeSecretOutput{RotationRules: &types.RotationRulesType{}}, 0},
	} {
		if got := cron(&tt.secret, at); got != tt.want {
			t.Errorf("cron(), %s: got %d, want %d", name, got, tt.want)
		}
	}
	for schedule, want := range map[string]int64{"90 days": 90, "rate(1 day)": 1, "rate(4 hours)": 1, "rate(25 hours)": 2, "rate(365 days)": 365, "cron(0 8 ? * SUN *)": 0, "": 0} {
		if got := (rotation{Schedule: schedule}).every(); got != want {
			t.Errorf("%q: got %d, want %d", schedule, got, want)
		}
	}
}

func TestAScheduleThatNothingTellsOfIsRefusedAndNotReplaced(t *testing.T) {
	_, err := wantRotation(remedy.On[period]{Params: period{90}}, rotation{On: true, Schedule: "cron(0 8 1 * ? *)"})
	if asr.Classify(err) != asr.CodeRefused {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestDaysThatAWSWouldRefuseAreRefusedFirst(t *testing.T) {
	for days, ok := range map[int64]bool{1: true, 1000: true, 0: false, -1: false, 1001: false} {
		if err := Rotation.Validate(remedy.On[period]{Params: period{days}}); (err == nil) != ok {
			t.Errorf("%d: %v", days, err)
		}
	}
}

// drawRotation is any state of a secret's rotation.
func drawRotation(t *rapid.T) rotation {
	return rotation{
		On:       rapid.Bool().Draw(t, "on"),
		Schedule: rapid.SampledFrom([]string{"", "30 days", "365 days", "rate(4 hours)", "rate(200 days)", "cron(0 8 1 * ? *)"}).Draw(t, "schedule"),
		Window:   rapid.SampledFrom([]string{"", "3h"}).Draw(t, "window"),
		Cron:     rapid.SampledFrom([]int64{0, 31, 366}).Draw(t, "cron"),
		Overdue:  rapid.Bool().Draw(t, "overdue"), Refusal: rapid.SampledFrom([]string{"", "no"}).Draw(t, "refusal"),
	}
}

func TestRotationIsNeverTurnedOffOrMadeRarer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now, on := drawRotation(t), remedy.On[period]{Params: period{rapid.Int64Range(1, 400).Draw(t, "days")}}
		remedytest.Stable(t, Rotation, on, now, "on", "schedule")
		got, err := Rotation.Want(on, now)
		if err == nil && (!got.On || got.every() > on.Params.Days || now.every() > 0 && got.every() > now.every()) {
			t.Fatalf("%+v becomes %+v for %d days", now, got, on.Params.Days)
		}
	})
}
