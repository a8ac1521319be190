// Package elasticache fixes ElastiCache.
package elasticache

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/elasticache/types"
)

const (
	// cache is a cluster or a replication group: {name} is its kind and its ID,
	// as in "cluster:shop" and "replicationgroup:shop".
	cache      = "arn:{partition}:elasticache:{region}:{account}:{name}"
	group      = "arn:{partition}:elasticache:{region}:{account}:replicationgroup:{name}"
	anyCluster = "arn:{partition}:elasticache:{region}:{account}:cluster:*" // a group's members have names of their own

	clusterKind, groupKind = "cluster", "replicationgroup"
)

type none struct{}

// canonical takes a cluster that is a member of a replication group for the
// group: ElastiCache changes the settings of its members through it only.
func canonical[P any](ctx context.Context, cfg aws.Config, on remedy.On[P]) (asr.Target, error) {
	t := on.Target
	switch kind, id, _ := strings.Cut(t.Name, ":"); kind {
	case clusterKind:
		c, err := cluster(ctx, cfg, id)
		if of := aws.ToString(c.ReplicationGroupId); of != "" {
			t.Name = groupKind + ":" + of
			t.ID = t.Expand(cache)
		}
		return t, err
	case groupKind:
		return t, nil
	default:
		return t, &asr.Error{Code: asr.CodeBadTarget, Message: "a " + kind + " has no such setting", Do: "name a cluster or a replication group"}
	}
}

// part splits a target's name into its kind and its ID.
func part(t asr.Target) (kind, id string) {
	kind, id, _ = strings.Cut(t.Name, ":")
	return kind, id
}

func cluster(ctx context.Context, cfg aws.Config, id string) (c types.CacheCluster, err error) {
	out, err := elasticache.NewFromConfig(cfg).DescribeCacheClusters(ctx, &elasticache.DescribeCacheClustersInput{CacheClusterId: &id})
	if err != nil {
		return c, remedy.Gone(err, "CacheClusterNotFound", "CacheClusterNotFoundFault")
	}
	if len(out.CacheClusters) == 0 {
		return c, asr.ErrGone
	}
	return out.CacheClusters[0], nil
}

func replicationGroup(ctx context.Context, cfg aws.Config, id string) (g types.ReplicationGroup, err error) {
	out, err := elasticache.NewFromConfig(cfg).DescribeReplicationGroups(ctx, &elasticache.DescribeReplicationGroupsInput{ReplicationGroupId: &id})
	if err != nil {
		return g, remedy.Gone(err, "ReplicationGroupNotFoundFault")
	}
	if len(out.ReplicationGroups) == 0 {
		return g, asr.ErrGone
	}
	return out.ReplicationGroups[0], nil
}

// members are the clusters of a replication group.
func members(ctx context.Context, cfg aws.Config, of string) (all []types.CacheCluster, err error) {
	pages := elasticache.NewDescribeCacheClustersPaginator(elasticache.NewFromConfig(cfg), &elasticache.DescribeCacheClustersInput{})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, c := range out.CacheClusters {
			if aws.ToString(c.ReplicationGroupId) == of {
				all = append(all, c)
			}
		}
	}
	return all, nil
}

// settled says why a cluster or a group can't be modified, if it is in a state
// that it doesn't leave by itself; asr.ErrSettling: it will.
func settled(status string) (stuck string, err error) {
	switch {
	case status == "available":
		return "", nil
	case slices.Contains([]string{"incompatible-network", "restore-failed", "create-failed"}, status):
		return "it is in state " + status + ", in which ElastiCache doesn't modify it", nil
	case status == "deleted":
		return "", asr.ErrGone
	}
	return "", asr.ErrSettling
}

// begun is what a modification answers: it begins some time later, until which
// all reads as before.
func begun(err error) error {
	if err == nil || remedy.Is(err, "InvalidCacheClusterState", "InvalidReplicationGroupState") {
		return asr.ErrSettling
	}
	return err
}

// older compares versions such as "5.0.6" and "6.x"; what isn't a number is
// newer than any.
func older(version string, than ...int) bool {
	parts := strings.Split(version, ".")
	for i, want := range than {
		if i >= len(parts) {
			return false
		}
		n, err := strconv.Atoi(parts[i])
		if c := cmp.Compare(n, want); err != nil || c != 0 {
			return err == nil && c < 0
		}
	}
	return false
}

// global names the global datastore that a group belongs to, or "".
func global(g types.ReplicationGroup) string {
	if g.GlobalReplicationGroupInfo == nil {
		return ""
	}
	return aws.ToString(g.GlobalReplicationGroupInfo.GlobalReplicationGroupId)
}
