package rds

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// Neptune's clusters, and DocumentDB's, have ARNs of RDS and its API.
func TestClusterDeletionProtection(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	shop, graph, multi := newCluster(t, acct, "shop", "aurora-mysql"), newCluster(t, acct, "graph", "neptune"), newCluster(t, acct, "multi", "postgres")
	remedytest.Lifecycle(t, acct, ClusterDeletionProtection, remedytest.Case{
		Name: "by ARN", Control: "RDS.7", Resource: *shop.DBClusterArn, Want: []string{"on: false → true"},
		View: lookCluster(acct, "shop"), Seen: []string{"DeletionProtection: false → true"},
	}, remedytest.Case{
		Name: "Neptune's, by resource ID", Control: "RDS.7", Resource: *graph.DbClusterResourceId, Want: []string{"on: false → true"},
		View: lookCluster(acct, "graph"), Seen: []string{"DeletionProtection: false → true"},
		Meanwhile: changeCluster(t, acct, rds.ModifyDBClusterInput{DBClusterIdentifier: aws.String("graph"), CopyTagsToSnapshot: aws.Bool(true)}),
	}, remedytest.Case{
		Name: "Multi-AZ, by Config's ARN", Control: "RDS.7", Resource: "arn:aws:rds:eu-west-1:" + acct.ID + ":dbcluster:" + *multi.DbClusterResourceId, Want: []string{"on: false → true"},
		View: lookCluster(acct, "multi"), Seen: []string{"DeletionProtection: false → true"},
		Gone: dropCluster(t, acct, "multi"),
	})
}

func TestAProtectedClusterIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	c := newCluster(t, acct, "shop", "aurora-mysql")
	changeCluster(t, acct, rds.ModifyDBClusterInput{DBClusterIdentifier: c.DBClusterIdentifier, DeletionProtection: aws.Bool(true)})()
	stopCluster(t, acct, "shop") // it couldn't be changed now
	if r := remedytest.End(t, acct, ClusterDeletionProtection, remedytest.Case{Control: "RDS.7", Resource: *c.DBClusterArn}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAStoppedClusterIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	c := newCluster(t, acct, "shop", "aurora-mysql")
	stopCluster(t, acct, "shop")
	refused(t, remedytest.End(t, acct, ClusterDeletionProtection, remedytest.Case{Control: "RDS.7", Resource: *c.DBClusterArn}), "stopped")
}
