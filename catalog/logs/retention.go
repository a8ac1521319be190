// Package logs fixes CloudWatch Logs.
package logs

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

const group = "arn:{partition}:logs:{region}:{account}:log-group:{name}:*"

type retention struct {
	Days int32 `json:"days" doc:"Days that events are kept at least. 0 in a state: for ever."`
}

// Retention keeps a log group's events for at least the required time.
var Retention = remedy.Unit[retention, retention]{
	Spec: asr.Spec{
		ID: "logs-retention", Version: 1,
		Title:  "Keep CloudWatch log events long enough",
		Impact: "Events are kept longer and storage costs more. Events that have already expired stay lost.",
		Risk:   asr.RiskLow, RiskWhy: "retention is only ever made longer",
		Cost:  "about 0.03 USD per GB and month for what is kept longer",
		Scope: asr.ScopeResource, Resources: []string{group, "arn:{partition}:logs:{region}:{account}:log-group:{name}"},
		Reads:  []asr.Grant{asr.Allow("*", "logs:DescribeLogGroups")},
		Writes: []asr.Grant{asr.Allow(group, "logs:PutRetentionPolicy")},
		Settle: time.Second,
	},
	Controls: map[string]retention{"CloudWatch.16": {365}},
	Read:     readRetention,
	Want:     wantRetention,
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[retention], _, to retention) error {
		_, err := cloudwatchlogs.NewFromConfig(cfg).PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &on.Name, RetentionInDays: &to.Days})
		return err
	},
}

// periods are the retentions that PutRetentionPolicy takes, in days.
var periods = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

func wantRetention(on remedy.On[retention], now retention) (retention, error) {
	if now.Days == 0 || now.Days >= on.Params.Days {
		return now, nil
	}
	for _, days := range periods {
		if days >= on.Params.Days {
			return retention{days}, nil
		}
	}
	return now, asr.Refuse("CloudWatch Logs keeps events for 3653 days at most", "set days to 3653 or less, or let the group's events never expire")
}

func readRetention(ctx context.Context, cfg aws.Config, on remedy.On[retention]) (retention, error) {
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(cloudwatchlogs.NewFromConfig(cfg), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &on.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return retention{}, err
		}
		for _, g := range page.LogGroups {
			if aws.ToString(g.LogGroupName) == on.Name {
				return retention{aws.ToInt32(g.RetentionInDays)}, nil
			}
		}
	}
	return retention{}, asr.ErrGone
}
