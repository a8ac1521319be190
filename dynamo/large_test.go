package dynamo

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/dynamo/schema"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// noise is text that can't be packed any smaller than 3/4 of it.
func noise(kb int) string {
	b := make([]byte, kb<<10*3/4)
	_, _ = rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

// objects are the keys of all that is in the store's bucket.
func objects(t *testing.T, s *Store) (keys []string) {
	t.Helper()
	out, err := s.S3.(*s3.Client).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &s.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out.Contents {
		keys = append(keys, aws.ToString(o.Key))
	}
	return keys
}

func largeRun(id string) asr.Run {
	r := aRun(id)
	r.Plan.Before = []byte(`{"policy":"` + noise(600) + `"}`)
	return r
}

// covers: W25
func TestADocumentThatNoItemHoldsIsInTheBucketAndOnlyTheLast(t *testing.T) {
	t.Parallel()
	s, _ := aging(t)
	r, f := largeRun("r-1"), aFinding("f-1")
	f.Title = noise(600)
	b := asr.Batch{Run: &r, Findings: []asr.Finding{f}}
	for i, ends := range []bool{false, false, true} {
		if ends {
			r.State, b.Findings[0].Outcome = asr.StateFailed, asr.OutcomeClosed
		}
		keep(t, s, b)
		got, err := s.Run(t.Context(), "r-1")
		if err != nil || string(got.Plan.Before) != string(r.Plan.Before) || got.Version != int64(i)+1 {
			t.Fatalf("version %d of the run: %d, %v", i, got.Version, err)
		}
		found, _, err := s.Findings(t.Context(), asr.FindingQuery{})
		if err != nil || len(found) != 1 || found[0].Title != f.Title {
			t.Fatalf("version %d: %d findings, %v", i, len(found), err)
		}
		all := objects(t, s)
		if len(all) != 2 {
			t.Errorf("%d objects: %v", len(all), all)
		}
		for _, o := range all {
			if strings.HasPrefix(o, schema.Ended) != ends || strings.HasPrefix(o, schema.Open) == ends {
				t.Errorf("%s: its item expires: %v", o, ends)
			}
		}
	}
	for _, it := range items(t, s) {
		if len(it.binary(attrDoc)) > maxInline {
			t.Errorf("%v is large all the same", it.key())
		}
	}
}

func TestABatchThatIsNotStoredLeavesNothingInTheBucket(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	first, second := largeRun("r-1"), largeRun("r-2")
	second.Claim = first.Claim
	keep(t, s, asr.Batch{Run: &first})
	var claimed *asr.ClaimedError
	if err := s.Commit(t.Context(), &asr.Batch{Run: &second}); !errors.As(err, &claimed) {
		t.Fatalf("got %v", err)
	}
	if all := objects(t, s); len(all) != 1 || !strings.Contains(all[0], "/run/") {
		t.Errorf("objects %v", all)
	}
	if _, err := s.Run(t.Context(), "r-1"); err != nil {
		t.Error(err)
	}
}

func TestAnObjectThatWasChangedIsNotBelieved(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	f := aFinding("f-1")
	f.Title = noise(600)
	keep(t, s, asr.Batch{Findings: []asr.Finding{f}})
	object := objects(t, s)[0]
	d, err := s.pack("finding", "f-1", aFinding("f-1"), false)
	if err != nil {
		t.Fatal(err)
	}
	d.object = object
	if err := s.upload(t.Context(), []*document{d}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Finding(t.Context(), "f-1"); asr.Classify(err) != asr.CodeBadInput || !strings.Contains(err.Error(), object) || asr.Advice(err) == "" {
		t.Errorf("changed: %v", err)
	}
	s.discard(t.Context(), object)
	if _, err := s.Finding(t.Context(), "f-1"); !errors.Is(err, errMoved) {
		t.Errorf("gone: %v", err)
	}
}

func TestALifecycleRuleMayDeleteWhatHasOutlivedTheRetention(t *testing.T) {
	t.Parallel()
	s, pass := aging(t)
	pass(time.Hour) // expiries are rounded up from here
	r := largeRun("r-1")
	r.State = asr.StateVerified
	keep(t, s, asr.Batch{Run: &r})
	s.discard(t.Context(), objects(t, s)...)
	if _, err := s.Run(t.Context(), "r-1"); !errors.Is(err, errMoved) {
		t.Errorf("deleted too early: %v", err)
	}
	pass(8*day + time.Second)
	_, err := s.Run(t.Context(), "r-1")
	_, lerr := s.LastRun(t.Context(), r.Claim)
	if !errors.Is(err, asr.ErrNotFound) || !errors.Is(lerr, asr.ErrNotFound) {
		t.Errorf("deleted in time: %v, %v", err, lerr)
	}
	if runs, _, err := s.Runs(t.Context(), asr.RunQuery{}); err != nil || len(runs) > 0 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
}

// slowReader replaces the item that is being read, between the item and its object.
type slowReader struct {
	Objects
	meanwhile func()
}

func (r *slowReader) GetObject(ctx context.Context, in *s3.GetObjectInput, o ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	if f := r.meanwhile; f != nil {
		r.meanwhile = nil
		f()
	}
	return r.Objects.GetObject(ctx, in, o...)
}

func TestAnItemThatIsReplacedWhileItIsReadIsReadAgain(t *testing.T) {
	t.Parallel()
	c := config(t)
	r := largeRun("r-1")
	keep(t, New(c), asr.Batch{Run: &r})
	slow := c
	slow.S3 = &slowReader{c.S3, func() { keep(t, New(c), asr.Batch{Run: &r}) }}
	if got, err := New(slow).Run(t.Context(), "r-1"); err != nil || got.Version != 2 {
		t.Errorf("version %d, %v", got.Version, err)
	}
}

func TestABatchOfMoreThanATransactionHoldsGoesToTheBucketInPart(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	var b asr.Batch
	for i := range 14 { // each fits into an item
		f := aFinding(fmt.Sprint("f-", i))
		f.Title = noise(420)
		b.Findings = append(b.Findings, f)
	}
	keep(t, s, b)
	if n := len(objects(t, s)); n == 0 || n > 7 {
		t.Errorf("%d of 14 documents are in the bucket", n)
	}
	found, _, err := s.Findings(t.Context(), asr.FindingQuery{Account: "111111111111"})
	if err != nil || len(found) != 14 {
		t.Errorf("%d findings, %v", len(found), err)
	}
}

func TestWithoutABucketALargeDocumentIsRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.S3 = nil
	s := New(c)
	r := largeRun("r-1")
	err := s.Commit(t.Context(), &asr.Batch{Run: &r})
	if asr.Classify(err) != asr.CodeInternal || !strings.Contains(err.Error(), "run r-1 takes") || asr.Advice(err) == "" {
		t.Errorf("got %v (%s)", err, asr.Advice(err))
	}
	if err := s.SetSetting(t.Context(), "heads", noise(300)); err != nil {
		t.Errorf("a part of a checkpoint's heads: %v", err)
	}
	if all := items(t, s); len(all) != 1 {
		t.Errorf("%d items", len(all))
	}
}

func TestASettingOrMessageThatIsLargeTakesItsObjectWithIt(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	m := asr.Message{ID: "r-1/m", DueAt: noon, Report: asr.Report{Note: noise(600)}}
	keep(t, s, asr.Batch{Messages: []asr.Message{m}})
	m.Error = "throttled"
	for _, value := range []string{noise(600), noise(600)} {
		err := errors.Join(s.Postpone(t.Context(), m), s.SetSetting(t.Context(), "name", value))
		if got, gerr := s.Setting(t.Context(), "name"); err != nil || gerr != nil || got != value {
			t.Fatalf("%v, %v", err, gerr)
		}
	}
	if all := objects(t, s); len(all) != 2 {
		t.Errorf("%v", all)
	}
	err := errors.Join(s.Delivered(t.Context(), m.ID), s.Postpone(t.Context(), m), s.SetSetting(t.Context(), "name", ""))
	if all := objects(t, s); err != nil || len(all) > 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestWhatIsNoPackedDocumentIsRefused(t *testing.T) {
	t.Parallel()
	for _, content := range [][]byte{nil, {2, 1}, {zipped}, {zipped, 1, 2, 3}, append([]byte{zipped}, squeeze([]byte(strings.Repeat("x", 9999)))[1:20]...)} {
		if doc, err := unsqueeze(content); err == nil {
			t.Errorf("%v is %q", content, doc)
		}
	}
	if bomb := squeeze(make([]byte, maxDocument+1)); len(bomb) > 1<<20 {
		t.Errorf("no bomb: %d bytes", len(bomb))
	} else if _, err := unsqueeze(bomb); err == nil {
		t.Error("a bomb was unpacked")
	}
}
