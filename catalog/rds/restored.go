package rds

import (
	"context"

	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// findRestored looks whose the cluster is that has the copy's name.
func findRestored(ctx context.Context, cfg aws.Config, on remedy.On[key], plain *kept) (origin, error) {
	if !ofCluster(on.Target) {
		return nobody, nil
	}
	c, err := restoredOf(ctx, cfg, on)
	if err != nil || c == nil {
		return nobody, err
	}
	if !stemsFrom(c.TagList, plain, on.Target) {
		return theirs, nil
	}
	stuck, err := settled(aws.ToString(c.Status))
	if err == nil && (stuck != "" || !aws.ToBool(c.StorageEncrypted) || len(c.DBClusterMembers) > 0) { // with instances, somebody uses it
		return theirs, nil
	}
	return ours, err
}

func restoredOf(ctx context.Context, cfg aws.Config, on remedy.On[key]) (*types.DBCluster, error) {
	out, err := rds.NewFromConfig(cfg).DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String(on.Name + suffix)})
	if err != nil || len(out.DBClusters) == 0 {
		return nil, remedy.Unless(err, "DBClusterNotFoundFault", "DBClusterNotFound")
	}
	return &out.DBClusters[0], nil
}

// restoreCluster restores a cluster's snapshot to an encrypted cluster of the
// same engine version, and of no instances.
func restoreCluster(ctx context.Context, cfg aws.Config, on remedy.On[key]) error {
	plain, err := find(ctx, cfg, on.Target, on.Name)
	if err != nil || plain == nil {
		return err
	}
	in := &rds.RestoreDBClusterFromSnapshotInput{
		SnapshotIdentifier: &on.Name, DBClusterIdentifier: aws.String(on.Name + suffix),
		Engine: &plain.Engine, EngineVersion: &plain.Version, KmsKeyId: &on.Params.Key, Tags: tagged(plain.Tags, descent(on, plain)),
		DeletionProtection: aws.Bool(false),
	}
	if on.Params.SubnetGroup != "" {
		in.DBSubnetGroupName = &on.Params.SubnetGroup
	}
	_, err = rds.NewFromConfig(cfg).RestoreDBClusterFromSnapshot(ctx, in)
	return remedy.Unless(err, "DBClusterAlreadyExistsFault")
}

// snapshotRestored makes the copy, with what the restored cluster has of tags:
// the plain snapshot may have been deleted meanwhile.
func snapshotRestored(ctx context.Context, cfg aws.Config, on remedy.On[key]) error {
	c, err := restoredOf(ctx, cfg, on)
	if err != nil || c == nil {
		return err
	}
	_, err = rds.NewFromConfig(cfg).CreateDBClusterSnapshot(ctx, &rds.CreateDBClusterSnapshotInput{
		DBClusterIdentifier: c.DBClusterIdentifier, DBClusterSnapshotIdentifier: aws.String(on.Name + suffix), Tags: tagged(c.TagList, on.Call.Tags()),
	})
	return remedy.Unless(err, "DBClusterSnapshotAlreadyExistsFault")
}

// deleteRestored deletes the cluster that was restored. RDS refuses it of one
// that somebody has given instances meanwhile.
func deleteRestored(ctx context.Context, cfg aws.Config, on remedy.On[key]) error {
	_, err := rds.NewFromConfig(cfg).DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: aws.String(on.Name + suffix), SkipFinalSnapshot: aws.Bool(true)})
	return remedy.Unless(err, "DBClusterNotFoundFault", "DBClusterNotFound")
}
