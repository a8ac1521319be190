package securityhub

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// request is what we ask of the fake Security Hub.
type request struct {
	Path         string `json:"-"`
	Filters      map[string]any
	NextToken    string
	MaxResults   int
	SortCriteria []map[string]string
}

// fakeHub answers GetFindings and GetFindingsV2.
type fakeHub struct {
	answer func(request) (status int, body string)
	asked  []request
}

func (h *fakeHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in request
	raw, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(raw, &in) // an odd request shows in the tests
	in.Path = r.URL.Path
	h.asked = append(h.asked, in)
	status, body := h.answer(in)
	if status != http.StatusOK {
		w.Header().Set("X-Amzn-ErrorType", body)
		body = `{"Message":"no"}`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client is gone: nobody to tell
}

// dial starts the fake, and a client that asks it once per call.
func dial(t *testing.T, answer func(request) (int, string)) (*API, *fakeHub) {
	t.Helper()
	h := &fakeHub{answer: answer}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	api := NewAPI(aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	})
	api.Now = func() time.Time { return received }
	return api, h
}
