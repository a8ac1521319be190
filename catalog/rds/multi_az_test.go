package rds

import (
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"pgregory.net/rapid"
)

func TestMultiAZ(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	shop, store := newInstance(t, acct, "shop"), newInstance(t, acct, "store")
	remedytest.Lifecycle(t, acct, MultiAZ, remedytest.Case{
		Name: "by ARN", Control: "RDS.5", Resource: *shop.DBInstanceArn, Want: []string{"multiAZ: false → true"}, View: look(acct, "shop"), Seen: []string{"MultiAZ: false → true"},
	}, remedytest.Case{
		Name: "by resource ID", Control: "RDS.5", Resource: *store.DbiResourceId, Want: []string{"multiAZ: false → true"},
		Meanwhile: change(t, acct, rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("store"), PubliclyAccessible: aws.Bool(false)}),
		Gone:      drop(t, acct, "store"),
	})
}

// Not parallel: all of the emulator's RDS is slow meanwhile.
func TestInstancesThatAreBeingModifiedAreWaitedFor(t *testing.T) {
	acct := remedytest.NewAccount(t)
	shop, store := newInstance(t, acct, "shop"), newInstance(t, acct, "store")
	acct.Sandbox.Slow(3)
	defer acct.Sandbox.Slow(0)
	remedytest.Lifecycle(t, acct, MultiAZ, remedytest.Case{
		Control: "RDS.5", Resource: *shop.DBInstanceArn, Want: []string{"multiAZ: false → true"},
		View: look(acct, "shop").Without("DBInstanceStatus"), Seen: []string{"MultiAZ: false → true"}, Gone: drop(t, acct, "shop"),
	})
	remedytest.Lifecycle(t, acct, NotPublic, remedytest.Case{
		Control: "RDS.2", Resource: *store.DBInstanceArn, Want: []string{"public: true → false"},
		View: look(acct, "store").Without("DBInstanceStatus"), Seen: []string{"PubliclyAccessible: true → false"}, Gone: drop(t, acct, "store"),
	})
}

func TestWaitingChangesAreNamedAndNotReleased(t *testing.T) {
	t.Parallel()
	names := waiting(&types.PendingModifiedValues{
		DBInstanceClass: aws.String("db.r6g.large"), MasterUserPassword: aws.String("hunter2"), MultiAZ: aws.Bool(true), ProcessorFeatures: []types.ProcessorFeature{},
	})
	if names != "DBInstanceClass, MasterUserPassword" {
		t.Fatalf("what waits is %q", names)
	}
	now := standby{Waiting: names}
	if _, err := MultiAZ.Want(remedy.On[none]{}, now); asr.Classify(err) != asr.CodeRefused || !strings.Contains(err.Error(), names) || asr.Advice(err) == "" {
		t.Errorf("the plan: got %v, want a refusal", err)
	}
	cfg, asked := remedytest.Asked[*rds.ModifyDBInstanceInput](remedytest.NewAccount(t).Config)
	for _, to := range []standby{{MultiAZ: true}, {}} { // to the fix, and back
		if err := MultiAZ.Write(t.Context(), cfg, remedy.On[none]{}, now, to); asr.Classify(err) != asr.CodeRefused || len(*asked) > 0 {
			t.Errorf("the write: got %v, want a refusal", err)
		}
	}
	for _, none := range []*types.PendingModifiedValues{nil, {}, {MultiAZ: aws.Bool(true)}} {
		if got := waiting(none); got != "" {
			t.Errorf("%q waits of nothing", got)
		}
	}
}

func TestAnInstanceThatRDSIsNotReadyToModifyIsWaitedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	defer acct.Sandbox.Fault(sandbox.Fault{Service: "rds", Operation: "ModifyDBInstance", Account: acct.ID, Code: "InvalidDBInstanceState"})()
	on := remedy.On[none]{Target: asr.Target{Name: "shop"}}
	if err := MultiAZ.Write(t.Context(), acct.Config, on, standby{}, standby{MultiAZ: true}); err != asr.ErrSettling {
		t.Errorf("got %v, want it to settle", err)
	}
}

func TestAlone(t *testing.T) {
	subnets := func(zones ...string) *types.DBSubnetGroup {
		g := &types.DBSubnetGroup{}
		for _, z := range zones {
			g.Subnets = append(g.Subnets, types.Subnet{SubnetAvailabilityZone: &types.AvailabilityZone{Name: &z}})
		}
		return g
	}
	for name, tt := range map[string]struct {
		i    types.DBInstance
		want string
	}{
		"plain":            {types.DBInstance{Engine: aws.String("mysql"), DBSubnetGroup: subnets("a", "b")}, ""},
		"Aurora":           {types.DBInstance{Engine: aws.String("aurora-mysql"), DBClusterIdentifier: aws.String("c")}, "aurora-mysql has no standbys"},
		"DocumentDB":       {types.DBInstance{Engine: aws.String("docdb")}, "docdb has no standbys"},
		"Multi-AZ cluster": {types.DBInstance{Engine: aws.String("mysql"), DBClusterIdentifier: aws.String("c")}, "the instance is a member of a Multi-AZ cluster"},
		"RDS Custom":       {types.DBInstance{Engine: aws.String("custom-oracle-ee")}, "RDS Custom"},
		"SQL Server":       {types.DBInstance{Engine: aws.String("sqlserver-ex")}, "SQL Server"},
		"replica":          {types.DBInstance{Engine: aws.String("mysql"), ReadReplicaSourceDBInstanceIdentifier: aws.String("shop")}, "the instance is a read replica"},
		"replica of many":  {types.DBInstance{Engine: aws.String("mysql"), ReadReplicaSourceDBClusterIdentifier: aws.String("shop")}, "the instance is a read replica"},
		"one zone":         {types.DBInstance{Engine: aws.String("mysql"), DBSubnetGroup: subnets("a", "a")}, "all subnets of the instance are in one"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := alone(tt.i); !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAnInstanceThatIsRefusedIsRightIfItHasAStandbyAlready(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SampledFrom([]string{"", "because"})
		now := standby{rapid.Bool().Draw(t, "multi"), words.Draw(t, "waiting"), words.Draw(t, "refusal")}
		remedytest.Stable(t, MultiAZ, remedy.On[none]{}, now, "multiAZ")
		got, err := MultiAZ.Want(remedy.On[none]{}, now)
		if refused := err != nil; refused != (!now.MultiAZ && now.Waiting+now.Refusal != "") || !refused && !got.MultiAZ {
			t.Fatalf("%+v becomes %+v: %v", now, got, err)
		}
	})
}
