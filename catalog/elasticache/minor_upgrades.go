package elasticache

import (
	"cmp"
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/elasticache/types"
)

type upgrades struct {
	Minor   bool   `json:"minor"`             // new minor versions are installed by themselves
	Refusal string `json:"refusal,omitempty"` // why they can't be
}

// MinorUpgrades has new minor versions of the engine installed by themselves.
// That is a setting and restarts nothing, so ElastiCache isn't asked to apply it
// immediately (ApplyImmediately): that would apply all that waits for the
// maintenance window too.
// https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyCacheCluster.html
var MinorUpgrades = remedy.Unit[none, upgrades]{
	Spec: asr.Spec{
		ID: "elasticache-minor-upgrades", Version: 1,
		Title:  "Install minor versions of Redis and Valkey by themselves",
		Impact: "Nothing happens at once. When AWS has a new minor version, it is installed in the maintenance window: nodes are replaced or restarted, with a short break where no replica takes over, and the data of a node that stands alone may be lost. A version that was installed stays when the fix is undone.",
		Risk:   asr.RiskMedium, RiskWhy: "versions are installed from then on without anybody asking, in the maintenance window",
		Scope: asr.ScopeResource, Resources: []string{cache},
		Reads:  []asr.Grant{asr.Allow(anyCluster, "elasticache:DescribeCacheClusters"), asr.Allow(cache, "elasticache:DescribeReplicationGroups")},
		Writes: []asr.Grant{asr.Allow(cache, "elasticache:ModifyCacheCluster", "elasticache:ModifyReplicationGroup")},
		Settle: 10 * time.Second,
	},
	Controls: map[string]none{"ElastiCache.2": {}},
	Resolve:  canonical[none],
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (upgrades, error) {
		kind, id := part(on.Target)
		if kind == groupKind {
			return upgradesOfGroup(ctx, cfg, id)
		}
		c, err := cluster(ctx, cfg, id)
		if err != nil {
			return upgrades{}, err
		}
		stuck, err := settled(aws.ToString(c.CacheClusterStatus))
		return upgrades{aws.ToBool(c.AutoMinorVersionUpgrade), cmp.Or(byHand(c), stuck)}, err
	},
	Want: func(_ remedy.On[none], now upgrades) (upgrades, error) {
		if !now.Minor && now.Refusal != "" {
			return now, noUpgrades(now)
		}
		now.Minor = true
		return now, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to upgrades) (err error) {
		if from.Refusal != "" {
			return noUpgrades(from)
		}
		api := elasticache.NewFromConfig(cfg)
		switch kind, id := part(on.Target); kind {
		case groupKind:
			_, err = api.ModifyReplicationGroup(ctx, &elasticache.ModifyReplicationGroupInput{ReplicationGroupId: &id, AutoMinorVersionUpgrade: &to.Minor})
		default:
			_, err = api.ModifyCacheCluster(ctx, &elasticache.ModifyCacheClusterInput{CacheClusterId: &id, AutoMinorVersionUpgrade: &to.Minor})
		}
		return begun(err)
	},
}

func upgradesOfGroup(ctx context.Context, cfg aws.Config, id string) (upgrades, error) {
	g, err := replicationGroup(ctx, cfg, id)
	if err != nil {
		return upgrades{}, err
	}
	nodes, err := members(ctx, cfg, id)
	if err != nil {
		return upgrades{}, err
	}
	return upgradesOf(g, nodes)
}

// upgradesOf counts a group as right if all its members are: the control looks
// at each.
func upgradesOf(g types.ReplicationGroup, nodes []types.CacheCluster) (upgrades, error) {
	now := upgrades{Minor: aws.ToBool(g.AutoMinorVersionUpgrade)}
	for _, c := range nodes {
		now.Minor = now.Minor && aws.ToBool(c.AutoMinorVersionUpgrade)
		now.Refusal = cmp.Or(now.Refusal, byHand(c))
	}
	if of := global(g); of != "" {
		now.Refusal = "it belongs to the global datastore " + of + ", whose members are upgraded together"
	}
	stuck, err := settled(aws.ToString(g.Status))
	now.Refusal = cmp.Or(now.Refusal, stuck)
	return now, err
}

// byHand says why ElastiCache doesn't upgrade such a cluster by itself.
func byHand(c types.CacheCluster) string {
	version := aws.ToString(c.EngineVersion)
	switch engine := aws.ToString(c.Engine); {
	case engine == "memcached":
		return "ElastiCache doesn't upgrade Memcached by itself"
	case engine == "redis" && older(version, 6):
		return "ElastiCache upgrades Redis by itself from version 6.0 on, and this is " + version
	}
	return ""
}

func noUpgrades(u upgrades) error {
	return asr.Refuse(u.Refusal, "put that right or upgrade it by hand, or suppress the finding")
}
