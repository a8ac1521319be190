package elasticache

import (
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	"pgregory.net/rapid"
)

func contains(s, words string) bool { return strings.Contains(s, words) }

func TestBackups(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	alone := newCluster(t, acct, elasticache.CreateCacheClusterInput{CacheClusterId: aws.String("alone"), Engine: aws.String("redis"), EngineVersion: aws.String("7.1"), SnapshotWindow: aws.String("03:00-04:00")})
	few := newCluster(t, acct, elasticache.CreateCacheClusterInput{CacheClusterId: aws.String("few"), Engine: aws.String("valkey"), EngineVersion: aws.String("8.0"), SnapshotRetentionLimit: aws.Int32(2), SnapshotWindow: aws.String("03:00-04:00")})
	carts := newGroup(t, acct, "carts", 2, nil)
	shards := newGroup(t, acct, "shards", 1, func(in *elasticache.CreateReplicationGroupInput) {
		in.ClusterMode, in.AutomaticFailoverEnabled, in.NumNodeGroups = types.ClusterModeEnabled, aws.Bool(true), aws.Int32(2)
	})
	remedytest.Lifecycle(t, acct, Backups, remedytest.Case{
		Name: "a cluster", Control: "ElastiCache.1", Resource: alone.arn, Want: []string{"days: 0 → 1"},
		View: alone.view, Seen: []string{"describe_cache_clusters.SnapshotRetentionLimit: 0 → 1"},
		Seed:    alone.cluster(elasticache.ModifyCacheClusterInput{SnapshotRetentionLimit: aws.Int32(0)}),
		Foreign: alone.cluster(elasticache.ModifyCacheClusterInput{SnapshotRetentionLimit: aws.Int32(9)}),
		Gone:    alone.gone,
	}, remedytest.Case{
		Name: "a Valkey cluster that keeps too few", Control: "ElastiCache.1", Resource: few.arn, Params: `{"days":14}`, Want: []string{"days: 2 → 14"},
		View: few.view, Seen: []string{"describe_cache_clusters.SnapshotRetentionLimit: 2 → 14"},
	}, remedytest.Case{
		Name: "a group, whose replica is backed up", Control: "ElastiCache.1", Resource: carts.arn, Params: `{"days":7}`, Want: []string{"days: 0 → 7", `source: "" → "carts-002"`},
		View: carts.view, Seen: []string{"describe_replication_groups.SnapshotRetentionLimit: 0 → 7", `describe_replication_groups.SnapshottingClusterId: none → "carts-002"`},
	}, remedytest.Case{
		Name: "others change the description", Control: "ElastiCache.1", Resource: carts.arn, Want: []string{"days: 0 → 1", `source: "" → "carts-002"`},
		Meanwhile: carts.group(elasticache.ModifyReplicationGroupInput{ReplicationGroupDescription: aws.String("theirs")}),
		Gone:      carts.gone,
	}, remedytest.Case{
		Name: "a group with cluster mode", Control: "ElastiCache.1", Resource: shards.arn, Want: []string{"days: 0 → 1"},
		View: shards.view, Seen: []string{"describe_replication_groups.SnapshotRetentionLimit: 0 → 1"},
		Gone: shards.gone,
	})
}

func TestAReplicaIsBackedUpRatherThanThePrimary(t *testing.T) {
	node := func(id, role string) types.NodeGroupMember {
		return types.NodeGroupMember{CacheClusterId: &id, CurrentRole: &role}
	}
	for want, nodes := range map[string][]types.NodeGroupMember{
		"n-002": {node("n-003", "replica"), node("n-001", "primary"), node("n-002", "replica")},
		"n-004": {node("n-001", "primary"), node("n-004", "replica")},
		"n-001": {node("n-001", "primary")},
		"":      {},
	} {
		if got := lightest(nodes); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWhatTurnsBackupsOnReleasesNothingThatWaits(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newCluster(t, acct, elasticache.CreateCacheClusterInput{CacheClusterId: aws.String("alone"), Engine: aws.String("redis")}).
		cluster(elasticache.ModifyCacheClusterInput{CacheNodeType: aws.String("cache.r6g.large")})()
	newGroup(t, acct, "carts", 1, nil).group(elasticache.ModifyReplicationGroupInput{EngineVersion: aws.String("7.2")})()
	for name, node := range map[string]string{"cluster:alone": "alone", "replicationgroup:carts": "carts-001"} {
		if r := run(t, acct, Backups, "ElastiCache.1", acct.Expand(cache, name)); r.State != asr.StateVerified {
			t.Errorf("%s: the run ended %s: %+v", name, r.State, r.Error)
		}
		c, err := cluster(t.Context(), acct.Config, node)
		if p := remedytest.Must(t, c, err).PendingModifiedValues; p == nil || aws.ToString(p.CacheNodeType) == "" && aws.ToString(p.EngineVersion) == "" {
			t.Errorf("%s: nothing waits any more: %+v", name, p)
		}
	}
	cfg, asked := remedytest.Asked[any](acct.Config)
	on := remedy.On[retention]{Target: asr.Target{Name: "cluster:alone"}}
	if err := Backups.Write(t.Context(), cfg, on, backups{}, backups{Days: 3}); err != asr.ErrSettling {
		t.Fatalf("got %v, want it to settle", err)
	}
	if in := (*asked)[0].(*elasticache.ModifyCacheClusterInput); in.ApplyImmediately != nil || in.SnapshotWindow != nil || *in.SnapshotRetentionLimit != 3 {
		t.Errorf("asked %+v", in)
	}
}

func TestWhereBackupsCantBeThePlanIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newCluster(t, acct, elasticache.CreateCacheClusterInput{CacheClusterId: aws.String("mem"), Engine: aws.String("memcached"), NumCacheNodes: aws.Int32(2)})
	refused(t, run(t, acct, Backups, "ElastiCache.1", acct.Expand(cache, "cluster:mem")), "Memcached")
	if got := unfit("redis", "cache.t1.micro"); !contains(got, "cache.t1.micro") {
		t.Errorf("cache.t1.micro: %q", got)
	}
	if err := Backups.Write(t.Context(), aws.Config{}, remedy.On[retention]{}, backups{Refusal: "restore-failed"}, backups{Days: 1}); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("a write on a cluster that is stuck: %v", err)
	}
}

func TestBackupsThatAreKeptLongerAreRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	c := newCluster(t, acct, elasticache.CreateCacheClusterInput{CacheClusterId: aws.String("alone"), Engine: aws.String("redis"), SnapshotRetentionLimit: aws.Int32(30)})
	if r := run(t, acct, Backups, "ElastiCache.1", c.arn); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestDaysAreThoseThatElastiCacheTakes(t *testing.T) {
	for days, ok := range map[int32]bool{0: false, 1: true, 35: true, 36: false, -1: false} {
		if err := Backups.Validate(remedy.On[retention]{Params: retention{days}}); (err == nil) != ok {
			t.Errorf("%d: %v", days, err)
		}
	}
}

func TestBackupsAreNeverKeptShorter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := backups{
			Days: rapid.Int32Range(0, 35).Draw(t, "days"), Node: rapid.SampledFrom([]string{"", "n-002"}).Draw(t, "node"),
			Refusal: rapid.SampledFrom([]string{"", "Memcached has none"}).Draw(t, "refusal"),
		}
		if now.Days > 0 {
			now.Source = now.Node
		}
		on := remedy.On[retention]{Params: retention{rapid.Int32Range(1, 35).Draw(t, "asked")}}
		remedytest.Stable(t, Backups, on, now, "days", "source")
		got, err := Backups.Want(on, now)
		if refusal := err != nil; refusal != (now.Refusal != "" && now.Days < on.Params.Days) || !refusal && (got.Days < now.Days || got.Days < on.Params.Days) {
			t.Fatalf("%+v becomes %+v: %v", now, got, err)
		}
	})
}
