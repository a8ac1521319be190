package rds

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

func TestInstanceCopyTags(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	shop, store := newInstance(t, acct, "shop"), newInstance(t, acct, "store")
	remedytest.Lifecycle(t, acct, InstanceCopyTags, remedytest.Case{
		Name: "by ARN", Control: "RDS.17", Resource: *shop.DBInstanceArn, Want: []string{"on: false → true"},
		View: look(acct, "shop"), Seen: []string{"CopyTagsToSnapshot: false → true"},
	}, remedytest.Case{
		Name: "by resource ID", Control: "RDS.17", Resource: *store.DbiResourceId, Want: []string{"on: false → true"},
		View: look(acct, "store"), Seen: []string{"CopyTagsToSnapshot: false → true"},
		Meanwhile: change(t, acct, rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("store"), DeletionProtection: aws.Bool(false), MultiAZ: aws.Bool(true)}),
		Gone:      drop(t, acct, "store"),
	})
}

func TestAnInstanceThatCopiesItsTagsIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	i := newInstance(t, acct, "shop", func(in *rds.CreateDBInstanceInput) { in.CopyTagsToSnapshot = aws.Bool(true) })
	if r := remedytest.End(t, acct, InstanceCopyTags, remedytest.Case{Control: "RDS.17", Resource: *i.DBInstanceArn}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestMembersOfAuroraHaveNoSnapshotsOfTheirOwn(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	i := newInstance(t, acct, "writer", memberOf(newCluster(t, acct, "shop", "aurora-postgresql")))
	refused(t, remedytest.End(t, acct, InstanceCopyTags, remedytest.Case{Control: "RDS.17", Resource: *i.DBInstanceArn}), "a member of the cluster shop")
}
