// Package dynamodb fixes DynamoDB.
package dynamodb

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

type protection struct {
	On bool `json:"on"`
}

// DeletionProtection keeps a table from being deleted.
var DeletionProtection = remedy.Unit[none, protection]{
	Spec: asr.Spec{
		ID: "dynamodb-deletion-protection", Version: 1,
		Title:  "Protect DynamoDB tables from deletion",
		Impact: "The table can't be deleted until somebody turns the protection off. Deleting the stack that owns it, or destroying it with Terraform, fails until then. Reading, writing and changing it go on as before.",
		Risk:   asr.RiskLow, RiskWhy: "only deleting the table fails",
		Scope: asr.ScopeResource, Resources: []string{table},
		Reads:  []asr.Grant{asr.Allow(table, "dynamodb:DescribeTable")},
		Writes: []asr.Grant{asr.Allow(table, "dynamodb:UpdateTable")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]none{"DynamoDB.6": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (protection, error) {
		d, err := describe(ctx, cfg, on.Target)
		return protection{aws.ToBool(d.DeletionProtectionEnabled)}, err
	},
	Want: func(remedy.On[none], protection) (protection, error) { return protection{true}, nil },
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to protection) error {
		_, err := dynamodb.NewFromConfig(cfg).UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &on.Name, DeletionProtectionEnabled: &to.On})
		return settling(err)
	},
}
