package org

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// control is one of Security Hub's checks.
// https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-controls-reference.html
type control struct {
	id, severity, kind string // kind: the resource's type in ASFF
	title, about       string
	rule               string              // Config rule behind it; "": Security Hub's own
	params             map[string][]string // what can be set, and is
	cis12, cis14       string              // its numbers there; "": it is not in
	own                bool                // it is in AWS Foundational Security Best Practices
	nist               bool
	home               bool // IAM's things are recorded in one Region only
	check              check
}

const (
	typeAccount  = "AwsAccount"
	typeGroup    = "AwsEc2SecurityGroup"
	typeBucket   = "AwsS3Bucket"
	typeUser     = "AwsIamUser"
	typeDatabase = "AwsRdsDbInstance"
)

// controls is everything that is checked.
func controls() []control {
	return append(append(resourceControls(), accountControls()...), passwordControls()...)
}

func resourceControls() []control {
	return []control{
		{id: "S3.2", severity: "CRITICAL", kind: typeBucket, own: true, nist: true, rule: "s3-bucket-public-read-prohibited", check: publicReading(),
			title: "S3 general purpose buckets should block public read access", about: "Looks at public access blocks, bucket policies and ACLs that let everybody read."},
		{id: "S3.3", severity: "CRITICAL", kind: typeBucket, own: true, nist: true, rule: "s3-bucket-public-write-prohibited", check: publicWriting(),
			title: "S3 general purpose buckets should block public write access", about: "Looks at public access blocks, bucket policies and ACLs that let everybody write."},
		{id: "S3.5", severity: "MEDIUM", kind: typeBucket, own: true, nist: true, cis14: "2.1.2", rule: "s3-bucket-ssl-requests-only", check: tlsOnly(),
			title: "S3 general purpose buckets should require requests to use SSL", about: "Looks for a bucket policy that denies requests without TLS."},
		{id: "S3.8", severity: "HIGH", kind: typeBucket, own: true, nist: true, cis14: "2.1.5.2", rule: "s3-bucket-level-public-access-prohibited", check: bucketBlock(),
			title: "S3 general purpose buckets should block public access", about: "Looks at the four settings of the bucket's public access block."},
		{id: "S3.9", severity: "MEDIUM", kind: typeBucket, own: true, nist: true, rule: "s3-bucket-logging-enabled", check: accessLogged(),
			title: "S3 general purpose buckets should have server access logging enabled", about: "Looks for a target of the bucket's access logs."},

		{id: "EC2.2", severity: "HIGH", kind: typeGroup, own: true, nist: true, cis12: "4.3", cis14: "5.3", rule: "vpc-default-security-group-closed", check: defaultGroupsClosed(),
			title: "VPC default security groups should not allow inbound or outbound traffic", about: "Looks for rules of default security groups."},
		{id: "EC2.6", severity: "MEDIUM", kind: "AwsEc2Vpc", own: true, nist: true, cis12: "2.9", cis14: "3.9", rule: "vpc-flow-logs-enabled", check: flowLogs,
			title: "VPC flow logging should be enabled in all VPCs", about: "Looks for an active flow log of rejected traffic."},
		{id: "EC2.8", severity: "HIGH", kind: "AwsEc2Instance", own: true, nist: true, rule: "ec2-imdsv2-check", check: metadataTokens,
			title: "EC2 instances should use Instance Metadata Service Version 2 (IMDSv2)", about: "Looks whether the metadata service demands tokens."},
		{id: "EC2.13", severity: "HIGH", kind: typeGroup, nist: true, cis12: "4.1", rule: "restricted-ssh", check: portsClosed(false, 22),
			title: "Security groups should not allow ingress from 0.0.0.0/0 or ::/0 to port 22", about: "Looks for rules that open SSH to everybody."},
		{id: "EC2.14", severity: "HIGH", kind: typeGroup, cis12: "4.2", rule: "restricted-common-ports", check: portsClosed(false, 3389),
			title: "Security groups should not allow ingress from 0.0.0.0/0 or ::/0 to port 3389", about: "Looks for rules that open RDP to everybody."},
		{id: "EC2.15", severity: "MEDIUM", kind: "AwsEc2Subnet", own: true, nist: true, rule: "subnet-auto-assign-public-ip-disabled", check: subnetsPrivate,
			title: "Amazon EC2 subnets should not automatically assign public IP addresses", about: "Looks at the subnet's MapPublicIpOnLaunch."},
		{id: "EC2.18", severity: "HIGH", kind: typeGroup, own: true, nist: true, rule: "vpc-sg-open-only-to-authorized-ports", check: authorizedPorts(),
			params: map[string][]string{"authorizedTcpPorts": {"80", "443"}},
			title:  "Security groups should only allow unrestricted incoming traffic for authorized ports", about: "Looks for rules that open other ports than the authorized ones to everybody."},
		{id: "EC2.19", severity: "CRITICAL", kind: typeGroup, own: true, nist: true, rule: "vpc-sg-restricted-common-ports", check: riskyPorts(),
			title: "Security groups should not allow unrestricted access to ports with high risk", about: "Looks for rules that open ports of databases, consoles and old protocols to everybody."},

		{id: "IAM.3", severity: "MEDIUM", kind: typeUser, home: true, own: true, nist: true, cis12: "1.4", cis14: "1.14", rule: "access-keys-rotated", check: keysYoung(90),
			title: "IAM users' access keys should be rotated every 90 days or less", about: "Looks at the age of active access keys."},
		{id: "IAM.5", severity: "MEDIUM", kind: typeUser, home: true, own: true, nist: true, cis12: "1.2", cis14: "1.10", rule: "mfa-enabled-for-iam-console-access", check: secondFactor(),
			title: "MFA should be enabled for all IAM users that have a console password", about: "Looks for MFA devices of users with a password."},
		{id: "IAM.8", severity: "MEDIUM", kind: typeUser, home: true, own: true, nist: true, cis12: "1.3", rule: "iam-user-unused-credentials-check", check: credentialsUsed(90),
			title: "Unused IAM user credentials should be removed", about: "Looks for passwords and active keys that nobody used for 90 days."},
		{id: "IAM.22", severity: "MEDIUM", kind: typeUser, home: true, cis14: "1.12", rule: "iam-user-unused-credentials-check", check: credentialsUsed(45),
			title: "IAM user credentials unused for 45 days should be removed", about: "Looks for passwords and active keys that nobody used for 45 days."},

		{id: "KMS.4", severity: "MEDIUM", kind: "AwsKmsKey", nist: true, cis12: "2.8", cis14: "3.8", rule: "cmk-backing-key-rotation-enabled", check: keysRotate,
			title: "AWS KMS key rotation should be enabled", about: "Looks at the rotation of customer managed symmetric keys."},
		{id: "Lambda.1", severity: "CRITICAL", kind: "AwsLambdaFunction", own: true, nist: true, rule: "lambda-function-public-access-prohibited", check: functionsPrivate,
			title: "Lambda function policies should prohibit public access", about: "Looks for statements that let everybody, or everybody's buckets, call the function."},
		{id: "SQS.1", severity: "MEDIUM", kind: "AwsSqsQueue", own: true, nist: true, rule: "sqs-queue-encrypted", check: queuesEncrypted,
			title: "Amazon SQS queues should be encrypted at rest", about: "Looks for encryption with a key of SQS or of KMS."},
		{id: "SecretsManager.3", severity: "MEDIUM", kind: "AwsSecretsManagerSecret", own: true, nist: true, rule: "secretsmanager-secret-unused", check: secretsUsed(90),
			params: map[string][]string{"unusedForDays": {"90"}},
			title:  "Remove unused Secrets Manager secrets", about: "Looks for secrets that nobody read for 90 days."},

		{id: "RDS.2", severity: "CRITICAL", kind: typeDatabase, own: true, nist: true, rule: "rds-instance-public-access-check", check: databasesPrivate(),
			title: "RDS DB Instances should prohibit public access, as determined by the PubliclyAccessible configuration", about: "Looks at the instance's PubliclyAccessible."},
		{id: "RDS.4", severity: "MEDIUM", kind: "AwsRdsDbSnapshot", own: true, nist: true, rule: "rds-snapshot-encrypted", check: snapshotsEncrypted,
			title: "RDS cluster snapshots and database snapshots should be encrypted at rest", about: "Looks at the encryption of snapshots."},
		{id: "RDS.5", severity: "MEDIUM", kind: typeDatabase, own: true, nist: true, rule: "rds-multi-az-support", check: severalZones(),
			title: "RDS DB instances should be configured with multiple Availability Zones", about: "Looks at the instance's MultiAZ."},

		{id: "CloudTrail.4", severity: "LOW", kind: "AwsCloudTrailTrail", own: true, nist: true, cis12: "2.2", cis14: "3.2", rule: "cloud-trail-log-file-validation-enabled", check: filesValidated,
			title: "CloudTrail log file validation should be enabled", about: "Looks at the trail's log file validation."},
		{id: "CloudWatch.16", severity: "MEDIUM", kind: "AwsLogsLogGroup", nist: true, rule: "cw-loggroup-retention-period-check", check: logsKept(365),
			params: map[string][]string{"minRetentionTime": {"365"}},
			title:  "CloudWatch log groups should be retained for a specified time period", about: "Looks at the log group's retention: a year at least."},
	}
}

func accountControls() []control {
	return []control{
		{id: "S3.1", severity: "MEDIUM", kind: typeAccount, own: true, nist: true, cis14: "2.1.5.1", rule: "s3-account-level-public-access-blocks-periodic", check: accountBlocked,
			title: "S3 general purpose buckets should have block public access settings enabled", about: "Looks at the four settings of the account's public access block."},
		{id: "EC2.1", severity: "CRITICAL", kind: typeAccount, own: true, nist: true, rule: "ebs-snapshot-public-restorable-check", check: snapshotsPrivate,
			title: "Amazon EBS snapshots should not be publicly restorable", about: "Looks for snapshots that everybody may restore."},
		{id: "EC2.7", severity: "MEDIUM", kind: typeAccount, own: true, nist: true, cis14: "2.2.1", rule: "ec2-ebs-encryption-by-default", check: volumesEncrypted,
			title: "EBS default encryption should be enabled", about: "Looks whether new volumes are encrypted by default."},
		{id: "CloudTrail.1", severity: "HIGH", kind: typeAccount, own: true, nist: true, cis12: "2.1", cis14: "3.1", rule: "multi-region-cloudtrail-enabled", check: trailEverywhere,
			title: "CloudTrail should be enabled and configured with at least one multi-Region trail that includes read and write management events",
			about: "Looks for a trail that logs all management events of all Regions."},
		{id: "CloudWatch.1", severity: "LOW", kind: typeAccount, cis12: "3.3", cis14: "4.3", check: watched(`"Root"`, "$.userIdentity.type"),
			title: `A log metric filter and alarm should exist for usage of the "root" user`, about: "Looks for somebody who is told when the root user is used."},
		{id: "CloudWatch.4", severity: "LOW", kind: typeAccount, cis12: "3.4", cis14: "4.4", check: watched(policyEvents()...),
			title: "Ensure a log metric filter and alarm exist for IAM policy changes", about: "Looks for somebody who is told when IAM policies change."},
	}
}

// passwordControls all look at one password policy.
func passwordControls() []control {
	const rule = "iam-password-policy"
	on := []string{"true"}
	return []control{
		{id: "IAM.7", severity: "MEDIUM", kind: typeAccount, own: true, nist: true, rule: rule, check: passwordPolicy(strongPasswords),
			params: map[string][]string{"RequireUppercaseCharacters": on, "RequireLowercaseCharacters": on, "RequireSymbols": on, "RequireNumbers": on, "MinimumPasswordLength": {"8"}},
			title:  "Password policies for IAM users should have strong configurations", about: "Looks at what the account's password policy demands."},
		{id: "IAM.11", severity: "MEDIUM", kind: typeAccount, home: true, cis12: "1.5", rule: rule,
			check: passwordPolicy(func(p iamtypes.PasswordPolicy) bool { return p.RequireUppercaseCharacters }),
			title: "Ensure IAM password policy requires at least one uppercase letter", about: "Looks for the demand of an uppercase letter."},
		{id: "IAM.12", severity: "MEDIUM", kind: typeAccount, home: true, cis12: "1.6", rule: rule,
			check: passwordPolicy(func(p iamtypes.PasswordPolicy) bool { return p.RequireLowercaseCharacters }),
			title: "Ensure IAM password policy requires at least one lowercase letter", about: "Looks for the demand of a lowercase letter."},
		{id: "IAM.13", severity: "MEDIUM", kind: typeAccount, home: true, cis12: "1.7", rule: rule,
			check: passwordPolicy(func(p iamtypes.PasswordPolicy) bool { return p.RequireSymbols }),
			title: "Ensure IAM password policy requires at least one symbol", about: "Looks for the demand of a symbol."},
		{id: "IAM.14", severity: "MEDIUM", kind: typeAccount, home: true, cis12: "1.8", rule: rule,
			check: passwordPolicy(func(p iamtypes.PasswordPolicy) bool { return p.RequireNumbers }),
			title: "Ensure IAM password policy requires at least one number", about: "Looks for the demand of a number."},
		{id: "IAM.15", severity: "MEDIUM", kind: typeAccount, home: true, cis12: "1.9", cis14: "1.8", rule: rule,
			check: passwordPolicy(func(p iamtypes.PasswordPolicy) bool { return aws.ToInt32(p.MinimumPasswordLength) >= 14 }),
			title: "Ensure IAM password policy requires minimum password length of 14 or greater", about: "Looks at the shortest password allowed."},
		{id: "IAM.16", severity: "LOW", kind: typeAccount, home: true, cis12: "1.10", cis14: "1.9", rule: rule,
			check: passwordPolicy(func(p iamtypes.PasswordPolicy) bool { return aws.ToInt32(p.PasswordReusePrevention) >= 24 }),
			title: "Ensure IAM password policy prevents password reuse", about: "Looks at how many old passwords are refused."},
		{id: "IAM.17", severity: "LOW", kind: typeAccount, home: true, cis12: "1.11", rule: rule,
			check: passwordPolicy(func(p iamtypes.PasswordPolicy) bool {
				return aws.ToInt32(p.MaxPasswordAge) > 0 && *p.MaxPasswordAge <= 90
			}),
			title: "Ensure IAM password policy expires passwords within 90 days or less", about: "Looks at how long a password lasts."},
	}
}
