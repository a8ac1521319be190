package dynamo

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/audit"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// One record that can't be read is named, and keeps nobody from proving the others.
func TestARecordThatCantBeReadIsNamedByTheProof(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	note := strings.Repeat("what was seen; ", 100)
	for _, id := range []string{"r-1", "r-2", "r-3"} {
		r := aRun(id)
		keep(t, s, asr.Batch{Run: &r, Records: []asr.Record{r.Chain.Append(asr.Record{Subject: id, At: noon, Event: "planned", Reason: note})}})
	}
	k := recordKey("r-2", 1)
	whole, err := s.get(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	packed := whole.binary(attrDoc)
	if packed[0] != zipped {
		t.Fatal("the record isn't packed")
	}
	object := "open/record/x"
	if _, err := s.S3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &s.Bucket, Key: &object, Body: strings.NewReader("another")}); err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string]item{
		"nothing": {}, "no packing that we know": {attrDoc: binary([]byte("?"))}, "cut off": {attrDoc: binary(packed[:len(packed)/2])},
		"a byte flipped":             {attrDoc: binary(append(append([]byte{}, packed[:len(packed)/2]...), append([]byte{packed[len(packed)/2] ^ 1}, packed[len(packed)/2+1:]...)...))},
		"an object that was changed": {attrObject: text(object), attrDigest: binary([]byte("of what it was"))},
		"an object that isn't there": {attrObject: text("open/record/none"), attrDigest: binary([]byte("of what it was"))},
	} {
		if _, err := s.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(s.Table), Item: k.item().with(doc)}); err != nil {
			t.Fatal(err)
		}
		rep, err := audit.Verify(t.Context(), s, s.Vault.Verify)
		if err != nil || len(rep.Problems) != 1 || rep.Problems[0].Subject != "r-2" || rep.Subjects != 3 || rep.Records < 2 {
			t.Errorf("%s: %+v %v", name, rep, err)
		}
	}
}

// One item that was changed costs no other, and pages end where they would.
func TestAListHasWhatCanBeReadAndNamesTheRest(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	for i := range 7 {
		r, f := aRun(fmt.Sprint("r-", i)), aFinding(fmt.Sprint("f-", i))
		r.CreatedAt, r.Queued = noon.Add(time.Duration(i)*time.Second), &asr.Waiting{Run: r.ID, Reason: asr.ReasonInFlight, Scope: asr.AllRuns}
		keep(t, s, asr.Batch{Run: &r, Findings: []asr.Finding{f}, Messages: []asr.Message{{ID: r.ID + "/m", DueAt: noon}}})
		if err := s.Reject(t.Context(), asr.Rejected{ID: fmt.Sprint("x-", i), At: noon}); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range []key{runKey("r-4"), findingKey("f-4"), messageKey("r-4/m"), rejectedKey("x-4"), placeKey("r-4")} {
		it, err := s.get(t.Context(), k)
		if err != nil || it == nil {
			t.Fatal(k, err)
		}
		if _, err := s.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &s.Table, Item: it.with(item{attrDoc: binary([]byte("?"))})}); err != nil {
			t.Fatal(err)
		}
	}
	list := func(page func(cursor string) (int, string, error)) func() (int, error) {
		return func() (all int, err error) {
			for cursor := ""; ; {
				n, next, perr := page(cursor)
				err, all = errors.Join(err, perr), all+n
				if next == "" {
					return all, err
				}
				cursor = next
			}
		}
	}
	for name, read := range map[string]func() (int, error){
		"runs": list(func(cursor string) (int, string, error) {
			all, next, err := s.Runs(t.Context(), asr.RunQuery{Cursor: cursor, Limit: 2})
			return len(all), next, err
		}),
		"findings": list(func(cursor string) (int, string, error) {
			all, next, err := s.Findings(t.Context(), asr.FindingQuery{Cursor: cursor, Limit: 2})
			return len(all), next, err
		}),
		"messages": func() (int, error) { all, err := s.Messages(t.Context(), "", noon, 0); return len(all), err },
		"rejected": func() (int, error) { all, err := s.Rejected(t.Context(), 0); return len(all), err },
		"line": func() (n int, err error) {
			err = s.Line(t.Context(), func(asr.Waiting) error { n++; return nil })
			return n, err
		},
	} {
		if n, err := read(); n != 6 || !asr.Partial(err) || err == nil || asr.Advice(err) == "" {
			t.Errorf("%s: %d could be read: %v", name, n, err)
		}
	}
}
