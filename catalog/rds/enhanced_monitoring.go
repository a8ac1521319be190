package rds

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

const (
	monitorName = "asr-rds-monitoring"
	monitorRole = "arn:{partition}:iam::{account}:role/asr/" + monitorName
)

type interval struct {
	Seconds int32 `json:"seconds" doc:"Seconds between measurements: 1, 5, 10, 15, 30 or 60. An instance that is measured more often stays as it is, although the control, if Security Hub sets its parameter, asks for exactly this interval."`
}

// intervals are those that RDS takes.
var intervals = []int32{1, 5, 10, 15, 30, 60}

type measuring struct {
	Seconds int32  `json:"seconds"` // between measurements; 0: off
	Role    string `json:"role"`    // the ARN of the role that RDS writes them with
	Refusal string `json:"refusal,omitempty"`
	Do      string `json:"do,omitempty"`
}

// EnhancedMonitoring has RDS measure an instance's operating system. RDS begins
// at once whether asked to or not, so it isn't asked to (ApplyImmediately): that
// would apply all that waits for the maintenance window too.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Monitoring.OS.Enabling.html
var EnhancedMonitoring = remedy.Unit[interval, measuring]{
	Spec: asr.Spec{
		ID: "rds-enhanced-monitoring", Version: 1,
		Title:  "Monitor the operating system of RDS instances",
		Impact: "RDS writes what the instance's operating system does, processes included, to the log group RDSOSMetrics, which it makes if it isn't there and which stays when this is undone. The database notices nothing. A role that the instance has for it already stays, and so does a shorter interval.",
		Risk:   asr.RiskLow, RiskWhy: "the database is only watched",
		Cost:  "about 0.50 USD per GB of log: some 0.1 USD per instance and month at 60 seconds, some 6 USD at 1 second",
		Scope: asr.ScopeResource, Resources: []string{instance}, Internal: instanceID,
		Reads:   []asr.Grant{asr.Allow(anyInstance, "rds:DescribeDBInstances"), asr.Allow(monitorRole, "iam:GetRole")},
		Writes:  []asr.Grant{asr.Allow(instance, "rds:ModifyDBInstance")},
		Implied: []asr.Grant{asr.Pass(monitorRole, "monitoring.rds.amazonaws.com")},
		Settle:  10 * time.Second,
	},
	Controls: map[string]interval{"RDS.6": {60}},
	Resolve:  resolveInstance[interval],
	Validate: func(on remedy.On[interval]) error {
		if !slices.Contains(intervals, on.Params.Seconds) {
			return fmt.Errorf("seconds is %d, and can be one of %v", on.Params.Seconds, intervals)
		}
		return nil
	},
	Read: readMeasuring,
	Want: func(on remedy.On[interval], now measuring) (measuring, error) {
		if now.Seconds != 0 && now.Seconds <= on.Params.Seconds {
			return now, nil
		}
		if now.Refusal != "" {
			return now, asr.Refuse(now.Refusal, now.Do)
		}
		now.Seconds = on.Params.Seconds
		if now.Role == "" {
			now.Role = on.Expand(monitorRole)
		}
		return now, nil
	},
	// Write hands over a role only where there was none: only ours may be passed.
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[interval], from, to measuring) error {
		in := rds.ModifyDBInstanceInput{DBInstanceIdentifier: &on.Name, MonitoringInterval: &to.Seconds}
		if to.Seconds != 0 && to.Role != from.Role {
			in.MonitoringRoleArn = &to.Role
		}
		return modifyInstance(ctx, cfg, in)
	},
}

func readMeasuring(ctx context.Context, cfg aws.Config, on remedy.On[interval]) (now measuring, err error) {
	i, stuck, err := describeInstance(ctx, cfg, on.Name)
	if err != nil {
		return now, err
	}
	now = measuring{Seconds: aws.ToInt32(i.MonitoringInterval), Role: aws.ToString(i.MonitoringRoleArn)}
	if now.Seconds == 0 && now.Role == on.Expand(monitorRole) {
		now.Role = "" // it does nothing while this is off
	}
	if now.Refusal, now.Do = unmeasured(i, stuck); now.Refusal != "" || now.Role != "" {
		return now, nil
	}
	out, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(monitorName)})
	if err = remedy.Unless(err, "NoSuchEntity"); err != nil {
		return now, err
	}
	if out == nil || out.Role == nil || aws.ToString(out.Role.Arn) != on.Expand(monitorRole) { // another path is another role
		now.Refusal = "the role " + on.Expand(monitorRole) + ", with which RDS writes to CloudWatch Logs, is not there"
		now.Do = "deploy asr-member, which has it, in account " + on.Account + ", then plan again"
	}
	return now, nil
}

// unmeasured says why an instance can't be told to be measured, and what to do.
func unmeasured(i types.DBInstance, stuck string) (why, do string) {
	switch {
	case ofMultiAZCluster(i):
		return "the instance is a member of the Multi-AZ cluster " + *i.DBClusterIdentifier + ", which is monitored as a whole", "switch Enhanced Monitoring on for the cluster"
	case strings.HasPrefix(aws.ToString(i.Engine), "custom-"):
		return "RDS Custom has no Enhanced Monitoring", "monitor its operating system with the CloudWatch agent, or suppress the finding"
	case stuck != "":
		return stuck, "bring the instance into state available, then plan again"
	}
	return "", ""
}
