package dynamodb

import (
	"errors"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"pgregory.net/rapid"
)

func TestDeletionProtection(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "orders.v2")
	remedytest.Lifecycle(t, acct, DeletionProtection, remedytest.Case{
		Name: "off", Control: "DynamoDB.6", Resource: acct.Expand(table, "orders.v2"), Want: []string{"on: false → true"},
		View: viewOfTable(acct, "orders.v2"), Seen: []string{"describe_table.DeletionProtectionEnabled: false → true"},
	}, remedytest.Case{
		Name: "others change the capacity meanwhile", Control: "DynamoDB.6", Resource: acct.Expand(table, "orders.v2"), Want: []string{"on: false → true"},
		Meanwhile: func() {
			update(t, acct, &dynamodb.UpdateTableInput{TableName: aws.String("orders.v2"), ProvisionedThroughput: throughput(20, 20)})
		},
		Gone: gone(t, acct, "orders.v2"),
	})
}

func TestAProtectedTableIsNotUpdated(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "orders", func(in *dynamodb.CreateTableInput) { in.DeletionProtectionEnabled = aws.Bool(true) })
	if _, r := ended(t, acct, DeletionProtection, "DynamoDB.6", "orders", ""); r.State != asr.StateNothingToDo || r.Writes != 0 {
		t.Errorf("the run ended %s after %d writes: %+v", r.State, r.Writes, r.Error)
	}
}

func TestATableIsGivenTimeToBecomeActive(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for _, status := range []types.TableStatus{types.TableStatusCreating, types.TableStatusUpdating} {
		if _, err := DeletionProtection.Read(t.Context(), inStatus(acct, status), onTable(acct, "orders", none{})); !errors.Is(err, asr.ErrSettling) {
			t.Errorf("%s: %v", status, err)
		}
	}
}

func TestDeletionProtectionIsNeverTurnedOff(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Make[protection]().Draw(t, "state")
		remedytest.Stable(t, DeletionProtection, remedy.On[none]{}, now, "on")
		if to, err := DeletionProtection.Want(remedy.On[none]{}, now); err != nil || !to.On {
			t.Fatalf("%v becomes %v: %v", now, to, err)
		}
	})
}
