package rds

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"pgregory.net/rapid"
)

// newSnapshots makes snapshots of a database that is not encrypted.
func newSnapshots(t *testing.T, acct *remedytest.Account, names ...string) *rds.Client {
	api := rds.NewFromConfig(acct.Config)
	newInstance(t, acct, "db")
	for _, name := range names {
		_, err := api.CreateDBSnapshot(t.Context(), &rds.CreateDBSnapshotInput{
			DBInstanceIdentifier: aws.String("db"), DBSnapshotIdentifier: &name, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
		})
		remedytest.Must(t, name, err)
	}
	return api
}

// newClusterSnapshots makes snapshots of a cluster that is not encrypted.
func newClusterSnapshots(t *testing.T, acct *remedytest.Account, engine string, names ...string) *rds.Client {
	api, c := rds.NewFromConfig(acct.Config), newCluster(t, acct, "shop", engine)
	for _, name := range names {
		_, err := api.CreateDBClusterSnapshot(t.Context(), &rds.CreateDBClusterSnapshotInput{
			DBClusterIdentifier: c.DBClusterIdentifier, DBClusterSnapshotIdentifier: &name, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
		})
		remedytest.Must(t, name, err)
	}
	return api
}

func lookSnapshot(acct *remedytest.Account, name string) remedytest.View {
	return acct.Boto("rds", "describe_db_snapshots", map[string]any{"DBSnapshotIdentifier": name}, "DBSnapshots.0")
}

func lookClusterSnapshot(acct *remedytest.Account, name string) remedytest.View {
	return acct.Boto("rds", "describe_db_cluster_snapshots", map[string]any{"DBClusterSnapshotIdentifier": name}, "DBClusterSnapshots.0")
}

// becomes lists what boto3 sees when a snapshot goes and a copy of it comes:
// all of its fields, but for those that are the copy's own.
func becomes(t *testing.T, v remedytest.View, operation string, own map[string]string) []string {
	var was map[string]json.RawMessage
	remedytest.Must(t, v, json.Unmarshal(v.See(t), &was))
	seen := []string{operation + ".Error: none → ", operation + `2.Error: "`}
	for field, value := range was {
		seen = append(seen, operation+"."+field+": ")
		if _, other := own[field]; !other {
			seen = append(seen, operation+"2."+field+": none → "+string(value))
		}
	}
	for field, value := range own {
		seen = append(seen, operation+"2."+field+": none → "+value)
	}
	return seen
}

func deleteSnapshot(t *testing.T, api *rds.Client, name string) {
	_, err := api.DeleteDBSnapshot(t.Context(), &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: &name})
	remedytest.Must(t, name, err)
}

func TestEncryptSnapshot(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := newSnapshots(t, acct, "snap")
	newClusterSnapshots(t, acct, "aurora-mysql", "snap") // of the same name: they are apart
	made, clusterMade := acct.Expand(snapshot, "snap-encrypted"), acct.Expand(clusterSnapshot, "snap-encrypted")
	want := []string{"encrypted: false → true", "plain: true → false"}
	tags := []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}
	again := func() { // the plain snapshots are there, and no copies
		_, err := api.DeleteDBSnapshot(t.Context(), &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: aws.String("snap-encrypted")})
		remedytest.Must(t, 0, remedy.Unless(err, "DBSnapshotNotFound", "DBSnapshotNotFoundFault"))
		_, err = api.CreateDBSnapshot(t.Context(), &rds.CreateDBSnapshotInput{DBInstanceIdentifier: aws.String("db"), DBSnapshotIdentifier: aws.String("snap"), Tags: tags})
		remedytest.Must(t, 0, remedy.Unless(err, "DBSnapshotAlreadyExists", "DBSnapshotAlreadyExistsFault"))
	}
	clusterAgain := func() {
		automated, err := api.DescribeDBClusterSnapshots(t.Context(), &rds.DescribeDBClusterSnapshotsInput{SnapshotType: aws.String("automated")})
		for _, s := range remedytest.Must(t, automated, err).DBClusterSnapshots { // the emulator names them by the minute, so that a cluster can't be restored twice in one
			_, err := api.DeleteDBClusterSnapshot(t.Context(), &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: s.DBClusterSnapshotIdentifier})
			remedytest.Must(t, 0, err)
		}
		_, err = api.DeleteDBClusterSnapshot(t.Context(), &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: aws.String("snap-encrypted")})
		remedytest.Must(t, 0, remedy.Unless(err, "DBClusterSnapshotNotFoundFault", "DBClusterSnapshotNotFound"))
		_, err = api.CreateDBClusterSnapshot(t.Context(), &rds.CreateDBClusterSnapshotInput{DBClusterIdentifier: aws.String("shop"), DBClusterSnapshotIdentifier: aws.String("snap"), Tags: tags})
		remedytest.Must(t, 0, remedy.Unless(err, "DBClusterSnapshotAlreadyExistsFault"))
	}
	remedytest.Lifecycle(t, acct, EncryptSnapshot, remedytest.Case{
		Name: "an instance's", Control: "RDS.4", Resource: acct.Expand(snapshot, "snap"), Want: want, Made: []string{made}, Seed: again,
		View: lookSnapshot(acct, "snap").And(lookSnapshot(acct, "snap-encrypted")).And(lookClusterSnapshot(acct, "snap")),
		Seen: becomes(t, lookSnapshot(acct, "snap"), "describe_db_snapshots", map[string]string{
			"DBSnapshotIdentifier": `"snap-encrypted"`, "DBSnapshotArn": `"` + made + `"`, "Encrypted": "true", "SnapshotCreateTime": "", "KmsKeyId": "", "TagList": `[{"Key":"asr:run","Value":"r-`,
		}),
		Gone: func() {
			again() // whatever the last partial failure left
			deleteSnapshot(t, api, "snap")
		},
	}, remedytest.Case{
		Name: "a cluster's", Control: "RDS.4", Resource: acct.Expand(clusterSnapshot, "snap"), Want: want, Made: []string{clusterMade}, Seed: clusterAgain,
		View: lookClusterSnapshot(acct, "snap").And(lookClusterSnapshot(acct, "snap-encrypted")).And(lookCluster(acct, "snap-encrypted")), // which is there only meanwhile
		Seen: becomes(t, lookClusterSnapshot(acct, "snap"), "describe_db_cluster_snapshots", map[string]string{
			"DBClusterSnapshotIdentifier": `"snap-encrypted"`, "DBClusterSnapshotArn": `"` + clusterMade + `"`, "DBClusterIdentifier": `"snap-encrypted"`, "StorageEncrypted": "true",
			"SnapshotCreateTime": "", "ClusterCreateTime": "", "KmsKeyId": "", "TagList": `[{"Key":"asr:run","Value":"r-`,
		}),
		Gone: func() {
			clusterAgain()
			_, err := api.DeleteDBClusterSnapshot(t.Context(), &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: aws.String("snap")})
			remedytest.Must(t, 0, err)
		},
	})
}

// RDS refuses to copy a cluster's snapshot with a key, so it isn't asked to; and
// it is the snapshot itself that is deleted, last.
func TestAClusterSnapshotIsEncryptedByWayOfAClusterAndGoesLast(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newClusterSnapshots(t, acct, "aurora-mysql", "snap")
	r := remedytest.End(t, acct, EncryptSnapshot, remedytest.Case{Control: "RDS.4", Resource: acct.Expand(clusterSnapshot, "snap")})
	var calls []string
	for _, c := range acct.Sandbox.Calls() {
		if c.Account == acct.ID && !strings.HasPrefix(c.Operation, "Describe") {
			calls = append(calls, c.Operation)
		}
	}
	want := []string{"CreateDBCluster", "CreateDBClusterSnapshot", "RestoreDBClusterFromSnapshot", "CreateDBClusterSnapshot", "DeleteDBCluster", "DeleteDBClusterSnapshot"} // the first two are the test's
	if r.State != asr.StateVerified || !slices.Equal(calls, want) {
		t.Errorf("the run ended %s: %+v, after %v, want %v", r.State, r.Error, calls, want)
	}
}

func TestWhatADeadRunLeftIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newClusterSnapshots(t, acct, "aurora-mysql", "snap")
	c := remedytest.Case{Control: "RDS.4", Resource: acct.Expand(clusterSnapshot, "snap")}
	heal := acct.Sandbox.Fault(sandbox.Fault{Service: "rds", Operation: "CreateDBClusterSnapshot", Account: acct.ID, Code: "SnapshotQuotaExceeded"})
	if r := remedytest.End(t, acct, EncryptSnapshot, c); r.Error == nil || r.State == asr.StateVerified {
		t.Fatalf("without a snapshot the run ended %s", r.State)
	}
	heal()
	r := remedytest.End(t, acct, EncryptSnapshot, c)
	if r.State != asr.StateVerified || len(r.Plan.Changes) != 3 || r.Plan.Changes[2].String() != "restored: true → none" {
		t.Errorf("the run ended %s: %+v %+v", r.State, r.Plan, r.Error)
	}
	if seen := string(lookCluster(acct, "snap-encrypted").See(t)); !strings.Contains(seen, "DBClusterNotFound") {
		t.Errorf("the cluster stays: %s", seen)
	}
}

func TestARestoredClusterIsNotDeletedWhileItIsAllThatIsLeft(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := newClusterSnapshots(t, acct, "aurora-mysql", "snap")
	c := remedytest.Case{Control: "RDS.4", Resource: acct.Expand(clusterSnapshot, "snap")}
	on := remedy.On[key]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: "snap", ID: c.Resource}, Params: EncryptSnapshot.Controls["RDS.4"], Call: asr.Call{Run: "r-dead"}}
	remedytest.Must(t, 0, restoreCluster(t.Context(), acct.Config, on))
	_, err := api.DeleteDBClusterSnapshot(t.Context(), &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: aws.String("snap")})
	remedytest.Must(t, 0, err)
	if r := remedytest.End(t, acct, EncryptSnapshot, c); r.State != asr.StateVerified {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
	if seen := string(lookClusterSnapshot(acct, "snap-encrypted").See(t)); !strings.Contains(seen, `"StorageEncrypted":true`) {
		t.Errorf("the copy is %s", seen)
	}
}

// Not parallel: all of the emulator's RDS is slow meanwhile.
func TestSnapshotsAndClustersThatAreBeingMadeAreWaitedFor(t *testing.T) {
	acct := remedytest.NewAccount(t)
	newClusterSnapshots(t, acct, "aurora-mysql", "snap")
	acct.Sandbox.Slow(3)
	defer acct.Sandbox.Slow(0)
	if r := remedytest.End(t, acct, EncryptSnapshot, remedytest.Case{Control: "RDS.4", Resource: acct.Expand(clusterSnapshot, "snap")}); r.State != asr.StateVerified {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAClusterIsRestoredWithWhatTheSnapshotHas(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newClusterSnapshots(t, acct, "aurora-mysql", "snap")
	cfg, asked := remedytest.Asked[*rds.RestoreDBClusterFromSnapshotInput](acct.Config)
	on := remedy.On[key]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: "snap", ID: acct.Expand(clusterSnapshot, "snap")}, Params: key{"alias/aws/rds", "inside"}, Call: asr.Call{Run: "run-1"}}
	now, err := readCopies(t.Context(), cfg, on)
	err2 := writeCopies(t.Context(), cfg, on, remedytest.Must(t, now, err), copies{Encrypted: true})
	if err2 != nil || len(*asked) != 1 {
		t.Fatalf("asked %v, %v", *asked, err2)
	}
	in := (*asked)[0]
	if got := []string{*in.Engine, *in.EngineVersion, *in.KmsKeyId, *in.DBSubnetGroupName, *in.DBClusterIdentifier}; strings.Join(got, " ") != "aurora-mysql 5.7.mysql_aurora.2.07.2 alias/aws/rds inside snap-encrypted" {
		t.Errorf("restored with %v", got)
	}
}

func TestASnapshotOfTheRightNameIsNoProof(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := newSnapshots(t, acct, "snap", "other")
	_, err := api.CopyDBSnapshot(t.Context(), &rds.CopyDBSnapshotInput{SourceDBSnapshotIdentifier: aws.String("other"), TargetDBSnapshotIdentifier: aws.String("snap-encrypted"), KmsKeyId: aws.String("alias/aws/rds")})
	remedytest.Must(t, 0, err)
	refused(t, remedytest.End(t, acct, EncryptSnapshot, remedytest.Case{Control: "RDS.4", Resource: acct.Expand(snapshot, "snap")}), "snap-encrypted exists")
}

func TestAClusterOfTheRightNameIsNoProof(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newClusterSnapshots(t, acct, "aurora-mysql", "snap")
	newCluster(t, acct, "snap-encrypted", "aurora-mysql")
	refused(t, remedytest.End(t, acct, EncryptSnapshot, remedytest.Case{Control: "RDS.4", Resource: acct.Expand(clusterSnapshot, "snap")}), "a cluster snap-encrypted exists")
}

// Somebody has taken the cluster for one of their own: it stays, and the
// snapshot goes once there is a copy.
func TestARestoredClusterThatSomebodyUsesIsNotDeleted(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newClusterSnapshots(t, acct, "aurora-mysql", "snap")
	c := remedytest.Case{Control: "RDS.4", Resource: acct.Expand(clusterSnapshot, "snap")}
	on := remedy.On[key]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: "snap", ID: c.Resource}, Params: EncryptSnapshot.Controls["RDS.4"], Call: asr.Call{Run: "r-dead"}}
	remedytest.Must(t, 0, restoreCluster(t.Context(), acct.Config, on))
	used, err := restoredOf(t.Context(), acct.Config, on)
	newInstance(t, acct, "theirs", memberOf(*remedytest.Must(t, used, err)))
	refused(t, remedytest.End(t, acct, EncryptSnapshot, c), "a cluster snap-encrypted exists")
	remedytest.Must(t, 0, snapshotRestored(t.Context(), acct.Config, on))
	if r := remedytest.End(t, acct, EncryptSnapshot, c); r.State != asr.StateVerified || len(r.Plan.Changes) != 1 || r.Plan.Changes[0].String() != "plain: true → false" {
		t.Errorf("the run ended %s: %+v %+v", r.State, r.Plan, r.Error)
	}
	if seen := string(lookCluster(acct, "snap-encrypted").See(t)); !strings.Contains(seen, "theirs") {
		t.Errorf("the cluster is %s", seen)
	}
}

// RDS backs a new cluster up, and refuses other things of it meanwhile.
func TestWhatRDSIsBusyWithIsTriedAgain(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newClusterSnapshots(t, acct, "aurora-mysql", "snap")
	for operation, code := range map[string]string{"CreateDBClusterSnapshot": "InvalidDBClusterStateFault", "DeleteDBCluster": "InvalidDBClusterStateFault", "DeleteDBClusterSnapshot": "InvalidDBClusterSnapshotStateFault"} {
		acct.Sandbox.Fault(sandbox.Fault{Service: "rds", Operation: operation, Account: acct.ID, Code: code, Times: 2})
	}
	if r := remedytest.End(t, acct, EncryptSnapshot, remedytest.Case{Control: "RDS.4", Resource: acct.Expand(clusterSnapshot, "snap")}); r.State != asr.StateVerified {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestACopyHasAKey(t *testing.T) {
	t.Parallel()
	for params, ok := range map[key]bool{{Key: "alias/aws/rds"}: true, {}: false, {SubnetGroup: "inside"}: false} {
		if err := EncryptSnapshot.Validate(remedy.On[key]{Params: params}); (err == nil) != ok {
			t.Errorf("%+v: %v", params, err)
		}
	}
}

func TestACopyThatIsNotEncryptedIsNoProof(t *testing.T) {
	t.Parallel()
	on := asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1", Name: "snap", ID: "arn:aws:rds:eu-west-1:111111111111:snapshot:snap"}
	plain := &kept{}
	proof := types.Tag{Key: aws.String(sourceTag), Value: aws.String(identity(plain, on))}
	older := types.Tag{Key: aws.String(sourceTag), Value: aws.String(on.ID + "@2020-01-01T00:00:00Z")}
	other := types.Tag{Key: aws.String(sourceTag), Value: aws.String(on.ID + "2@2020-01-01T00:00:00Z")} // of snap2
	for name, tt := range map[string]struct {
		c, plain *kept
		want     bool
	}{
		"a copy":                    {&kept{Encrypted: true, Tags: []types.Tag{proof}}, plain, true},
		"not encrypted":             {&kept{Tags: []types.Tag{proof}}, plain, false},
		"failed":                    {&kept{Encrypted: true, Failed: true, Tags: []types.Tag{proof}}, plain, false},
		"no tag":                    {&kept{Encrypted: true}, plain, false},
		"of an earlier one":         {&kept{Encrypted: true, Tags: []types.Tag{older}}, plain, false},
		"of one that is gone":       {&kept{Encrypted: true, Tags: []types.Tag{older}}, nil, true},
		"of one with a longer name": {&kept{Encrypted: true, Tags: []types.Tag{other}}, nil, false},
		"there is none":             {nil, plain, false},
	} {
		if got := isCopy(tt.c, tt.plain, on); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestASecondRunTakesTheCopyOfTheFirstForWhatItIs(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newSnapshots(t, acct, "snap")
	c := remedytest.Case{Control: "RDS.4", Resource: acct.Expand(snapshot, "snap")}
	on := remedy.On[key]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: "snap", ID: c.Resource}, Params: EncryptSnapshot.Controls["RDS.4"], Call: asr.Call{Run: "r-dead"}}
	remedytest.Must(t, 0, copyInstance(t.Context(), acct.Config, on)) // and then the run died
	r := remedytest.End(t, acct, EncryptSnapshot, c)
	if r.State != asr.StateVerified || len(r.Plan.Changes) != 1 || r.Plan.Changes[0].String() != "plain: true → false" {
		t.Errorf("the run ended %s: %+v %+v", r.State, r.Plan, r.Error)
	}
}

func TestAnEncryptedSnapshotIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := newSnapshots(t, acct, "snap")
	_, err := api.CopyDBSnapshot(t.Context(), &rds.CopyDBSnapshotInput{SourceDBSnapshotIdentifier: aws.String("snap"), TargetDBSnapshotIdentifier: aws.String("safe"), KmsKeyId: aws.String("alias/aws/rds")})
	remedytest.Must(t, 0, err)
	if r := remedytest.End(t, acct, EncryptSnapshot, remedytest.Case{Control: "RDS.4", Resource: acct.Expand(snapshot, "safe")}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAutomatedSnapshotsAreRefusedBeforeACopyIsMade(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := newSnapshots(t, acct)
	newClusterSnapshots(t, acct, "aurora-mysql")
	own, err := api.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{SnapshotType: aws.String("automated")})
	clusters, err2 := api.DescribeDBClusterSnapshots(t.Context(), &rds.DescribeDBClusterSnapshotsInput{SnapshotType: aws.String("automated")})
	for _, arn := range []string{*remedytest.Must(t, own, err).DBSnapshots[0].DBSnapshotArn, *remedytest.Must(t, clusters, err2).DBClusterSnapshots[0].DBClusterSnapshotArn} {
		refused(t, remedytest.End(t, acct, EncryptSnapshot, remedytest.Case{Control: "RDS.4", Resource: arn}), "automated snapshots can't be deleted by hand")
	}
	after, err := api.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{})
	if n := len(remedytest.Must(t, after, err).DBSnapshots); n != 1 {
		t.Errorf("there are %d snapshots, want the one that RDS made", n)
	}
}

// RDS finds such a snapshot only if its type is told, and what made it alone
// can delete it. The emulator has none of AWS Backup's.
func TestSnapshotsOfAWSBackupAreFoundAndRefused(t *testing.T) {
	t.Parallel()
	const name = "awsbackup:job-00000000-0000-4000-8000-000000000000"
	cfg := answering(func(in any) any {
		switch in := in.(type) {
		case *rds.DescribeDBSnapshotsInput:
			if aws.ToString(in.SnapshotType) == "awsbackup" && *in.DBSnapshotIdentifier == name {
				return &rds.DescribeDBSnapshotsOutput{DBSnapshots: []types.DBSnapshot{{Status: aws.String("available"), Encrypted: aws.Bool(false)}}}
			}
			return &rds.DescribeDBSnapshotsOutput{}
		case *rds.DescribeDBClusterSnapshotsInput:
			if aws.ToString(in.SnapshotType) == "awsbackup" && *in.DBClusterSnapshotIdentifier == name {
				return &rds.DescribeDBClusterSnapshotsOutput{DBClusterSnapshots: []types.DBClusterSnapshot{{Status: aws.String("available"), StorageEncrypted: aws.Bool(false), Engine: aws.String("aurora-mysql")}}}
			}
			return &rds.DescribeDBClusterSnapshotsOutput{}
		}
		return &rds.DescribeDBClustersOutput{}
	})
	for _, kind := range []string{snapshot, clusterSnapshot} {
		target, err := EncryptSnapshot.Spec.Locate("111111111111", "eu-west-1", asr.Resource{ID: asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1", Name: name}.Expand(kind)})
		on := remedy.On[key]{Target: remedytest.Must(t, target, err)}
		if on.Target, err = EncryptSnapshot.Resolve(t.Context(), cfg, on); err != nil {
			t.Fatal(err)
		}
		now, err := EncryptSnapshot.Read(t.Context(), cfg, on)
		_, err2 := EncryptSnapshot.Want(on, remedytest.Must(t, now, err))
		if asr.Classify(err2) != asr.CodeRefused || !strings.Contains(err2.Error(), "AWS Backup") || !strings.Contains(asr.Advice(err2), "recovery point") {
			t.Errorf("%s: got %+v, %v, want a refusal", on.ID, now, err2)
		}
	}
}

func TestALongNameIsRefusedAndNotCut(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	fits, long := strings.Repeat("n", 53), strings.Repeat("n", 54) // with -encrypted 63 and 64
	newClusterSnapshots(t, acct, "aurora-mysql", fits, long)
	refused(t, remedytest.End(t, acct, EncryptSnapshot, remedytest.Case{Control: "RDS.4", Resource: acct.Expand(clusterSnapshot, long)}), "longer than 63 characters")
	if r := remedytest.End(t, acct, EncryptSnapshot, remedytest.Case{Control: "RDS.4", Resource: acct.Expand(clusterSnapshot, fits)}); r.State != asr.StateVerified {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestASnapshotThatCannotBeReplacedIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	at := func(pattern, name string) remedy.On[key] {
		t := asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1", Name: name}
		t.ID = t.Expand(pattern)
		return remedy.On[key]{Target: t}
	}
	aurora := kept{Engine: "aurora-postgresql", Mode: "provisioned"}
	for name, tt := range map[string]struct {
		on    remedy.On[key]
		plain kept
		other *kept
		way   origin
		want  string
	}{
		"an instance's":           {at(snapshot, "s"), kept{}, nil, nobody, ""},
		"a long name":             {at(snapshot, strings.Repeat("s", 246)), kept{}, nil, nobody, "the copy's name"},
		"failed":                  {at(snapshot, "s"), kept{Failed: true}, nil, nobody, "the snapshot has failed"},
		"taken":                   {at(snapshot, "s"), kept{}, &kept{}, nobody, "s-encrypted exists"},
		"Aurora":                  {at(clusterSnapshot, "s"), aurora, nil, nobody, ""},
		"Aurora, on the way":      {at(clusterSnapshot, "s"), aurora, nil, ours, ""},
		"a cluster is in the way": {at(clusterSnapshot, "s"), aurora, nil, theirs, "a cluster s-encrypted exists"},
		"Neptune":                 {at(clusterSnapshot, "s"), kept{Engine: "neptune"}, nil, nobody, ""},
		"DocumentDB":              {at(clusterSnapshot, "s"), kept{Engine: "docdb"}, nil, nobody, ""},
		"Multi-AZ":                {at(clusterSnapshot, "s"), kept{Engine: "mysql"}, nil, nobody, "a Multi-AZ cluster"},
		"serverless":              {at(clusterSnapshot, "s"), kept{Engine: "aurora-mysql", Mode: "serverless"}, nil, nobody, "the snapshot is of a cluster in engine mode serverless"},
	} {
		if why, do := obstacle(tt.on, &tt.plain, tt.other, tt.way); !strings.HasPrefix(why, tt.want) || (why == "") != (tt.want == "") || (why == "") != (do == "") {
			t.Errorf("%s: %q, %q, want %q", name, why, do, tt.want)
		}
	}
}

func TestTagsOfAWSAreNotGivenToACopy(t *testing.T) {
	t.Parallel()
	tag := func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }
	var got []string
	for _, g := range tagged([]types.Tag{tag("team", "a"), tag("aws:cloudformation:stack-id", "s"), tag("asr:run", "old")}, map[string]string{"asr:run": "new"}) {
		got = append(got, *g.Key+"="+*g.Value)
	}
	if strings.Join(got, " ") != "asr:run=new team=a" {
		t.Errorf("got %v", got)
	}
}

func TestSnapshotsOfBothKindsAreKnown(t *testing.T) {
	t.Parallel()
	const own = "arn:aws:rds:eu-west-1:111111111111:"
	for id, want := range map[string]string{
		own + "snapshot:a-b":           own + "snapshot:a-b",
		own + "snapshot:rds:shop-2026": own + "snapshot:rds:shop-2026",
		own + "cluster-snapshot:a-b":   own + "cluster-snapshot:a-b",
		own + "dbclustersnapshot:shop": own + "cluster-snapshot:shop", // as AWS Config writes it
		"arn:aws-us-gov:rds:us-gov-west-1:111111111111:cluster-snapshot:shop": "arn:aws-us-gov:rds:us-gov-west-1:111111111111:cluster-snapshot:shop",
		"arn:aws:rds:eu-west-1:222222222222:cluster-snapshot:shared":          "",
		"arn:aws:rds:eu-west-1:222222222222:snapshot:shared":                  "",
		own + "cluster:shop": "",
		own + "db:shop":      "",
		"shop":               "",
	} {
		for name, spec := range map[string]asr.Spec{"share": SnapshotsPrivate.Spec, "encrypt": EncryptSnapshot.Spec} {
			target, err := spec.Locate("111111111111", "eu-west-1", asr.Resource{ID: id})
			if err == nil {
				target, err = resolveSnapshot(t.Context(), aws.Config{}, remedy.On[none]{Target: target})
			}
			if err != nil && (want != "" || asr.Classify(err) != asr.CodeBadTarget) || err == nil && (target.ID != want || !strings.HasSuffix(want, ":"+target.Name) || arnOf(target) != want) {
				t.Errorf("%s %s: got %+v, %v, want %q", name, id, target, err, want)
			}
		}
	}
}

func TestASnapshotGoesOnlyIfACopyIsThere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Make[copies]().Draw(t, "state")
		remedytest.Stable(t, EncryptSnapshot, remedy.On[key]{}, now, "plain", "encrypted", "restored")
		to, err := EncryptSnapshot.Want(remedy.On[key]{}, now)
		if some := now.Plain || now.Encrypted || now.Restored; err == nil && (to.Plain || to.Restored || to.Encrypted != some) {
			t.Fatalf("%+v becomes %+v", now, to)
		}
	})
}
