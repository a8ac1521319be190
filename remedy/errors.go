package remedy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"example.com/asr"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// Is reports whether AWS answered with one of the error codes.
func Is(err error, codes ...string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(codes, api.ErrorCode())
}

// Unless returns err unless AWS answered with one of the error codes, which
// say that what was asked for is so already.
func Unless(err error, codes ...string) error {
	if Is(err, codes...) {
		return nil
	}
	return err
}

// Gone returns asr.ErrGone if AWS answered with one of the error codes, else err.
func Gone(err error, codes ...string) error {
	if Is(err, codes...) {
		return asr.ErrGone
	}
	return err
}

// Judge is the one place where AWS's error codes become ours. Errors that are
// ours already stay as they are.
func Judge(err error) error {
	if err == nil || asr.Classify(err) != asr.CodeInternal || errors.Is(err, asr.ErrGone) || errors.Is(err, asr.ErrSettling) {
		return err
	}
	code, do := judge(err)
	if code == "" {
		return err
	}
	return &asr.Error{Code: code, Do: do, Err: err}
}

func judge(err error) (asr.Code, string) {
	var status *awshttp.ResponseError
	http5xx := errors.As(err, &status) && status.HTTPStatusCode() >= http.StatusInternalServerError
	var api smithy.APIError
	var network net.Error
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
		return "", ""
	case errors.As(err, &dns) && dns.IsNotFound:
		return asr.CodeRegionOff, "check the Region's name: AWS has no such endpoint, or this machine can't look it up"
	case errors.As(err, &status) && status.HTTPStatusCode() == http.StatusNotImplemented:
		return asr.CodeAWS, "what answers is no AWS, or doesn't know the operation"
	case !errors.As(err, &api):
		brokenOff := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) // in the middle of an answer, whatever its status
		if http5xx || brokenOff || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) {
			return asr.CodeUnavailable, "wait; the step is tried again by itself"
		}
		return "", ""
	case throttles(api.ErrorCode()) || errors.As(err, &status) && status.HTTPStatusCode() == http.StatusTooManyRequests:
		return asr.CodeThrottled, "wait; the step is tried again by itself"
	case denies(api.ErrorCode()) || errors.As(err, &status) && status.HTTPStatusCode() == http.StatusForbidden && !http5xx:
		return asr.CodeDenied, "find what denies it: the member role's policy, a service control policy or the resource's own policy; asr doctor checks the role"
	case slices.Contains([]string{"OptInRequired", "AuthFailure.RegionDisabled", "RegionDisabledException"}, api.ErrorCode()):
		return asr.CodeRegionOff, "enable the Region in the account, or exclude it in the policy"
	case http5xx || api.ErrorFault() == smithy.FaultServer:
		return asr.CodeUnavailable, "wait; the step is tried again by itself"
	}
	return asr.CodeAWS, "read AWS's message; nothing else is tried"
}

func throttles(code string) bool {
	return strings.Contains(code, "Throttl") || slices.Contains([]string{
		"RequestLimitExceeded", "TooManyRequestsException", "SlowDown", "LimitExceededException.Rate", "PriorRequestNotComplete", "RequestThrottled", "BandwidthLimitExceeded", "ProvisionedThroughputExceededException",
	}, code)
}

func denies(code string) bool {
	return strings.HasPrefix(code, "AccessDenied") || slices.Contains([]string{
		"UnauthorizedOperation", "AuthorizationError", "AuthorizationErrorException", "Client.UnauthorizedOperation", "KMS.AccessDeniedException", "Forbidden", "NotAuthorized", "AuthFailure",
	}, code)
}
