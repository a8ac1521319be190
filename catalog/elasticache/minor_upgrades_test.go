package elasticache

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	"pgregory.net/rapid"
)

func TestMinorUpgrades(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	alone := newCluster(t, acct, elasticache.CreateCacheClusterInput{
		CacheClusterId: aws.String("alone"), Engine: aws.String("redis"), EngineVersion: aws.String("6.2"), AutoMinorVersionUpgrade: aws.Bool(false), SnapshotRetentionLimit: aws.Int32(3),
	})
	carts := newGroup(t, acct, "carts", 1, nil)
	remedytest.Lifecycle(t, acct, MinorUpgrades, remedytest.Case{
		Name: "a cluster", Control: "ElastiCache.2", Resource: alone.arn, Want: []string{"minor: false → true"},
		View: alone.view, Seen: []string{"describe_cache_clusters.AutoMinorVersionUpgrade: false → true"},
	}, remedytest.Case{
		Name: "others change the maintenance window", Control: "ElastiCache.2", Resource: alone.arn, Want: []string{"minor: false → true"},
		Meanwhile: alone.cluster(elasticache.ModifyCacheClusterInput{PreferredMaintenanceWindow: aws.String("tue:01:00-tue:02:00")}),
		Gone:      alone.gone,
	}, remedytest.Case{
		Name: "a member of a group", Control: "ElastiCache.2", Resource: acct.Expand(cache, "cluster:carts-002"), Want: []string{"minor: false → true"},
		View: carts.view,
		Seen: []string{
			"describe_replication_groups.AutoMinorVersionUpgrade: false → true",
			"describe_cache_clusters.AutoMinorVersionUpgrade: false → true", "describe_cache_clusters2.AutoMinorVersionUpgrade: false → true",
		},
		Gone: carts.gone,
	})
}

func TestMinorUpgradesReleaseNothingThatWaits(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newCluster(t, acct, elasticache.CreateCacheClusterInput{CacheClusterId: aws.String("alone"), Engine: aws.String("redis")}).
		cluster(elasticache.ModifyCacheClusterInput{CacheNodeType: aws.String("cache.r6g.large")})()
	if r := run(t, acct, MinorUpgrades, "ElastiCache.2", acct.Expand(cache, "cluster:alone")); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	c, err := cluster(t.Context(), acct.Config, "alone")
	if p := remedytest.Must(t, c, err).PendingModifiedValues; p == nil || aws.ToString(p.CacheNodeType) != "cache.r6g.large" || *c.CacheNodeType != "cache.t3.micro" {
		t.Errorf("the node type doesn't wait any more: %s %+v", *c.CacheNodeType, p)
	}
}

func TestEnginesThatElastiCacheDoesntUpgradeByItselfAreRefused(t *testing.T) {
	for _, row := range []struct{ engine, version, words string }{
		{"redis", "5.0.6", "from version 6.0 on"}, {"memcached", "1.6.22", "Memcached"}, {"redis", "6.2", ""}, {"redis", "7.1", ""}, {"valkey", "7.2", ""}, {"valkey", "8.0", ""},
	} {
		got := byHand(types.CacheCluster{Engine: &row.engine, EngineVersion: &row.version})
		if (got == "") != (row.words == "") || !contains(got, row.words) {
			t.Errorf("%s %s: %q", row.engine, row.version, got)
		}
	}
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newCluster(t, acct, elasticache.CreateCacheClusterInput{CacheClusterId: aws.String("old"), Engine: aws.String("redis"), EngineVersion: aws.String("5.0.6")})
	refused(t, run(t, acct, MinorUpgrades, "ElastiCache.2", acct.Expand(cache, "cluster:old")), "5.0.6")
	newGroup(t, acct, "olds", 1, func(in *elasticache.CreateReplicationGroupInput) { in.EngineVersion = aws.String("4.0.10") })
	refused(t, run(t, acct, MinorUpgrades, "ElastiCache.2", acct.Expand(cache, "replicationgroup:olds")), "4.0.10")
	newGroup(t, acct, "world", 1, func(in *elasticache.CreateReplicationGroupInput) {
		in.GlobalReplicationGroupId = aws.String("sgaui-world")
	})
	refused(t, run(t, acct, MinorUpgrades, "ElastiCache.2", acct.Expand(cache, "replicationgroup:world")), "global datastore sgaui-world")
}

func TestMinorUpgradesThatAreOnAreRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	c := newCluster(t, acct, elasticache.CreateCacheClusterInput{CacheClusterId: aws.String("alone"), Engine: aws.String("valkey"), AutoMinorVersionUpgrade: aws.Bool(true)})
	g := newGroup(t, acct, "carts", 1, func(in *elasticache.CreateReplicationGroupInput) { in.AutoMinorVersionUpgrade = aws.Bool(true) })
	for _, arn := range []string{c.arn, g.arn, acct.Expand(cache, "cluster:carts-001")} {
		if r := run(t, acct, MinorUpgrades, "ElastiCache.2", arn); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v", arn, r.State, r.Error)
		}
	}
}

func TestAGroupIsRightOnlyIfAllItsMembersAre(t *testing.T) {
	on, off := types.CacheCluster{AutoMinorVersionUpgrade: aws.Bool(true)}, types.CacheCluster{}
	for _, row := range []struct {
		group bool
		nodes []types.CacheCluster
		want  bool
	}{{true, []types.CacheCluster{on, on}, true}, {true, []types.CacheCluster{on, off}, false}, {true, []types.CacheCluster{off, on}, false}, {false, []types.CacheCluster{on, on}, false}} {
		got, err := upgradesOf(types.ReplicationGroup{Status: aws.String("available"), AutoMinorVersionUpgrade: &row.group}, row.nodes)
		if err != nil || got.Minor != row.want {
			t.Errorf("%+v: %+v %v", row, got, err)
		}
	}
}

func TestMinorUpgradesAreOnlyTurnedOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := upgrades{rapid.Bool().Draw(t, "minor"), rapid.SampledFrom([]string{"", "because"}).Draw(t, "refusal")}
		remedytest.Stable(t, MinorUpgrades, remedy.On[none]{}, now, "minor")
		got, err := MinorUpgrades.Want(remedy.On[none]{}, now)
		if refusal := err != nil; refusal != (!now.Minor && now.Refusal != "") || !refusal && !got.Minor {
			t.Fatalf("%+v becomes %+v: %v", now, got, err)
		}
	})
}
