package remedy_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// What is left of an answer says nothing of what AWS meant, whatever its status.
func TestAnAnswerThatBreaksOffIsWorthAnotherTry(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusForbidden, http.StatusNotFound} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(status)
			_, _ = w.Write([]byte("<Error><Co"))
		}))
		defer server.Close()
		cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, HTTPClient: server.Client(), RetryMaxAttempts: 1, Credentials: aws.AnonymousCredentials{}}
		_, topics := sns.NewFromConfig(cfg).ListTopics(t.Context(), nil)
		_, buckets := s3.NewFromConfig(cfg).ListBuckets(t.Context(), nil)
		for _, err := range []error{topics, buckets} {
			if err = remedy.Judge(err); asr.Classify(err) != asr.CodeUnavailable || asr.Advice(err) == "" {
				t.Errorf("%d: %s: %v", status, asr.Classify(err), err)
			}
		}
	}
}
