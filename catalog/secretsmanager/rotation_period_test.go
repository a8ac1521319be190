package secretsmanager

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/playbook"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRotationPeriod(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	function, arn := newFunction(t, acct), newSecret(t, acct, "team/db", 10, 0)
	remedytest.Lifecycle(t, acct, RotationPeriod, remedytest.Case{
		Name: "too rare", Control: "SecretsManager.4", Resource: arn, Want: []string{`schedule: "rate(200 days)" → "rate(90 days)"`},
		Seed: rotating(t, acct, arn, function, rotation{On: true, Schedule: "rate(200 days)", Window: "2h"}),
		View: wholeSecret(acct, arn), Seen: []string{
			"NextRotationDate: ", `RotationRules.ScheduleExpression: "rate(200 days)" → "rate(90 days)"`,
		},
		Foreign: rotating(t, acct, arn, function, rotation{On: true, Schedule: "7 days"}),
	}, remedytest.Case{
		Name: "off and too rare", Control: "SecretsManager.4", Resource: arn, Params: `{"days":180}`, Want: []string{"on: false → true", `schedule: "365 days" → "180 days"`},
		Seed: rotating(t, acct, arn, function, rotation{Schedule: "365 days"}),
		View: wholeSecret(acct, arn), Seen: []string{"RotationEnabled: false → true", "NextRotationDate: none → ", "RotationRules.AutomaticallyAfterDays: 365 → 180"},
		Gone: func() {
			_, err := secretsmanager.NewFromConfig(acct.Config).DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &arn})
			remedytest.Must(t, arn, err)
		},
	})
}

func TestAFailureIsReportedAsAFailure(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newSecret(t, acct, "s", 0, 0)
	rotating(t, acct, arn, newFunction(t, acct), rotation{On: true, Schedule: "365 days"})()
	remove := acct.Sandbox.Fault(sandbox.Fault{
		Service: "secretsmanager", Operation: "RotateSecret", Account: acct.ID, Code: "InvalidRequestException", Message: "A previous rotation isn't complete. That rotation will be reattempted.",
	})
	defer remove()
	r := remedytest.End(t, acct, RotationPeriod, remedytest.Case{Control: "SecretsManager.4", Resource: arn})
	if r.State != asr.StateFailed || r.Error.Code != asr.CodeAWS || !strings.Contains(r.Error.Message, "isn't complete") {
		t.Errorf("the run ended %s: %+v, want failed in AWS's words", r.State, r.Error)
	}
}

func TestAScheduleWithoutDaysIsUnderstood(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn, function := newSecret(t, acct, "s", 0, 0), newFunction(t, acct)
	for schedule, want := range map[string]asr.State{"rate(30 days)": asr.StateNothingToDo, "rate(91 days)": asr.StateVerified} {
		rotating(t, acct, arn, function, rotation{On: true, Schedule: schedule})()
		if r := remedytest.End(t, acct, RotationPeriod, remedytest.Case{Control: "SecretsManager.4", Resource: arn}); r.State != want {
			t.Errorf("%s: the run ended %s: %+v, want %s", schedule, r.State, r.Error, want)
		}
	}
}

func TestTheLiveCredentialIsNotReplacedNow(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newSecret(t, acct, "s", 0, 0)
	rotating(t, acct, arn, newFunction(t, acct), rotation{On: true, Schedule: "365 days"})()
	api := secretsmanager.NewFromConfig(acct.Config)
	versions := func() map[string][]string {
		out, err := api.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &arn})
		return remedytest.Must(t, out, err).VersionIdsToStages
	}
	before := versions()
	if r := remedytest.End(t, acct, RotationPeriod, remedytest.Case{Control: "SecretsManager.4", Resource: arn}); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	out, err := api.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &arn})
	if diff := cmp.Diff(before, versions()); diff != "" || *remedytest.Must(t, out, err).SecretString != "s3cret" {
		t.Errorf("the secret says %q, versions (-before +after)\n%s", *out.SecretString, diff)
	}
}

// Security Hub writes numbers as texts too.
func TestTheDaysAreANumber(t *testing.T) {
	t.Parallel()
	book, err := playbook.Load()
	remedytest.Must(t, book, err)
	for control, name := range map[string]string{"SecretsManager.1": "maximumAllowedRotationFrequency", "SecretsManager.4": "maxDaysSinceRotation"} {
		for _, given := range []string{`45`, `"45"`} {
			m, err := book.Match(asr.Finding{Provider: asr.Provider{Control: control, Parameters: map[string]json.RawMessage{name: json.RawMessage(given)}}})
			if got := string(m.Finding["days"]); err != nil || got != "45" {
				t.Errorf("%s: %s becomes %s: %v", control, given, got, err)
			}
		}
	}
}

// A schedule that is often enough and doesn't work is no reason to say that
// all is well.
func TestRotationThatFailsIsSaidSo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newSecret(t, acct, "s", 200, 0)
	rotating(t, acct, arn, newFunction(t, acct), rotation{On: true, Schedule: "30 days"})()
	for kind, days := range map[string]time.Duration{sandbox.SecretRotated: 100, sandbox.SecretChanged: 100} {
		remedytest.Must(t, kind, acct.Sandbox.Backdate(t.Context(), acct.ID, kind, arn, time.Now().Add(-days*day)))
	}
	r := remedytest.End(t, acct, RotationPeriod, remedytest.Case{Control: "SecretsManager.4", Resource: arn})
	if r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Do, "function:rotate") {
		t.Errorf("the run ended %s: %+v, want a refusal that names the function", r.State, r.Error)
	}
}

// Right after the change the next date may still lie in the past.
func TestASecretThatWasLongNotRotatedIsFixedAllTheSame(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newSecret(t, acct, "s", 400, 0)
	rotating(t, acct, arn, newFunction(t, acct), rotation{On: true, Schedule: "365 days"})()
	remedytest.Must(t, arn, acct.Sandbox.Backdate(t.Context(), acct.ID, sandbox.SecretRotated, arn, time.Now().Add(-300*day)))
	if r := remedytest.End(t, acct, RotationPeriod, remedytest.Case{Control: "SecretsManager.4", Resource: arn}); r.State != asr.StateVerified {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestOverdue(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	date := func(days int) *time.Time { d := at.Add(time.Duration(days) * day); return &d }
	yes, no := true, false
	for name, tt := range map[string]struct {
		secret secretsmanager.DescribeSecretOutput
		want   bool
	}{
		"due long ago":          {secretsmanager.DescribeSecretOutput{RotationEnabled: &yes, NextRotationDate: date(-3), LastChangedDate: date(-90)}, true},
		"changed since":         {secretsmanager.DescribeSecretOutput{RotationEnabled: &yes, NextRotationDate: date(-3), LastChangedDate: date(-1)}, false},
		"due today":             {secretsmanager.DescribeSecretOutput{RotationEnabled: &yes, NextRotationDate: &at, LastChangedDate: date(-90)}, false},
		"due tomorrow":          {secretsmanager.DescribeSecretOutput{RotationEnabled: &yes, NextRotationDate: date(1), LastChangedDate: date(-90)}, false},
		"rotation is off":       {secretsmanager.DescribeSecretOutput{RotationEnabled: &no, NextRotationDate: date(-3)}, false},
		"there is no next date": {secretsmanager.DescribeSecretOutput{RotationEnabled: &yes}, false},
	} {
		if got := overdue(&tt.secret, at); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestAPeriodIsNeverMadeLonger(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now, on := drawRotation(t), remedy.On[period]{Params: period{rapid.Int64Range(1, 400).Draw(t, "days")}}
		remedytest.Stable(t, RotationPeriod, on, now, "on", "schedule")
		got, err := RotationPeriod.Want(on, now)
		if err == nil && (now.Overdue || !got.On || got.every() > on.Params.Days || now.every() > 0 && got.every() > now.every()) {
			t.Fatalf("%+v becomes %+v for %d days: %v", now, got, on.Params.Days, err)
		}
	})
}
