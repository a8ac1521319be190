package redshift

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
	"github.com/aws/aws-sdk-go-v2/service/redshift/types"
	"pgregory.net/rapid"
)

func TestNotPublic(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	sales := newCluster(t, acct, "sales", nil)
	fixed := newCluster(t, acct, "fixed", func(in *redshift.CreateClusterInput) { in.ElasticIp = aws.String("198.51.100.7") })
	remedytest.Lifecycle(t, acct, NotPublic, remedytest.Case{
		Name: "public", Control: "Redshift.1", Resource: sales, Want: []string{"public: true → false"},
		View: view(acct, "sales"), Seen: []string{"PubliclyAccessible: true → false"},
	}, remedytest.Case{
		Name: "others keep snapshots longer meanwhile", Control: "Redshift.1", Resource: sales, Want: []string{"public: true → false"},
		Meanwhile: change(t, acct, redshift.ModifyClusterInput{ClusterIdentifier: aws.String("sales"), AutomatedSnapshotRetentionPeriod: aws.Int32(9)}),
		Gone:      drop(t, acct, "sales"),
	}, remedytest.Case{
		Name: "by an Elastic IP", Control: "Redshift.1", Resource: fixed, Want: []string{`elasticIP: "198.51.100.7" → ""`, "public: true → false"},
		View: view(acct, "fixed"), Seen: []string{"PubliclyAccessible: true → false", "ElasticIpStatus: {"},
		Foreign: change(t, acct, redshift.ModifyClusterInput{ClusterIdentifier: aws.String("fixed"), PubliclyAccessible: aws.Bool(true), ElasticIp: aws.String("198.51.100.8")}),
	})
}

func TestAClusterThatStillReadsAsBeforeIsWaitedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	sales := newCluster(t, acct, "sales", nil)
	if r := run(t, acct, NotPublic, "Redshift.1", sales, ""); r.State != asr.StateVerified || r.Writes != 1 { // the emulator shows the old value once
		t.Errorf("the run ended %s after %d writes: %+v", r.State, r.Writes, r.Error)
	}
	ours := types.Cluster{PendingModifiedValues: &types.PendingModifiedValues{PubliclyAccessible: aws.Bool(false), AutomatedSnapshotRetentionPeriod: aws.Int32(7)}}
	theirs := types.Cluster{PendingModifiedValues: &types.PendingModifiedValues{MaintenanceTrackName: aws.String("trailing")}}
	for c, want := range map[*types.Cluster]error{&ours: asr.ErrSettling, &theirs: nil, {}: nil} {
		_, reach := reachOf(*c, "")
		_, days := snapshotsOf(*c, "")
		if reach != want || days != want {
			t.Errorf("pending %+v: %v, %v, want %v", c.PendingModifiedValues, reach, days, want)
		}
	}
}

func TestReachChangesNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := reach{Public: rapid.Bool().Draw(t, "public"), Refusal: rapid.SampledFrom([]string{"", "paused"}).Draw(t, "refusal")}
		if now.Public {
			now.ElasticIP = rapid.SampledFrom([]string{"", "198.51.100.7"}).Draw(t, "ip")
		}
		remedytest.Stable(t, NotPublic, remedy.On[none]{}, now, "public", "elasticIP")
		got, err := NotPublic.Want(remedy.On[none]{}, now)
		if refused := err != nil; refused != (now.Public && now.Refusal != "") || !refused && got.Public {
			t.Fatalf("%+v becomes %+v: %v", now, got, err)
		}
	})
}
