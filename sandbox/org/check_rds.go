package org

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

func fromRDS(list []rdstypes.Tag) tags {
	return gather(list, func(t rdstypes.Tag) (key, value *string) { return t.Key, t.Value })
}

// everyDatabase judges the RDS instances.
func everyDatabase(passes func(rdstypes.DBInstance) bool) check {
	return func(ctx context.Context, s *spot) ([]verdict, error) {
		all, err := recall(s, "databases", func() ([]rdstypes.DBInstance, error) {
			p := rds.NewDescribeDBInstancesPaginator(rds.NewFromConfig(s.Config), &rds.DescribeDBInstancesInput{})
			return collect(ctx, p, func(o *rds.DescribeDBInstancesOutput) []rdstypes.DBInstance { return o.DBInstances })
		})
		return judge(all, func(d rdstypes.DBInstance) verdict {
			return verdict{aws.ToString(d.DBInstanceArn), passes(d), fromRDS(d.TagList)}
		}), err
	}
}

func databasesPrivate() check {
	return everyDatabase(func(d rdstypes.DBInstance) bool { return !aws.ToBool(d.PubliclyAccessible) })
}

// severalZones leaves Aurora out, whose clusters have them.
func severalZones() check {
	return everyDatabase(func(d rdstypes.DBInstance) bool {
		return aws.ToBool(d.MultiAZ) || strings.HasPrefix(aws.ToString(d.Engine), "aurora")
	})
}

func snapshotsEncrypted(ctx context.Context, s *spot) ([]verdict, error) {
	p := rds.NewDescribeDBSnapshotsPaginator(rds.NewFromConfig(s.Config), &rds.DescribeDBSnapshotsInput{})
	all, err := collect(ctx, p, func(o *rds.DescribeDBSnapshotsOutput) []rdstypes.DBSnapshot { return o.DBSnapshots })
	return judge(all, func(d rdstypes.DBSnapshot) verdict {
		return verdict{aws.ToString(d.DBSnapshotArn), aws.ToBool(d.Encrypted), fromRDS(d.TagList)}
	}), err
}
