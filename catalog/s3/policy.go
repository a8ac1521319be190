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
	switch {
	case remedy.Is(err, "AccessDenied"):
		err = &asr.Error{Code: asr.CodeDenied, Err: err,
			Do: "see whether the policy lets in everybody: S3 refuses any change of such a policy while Block Public Access is on, of the bucket or the account. Take what is public out of it first. Else find what denies it: the member role's policy, a service control policy or the bucket's policy"}
	case remedy.Is(err, "MalformedPolicy"):
		err = &asr.Error{Code: asr.CodeAWS, Err: err, Do: "see whether the policy names a principal that was deleted, by an id as AIDA… or AROA…: S3 takes no policy with one. Take it out first"}
	}
	return err
}
