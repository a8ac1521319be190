package config

import (
	"context"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/configservice/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// writeRecording takes the first step that is missing, or takes one back.
func writeRecording(ctx context.Context, cfg aws.Config, on remedy.On[delivery], from, to recording) (err error) {
	api := configservice.NewFromConfig(cfg)
	switch {
	case from.On && !to.On:
		_, err = api.StopConfigurationRecorder(ctx, &configservice.StopConfigurationRecorderInput{ConfigurationRecorderName: &from.Recorder})
		err = remedy.Unless(err, "NoSuchConfigurationRecorderException")
	case from.Channel != "" && to.Channel == "":
		if from.Channel != ourChannel {
			return asr.Refuse("the delivery channel "+from.Channel+" is not the fix's own", "delete it by hand, if it shall go")
		}
		_, err = api.DeleteDeliveryChannel(ctx, &configservice.DeleteDeliveryChannelInput{DeliveryChannelName: &from.Channel})
		err = remedy.Unless(err, "NoSuchDeliveryChannelException")
	case from.Recorder != "" && to.Recorder == "":
		if from.Recorder != ourRecorder {
			return asr.Refuse("the recorder "+from.Recorder+" is not the fix's own", "delete it by hand, if it shall go")
		}
		_, err = api.DeleteConfigurationRecorder(ctx, &configservice.DeleteConfigurationRecorderInput{ConfigurationRecorderName: &from.Recorder})
		err = remedy.Unless(err, "NoSuchConfigurationRecorderException")
	case from.Role == "" && to.Role != "":
		_, err = iam.NewFromConfig(cfg).CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("config.amazonaws.com")})
		err = remedy.Unless(err, "InvalidInput") // the role is there: a run in another Region was faster
	case from.Bucket == "" && to.Bucket != "":
		return ourBucket(on).Make(ctx, cfg, on.Call)
	case !from.Private && to.Private:
		return ourBucket(on).Close(ctx, cfg)
	case !from.Delivery && to.Delivery:
		return ourBucket(on).Allow(ctx, cfg)
	case from.Recorder == "" && to.Recorder != "":
		return makeRecorder(ctx, api, on)
	case from.Channel == "" && to.Channel != "":
		_, err = api.PutDeliveryChannel(ctx, &configservice.PutDeliveryChannelInput{DeliveryChannel: &types.DeliveryChannel{
			Name: aws.String(ourChannel), S3BucketName: aws.String(ourBucket(on).Name),
		}})
	case to.On:
		_, err = api.StartConfigurationRecorder(ctx, &configservice.StartConfigurationRecorderInput{ConfigurationRecorderName: &to.Recorder})
	}
	return heeded(err)
}

func makeRecorder(ctx context.Context, api *configservice.Client, on remedy.On[delivery]) error {
	in := &configservice.PutConfigurationRecorderInput{ConfigurationRecorder: &types.ConfigurationRecorder{
		Name: aws.String(ourRecorder), RoleARN: aws.String(on.Expand(linkedRole)), RecordingGroup: &types.RecordingGroup{
			AllSupported: true, IncludeGlobalResourceTypes: on.Params.GlobalIn == everywhere || on.Params.GlobalIn == on.Region,
			RecordingStrategy: &types.RecordingStrategy{UseOnly: types.RecordingStrategyTypeAllSupportedResourceTypes},
		},
	}}
	for k, v := range on.Call.Tags() {
		in.Tags = append(in.Tags, types.Tag{Key: &k, Value: &v})
	}
	_, err := api.PutConfigurationRecorder(ctx, in)
	return heeded(err)
}

// heeded waits where a new role, bucket or policy isn't known everywhere yet,
// or the step before: a recorder that was stopped may count as running for a while.
func heeded(err error) error {
	if remedy.Is(err, "LastDeliveryChannelDeleteFailedException", "NoAvailableConfigurationRecorderException", "NoAvailableDeliveryChannelException") {
		return asr.ErrSettling
	}
	if !remedy.Is(err, "InvalidRoleException", "NoSuchBucketException", "InsufficientDeliveryPolicyException") {
		return err
	}
	return &asr.Error{Code: asr.CodeUnavailable, Err: err, Do: "wait; the step is tried again by itself. If it lasts, let the policy of the bucket allow config.amazonaws.com what AWS Config's developer guide asks for"}
}
