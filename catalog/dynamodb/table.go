package dynamodb

import (
	"context"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const table = "arn:{partition}:dynamodb:{region}:{account}:table/{name}"

type none struct{}

// describe returns a table that isn't between two states.
func describe(ctx context.Context, cfg aws.Config, t asr.Target) (d types.TableDescription, err error) {
	out, err := dynamodb.NewFromConfig(cfg).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &t.Name})
	if err != nil {
		return d, remedy.Gone(err, "ResourceNotFoundException")
	}
	switch d = *out.Table; d.TableStatus {
	case types.TableStatusDeleting:
		return d, asr.ErrGone
	case types.TableStatusCreating, types.TableStatusUpdating, types.TableStatusArchiving:
		return d, asr.ErrSettling
	case types.TableStatusArchived, types.TableStatusInaccessibleEncryptionCredentials:
		return d, asr.Refuse("the table is "+string(d.TableStatus)+": DynamoDB can't use the key that encrypts it", "give DynamoDB the key back or restore the table, then plan again")
	}
	return d, nil
}

// settling says so where DynamoDB refuses a change because another one is
// under way.
func settling(err error) error {
	if remedy.Is(err, "ResourceInUseException", "LimitExceededException") {
		return asr.ErrSettling
	}
	return err
}
