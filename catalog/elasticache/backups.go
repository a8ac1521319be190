package elasticache

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
)

type retention struct {
	Days int32 `json:"days" doc:"Days that daily backups are kept at least, 1 to 35."`
}

// backups are those that ElastiCache takes each day by itself.
type backups struct {
	Days    int32  `json:"days"`              // 0: none are taken
	Source  string `json:"source"`            // the node that they are taken from, where it must be named: in a group without cluster mode
	Node    string `json:"node,omitempty"`    // the node to take them from, for judging only
	Refusal string `json:"refusal,omitempty"` // why there can be none
}

// Backups has ElastiCache back up the data each day. It takes effect at once,
// so ElastiCache isn't asked to apply it immediately (ApplyImmediately): that
// would apply all that waits for the maintenance window too.
// https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups-automatic.html
var Backups = remedy.Unit[retention, backups]{
	Spec: asr.Spec{
		ID: "elasticache-backups", Version: 1,
		Title:  "Back up Redis and Valkey caches each day",
		Impact: "ElastiCache takes a backup each day in the backup window, of a replica where there is one. A node that stands alone answers more slowly meanwhile, and one that is short of memory may run out of it. Put back, the automatic backups that are there are deleted as they age.",
		Risk:   asr.RiskLow, RiskWhy: "the cache stays up, and is only slower during its backup window",
		Cost:  "about 0.085 USD per GB of backup and month",
		Scope: asr.ScopeResource, Resources: []string{cache},
		Reads:  []asr.Grant{asr.Allow(cache, "elasticache:DescribeCacheClusters", "elasticache:DescribeReplicationGroups")},
		Writes: []asr.Grant{asr.Allow(cache, "elasticache:ModifyCacheCluster", "elasticache:ModifyReplicationGroup")},
		Settle: 10 * time.Second,
	},
	Controls: map[string]retention{"ElastiCache.1": {1}},
	Resolve:  canonical[retention],
	Validate: func(on remedy.On[retention]) error {
		if d := on.Params.Days; d < 1 || d > 35 {
			return fmt.Errorf("days is %d, and can be 1 to 35", d)
		}
		return nil
	},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[retention]) (backups, error) {
		kind, id := part(on.Target)
		if kind == groupKind {
			g, err := replicationGroup(ctx, cfg, id)
			if err != nil {
				return backups{}, err
			}
			stuck, err := settled(aws.ToString(g.Status))
			return ofGroup(g, stuck), err
		}
		c, err := cluster(ctx, cfg, id)
		if err != nil {
			return backups{}, err
		}
		stuck, err := settled(aws.ToString(c.CacheClusterStatus))
		return backups{Days: aws.ToInt32(c.SnapshotRetentionLimit), Refusal: cmp.Or(unfit(aws.ToString(c.Engine), aws.ToString(c.CacheNodeType)), stuck)}, err
	},
	Want: func(on remedy.On[retention], now backups) (backups, error) {
		switch {
		case now.Days >= on.Params.Days:
			return now, nil
		case now.Refusal != "":
			return now, noBackups(now)
		case now.Days == 0:
			now.Source = now.Node
		}
		now.Days = on.Params.Days
		return now, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[retention], from, to backups) (err error) {
		if from.Refusal != "" {
			return noBackups(from)
		}
		api := elasticache.NewFromConfig(cfg)
		switch kind, id := part(on.Target); kind {
		case groupKind:
			in := &elasticache.ModifyReplicationGroupInput{ReplicationGroupId: &id, SnapshotRetentionLimit: &to.Days}
			if to.Source != from.Source && to.Source != "" { // it goes by itself with the last backup
				in.SnapshottingClusterId = &to.Source
			}
			_, err = api.ModifyReplicationGroup(ctx, in)
		default:
			_, err = api.ModifyCacheCluster(ctx, &elasticache.ModifyCacheClusterInput{CacheClusterId: &id, SnapshotRetentionLimit: &to.Days})
		}
		return begun(err)
	},
}
