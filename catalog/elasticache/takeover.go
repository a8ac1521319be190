package elasticache

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache/types"
)

func failoverOf(g types.ReplicationGroup, nodes []types.CacheCluster) (now failover, err error) {
	switch g.AutomaticFailover {
	case types.AutomaticFailoverStatusEnabled:
		now.Automatic = true
	case types.AutomaticFailoverStatusEnabling, types.AutomaticFailoverStatusDisabling:
		return now, asr.ErrSettling
	}
	switch {
	case aws.ToBool(g.ClusterEnabled):
		now.Needed = "cluster mode is on"
	case g.MultiAZ == types.MultiAZStatusEnabled:
		now.Needed = "Multi-AZ is on"
	}
	now.Waiting = waiting(g, nodes)
	stuck, err := settled(aws.ToString(g.Status))
	now.Refusal = cmp.Or(alone(g, nodes), stuck)
	return now, err
}

// alone says why no replica can take over by itself:
// https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html
func alone(g types.ReplicationGroup, nodes []types.CacheCluster) string {
	if of := global(g); of != "" {
		return "it belongs to the global datastore " + of + ", which has this setting for all its members"
	}
	if node := aws.ToString(g.CacheNodeType); strings.HasPrefix(node, "cache.t1.") {
		return node + " nodes don't take over by themselves"
	}
	for _, shard := range g.NodeGroups {
		if len(shard.NodeGroupMembers) < 2 {
			return "shard " + aws.ToString(shard.NodeGroupId) + " has no replica that could take over"
		}
	}
	if len(g.NodeGroups) == 0 {
		return "it has no nodes"
	}
	for _, n := range nodes {
		if v := aws.ToString(n.EngineVersion); aws.ToString(n.Engine) == "redis" && older(v, 2, 8, 6) {
			return "Redis takes over by itself from version 2.8.6 on, and this is " + v
		}
	}
	return ""
}

// waiting names the changes that wait for the maintenance window, of the group
// and of its nodes, but for the one that we are about; not their values.
func waiting(g types.ReplicationGroup, nodes []types.CacheCluster) string {
	var names []string
	if g.PendingModifiedValues != nil {
		names = set(*g.PendingModifiedValues)
	}
	for _, n := range nodes {
		if n.PendingModifiedValues != nil {
			names = append(names, set(*n.PendingModifiedValues)...)
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "AutomaticFailoverStatus" })
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// set names the fields of a structure that have a value.
func set(v any) (names []string) {
	for f, v := range reflect.ValueOf(v).Fields() {
		empty := v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
		if f.IsExported() && !empty {
			names = append(names, f.Name)
		}
	}
	return names
}
