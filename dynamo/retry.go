package dynamo

import (
	"errors"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// How long a client goes on: a request that fails for good costs a whole step of
// a run, a further try some milliseconds. AWS's client would make three.
const (
	attempts   = 8
	maxBackoff = 400 * time.Millisecond
)

// Retry has a client try for some seconds, and also again when the connection
// breaks off in the middle of an answer: each request here may be made twice.
func Retry(o *dynamodb.Options) {
	o.RetryMaxAttempts = attempts
	o.Retryer = retry.NewStandard(func(so *retry.StandardOptions) {
		so.MaxAttempts, so.MaxBackoff = attempts, maxBackoff
		so.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(brokenOff)}, so.Retryables...)
	})
}

func brokenOff(err error) aws.Ternary {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}
