package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"

	"example.com/asr/dynamo/schema"
)

// keyed gives the table its keys and indexes.
func keyed(table *awsdynamodb.CfnTableProps) *awsdynamodb.CfnTableProps {
	var attributes, indexes []any
	for _, name := range schema.Table.Attributes() {
		attributes = append(attributes, &awsdynamodb.CfnTable_AttributeDefinitionProperty{AttributeName: &name, AttributeType: str("S")})
	}
	for _, i := range schema.Table.Indexes {
		indexes = append(indexes, &awsdynamodb.CfnTable_GlobalSecondaryIndexProperty{
			IndexName: &i.Name, KeySchema: keys(i.Hash, i.Range), Projection: &awsdynamodb.CfnTable_ProjectionProperty{ProjectionType: str("KEYS_ONLY")},
		})
	}
	table.KeySchema, table.AttributeDefinitions, table.GlobalSecondaryIndexes = keys(schema.Table.Hash, schema.Table.Range), attributes, indexes
	table.TimeToLiveSpecification = &awsdynamodb.CfnTable_TimeToLiveSpecificationProperty{AttributeName: str(schema.Table.TTL), Enabled: true}
	return table
}

func keys(hash, sort string) []any {
	all := []any{&awsdynamodb.CfnTable_KeySchemaProperty{AttributeName: &hash, KeyType: str("HASH")}}
	if sort != "" {
		all = append(all, &awsdynamodb.CfnTable_KeySchemaProperty{AttributeName: &sort, KeyType: str("RANGE")})
	}
	return all
}

// retentions are what CloudWatch Logs takes, in days.
var retentions = []string{"30", "60", "90", "120", "150", "180", "365", "400", "545", "731", "1096", "1827", "2557", "3653"}
