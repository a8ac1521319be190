package policyfiles_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/policyfiles"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

var uploaded = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// bucket is S3 with one bucket: texts by key. It lists two objects a page.
type bucket struct {
	objects map[string]string
	at      time.Time                   // when all of it was put there
	before  func(operation, key string) // comes before each answer
	fail    error
	reads   int
}

func etag(text string) string {
	sum := md5.Sum([]byte(text))
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func (b *bucket) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	b.reads++
	if b.before != nil {
		b.before("GetObject", *in.Key)
	}
	text, there := b.objects[*in.Key]
	switch {
	case b.fail != nil:
		return nil, b.fail
	case *in.Bucket != "rules" || !there:
		return nil, &types.NoSuchKey{}
	case in.IfMatch != nil && *in.IfMatch != etag(text):
		return nil, &smithy.GenericAPIError{Code: "PreconditionFailed"}
	case aws.ToString(in.IfNoneMatch) == etag(text):
		return nil, &smithy.GenericAPIError{Code: "NotModified"}
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader([]byte(text))), ETag: aws.String(etag(text))}, nil
}

func (b *bucket) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	if b.before != nil {
		b.before("ListObjectsV2", *in.Prefix)
	}
	out := &s3.ListObjectsV2Output{}
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if !strings.HasPrefix(key, *in.Prefix) || key <= aws.ToString(in.ContinuationToken) {
			continue
		}
		if len(out.Contents) == 2 {
			out.NextContinuationToken, out.IsTruncated = out.Contents[1].Key, aws.Bool(true)
			break
		}
		out.Contents = append(out.Contents, types.Object{Key: aws.String(key), ETag: aws.String(etag(b.objects[key])), LastModified: &b.at})
	}
	return out, b.fail
}

func rule(name, mode string) string {
	return "version: 1\nrules:\n  - {name: " + name + ", mode: " + mode + ", match: {controls: [" + name + "]}}\n"
}

func folder(objects map[string]string) (*bucket, policyfiles.Source) {
	b := &bucket{objects: objects, at: uploaded}
	return b, policyfiles.Source{API: b, Location: "s3://rules/asr/", Clock: func() time.Time { return uploaded.Add(time.Minute) }}
}

func TestAFolderIsOnePolicyWithOneTag(t *testing.T) {
	b, s := folder(map[string]string{
		"asr/": "", "asr/10-org.yaml": rule("S3.2", "ask"), "asr/20-shop.yml": rule("S3.3", "auto"), "asr/30.yaml": rule("S3.4", "observe"),
		"asr/10-org.test.yaml": "no policy", "asr/README.md": "nor this", "asr/.git/config.yaml": "nor this", "other/10.yaml": "nor this", "asr.yaml": "nor this",
	})
	p, tag, err := s.Fetch(t.Context(), "")
	if err != nil || len(p.Rules) != 3 || p.Rules[0].Where() != "s3://rules/asr/10-org.yaml:3:5" || p.Rules[1].Name != "S3.3" {
		t.Fatalf("%+v %v", p, err)
	}
	reads := b.reads
	if p, same, err := s.Fetch(t.Context(), tag); p != nil || same != tag || err != nil || b.reads != reads {
		t.Errorf("unchanged: %+v, tag %q, %v, %d reads", p, same, err, b.reads-reads)
	}
	b.objects["asr/README.md"] = "another"
	if _, same, err := s.Fetch(t.Context(), tag); same != tag || err != nil {
		t.Errorf("another file that isn't the policy's: %q, %v", same, err)
	}
	for _, step := range []struct {
		name   string
		change func()
		rules  int
	}{
		{"changed", func() { b.objects["asr/20-shop.yml"] = rule("S3.3", "off") }, 3},
		{"added", func() { b.objects["asr/40.yaml"] = rule("S3.5", "off") }, 4},
		{"renamed", func() { b.objects["asr/41.yaml"] = b.objects["asr/40.yaml"]; delete(b.objects, "asr/40.yaml") }, 4},
		{"removed", func() { delete(b.objects, "asr/41.yaml") }, 3},
	} {
		step.change()
		p, next, err := s.Fetch(t.Context(), tag)
		if err != nil || next == tag || len(p.Rules) != step.rules {
			t.Errorf("%s: %+v, tag %q after %q, %v", step.name, p, next, tag, err)
		}
		tag = next
	}
}

func TestAMistakeInAFolderIsToldWithItsFileAndLine(t *testing.T) {
	good := rule("S3.2", "ask")
	for name, row := range map[string]struct {
		objects map[string]string
		want    string
	}{
		"in one file":            {map[string]string{"asr/1.yaml": good, "asr/2.yaml": "version: 1\nrulez: []\n"}, "s3://rules/asr/2.yaml:2:1: rulez: unknown field"},
		"between two":            {map[string]string{"asr/1.yaml": good, "asr/2.yaml": good}, `"S3.2" is the name of the rule at s3://rules/asr/1.yaml:3:5 too`},
		"a folder within":        {map[string]string{"asr/1.yaml": good, "asr/shop/2.yaml": good}, "s3://rules/asr/shop is a folder within a policy's folder"},
		"no file":                {map[string]string{"asr/": "", "asr/1.test.yaml": ""}, "s3://rules/asr/ has no policy files"},
		"nothing":                {nil, "s3://rules/asr/ has no policy files"},
		"a folder of other uses": {many(201), "s3://rules/asr/ has more than 200 objects"},
	} {
		_, s := folder(row.objects)
		p, _, err := s.Fetch(t.Context(), "")
		if p != nil || asr.Classify(err) != asr.CodeBadInput || !strings.Contains(err.Error(), row.want) || asr.Advice(err) == "" {
			t.Errorf("%s: %v, %v; want %s", name, p, err, row.want)
		}
	}
}

func many(n int) map[string]string {
	all := map[string]string{}
	for i := range n {
		all[fmt.Sprintf("asr/%d.txt", i)] = ""
	}
	return all
}

func TestAFolderThatChangesWhileItIsReadIsReadAgain(t *testing.T) {
	first, second := map[string]string{"asr/1.yaml": rule("a", "auto"), "asr/2.yaml": rule("b", "off")}, map[string]string{"asr/1.yaml": rule("b", "off"), "asr/2.yaml": rule("a", "auto")}
	for _, gone := range []bool{false, true} {
		b, s := folder(maps.Clone(first))
		b.before = func(operation, key string) {
			if operation == "GetObject" && key == "asr/2.yaml" && !gone {
				b.objects = maps.Clone(second)
			}
			if operation == "GetObject" && key == "asr/2.yaml" && gone {
				b.objects = map[string]string{"asr/1.yaml": second["asr/1.yaml"]}
			}
		}
		p, _, err := s.Fetch(t.Context(), "")
		if err != nil || p.Rules[0].Name != "b" || (len(p.Rules) == 2) == gone {
			t.Errorf("gone %v: of two states one: %+v, %v", gone, p, err)
		}
	}
	n := 0
	b, s := folder(first)
	b.before = func(operation, _ string) {
		if operation == "GetObject" {
			n++
			b.objects["asr/2.yaml"] = rule(fmt.Sprint("n", n), "auto")
		}
	}
	if p, _, err := s.Fetch(t.Context(), ""); p != nil || asr.Classify(err) != asr.CodeUnavailable || b.reads > 6 {
		t.Errorf("always another: %v, %v after %d reads", p, err, b.reads)
	}
}

func TestAFolderThatIsBeingUploadedIsNotTakenByHalves(t *testing.T) {
	b, s := folder(map[string]string{"asr/1.yaml": rule("a", "auto")})
	now := uploaded.Add(9 * time.Second)
	s.Clock = func() time.Time { return now }
	if p, _, err := s.Fetch(t.Context(), ""); p != nil || asr.Classify(err) != asr.CodeUnavailable || b.reads > 0 {
		t.Errorf("nothing is known yet: %+v, %v", p, err)
	}
	if p, tag, err := s.Fetch(t.Context(), "former"); p != nil || tag != "former" || err != nil || b.reads > 0 {
		t.Errorf("it doesn't stay as it is: %+v, %q, %v", p, tag, err)
	}
	now = now.Add(time.Second)
	if p, tag, err := s.Fetch(t.Context(), "former"); p == nil || tag == "former" || err != nil {
		t.Errorf("when it is there: %+v, %q, %v", p, tag, err)
	}
}

func TestAFileIsReadWithItsTagAndMayBeMissing(t *testing.T) {
	b, s := folder(map[string]string{"asr/policy.yaml": rule("S3.2", "ask"), "asr/policy.yaml.old": "no policy"})
	s.Location = "s3://rules/asr/policy.yaml"
	p, tag, err := s.Fetch(t.Context(), "")
	if err != nil || len(p.Rules) != 1 || tag != etag(b.objects["asr/policy.yaml"]) {
		t.Fatalf("%+v %q %v", p, tag, err)
	}
	if p, same, err := s.Fetch(t.Context(), tag); p != nil || same != tag || err != nil {
		t.Errorf("unchanged: %+v %q %v", p, same, err)
	}
	b.objects["asr/policy.yaml"] = "rules: 1\n"
	if _, _, err := s.Fetch(t.Context(), tag); !strings.Contains(fmt.Sprint(err), "s3://rules/asr/policy.yaml:1:") {
		t.Errorf("broken: %v", err)
	}
	delete(b.objects, "asr/policy.yaml")
	if p, none, err := s.Fetch(t.Context(), tag); p != nil || none != "" || err != nil {
		t.Errorf("taken away: %+v %q %v", p, none, err)
	}
}

func TestWhatS3RefusesIsNoEmptyPolicy(t *testing.T) {
	for _, location := range []string{"s3://rules/asr/", "s3://rules/asr/1.yaml"} {
		b, s := folder(map[string]string{"asr/1.yaml": rule("a", "auto")})
		s.Location, b.fail = location, errors.New("AccessDenied")
		if p, _, err := s.Fetch(t.Context(), "former"); p != nil || err == nil {
			t.Errorf("%s: %+v, %v", location, p, err)
		}
	}
}

func TestAFolderIsReadFromTheEmulatorsS3(t *testing.T) {
	sb, err := sandbox.Start(t.Context(), sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() }) // its process ends with ours in any case
	api := s3.NewFromConfig(sb.Config(sandbox.DefaultHub, "us-east-1"))
	put := func(key, text string) {
		t.Helper()
		if _, err := api.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("rules"), Key: &key, Body: strings.NewReader(text)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := api.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("rules")}); err != nil {
		t.Fatal(err)
	}
	put("asr/1.yaml", rule("a", "auto"))
	put("asr/2.yaml", rule("b", "off"))
	later := func() time.Time { return time.Now().Add(time.Minute) }
	meddling := &between{API: api, before: func() { put("asr/2.yaml", rule("c", "off")) }}
	s := policyfiles.Source{API: meddling, Location: "s3://rules/asr/", Clock: later}
	p, tag, err := s.Fetch(t.Context(), "")
	if err != nil || len(p.Rules) != 2 || p.Rules[1].Name != "c" || meddling.reads != 4 {
		t.Fatalf("%+v, %v after %d reads", p, err, meddling.reads)
	}
	if p, same, err := s.Fetch(t.Context(), tag); p != nil || same != tag || err != nil {
		t.Errorf("unchanged: %+v, %q, %v", p, same, err)
	}
	file := policyfiles.Source{API: api, Location: "s3://rules/asr/2.yaml"}
	_, tag, err = file.Fetch(t.Context(), "")
	if _, same, again := file.Fetch(t.Context(), tag); err != nil || again != nil || same != tag || tag == "" {
		t.Errorf("a file: %q and %q, %v, %v", tag, same, err, again)
	}
	file.Location = "s3://rules/asr/3.yaml"
	if p, none, err := file.Fetch(t.Context(), tag); p != nil || none != "" || err != nil {
		t.Errorf("no file: %+v, %q, %v", p, none, err)
	}
}

// between does something before the second object is read.
type between struct {
	policyfiles.API
	before func()
	reads  int
}

func (b *between) GetObject(ctx context.Context, in *s3.GetObjectInput, o ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	if b.reads++; b.reads == 2 {
		b.before()
	}
	return b.API.GetObject(ctx, in, o...)
}
