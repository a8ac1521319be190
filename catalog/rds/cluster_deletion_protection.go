package rds

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// ClusterDeletionProtection has RDS refuse to delete a cluster, of Aurora,
// Neptune, DocumentDB or Multi-AZ.
var ClusterDeletionProtection = remedy.Unit[none, setting]{
	Spec: asr.Spec{
		ID: "rds-cluster-deletion-protection", Version: 1,
		Title:  "Protect RDS clusters from deletion",
		Impact: "Nobody can delete the cluster until protection is switched off again; tools that take stacks down fail at it. Its instances can still be deleted one by one, which leaves the data. The database itself notices nothing. Changes that wait for the maintenance window go on waiting.",
		Risk:   asr.RiskLow, RiskWhy: "only deletions are refused",
		Scope: asr.ScopeResource, Resources: []string{cluster}, Internal: clusterID,
		Reads:  []asr.Grant{asr.Allow(anyCluster, "rds:DescribeDBClusters")},
		Writes: []asr.Grant{asr.Allow(cluster, "rds:ModifyDBCluster")},
		Settle: 10 * time.Second,
	},
	Controls: map[string]none{"RDS.7": {}},
	Resolve:  resolveCluster[none],
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (setting, error) {
		c, stuck, err := describeCluster(ctx, cfg, on.Name)
		return setting{aws.ToBool(c.DeletionProtection), stuck}, err
	},
	Want: switchOn("bring the cluster into state available, then plan again"),
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to setting) error {
		return modifyCluster(ctx, cfg, rds.ModifyDBClusterInput{DBClusterIdentifier: &on.Name, DeletionProtection: &to.On})
	},
}
