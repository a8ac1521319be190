package s3

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// blocks are the four ways to block public access, of a bucket or an account:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
type blocks struct {
	BlockACLs   bool `json:"blockAcls"`   // new public ACLs are refused
	IgnoreACLs  bool `json:"ignoreAcls"`  // the public ACLs that are there don't count
	BlockPolicy bool `json:"blockPolicy"` // new public policies are refused
	Restrict    bool `json:"restrict"`    // with a public policy, only the account and AWS services get in
}

type publicAccess struct {
	Blocks *blocks `json:"blocks"` // nil: nothing is set
}

// blocked blocks in all four ways.
func blocked(publicAccess) publicAccess { return publicAccess{&blocks{true, true, true, true}} }

// BlockPublicAccess closes a bucket to the public.
var BlockPublicAccess = remedy.Unit[none, publicAccess]{
	Spec: asr.Spec{
		ID: "s3-block-public-access", Version: 1,
		Title:  "Block public access to S3 buckets",
		Impact: "Whoever reads or writes the bucket without signing in, or as another account under a public policy, is refused at once: static websites and public downloads stop. Its public ACLs and policy stay as they are, without effect; while they do, S3 refuses new public ones, also together with other changes of the policy.",
		Risk:   asr.RiskHigh, RiskWhy: "static websites, public downloads and other accounts that use a public policy stop working",
		Scope: asr.ScopeResource, Resources: []string{bucket, "{name}"},
		Reads:  []asr.Grant{asr.Allow(bucket, "s3:GetBucketPublicAccessBlock")},
		Writes: []asr.Grant{asr.Allow(bucket, "s3:PutBucketPublicAccessBlock")},
		Settle: 5 * time.Second,
	},
	Controls: map[string]none{"S3.2": {}, "S3.3": {}, "S3.8": {}, "CloudTrail.6": {}},
	Read:     readBlocks,
	Want:     func(_ remedy.On[none], now publicAccess) (publicAccess, error) { return blocked(now), nil },
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to publicAccess) (err error) {
		api, b := s3.NewFromConfig(cfg), to.Blocks
		if b == nil {
			_, err = api.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: &on.Name, ExpectedBucketOwner: &on.Account})
			return err
		}
		_, err = api.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: &on.Name, ExpectedBucketOwner: &on.Account, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: &b.BlockACLs, IgnorePublicAcls: &b.IgnoreACLs, BlockPublicPolicy: &b.BlockPolicy, RestrictPublicBuckets: &b.Restrict,
		}})
		return err
	},
}

func readBlocks(ctx context.Context, cfg aws.Config, on remedy.On[none]) (publicAccess, error) {
	out, err := s3.NewFromConfig(cfg).GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &on.Name, ExpectedBucketOwner: &on.Account})
	if err != nil {
		return publicAccess{}, remedy.Gone(remedy.Unless(err, "NoSuchPublicAccessBlockConfiguration"), "NoSuchBucket")
	}
	c := out.PublicAccessBlockConfiguration
	return publicAccess{&blocks{aws.ToBool(c.BlockPublicAcls), aws.ToBool(c.IgnorePublicAcls), aws.ToBool(c.BlockPublicPolicy), aws.ToBool(c.RestrictPublicBuckets)}}, nil
}
