package cloudtrail

import (
	"cmp"
	"context"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedy/logbucket"
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
		key, err := findKey(ctx, kms.NewFromConfig(cfg), on.Expand(alias))
		if err != nil {
			return r, err
		}
		if key != nil {
			r.Key, r.Problem = on.Expand(alias), cmp.Or(r.Problem, unusable(*key))
		}
	}
	there, err := ourBucket(on).Look(ctx, cfg)
	if there.There {
		r.Bucket, r.Private, r.Delivery = on.Expand(bucket), there.Private, there.Delivers
	}
	return r, err
}

// ourBucket is the bucket that lets CloudTrail deliver our trail's log:
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
func ourBucket(on remedy.On[store]) logbucket.Bucket {
	arn, cloudTrail := on.Expand(bucket), map[string]any{"Service": "cloudtrail.amazonaws.com"}
	return logbucket.Bucket{Target: on.Target, Name: on.Expand("{params.bucket}"), Policy: []map[string]any{{
		"Sid": "AsrTrailLooks", "Effect": "Allow", "Principal": cloudTrail, "Action": "s3:GetBucketAcl", "Resource": arn,
		"Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceArn": on.Expand(ours)}},
	}, {
		"Sid": "AsrTrailDelivers", "Effect": "Allow", "Principal": cloudTrail, "Action": "s3:PutObject", "Resource": arn + "/AWSLogs/" + on.Account + "/*",
		"Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceArn": on.Expand(ours), "s3:x-amz-acl": "bucket-owner-full-control"}},
	}, logbucket.RequireTLS(arn)}}
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
		return makeKey(ctx, kms.NewFromConfig(cfg), on.Target, on.Call, cmk{on.Expand("alias/{params.key}"), on.Expand(ours)})
	case from.Bucket == "" && to.Bucket != "":
		return ourBucket(on).Make(ctx, cfg, on.Call)
	case !from.Private && to.Private:
		return ourBucket(on).Close(ctx, cfg)
	case !from.Delivery && to.Delivery:
		return ourBucket(on).Allow(ctx, cfg)
	case from.Trail == "" && to.Trail != "":
		return createTrail(ctx, api, on, to)
	case from.Trail != "" && to.Trail == "":
		return deleteTrail(ctx, api, on, from.Trail)
	case to.Logging:
		_, err = api.StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: aws.String(ourName)})
	default:
		_, err = api.StopLogging(ctx, &cloudtrail.StopLoggingInput{Name: aws.String(ourName)})
	}
	return heeded(err)
}

func createTrail(ctx context.Context, api *cloudtrail.Client, on remedy.On[store], to recording) error {
	in := &cloudtrail.CreateTrailInput{
		Name: aws.String(ourName), S3BucketName: aws.String(on.Expand("{params.bucket}")),
		IsMultiRegionTrail: aws.Bool(true), IncludeGlobalServiceEvents: aws.Bool(true), EnableLogFileValidation: aws.Bool(true),
	}
	if to.Key != "" {
		in.KmsKeyId = &to.Key
	}
	for k, v := range on.Call.Tags() {
		in.TagsList = append(in.TagsList, types.Tag{Key: &k, Value: &v})
	}
	_, err := api.CreateTrail(ctx, in)
	return remedy.Unless(heeded(err), "TrailAlreadyExistsException")
}

// heeded waits where S3 and KMS take a while to heed a new policy, and
// CloudWatch Logs to know a new log group; and while CloudTrail hasn't loaded
// the trail, or another change of it is under way:
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_UpdateTrail.html
func heeded(err error) error {
	if remedy.Is(err, "ConflictException") {
		return asr.ErrSettling
	}
	if !remedy.Is(err, "InsufficientS3BucketPolicyException", "InsufficientEncryptionPolicyException", "InvalidCloudWatchLogsLogGroupArnException") {
		return err
	}
	return &asr.Error{Code: asr.CodeUnavailable, Err: err, Do: "wait; the step is tried again by itself. If it lasts, let the policies of the trail's bucket, key and role allow what CloudTrail's user guide asks for"}
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
				return remedy.Unless(heeded(err), "TrailNotFoundException")
			}
		}
	}
	return asr.Refuse("the trail asr-trail doesn't carry this run's tag: somebody else made it", "delete it by hand, if it shall go")
}
