package elasticache

import (
	"cmp"
	"strings"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache/types"
)

func noBackups(b backups) error {
	return asr.Refuse("there can be no backups: "+b.Refusal, "put that right, back the data up in another way, or suppress the finding")
}

// ofGroup reads the backups of a replication group. One without cluster mode
// must be told which node to back up; with cluster mode, it mustn't.
// https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyReplicationGroup.html
func ofGroup(g types.ReplicationGroup, stuck string) backups {
	b := backups{Days: aws.ToInt32(g.SnapshotRetentionLimit), Refusal: cmp.Or(unfit(aws.ToString(g.Engine), aws.ToString(g.CacheNodeType)), stuck)}
	if aws.ToBool(g.ClusterEnabled) || len(g.NodeGroups) == 0 {
		return b
	}
	if b.Node = lightest(g.NodeGroups[0].NodeGroupMembers); b.Days > 0 {
		b.Source = aws.ToString(g.SnapshottingClusterId)
	}
	return b
}

// lightest is the node that a backup burdens least: a replica, if there is one;
// of several always the same, in whatever order they are listed.
func lightest(nodes []types.NodeGroupMember) (id string) {
	replica := false
	for _, n := range nodes {
		is := aws.ToString(n.CurrentRole) == "replica"
		if this := aws.ToString(n.CacheClusterId); id == "" || is && !replica || is == replica && this < id {
			id, replica = this, is
		}
	}
	return id
}

// unfit says why ElastiCache can't back up such nodes:
// https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups.html
func unfit(engine, node string) string {
	switch {
	case engine == "memcached":
		return "Memcached has none"
	case strings.HasPrefix(node, "cache.t1."):
		return node + " nodes have none"
	}
	return ""
}
