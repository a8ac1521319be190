package rds

import (
	"cmp"
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// InstanceCopyTags gives an instance's tags to its snapshots.
var InstanceCopyTags = remedy.Unit[none, setting]{
	Spec: asr.Spec{
		ID: "rds-instance-copy-tags", Version: 1,
		Title:  "Copy the tags of RDS instances to their snapshots",
		Impact: "Snapshots that are made from now on carry the instance's tags, so rules that go by tags (costs, rights, retention) apply to them too. Snapshots that exist stay as they are. Changes that wait for the maintenance window go on waiting.",
		Risk:   asr.RiskLow, RiskWhy: "the database isn't touched, and snapshots only gain tags",
		Scope: asr.ScopeResource, Resources: []string{instance}, Internal: instanceID,
		Reads:  []asr.Grant{asr.Allow(anyInstance, "rds:DescribeDBInstances")},
		Writes: []asr.Grant{asr.Allow(instance, "rds:ModifyDBInstance")},
		Settle: 10 * time.Second,
	},
	Controls: map[string]none{"RDS.17": {}},
	Resolve:  resolveInstance[none],
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (setting, error) {
		i, stuck, err := describeInstance(ctx, cfg, on.Name)
		if c := aws.ToString(i.DBClusterIdentifier); c != "" {
			stuck = cmp.Or("the instance is a member of the cluster "+c+", which is snapshotted as a whole", stuck)
		}
		return setting{aws.ToBool(i.CopyTagsToSnapshot), stuck}, err
	},
	Want: switchOn("have its cluster copy tags (rds-cluster-copy-tags), or bring the instance into state available, then plan again"),
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to setting) error {
		return modifyInstance(ctx, cfg, rds.ModifyDBInstanceInput{DBInstanceIdentifier: &on.Name, CopyTagsToSnapshot: &to.On})
	},
}
