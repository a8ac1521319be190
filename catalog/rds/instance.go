package rds

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

const (
	instance    = "arn:{partition}:rds:{region}:{account}:db:{name}"
	anyInstance = "arn:{partition}:rds:{region}:{account}:db:*" // an instance is looked up by its resource ID among all
)

// instanceID is what RDS calls an instance for ever, and some findings do too,
// alone or in an ARN of AWS Config's making.
var instanceID = regexp.MustCompile(`^(arn:aws[a-z-]*:rds:[a-z0-9-]+:\d{12}:dbinstance:)?db-[A-Z0-9]{4,64}$`)

// resolveInstance finds the instance that has a resource ID.
func resolveInstance[P any](ctx context.Context, cfg aws.Config, on remedy.On[P]) (asr.Target, error) {
	t := on.Target
	if t.Name != "" {
		return t, nil
	}
	out, err := rds.NewFromConfig(cfg).DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{
		Filters: []types.Filter{{Name: aws.String("dbi-resource-id"), Values: []string{t.ID[strings.LastIndex(t.ID, ":")+1:]}}},
	})
	if err != nil {
		return t, err
	}
	if len(out.DBInstances) != 1 {
		return t, asr.ErrGone
	}
	t.Name = aws.ToString(out.DBInstances[0].DBInstanceIdentifier)
	t.ID = t.Expand(instance)
	return t, nil
}

// describeInstance returns an instance that isn't between two states, and why it
// can't be modified if it is in a state that it doesn't leave by itself:
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html
func describeInstance(ctx context.Context, cfg aws.Config, name string) (i types.DBInstance, stuck string, err error) {
	out, err := rds.NewFromConfig(cfg).DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &name})
	if err != nil {
		return i, "", remedy.Gone(err, "DBInstanceNotFound", "DBInstanceNotFoundFault")
	}
	if len(out.DBInstances) == 0 {
		return i, "", asr.ErrGone
	}
	i = out.DBInstances[0]
	stuck, err = settled(aws.ToString(i.DBInstanceStatus))
	return i, stuck, err
}

func settled(status string) (stuck string, err error) {
	switch {
	case slices.Contains([]string{"available", "storage-optimization", "storage-initialization"}, status):
		return "", nil
	case slices.Contains([]string{"stopped", "failed", "storage-full", "insufficient-capacity", "restore-error"}, status),
		strings.HasPrefix(status, "incompatible-"), strings.HasPrefix(status, "inaccessible-"), strings.HasSuffix(status, "-failed"):
		return "it is in state " + status + ", in which RDS doesn't modify it", nil
	}
	return "", asr.ErrSettling
}

// aurora reports whether an instance's cluster keeps its storage in several
// Availability Zones by itself.
func aurora(i types.DBInstance) bool {
	engine := aws.ToString(i.Engine)
	return strings.HasPrefix(engine, "aurora") || engine == "neptune" || engine == "docdb"
}

// ofMultiAZCluster reports whether an instance is a member of a Multi-AZ DB
// cluster, which RDS changes only as a whole.
func ofMultiAZCluster(i types.DBInstance) bool {
	return aws.ToString(i.DBClusterIdentifier) != "" && !aurora(i)
}

// modifyInstance asks RDS for a change. It begins some time later, until which the
// instance reads as before.
func modifyInstance(ctx context.Context, cfg aws.Config, in rds.ModifyDBInstanceInput) error {
	_, err := rds.NewFromConfig(cfg).ModifyDBInstance(ctx, &in)
	if err == nil || remedy.Is(err, "InvalidDBInstanceState", "InvalidDBInstanceStateFault") {
		return asr.ErrSettling
	}
	return err
}
