package rds

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

func TestClusterCopyTags(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	shop, store := newCluster(t, acct, "shop", "aurora-mysql"), newCluster(t, acct, "store", "aurora-postgresql")
	remedytest.Lifecycle(t, acct, ClusterCopyTags, remedytest.Case{
		Name: "by ARN", Control: "RDS.16", Resource: *shop.DBClusterArn, Want: []string{"on: false → true"},
		View: lookCluster(acct, "shop"), Seen: []string{"CopyTagsToSnapshot: false → true"},
	}, remedytest.Case{
		Name: "by resource ID", Control: "RDS.16", Resource: *store.DbClusterResourceId, Want: []string{"on: false → true"},
		View: lookCluster(acct, "store"), Seen: []string{"CopyTagsToSnapshot: false → true"},
		Meanwhile: changeCluster(t, acct, rds.ModifyDBClusterInput{DBClusterIdentifier: aws.String("store"), BackupRetentionPeriod: aws.Int32(14)}),
		Gone:      dropCluster(t, acct, "store"),
	})
}

func TestAClusterThatCopiesItsTagsIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	c := newCluster(t, acct, "shop", "aurora-mysql")
	changeCluster(t, acct, rds.ModifyDBClusterInput{DBClusterIdentifier: c.DBClusterIdentifier, CopyTagsToSnapshot: aws.Bool(true)})()
	if r := remedytest.End(t, acct, ClusterCopyTags, remedytest.Case{Control: "RDS.16", Resource: *c.DBClusterArn}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAClusterThatCannotBeModifiedIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	c := newCluster(t, acct, "shop", "aurora-mysql")
	stopCluster(t, acct, "shop")
	refused(t, remedytest.End(t, acct, ClusterCopyTags, remedytest.Case{Control: "RDS.16", Resource: *c.DBClusterArn}), "stopped")
}
