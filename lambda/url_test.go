package lambda_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"testing"

	"example.com/asr"
	"example.com/asr/lambda"
	"github.com/aws/aws-lambda-go/events"
)

// covers: A5
func TestTheCallerIsWhoAWSSays(t *testing.T) {
	spoofed := map[string]string{"x-asr-caller": "arn:aws:iam::111111111111:root"}
	for name, row := range map[string]struct {
		iam  *events.LambdaFunctionURLRequestContextAuthorizerIAMDescription
		want string
	}{
		"signed":               {&events.LambdaFunctionURLRequestContextAuthorizerIAMDescription{UserARN: "arn:aws:sts::111111111111:assumed-role/ops/ada"}, "arn:aws:sts::111111111111:assumed-role/ops/ada"},
		"signed by nobody":     {nil, ""},
		"without a user's ARN": {&events.LambdaFunctionURLRequestContextAuthorizerIAMDescription{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got asr.Actor
			var refused error
			h := lambda.URL(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, refused = lambda.Caller(r) }))
			in := events.LambdaFunctionURLRequest{RawPath: "/v1/whoami", Headers: spoofed}
			in.RequestContext.HTTP.Method = http.MethodGet
			if row.iam != nil {
				in.RequestContext.Authorizer = &events.LambdaFunctionURLRequestContextAuthorizerDescription{IAM: row.iam}
			}
			if _, err := h(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			if got.Name != row.want || (row.want == "") != (asr.Classify(refused) == asr.CodeNotAllowed) || got.Verified != (row.want != "") {
				t.Errorf("got %+v, %v", got, refused)
			}
		})
	}
}

func TestARequestIsPassedOnWhole(t *testing.T) {
	h := lambda.URL(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.URL.Path+" "+r.URL.Query().Get("state")+" "+string(body)+" "+r.Header.Get("Content-Type"))
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short and stout")
	}))
	in := events.LambdaFunctionURLRequest{RawPath: "/v1/runs/r-1", RawQueryString: "state=verified", Headers: map[string]string{"content-type": "application/json"}, Body: base64.StdEncoding.EncodeToString([]byte("{}")), IsBase64Encoded: true}
	in.RequestContext.HTTP.Method, in.RequestContext.DomainName = http.MethodPost, "x.lambda-url.eu-west-1.on.aws"
	out, err := h(t.Context(), in)
	if err != nil || out.StatusCode != http.StatusTeapot || out.Body != "short and stout" || out.Headers["X-Seen"] != "POST /v1/runs/r-1 verified {} application/json" {
		t.Errorf("%+v %v", out, err)
	}
}
