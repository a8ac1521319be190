package org

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	s3controltypes "github.com/aws/aws-sdk-go-v2/service/s3control/types"
)

// store is a bucket as it is.
type store struct {
	name   string
	tags   tags
	block  s3types.PublicAccessBlockConfiguration
	acl    []s3types.Grant
	policy []statement
	logged bool
}

// stores are the buckets of the account that are in the Region.
func stores(ctx context.Context, s *spot) ([]store, error) {
	return recall(s, "buckets", func() ([]store, error) {
		api := s3.NewFromConfig(s.Config)
		all, err := collect(ctx, s3.NewListBucketsPaginator(api, &s3.ListBucketsInput{}), func(o *s3.ListBucketsOutput) []s3types.Bucket { return o.Buckets })
		if err != nil {
			return nil, err
		}
		var found []store
		for _, b := range all {
			where, err := api.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: b.Name})
			if err != nil {
				return nil, err
			}
			region := string(where.LocationConstraint)
			if region == "" {
				region = virginia
			}
			if region != s.Region {
				continue
			}
			one, err := lookAtBucket(ctx, api, b.Name)
			if err != nil {
				return nil, err
			}
			found = append(found, one)
		}
		return found, nil
	})
}

func lookAtBucket(ctx context.Context, api *s3.Client, name *string) (one store, err error) {
	one.name = *name
	labels, err := api.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: name})
	if err := unless(err, "NoSuchTagSet"); err != nil {
		return one, err
	}
	if labels != nil {
		one.tags = gather(labels.TagSet, func(t s3types.Tag) (key, value *string) { return t.Key, t.Value })
	}
	block, err := api.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: name})
	if err := unless(err, "NoSuchPublicAccessBlockConfiguration"); err != nil {
		return one, err
	}
	if block != nil {
		one.block = *block.PublicAccessBlockConfiguration
	}
	policy, err := api.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: name})
	if err := unless(err, "NoSuchBucketPolicy"); err != nil {
		return one, err
	}
	if policy != nil {
		if one.policy, err = statements(aws.ToString(policy.Policy)); err != nil {
			return one, err
		}
	}
	acl, err := api.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: name})
	if err != nil {
		return one, err
	}
	one.acl = acl.Grants
	logging, err := api.GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: name})
	if err != nil {
		return one, err
	}
	one.logged = logging.LoggingEnabled != nil && aws.ToString(logging.LoggingEnabled.TargetBucket) != ""
	return one, nil
}

// everyBucket judges the buckets of the Region one by one.
func everyBucket(passes func(store) bool) check {
	return func(ctx context.Context, s *spot) ([]verdict, error) {
		all, err := stores(ctx, s)
		return judge(all, func(b store) verdict { return verdict{"arn:aws:s3:::" + b.name, passes(b), b.tags} }), err
	}
}

// accountBlock is the account's own public access block; all false if there is none.
func accountBlock(ctx context.Context, s *spot) (s3controltypes.PublicAccessBlockConfiguration, error) {
	return recall(s, "account block", func() (none s3controltypes.PublicAccessBlockConfiguration, err error) {
		out, err := s3control.NewFromConfig(s.Config).GetPublicAccessBlock(ctx, &s3control.GetPublicAccessBlockInput{AccountId: &s.account})
		if err := unless(err, "NoSuchPublicAccessBlockConfiguration"); err != nil || out == nil {
			return none, err
		}
		return *out.PublicAccessBlockConfiguration, nil
	})
}

// publicBuckets finds those that let everybody do something: by a policy or an
// ACL that neither the bucket's nor the account's block makes void.
func publicBuckets(permissions []s3types.Permission, actions ...string) check {
	return func(ctx context.Context, s *spot) ([]verdict, error) {
		account, err := accountBlock(ctx, s)
		if err != nil {
			return nil, err
		}
		return everyBucket(func(b store) bool {
			byPolicy := public(b.policy, actions...) && !aws.ToBool(b.block.RestrictPublicBuckets) && !aws.ToBool(account.RestrictPublicBuckets)
			byACL := granted(b.acl, permissions) && !aws.ToBool(b.block.IgnorePublicAcls) && !aws.ToBool(account.IgnorePublicAcls)
			return !byPolicy && !byACL
		})(ctx, s)
	}
}

// granted reports whether an ACL gives a permission to all, or to all who have an AWS account.
func granted(acl []s3types.Grant, permissions []s3types.Permission) bool {
	groups := []string{"http://acs.amazonaws.com/groups/global/AllUsers", "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"}
	return slices.ContainsFunc(acl, func(g s3types.Grant) bool {
		return g.Grantee != nil && slices.Contains(groups, aws.ToString(g.Grantee.URI)) && slices.Contains(permissions, g.Permission)
	})
}

func publicReading() check {
	return publicBuckets([]s3types.Permission{s3types.PermissionRead, s3types.PermissionFullControl}, "s3:GetObject", "s3:ListBucket")
}

func publicWriting() check {
	return publicBuckets([]s3types.Permission{s3types.PermissionWrite, s3types.PermissionFullControl}, "s3:PutObject", "s3:DeleteObject")
}

func tlsOnly() check {
	return everyBucket(func(b store) bool { return secured(b.policy, b.name) })
}

func bucketBlock() check {
	return everyBucket(func(b store) bool {
		return aws.ToBool(b.block.BlockPublicAcls) && aws.ToBool(b.block.BlockPublicPolicy) && aws.ToBool(b.block.IgnorePublicAcls) && aws.ToBool(b.block.RestrictPublicBuckets)
	})
}

func accessLogged() check { return everyBucket(func(b store) bool { return b.logged }) }

func accountBlocked(ctx context.Context, s *spot) ([]verdict, error) {
	b, err := accountBlock(ctx, s)
	return s.whole(aws.ToBool(b.BlockPublicAcls) && aws.ToBool(b.BlockPublicPolicy) && aws.ToBool(b.IgnorePublicAcls) && aws.ToBool(b.RestrictPublicBuckets)), err
}
