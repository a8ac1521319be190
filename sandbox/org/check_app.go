package org

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// keysRotate looks at the keys that can rotate: symmetric, enabled, made by the
// customer with KMS's own material.
func keysRotate(ctx context.Context, s *spot) ([]verdict, error) {
	api := kms.NewFromConfig(s.Config)
	all, err := collect(ctx, kms.NewListKeysPaginator(api, &kms.ListKeysInput{}), func(o *kms.ListKeysOutput) []kmstypes.KeyListEntry { return o.Keys })
	if err != nil {
		return nil, err
	}
	aliases, err := collect(ctx, kms.NewListAliasesPaginator(api, &kms.ListAliasesInput{}), func(o *kms.ListAliasesOutput) []kmstypes.AliasListEntry { return o.Aliases })
	if err != nil {
		return nil, err
	}
	var found []verdict
	for _, k := range all {
		if slices.ContainsFunc(aliases, func(a kmstypes.AliasListEntry) bool { // the emulator calls AWS's keys customer managed
			return aws.ToString(a.TargetKeyId) == *k.KeyId && strings.HasPrefix(aws.ToString(a.AliasName), "alias/aws/")
		}) {
			continue
		}
		out, err := api.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: k.KeyId})
		if err != nil {
			return nil, err
		}
		m := out.KeyMetadata
		if m.KeyManager != kmstypes.KeyManagerTypeCustomer || m.KeyState != kmstypes.KeyStateEnabled || m.KeySpec != kmstypes.KeySpecSymmetricDefault || m.Origin != kmstypes.OriginTypeAwsKms {
			continue
		}
		rotation, err := api.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: k.KeyId})
		if err != nil {
			return nil, err
		}
		labels, err := api.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: k.KeyId})
		if err != nil {
			return nil, err
		}
		found = append(found, verdict{*m.Arn, rotation.KeyRotationEnabled, gather(labels.Tags, func(t kmstypes.Tag) (key, value *string) { return t.TagKey, t.TagValue })})
	}
	return found, nil
}

// functionsPrivate finds functions that everybody may call, or every bucket of
// everybody.
func functionsPrivate(ctx context.Context, s *spot) ([]verdict, error) {
	api := lambda.NewFromConfig(s.Config)
	all, err := collect(ctx, lambda.NewListFunctionsPaginator(api, &lambda.ListFunctionsInput{}), func(o *lambda.ListFunctionsOutput) []lambdatypes.FunctionConfiguration { return o.Functions })
	if err != nil {
		return nil, err
	}
	var found []verdict
	for _, f := range all {
		policy, err := api.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: f.FunctionName})
		if err := unless(err, "ResourceNotFoundException"); err != nil {
			return nil, err
		}
		var rules []statement
		if policy != nil {
			if rules, err = statements(aws.ToString(policy.Policy)); err != nil {
				return nil, err
			}
		}
		labels, err := api.ListTags(ctx, &lambda.ListTagsInput{Resource: f.FunctionArn})
		if err != nil {
			return nil, err
		}
		found = append(found, verdict{*f.FunctionArn, !slices.ContainsFunc(rules, callable), labels.Tags})
	}
	return found, nil
}

// callable reports whether a statement lets everybody call a function.
func callable(r statement) bool {
	owned := false
	for _, keys := range r.Condition {
		for key := range keys {
			owned = owned || strings.EqualFold(key, "aws:SourceAccount") || strings.EqualFold(key, "aws:PrincipalOrgID") || strings.EqualFold(key, "aws:SourceArn") && !r.service("s3.amazonaws.com")
		}
	}
	return r.Effect == "Allow" && !owned && (r.everybody() || r.service("s3.amazonaws.com"))
}

func queuesEncrypted(ctx context.Context, s *spot) ([]verdict, error) {
	api := sqs.NewFromConfig(s.Config)
	all, err := collect(ctx, sqs.NewListQueuesPaginator(api, &sqs.ListQueuesInput{MaxResults: aws.Int32(1000)}), func(o *sqs.ListQueuesOutput) []string { return o.QueueUrls })
	if err != nil {
		return nil, err
	}
	var found []verdict
	for _, url := range all {
		out, err := api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
		if err != nil {
			return nil, err
		}
		labels, err := api.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &url})
		if err != nil {
			return nil, err
		}
		a := out.Attributes
		found = append(found, verdict{a["QueueArn"], a["SqsManagedSseEnabled"] == "true" || a["KmsMasterKeyId"] != "", labels.Tags})
	}
	return found, nil
}

// secretsUsed checks that somebody has read each secret lately, or made it lately.
func secretsUsed(days int) check {
	return func(ctx context.Context, s *spot) ([]verdict, error) {
		p := secretsmanager.NewListSecretsPaginator(secretsmanager.NewFromConfig(s.Config), &secretsmanager.ListSecretsInput{})
		all, err := collect(ctx, p, func(o *secretsmanager.ListSecretsOutput) []secrettypes.SecretListEntry { return o.SecretList })
		all = slices.DeleteFunc(all, func(e secrettypes.SecretListEntry) bool { return e.DeletedDate != nil })
		return judge(all, func(e secrettypes.SecretListEntry) verdict {
			return verdict{
				aws.ToString(e.ARN), !s.older(later(e.LastAccessedDate, e.CreatedDate), days),
				gather(e.Tags, func(t secrettypes.Tag) (key, value *string) { return t.Key, t.Value }),
			}
		}), err
	}
}
