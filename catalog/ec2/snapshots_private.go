package ec2

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const (
	snapshots = "arn:{partition}:ec2:{region}::snapshot/*" // AWS leaves the account out
	everybody = "all"
)

// sharing is what an account shares with everybody in one Region.
type sharing struct {
	Snapshots map[string]string `json:"snapshots"` // by their ids: "public"
}

// SnapshotsPrivate takes everybody's right to restore EBS snapshots away.
var SnapshotsPrivate = remedy.Unit[none, sharing]{
	Spec: asr.Spec{
		ID: "ec2-snapshots-private", Version: 1,
		Title:  "Make EBS snapshots private",
		Impact: "All public snapshots of the account in this Region become private: other accounts can't copy or restore them any more, also those that were made public on purpose. Shares with single accounts stay. What others have copied already is theirs.",
		Risk:   asr.RiskMedium, RiskWhy: "who uses a snapshot that is public on purpose loses it",
		Scope:  asr.ScopeRegion,
		Reads:  []asr.Grant{asr.Allow("*", "ec2:DescribeSnapshots"), asr.Allow(snapshots, "ec2:DescribeSnapshotAttribute")},
		Writes: []asr.Grant{asr.Allow(snapshots, "ec2:ModifySnapshotAttribute")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]none{"EC2.1": {}},
	Read:     readSharing,
	Want: func(remedy.On[none], sharing) (sharing, error) {
		return sharing{map[string]string{}}, nil // empty, not nil: a change for each snapshot
	},
	Write: writeSharing,
}

// readSharing asks each snapshot itself: the list may be a little behind.
func readSharing(ctx context.Context, cfg aws.Config, _ remedy.On[none]) (sharing, error) {
	s, api := sharing{map[string]string{}}, ec2.NewFromConfig(cfg)
	pages := ec2.NewDescribeSnapshotsPaginator(api, &ec2.DescribeSnapshotsInput{
		OwnerIds: []string{"self"}, RestorableByUserIds: []string{everybody}, MaxResults: aws.Int32(1000),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return s, err
		}
		for _, found := range page.Snapshots {
			id := aws.ToString(found.SnapshotId)
			public, err := isPublic(ctx, api, id)
			if err != nil {
				return s, err
			}
			if public {
				s.Snapshots[id] = "public"
			}
		}
	}
	return s, nil
}

func isPublic(ctx context.Context, api *ec2.Client, id string) (bool, error) {
	out, err := api.DescribeSnapshotAttribute(ctx, &ec2.DescribeSnapshotAttributeInput{SnapshotId: &id, Attribute: types.SnapshotAttributeNameCreateVolumePermission})
	if err != nil {
		return false, remedy.Unless(err, "InvalidSnapshot.NotFound") // deleted since it was listed
	}
	return slices.ContainsFunc(out.CreateVolumePermissions, func(p types.CreateVolumePermission) bool { return p.Group == everybody }), nil
}

// writeSharing goes on past a snapshot that it can't change, and fails then.
func writeSharing(ctx context.Context, cfg aws.Config, _ remedy.On[none], from, to sharing) (err error) {
	api := ec2.NewFromConfig(cfg)
	for _, id := range slices.Sorted(maps.Keys(from.Snapshots)) {
		if _, stays := to.Snapshots[id]; !stays {
			gone := remedy.Unless(share(ctx, api, id, types.OperationTypeRemove), "InvalidSnapshot.NotFound")
			err = errors.Join(err, gone)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(to.Snapshots)) {
		if _, was := from.Snapshots[id]; !was {
			err = errors.Join(err, share(ctx, api, id, types.OperationTypeAdd))
		}
	}
	return err
}

// share adds everybody to those who may restore a snapshot, or removes them,
// and leaves the accounts among them alone.
func share(ctx context.Context, api *ec2.Client, id string, op types.OperationType) error {
	_, err := api.ModifySnapshotAttribute(ctx, &ec2.ModifySnapshotAttributeInput{
		SnapshotId: &id, Attribute: types.SnapshotAttributeNameCreateVolumePermission, OperationType: op, GroupNames: []string{everybody},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	return nil
}
