package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// somebodySetsRetention is what the demo's somebody does behind asr's back.
func somebodySetsRetention(ctx context.Context, cfg aws.Config, group string, days int32) error {
	_, err := cloudwatchlogs.NewFromConfig(cfg).PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &group, RetentionInDays: &days})
	return err
}
