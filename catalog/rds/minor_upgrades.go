package rds

import (
	"context"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

type upgrades struct {
	On      bool   `json:"on"`
	Cluster string `json:"cluster,omitempty"` // the Multi-AZ cluster that has the setting for the instance
	Refusal string `json:"refusal,omitempty"` // why RDS wouldn't switch it on
}

// MinorUpgrades lets RDS upgrade an instance's engine to new minor versions by
// itself. RDS switches that on at once whether asked to or not, so it isn't
// asked to (ApplyImmediately): that would apply all that waits for the
// maintenance window too.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html
var MinorUpgrades = remedy.Unit[none, upgrades]{
	Spec: asr.Spec{
		ID: "rds-minor-upgrades", Version: 1,
		Title:  "Upgrade RDS instances to minor versions automatically",
		Impact: "RDS upgrades the engine to minor versions that it prefers, in the maintenance window, and the database restarts then. Aurora does so only if all instances of the cluster allow it. For a member of a Multi-AZ cluster the cluster's setting is changed, and so that of all its members. An upgrade that was made stays when this is undone.",
		Risk:   asr.RiskMedium, RiskWhy: "later versions of the engine arrive without anybody asking, each with a restart",
		Interrupts: "the database, for some minutes in maintenance windows in which RDS upgrades it; at once if the window is open now and an upgrade is due",
		Scope:      asr.ScopeResource, Resources: []string{instance}, Internal: instanceID,
		Reads: []asr.Grant{asr.Allow(anyInstance, "rds:DescribeDBInstances"), asr.Allow(anyCluster, "rds:DescribeDBClusters")},
		Writes: []asr.Grant{
			asr.Allow(instance, "rds:ModifyDBInstance"),
			asr.Allow(anyCluster, "rds:ModifyDBCluster"), // whose member an instance is, its name doesn't say
		},
		Settle: 10 * time.Second,
	},
	Controls: map[string]none{"RDS.13": {}},
	Resolve:  resolveInstance[none],
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (upgrades, error) {
		i, stuck, err := describeInstance(ctx, cfg, on.Name)
		if err != nil || !ofMultiAZCluster(i) {
			return upgrades{On: aws.ToBool(i.AutoMinorVersionUpgrade), Refusal: pinned(i, stuck)}, err
		}
		c, stuck, err := describeCluster(ctx, cfg, *i.DBClusterIdentifier)
		return upgrades{aws.ToBool(c.AutoMinorVersionUpgrade), *i.DBClusterIdentifier, stuck}, err
	},
	Want: func(_ remedy.On[none], now upgrades) (upgrades, error) {
		if !now.On && now.Refusal != "" {
			return now, asr.Refuse(now.Refusal, "bring it into state available and plan again, or suppress the finding")
		}
		now.On = true
		return now, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to upgrades) error {
		if from.Cluster != "" {
			return modifyCluster(ctx, cfg, rds.ModifyDBClusterInput{DBClusterIdentifier: &from.Cluster, AutoMinorVersionUpgrade: &to.On})
		}
		return modifyInstance(ctx, cfg, rds.ModifyDBInstanceInput{DBInstanceIdentifier: &on.Name, AutoMinorVersionUpgrade: &to.On})
	},
}

// pinned says why an instance's engine isn't upgraded by RDS.
func pinned(i types.DBInstance, stuck string) string {
	switch engine := aws.ToString(i.Engine); {
	case strings.HasPrefix(engine, "custom-"):
		return "RDS Custom leaves upgrades to its owner"
	case engine == "docdb":
		return "DocumentDB makes no minor upgrades by itself, whatever the setting"
	}
	return stuck
}
