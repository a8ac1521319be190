package s3

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

type notify struct {
	Events []string `json:"events" doc:"Types of events that somebody must be told of, as s3:ObjectCreated:*. Empty: whatever they are."`
	Topic  string   `json:"topic,omitempty" doc:"ARN of the SNS topic that the missing types go to. It is there, its policy lets S3 publish, and somebody reads it. Empty: EventBridge is told of everything, which satisfies the control unless it asks for types."`
}

// told is who is told of a bucket's events.
type told struct {
	EventBridge bool              `json:"eventBridge"`
	Others      map[string]string `json:"others"` // types of events, and the ARN of where others had them sent
	Ours        map[string]string `json:"ours"`   // what the configuration that we made sends, and where
}

// EventNotifications has a bucket tell of its events.
var EventNotifications = remedy.Unit[notify, told]{
	Spec: asr.Spec{
		ID: "s3-event-notifications", Version: 1,
		Title:  "Tell EventBridge of events in S3 buckets",
		Impact: "S3 tells EventBridge of each object that is written, deleted or moved; rules on the default event bus that match S3's events begin to see this bucket. Where the control asks for types of events, S3 sends those that nobody is told of to the topic that is named. Notifications that are there stay.",
		Risk:   asr.RiskLow, RiskWhy: "who uses the bucket notices nothing",
		Cost:  "about 1 USD per million events",
		Scope: asr.ScopeResource, Resources: []string{bucket, "{name}"},
		Reads:  []asr.Grant{asr.Allow(bucket, "s3:GetBucketNotification")},
		Writes: []asr.Grant{asr.Allow(bucket, "s3:PutBucketNotification")},
		Settle: 5 * time.Second,
	},
	Controls: map[string]notify{"S3.11": {Events: []string{}}},
	Validate: func(on remedy.On[notify]) error {
		for _, e := range on.Params.Events {
			if !strings.HasPrefix(e, "s3:") || strings.ContainsAny(e, " ,") {
				return fmt.Errorf("events holds %q, which is no type of S3's events", e)
			}
		}
		if t := on.Params.Topic; t != "" && !strings.HasPrefix(t, on.Expand("arn:{partition}:sns:{region}:")) {
			return fmt.Errorf("topic is %q: it must be the ARN of a topic in %s, where the bucket is", t, on.Region)
		}
		return nil
	},
	Read: readTold,
	Want: wantTold,
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[notify], from, to told) error {
		c, err := notifications(ctx, cfg, on.Target)
		if err != nil {
			return err
		}
		if c.EventBridgeConfiguration = nil; to.EventBridge {
			c.EventBridgeConfiguration = &types.EventBridgeConfiguration{}
		}
		c.TopicConfigurations = append(slices.DeleteFunc(c.TopicConfigurations, isOurs), ourTopics(to)...)
		_, err = s3.NewFromConfig(cfg).PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{
			Bucket: &on.Name, ExpectedBucketOwner: &on.Account, NotificationConfiguration: c,
			SkipDestinationValidation: aws.Bool(maps.Equal(from.Ours, to.Ours) || len(to.Ours) == 0), // a queue of others' that is gone is none of ours
		})
		return err
	},
}

// wantTold is content with any notification if the control asks for no types:
// AWS's own rule takes EventBridge for one.
// https://docs.aws.amazon.com/controltower/latest/controlreference/s3-rules.html#ct-s3-pr-4-description
func wantTold(on remedy.On[notify], now told) (told, error) {
	if len(on.Params.Events) == 0 {
		now.EventBridge = now.EventBridge || len(now.Others)+len(now.Ours) == 0
		return now, nil
	}
	missing := map[string]string{}
	for _, asked := range on.Params.Events {
		if tells(now.Others, asked) || tells(now.Ours, asked) {
			continue
		}
		missing[asked] = on.Params.Topic
		for sent, where := range now.Others {
			if like(asked, sent) {
				return now, asr.Refuse(fmt.Sprintf("%s goes to %s already, and S3 tells of an event in one place only: %s can't be added", sent, where, asked), "widen that notification by hand, or name narrower types in events")
			}
		}
	}
	switch {
	case len(missing) == 0:
		return now, nil
	case on.Params.Topic == "":
		return now, asr.Refuse("the control asks for types of events ("+strings.Join(on.Params.Events, ", ")+"), and EventBridge can't be told of types", "set topic to an SNS topic that somebody reads and whose policy lets S3 publish")
	}
	for sent, where := range now.Ours {
		if where != on.Params.Topic {
			return now, asr.Refuse("asr sends "+sent+" to "+where+" already, not to "+on.Params.Topic, "set topic to that one, or undo the earlier run first")
		}
		missing[sent] = where
	}
	now.Ours = missing
	return now, nil
}
