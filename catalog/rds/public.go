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

// NotPublic takes away an instance's public address. RDS does that at once
// whether asked to or not, so it isn't asked to (ApplyImmediately): that would
// apply all that waits for the maintenance window too.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html
var NotPublic = remedy.Unit[none, openness]{
	Spec: asr.Spec{
		ID: "rds-not-public", Version: 1,
		Title:  "Take RDS instances off the internet",
		Impact: "The database's name leads to a private address. Clients outside of its VPC and of the networks joined to it can't connect any more. Changes that wait for the maintenance window go on waiting.",
		Risk:   asr.RiskHigh, RiskWhy: "clients outside of the VPC lose the database",
		Interrupts: "connections from outside of the VPC, until undone; others not",
		Scope:      asr.ScopeResource, Resources: []string{instance}, Internal: instanceID,
		Reads:  []asr.Grant{asr.Allow(anyInstance, "rds:DescribeDBInstances")},
		Writes: []asr.Grant{asr.Allow(instance, "rds:ModifyDBInstance")},
		Settle: 10 * time.Second,
	},
	Controls: map[string]none{"RDS.2": {}},
	Resolve:  resolveInstance[none],
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (openness, error) {
		i, stuck, err := describeInstance(ctx, cfg, on.Name)
		if ofMultiAZCluster(i) {
			stuck = cmp.Or(stuck, "the instance is a member of the Multi-AZ cluster "+*i.DBClusterIdentifier+", which RDS changes only as a whole")
		}
		return openness{aws.ToBool(i.PubliclyAccessible), stuck}, err
	},
	Want: keepPrivate("bring the instance into state available, or change its cluster, then plan again"),
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to openness) error {
		return modifyInstance(ctx, cfg, rds.ModifyDBInstanceInput{DBInstanceIdentifier: &on.Name, PubliclyAccessible: &to.Public})
	},
}
