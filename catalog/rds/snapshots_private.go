package rds

import (
	"context"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

const everybody = "all"

// SnapshotsPrivate takes everybody's right to restore a snapshot away, be it an
// instance's or a cluster's, of Neptune or DocumentDB too. Only "all" is taken
// out of the list; the accounts in it aren't touched.
var SnapshotsPrivate = remedy.Unit[none, openness]{
	Spec: asr.Spec{
		ID: "rds-snapshots-private", Version: 1,
		Title:  "Make RDS snapshots private",
		Impact: "Other accounts can't copy or restore the snapshot of the instance or cluster any more, unless it is shared with them by name. What they have copied already is theirs.",
		Risk:   asr.RiskMedium, RiskWhy: "who uses a snapshot that is public on purpose loses it",
		Scope: asr.ScopeResource, Resources: []string{snapshot}, Internal: clusterSnapshotID,
		Reads:  []asr.Grant{asr.Allow(snapshot, "rds:DescribeDBSnapshotAttributes"), asr.Allow(clusterSnapshot, "rds:DescribeDBClusterSnapshotAttributes")},
		Writes: []asr.Grant{asr.Allow(snapshot, "rds:ModifyDBSnapshotAttribute"), asr.Allow(clusterSnapshot, "rds:ModifyDBClusterSnapshotAttribute")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]none{"RDS.1": {}},
	Resolve:  resolveSnapshot[none],
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (now openness, err error) {
		if now.Public, err = isPublic(ctx, cfg, on.Target); strings.Contains(on.Name, ":") {
			now.Refusal = "RDS doesn't change the sharing of snapshots that it or AWS Backup has made"
		}
		return now, err
	},
	Want: keepPrivate("delete the snapshot where it was made: in AWS Backup, or with its instance"),
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to openness) error {
		var add, remove []string
		if to.Public {
			add = []string{everybody}
		} else {
			remove = []string{everybody}
		}
		api, restore := rds.NewFromConfig(cfg), aws.String("restore")
		if ofCluster(on.Target) {
			_, err := api.ModifyDBClusterSnapshotAttribute(ctx, &rds.ModifyDBClusterSnapshotAttributeInput{
				DBClusterSnapshotIdentifier: &on.Name, AttributeName: restore, ValuesToAdd: add, ValuesToRemove: remove,
			})
			return err
		}
		_, err := api.ModifyDBSnapshotAttribute(ctx, &rds.ModifyDBSnapshotAttributeInput{
			DBSnapshotIdentifier: &on.Name, AttributeName: restore, ValuesToAdd: add, ValuesToRemove: remove,
		})
		return err
	},
}

// isPublic reports whether everybody may restore a snapshot.
func isPublic(ctx context.Context, cfg aws.Config, t asr.Target) (bool, error) {
	api := rds.NewFromConfig(cfg)
	if ofCluster(t) {
		out, err := api.DescribeDBClusterSnapshotAttributes(ctx, &rds.DescribeDBClusterSnapshotAttributesInput{DBClusterSnapshotIdentifier: &t.Name})
		if err != nil || out.DBClusterSnapshotAttributesResult == nil {
			return false, remedy.Gone(err, noClusterSnapshot...)
		}
		return slices.ContainsFunc(out.DBClusterSnapshotAttributesResult.DBClusterSnapshotAttributes, func(a types.DBClusterSnapshotAttribute) bool {
			return aws.ToString(a.AttributeName) == "restore" && slices.Contains(a.AttributeValues, everybody)
		}), nil
	}
	out, err := api.DescribeDBSnapshotAttributes(ctx, &rds.DescribeDBSnapshotAttributesInput{DBSnapshotIdentifier: &t.Name})
	if err != nil || out.DBSnapshotAttributesResult == nil {
		return false, remedy.Gone(err, noSnapshot...)
	}
	return slices.ContainsFunc(out.DBSnapshotAttributesResult.DBSnapshotAttributes, func(a types.DBSnapshotAttribute) bool {
		return aws.ToString(a.AttributeName) == "restore" && slices.Contains(a.AttributeValues, everybody)
	}), nil
}
