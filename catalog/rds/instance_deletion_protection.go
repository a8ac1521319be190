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

// InstanceDeletionProtection has RDS refuse to delete an instance.
var InstanceDeletionProtection = remedy.Unit[none, setting]{
	Spec: asr.Spec{
		ID: "rds-instance-deletion-protection", Version: 1,
		Title:  "Protect RDS instances from deletion",
		Impact: "Nobody can delete the instance until protection is switched off again; tools that take stacks down fail at it. The database itself notices nothing. Changes that wait for the maintenance window go on waiting.",
		Risk:   asr.RiskLow, RiskWhy: "only deletions are refused",
		Scope: asr.ScopeResource, Resources: []string{instance}, Internal: instanceID,
		Reads:  []asr.Grant{asr.Allow(anyInstance, "rds:DescribeDBInstances")},
		Writes: []asr.Grant{asr.Allow(instance, "rds:ModifyDBInstance")},
		Settle: 10 * time.Second,
	},
	Controls: map[string]none{"RDS.8": {}},
	Resolve:  resolveInstance[none],
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (setting, error) {
		i, stuck, err := describeInstance(ctx, cfg, on.Name)
		if c := aws.ToString(i.DBClusterIdentifier); c != "" { // members can be deleted while their cluster is protected
			stuck = cmp.Or("the instance is a member of the cluster "+c+", which is protected as a whole", stuck)
		}
		return setting{aws.ToBool(i.DeletionProtection), stuck}, err
	},
	Want: switchOn("protect its cluster (rds-cluster-deletion-protection), or bring the instance into state available, then plan again"),
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to setting) error {
		return modifyInstance(ctx, cfg, rds.ModifyDBInstanceInput{DBInstanceIdentifier: &on.Name, DeletionProtection: &to.On})
	},
}
