package s3

import (
	"context"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// policyOf is a bucket's policy, nil if it has none.
func policyOf(ctx context.Context, cfg aws.Config, t asr.Target) (remedy.Document, error) {
	out, err := s3.NewFromConfig(cfg).GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &t.Name, ExpectedBucketOwner: &t.Account})
	switch {
	case remedy.Is(err, "NoSuchBucketPolicy"):
		return nil, nil
	case err != nil:
		return nil, remedy.Gone(err, "NoSuchBucket")
	}
	return remedy.ParseDocument(aws.ToString(out.Policy))
}

func writePolicy(ctx context.Context, cfg aws.Config, t asr.Target, to remedy.Document) error {
	api := s3.NewFromConfig(cfg)
	if to == nil {
		_, err := api.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: &t.Name, ExpectedBucketOwner: &t.Account})
		return err
	}
	_, err := api.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &t.Name, Policy: aws.String(to.Text()), ExpectedBucketOwner: &t.Account})
	return err
}
