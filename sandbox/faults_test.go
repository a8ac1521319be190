package sandbox

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	hubtypes "github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// typed reports whether an error is a service's own type.
func typed[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func TestAFaultIsTheSDKsTypedError(t *testing.T) {
	t.Parallel()
	s := start(t)
	cfg := s.Config(memberA, here)
	bucket, queue := aws.String("b-1"), aws.String("q")
	for _, row := range []struct {
		name, service, code string
		call                func(context.Context) error
		typed               func(error) bool
	}{
		{"JSON 1.1", "logs", "ResourceNotFoundException", func(ctx context.Context) error {
			_, err := cloudwatchlogs.NewFromConfig(cfg).DescribeLogGroups(ctx, nil)
			return err
		}, nil},
		{"JSON 1.1, the operation's own error", "logs", "InvalidParameterException", func(ctx context.Context) error {
			_, err := cloudwatchlogs.NewFromConfig(cfg).DescribeLogGroups(ctx, nil)
			return err
		}, typed[*logtypes.InvalidParameterException]},
		{"JSON 1.1 with an error of its model", "kms", "NotFoundException", func(ctx context.Context) error {
			_, err := kms.NewFromConfig(cfg).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: queue})
			return err
		}, typed[*kmstypes.NotFoundException]},
		{"JSON 1.0 that was query once", "sqs", "QueueDoesNotExist", func(ctx context.Context) error {
			_, err := sqs.NewFromConfig(cfg).GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: queue})
			return err
		}, typed[*sqstypes.QueueDoesNotExist]},
		{"query", "rds", "DBInstanceNotFound", func(ctx context.Context) error {
			_, err := rds.NewFromConfig(cfg).DescribeDBInstances(ctx, nil)
			return err
		}, typed[*rdstypes.DBInstanceNotFoundFault]},
		{"query, IAM", "iam", "NoSuchEntity", func(ctx context.Context) error {
			_, err := iam.NewFromConfig(cfg).GetAccountPasswordPolicy(ctx, nil)
			return err
		}, typed[*iamtypes.NoSuchEntityException]},
		{"query, SNS", "sns", "Throttling", func(ctx context.Context) error {
			_, err := sns.NewFromConfig(cfg).ListTopics(ctx, nil)
			return err
		}, nil},
		{"EC2", "ec2", "UnauthorizedOperation", func(ctx context.Context) error {
			_, err := ec2.NewFromConfig(cfg).DescribeVpcs(ctx, nil)
			return err
		}, nil},
		{"S3", "s3", "NoSuchKey", func(ctx context.Context) error {
			_, err := s3.NewFromConfig(cfg).GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: bucket})
			return err
		}, typed[*s3types.NoSuchKey]},
		{"S3 Control", "s3control", "NoSuchPublicAccessBlockConfiguration", func(ctx context.Context) error {
			_, err := s3control.NewFromConfig(cfg).GetPublicAccessBlock(ctx, &s3control.GetPublicAccessBlockInput{AccountId: aws.String(memberA)})
			return err
		}, nil},
		{"REST-JSON", "lambda", "ResourceNotFoundException", func(ctx context.Context) error {
			_, err := lambda.NewFromConfig(cfg).GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: queue})
			return err
		}, typed[*lambdatypes.ResourceNotFoundException]},
		{"REST-JSON, the overlay's service", "securityhub", "LimitExceededException", func(ctx context.Context) error {
			_, err := securityhub.NewFromConfig(cfg).GetFindings(ctx, nil)
			return err
		}, typed[*hubtypes.LimitExceededException]},
	} {
		t.Run(row.name, func(t *testing.T) {
			remove := s.Fault(Fault{Service: row.service, Status: 400, Code: row.code, Message: "because <we> & you said so"})
			defer remove()
			err := row.call(t.Context())
			var e smithy.APIError
			if !errors.As(err, &e) || e.ErrorCode() != row.code {
				t.Fatalf("got %v", err)
			}
			if e.ErrorMessage() != "because <we> & you said so" {
				t.Errorf("message %q", e.ErrorMessage())
			}
			if row.typed != nil && !row.typed(err) {
				t.Errorf("untyped: %v", err)
			}
		})
	}
}

func TestFaultsPickTheirCalls(t *testing.T) {
	t.Parallel()
	s := start(t)
	list := func(account string) string {
		_, err := iam.NewFromConfig(s.Config(account, here)).ListUsers(t.Context(), nil)
		return code(err)
	}
	s.Fault(Fault{Service: "iam", Operation: "ListUsers", Account: memberA, Times: 2, Status: 503, Code: "ServiceUnavailable"})
	remove := s.Fault(Fault{Operation: "ListUsers", Account: memberA, Code: "Throttling"})
	for i, want := range []string{"ServiceUnavailable", "ServiceUnavailable", "Throttling", "Throttling"} {
		if got := list(memberA); got != want {
			t.Errorf("call %d: %q, want %q", i, got, want)
		}
	}
	if got := list(memberB); got != "" {
		t.Errorf("another account: %q", got)
	}
	remove()
	if got := list(memberA); got != "" {
		t.Errorf("after removal: %q", got)
	}
	first := s.Calls()[0]
	if first.Status != 503 || first.ErrorCode != "ServiceUnavailable" || !first.Overlay {
		t.Errorf("journal %+v", first)
	}
}

func TestAFaultDelaysOrDrops(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := iam.NewFromConfig(s.Config(memberA, here))
	s.Fault(Fault{Operation: "ListUsers", Times: 1, Delay: 200 * time.Millisecond})
	began := time.Now()
	if _, err := c.ListUsers(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("took %s", took)
	}
	s.Fault(Fault{Operation: "ListUsers", Times: 1, Drop: true})
	_, err := c.ListUsers(t.Context(), nil)
	if err == nil || code(err) != "" || !strings.Contains(err.Error(), "EOF") {
		t.Errorf("dropped: %v", err)
	}
	s.Fault(Fault{Operation: "ListUsers", Times: 1, Delay: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.ListUsers(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timed out: %v", err)
	}
}
