package rds

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"pgregory.net/rapid"
)

func TestNotPublic(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	shop, store := newInstance(t, acct, "shop"), newInstance(t, acct, "store")
	remedytest.Lifecycle(t, acct, NotPublic, remedytest.Case{
		Name: "by ARN", Control: "RDS.2", Resource: *shop.DBInstanceArn, Want: []string{"public: true → false"}, View: look(acct, "shop"), Seen: []string{"PubliclyAccessible: true → false"},
	}, remedytest.Case{
		Name: "by resource ID", Control: "RDS.2", Resource: *store.DbiResourceId, Want: []string{"public: true → false"},
		Meanwhile: change(t, acct, rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("store"), CopyTagsToSnapshot: aws.Bool(true)}),
		Gone:      drop(t, acct, "store"),
	})
}

func TestAnInstanceThatIsPrivateAlreadyIsNoFailure(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	i := newInstance(t, acct, "shop")
	change(t, acct, rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("shop"), PubliclyAccessible: aws.Bool(false)})()
	if r := remedytest.End(t, acct, NotPublic, remedytest.Case{Control: "RDS.2", Resource: *i.DBInstanceArn}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestTakingAnInstanceOffTheInternetReleasesNothingThatWaits(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newInstance(t, acct, "shop")
	cfg, asked := remedytest.Asked[*rds.ModifyDBInstanceInput](acct.Config)
	err := NotPublic.Write(t.Context(), cfg, remedy.On[none]{Target: asr.Target{Name: "shop"}}, openness{Public: true}, openness{})
	if err != asr.ErrSettling || len(*asked) != 1 || (*asked)[0].ApplyImmediately != nil || aws.ToBool((*asked)[0].PubliclyAccessible) {
		t.Errorf("asked %+v, %v", *asked, err)
	}
}

func TestMembersOfMultiAZClustersAreChangedAsAWhole(t *testing.T) {
	for engine, want := range map[string]bool{"postgres": true, "mysql": true, "aurora-postgresql": false, "neptune": false, "docdb": false} {
		if got := ofMultiAZCluster(types.DBInstance{Engine: &engine, DBClusterIdentifier: aws.String("c")}); got != want {
			t.Errorf("%s: %v, want %v", engine, got, want)
		}
	}
	if ofMultiAZCluster(types.DBInstance{Engine: aws.String("postgres")}) {
		t.Error("an instance of its own is taken for a member")
	}
}

func TestReachChangesNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := openness{rapid.Bool().Draw(t, "public"), rapid.SampledFrom([]string{"", "stopped"}).Draw(t, "refusal")}
		remedytest.Stable(t, NotPublic, remedy.On[none]{}, now, "public")
		got, err := NotPublic.Want(remedy.On[none]{}, now)
		if refused := err != nil; refused != (now.Public && now.Refusal != "") || !refused && got.Public {
			t.Fatalf("%+v becomes %+v: %v", now, got, err)
		}
	})
}
