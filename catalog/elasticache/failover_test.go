package elasticache

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	"pgregory.net/rapid"
)

func TestFailover(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	carts := newGroup(t, acct, "carts", 2, nil)
	remedytest.Lifecycle(t, acct, Failover, remedytest.Case{
		Name: "off", Control: "ElastiCache.3", Resource: carts.arn, Want: []string{"automatic: false → true"},
		View: carts.view, Seen: []string{`describe_replication_groups.AutomaticFailover: "disabled" → "enabled"`},
	}, remedytest.Case{
		Name: "others keep backups longer meanwhile", Control: "ElastiCache.3", Resource: carts.arn, Want: []string{"automatic: false → true"},
		Meanwhile: carts.group(elasticache.ModifyReplicationGroupInput{SnapshotRetentionLimit: aws.Int32(5), SnapshottingClusterId: aws.String("carts-002")}),
		Gone:      carts.gone,
	})
}

func TestFailoverIsNotLeftToTheMaintenanceWindow(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	carts := newGroup(t, acct, "carts", 1, nil)
	carts.group(elasticache.ModifyReplicationGroupInput{AutomaticFailoverEnabled: aws.Bool(true)})() // it waits, as it would if nobody asked for now
	if r := run(t, acct, Failover, "ElastiCache.3", carts.arn); r.State != asr.StateVerified {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAGroupWithoutReplicasIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	refused(t, run(t, acct, Failover, "ElastiCache.3", newGroup(t, acct, "single", 0, nil).arn), "shard 0001 has no replica")
}

func TestWaitingChangesAreNamedAndNotReleased(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	carts := newGroup(t, acct, "carts", 1, nil)
	carts.group(elasticache.ModifyReplicationGroupInput{CacheNodeType: aws.String("cache.r6g.large"), EngineVersion: aws.String("7.2")})()
	refused(t, run(t, acct, Failover, "ElastiCache.3", carts.arn), "CacheNodeType, EngineVersion")
	cfg, asked := remedytest.Asked[any](acct.Config)
	now := failover{Waiting: "EngineVersion"}
	for _, to := range []failover{{Automatic: true}, {}} { // to the fix, and back
		if err := Failover.Write(t.Context(), cfg, remedy.On[none]{}, now, to); asr.Classify(err) != asr.CodeRefused || len(*asked) > 0 {
			t.Errorf("the write: got %v, want a refusal", err)
		}
	}
	got := waiting(types.ReplicationGroup{PendingModifiedValues: &types.ReplicationGroupPendingModifiedValues{
		AutomaticFailoverStatus: types.PendingAutomaticFailoverStatusEnabled, AuthTokenStatus: types.AuthTokenUpdateStatusSetting, LogDeliveryConfigurations: []types.PendingLogDeliveryConfiguration{},
	}}, []types.CacheCluster{{}, {PendingModifiedValues: &types.PendingModifiedValues{}}})
	if got != "AuthTokenStatus" {
		t.Errorf("what waits is %q", got)
	}
}

func TestUndoIsRefusedWhereSomethingNeedsFailoverMeanwhile(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	carts := newGroup(t, acct, "carts", 1, nil)
	h := remedytest.NewHarness(acct, Failover)
	r, err := h.Request(t.Context(), remedytest.Case{Control: "ElastiCache.3", Resource: carts.arn}, false)
	r, err = h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	remedytest.Must(t, 0, err)
	carts.group(elasticache.ModifyReplicationGroupInput{MultiAZEnabled: aws.Bool(true)})()
	_, err = h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	remedytest.Must(t, 0, err)
	r, err = h.Drive(t.Context(), r.ID)
	if err != nil || r.State != asr.StateVerified || r.Undo.Refused == nil || r.Undo.Refused.Code != asr.CodeRefused || !contains(r.Undo.Refused.Message, "Multi-AZ is on") {
		t.Errorf("the undo ended %s: %+v %v", r.State, r.Undo.Refused, err)
	}
	now, err := failoverOf(types.ReplicationGroup{ClusterEnabled: aws.Bool(true), Status: aws.String("available"), AutomaticFailover: types.AutomaticFailoverStatusEnabled}, nil)
	if err != nil || now.Needed != "cluster mode is on" {
		t.Errorf("with cluster mode: %+v %v", now, err)
	}
}

func TestFailoverThatIsBeingChangedIsWaitedFor(t *testing.T) {
	for _, status := range []types.AutomaticFailoverStatus{types.AutomaticFailoverStatusEnabling, types.AutomaticFailoverStatusDisabling} {
		if _, err := failoverOf(types.ReplicationGroup{AutomaticFailover: status, Status: aws.String("available")}, nil); err != asr.ErrSettling {
			t.Errorf("%s: %v, want it to settle", status, err)
		}
	}
	t.Parallel()
	acct := remedytest.NewAccount(t)
	defer acct.Sandbox.Fault(sandbox.Fault{Service: "elasticache", Operation: "ModifyReplicationGroup", Account: acct.ID, Code: "InvalidReplicationGroupState"})()
	if err := Failover.Write(t.Context(), acct.Config, remedy.On[none]{Target: asr.Target{Name: "carts"}}, failover{}, failover{Automatic: true}); err != asr.ErrSettling {
		t.Errorf("got %v, want it to settle", err)
	}
}

func TestAlone(t *testing.T) {
	shard := func(nodes int) types.NodeGroup {
		return types.NodeGroup{NodeGroupId: aws.String("0001"), NodeGroupMembers: make([]types.NodeGroupMember, nodes)}
	}
	good := []types.NodeGroup{shard(2)}
	for name, tt := range map[string]struct {
		g    types.ReplicationGroup
		v    string
		want string
	}{
		"fine":                       {types.ReplicationGroup{NodeGroups: good}, "7.1", ""},
		"one of its shards is alone": {types.ReplicationGroup{NodeGroups: []types.NodeGroup{shard(2), shard(1)}}, "7.1", "shard 0001 has no replica"},
		"no nodes":                   {types.ReplicationGroup{}, "7.1", "it has no nodes"},
		"t1":                         {types.ReplicationGroup{NodeGroups: good, CacheNodeType: aws.String("cache.t1.micro")}, "7.1", "cache.t1.micro nodes"},
		"old":                        {types.ReplicationGroup{NodeGroups: good}, "2.6.13", "Redis takes over by itself from version 2.8.6"},
		"global":                     {types.ReplicationGroup{NodeGroups: good, GlobalReplicationGroupInfo: &types.GlobalReplicationGroupInfo{GlobalReplicationGroupId: aws.String("w")}}, "7.1", "it belongs to the global datastore w"},
	} {
		t.Run(name, func(t *testing.T) {
			got := alone(tt.g, []types.CacheCluster{{Engine: aws.String("redis"), EngineVersion: &tt.v}})
			if !contains(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFailoverIsOnlyTurnedOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SampledFrom([]string{"", "because"})
		now := failover{rapid.Bool().Draw(t, "automatic"), words.Draw(t, "waiting"), words.Draw(t, "refusal"), words.Draw(t, "needed")}
		remedytest.Stable(t, Failover, remedy.On[none]{}, now, "automatic")
		got, err := Failover.Want(remedy.On[none]{}, now)
		if refusal := err != nil; refusal != (!now.Automatic && now.Waiting+now.Refusal != "") || !refusal && !got.Automatic {
			t.Fatalf("%+v becomes %+v: %v", now, got, err)
		}
	})
}
