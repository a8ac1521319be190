package dynamodb

import (
	"context"
	"errors"
	"slices"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// newTable makes a table with an index, a stream and two tags.
func newTable(t *testing.T, acct *remedytest.Account, name string, more ...func(*dynamodb.CreateTableInput)) {
	t.Helper()
	in := &dynamodb.CreateTableInput{
		TableName:             &name,
		KeySchema:             []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions:  []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}, {AttributeName: aws.String("day"), AttributeType: types.ScalarAttributeTypeS}},
		ProvisionedThroughput: throughput(10, 4),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String("by-day"), KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("day"), KeyType: types.KeyTypeHash}},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}, ProvisionedThroughput: throughput(6, 2),
		}},
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeKeysOnly},
		Tags:                []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}, {Key: aws.String("empty"), Value: aws.String("")}},
	}
	for _, m := range more {
		m(in)
	}
	_, err := dynamodb.NewFromConfig(acct.Config).CreateTable(t.Context(), in)
	remedytest.Must(t, name, err)
}

func throughput(read, write int64) *types.ProvisionedThroughput {
	return &types.ProvisionedThroughput{ReadCapacityUnits: &read, WriteCapacityUnits: &write}
}

// onDemand has a table, and its index, pay by the request.
func onDemand(in *dynamodb.CreateTableInput) {
	in.BillingMode, in.ProvisionedThroughput, in.GlobalSecondaryIndexes[0].ProvisionedThroughput = types.BillingModePayPerRequest, nil, nil
}

func update(t *testing.T, acct *remedytest.Account, in *dynamodb.UpdateTableInput) {
	t.Helper()
	_, err := dynamodb.NewFromConfig(acct.Config).UpdateTable(t.Context(), in)
	remedytest.Must(t, 0, err)
}

func gone(t *testing.T, acct *remedytest.Account, name string) func() {
	return func() {
		_, err := dynamodb.NewFromConfig(acct.Config).DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &name})
		remedytest.Must(t, name, err)
	}
}

func viewOfTable(acct *remedytest.Account, name string) remedytest.View {
	return acct.Boto("dynamodb", "describe_table", map[string]any{"TableName": name}, "Table").And(
		acct.Boto("dynamodb", "list_tags_of_resource", map[string]any{"ResourceArn": acct.Expand(table, name)}, "Tags"),
	)
}

// ended runs a unit on a table and returns how the run ended.
func ended[P, S any](t *testing.T, acct *remedytest.Account, u remedy.Unit[P, S], control, name, params string) (*remedytest.Harness, asr.Run) {
	t.Helper()
	h := remedytest.NewHarness(acct, u)
	return h, h.End(t, remedytest.Case{Control: control, Resource: acct.Expand(table, name), Params: params})
}

func onTable[P any](acct *remedytest.Account, name string, params P) remedy.On[P] {
	return remedy.On[P]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: name}, Params: params, Call: asr.Call{Run: "run-1"}}
}

// answering returns a config whose calls are answered by f, if it has an
// answer, and by AWS otherwise.
func answering(cfg aws.Config, f func(in any) (out any, err error)) aws.Config {
	cfg = cfg.Copy()
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(st *middleware.Stack) error {
		return st.Initialize.Add(middleware.InitializeMiddlewareFunc("answering", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			if out, err := f(in.Parameters); out != nil || err != nil {
				return middleware.InitializeOutput{Result: out}, middleware.Metadata{}, err
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.Before)
	})
	return cfg
}

func inStatus(acct *remedytest.Account, status types.TableStatus) aws.Config {
	return answering(acct.Config, func(in any) (any, error) {
		if _, ok := in.(*dynamodb.DescribeTableInput); ok {
			return &dynamodb.DescribeTableOutput{Table: &types.TableDescription{TableStatus: status}}, nil
		}
		return nil, nil
	})
}

func TestATableBetweenTwoStatesIsWaitedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for status, want := range map[types.TableStatus]error{
		types.TableStatusActive: nil, types.TableStatusCreating: asr.ErrSettling, types.TableStatusUpdating: asr.ErrSettling, types.TableStatusArchiving: asr.ErrSettling,
		types.TableStatusDeleting: asr.ErrGone, types.TableStatusReplicationNotAuthorized: nil,
	} {
		if _, err := describe(t.Context(), inStatus(acct, status), asr.Target{Name: "orders"}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", status, err, want)
		}
	}
	for _, status := range []types.TableStatus{types.TableStatusArchived, types.TableStatusInaccessibleEncryptionCredentials} {
		if _, err := describe(t.Context(), inStatus(acct, status), asr.Target{Name: "orders"}); asr.Classify(err) != asr.CodeRefused {
			t.Errorf("%s: got %v, want a refusal", status, err)
		}
	}
}

func TestAChangeThatAnotherOneHoldsUpIsWaitedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for _, code := range []string{"ResourceInUseException", "LimitExceededException", "ContinuousBackupsUnavailableException"} {
		cfg := answering(acct.Config, func(any) (any, error) { return nil, &smithy.GenericAPIError{Code: code, Message: "wait"} })
		errs := map[string]error{
			"recovery": PointInTimeRecovery.Write(t.Context(), cfg, onTable(acct, "orders", recovery{}), recovery{}, recovery{35}),
		}
		if code != "ContinuousBackupsUnavailableException" {
			errs["protection"] = DeletionProtection.Write(t.Context(), cfg, onTable(acct, "orders", none{}), protection{}, protection{true})
			errs["tags"] = Tagged.Write(t.Context(), cfg, onTable(acct, "orders", required{}), tags{}, tags{map[string]string{"a": "b"}})
		}
		for what, err := range errs {
			if !errors.Is(err, asr.ErrSettling) {
				t.Errorf("%s, %s: got %v", code, what, err)
			}
		}
	}
}
