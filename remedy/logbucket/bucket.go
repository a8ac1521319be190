// Package logbucket is the private bucket of an account's own that AWS services
// deliver logs to. Remediations that turn a log on make it where it is missing,
// and leave it behind: others may log to it. It may not decide anything.
package logbucket

import (
	"context"
	"slices"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// PolicyLimit is how many bytes a bucket's policy may have:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html
const PolicyLimit = 20 * 1024

// Bucket is one to be looked at and written in the target's account and Region.
type Bucket struct {
	asr.Target
	Name    string
	Policy  []map[string]any // statements that its policy must have for the service to deliver
	Besides []map[string]any // statements that are added with them
}

// State is what there is of a Bucket.
type State struct {
	There, Private, Delivers bool // it exists, blocks public access, has the policy
}

// RequireTLS is the statement that denies plain HTTP to a bucket, an ARN, and
// all in it.
func RequireTLS(bucket string) map[string]any {
	return map[string]any{
		"Sid": "RequireTLS", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
		"Resource":  []any{bucket, bucket + "/*"},
		"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
	}
}

// Look says what there is. S3 denies it a bucket of another account. It needs
// s3:ListBucket, s3:GetBucketPublicAccessBlock and s3:GetBucketPolicy.
func (b Bucket) Look(ctx context.Context, cfg aws.Config) (s State, err error) {
	api := s3.NewFromConfig(cfg)
	if _, err := api.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.Name, ExpectedBucketOwner: &b.Account}); err != nil {
		return s, remedy.Unless(err, "NotFound", "NoSuchBucket")
	}
	s.There = true
	out, err := api.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &b.Name, ExpectedBucketOwner: &b.Account})
	if err := remedy.Unless(err, "NoSuchPublicAccessBlockConfiguration"); err != nil {
		return s, err
	}
	if out != nil {
		c := out.PublicAccessBlockConfiguration
		s.Private = aws.ToBool(c.BlockPublicAcls) && aws.ToBool(c.IgnorePublicAcls) && aws.ToBool(c.BlockPublicPolicy) && aws.ToBool(c.RestrictPublicBuckets)
	}
	doc, err := b.policy(ctx, api)
	s.Delivers = !slices.ContainsFunc(b.Policy, func(statement map[string]any) bool { return !doc.Says(statement) })
	return s, err
}

func (b Bucket) policy(ctx context.Context, api *s3.Client) (remedy.Document, error) {
	out, err := api.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &b.Name, ExpectedBucketOwner: &b.Account})
	if err != nil {
		return nil, remedy.Unless(err, "NoSuchBucketPolicy")
	}
	return remedy.ParseDocument(aws.ToString(out.Policy))
}

// Make makes the bucket and tags it in one call: a crash between two would
// leave one that nobody knows to be ours.
func (b Bucket) Make(ctx context.Context, cfg aws.Config, call asr.Call) error {
	where := &types.CreateBucketConfiguration{}
	if b.Region != "us-east-1" {
		where.LocationConstraint = types.BucketLocationConstraint(b.Region)
	}
	for k, v := range call.Tags() {
		where.Tags = append(where.Tags, types.Tag{Key: &k, Value: &v})
	}
	_, err := s3.NewFromConfig(cfg).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &b.Name, CreateBucketConfiguration: where})
	return remedy.Unless(err, "BucketAlreadyOwnedByYou")
}

// Close blocks public access. It needs s3:PutBucketPublicAccessBlock.
func (b Bucket) Close(ctx context.Context, cfg aws.Config) error {
	yes := aws.Bool(true)
	_, err := s3.NewFromConfig(cfg).PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
		Bucket: &b.Name, ExpectedBucketOwner: &b.Account,
		PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: yes, BlockPublicPolicy: yes, IgnorePublicAcls: yes, RestrictPublicBuckets: yes},
	})
	return err
}

// Allow adds to the bucket's policy what is missing of it. It needs
// s3:PutBucketPolicy, and to look.
func (b Bucket) Allow(ctx context.Context, cfg aws.Config) error {
	api := s3.NewFromConfig(cfg)
	doc, err := b.policy(ctx, api)
	for _, s := range slices.Concat(b.Policy, b.Besides) {
		if err == nil && !doc.Says(s) {
			doc, err = doc.With(s, PolicyLimit)
		}
	}
	if err != nil {
		return err
	}
	return b.Put(ctx, cfg, doc)
}

// Put writes the bucket's policy, and says what to do where S3 won't take it.
func (b Bucket) Put(ctx context.Context, cfg aws.Config, doc remedy.Document) error {
	_, err := s3.NewFromConfig(cfg).PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &b.Name, ExpectedBucketOwner: &b.Account, Policy: aws.String(doc.Text())})
	switch {
	case remedy.Is(err, "AccessDenied"):
		return &asr.Error{Code: asr.CodeDenied, Err: err,
			Do: "see whether the policy lets in everybody: S3 refuses any change of such a policy while Block Public Access is on, of the bucket or the account. Take what is public out of it first. Else find what denies it: the member role's policy, a service control policy or the bucket's policy"}
	case remedy.Is(err, "MalformedPolicy"):
		return &asr.Error{Code: asr.CodeAWS, Err: err, Do: "see whether the policy names a principal that was deleted, by an id as AIDA… or AROA…: S3 takes no policy with one. Take it out first"}
	}
	return err
}
