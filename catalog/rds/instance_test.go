package rds

import (
	"context"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/smithy-go/middleware"
)

// newInstance makes a database that is on the internet and has no standby.
func newInstance(t *testing.T, acct *remedytest.Account, name string, edit ...func(*rds.CreateDBInstanceInput)) types.DBInstance {
	in := &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &name, DBInstanceClass: aws.String("db.t3.micro"), Engine: aws.String("postgres"), PubliclyAccessible: aws.Bool(true),
		MasterUsername: aws.String("root"), MasterUserPassword: aws.String("secret99"), AllocatedStorage: aws.Int32(20),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	}
	for _, e := range edit {
		e(in)
	}
	out, err := rds.NewFromConfig(acct.Config).CreateDBInstance(t.Context(), in)
	return *remedytest.Must(t, out, err).DBInstance
}

// look is a whole instance; LatestRestorableTime goes with the clock.
func look(acct *remedytest.Account, name string) remedytest.View {
	return acct.Boto("rds", "describe_db_instances", map[string]any{"DBInstanceIdentifier": name}, "DBInstances.0").Without("LatestRestorableTime")
}

func change(t *testing.T, acct *remedytest.Account, in rds.ModifyDBInstanceInput) func() {
	return func() {
		_, err := rds.NewFromConfig(acct.Config).ModifyDBInstance(t.Context(), &in)
		remedytest.Must(t, 0, err)
	}
}

func drop(t *testing.T, acct *remedytest.Account, name string) func() {
	return func() {
		_, err := rds.NewFromConfig(acct.Config).DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: &name, SkipFinalSnapshot: aws.Bool(true)})
		remedytest.Must(t, 0, err)
	}
}

// refused checks that a run ended before it did anything, and says why.
func refused(t *testing.T, r asr.Run, why string) {
	t.Helper()
	if r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, why) || r.Error.Do == "" {
		t.Errorf("the run ended %s: %+v, want a refusal: %s", r.State, r.Error, why)
	}
}

// answering returns a config whose calls are answered by a function, for what
// the emulator doesn't have.
func answering(answer func(in any) any) aws.Config {
	stop := func(_ context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		return middleware.InitializeOutput{Result: answer(in.Parameters)}, middleware.Metadata{}, nil
	}
	return aws.Config{Region: "eu-west-1", APIOptions: []func(*middleware.Stack) error{func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("answer", stop), middleware.Before)
	}}}
}

func TestInstancesAreKnownByARNOrResourceID(t *testing.T) {
	for id, known := range map[string]bool{
		"arn:aws:rds:eu-west-1:111111111111:db:shop":                                  true,
		"arn:aws:rds:eu-west-1:111111111111:dbinstance:db-ABCDEFGHIJKLMNOPQRSTUVWXYZ": true,
		"db-ABCDEFGHIJKLMNOPQRSTUVWXYZ":                                               true,
		"arn:aws:rds:eu-west-1:111111111111:cluster:shop":                             false,
		"cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ":                                          false,
		"shop":                                                                        false,
	} {
		for _, spec := range []asr.Spec{NotPublic.Spec, MultiAZ.Spec, EnhancedMonitoring.Spec, InstanceDeletionProtection.Spec, InstanceCopyTags.Spec, MinorUpgrades.Spec} {
			if _, err := spec.Locate("111111111111", "eu-west-1", asr.Resource{ID: id}); (err == nil) != known {
				t.Errorf("%s, %s: %v", spec.ID, id, err)
			}
		}
	}
}

func TestAResourceIDThatNobodyHasIsGone(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newInstance(t, acct, "shop")
	on := remedy.On[none]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, ID: "db-NOBODY"}}
	if got, err := NotPublic.Resolve(t.Context(), acct.Config, on); err != asr.ErrGone {
		t.Errorf("got %+v, %v, want gone", got, err)
	}
}

func TestSettled(t *testing.T) {
	const moves, stays, works = "moves", "stays", "works"
	for status, want := range map[string]string{
		"available": works, "storage-optimization": works, "modifying": moves, "backing-up": moves, "deleting": moves, "rebooting": moves,
		"stopped": stays, "storage-full": stays, "incompatible-network": stays, "inaccessible-encryption-credentials-recoverable": stays,
	} {
		stuck, err := settled(status)
		if got := map[bool]string{true: works}[stuck == "" && err == nil] + map[bool]string{true: moves}[err == asr.ErrSettling] + map[bool]string{true: stays}[stuck != ""]; got != want {
			t.Errorf("%s: it %s, want %s", status, got, want)
		}
	}
}
