package dynamodb

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"pgregory.net/rapid"
)

func setRecovery(t *testing.T, acct *remedytest.Account, name string, days int32) {
	t.Helper()
	spec := &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(days > 0)}
	if days > 0 {
		spec.RecoveryPeriodInDays = &days
	}
	_, err := dynamodb.NewFromConfig(acct.Config).UpdateContinuousBackups(t.Context(), &dynamodb.UpdateContinuousBackupsInput{TableName: &name, PointInTimeRecoverySpecification: spec})
	remedytest.Must(t, name, err)
}

func TestPointInTimeRecovery(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "orders")
	view := acct.Boto("dynamodb", "describe_continuous_backups", map[string]any{"TableName": "orders"}, "ContinuousBackupsDescription").And(viewOfTable(acct, "orders")).
		Without("EarliestRestorableDateTime", "LatestRestorableDateTime")
	remedytest.Lifecycle(t, acct, PointInTimeRecovery, remedytest.Case{
		Name: "off", Control: "DynamoDB.2", Resource: acct.Expand(table, "orders"), Want: []string{"days: 0 → 35"},
		Seed: func() { setRecovery(t, acct, "orders", 0) },
		View: view, Seen: []string{
			`describe_continuous_backups.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus: "DISABLED" → "ENABLED"`,
			`describe_continuous_backups.PointInTimeRecoveryDescription.RecoveryPeriodInDays: none → 35`,
		},
		Foreign: func() { setRecovery(t, acct, "orders", 3) },
	}, remedytest.Case{
		Name: "for a week", Control: "DynamoDB.2", Params: `{"days": 7}`, Resource: acct.Expand(table, "orders"), Want: []string{"days: 0 → 7"},
		Gone: gone(t, acct, "orders"),
	})
}

func TestRecoveryThatIsOnKeepsItsPeriod(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "orders")
	setRecovery(t, acct, "orders", 3)
	if _, r := ended(t, acct, PointInTimeRecovery, "DynamoDB.2", "orders", ""); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestRecoveryThatSaysNoPeriodHasTheLongest(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "orders")
	cfg := answering(acct.Config, func(in any) (any, error) {
		if _, ok := in.(*dynamodb.DescribeContinuousBackupsInput); ok {
			return &dynamodb.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: &types.ContinuousBackupsDescription{
				PointInTimeRecoveryDescription: &types.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: types.PointInTimeRecoveryStatusEnabled},
			}}, nil
		}
		return nil, nil
	})
	if got, err := PointInTimeRecovery.Read(t.Context(), cfg, onTable(acct, "orders", recovery{})); err != nil || got.Days != longestRecovery {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDaysOfRecoveryAreOneTo35(t *testing.T) {
	for days, ok := range map[int32]bool{0: false, 1: true, 35: true, 36: false} {
		if err := PointInTimeRecovery.Validate(remedy.On[recovery]{Params: recovery{days}}); (err == nil) != ok {
			t.Errorf("%d: %v", days, err)
		}
	}
}

func TestRecoveryIsNeverMadeShorter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		on, now := remedy.On[recovery]{Params: recovery{rapid.Int32Range(1, 35).Draw(t, "asked")}}, recovery{rapid.Int32Range(0, 35).Draw(t, "now")}
		remedytest.Stable(t, PointInTimeRecovery, on, now, "days")
		if to, err := PointInTimeRecovery.Want(on, now); err != nil || to.Days < now.Days || to.Days == 0 {
			t.Fatalf("%v becomes %v: %v", now, to, err)
		}
	})
}
