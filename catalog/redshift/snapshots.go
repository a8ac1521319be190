package redshift

import (
	"context"
	"fmt"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
	"github.com/aws/aws-sdk-go-v2/service/redshift/types"
)

type retention struct {
	Days int32 `json:"days" doc:"Days that automated snapshots are kept at least, 1 to 35."`
}

type snapshots struct {
	Days    int32  `json:"days"`              // that automated snapshots are kept; 0: none are taken
	Refusal string `json:"refusal,omitempty"` // why Redshift wouldn't change it
}

// Snapshots has Redshift take snapshots by itself and keep them long enough.
// https://docs.aws.amazon.com/redshift/latest/mgmt/working-with-snapshots.html
var Snapshots = remedy.Unit[retention, snapshots]{
	Spec: asr.Spec{
		ID: "redshift-snapshots", Version: 1,
		Title:  "Take automated snapshots of Redshift clusters",
		Impact: "Redshift takes a snapshot every eight hours, or for every 5 GB of change per node, and keeps it for the days that are asked for. Queries go on as before. Put back, snapshots that are older than the former number of days are deleted at once; with 0 all automated ones are.",
		Risk:   asr.RiskLow, RiskWhy: "the cluster goes on as before, and only keeps more snapshots",
		Cost:  "nothing on RA3 nodes; on DC2 nodes about 0.023 USD per GB and month of what exceeds the cluster's own storage",
		Scope: asr.ScopeResource, Resources: []string{cluster},
		Reads:  []asr.Grant{asr.Allow(cluster, "redshift:DescribeClusters")},
		Writes: []asr.Grant{asr.Allow(cluster, "redshift:ModifyCluster")},
		Settle: 10 * time.Second,
	},
	Controls: map[string]retention{"Redshift.3": {7}},
	Validate: func(on remedy.On[retention]) error {
		if d := on.Params.Days; d < 1 || d > 35 {
			return fmt.Errorf("days is %d, and can be 1 to 35", d)
		}
		return nil
	},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[retention]) (snapshots, error) {
		c, stuck, err := describe(ctx, cfg, on.Target)
		if err != nil {
			return snapshots{}, err
		}
		return snapshotsOf(c, stuck)
	},
	Want: func(on remedy.On[retention], now snapshots) (snapshots, error) {
		switch {
		case now.Days >= on.Params.Days:
			return now, nil
		case now.Refusal != "":
			return now, refuse(now.Refusal)
		}
		return snapshots{Days: on.Params.Days}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[retention], from, to snapshots) error {
		if from.Refusal != "" {
			return refuse(from.Refusal)
		}
		return modify(ctx, cfg, redshift.ModifyClusterInput{ClusterIdentifier: &on.Name, AutomatedSnapshotRetentionPeriod: &to.Days})
	},
}

func snapshotsOf(c types.Cluster, stuck string) (snapshots, error) {
	if pending(c).AutomatedSnapshotRetentionPeriod != nil {
		return snapshots{}, asr.ErrSettling
	}
	return snapshots{aws.ToInt32(c.AutomatedSnapshotRetentionPeriod), stuck}, nil
}
