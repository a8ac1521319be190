package s3

import (
	"context"
	"maps"
	"slices"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	ourNotification = "asr-events" // the id of the configuration that we make
	// notificationElements are all of the document:
	// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketNotificationConfiguration.html
	notificationElements = "EventBridgeConfiguration TopicConfiguration QueueConfiguration CloudFunctionConfiguration Id Topic Queue CloudFunction Event Filter S3Key FilterRule Name Value"
)

func notifications(ctx context.Context, cfg aws.Config, t asr.Target) (*types.NotificationConfiguration, error) {
	out, err := s3.NewFromConfig(cfg).GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: &t.Name, ExpectedBucketOwner: &t.Account}, complete(notificationElements))
	if err != nil {
		return nil, remedy.Gone(err, "NoSuchBucket")
	}
	return &types.NotificationConfiguration{
		EventBridgeConfiguration: out.EventBridgeConfiguration, LambdaFunctionConfigurations: out.LambdaFunctionConfigurations,
		QueueConfigurations: out.QueueConfigurations, TopicConfigurations: out.TopicConfigurations,
	}, nil
}

func readTold(ctx context.Context, cfg aws.Config, on remedy.On[notify]) (told, error) {
	c, err := notifications(ctx, cfg, on.Target)
	if err != nil {
		return told{}, err
	}
	now := told{EventBridge: c.EventBridgeConfiguration != nil, Others: map[string]string{}, Ours: map[string]string{}}
	add := func(into map[string]string, where *string, events []types.Event) {
		for _, e := range events {
			if also := into[string(e)]; also != "" { // under another filter
				into[string(e)] = also + ", " + aws.ToString(where)
			} else {
				into[string(e)] = aws.ToString(where)
			}
		}
	}
	for _, t := range c.TopicConfigurations {
		into := now.Others
		if isOurs(t) {
			into = now.Ours
		}
		add(into, t.TopicArn, t.Events)
	}
	for _, q := range c.QueueConfigurations {
		add(now.Others, q.QueueArn, q.Events)
	}
	for _, f := range c.LambdaFunctionConfigurations {
		add(now.Others, f.LambdaFunctionArn, f.Events)
	}
	return now, nil
}

func isOurs(t types.TopicConfiguration) bool { return aws.ToString(t.Id) == ourNotification }

// ourTopics is the configuration that sends ours, if there is anything to send.
func ourTopics(to told) []types.TopicConfiguration {
	ours := types.TopicConfiguration{Id: aws.String(ourNotification)}
	for _, e := range slices.Sorted(maps.Keys(to.Ours)) {
		ours.Events, ours.TopicArn = append(ours.Events, types.Event(e)), aws.String(to.Ours[e])
	}
	if ours.Events == nil {
		return nil
	}
	return []types.TopicConfiguration{ours}
}

// tells reports whether a type of events is sent, by its own name or a wider one.
func tells(sent map[string]string, asked string) bool {
	for e := range sent {
		if like(e, asked) {
			return true
		}
	}
	return false
}
