package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
)

// schema gives the table its keys and indexes.
func schema(table *awsdynamodb.CfnTableProps) *awsdynamodb.CfnTableProps {
	key := func(name, kind string) any {
		return &awsdynamodb.CfnTable_KeySchemaProperty{AttributeName: &name, KeyType: &kind}
	}
	attribute := func(name string) any {
		return &awsdynamodb.CfnTable_AttributeDefinitionProperty{AttributeName: &name, AttributeType: str("S")}
	}
	table.KeySchema = []any{key("pk", "HASH"), key("sk", "RANGE")}
	table.AttributeDefinitions = []any{attribute("pk"), attribute("sk")}
	table.TimeToLiveSpecification = &awsdynamodb.CfnTable_TimeToLiveSpecificationProperty{AttributeName: str("expires"), Enabled: true}
	return table
}
