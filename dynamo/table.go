package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// CreateTable makes a table of the Schema's shape, for tests and the sandbox:
// the deployed one comes from the asr-hub template. It returns when the table is
// being made, not when it is ready.
func CreateTable(ctx context.Context, client *dynamodb.Client, table string) error {
	in := &dynamodb.CreateTableInput{TableName: &table, BillingMode: types.BillingModePayPerRequest, KeySchema: keySchema(Schema.Hash, Schema.Range)}
	for _, name := range Schema.Attributes() {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS})
	}
	for _, i := range Schema.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: &i.Name, KeySchema: keySchema(i.Hash, i.Range), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		})
	}
	if _, err := client.CreateTable(ctx, in); err != nil {
		return fmt.Errorf("create table %s: %w", table, err)
	}
	_, err := client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: &table, TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &Schema.TTL, Enabled: aws.Bool(true)},
	})
	if err != nil {
		return fmt.Errorf("create table %s: expiry: %w", table, err)
	}
	return nil
}

func keySchema(hash, rang string) []types.KeySchemaElement {
	keys := []types.KeySchemaElement{{AttributeName: &hash, KeyType: types.KeyTypeHash}}
	if rang != "" {
		keys = append(keys, types.KeySchemaElement{AttributeName: &rang, KeyType: types.KeyTypeRange})
	}
	return keys
}
