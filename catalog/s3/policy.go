package s3

import (
	"context"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedy/logbucket"
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
	if to == nil {
		_, err := s3.NewFromConfig(cfg).DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: &t.Name, ExpectedBucketOwner: &t.Account})
		return err
	}
	return logbucket.Bucket{Target: t, Name: t.Name}.Put(ctx, cfg, to)
}
