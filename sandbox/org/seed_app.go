package org

import (
	"archive/zip"
	"bytes"
	"context"

	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// key is a symmetric KMS key with an alias.
type key struct {
	alias   string
	tags    tags
	rotates bool // else wrong
}

func (k key) build(ctx context.Context, b *site) error {
	api := kms.NewFromConfig(b.Config)
	made, err := api.CreateKey(ctx, &kms.CreateKeyInput{
		Description: &k.alias, Tags: as(k.tags, func(key, value *string) kmstypes.Tag { return kmstypes.Tag{TagKey: key, TagValue: value} }),
	})
	if err != nil {
		return err
	}
	if _, err := api.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/" + k.alias), TargetKeyId: made.KeyMetadata.KeyId}); err != nil {
		return err
	}
	if !k.rotates {
		b.wrong("KMS.4", *made.KeyMetadata.Arn, "the key never rotates")
		return nil
	}
	_, err = api.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: made.KeyMetadata.KeyId})
	return err
}

// function is a Lambda function that somebody may call.
type function struct {
	name   string
	tags   tags
	caller string // a principal; "*" is wrong
	owner  string // account that the caller's resource must belong to; "": any
}

func (f function) build(ctx context.Context, b *site) error {
	name := f.name + "-role"
	if err := role(ctx, iam.NewFromConfig(b.Config), "/", name, serviceTrust("lambda.amazonaws.com"), allowing("logs:CreateLogStream", "logs:PutLogEvents")); err != nil {
		return err
	}
	var code bytes.Buffer
	if err := zip.NewWriter(&code).Close(); err != nil {
		return err
	}
	api := lambda.NewFromConfig(b.Config)
	if _, err := api.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: &f.name, Role: aws.String("arn:aws:iam::" + b.account + ":role/" + name), Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Code: &lambdatypes.FunctionCode{ZipFile: code.Bytes()}, Tags: f.tags,
	}); err != nil {
		return err
	}
	in := &lambda.AddPermissionInput{FunctionName: &f.name, StatementId: aws.String("caller"), Action: aws.String("lambda:InvokeFunction"), Principal: &f.caller}
	if f.owner != "" {
		in.SourceAccount = &f.owner
	}
	if f.caller == "*" {
		b.wrong("Lambda.1", b.arn("lambda", "function:"+f.name), "everybody may call the function")
	}
	_, err := api.AddPermission(ctx, in)
	return err
}

// queue is an SQS queue.
type queue struct {
	name      string
	tags      tags
	encrypted bool // else wrong
}

func (q queue) build(ctx context.Context, b *site) error {
	encrypted := "true"
	if !q.encrypted {
		encrypted = "false"
		b.wrong("SQS.1", b.arn("sqs", q.name), "messages are not encrypted at rest")
	}
	_, err := sqs.NewFromConfig(b.Config).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &q.name, Tags: q.tags, Attributes: map[string]string{"SqsManagedSseEnabled": encrypted}})
	return err
}

// secret is one of Secrets Manager's. Ages are in days.
type secret struct {
	name string
	tags tags
	age  int
	used int // days since somebody read it; 0: nobody ever did
}

func (s secret) build(ctx context.Context, b *site) error {
	made, err := secretsmanager.NewFromConfig(b.Config).CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: &s.name, SecretString: aws.String("not-a-real-secret"),
		Tags: as(s.tags, func(key, value *string) secrettypes.Tag { return secrettypes.Tag{Key: key, Value: value} }),
	})
	if err != nil {
		return err
	}
	if s.used == 0 || s.used > 90 {
		b.wrong("SecretsManager.3", *made.ARN, "nobody has read the secret for months")
	}
	for _, kind := range []string{sandbox.SecretCreated, sandbox.SecretChanged} {
		if err := b.s.Backdate(ctx, b.account, kind, *made.ARN, b.ago(s.age)); err != nil {
			return err
		}
	}
	if s.used == 0 {
		return nil
	}
	return b.s.Backdate(ctx, b.account, sandbox.SecretAccessed, *made.ARN, b.ago(s.used))
}
