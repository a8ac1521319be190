package elasticache

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
)

// failover is what happens when a primary node fails.
type failover struct {
	Automatic bool   `json:"automatic"`         // a replica takes over by itself
	Waiting   string `json:"waiting,omitempty"` // other changes that wait for the maintenance window
	Refusal   string `json:"refusal,omitempty"` // why none can take over
	Needed    string `json:"needed,omitempty"`  // why it can't be turned off
}

// Failover lets a replica take over by itself when the primary fails, at once:
// left to the maintenance window, nobody could say for a week whether it works.
// But ApplyImmediately applies all that waits for that window too, restarts
// included, so a group for which something waits is refused.
// https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyReplicationGroup.html
var Failover = remedy.Unit[none, failover]{
	Spec: asr.Spec{
		ID: "elasticache-failover", Version: 1,
		Title:  "Let replicas of replication groups take over by themselves",
		Impact: "When a primary node fails, ElastiCache makes a replica the primary within minutes, and the last writes that it had not received are lost. Clients that write to a node's own endpoint, and not to the primary endpoint, write to a replica from then on and fail. A replica can't be made the primary by hand meanwhile. Multi-AZ stays as it is, so that the replicas may still be in the primary's Availability Zone. A group for which other changes wait is refused, since they would be applied too.",
		Risk:   asr.RiskLow, RiskWhy: "nothing restarts, and until a primary fails nobody notices",
		Scope: asr.ScopeResource, Resources: []string{group},
		Reads:  []asr.Grant{asr.Allow(group, "elasticache:DescribeReplicationGroups"), asr.Allow(anyCluster, "elasticache:DescribeCacheClusters")},
		Writes: []asr.Grant{asr.Allow(group, "elasticache:ModifyReplicationGroup")},
		Settle: 30 * time.Second,
	},
	Controls: map[string]none{"ElastiCache.3": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (failover, error) {
		g, err := replicationGroup(ctx, cfg, on.Name)
		if err != nil {
			return failover{}, err
		}
		nodes, err := members(ctx, cfg, on.Name)
		if err != nil {
			return failover{}, err
		}
		return failoverOf(g, nodes)
	},
	Want: func(_ remedy.On[none], now failover) (failover, error) {
		to := now
		to.Automatic = true
		switch {
		case now.Automatic:
			return now, nil
		case now.Refusal != "":
			return now, noFailover(now)
		}
		return to, released(now)
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to failover) error {
		if from.Refusal != "" {
			return noFailover(from)
		}
		if err := released(from); err != nil {
			return err
		}
		if !to.Automatic && from.Needed != "" {
			return asr.Refuse("automatic failover can't be turned off: "+from.Needed, "turn that off first, if it is meant")
		}
		_, err := elasticache.NewFromConfig(cfg).ModifyReplicationGroup(ctx, &elasticache.ModifyReplicationGroupInput{
			ReplicationGroupId: &on.Name, AutomaticFailoverEnabled: &to.Automatic, ApplyImmediately: aws.Bool(true),
		})
		return begun(err)
	},
}

func noFailover(now failover) error {
	return asr.Refuse(now.Refusal, "put that right, for one by adding a replica, then plan again; or suppress the finding")
}

// released refuses to release what waits for the maintenance window.
func released(now failover) error {
	if now.Waiting == "" {
		return nil
	}
	return asr.Refuse("changes wait for the maintenance window and would be applied at once: "+now.Waiting, "apply them by hand or let the window come, then try again")
}
