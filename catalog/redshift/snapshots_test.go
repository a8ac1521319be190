package redshift

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
	"pgregory.net/rapid"
)

func TestSnapshots(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	sales := newCluster(t, acct, "sales", func(in *redshift.CreateClusterInput) { in.AutomatedSnapshotRetentionPeriod = aws.Int32(1) })
	none := newCluster(t, acct, "none", nil)
	off := change(t, acct, redshift.ModifyClusterInput{ClusterIdentifier: aws.String("none"), AutomatedSnapshotRetentionPeriod: aws.Int32(0)})
	remedytest.Lifecycle(t, acct, Snapshots, remedytest.Case{
		Name: "kept too short", Control: "Redshift.3", Resource: sales, Want: []string{"days: 1 → 7"},
		View: view(acct, "sales"), Seen: []string{"AutomatedSnapshotRetentionPeriod: 1 → 7"},
		Foreign: change(t, acct, redshift.ModifyClusterInput{ClusterIdentifier: aws.String("sales"), AutomatedSnapshotRetentionPeriod: aws.Int32(30)}),
	}, remedytest.Case{
		Name: "none at all", Control: "Redshift.3", Resource: none, Params: `{"days":35}`, Want: []string{"days: 0 → 35"}, Seed: off,
		View: view(acct, "none"), Seen: []string{"AutomatedSnapshotRetentionPeriod: 0 → 35"},
		Meanwhile: change(t, acct, redshift.ModifyClusterInput{ClusterIdentifier: aws.String("none"), PreferredMaintenanceWindow: aws.String("tue:01:00-tue:01:30")}),
		Gone:      drop(t, acct, "none"),
	})
}

func TestSnapshotsThatAreKeptLongerAreRightWithoutAnyRule(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	sales := newCluster(t, acct, "sales", func(in *redshift.CreateClusterInput) { in.AutomatedSnapshotRetentionPeriod = aws.Int32(30) })
	if r := run(t, acct, Snapshots, "Redshift.3", sales, ""); r.State != asr.StateNothingToDo || string(r.Params) != `{"days":7}` {
		t.Errorf("the run ended %s with %s: %+v", r.State, r.Params, r.Error)
	}
}

func TestARetentionPeriodThatRedshiftRefusesIsSaid(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newCluster(t, acct, "big", func(in *redshift.CreateClusterInput) { in.NodeType = aws.String("ra3.4xlarge") })
	err := Snapshots.Write(t.Context(), acct.Config, remedy.On[retention]{Target: asr.Target{Name: "big"}}, snapshots{Days: 7}, snapshots{})
	if err = remedy.Judge(err); asr.Classify(err) != asr.CodeAWS {
		t.Errorf("got %v, want AWS's error", err)
	}
}

func TestDaysAreThoseThatRedshiftTakes(t *testing.T) {
	for days, ok := range map[int32]bool{0: false, 1: true, 35: true, 36: false, -1: false} {
		if err := Snapshots.Validate(remedy.On[retention]{Params: retention{days}}); (err == nil) != ok {
			t.Errorf("%d: %v", days, err)
		}
	}
}

func TestSnapshotsAreNeverKeptShorter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := snapshots{rapid.Int32Range(0, 35).Draw(t, "days"), rapid.SampledFrom([]string{"", "paused"}).Draw(t, "refusal")}
		on := remedy.On[retention]{Params: retention{rapid.Int32Range(1, 35).Draw(t, "asked")}}
		remedytest.Stable(t, Snapshots, on, now, "days")
		got, err := Snapshots.Want(on, now)
		if refused := err != nil; refused != (now.Refusal != "" && now.Days < on.Params.Days) || !refused && (got.Days < now.Days || got.Days < on.Params.Days) {
			t.Fatalf("%+v becomes %+v: %v", now, got, err)
		}
	})
}
