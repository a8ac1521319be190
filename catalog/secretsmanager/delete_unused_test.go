package secretsmanager

import (
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"pgregory.net/rapid"
)

// newSecret makes a secret that was made and read so many days ago; 0: never read.
func newSecret(t *testing.T, acct *remedytest.Account, name string, made, read int) string {
	out, err := secretsmanager.NewFromConfig(acct.Config).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, Description: aws.String("of " + name), SecretString: aws.String("s3cret"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("db")}}})
	arn := *remedytest.Must(t, out, err).ARN
	for kind, days := range map[string]int{sandbox.SecretCreated: made, sandbox.SecretAccessed: read} {
		if days != 0 {
			remedytest.Must(t, 0, acct.Sandbox.Backdate(t.Context(), acct.ID, kind, arn, time.Now().Add(-time.Duration(days)*24*time.Hour-time.Hour)))
		}
	}
	return arn
}

// end runs a remediation and says how it ended.
func end(t *testing.T, acct *remedytest.Account, arn string) asr.Run {
	return remedytest.End(t, acct, DeleteUnused, remedytest.Case{Control: "SecretsManager.3", Resource: arn})
}

func TestDeleteUnused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := secretsmanager.NewFromConfig(acct.Config)
	never, once := newSecret(t, acct, "team/db", 91, 0), newSecret(t, acct, "api", 500, 31)
	view := func(arn string) remedytest.View {
		return acct.Boto("secretsmanager", "describe_secret", map[string]any{"SecretId": arn}, "").Without("LastChangedDate")
	}
	remedytest.Lifecycle(t, acct, DeleteUnused, remedytest.Case{
		Name: "never read", Control: "SecretsManager.3", Resource: never, Want: []string{"deleted: false → true"}, View: view(never), Seen: []string{"DeletedDate: none → "},
		Gone: func() {
			_, err := api.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &never, ForceDeleteWithoutRecovery: aws.Bool(true)})
			remedytest.Must(t, 0, err)
		},
	}, remedytest.Case{
		Name: "read long ago, by another limit", Control: "SecretsManager.3", Resource: once, Params: `{"unusedDays":31,"recoveryDays":7}`, Want: []string{"deleted: false → true"}, View: view(once), Seen: []string{"DeletedDate: none → "},
	})
}

func TestTheDeletedSecretHasItsWholeRecoveryWindow(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newSecret(t, acct, "old", 100, 0)
	if r := end(t, acct, arn); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	out, err := secretsmanager.NewFromConfig(acct.Config).DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &arn})
	if left := time.Until(*remedytest.Must(t, out, err).DeletedDate); left < 29*24*time.Hour {
		t.Errorf("it is deleted for good in %v, want 30 days", left)
	}
}

func TestASecretInUseStays(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for name, arn := range map[string]string{"read": newSecret(t, acct, "read", 300, 88), "young": newSecret(t, acct, "young", 89, 0)} {
		if r := end(t, acct, arn); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v", name, r.State, r.Error)
		}
	}
}

func TestASecretThatIsReplicatedIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newSecret(t, acct, "wide", 100, 0)
	_, err := secretsmanager.NewFromConfig(acct.Config).ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{
		SecretId: &arn, AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("eu-central-1")}},
	})
	remedytest.Must(t, 0, err)
	if r := end(t, acct, arn); r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || r.Error.Do == "" {
		t.Errorf("the run ended %s: %+v, want a refusal", r.State, r.Error)
	}
}

func TestRefusal(t *testing.T) {
	for name, tt := range map[string]struct {
		secret secretsmanager.DescribeSecretOutput
		want   string
	}{
		"plain":                 {secretsmanager.DescribeSecretOutput{}, ""},
		"of this Region":        {secretsmanager.DescribeSecretOutput{PrimaryRegion: aws.String("eu-west-1")}, ""},
		"a replica":             {secretsmanager.DescribeSecretOutput{PrimaryRegion: aws.String("us-east-1")}, "the secret is a replica of one in us-east-1"},
		"a database's":          {secretsmanager.DescribeSecretOutput{OwningService: aws.String("rds")}, "the secret belongs to rds, which uses and deletes it"},
		"with a failed replica": {secretsmanager.DescribeSecretOutput{ReplicationStatus: []types.ReplicationStatusType{{Region: aws.String("us-west-2"), Status: types.StatusTypeFailed}}}, "the secret has a replica in us-west-2, which may well be in use"},
	} {
		if got := refusal(&tt.secret, "eu-west-1"); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestLimitsThatAWSWouldRefuseAreRefusedFirst(t *testing.T) {
	for p, ok := range map[limits]bool{{90, 30}: true, {1, 7}: true, {365, 30}: true, {0, 30}: false, {366, 30}: false, {90, 6}: false, {90, 31}: false} {
		if err := DeleteUnused.Validate(remedy.On[limits]{Params: p}); (err == nil) != ok {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestASecretThatWasNeverReadIsUnusedToo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	if r := end(t, acct, newSecret(t, acct, "forgotten", 91, 0)); r.State != asr.StateVerified {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestASecretIsUnusedFromTheLastDayOfTheLimitOn(t *testing.T) {
	on := remedy.On[limits]{Params: DeleteUnused.Controls["SecretsManager.3"]}
	for days, want := range map[int]bool{89: false, 90: true, 91: true} {
		if got, err := DeleteUnused.Want(on, life{Unused: days}); err != nil || got.Deleted != want {
			t.Errorf("unused for %d days: deleted %v, %v, want %v", days, got.Deleted, err, want)
		}
	}
}

func TestOnlyUnusedSecretsGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := life{rapid.Bool().Draw(t, "deleted"), rapid.IntRange(0, 400).Draw(t, "unused"), rapid.SampledFrom([]string{"", "no"}).Draw(t, "refusal")}
		on := remedy.On[limits]{Params: limits{UnusedDays: rapid.IntRange(1, 365).Draw(t, "limit")}}
		remedytest.Stable(t, DeleteUnused, on, now, "deleted")
		got, err := DeleteUnused.Want(on, now)
		unused := now.Unused >= on.Params.UnusedDays
		if refused := err != nil; refused != (unused && !now.Deleted && now.Refusal != "") || !refused && got.Deleted != (now.Deleted || unused) {
			t.Fatalf("%+v becomes %+v for %+v: %v", now, got, on.Params, err)
		}
	})
}
