package org

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr/securityhub"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	hubapi "github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func must[O any](out O, err error) func(*testing.T) O {
	return func(t *testing.T) O {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// first is the first wrong resource that a control names in a place.
func first(o *Org, p place, control string) string {
	i := slices.IndexFunc(o.Resources, func(r Resource) bool {
		return r.Account == p.account && r.Region == p.region && r.Control == control
	})
	return o.Resources[i].ARN
}

// last is the end of an ARN.
func last(arn string) *string { return aws.String(arn[strings.LastIndexAny(arn, "/:")+1:]) }

func TestWhatIsFixedByHandPasses(t *testing.T) {
	t.Parallel()
	o, before := fresh(t)
	ctx, cfg, eu := t.Context(), o.s.Config(shop, virginia), o.s.Config(data, ireland)
	rows := []struct {
		control, resource string
		fix               func(arn string) error
	}{
		{"SQS.1", "arn:aws:sqs:us-east-1:222222222222:shop-orders-dlq", func(string) error {
			api := sqs.NewFromConfig(cfg)
			url := must(api.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("shop-orders-dlq")}))(t).QueueUrl
			_, err := api.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"KmsMasterKeyId": "alias/aws/sqs"}})
			return err
		}},
		{"S3.5", "arn:aws:s3:::data-prod-landing", func(arn string) error {
			policy := `{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["` + arn + `","` + arn + `/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}}`
			_, err := s3.NewFromConfig(eu).PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: last(strings.ReplaceAll(arn, ":", "/")), Policy: &policy})
			return err
		}},
		{"S3.2", "arn:aws:s3:::shop-prod-product-images", func(string) error {
			_, err := s3.NewFromConfig(cfg).PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
				Bucket: aws.String("shop-prod-product-images"), PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{RestrictPublicBuckets: aws.Bool(true)},
			})
			return err
		}},
		{"EC2.13", first(o, place{shop, virginia}, "EC2.13"), func(arn string) error {
			api := ec2.NewFromConfig(cfg)
			g := must(api.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{*last(arn)}}))(t).SecurityGroups[0]
			_, err := api.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: g.GroupId, IpPermissions: g.IpPermissions})
			return err
		}},
		{"IAM.3", "arn:aws:iam::222222222222:user/ci-deploy", func(string) error {
			api := iam.NewFromConfig(cfg)
			k := must(api.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: aws.String("ci-deploy")}))(t).AccessKeyMetadata[0]
			_, err := api.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: k.UserName, AccessKeyId: k.AccessKeyId, Status: "Inactive"})
			return err
		}},
		{"IAM.15", accountARN(shop), func(string) error {
			_, err := iam.NewFromConfig(cfg).UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: aws.Int32(14)})
			return err
		}},
		{"KMS.4", first(o, place{data, ireland}, "KMS.4"), func(arn string) error {
			_, err := kms.NewFromConfig(eu).EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: &arn})
			return err
		}},
		{"CloudWatch.16", "arn:aws:logs:eu-west-1:333333333333:log-group:/ecs/warehouse-loader:*", func(string) error {
			_, err := cloudwatchlogs.NewFromConfig(eu).DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: aws.String("/ecs/warehouse-loader")})
			return err
		}},
		{"CloudTrail.4", "arn:aws:cloudtrail:us-east-1:222222222222:trail/shop-audit", func(arn string) error {
			_, err := cloudtrail.NewFromConfig(cfg).UpdateTrail(ctx, &cloudtrail.UpdateTrailInput{Name: &arn, EnableLogFileValidation: aws.Bool(true)})
			return err
		}},
		{"Lambda.1", "arn:aws:lambda:us-east-1:222222222222:function:shop-webhook", func(arn string) error {
			_, err := lambda.NewFromConfig(cfg).RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: last(arn), StatementId: aws.String("caller")})
			return err
		}},
		{"RDS.5", "arn:aws:rds:eu-west-1:333333333333:db:warehouse", func(arn string) error {
			_, err := rds.NewFromConfig(eu).ModifyDBInstance(ctx, &rds.ModifyDBInstanceInput{DBInstanceIdentifier: last(arn), MultiAZ: aws.Bool(true), ApplyImmediately: aws.Bool(true)})
			return err
		}},
		{"CloudWatch.1", accountARN(shop), func(string) error {
			b := &site{Config: cfg, account: shop}
			return trail{group: "shop-audit"}.watch(ctx, b)
		}},
	}
	failing := reported(t, o)
	for _, row := range rows {
		if err := row.fix(row.resource); err != nil {
			t.Fatalf("%s: %v", row.control, err)
		}
	}
	after, now := evaluate(t, o), reported(t, o)
	for _, row := range rows {
		for _, was := range about(failing, row.control, row.resource) {
			if is := now[*was.Id]; !failed(was) || is.Compliance == nil || is.Compliance.Status != types.ComplianceStatusPassed {
				t.Errorf("%s of %s: was %s, is %+v", row.control, row.resource, was.Compliance.Status, is.Compliance)
			}
		}
	}
	if fixed := before.Failed - after.Failed; fixed < len(rows) || before.Failed+before.Passed-after.Failed-after.Passed != 0 {
		t.Errorf("%d fixes, and the numbers went from %+v to %+v", len(rows), before, after)
	}
}

func TestLookingAgainKeepsWhatPeopleSaid(t *testing.T) {
	t.Parallel()
	o, before := fresh(t)
	was := about(reported(t, o), "IAM.5", "arn:aws:iam::222222222222:user/jane.doe")[0]
	_, err := hubapi.NewFromConfig(o.s.HubConfig(virginia)).BatchUpdateFindings(t.Context(), &hubapi.BatchUpdateFindingsInput{
		FindingIdentifiers: []types.AwsSecurityFindingIdentifier{{Id: was.Id, ProductArn: was.ProductArn}}, Workflow: &types.WorkflowUpdate{Status: types.WorkflowStatusNotified},
	})
	if err != nil {
		t.Fatal(err)
	}
	secret := first(o, place{data, ireland}, "SecretsManager.3")
	if _, err := secretsmanager.NewFromConfig(o.s.Config(data, ireland)).DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &secret}); err != nil {
		t.Fatal(err)
	}
	if _, err := kms.NewFromConfig(o.s.Config(data, ireland)).Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String("alias/aws/rds"), Plaintext: []byte("x")}); err != nil {
		t.Fatal(err) // makes an AWS managed key, which nobody can be asked to rotate
	}
	after, now := evaluate(t, o), reported(t, o)
	is := now[*was.Id]
	if is.Workflow.Status != types.WorkflowStatusNotified || *is.CreatedAt != *was.CreatedAt || *is.UpdatedAt <= *was.UpdatedAt {
		t.Errorf("workflow %s, created %s (was %s), updated %s (was %s)", is.Workflow.Status, *is.CreatedAt, *was.CreatedAt, *is.UpdatedAt, *was.UpdatedAt)
	}
	if gone := about(now, "SecretsManager.3", secret)[0]; gone.RecordState != types.RecordStateArchived || gone.Compliance.Status != types.ComplianceStatusNotAvailable {
		t.Errorf("the finding of a deleted secret is %s, %s", gone.RecordState, gone.Compliance.Status)
	}
	if want := (Tally{Failed: before.Failed - 1, Passed: before.Passed, Archived: 1}); after != want {
		t.Errorf("got %+v, want %+v", after, want)
	}
	if again := evaluate(t, o); again.Archived != 0 {
		t.Errorf("archived again: %+v", again)
	}
	t.Run("all findings can be taken in", func(t *testing.T) { decoded(t, now) })
}

// decoded has the product's own decoder read the findings.
func decoded(t *testing.T, all map[string]types.AwsSecurityFinding) {
	for _, f := range all {
		body, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		obs, rejected := securityhub.Decode("test", time.Now(), body)
		if len(rejected) > 0 || len(obs) != 1 {
			t.Fatalf("%s: %d taken, rejected %+v", *f.Id, len(obs), rejected)
		}
		got := obs[0]
		if got.Control != *f.Compliance.SecurityControlId || got.Account != *f.AwsAccountId || got.Region != *f.Region || got.Resources[0].ID != *f.Resources[0].Id {
			t.Errorf("%s was taken for %+v", *f.Id, got.Provider)
		}
		if separate := strings.Contains(*f.Id, ":subscription/"); separate != (got.Standard.Control != "") {
			t.Errorf("%s: standard %+v", *f.Id, got.Standard)
		}
	}
}
