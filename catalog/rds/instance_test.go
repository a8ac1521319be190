package rds

import (
	"context"
	"slices"
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
func newInstance(t *testing.T, acct *remedytest.Account, name string) types.DBInstance {
	out, err := rds.NewFromConfig(acct.Config).CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &name, DBInstanceClass: aws.String("db.t3.micro"), Engine: aws.String("postgres"), PubliclyAccessible: aws.Bool(true),
		MasterUsername: aws.String("root"), MasterUserPassword: aws.String("secret99"), AllocatedStorage: aws.Int32(20),
	})
	return *remedytest.Must(t, out, err).DBInstance
}

// look is what another client sees of an instance.
func look(t *testing.T, acct *remedytest.Account, name string) func() any {
	return func() any {
		out, err := rds.NewFromConfig(acct.Config).DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &name})
		i := remedytest.Must(t, out, err).DBInstances[0]
		i.DBInstanceStatus, i.LatestRestorableTime = nil, nil // may linger; goes with the clock
		return i
	}
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

// tap returns a config that keeps what is asked of ModifyDBInstance.
func tap(cfg aws.Config) (aws.Config, *[]*rds.ModifyDBInstanceInput) {
	var asked []*rds.ModifyDBInstanceInput
	keep := func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		if m, ok := in.Parameters.(*rds.ModifyDBInstanceInput); ok {
			asked = append(asked, m)
		}
		return next.HandleInitialize(ctx, in)
	}
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("tap", keep), middleware.After)
	})
	return cfg, &asked
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
		if _, err := NotPublic.Spec.Locate("111111111111", "eu-west-1", asr.Resource{ID: id}); (err == nil) != known {
			t.Errorf("%s: %v", id, err)
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
