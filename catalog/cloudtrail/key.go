package cloudtrail

import (
	"context"
	"encoding/json"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

func (r *recording) findKey(ctx context.Context, api *kms.Client, on remedy.On[store]) error {
	arn := on.Expand(alias)
	out, err := api.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &arn})
	if err != nil {
		return remedy.Unless(err, "NotFoundException")
	}
	if r.Key = arn; out.KeyMetadata.KeyState != types.KeyStateEnabled {
		r.Problem = "the key " + arn + " is " + string(out.KeyMetadata.KeyState)
	}
	return nil
}

// makeKey makes the key; naming it comes last, so that a named key is a whole one.
func makeKey(ctx context.Context, api *kms.Client, on remedy.On[store]) error {
	id, err := begun(ctx, api, on.Call.Run)
	if err == nil && id == nil {
		in := &kms.CreateKeyInput{
			Description: aws.String("Encrypts the log of the trail asr-trail"), Policy: aws.String(keyPolicy(on)),
			BypassPolicyLockoutSafetyCheck: true, // we may not change the policy later; the account may
		}
		for k, v := range on.Call.Tags() {
			in.Tags = append(in.Tags, types.Tag{TagKey: &k, TagValue: &v})
		}
		var out *kms.CreateKeyOutput
		if out, err = api.CreateKey(ctx, in); err == nil {
			id = out.KeyMetadata.KeyId
		}
	}
	if err == nil {
		_, err = api.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: id})
	}
	if err == nil {
		_, err = api.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String(on.Expand("alias/{params.key}")), TargetKeyId: id})
	}
	return remedy.Unless(err, "AlreadyExistsException")
}

// begun is the key that an earlier try of this run made and didn't come to
// name, nil if there is none.
func begun(ctx context.Context, api *kms.Client, run string) (*string, error) {
	pages := kms.NewListKeysPaginator(api, &kms.ListKeysInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, k := range page.Keys {
			out, err := api.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: k.KeyId})
			if remedy.Is(err, "AccessDeniedException", "NotFoundException") { // its policy keeps everybody off: none of ours
				continue
			}
			if err != nil {
				return nil, err
			}
			for _, t := range out.Tags {
				if aws.ToString(t.TagKey) == asr.OwnerTag && aws.ToString(t.TagValue) == run {
					return k.KeyId, nil
				}
			}
		}
	}
	return nil, nil
}

// keyPolicy lets IAM decide, and CloudTrail encrypt for our trail:
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
func keyPolicy(on remedy.On[store]) string {
	cloudTrail, ourTrail := map[string]any{"Service": "cloudtrail.amazonaws.com"}, map[string]any{"aws:SourceArn": on.Expand(ours)}
	doc, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Sid": "Account", "Effect": "Allow", "Principal": map[string]any{"AWS": on.Expand("arn:{partition}:iam::{account}:root")}, "Action": "kms:*", "Resource": "*"},
		map[string]any{"Sid": "CloudTrailEncrypts", "Effect": "Allow", "Principal": cloudTrail, "Action": "kms:GenerateDataKey*", "Resource": "*", "Condition": map[string]any{
			"StringEquals": ourTrail, "StringLike": map[string]any{"kms:EncryptionContext:aws:cloudtrail:arn": on.Expand("arn:{partition}:cloudtrail:*:{account}:trail/*")},
		}},
		map[string]any{"Sid": "CloudTrailDescribes", "Effect": "Allow", "Principal": cloudTrail, "Action": "kms:DescribeKey", "Resource": "*", "Condition": map[string]any{"StringEquals": ourTrail}},
	}})
	return string(doc)
}
