package rds

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

func TestInstanceDeletionProtection(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	shop, store := newInstance(t, acct, "shop"), newInstance(t, acct, "store")
	remedytest.Lifecycle(t, acct, InstanceDeletionProtection, remedytest.Case{
		Name: "by ARN", Control: "RDS.8", Resource: *shop.DBInstanceArn, Want: []string{"on: false → true"},
		View: look(acct, "shop"), Seen: []string{"DeletionProtection: false → true"},
	}, remedytest.Case{
		Name: "by resource ID", Control: "RDS.8", Resource: *store.DbiResourceId, Want: []string{"on: false → true"},
		View: look(acct, "store"), Seen: []string{"DeletionProtection: false → true"},
		Meanwhile: change(t, acct, rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("store"), CopyTagsToSnapshot: aws.Bool(true)}),
		Gone:      drop(t, acct, "store"),
	})
}

func TestAProtectedInstanceIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	i := newInstance(t, acct, "shop", func(in *rds.CreateDBInstanceInput) { in.DeletionProtection = aws.Bool(true) })
	if r := remedytest.End(t, acct, InstanceDeletionProtection, remedytest.Case{Control: "RDS.8", Resource: *i.DBInstanceArn}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestMembersOfClustersAreProtectedWithTheirCluster(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	i := newInstance(t, acct, "writer", memberOf(newCluster(t, acct, "shop", "aurora-mysql")))
	refused(t, remedytest.End(t, acct, InstanceDeletionProtection, remedytest.Case{Control: "RDS.8", Resource: *i.DBInstanceArn}), "a member of the cluster shop")
}

func TestAStoppedInstanceIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	i := newInstance(t, acct, "shop")
	_, err := rds.NewFromConfig(acct.Config).StopDBInstance(t.Context(), &rds.StopDBInstanceInput{DBInstanceIdentifier: i.DBInstanceIdentifier})
	remedytest.Must(t, 0, err)
	refused(t, remedytest.End(t, acct, InstanceDeletionProtection, remedytest.Case{Control: "RDS.8", Resource: *i.DBInstanceArn}), "stopped")
}
