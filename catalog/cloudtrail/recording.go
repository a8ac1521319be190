package cloudtrail

import (
	"context"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

func readRecording(ctx context.Context, cfg aws.Config, on remedy.On[store]) (r recording, err error) {
	out, err := cloudtrail.NewFromConfig(cfg).DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{})
	if err != nil {
		return r, err
	}
	for _, t := range out.TrailList {
		if err := r.count(ctx, cfg, on, t); err != nil {
			return r, err
		}
	}
	if on.Params.Key != "" {
		if err := r.findKey(ctx, kms.NewFromConfig(cfg), on); err != nil {
			return r, err
		}
	}
	return r, r.findBucket(ctx, cfg, on)
}

// count counts a trail as ours, or as one that leaves us nothing to do.
func (r *recording) count(ctx context.Context, cfg aws.Config, on remedy.On[store], t types.Trail) (err error) {
	arn, gap := aws.ToString(t.TrailARN), ""
	if arn != on.Expand(ours) {
		gap, err = Gap(ctx, cfg, t)
		switch {
		case err == nil && gap == "":
			r.By = arn
		case aws.ToString(t.Name) == ourName && Owner(t) == on.Account: // a shadow: no other can have its name
			r.Problem = "there is a trail asr-trail in " + aws.ToString(t.HomeRegion) + " already, but " + gap
		}
		return err
	}
	if gap, err = scope(ctx, cfg, t); err != nil {
		return err
	}
	if r.Trail = arn; gap != "" {
		r.Problem = "there is a trail asr-trail already, but " + gap
	}
	r.Logging, err = logging(ctx, cfg, t)
	return err
}

// writeRecording takes the first step that is missing.
func writeRecording(ctx context.Context, cfg aws.Config, on remedy.On[store], from, to recording) (err error) {
	api := cloudtrail.NewFromConfig(cfg)
	switch {
	case from.Key == "" && to.Key != "":
		return makeKey(ctx, kms.NewFromConfig(cfg), on)
	case from.Bucket == "" && to.Bucket != "":
		return makeBucket(ctx, cfg, on)
	case !from.Private && to.Private:
		return closeBucket(ctx, cfg, on)
	case !from.Delivery && to.Delivery:
		return allowDelivery(ctx, cfg, on)
	case from.Trail == "" && to.Trail != "":
		return createTrail(ctx, api, on, to)
	case from.Trail != "" && to.Trail == "":
		return deleteTrail(ctx, api, on, from.Trail)
	case to.Logging:
		_, err = api.StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: aws.String(ourName)})
	default:
		_, err = api.StopLogging(ctx, &cloudtrail.StopLoggingInput{Name: aws.String(ourName)})
	}
	return err
}

func createTrail(ctx context.Context, api *cloudtrail.Client, on remedy.On[store], to recording) error {
	in := &cloudtrail.CreateTrailInput{
		Name: aws.String(ourName), S3BucketName: bucketName(on),
		IsMultiRegionTrail: aws.Bool(true), IncludeGlobalServiceEvents: aws.Bool(true), EnableLogFileValidation: aws.Bool(true),
	}
	if to.Key != "" {
		in.KmsKeyId = &to.Key
	}
	for k, v := range on.Call.Tags() {
		in.TagsList = append(in.TagsList, types.Tag{Key: &k, Value: &v})
	}
	_, err := api.CreateTrail(ctx, in)
	if remedy.Is(err, "InsufficientS3BucketPolicyException", "InsufficientEncryptionPolicyException") { // S3 and KMS take a while to heed a new policy
		return &asr.Error{Code: asr.CodeUnavailable, Err: err, Do: "wait; the step is tried again by itself. If it lasts, let the policies of the bucket and of the key allow cloudtrail.amazonaws.com what CloudTrail's user guide asks for"}
	}
	return remedy.Unless(err, "TrailAlreadyExistsException")
}

// deleteTrail deletes the trail that this run made, and no other of its name.
func deleteTrail(ctx context.Context, api *cloudtrail.Client, on remedy.On[store], arn string) error {
	out, err := api.ListTags(ctx, &cloudtrail.ListTagsInput{ResourceIdList: []string{arn}})
	if err != nil {
		return remedy.Unless(err, "ResourceNotFoundException", "TrailNotFoundException")
	}
	for _, r := range out.ResourceTagList {
		for _, t := range r.TagsList {
			if aws.ToString(t.Key) == asr.OwnerTag && aws.ToString(t.Value) == on.Call.Run {
				_, err := api.DeleteTrail(ctx, &cloudtrail.DeleteTrailInput{Name: aws.String(ourName)})
				return remedy.Unless(err, "TrailNotFoundException")
			}
		}
	}
	return asr.Refuse("the trail asr-trail doesn't carry this run's tag: somebody else made it", "delete it by hand, if it shall go")
}
