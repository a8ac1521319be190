package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/jsii-runtime-go"

	"example.com/asr/dynamo/schema"
)

// keyARN is the key's, where a policy or property needs one.
func keyARN() *string { return arnOf("Key") }

// key encrypts all that the hub keeps, if it is wanted.
func key(stack awscdk.Stack) {
	account := obj{"StringEquals": obj{"aws:SourceAccount": ref("AWS::AccountId")}}
	use := []string{"kms:Decrypt", "kms:GenerateDataKey"}
	k := awskms.NewCfnKey(stack, str("Key"), &awskms.CfnKeyProps{
		Description: str("asr: the hub's data at rest"), EnableKeyRotation: jsii.Bool(true), PendingWindowInDays: jsii.Number(30),
		KeyPolicy: document(
			by(obj{"AWS": sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}, allow("AccountDecides", "kms:*", "*", nil)),
			by(service("cloudwatch.amazonaws.com"), allow("AlarmsToTopic", use, "*", account)),
			by(obj{"Service": sub("logs.${AWS::Region}.${AWS::URLSuffix}")}, allow("Logs", append(use, "kms:Encrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:DescribeKey"), "*",
				obj{"ArnLike": obj{"kms:EncryptionContext:aws:logs:arn": []any{
					regional("logs", "log-group:/aws/lambda/asr-hub-*"), regional("logs", "log-group:/aws/vendedlogs/states/asr-hub-*"),
				}}})),
		),
	})
	kept(k)
	alias := awskms.NewCfnAlias(stack, str("KeyAlias"), &awskms.CfnAliasProps{AliasName: str("alias/asr-hub"), TargetKeyId: ref("Key")})
	provided(stack, "UseKMS", k, alias)
}

func storage(stack awscdk.Stack) {
	table(stack)
	buckets(stack)
	kept(awssecretsmanager.NewCfnSecret(stack, str("VaultSecret"), &awssecretsmanager.CfnSecretProps{
		Name: str("asr-hub/vault"), Description: str("asr: the key that seals secrets in plans and signs checkpoints. Without it, what was sealed can't be read again."),
		KmsKeyId:             text("UseKMS", keyARN(), ref("AWS::NoValue")),
		GenerateSecretString: &awssecretsmanager.CfnSecret_GenerateSecretStringProperty{PasswordLength: jsii.Number(64), ExcludePunctuation: jsii.Bool(true)},
	}))
}

func table(stack awscdk.Stack) {
	kept(awsdynamodb.NewCfnTable(stack, str("Table"), keyed(&awsdynamodb.CfnTableProps{
		TableName: str("asr-hub"), BillingMode: str("PAY_PER_REQUEST"), DeletionProtectionEnabled: jsii.Bool(true),
		PointInTimeRecoverySpecification: &awsdynamodb.CfnTable_PointInTimeRecoverySpecificationProperty{PointInTimeRecoveryEnabled: jsii.Bool(true)},
		SseSpecification:                 raw(choose("UseKMS", obj{"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": keyARN()}, none())),
	})))
}

const (
	bucketName    = "asr-hub-${AWS::AccountId}-${AWS::Region}"
	logBucketName = "asr-hub-logs-${AWS::AccountId}-${AWS::Region}"
)

func buckets(stack awscdk.Stack) {
	uploads := obj{"Id": "unfinished-uploads", "Status": "Enabled", "AbortIncompleteMultipartUpload": obj{"DaysAfterInitiation": 7}}
	plain := encryption(obj{"SSEAlgorithm": "AES256"}, false)
	logs := bucket(stack, "LogBucket", logBucketName, uploads, obj{
		"Id": "old-logs", "Status": "Enabled", "ExpirationInDays": ref("RetentionDays"), "NoncurrentVersionExpiration": obj{"NoncurrentDays": 7},
	})
	set(logs, "BucketEncryption", plain) // S3 delivers access logs to nothing else
	delivery := bucketPolicy(stack, "LogBucket", by(service("logging.s3.amazonaws.com"), allow("AccessLogs", "s3:PutObject", sub("arn:${AWS::Partition}:s3:::"+logBucketName+"/asr-hub/*"),
		obj{"StringEquals": obj{"aws:SourceAccount": ref("AWS::AccountId")}, "ArnLike": obj{"aws:SourceArn": sub("arn:${AWS::Partition}:s3:::" + bucketName)}})))
	data := bucket(stack, "Bucket", bucketName, uploads,
		obj{"Id": "old-large-items", "Status": "Enabled", "Prefix": schema.Ended, "ExpirationInDays": ref("RetentionDays")},
		obj{"Id": "former-versions", "Status": "Enabled", "NoncurrentVersionExpiration": obj{"NoncurrentDays": 90}})
	set(data, "BucketEncryption", choose("UseKMS", encryption(obj{"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": keyARN()}, true), plain))
	set(data, "LoggingConfiguration", obj{"DestinationBucketName": ref("LogBucket"), "LogFilePrefix": "asr-hub/"})
	data.AddDependency(delivery) // S3 refuses to log to a bucket that it can't write to
	bucketPolicy(stack, "Bucket")
}

// bucket is closed to the public, keeps former versions, and stays when the stack goes.
func bucket(stack awscdk.Stack, id, name string, rules ...any) awscdk.CfnResource {
	b := awss3.NewCfnBucket(stack, &id, &awss3.CfnBucketProps{
		BucketName: sub(name),
		PublicAccessBlockConfiguration: &awss3.CfnBucket_PublicAccessBlockConfigurationProperty{
			BlockPublicAcls: jsii.Bool(true), BlockPublicPolicy: jsii.Bool(true), IgnorePublicAcls: jsii.Bool(true), RestrictPublicBuckets: jsii.Bool(true),
		},
		VersioningConfiguration: &awss3.CfnBucket_VersioningConfigurationProperty{Status: str("Enabled")},
	})
	set(b, "OwnershipControls", obj{"Rules": []any{obj{"ObjectOwnership": "BucketOwnerEnforced"}}})
	set(b, "NotificationConfiguration", obj{"EventBridgeConfiguration": obj{"EventBridgeEnabled": true}})
	set(b, "LifecycleConfiguration", obj{"Rules": rules})
	kept(b)
	return b
}

func encryption(with obj, bucketKey bool) obj {
	rule := obj{"ServerSideEncryptionByDefault": with}
	if bucketKey {
		rule["BucketKeyEnabled"] = true
	}
	return obj{"ServerSideEncryptionConfiguration": []any{rule}}
}

func bucketPolicy(stack awscdk.Stack, bucket string, more ...any) awscdk.CfnResource {
	all := []any{arnOf(bucket), sub("${" + bucket + ".Arn}/*")}
	return awss3.NewCfnBucketPolicy(stack, str(bucket+"Policy"), &awss3.CfnBucketPolicyProps{
		Bucket: ref(bucket), PolicyDocument: document(append([]any{denyPlain("s3:*", all)}, more...)...),
	})
}

func policyLocation() *string {
	return text("HasPolicyLocation", ref("PolicyLocation"), sub("s3://"+bucketName+"/policy.yaml"))
}
