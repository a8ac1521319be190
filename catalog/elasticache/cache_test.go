package elasticache

import (
	"fmt"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/elasticache/types"
)

var tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}}

// newCluster makes a cluster that stands alone, and the ways to change, see and delete it.
func newCluster(t *testing.T, acct *remedytest.Account, in elasticache.CreateCacheClusterInput) thing {
	t.Helper()
	api, id := elasticache.NewFromConfig(acct.Config), in.CacheClusterId
	in.CacheNodeType, in.Tags = aws.String("cache.t3.micro"), tags
	in.PreferredMaintenanceWindow = aws.String("sun:23:00-mon:01:30")
	_, err := api.CreateCacheCluster(t.Context(), &in)
	remedytest.Must(t, 0, err)
	settle := func() {
		for range 3 {
			_, err := cluster(t.Context(), acct.Config, *id)
			remedytest.Must(t, 0, err)
		}
	}
	return thing{
		arn: acct.Expand(cache, "cluster:"+*id),
		view: acct.Boto("elasticache", "describe_cache_clusters", map[string]any{"CacheClusterId": *id}, "CacheClusters.0").
			And(acct.Boto("elasticache", "list_tags_for_resource", map[string]any{"ResourceName": acct.Expand(cache, "cluster:"+*id)}, "")),
		cluster: func(in elasticache.ModifyCacheClusterInput) func() {
			return func() {
				in.CacheClusterId = id
				_, err := api.ModifyCacheCluster(t.Context(), &in)
				remedytest.Must(t, 0, err)
				settle()
			}
		},
		gone: func() {
			_, err := api.DeleteCacheCluster(t.Context(), &elasticache.DeleteCacheClusterInput{CacheClusterId: id})
			remedytest.Must(t, 0, err)
		},
	}
}

type thing struct {
	arn     string
	view    remedytest.View
	cluster func(elasticache.ModifyCacheClusterInput) func()
	group   func(elasticache.ModifyReplicationGroupInput) func()
	gone    func()
}

// newGroup makes a replication group with the replicas per shard.
func newGroup(t *testing.T, acct *remedytest.Account, id string, replicas int32, more func(*elasticache.CreateReplicationGroupInput)) thing {
	t.Helper()
	api, in := elasticache.NewFromConfig(acct.Config), &elasticache.CreateReplicationGroupInput{
		ReplicationGroupId: &id, ReplicationGroupDescription: aws.String("carts"), Engine: aws.String("redis"), EngineVersion: aws.String("7.1"),
		CacheNodeType: aws.String("cache.t3.micro"), NumNodeGroups: aws.Int32(1), ReplicasPerNodeGroup: &replicas, AtRestEncryptionEnabled: aws.Bool(true),
		SnapshotWindow: aws.String("03:00-04:00"), Tags: tags,
	}
	if more != nil {
		more(in)
	}
	out, err := api.CreateReplicationGroup(t.Context(), in)
	view := acct.Boto("elasticache", "describe_replication_groups", map[string]any{"ReplicationGroupId": id}, "ReplicationGroups.0")
	for _, member := range remedytest.Must(t, out, err).ReplicationGroup.MemberClusters {
		view = view.And(acct.Boto("elasticache", "describe_cache_clusters", map[string]any{"CacheClusterId": member}, "CacheClusters.0"))
	}
	settle := func() {
		for range 3 {
			_, err := replicationGroup(t.Context(), acct.Config, id)
			remedytest.Must(t, 0, err)
		}
	}
	return thing{
		arn: acct.Expand(group, id), view: view,
		group: func(in elasticache.ModifyReplicationGroupInput) func() {
			return func() {
				in.ReplicationGroupId = &id
				_, err := api.ModifyReplicationGroup(t.Context(), &in)
				remedytest.Must(t, 0, err)
				settle()
			}
		},
		gone: func() {
			_, err := api.DeleteReplicationGroup(t.Context(), &elasticache.DeleteReplicationGroupInput{ReplicationGroupId: &id})
			remedytest.Must(t, 0, err)
		},
	}
}

// run drives one run to its end.
func run[P, S any](t *testing.T, acct *remedytest.Account, u remedy.Unit[P, S], control, resource string) asr.Run {
	t.Helper()
	return remedytest.End(t, acct, u, remedytest.Case{Control: control, Resource: resource})
}

// refused checks that a run ended with a refusal that says these words.
func refused(t *testing.T, r asr.Run, words string) {
	t.Helper()
	if r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || !contains(r.Error.Message, words) || r.Error.Do == "" {
		t.Errorf("the run ended %s: %+v, want a refusal that says %q", r.State, r.Error, words)
	}
}

func TestCachesAreKnownByTheirARNsInEveryPartition(t *testing.T) {
	for id, want := range map[string]string{
		"arn:aws:elasticache:eu-west-1:111111111111:cluster:shop":                "cluster:shop",
		"arn:aws-cn:elasticache:cn-north-1:111111111111:replicationgroup:shop":   "replicationgroup:shop",
		"arn:aws-us-gov:elasticache:us-gov-west-1:111111111111:cluster:shop-001": "cluster:shop-001",
		"arn:aws:elasticache:eu-west-1:222222222222:cluster:shop":                "",
		"arn:aws:rds:eu-west-1:111111111111:cluster:shop":                        "",
		"shop": "",
	} {
		got, err := Backups.Spec.Locate("111111111111", "eu-west-1", asr.Resource{ID: id})
		if (err == nil) != (want != "") || err == nil && (got.Name != want || got.ID != id) {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
	if _, err := Failover.Spec.Locate("111111111111", "eu-west-1", asr.Resource{ID: "arn:aws:elasticache:eu-west-1:111111111111:cluster:shop"}); asr.Classify(err) != asr.CodeBadTarget {
		t.Errorf("failover of a cluster: %v, want bad_target", err)
	}
}

func TestServerlessCachesAreNoTargets(t *testing.T) {
	for _, kind := range []string{"serverlesscache", "user", "snapshot"} {
		on := remedy.On[none]{Target: asr.Target{Partition: "aws", Name: kind + ":shop"}}
		if _, err := canonical(t.Context(), aws.Config{}, on); asr.Classify(err) != asr.CodeBadTarget || asr.Advice(err) == "" {
			t.Errorf("%s: %v, want bad_target", kind, err)
		}
	}
}

func TestCachesThatDontExistAreGone(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for _, arn := range []string{acct.Expand(cache, "cluster:nobody"), acct.Expand(cache, "replicationgroup:nobody")} {
		if r := run(t, acct, MinorUpgrades, "ElastiCache.2", arn); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v", arn, r.State, r.Error)
		}
	}
}

func TestAMemberOfAGroupIsChangedThroughItsGroup(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	g := newGroup(t, acct, "carts", 1, nil)
	r := run(t, acct, MinorUpgrades, "ElastiCache.2", acct.Expand(cache, "cluster:carts-002"))
	if r.State != asr.StateVerified || r.Target.ID != g.arn {
		t.Fatalf("the run ended %s on %s: %+v", r.State, r.Target.ID, r.Error)
	}
	for _, member := range []string{"carts-001", "carts-002"} {
		c, err := cluster(t.Context(), acct.Config, member)
		if err != nil || !aws.ToBool(c.AutoMinorVersionUpgrade) {
			t.Errorf("%s isn't upgraded by itself: %v", member, err)
		}
	}
	if r := run(t, acct, MinorUpgrades, "ElastiCache.2", acct.Expand(cache, "cluster:carts-001")); r.State != asr.StateNothingToDo {
		t.Errorf("the other member's run ended %s: %+v", r.State, r.Error)
	}
}

func TestAllPagesAreReadForAGroupsMembers(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for i := range 101 { // a page has 100
		newCluster(t, acct, elasticache.CreateCacheClusterInput{CacheClusterId: aws.String(fmt.Sprintf("c%03d", i)), Engine: aws.String("redis")})
	}
	newGroup(t, acct, "last", 1, nil)
	if all, err := members(t.Context(), acct.Config, "last"); err != nil || len(all) != 2 {
		t.Errorf("found %d members: %v", len(all), err)
	}
}

func TestSettled(t *testing.T) {
	const moves, stays, works, gone = "moves", "stays", "works", "gone"
	for status, want := range map[string]string{
		"available": works, "modifying": moves, "creating": moves, "snapshotting": moves, "rebooting cluster nodes": moves, "deleting": moves, "deleted": gone,
		"incompatible-network": stays, "restore-failed": stays, "create-failed": stays,
	} {
		stuck, err := settled(status)
		got := works
		switch {
		case stuck != "":
			got = stays
		case err == asr.ErrSettling:
			got = moves
		case err == asr.ErrGone:
			got = gone
		}
		if got != want {
			t.Errorf("%s: it %s, want %s", status, got, want)
		}
	}
}

func TestOlder(t *testing.T) {
	for _, row := range []struct {
		version string
		than    []int
		want    bool
	}{
		{"5.0.6", []int{6}, true}, {"6.x", []int{6}, false}, {"6.2", []int{6}, false}, {"7.1.0", []int{6}, false}, {"10.0", []int{6}, false},
		{"2.8.6", []int{2, 8, 6}, false}, {"2.6.13", []int{2, 8, 6}, true}, {"2.8.19", []int{2, 8, 6}, false}, {"", []int{6}, false}, {"2.8", []int{2, 8, 6}, false},
	} {
		if got := older(row.version, row.than...); got != row.want {
			t.Errorf("%q older than %v: %v", row.version, row.than, got)
		}
	}
}
