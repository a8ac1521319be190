package lambda_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/lambda"
	"example.com/asr/securityhub"
	"example.com/asr/workflow"
	"github.com/aws/aws-lambda-go/events"
)

// FuzzIngest takes what may stand in the queue: each body is taken, kept with
// the reason, or none of ours, and only what may go better comes again.
func FuzzIngest(f *testing.F) {
	for _, seed := range []string{
		imported(finding("a", "arn:aws:test:eu-west-1:111111111111:s")), `{"source":"asr.schedule"}`, `{"source":"asr.runbook","account":"111111111111","detail":{"Resource":"x"}}`,
		`{"source":"aws.ssm","account":"1","detail":{"Run":"r-1"}}`, `{"source":"aws.states","detail":{"name":"r-1-0","status":"FAILED"}}`, `{"source":"aws.states","detail":{"name":"-9","cause":"\u001b"}}`,
		`{"source":"aws.states","detail":[]}`, `{"time":"then"}`, `{`, "null", "\xff", `{"source":1}`, `{"source":"aws.states"}`, strings.Repeat(`{"detail":`, 200),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := newWorld(t, asr.ModeAsk)
		w.config.Decode = securityhub.Decode
		w.rebuild()
		if again := w.ingest(events.SQSMessage{MessageId: "m-1", Body: body}); again != "" {
			t.Fatalf("%q comes again for ever", body)
		}
		kept, err := w.store.Rejected(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range kept {
			if r.ID == "" || r.Reason == "" || r.Source == "" || len(r.Body) > 4096 || strings.ToValidUTF8(r.Body, "") != r.Body || len(r.Reason) > 2000 {
				t.Fatalf("%q is kept as %+v", body, r)
			}
		}
	})
}

// FuzzStep takes what a state machine may hand to a task.
func FuzzStep(f *testing.F) {
	f.Add([]byte(`{"run":"r-1","n":0,"turns":0}`))
	f.Add([]byte(`{"run":"","do":"apply","turns":9223372036854775807,"wait":-1,"error":{"Error":"x","Cause":"\u001b[2J"}}`))
	f.Add([]byte(`{"run":"r-1\n","n":-5}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var in workflow.State
		if json.Unmarshal(doc, &in) != nil {
			return
		}
		w := newWorld(t, asr.ModeAuto)
		known := w.finding("f-1", "s")
		for _, run := range []string{in.Run, known} {
			in.Run = run
			out, err := w.handlers.Plan(t.Context(), in)
			if run != known && asr.Classify(err) != asr.CodeNotFound {
				t.Fatalf("run %q: %v", run, err)
			}
			if run == known && (err != nil || out.Run != run || out.Do == "") {
				t.Fatalf("%s: %+v, %v", doc, out, err)
			}
			_, _ = w.handlers.Apply(t.Context(), in) // of a run that isn't there, or is done with
			_ = w.handlers.Report(t.Context(), in)
		}
	})
}

func FuzzURL(f *testing.F) {
	f.Add("GET", "/v1/runs", "state=x", "", false, "X-Asr-Caller", "arn:aws:iam::1:user/x")
	f.Add("B R", "/\u202e%zz", "%", "!", true, "\n", "\x00")
	f.Fuzz(func(t *testing.T, method, path, query, body string, encoded bool, header, value string) {
		in := events.LambdaFunctionURLRequest{RawPath: path, RawQueryString: query, Headers: map[string]string{header: value}, Body: body, IsBase64Encoded: encoded}
		in.RequestContext.HTTP.Method, in.RequestContext.DomainName = method, "x.lambda-url.eu-west-1.on.aws"
		_, _ = lambda.URL(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if who, err := lambda.Caller(r); err == nil {
				t.Fatalf("nobody signed it, and it is %+v's", who)
			}
		}))(t.Context(), in) // what is no HTTP request is an error
	})
}
