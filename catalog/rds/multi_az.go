package rds

import (
	"cmp"
	"context"
	"reflect"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

type standby struct {
	MultiAZ bool   `json:"multiAZ"`
	Waiting string `json:"waiting,omitempty"` // other changes that wait for the maintenance window
	Refusal string `json:"refusal,omitempty"` // why the instance is to have no standby
}

// MultiAZ gives an instance a standby in another Availability Zone, at once:
// left to the maintenance window, nobody could say for a week whether it works.
// But ApplyImmediately applies all that waits for that window too, restarts
// included, so an instance for which something waits is refused.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html
var MultiAZ = remedy.Unit[none, standby]{
	Spec: asr.Spec{
		ID: "rds-multi-az", Version: 1,
		Title:  "Give RDS instances a standby in another Availability Zone",
		Impact: "The database stays up, but answers more slowly while the standby is filled, up to hours for a large one, and writes take slightly longer ever after. It begins at once, not in the maintenance window. An instance for which other changes wait is refused, since they would be applied too.",
		Risk:   asr.RiskMedium, RiskWhy: "the price doubles, and the database is slower while the standby is filled",
		Cost:  "the instance's and its storage's price once more",
		Scope: asr.ScopeResource, Resources: []string{instance}, Internal: instanceID,
		Reads:  []asr.Grant{asr.Allow(anyInstance, "rds:DescribeDBInstances")},
		Writes: []asr.Grant{asr.Allow(instance, "rds:ModifyDBInstance")},
		Settle: 30 * time.Second,
	},
	Controls: map[string]none{"RDS.5": {}},
	Resolve:  resolveInstance[none],
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (standby, error) {
		i, stuck, err := describeInstance(ctx, cfg, on.Name)
		return standby{aws.ToBool(i.MultiAZ), waiting(i.PendingModifiedValues), cmp.Or(alone(i), stuck)}, err
	},
	Want: func(_ remedy.On[none], now standby) (standby, error) {
		to := now
		to.MultiAZ = true
		switch {
		case now.MultiAZ:
			return now, nil
		case now.Refusal != "":
			return now, asr.Refuse(now.Refusal, "make it highly available by hand if that is meant, or suppress the finding")
		}
		return to, released(now)
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to standby) error {
		if err := released(from); err != nil {
			return err
		}
		return modifyInstance(ctx, cfg, rds.ModifyDBInstanceInput{DBInstanceIdentifier: &on.Name, MultiAZ: &to.MultiAZ, ApplyImmediately: aws.Bool(true)})
	},
}

// released refuses to release what waits for the maintenance window.
func released(now standby) error {
	if now.Waiting == "" {
		return nil
	}
	return asr.Refuse("changes wait for the maintenance window and would be applied at once: "+now.Waiting, "apply them by hand or let the window come, then try again")
}

// waiting names the changes that wait, but for the one that we are about; not
// their values, one of which may be a password.
func waiting(p *types.PendingModifiedValues) string {
	if p == nil {
		return ""
	}
	var names []string
	for f, v := range reflect.ValueOf(*p).Fields() {
		none := v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
		if f.IsExported() && f.Name != "MultiAZ" && !none {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, ", ")
}

// alone says why an instance is to have no standby of its own:
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZSingleStandby.html
func alone(i types.DBInstance) string {
	engine := aws.ToString(i.Engine)
	zones := map[string]bool{}
	if i.DBSubnetGroup != nil {
		for _, s := range i.DBSubnetGroup.Subnets {
			if s.SubnetAvailabilityZone != nil {
				zones[aws.ToString(s.SubnetAvailabilityZone.Name)] = true
			}
		}
	}
	switch {
	case aurora(i):
		return engine + " has no standbys: its cluster keeps the data in several Availability Zones, and takes over with another instance of it"
	case ofMultiAZCluster(i):
		return "the instance is a member of a Multi-AZ cluster, which has its standbys already"
	case strings.HasPrefix(engine, "custom-"):
		return "RDS Custom doesn't make standbys this way"
	case strings.HasPrefix(engine, "sqlserver"):
		return "SQL Server mirrors database by database, which depends on its edition and on how each database is set up"
	case aws.ToString(i.ReadReplicaSourceDBInstanceIdentifier) != "" || aws.ToString(i.ReadReplicaSourceDBClusterIdentifier) != "":
		return "the instance is a read replica: whether a copy needs a standby is for its owner to say"
	case len(zones) == 1:
		return "all subnets of the instance are in one Availability Zone"
	}
	return ""
}
