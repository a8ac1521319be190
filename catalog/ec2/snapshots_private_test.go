package ec2

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// newSnapshots makes snapshots, sorted, the first n of them public and each
// shared with one account.
func newSnapshots(t *testing.T, acct *remedytest.Account, n, public int) (ids []string) {
	t.Helper()
	api := ec2.NewFromConfig(acct.Config)
	v, err := api.CreateVolume(t.Context(), &ec2.CreateVolumeInput{AvailabilityZone: aws.String("eu-west-1a"), Size: aws.Int32(1)})
	remedytest.Must(t, v, err)
	for range n {
		s, err := api.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: v.VolumeId})
		ids = append(ids, *remedytest.Must(t, s, err).SnapshotId)
	}
	slices.Sort(ids)
	for i, id := range ids {
		in := &ec2.ModifySnapshotAttributeInput{SnapshotId: &id, Attribute: types.SnapshotAttributeNameCreateVolumePermission, OperationType: types.OperationTypeAdd, UserIds: []string{"123456789012"}}
		_, err := api.ModifySnapshotAttribute(t.Context(), in)
		remedytest.Must(t, id, err)
		if i < public {
			remedytest.Must(t, id, share(t.Context(), api, id, types.OperationTypeAdd))
		}
	}
	return ids
}

// viewShares is who may restore the snapshots, group by group and account by account.
func viewShares(t *testing.T, acct *remedytest.Account, ids []string) map[string][]string {
	t.Helper()
	shares := map[string][]string{}
	for _, id := range ids {
		out, err := ec2.NewFromConfig(acct.Config).DescribeSnapshotAttribute(t.Context(), &ec2.DescribeSnapshotAttributeInput{SnapshotId: &id, Attribute: "createVolumePermission"})
		if remedy.Is(err, "InvalidSnapshot.NotFound") {
			continue
		}
		for _, p := range remedytest.Must(t, out, err).CreateVolumePermissions {
			shares[id] = append(shares[id], string(p.Group)+aws.ToString(p.UserId))
		}
		slices.Sort(shares[id])
	}
	return shares
}

func TestSnapshotsPrivate(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	ids := newSnapshots(t, acct, 4, 2)
	want := []string{`snapshots.` + ids[0] + `: "public" → none`, `snapshots.` + ids[1] + `: "public" → none`}
	look := func(i int) remedytest.View {
		return acct.Boto("ec2", "describe_snapshot_attribute", map[string]any{"SnapshotId": ids[i], "Attribute": "createVolumePermission"}, "")
	}
	view := look(0).And(look(1)).And(look(2)).And(look(3))
	remedytest.Lifecycle(t, acct, SnapshotsPrivate, remedytest.Case{
		Control: "EC2.1", Want: want, View: view,
		Seen: []string{ // and all accounts keep their shares
			`describe_snapshot_attribute.CreateVolumePermissions[]: {"Group":"all"} → none`,
			`describe_snapshot_attribute2.CreateVolumePermissions[]: {"Group":"all"} → none`,
		},
	}, remedytest.Case{
		Name: "another snapshot is shared meanwhile", Control: "EC2.1", Want: want,
		Meanwhile: func() {
			_, err := ec2.NewFromConfig(acct.Config).ModifySnapshotAttribute(t.Context(), &ec2.ModifySnapshotAttributeInput{SnapshotId: &ids[2], OperationType: types.OperationTypeAdd, UserIds: []string{"210987654321"}})
			remedytest.Must(t, ids, err)
		},
	})
}

func TestWithoutPublicSnapshotsThereIsNothingToDo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newSnapshots(t, acct, 2, 0)
	if r := ended(t, acct, SnapshotsPrivate, "EC2.1", ""); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAListOfAllSnapshotsIsReadLikeOneOfPublicSnapshots(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	ids := newSnapshots(t, acct, 4, 3)
	all := tap(acct.Config, func(in, out any) error {
		if in, ok := in.(*ec2.DescribeSnapshotsInput); ok && out == nil {
			in.RestorableByUserIds = nil
		}
		return nil
	})
	listed := func(listed []types.Snapshot, want bool) (some []types.Snapshot) {
		for _, s := range listed {
			if (*s.SnapshotId == ids[0]) == want {
				some = append(some, s)
			}
		}
		return some
	}
	paged := tap(acct.Config, func(in, out any) error {
		got, ok := out.(*ec2.DescribeSnapshotsOutput)
		if !ok {
			return nil
		}
		if first := in.(*ec2.DescribeSnapshotsInput).NextToken == nil; first {
			got.Snapshots, got.NextToken = listed(got.Snapshots, true), aws.String("next")
		} else {
			got.Snapshots = listed(got.Snapshots, false)
		}
		return nil
	})
	want := map[string]string{ids[0]: "public", ids[1]: "public", ids[2]: "public"}
	for name, cfg := range map[string]aws.Config{"filtered": acct.Config, "not filtered": all, "in two pages": paged} {
		got, err := SnapshotsPrivate.Read(t.Context(), cfg, remedy.On[none]{})
		if diff := cmp.Diff(want, got.Snapshots); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", name, err, diff)
		}
	}
}

func TestASnapshotThatIsDeletedWhileItIsReadIsNotPublic(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	ids := newSnapshots(t, acct, 2, 2)
	api := ec2.NewFromConfig(acct.Config)
	cfg := tap(acct.Config, func(_, out any) error {
		if _, ok := out.(*ec2.DescribeSnapshotsOutput); ok {
			_, err := api.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &ids[0]})
			return err
		}
		return nil
	})
	got, err := SnapshotsPrivate.Read(t.Context(), cfg, remedy.On[none]{})
	if diff := cmp.Diff(map[string]string{ids[1]: "public"}, got.Snapshots); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	from := sharing{map[string]string{ids[0]: "public", ids[1]: "public"}}
	if err := SnapshotsPrivate.Write(t.Context(), acct.Config, remedy.On[none]{}, from, sharing{}); err != nil {
		t.Errorf("to make private what is gone fails: %v", err)
	}
	if err := SnapshotsPrivate.Write(t.Context(), acct.Config, remedy.On[none]{}, sharing{}, from); !remedy.Is(err, "InvalidSnapshot.NotFound") {
		t.Errorf("to make public what is gone: %v, want AWS's error", err)
	}
	if diff := cmp.Diff(map[string][]string{ids[1]: {"123456789012", "all"}}, viewShares(t, acct, ids)); diff != "" {
		t.Errorf("undo stopped at what is gone (-want +got)\n%s", diff)
	}
}

func TestASnapshotThatCantBeMadePrivateFailsTheWriteAfterTheOthers(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	ids := newSnapshots(t, acct, 2, 2)
	cfg := tap(acct.Config, func(in, _ any) error {
		if in, ok := in.(*ec2.ModifySnapshotAttributeInput); ok && *in.SnapshotId == ids[0] {
			return &smithy.GenericAPIError{Code: "UnauthorizedOperation"}
		}
		return nil
	})
	now, err := SnapshotsPrivate.Read(t.Context(), cfg, remedy.On[none]{})
	err = errors.Join(err, remedy.Judge(SnapshotsPrivate.Write(t.Context(), cfg, remedy.On[none]{}, now, sharing{})))
	if asr.Classify(err) != asr.CodeDenied {
		t.Errorf("got %v, want access_denied", err)
	}
	if diff := cmp.Diff(map[string][]string{ids[0]: {"123456789012", "all"}, ids[1]: {"123456789012"}}, viewShares(t, acct, ids)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSharesWithSingleAccountsStay(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	ids := newSnapshots(t, acct, 2, 1)
	if r := ended(t, acct, SnapshotsPrivate, "EC2.1", ""); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	if diff := cmp.Diff(map[string][]string{ids[0]: {"123456789012"}, ids[1]: {"123456789012"}}, viewShares(t, acct, ids)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestARunThatCouldNotMakeASnapshotPrivateTriesItOnceMore(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	ids := newSnapshots(t, acct, 2, 2)
	defer acct.Sandbox.Fault(sandbox.Fault{Service: "ec2", Operation: "ModifySnapshotAttribute", Account: acct.ID, Code: "UnauthorizedOperation", Status: 403, Times: 1})()
	if r := ended(t, acct, SnapshotsPrivate, "EC2.1", ""); r.State != asr.StateVerified || r.Writes != 2 {
		t.Errorf("the run ended %s after %d writes: %+v", r.State, r.Writes, r.Error)
	}
	if diff := cmp.Diff(map[string][]string{ids[0]: {"123456789012"}, ids[1]: {"123456789012"}}, viewShares(t, acct, ids)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A list without a filter would be one of everybody's public snapshots.
func TestNobodyElsesSnapshotsAreEverListed(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	lists := 0
	cfg := tap(acct.Config, func(in, out any) error {
		if in, ok := in.(*ec2.DescribeSnapshotsInput); ok && out == nil {
			lists++
			if !slices.Equal(in.OwnerIds, []string{"self"}) || !slices.Equal(in.RestorableByUserIds, []string{"all"}) {
				t.Errorf("snapshots of %v that %v may restore are listed", in.OwnerIds, in.RestorableByUserIds)
			}
		}
		return nil
	})
	now, err := SnapshotsPrivate.Read(t.Context(), cfg, remedy.On[none]{})
	if err = errors.Join(err, SnapshotsPrivate.Write(t.Context(), cfg, remedy.On[none]{}, now, now)); err != nil || lists == 0 {
		t.Errorf("%d lists, %v", lists, err)
	}
}

func TestNoParameterTurnsATestModeOn(t *testing.T) {
	on := asr.On{Target: asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1"}, Params: json.RawMessage(`{"testmode":true}`)}
	if err := remedy.Bind(SnapshotsPrivate, nil).Check(on); asr.Classify(err) != asr.CodeBadParams {
		t.Errorf("got %v, want bad parameters", err)
	}
}

func TestPrivateSnapshotsAreStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOf(rapid.StringMatching(`snap-[0-9a-f]{17}`)).Draw(t, "ids")
		s := sharing{map[string]string{}}
		for _, id := range ids {
			s.Snapshots[id] = "public"
		}
		remedytest.Stable(t, SnapshotsPrivate, remedy.On[none]{}, s, "snapshots")
	})
}
