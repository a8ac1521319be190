package s3

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

type encryptWith struct {
	Key string `json:"key,omitempty" doc:"ID, alias/… or ARN of a KMS key in the bucket's Region. Empty: S3's own keys, which cost nothing and ask nobody for rights."`
}

// encryption is what new objects are encrypted with if their writer says nothing.
type encryption struct {
	Algorithm types.ServerSideEncryption `json:"algorithm"`
	Key       string                     `json:"key"`       // of KMS; "": aws/s3, or none
	BucketKey bool                       `json:"bucketKey"` // fewer requests to KMS
	Logs      map[string]bool            `json:"logs"`      // services that deliver logs to the bucket and can't with KMS
}

// DefaultEncryption encrypts the new objects of a bucket. Since January 2023 S3
// does so by itself, so that without a key of KMS there is nothing left to do:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
var DefaultEncryption = remedy.Unit[encryptWith, encryption]{
	Spec: asr.Spec{
		ID: "s3-default-encryption", Version: 1,
		Title:  "Encrypt new objects of S3 buckets by default",
		Impact: "S3 encrypts all new objects with its own keys already, and nobody notices. If a KMS key is asked for, whoever writes or reads new objects needs rights on that key too, other accounts and AWS services included. Objects that are there stay as they are, and those that were written meanwhile stay encrypted with the key when the fix is undone.",
		Risk:   asr.RiskLow, RiskWhy: "S3's own keys need no rights; a KMS key, if asked for, cuts off who has none on it",
		Cost:  "nothing with S3's own keys; with a KMS key about 0.03 USD per 10,000 requests to KMS, of which a bucket key leaves few",
		Scope: asr.ScopeResource, Resources: []string{bucket, "{name}"},
		Reads:  []asr.Grant{asr.Allow(bucket, "s3:GetEncryptionConfiguration", "s3:GetBucketPolicy")},
		Writes: []asr.Grant{asr.Allow(bucket, "s3:PutEncryptionConfiguration")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]encryptWith{"S3.4": {}},
	Validate: func(on remedy.On[encryptWith]) error { return validKey(on.Target, on.Params.Key) },
	Read:     readEncryption,
	Want: func(on remedy.On[encryptWith], now encryption) (encryption, error) {
		if on.Params.Key == "" || now.Algorithm != types.ServerSideEncryptionAes256 {
			return now, nil
		}
		if len(now.Logs) > 0 {
			return now, asr.Refuse(fmt.Sprintf("%s delivers logs to the bucket, and can't where a KMS key encrypts", strings.Join(slices.Sorted(maps.Keys(now.Logs)), ", ")),
				"leave the bucket to S3's own keys, or let the logs go elsewhere first")
		}
		return encryption{Algorithm: types.ServerSideEncryptionAwsKms, Key: on.Params.Key, BucketKey: true}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[encryptWith], _, to encryption) error {
		rule, err := encryptionRule(ctx, cfg, on.Target)
		if err != nil {
			return err
		}
		rule.BucketKeyEnabled = &to.BucketKey
		rule.ApplyServerSideEncryptionByDefault = &types.ServerSideEncryptionByDefault{SSEAlgorithm: to.Algorithm}
		if to.Key != "" {
			rule.ApplyServerSideEncryptionByDefault.KMSMasterKeyID = &to.Key
		}
		_, err = s3.NewFromConfig(cfg).PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
			Bucket: &on.Name, ExpectedBucketOwner: &on.Account, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{rule}},
		})
		return err
	},
}

func readEncryption(ctx context.Context, cfg aws.Config, on remedy.On[encryptWith]) (now encryption, err error) {
	rule, err := encryptionRule(ctx, cfg, on.Target)
	if err != nil {
		return now, err
	}
	by := rule.ApplyServerSideEncryptionByDefault
	now = encryption{Algorithm: by.SSEAlgorithm, Key: aws.ToString(by.KMSMasterKeyID), BucketKey: aws.ToBool(rule.BucketKeyEnabled)}
	if on.Params.Key != "" {
		now.Logs, err = logServices(ctx, cfg, on.Target)
	}
	return now, err
}
