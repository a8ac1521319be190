package s3

import (
	"strings"
	"testing"

	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// bareBucket makes a bucket whose name nobody else has, and sets nothing of it.
func bareBucket(t *testing.T, acct *remedytest.Account, what string) string {
	t.Helper()
	name := what + "-" + acct.ID
	_, err := s3.NewFromConfig(acct.Config).CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(acct.Region)},
	})
	return remedytest.Must(t, name, err)
}

// newBucket makes a bucket with tags, versions and encryption: settings that
// every fix must leave alone.
func newBucket(t *testing.T, acct *remedytest.Account, what string) string {
	t.Helper()
	api, name := s3.NewFromConfig(acct.Config), bareBucket(t, acct, what)
	_, err := api.PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{Bucket: &name, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}, BucketKeyEnabled: aws.Bool(true)}},
	}})
	remedytest.Must(t, name, err)
	_, err = api.PutBucketTagging(t.Context(), &s3.PutBucketTaggingInput{Bucket: &name, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("team"), Value: aws.String("data")}}}})
	remedytest.Must(t, name, err)
	_, err = api.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	return remedytest.Must(t, name, err)
}

// deleted deletes a bucket.
func deleted(t *testing.T, acct *remedytest.Account, name string) func() {
	return func() {
		_, err := s3.NewFromConfig(acct.Config).DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: &name})
		remedytest.Must(t, name, err)
	}
}

// putPolicy sets a bucket's policy; NAME in it is the bucket's. "": none.
func putPolicy(t *testing.T, acct *remedytest.Account, name, doc string) {
	t.Helper()
	api := s3.NewFromConfig(acct.Config)
	if doc == "" {
		_, err := api.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: &name})
		remedytest.Must(t, name, err)
		return
	}
	_, err := api.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: aws.String(strings.ReplaceAll(doc, "NAME", name))})
	remedytest.Must(t, name, err)
}

// wholeBucket is a bucket with all its settings as boto3 sees it.
func wholeBucket(acct *remedytest.Account, name string) remedytest.View {
	look := func(operation, at string) remedytest.View {
		return acct.Boto("s3", operation, map[string]any{"Bucket": name}, at)
	}
	return look("get_bucket_policy", "Policy").And(look("get_bucket_logging", "LoggingEnabled")).
		And(look("get_public_access_block", "PublicAccessBlockConfiguration")).And(look("get_bucket_encryption", "ServerSideEncryptionConfiguration")).
		And(look("get_bucket_lifecycle_configuration", "")).And(look("get_bucket_notification_configuration", "")).
		And(look("get_bucket_tagging", "TagSet")).And(look("get_bucket_versioning", "")).And(look("get_bucket_acl", "")).
		And(look("get_bucket_ownership_controls", "OwnershipControls")).And(look("get_bucket_cors", "CORSRules")).And(look("get_bucket_website", ""))
}
