package rds

import (
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"pgregory.net/rapid"
)

func fixed(in *rds.CreateDBInstanceInput) { in.AutoMinorVersionUpgrade = aws.Bool(false) }

// A member of Aurora has the setting itself; one of a Multi-AZ cluster has its
// cluster's.
func TestMinorUpgrades(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	shop := newInstance(t, acct, "shop", fixed)
	writer := newInstance(t, acct, "writer", fixed, memberOf(newCluster(t, acct, "aurora", "aurora-mysql")))
	member := newInstance(t, acct, "member", fixed, memberOf(newCluster(t, acct, "multi", "postgres")))
	remedytest.Lifecycle(t, acct, MinorUpgrades, remedytest.Case{
		Name: "by ARN", Control: "RDS.13", Resource: *shop.DBInstanceArn, Want: []string{"on: false → true"},
		View: look(acct, "shop"), Seen: []string{"AutoMinorVersionUpgrade: false → true"},
	}, remedytest.Case{
		Name: "Aurora's, by resource ID", Control: "RDS.13", Resource: *writer.DbiResourceId, Want: []string{"on: false → true"},
		View: look(acct, "writer").And(lookCluster(acct, "aurora")), Seen: []string{"describe_db_instances.AutoMinorVersionUpgrade: false → true"},
		Gone: drop(t, acct, "writer"),
	}, remedytest.Case{
		Name: "member of a Multi-AZ cluster", Control: "RDS.13", Resource: *member.DBInstanceArn, Want: []string{"on: false → true"},
		View: look(acct, "member").And(lookCluster(acct, "multi")), Seen: []string{"describe_db_clusters.AutoMinorVersionUpgrade: false → true"},
	})
}

func TestAnInstanceThatIsUpgradedIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	i := newInstance(t, acct, "shop", func(in *rds.CreateDBInstanceInput) { in.AutoMinorVersionUpgrade = aws.Bool(true) })
	if r := remedytest.End(t, acct, MinorUpgrades, remedytest.Case{Control: "RDS.13", Resource: *i.DBInstanceArn}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAMemberOfAStoppedMultiAZClusterIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	i := newInstance(t, acct, "member", memberOf(newCluster(t, acct, "multi", "postgres")))
	stopCluster(t, acct, "multi")
	refused(t, remedytest.End(t, acct, MinorUpgrades, remedytest.Case{Control: "RDS.13", Resource: *i.DBInstanceArn}), "stopped")
}

func TestEnginesThatRDSDoesNotUpgradeAreRefused(t *testing.T) {
	t.Parallel()
	for engine, want := range map[string]string{"mysql": "", "aurora-mysql": "", "neptune": "", "custom-oracle-ee": "RDS Custom", "docdb": "DocumentDB"} {
		why := pinned(types.DBInstance{Engine: &engine}, "")
		if !strings.HasPrefix(why, want) || (why == "") != (want == "") {
			t.Errorf("%s: %q, want %q", engine, why, want)
		}
		if _, err := MinorUpgrades.Want(remedy.On[none]{}, upgrades{Refusal: why}); (asr.Classify(err) == asr.CodeRefused) != (want != "") {
			t.Errorf("%s: %v", engine, err)
		}
	}
}

func TestUpgradesAreOnlySwitchedOn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Make[upgrades]().Draw(t, "state")
		remedytest.Stable(t, MinorUpgrades, remedy.On[none]{}, now, "on")
		if to, err := MinorUpgrades.Want(remedy.On[none]{}, now); (err != nil) != (!now.On && now.Refusal != "") || err == nil && !to.On {
			t.Fatalf("%+v becomes %+v: %v", now, to, err)
		}
	})
}
