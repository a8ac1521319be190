package rds

import (
	"context"
	"regexp"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

const (
	cluster    = "arn:{partition}:rds:{region}:{account}:cluster:{name}" // of Neptune and DocumentDB too
	anyCluster = "arn:{partition}:rds:{region}:{account}:cluster:*"      // a cluster is looked up by its resource ID among all
)

// clusterID is what RDS calls a cluster for ever, and some findings do too,
// alone or in an ARN of AWS Config's making.
var clusterID = regexp.MustCompile(`^(arn:aws[a-z-]*:rds:[a-z0-9-]+:\d{12}:dbcluster:)?cluster-[A-Z0-9]{4,64}$`)

// resolveCluster finds the cluster that has a resource ID.
func resolveCluster[P any](ctx context.Context, cfg aws.Config, on remedy.On[P]) (asr.Target, error) {
	t := on.Target
	if t.Name != "" {
		return t, nil
	}
	out, err := rds.NewFromConfig(cfg).DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{
		Filters: []types.Filter{{Name: aws.String("db-cluster-resource-id"), Values: []string{t.ID[strings.LastIndex(t.ID, ":")+1:]}}},
	})
	if err != nil {
		return t, err
	}
	if len(out.DBClusters) != 1 {
		return t, asr.ErrGone
	}
	t.Name = aws.ToString(out.DBClusters[0].DBClusterIdentifier)
	t.ID = t.Expand(cluster)
	return t, nil
}

// describeCluster returns a cluster that isn't between two states, and why it
// can't be modified if it is in a state that it doesn't leave by itself:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/accessing-monitoring.html
func describeCluster(ctx context.Context, cfg aws.Config, name string) (c types.DBCluster, stuck string, err error) {
	out, err := rds.NewFromConfig(cfg).DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &name})
	if err != nil {
		return c, "", remedy.Gone(err, "DBClusterNotFoundFault", "DBClusterNotFound")
	}
	if len(out.DBClusters) == 0 {
		return c, "", asr.ErrGone
	}
	c = out.DBClusters[0]
	stuck, err = settled(aws.ToString(c.Status))
	return c, stuck, err
}

// modifyCluster asks RDS for a change. It begins some time later, until which
// the cluster reads as before.
func modifyCluster(ctx context.Context, cfg aws.Config, in rds.ModifyDBClusterInput) error {
	_, err := rds.NewFromConfig(cfg).ModifyDBCluster(ctx, &in)
	if err == nil || remedy.Is(err, "InvalidDBClusterStateFault", "InvalidDBInstanceState", "InvalidDBInstanceStateFault") {
		return asr.ErrSettling
	}
	return err
}
