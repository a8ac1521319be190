package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"example.com/asr"
	"github.com/aws/aws-lambda-go/events"
)

// callerHeader carries who signed the request from here to Caller. What a client
// sends under this name is overwritten.
const callerHeader = "X-Asr-Caller"

// Caller is who signed the request that a function URL with AWS_IAM passed on:
// AWS has checked the signature. *asr.Error with CodeNotAllowed if nobody did.
func Caller(r *http.Request) (asr.Actor, error) {
	arn := r.Header.Get(callerHeader)
	if arn == "" {
		return asr.Actor{}, &asr.Error{Code: asr.CodeNotAllowed, Message: "the request is not signed", Do: "sign it with AWS credentials (Signature Version 4, service lambda)"}
	}
	return asr.Actor{Kind: "person", Name: arn, Verified: true}, nil
}

// URL serves a function URL's requests with an HTTP handler.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
func URL(h http.Handler) func(context.Context, events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	return func(ctx context.Context, in events.LambdaFunctionURLRequest) (out events.LambdaFunctionURLResponse, err error) {
		r, err := request(ctx, in)
		if err != nil {
			return out, err
		}
		w := &recorder{header: http.Header{}, status: http.StatusOK}
		h.ServeHTTP(w, r)
		headers := map[string]string{}
		for name, values := range w.header {
			headers[name] = strings.Join(values, ", ")
		}
		return events.LambdaFunctionURLResponse{StatusCode: w.status, Headers: headers, Body: w.body.String()}, nil
	}
}

// recorder keeps an answer; a function URL takes it as a whole.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }

func request(ctx context.Context, in events.LambdaFunctionURLRequest) (*http.Request, error) {
	var body io.Reader = strings.NewReader(in.Body)
	if in.IsBase64Encoded {
		raw, err := base64.StdEncoding.DecodeString(in.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	target := "https://" + in.RequestContext.DomainName + in.RawPath
	if in.RawQueryString != "" {
		target += "?" + in.RawQueryString
	}
	r, err := http.NewRequestWithContext(ctx, in.RequestContext.HTTP.Method, target, body)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(in.Headers)) {
		r.Header.Set(name, in.Headers[name])
	}
	r.Header.Del(callerHeader)
	if a := in.RequestContext.Authorizer; a != nil && a.IAM != nil {
		r.Header.Set(callerHeader, a.IAM.UserARN)
	}
	return r, nil
}
