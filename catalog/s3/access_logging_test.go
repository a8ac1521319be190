package s3

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestAccessLogging(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := s3.NewFromConfig(acct.Config)
	first, second, logs := newBucket(t, acct, "data"), newBucket(t, acct, "more"), "asr-access-logs-"+acct.ID+"-eu-west-1"
	view := func() any {
		out, err := api.GetBucketLogging(t.Context(), &s3.GetBucketLoggingInput{Bucket: &first})
		return remedytest.Must(t, out, err).LoggingEnabled
	}
	kept := "the log bucket holds logs"
	remedytest.Lifecycle(t, acct, AccessLogging, remedytest.Case{
		Name: "makes the log bucket", Control: "S3.9", Resource: acct.Expand(bucket, first), View: view,
		Want: []string{
			`bucket: "" → "arn:aws:s3:::` + logs + `"`, `delivery: false → true`, `prefix: "" → "` + first + `/"`, `private: false → true`, `target: "" → "` + logs + `"`,
		},
		Made: []string{"arn:aws:s3:::" + logs},
		Left: []string{"bucket: " + kept, "delivery: " + kept, "private: " + kept},
	}, remedytest.Case{
		Name: "finds the log bucket; a bare name", Control: "S3.9", Resource: second, Want: []string{`prefix: "" → "` + second + `/"`, `target: "" → "` + logs + `"`},
		Foreign: func() {
			_, err := api.PutBucketLogging(t.Context(), &s3.PutBucketLoggingInput{Bucket: &second, BucketLoggingStatus: &types.BucketLoggingStatus{LoggingEnabled: &types.LoggingEnabled{TargetBucket: &logs, TargetPrefix: aws.String("theirs/")}}})
			remedytest.Must(t, 0, err)
		},
		Gone: func() {
			_, err := api.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: &second})
			remedytest.Must(t, 0, err)
		},
	})
}

func TestTheLogBucketIsNotLoggedToItself(t *testing.T) {
	on := remedy.On[logTo]{Target: asr.Target{Partition: "aws", Name: "logs"}, Params: logTo{"logs"}}
	if _, err := AccessLogging.Want(on, logging{}); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("got %v, want a refusal", err)
	}
}
