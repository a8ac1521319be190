package s3

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/s3control/types"
)

// AccountBlockPublicAccess closes all buckets of an account to the public.
var AccountBlockPublicAccess = remedy.Unit[none, publicAccess]{
	Spec: asr.Spec{
		ID: "s3-account-block-public-access", Version: 1,
		Title:  "Block public access to all S3 buckets of accounts",
		Impact: "Every bucket and access point of the account, in all Regions, also those to come, refuses at once whoever doesn't sign in, and other accounts that come under a public policy: static websites and public downloads stop. Public ACLs and policies stay as they are, without effect. Look first which buckets are public: IAM Access Analyzer for S3 lists them.",
		Risk:   asr.RiskHigh, RiskWhy: "every public bucket of the account, static websites too, becomes private at once",
		Scope:  asr.ScopeAccount,
		Reads:  []asr.Grant{asr.Allow("*", "s3:GetAccountPublicAccessBlock")},
		Writes: []asr.Grant{asr.Allow("*", "s3:PutAccountPublicAccessBlock")},
		Settle: 30 * time.Second,
	},
	Controls: map[string]none{"S3.1": {}},
	Read:     readAccountBlocks,
	Want:     func(_ remedy.On[none], now publicAccess) (publicAccess, error) { return blocked(now), nil },
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to publicAccess) (err error) {
		api, b := s3control.NewFromConfig(cfg), to.Blocks
		if b == nil {
			_, err = api.DeletePublicAccessBlock(ctx, &s3control.DeletePublicAccessBlockInput{AccountId: &on.Account})
			return err
		}
		_, err = api.PutPublicAccessBlock(ctx, &s3control.PutPublicAccessBlockInput{AccountId: &on.Account, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: &b.BlockACLs, IgnorePublicAcls: &b.IgnoreACLs, BlockPublicPolicy: &b.BlockPolicy, RestrictPublicBuckets: &b.Restrict,
		}})
		return err
	},
}

func readAccountBlocks(ctx context.Context, cfg aws.Config, on remedy.On[none]) (publicAccess, error) {
	out, err := s3control.NewFromConfig(cfg).GetPublicAccessBlock(ctx, &s3control.GetPublicAccessBlockInput{AccountId: &on.Account})
	if err != nil {
		return publicAccess{}, remedy.Unless(err, "NoSuchPublicAccessBlockConfiguration")
	}
	c := out.PublicAccessBlockConfiguration
	return publicAccess{&blocks{aws.ToBool(c.BlockPublicAcls), aws.ToBool(c.IgnorePublicAcls), aws.ToBool(c.BlockPublicPolicy), aws.ToBool(c.RestrictPublicBuckets)}}, nil
}
