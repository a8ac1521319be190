package trail_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/trail"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"
)

var since = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const run = "r-06h1evnc0hcqh5d32gn0"

// cloudTrail answers LookupEvents with pages, and keeps what it was asked.
type cloudTrail struct {
	pages [][]map[string]any
	asked []map[string]any
	code  string
}

func (c *cloudTrail) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in map[string]any
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &in)
	c.asked = append(c.asked, in)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if c.code != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q,"message":"no"}`, c.code)
		return
	}
	out := map[string]any{"Events": c.pages[len(c.asked)-1]}
	if len(c.asked) < len(c.pages) {
		out["NextToken"] = fmt.Sprint(len(c.asked))
	}
	_ = json.NewEncoder(w).Encode(out)
}

func event(minute int, name, arn string, more map[string]any) map[string]any {
	record := map[string]any{"readOnly": false, "userIdentity": map[string]any{"arn": arn}}
	for k, v := range more {
		record[k] = v
	}
	doc, _ := json.Marshal(record)
	return map[string]any{"EventName": name, "EventSource": "s3.amazonaws.com", "EventTime": float64(since.Add(time.Duration(minute) * time.Minute).Unix()), "CloudTrailEvent": string(doc)}
}

func (c *cloudTrail) changes(t *testing.T) ([]asr.Touch, error) {
	t.Helper()
	s := httptest.NewServer(c)
	defer s.Close()
	r := trail.Reader{Dial: func(_ context.Context, session remedy.Session) (aws.Config, error) {
		if session.Write || len(session.Grants) != 1 || session.Target.Name != "bucket" {
			t.Errorf("the session is %+v", session)
		}
		return aws.Config{Region: "eu-west-1", BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), RetryMaxAttempts: 1}, nil
	}}
	on := asr.On{Target: asr.Target{Account: "111111111111", Region: "eu-west-1", Name: "bucket", ID: "arn:aws:s3:::bucket"}, Call: asr.Call{Run: run}}
	return r.Changes(t.Context(), on, since)
}

func TestWhoChangedItIsToldAndNotWhoReadOrFailedOrWhatWeDid(t *testing.T) {
	const mallory, member = "arn:aws:iam::111111111111:user/mallory", "arn:aws:sts::111111111111:assumed-role/asr-member/"
	c := &cloudTrail{pages: [][]map[string]any{{
		event(9, "PutBucketPolicy", member+"r-06h1evnc0hcqh5d32xyz", nil),
		event(8, "GetBucketPolicy", mallory, map[string]any{"readOnly": true}),
		event(7, "DeleteBucketPolicy", mallory, map[string]any{"errorCode": "AccessDenied"}),
		event(6, "DeleteBucketPolicy", mallory, nil),
		{"EventName": "X", "CloudTrailEvent": "no JSON"},
	}, {
		event(5, "PutBucketPolicy", "", map[string]any{"userIdentity": map[string]any{"invokedBy": "cloudformation.amazonaws.com"}}),
		event(4, "PutBucketAcl", mallory, nil), event(3, "PutBucketAcl", mallory, nil),
	}}}
	got, err := c.changes(t)
	if err != nil {
		t.Fatal(err)
	}
	want := []asr.Touch{
		{At: since.Add(6 * time.Minute), By: mallory, Action: "s3:DeleteBucketPolicy"},
		{At: since.Add(5 * time.Minute), By: "cloudformation.amazonaws.com", Action: "s3:PutBucketPolicy"},
		{At: since.Add(4 * time.Minute), By: mallory, Action: "s3:PutBucketAcl"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if at := c.asked[0]["StartTime"]; at != float64(since.Unix()) || fmt.Sprint(c.asked[0]["LookupAttributes"]) != "[map[AttributeKey:ResourceName AttributeValue:bucket]]" {
		t.Errorf("asked for %+v", c.asked[0])
	}
}

func TestATrailThatMayNotBeReadSaysSo(t *testing.T) {
	c := &cloudTrail{code: "AccessDeniedException"}
	if _, err := c.changes(t); asr.Classify(err) != asr.CodeDenied {
		t.Errorf("got %v", err)
	}
}
