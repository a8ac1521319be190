package sessions

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

func TestActionNamesWhatIAMChecks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ service, operation, want string }{
		{"CloudWatch Logs", "PutRetentionPolicy", "logs:PutRetentionPolicy"},
		{"SFN", "UpdateStateMachine", "states:UpdateStateMachine"},
		{"Elastic Load Balancing", "ModifyLoadBalancerAttributes", "elasticloadbalancing:ModifyLoadBalancerAttributes"},
		{"Elastic Load Balancing v2", "CreateListener", "elasticloadbalancing:CreateListener"},
		{"Config Service", "PutDeliveryChannel", "config:PutDeliveryChannel"},
		{"EventBridge", "PutPermission", "events:PutPermission"},
		{"EFS", "PutBackupPolicy", "elasticfilesystem:PutBackupPolicy"},
		{"EMR", "PutBlockPublicAccessConfiguration", "elasticmapreduce:PutBlockPublicAccessConfiguration"},
		{"API Gateway", "GetStage", "apigateway:GET"},
		{"API Gateway", "UpdateStage", "apigateway:PATCH"},
		{"ApiGatewayV2", "TagResource", "apigateway:POST"},
		{"API Gateway", "TagResource", "apigateway:PUT"},
		{"S3", "HeadBucket", "s3:ListBucket"},
		{"S3", "ListBuckets", "s3:ListAllMyBuckets"},
		{"S3", "ListObjectsV2", "s3:ListBucket"},
		{"S3", "GetBucketLocation", "s3:GetBucketLocation"},
		{"S3", "GetBucketEncryption", "s3:GetEncryptionConfiguration"},
		{"S3", "DeleteBucketEncryption", "s3:PutEncryptionConfiguration"},
		{"S3", "GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"},
		{"S3", "DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock"},
		{"S3", "PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"},
		{"S3", "GetBucketNotificationConfiguration", "s3:GetBucketNotification"},
		{"S3", "CreateSession", "s3express:CreateSession"},
		{"S3 Control", "GetPublicAccessBlock", "s3:GetAccountPublicAccessBlock"},
		{"S3 Control", "DeletePublicAccessBlock", "s3:PutAccountPublicAccessBlock"},
		{"Lambda", "Invoke", "lambda:InvokeFunction"},
		{"SecurityHub", "BatchUpdateFindingsV2", "securityhub:BatchUpdateFindings"},
		{"Quantum Teleport", "Beam", ""},
		{"API Gateway", "FrobnicateStage", ""},
		{"S3", "", ""},
	} {
		t.Run(tt.service+" "+tt.operation, func(t *testing.T) {
			t.Parallel()
			if got := Action(tt.service, tt.operation); got != tt.want {
				t.Errorf("Action = %q, want %q", got, tt.want)
			}
		})
	}
}

type authorization struct {
	Prefix                                             string
	Read, Write, OtherRead, OtherWrite, Renamed, Newer []string
	Methods                                            map[string][]string
}

func reference(t *testing.T) map[string]authorization {
	t.Helper()
	raw, err := os.ReadFile("testdata/authorization.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]authorization
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryServiceInTheTableIsInTheReference(t *testing.T) {
	t.Parallel()
	all := reference(t)
	for id, prefix := range prefixes {
		if all[id].Prefix != prefix {
			t.Errorf("%s: prefix %q, the reference says %q", id, prefix, all[id].Prefix)
		}
	}
	for id, operations := range renamed {
		for operation := range operations {
			if !slices.Contains(all[id].Renamed, operation) {
				t.Errorf("%s %s is renamed but no operation", id, operation)
			}
		}
	}
}

func TestEveryActionExists(t *testing.T) {
	t.Parallel()
	for id, a := range reference(t) {
		actions := slices.Concat(a.Read, a.Write, a.OtherRead, a.OtherWrite)
		for _, operation := range slices.Concat(a.Read, a.Write, a.Renamed) {
			prefix, name, _ := strings.Cut(Action(id, operation), ":")
			if prefix == a.Prefix && !slices.Contains(actions, name) {
				t.Errorf("%s %s: %s is no action of %s", id, operation, name, prefix)
			}
		}
		for method, operations := range a.Methods {
			for _, operation := range operations {
				if got := Action(id, operation); got != "apigateway:"+method {
					t.Errorf("%s %s = %q, want apigateway:%s", id, operation, got, method)
				}
			}
		}
	}
}

// reads that AWS's reference doesn't call reads, each with the reason.
var ourReads = map[string]string{
	"kms:Verify":    "answers a question",
	"kms:VerifyMac": "answers a question",
	"kms:Decrypt":   "answers a question",
}

func TestNothingThatWritesCountsAsReading(t *testing.T) {
	t.Parallel()
	for id, a := range reference(t) {
		writes := slices.Concat(a.Write, a.OtherWrite)
		for _, operation := range slices.Concat(a.Read, a.Write, a.Renamed) {
			action := Action(id, operation)
			_, name, _ := strings.Cut(action, ":")
			if Reading(id, operation) && slices.Contains(writes, name) && ourReads[action] == "" {
				t.Errorf("%s %s counts as reading; AWS says that %s writes", id, operation, action)
			}
		}
	}
}

// What AWS calls a read and we don't know for one: a remediation that needs it
// adds it to the table.
func TestReadsThatCountAsWrites(t *testing.T) {
	t.Parallel()
	var got []string
	for id, a := range reference(t) {
		for _, operation := range a.Read {
			if !Reading(id, operation) {
				got = append(got, Action(id, operation))
			}
		}
	}
	slices.Sort(got)
	want := strings.Fields(`
		acm:ExportCertificate appsync:EvaluateCode appsync:EvaluateMappingTemplate backup:ExportBackupPlanTemplate
		cloudformation:DetectStackDrift cloudformation:DetectStackResourceDrift cloudformation:DetectStackSetDrift cloudfront:VerifyDnsConfiguration
		cognito-idp:AdminGetDevice cognito-idp:AdminGetUser cognito-idp:AdminListDevices cognito-idp:AdminListGroupsForUser
		cognito-idp:AdminListUserAuthEvents config:DeliverConfigSnapshot connect:EvaluateDataTableValues dms:TestConnection
		ec2:ExportClientVpnClientCertificateRevocationList ec2:ExportClientVpnClientConfiguration ec2:ExportVerifiedAccessInstanceClientConfiguration ec2:StartDeclarativePoliciesReport
		ecr:ValidatePullThroughCacheRule elasticbeanstalk:RequestEnvironmentInfo elasticbeanstalk:RetrieveEnvironmentInfo elasticbeanstalk:ValidateConfigurationSettings
		iam:GenerateOrganizationsAccessReport kinesis:SubscribeToShard logs:StartLiveTail logs:TestTransformer
		route53:TestDNSAnswer sqs:ReceiveMessage ssm:StartExecutionPreview sts:GetFederationToken
		sts:GetSessionToken transfer:TestIdentityProvider wafv2:GenerateMobileSdkReleaseUrl`)
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Error(diff)
	}
}

func TestReadingIsJudgedByWhatTheOperationDoes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		service, operation string
		want               bool
	}{
		{"EC2", "DescribeSecurityGroups", true},
		{"S3", "HeadBucket", true},
		{"CodeBuild", "BatchGetProjects", true},
		{"CloudTrail", "LookupEvents", true},
		{"IAM", "GenerateCredentialReport", true},
		{"KMS", "Decrypt", true},
		{"DynamoDB", "TransactGetItems", true},
		{"API Gateway", "GetStage", true},
		{"API Gateway", "TestInvokeMethod", false},
		{"STS", "AssumeRole", false},
		{"Redshift", "GetClusterCredentials", false},
		{"SFN", "GetActivityTask", false},
		{"Lambda", "Invoke", false},
		{"Lambda", "CheckpointDurableExecution", false},
		{"S3", "PutBucketPolicy", false},
		{"SQS", "ReceiveMessage", false},
		{"Quantum Teleport", "GetBeam", false},
	} {
		t.Run(tt.service+" "+tt.operation, func(t *testing.T) {
			t.Parallel()
			if got := Reading(tt.service, tt.operation); got != tt.want {
				t.Errorf("Reading = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestGrantsMatchActionsAsIAMDoes(t *testing.T) {
	t.Parallel()
	grants := []asr.Grant{asr.Allow("*", "s3:Get*", "ec2:EnableEBSEncryptionByDefault", "logs:?utRetentionPolicy")}
	got := map[string]bool{}
	for _, a := range []string{"s3:GetBucketPolicy", "s3:PutBucketPolicy", "ec2:EnableEbsEncryptionByDefault", "logs:PutRetentionPolicy", "ec2:", ""} {
		got[a] = allows(grants, a)
	}
	want := map[string]bool{"s3:GetBucketPolicy": true, "s3:PutBucketPolicy": false, "ec2:EnableEbsEncryptionByDefault": true, "logs:PutRetentionPolicy": true, "ec2:": false, "": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
