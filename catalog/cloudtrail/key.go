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

// cmk is a key of the account's own, which is made where there is none.
type cmk struct {
	alias  string // "alias/asr-trail"
	trails string // the ARN of the trail that it encrypts for, or a pattern
}

func (k cmk) description() string { return "Encrypts the log of CloudTrail, as " + k.alias }

// findKey returns the key that an ARN or the ARN of an alias means, nil if there is none.
func findKey(ctx context.Context, api *kms.Client, arn string) (*types.KeyMetadata, error) {
	out, err := api.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &arn})
	if err != nil {
		return nil, remedy.Unless(err, "NotFoundException")
	}
	return out.KeyMetadata, nil
}

// makeKey makes the key; naming it comes last, so that a named key is a whole one.
func makeKey(ctx context.Context, api *kms.Client, t asr.Target, call asr.Call, k cmk) error {
	id, err := begun(ctx, api, k)
	if err == nil && id == nil {
		in := &kms.CreateKeyInput{
			Description: aws.String(k.description()), Policy: aws.String(k.policy(t)),
			BypassPolicyLockoutSafetyCheck: true, // we may not change the policy later; the account may
		}
		for name, value := range call.Tags() {
			in.Tags = append(in.Tags, types.Tag{TagKey: &name, TagValue: &value})
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
		_, err = api.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &k.alias, TargetKeyId: id})
	}
	return remedy.Unless(err, "AlreadyExistsException")
}

// begun is a key that a run made and didn't come to name, nil if there is none:
// a run that was stopped there leaves it to the next.
func begun(ctx context.Context, api *kms.Client, k cmk) (*string, error) {
	pages := kms.NewListKeysPaginator(api, &kms.ListKeysInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Keys {
			out, err := api.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: e.KeyId})
			if remedy.Is(err, "AccessDeniedException", "NotFoundException") { // its policy keeps everybody off: none of ours
				continue
			}
			if err != nil {
				return nil, err
			}
			for _, t := range out.Tags {
				if aws.ToString(t.TagKey) != asr.OwnerTag {
					continue
				}
				found, err := findKey(ctx, api, aws.ToString(e.KeyArn))
				if err != nil {
					return nil, err
				}
				if found != nil && found.KeyState == types.KeyStateEnabled && aws.ToString(found.Description) == k.description() {
					return e.KeyId, nil
				}
			}
		}
	}
	return nil, nil
}

// policy lets IAM decide, and CloudTrail encrypt for the trails. It decrypts
// too, which it must where the bucket has an S3 Bucket Key:
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
func (k cmk) policy(t asr.Target) string {
	cloudTrail, source := map[string]any{"Service": "cloudtrail.amazonaws.com"}, map[string]any{"aws:SourceArn": k.trails}
	doc, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Sid": "Account", "Effect": "Allow", "Principal": map[string]any{"AWS": t.Expand("arn:{partition}:iam::{account}:root")}, "Action": "kms:*", "Resource": "*"},
		map[string]any{"Sid": "CloudTrailEncrypts", "Effect": "Allow", "Principal": cloudTrail, "Action": "kms:GenerateDataKey*", "Resource": "*", "Condition": map[string]any{
			"ArnLike": source, "StringLike": map[string]any{"kms:EncryptionContext:aws:cloudtrail:arn": t.Expand("arn:{partition}:cloudtrail:*:{account}:trail/*")},
		}},
		map[string]any{"Sid": "CloudTrailDescribes", "Effect": "Allow", "Principal": cloudTrail, "Action": []any{"kms:DescribeKey", "kms:Decrypt"}, "Resource": "*", "Condition": map[string]any{"ArnLike": source}},
	}})
	return string(doc)
}

// unusable says why a key can't encrypt, or "".
func unusable(k types.KeyMetadata) string {
	if k.KeyState == types.KeyStateEnabled {
		return ""
	}
	return "the key " + aws.ToString(k.Arn) + " is " + string(k.KeyState)
}
