package config

import (
	"context"
	"slices"
	"strings"

	"example.com/asr/remedy"
	"example.com/asr/remedy/logbucket"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/configservice/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func readRecording(ctx context.Context, cfg aws.Config, on remedy.On[delivery]) (r recording, err error) {
	api := configservice.NewFromConfig(cfg)
	if _, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("AWSServiceRoleForConfig")}); err == nil {
		r.Role = on.Expand(linkedRole)
	} else if !remedy.Is(err, "NoSuchEntity") {
		return r, err
	}
	if err := r.findRecorder(ctx, api, on); err != nil {
		return r, err
	}
	if err := r.findChannel(ctx, cfg, api, on); err != nil || on.Params.Owner != "" {
		return r, err
	}
	there, err := ourBucket(on).Look(ctx, cfg)
	if remedy.Is(err, "Forbidden", "AccessDenied", "MovedPermanently", "TemporaryRedirect", "BadRequest") { // the name is taken, elsewhere
		if r.Channel == "" && r.Problem == "" {
			r.Problem = "the bucket " + ourBucket(on).Name + " belongs to another account or Region, or may not be looked at"
			r.Advice = "set bucket to another name; or, if it is meant, set owner to the account that it belongs to; then plan again"
		}
		return r, nil
	}
	if there.There {
		r.Bucket, r.Private, r.Delivery = on.Expand(bucket), there.Private, there.Delivers
	}
	return r, err
}

// findRecorder finds the recorder that the account manages; those of AWS
// services (servicePrincipal) are none of ours.
func (r *recording) findRecorder(ctx context.Context, api *configservice.Client, on remedy.On[delivery]) error {
	all, err := api.DescribeConfigurationRecorders(ctx, &configservice.DescribeConfigurationRecordersInput{})
	if err != nil {
		return err
	}
	states, err := api.DescribeConfigurationRecorderStatus(ctx, &configservice.DescribeConfigurationRecorderStatusInput{})
	if err != nil {
		return err
	}
	for _, c := range all.ConfigurationRecorders {
		if aws.ToString(c.ServicePrincipal) != "" {
			continue
		}
		r.Recorder = aws.ToString(c.Name)
		r.Problem, r.Advice = gap(on, c)
		r.On = slices.ContainsFunc(states.ConfigurationRecordersStatus, func(s types.ConfigurationRecorderStatus) bool {
			return aws.ToString(s.Name) == r.Recorder && s.Recording
		})
	}
	return nil
}

// gap says why a recorder that is there doesn't satisfy the control, and what
// to do; "" if it does. That it records less may be on purpose, so nothing is
// changed: https://docs.aws.amazon.com/securityhub/latest/userguide/config-controls.html
func gap(on remedy.On[delivery], c types.ConfigurationRecorder) (problem, advice string) {
	name, group := aws.ToString(c.Name), c.RecordingGroup
	if group == nil {
		group = &types.RecordingGroup{AllSupported: true} // AWS's default
	}
	global := on.Params.GlobalIn == everywhere || on.Params.GlobalIn == on.Region
	switch {
	case on.Params.ServiceLinkedRole && aws.ToString(c.RoleARN) != on.Expand(linkedRole):
		return "the recorder " + name + " uses the role " + aws.ToString(c.RoleARN) + " and not AWSServiceRoleForConfig", "let it use that role, once the bucket lets AWS Config deliver; or set serviceLinkedRole to false; then plan again"
	case !group.AllSupported && !(onlyIAM(group) && !global):
		return "the recorder " + name + " records some types of resources only", "let it record all types, or suppress the finding if that is on purpose"
	case global && group.AllSupported && !group.IncludeGlobalResourceTypes:
		return "the recorder " + name + " leaves out IAM's users, groups, roles and policies", "let it record them, or set globalIn to the Region that does; then plan again"
	}
	return "", ""
}

// onlyIAM reports whether a recorder leaves out nothing but what all Regions share.
func onlyIAM(g *types.RecordingGroup) bool {
	return g.ExclusionByResourceTypes != nil && len(g.ExclusionByResourceTypes.ResourceTypes) > 0 &&
		!slices.ContainsFunc(g.ExclusionByResourceTypes.ResourceTypes, func(t types.ResourceType) bool { return !strings.HasPrefix(string(t), "AWS::IAM::") })
}

// findChannel finds the delivery channel. Nothing is started that would deliver
// to a bucket that nobody said is meant.
func (r *recording) findChannel(ctx context.Context, cfg aws.Config, api *configservice.Client, on remedy.On[delivery]) error {
	all, err := api.DescribeDeliveryChannels(ctx, &configservice.DescribeDeliveryChannelsInput{})
	if err != nil || len(all.DeliveryChannels) == 0 {
		return err
	}
	c := all.DeliveryChannels[0] // a Region has one at most
	r.Channel = aws.ToString(c.Name)
	if r.On || r.Problem != "" || on.Params.Owner != "" && aws.ToString(c.S3BucketName) == ourBucket(on).Name {
		return nil
	}
	_, err = s3.NewFromConfig(cfg).GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: c.S3BucketName, ExpectedBucketOwner: &on.Account})
	if remedy.Is(err, "AccessDenied", "NoSuchBucket", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException") {
		r.Problem = "the delivery channel " + r.Channel + " delivers to the bucket " + aws.ToString(c.S3BucketName) + ", which is not known to be of account " + on.Account
		r.Advice = "if that is meant, set bucket to it and owner to the account that it belongs to; else let the channel deliver to another one; then plan again"
		return nil
	}
	return err
}

// ourBucket is the bucket that lets AWS Config deliver:
// https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-policy.html
func ourBucket(on remedy.On[delivery]) logbucket.Bucket {
	arn := on.Expand(bucket)
	allow := func(sid, action, resource string, when map[string]any) map[string]any {
		when["aws:SourceAccount"] = on.Account
		return map[string]any{
			"Sid": sid, "Effect": "Allow", "Principal": map[string]any{"Service": "config.amazonaws.com"}, "Action": action, "Resource": resource,
			"Condition": map[string]any{"StringEquals": when},
		}
	}
	return logbucket.Bucket{Target: on.Target, Name: on.Expand("{params.bucket}"), Policy: []map[string]any{
		allow("AsrConfigLooks", "s3:GetBucketAcl", arn, map[string]any{}),
		allow("AsrConfigFinds", "s3:ListBucket", arn, map[string]any{}),
		allow("AsrConfigDelivers", "s3:PutObject", arn+"/AWSLogs/"+on.Account+"/Config/*", map[string]any{"s3:x-amz-acl": "bucket-owner-full-control"}),
		logbucket.RequireTLS(arn),
	}}
}
