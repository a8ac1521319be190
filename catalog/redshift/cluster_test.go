package redshift

import (
	"reflect"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
	"github.com/aws/aws-sdk-go-v2/service/redshift/types"
)

// newCluster makes a cluster that is right in nothing; more says otherwise.
func newCluster(t *testing.T, acct *remedytest.Account, name string, more func(*redshift.CreateClusterInput)) string {
	t.Helper()
	in := &redshift.CreateClusterInput{
		ClusterIdentifier: &name, NodeType: aws.String("dc2.large"), MasterUsername: aws.String("root"), MasterUserPassword: aws.String("Secret99"),
		PubliclyAccessible: aws.Bool(true), AllowVersionUpgrade: aws.Bool(false), Port: aws.Int32(5440), EnhancedVpcRouting: aws.Bool(true),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("sales")}},
	}
	if more != nil {
		more(in)
	}
	_, err := redshift.NewFromConfig(acct.Config).CreateCluster(t.Context(), in)
	remedytest.Must(t, 0, err)
	return acct.Expand(cluster, name)
}

func view(acct *remedytest.Account, name string) remedytest.View {
	return acct.Boto("redshift", "describe_clusters", map[string]any{"ClusterIdentifier": name}, "Clusters.0")
}

// change is what somebody else does, until it is done.
func change(t *testing.T, acct *remedytest.Account, in redshift.ModifyClusterInput) func() {
	return func() {
		t.Helper()
		_, err := redshift.NewFromConfig(acct.Config).ModifyCluster(t.Context(), &in)
		for range 3 {
			remedytest.Must(t, 0, err)
			_, err = redshift.NewFromConfig(acct.Config).DescribeClusters(t.Context(), &redshift.DescribeClustersInput{ClusterIdentifier: in.ClusterIdentifier})
		}
	}
}

func drop(t *testing.T, acct *remedytest.Account, name string) func() {
	return func() {
		_, err := redshift.NewFromConfig(acct.Config).DeleteCluster(t.Context(), &redshift.DeleteClusterInput{ClusterIdentifier: &name, SkipFinalClusterSnapshot: aws.Bool(true)})
		remedytest.Must(t, 0, err)
	}
}

// run drives one run to its end.
func run[P, S any](t *testing.T, acct *remedytest.Account, u remedy.Unit[P, S], control, resource, params string) asr.Run {
	t.Helper()
	return remedytest.End(t, acct, u, remedytest.Case{Control: control, Resource: resource, Params: params})
}

// refused checks that a run ended with a refusal that says these words.
func refused(t *testing.T, r asr.Run, words string) {
	t.Helper()
	if r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, words) || r.Error.Do == "" {
		t.Errorf("the run ended %s: %+v, want a refusal that says %q", r.State, r.Error, words)
	}
}

func TestClustersAreKnownByTheirARNsInEveryPartition(t *testing.T) {
	for id, known := range map[string]bool{
		"arn:aws:redshift:eu-west-1:111111111111:cluster:sales":                true,
		"arn:aws-cn:redshift:cn-north-1:111111111111:cluster:sales":            true,
		"arn:aws-us-gov:redshift:us-gov-west-1:111111111111:cluster:sales":     true,
		"arn:aws:redshift:eu-west-1:222222222222:cluster:sales":                false,
		"arn:aws:redshift:eu-west-1:111111111111:namespace:0000-1111":          false,
		"arn:aws:redshift-serverless:eu-west-1:111111111111:namespace/0000":    false,
		"arn:aws:redshift-serverless:eu-west-1:111111111111:workgroup/0000":    false,
		"arn:aws:redshift:eu-west-1:111111111111:snapshot:sales/rs:sales-2026": false,
		"sales": false,
	} {
		got, err := NotPublic.Spec.Locate("111111111111", "eu-west-1", asr.Resource{ID: id})
		if (err == nil) != known || known && (got.Name != "sales" || got.ID != id) {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
}

func TestSettled(t *testing.T) {
	const moves, stays, works = "moves", "stays", "works"
	for status, want := range map[string]string{
		"available": works, "modifying": moves, "available, prep-for-resize": moves, "available, resize-cleanup": moves, "rebooting": moves, "deleting": moves, "rotating-keys": moves,
		"paused": stays, "storage-full": stays, "hardware-failure": stays, "incompatible-network": stays, "incompatible-restore": stays,
	} {
		stuck, err := settled(status)
		if got := map[bool]string{true: works}[stuck == "" && err == nil] + map[bool]string{true: moves}[err == asr.ErrSettling] + map[bool]string{true: stays}[stuck != ""]; got != want {
			t.Errorf("%s: it %s, want %s", status, got, want)
		}
	}
}

func TestAPausedClusterIsRefusedUnlessItIsRight(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	wrong := newCluster(t, acct, "wrong", nil)
	right := newCluster(t, acct, "right", func(in *redshift.CreateClusterInput) {
		in.PubliclyAccessible, in.AllowVersionUpgrade, in.AutomatedSnapshotRetentionPeriod = aws.Bool(false), aws.Bool(true), aws.Int32(35)
	})
	for _, name := range []string{"wrong", "right"} {
		_, err := redshift.NewFromConfig(acct.Config).PauseCluster(t.Context(), &redshift.PauseClusterInput{ClusterIdentifier: &name})
		remedytest.Must(t, 0, err)
	}
	refused(t, run(t, acct, NotPublic, "Redshift.1", wrong, ""), "paused")
	refused(t, run(t, acct, Snapshots, "Redshift.3", wrong, ""), "paused")
	refused(t, run(t, acct, AuditLogging, "Redshift.4", wrong, ""), "paused")
	refused(t, run(t, acct, VersionUpgrades, "Redshift.6", wrong, ""), "paused")
	for control, r := range map[string]asr.Run{
		"Redshift.1": run(t, acct, NotPublic, "Redshift.1", right, ""), "Redshift.3": run(t, acct, Snapshots, "Redshift.3", right, ""),
		"Redshift.6": run(t, acct, VersionUpgrades, "Redshift.6", right, ""),
	} {
		if r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v", control, r.State, r.Error)
		}
	}
}

func TestUndoIsRefusedWhileTheClusterIsPaused(t *testing.T) {
	const stuck = "the cluster is in state paused"
	on := remedy.On[none]{}
	for name, err := range map[string]error{
		"public":    NotPublic.Write(t.Context(), aws.Config{}, on, reach{Refusal: stuck}, reach{Public: true}),
		"snapshots": Snapshots.Write(t.Context(), aws.Config{}, remedy.On[retention]{}, snapshots{Refusal: stuck}, snapshots{}),
		"logging":   AuditLogging.Write(t.Context(), aws.Config{}, remedy.On[logTo]{}, logging{Refusal: stuck}, logging{}),
		"upgrades":  VersionUpgrades.Write(t.Context(), aws.Config{}, on, upgrades{Refusal: stuck}, upgrades{}),
	} {
		if asr.Classify(err) != asr.CodeRefused {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
}

func TestAClusterThatRedshiftIsNotReadyToModifyIsWaitedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for _, operation := range []string{"ModifyCluster", "EnableLogging"} {
		defer acct.Sandbox.Fault(sandbox.Fault{Service: "redshift", Operation: operation, Account: acct.ID, Code: "InvalidClusterState"})()
	}
	target := asr.Target{Name: "sales"}
	if err := NotPublic.Write(t.Context(), acct.Config, remedy.On[none]{Target: target}, reach{Public: true}, reach{}); err != asr.ErrSettling {
		t.Errorf("ModifyCluster: %v, want it to settle", err)
	}
	at := logging{Bucket: "b", Private: true, Delivery: true}
	to := at
	to.Target = "b"
	if err := AuditLogging.Write(t.Context(), acct.Config, remedy.On[logTo]{Target: target}, at, to); err != asr.ErrSettling {
		t.Errorf("EnableLogging: %v, want it to settle", err)
	}
}

func TestOnlyWhatAFixIsAboutIsAskedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newCluster(t, acct, "sales", nil)
	name := aws.String("sales")
	target := asr.Target{Name: *name}
	for what, row := range map[string]struct {
		write func(aws.Config) error
		want  redshift.ModifyClusterInput
	}{
		"public": {func(cfg aws.Config) error {
			return NotPublic.Write(t.Context(), cfg, remedy.On[none]{Target: target}, reach{Public: true}, reach{})
		}, redshift.ModifyClusterInput{ClusterIdentifier: name, PubliclyAccessible: aws.Bool(false)}},
		"snapshots": {func(cfg aws.Config) error {
			return Snapshots.Write(t.Context(), cfg, remedy.On[retention]{Target: target}, snapshots{}, snapshots{Days: 7})
		}, redshift.ModifyClusterInput{ClusterIdentifier: name, AutomatedSnapshotRetentionPeriod: aws.Int32(7)}},
		"upgrades": {func(cfg aws.Config) error {
			return VersionUpgrades.Write(t.Context(), cfg, remedy.On[none]{Target: target}, upgrades{}, upgrades{Allowed: true})
		}, redshift.ModifyClusterInput{ClusterIdentifier: name, AllowVersionUpgrade: aws.Bool(true)}},
	} {
		cfg, asked := remedytest.Asked[*redshift.ModifyClusterInput](acct.Config)
		if err := row.write(cfg); err != asr.ErrSettling { // nobody may take "available" for done
			t.Errorf("%s: %v, want it to settle", what, err)
		}
		if len(*asked) != 1 || !reflect.DeepEqual(*(*asked)[0], row.want) {
			t.Errorf("%s: asked %+v", what, *(*asked)[0])
		}
	}
}
