package dynamodb

import (
	"context"
	"fmt"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// longestRecovery is DynamoDB's default, in days, and the most that there is.
const longestRecovery = 35

type recovery struct {
	Days int32 `json:"days" doc:"Days that the table can be restored to, 1 to 35; recovery that is on already keeps its own. 0 in a state: none."`
}

// PointInTimeRecovery lets a table be restored to any second of the last days.
var PointInTimeRecovery = remedy.Unit[recovery, recovery]{
	Spec: asr.Spec{
		ID: "dynamodb-point-in-time-recovery", Version: 1,
		Title:  "Let DynamoDB tables be restored to a point in time",
		Impact: "DynamoDB backs the table up all the time, from now on; who uses it notices nothing. Undo turns that off, and what could be restored until then is lost.",
		Risk:   asr.RiskLow, RiskWhy: "the backups don't touch the table's capacity",
		Cost:  "about 0.20 USD per GB of table and month",
		Scope: asr.ScopeResource, Resources: []string{table},
		Reads:  []asr.Grant{asr.Allow(table, "dynamodb:DescribeTable", "dynamodb:DescribeContinuousBackups")},
		Writes: []asr.Grant{asr.Allow(table, "dynamodb:UpdateContinuousBackups")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]recovery{"DynamoDB.2": {longestRecovery}},
	Read:     readRecovery,
	Want: func(on remedy.On[recovery], now recovery) (recovery, error) {
		if now.Days > 0 {
			return now, nil
		}
		return on.Params, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[recovery], _, to recovery) error {
		spec := &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(to.Days > 0)}
		if to.Days > 0 {
			spec.RecoveryPeriodInDays = &to.Days
		}
		_, err := dynamodb.NewFromConfig(cfg).UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{TableName: &on.Name, PointInTimeRecoverySpecification: spec})
		return unavailable(settling(err))
	},
	Validate: func(on remedy.On[recovery]) error {
		if d := on.Params.Days; d < 1 || d > longestRecovery {
			return fmt.Errorf("days is %d, and can be 1 to %d", d, longestRecovery)
		}
		return nil
	},
}

func readRecovery(ctx context.Context, cfg aws.Config, on remedy.On[recovery]) (r recovery, err error) {
	if _, err := describe(ctx, cfg, on.Target); err != nil {
		return r, err
	}
	out, err := dynamodb.NewFromConfig(cfg).DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &on.Name})
	if err != nil {
		return r, remedy.Gone(err, "TableNotFoundException", "ResourceNotFoundException")
	}
	if b := out.ContinuousBackupsDescription; b != nil && b.PointInTimeRecoveryDescription != nil && b.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled {
		if r.Days = aws.ToInt32(b.PointInTimeRecoveryDescription.RecoveryPeriodInDays); r.Days == 0 {
			r.Days = longestRecovery
		}
	}
	return r, nil
}

// unavailable says that a table whose backups are just being set up settles.
func unavailable(err error) error {
	if remedy.Is(err, "ContinuousBackupsUnavailableException") {
		return asr.ErrSettling
	}
	return err
}
