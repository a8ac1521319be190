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

// ClusterCopyTags gives a cluster's tags to its snapshots.
var ClusterCopyTags = remedy.Unit[none, setting]{
	Spec: asr.Spec{
		ID: "rds-cluster-copy-tags", Version: 1,
		Title:  "Copy the tags of RDS clusters to their snapshots",
		Impact: "Snapshots that are made from now on carry the cluster's tags, so rules that go by tags (costs, rights, retention) apply to them too. Snapshots that exist stay as they are. Changes that wait for the maintenance window go on waiting.",
		Risk:   asr.RiskLow, RiskWhy: "the database isn't touched, and snapshots only gain tags",
		Scope: asr.ScopeResource, Resources: []string{cluster}, Internal: clusterID,
		Reads:  []asr.Grant{asr.Allow(anyCluster, "rds:DescribeDBClusters")},
		Writes: []asr.Grant{asr.Allow(cluster, "rds:ModifyDBCluster")},
		Settle: 10 * time.Second,
	},
	Controls: map[string]none{"RDS.16": {}},
	Resolve:  resolveCluster[none],
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (setting, error) {
		c, stuck, err := describeCluster(ctx, cfg, on.Name)
		if aws.ToString(c.Engine) == "docdb" {
			stuck = cmp.Or("DocumentDB doesn't copy tags to snapshots", stuck)
		}
		return setting{aws.ToBool(c.CopyTagsToSnapshot), stuck}, err
	},
	Want: switchOn("bring the cluster into state available and plan again; suppress the finding if it is DocumentDB's"),
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to setting) error {
		return modifyCluster(ctx, cfg, rds.ModifyDBClusterInput{DBClusterIdentifier: &on.Name, CopyTagsToSnapshot: &to.On})
	},
}
