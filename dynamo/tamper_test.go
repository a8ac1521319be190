package dynamo

import (
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/audit"
	"example.com/asr/storetest"
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
	storetest.Unreadable(t, s, func() {
		for _, k := range []key{
			runKey(storetest.SpoiltRun), placeKey(storetest.SpoiltRun), findingKey(storetest.SpoiltFinding), messageKey(storetest.SpoiltMessage), rejectedKey(storetest.SpoiltRejected),
		} {
			it, err := s.get(t.Context(), k)
			if err != nil || it == nil {
				t.Fatal(k, err)
			}
			if _, err := s.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &s.Table, Item: it.with(item{attrDoc: binary([]byte("?"))})}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
