package redshift

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
)

type upgrades struct {
	Allowed bool   `json:"allowed"`           // Redshift upgrades the cluster by itself
	Refusal string `json:"refusal,omitempty"` // why Redshift wouldn't change it
}

// VersionUpgrades lets Redshift upgrade a cluster by itself. The control's rule
// could look at the maintenance window and at snapshots too, but Security Hub
// asks it for this only.
// https://docs.aws.amazon.com/config/latest/developerguide/redshift-cluster-maintenancesettings-check.html
var VersionUpgrades = remedy.Unit[none, upgrades]{
	Spec: asr.Spec{
		ID: "redshift-version-upgrades", Version: 1,
		Title:  "Let Redshift upgrade clusters by itself",
		Impact: "Nothing happens at once. When AWS has a new version, it is installed in the maintenance window, and the cluster can't be used for some minutes while it restarts. A version that was installed stays when the fix is undone.",
		Risk:   asr.RiskMedium, RiskWhy: "versions are installed from then on without anybody asking, in the maintenance window",
		Scope: asr.ScopeResource, Resources: []string{cluster},
		Reads:  []asr.Grant{asr.Allow(cluster, "redshift:DescribeClusters")},
		Writes: []asr.Grant{asr.Allow(cluster, "redshift:ModifyCluster")},
		Settle: 10 * time.Second,
	},
	Controls: map[string]none{"Redshift.6": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (upgrades, error) {
		c, stuck, err := describe(ctx, cfg, on.Target)
		return upgrades{aws.ToBool(c.AllowVersionUpgrade), stuck}, err
	},
	Want: func(_ remedy.On[none], now upgrades) (upgrades, error) {
		if !now.Allowed && now.Refusal != "" {
			return now, refuse(now.Refusal)
		}
		now.Allowed = true
		return now, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to upgrades) error {
		if from.Refusal != "" {
			return refuse(from.Refusal)
		}
		return modify(ctx, cfg, redshift.ModifyClusterInput{ClusterIdentifier: &on.Name, AllowVersionUpgrade: &to.Allowed})
	},
}
