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

// share shares a snapshot of a kind with accounts, or with all.
func share(t *testing.T, api *rds.Client, kind, name string, with ...string) {
	var err error
	if restore := aws.String("restore"); kind == clusterSnapshot {
		_, err = api.ModifyDBClusterSnapshotAttribute(t.Context(), &rds.ModifyDBClusterSnapshotAttributeInput{DBClusterSnapshotIdentifier: &name, AttributeName: restore, ValuesToAdd: with})
	} else {
		_, err = api.ModifyDBSnapshotAttribute(t.Context(), &rds.ModifyDBSnapshotAttributeInput{DBSnapshotIdentifier: &name, AttributeName: restore, ValuesToAdd: with})
	}
	remedytest.Must(t, name, err)
}

func lookSharing(acct *remedytest.Account, name string) remedytest.View {
	return lookSnapshot(acct, name).And(acct.Boto("rds", "describe_db_snapshot_attributes", map[string]any{"DBSnapshotIdentifier": name}, "DBSnapshotAttributesResult.DBSnapshotAttributes.0"))
}

func lookClusterSharing(acct *remedytest.Account, name string) remedytest.View {
	return lookClusterSnapshot(acct, name).And(acct.Boto("rds", "describe_db_cluster_snapshot_attributes", map[string]any{"DBClusterSnapshotIdentifier": name}, "DBClusterSnapshotAttributesResult.DBClusterSnapshotAttributes.0"))
}

// The accounts that a snapshot is shared with by name keep it: boto3 sees that
// nothing but "all" goes.
func TestSnapshotsPrivate(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := newSnapshots(t, acct, "snap", "quick")
	newClusterSnapshots(t, acct, "aurora-mysql", "snap", "graph")
	for _, name := range []string{"snap", "quick"} {
		share(t, api, snapshot, name, "222222222222", everybody, "333333333333")
	}
	share(t, api, clusterSnapshot, "snap", everybody)
	share(t, api, clusterSnapshot, "graph", "222222222222", everybody)
	want := []string{"public: true → false"}
	remedytest.Lifecycle(t, acct, SnapshotsPrivate, remedytest.Case{
		Name: "an instance's", Control: "RDS.1", Resource: acct.Expand(snapshot, "snap"), Want: want,
		View: lookSharing(acct, "snap").And(lookClusterSharing(acct, "snap")), Seen: []string{`describe_db_snapshot_attributes.AttributeValues[]: "all" → none`},
	}, remedytest.Case{
		Name: "others share it meanwhile", Control: "RDS.1", Resource: acct.Expand(snapshot, "quick"), Want: want,
		Meanwhile: func() { share(t, api, snapshot, "quick", "444444444444") },
		Gone:      func() { deleteSnapshot(t, api, "quick") },
	}, remedytest.Case{
		Name: "a cluster's", Control: "RDS.1", Resource: acct.Expand(clusterSnapshot, "snap"), Want: want,
		View: lookClusterSharing(acct, "snap").And(lookSharing(acct, "snap")), Seen: []string{`describe_db_cluster_snapshot_attributes.AttributeValues[]: "all" → none`},
	}, remedytest.Case{
		Name: "a cluster's, as AWS Config writes it", Control: "RDS.1", Resource: acct.Expand("arn:{partition}:rds:{region}:{account}:dbclustersnapshot:{name}", "graph"), Want: want,
		View: lookClusterSharing(acct, "graph"), Seen: []string{`describe_db_cluster_snapshot_attributes.AttributeValues[]: "all" → none`},
		Gone: func() {
			_, err := api.DeleteDBClusterSnapshot(t.Context(), &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: aws.String("graph")})
			remedytest.Must(t, 0, err)
		},
	})
}

func TestSnapshotsOfNeptuneAreMadePrivateToo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := newClusterSnapshots(t, acct, "neptune", "graph")
	share(t, api, clusterSnapshot, "graph", everybody)
	if r := remedytest.End(t, acct, SnapshotsPrivate, remedytest.Case{Control: "RDS.1", Resource: acct.Expand(clusterSnapshot, "graph")}); r.State != asr.StateVerified {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestASnapshotWithAShortHyphenatedNameIsMadePrivateToo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := newSnapshots(t, acct, "a-b")
	share(t, api, snapshot, "a-b", everybody)
	if r := remedytest.End(t, acct, SnapshotsPrivate, remedytest.Case{Control: "RDS.1", Resource: acct.Expand(snapshot, "a-b")}); r.State != asr.StateVerified {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestASnapshotThatIsSharedByNameOnlyIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := newSnapshots(t, acct, "snap")
	newClusterSnapshots(t, acct, "aurora-mysql", "snap")
	for _, kind := range []string{snapshot, clusterSnapshot} {
		share(t, api, kind, "snap", "222222222222")
		if r := remedytest.End(t, acct, SnapshotsPrivate, remedytest.Case{Control: "RDS.1", Resource: acct.Expand(kind, "snap")}); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v", kind, r.State, r.Error)
		}
	}
}

// RDS takes no name with a colon for a snapshot whose sharing is to change.
func TestSnapshotsThatRDSOrAWSBackupHasMadeAreLookedAtAndNotChanged(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := newSnapshots(t, acct)
	own, err := api.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{SnapshotType: aws.String("automated")})
	if r := remedytest.End(t, acct, SnapshotsPrivate, remedytest.Case{Control: "RDS.1", Resource: *remedytest.Must(t, own, err).DBSnapshots[0].DBSnapshotArn}); r.State != asr.StateNothingToDo {
		t.Errorf("a private one: the run ended %s: %+v", r.State, r.Error)
	}
	public := answering(func(any) any {
		return &rds.DescribeDBSnapshotAttributesOutput{DBSnapshotAttributesResult: &types.DBSnapshotAttributesResult{
			DBSnapshotAttributes: []types.DBSnapshotAttribute{{AttributeName: aws.String("restore"), AttributeValues: []string{everybody}}},
		}}
	})
	for _, name := range []string{"awsbackup:job-1", "rds:shop-2026-01-01"} {
		on := remedy.On[none]{Target: asr.Target{Name: name, ID: acct.Expand(snapshot, name)}}
		now, err := SnapshotsPrivate.Read(t.Context(), public, on)
		if _, err2 := SnapshotsPrivate.Want(on, remedytest.Must(t, now, err)); !now.Public || asr.Classify(err2) != asr.CodeRefused || asr.Advice(err2) == "" {
			t.Errorf("%s: got %+v, %v, want a refusal", name, now, err2)
		}
	}
}

func TestASnapshotIsNeverMadePublic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Make[openness]().Draw(t, "state")
		remedytest.Stable(t, SnapshotsPrivate, remedy.On[none]{}, now, "public")
		if to, err := SnapshotsPrivate.Want(remedy.On[none]{}, now); (err != nil) != (now.Public && now.Refusal != "") || err == nil && to.Public {
			t.Fatalf("%+v becomes %+v: %v", now, to, err)
		}
	})
}
