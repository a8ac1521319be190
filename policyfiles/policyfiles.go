// Package policyfiles reads a hub's policy out of S3: an object, or a folder of
// them. It decides nothing and writes nothing.
package policyfiles

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/policy"
	"example.com/asr/yamlfile"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// API is what Source calls of S3; *s3.Client has it.
type API interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

// Source is where a policy lies.
type Source struct {
	API      API
	Location string    // "s3://BUCKET/KEY"; a key that ends in / is a folder
	Clock    asr.Clock // nil: the system's
}

const (
	settle = 10 * time.Second // as long as nothing was uploaded, a folder counts as whole
	most   = 200              // objects of a folder
	tries  = 3                // of reading a folder that changes meanwhile
)

// Fetch returns the policy and its tag. A nil policy: it is as the tag says
// still, or, with an empty new tag, there is none: no object at the place of a
// file. A folder without files is a mistake. Errors of what the files say are
// policy.Parse's; others are S3's, or *asr.Error.
func (s Source) Fetch(ctx context.Context, tag string) (*policy.Policy, string, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(s.Location, "s3://"), "/")
	if strings.HasSuffix(key, "/") {
		return s.folder(ctx, bucket, key, tag)
	}
	return s.file(ctx, bucket, key, tag)
}

func (s Source) file(ctx context.Context, bucket, key, tag string) (*policy.Policy, string, error) {
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key}
	if tag != "" {
		in.IfNoneMatch = &tag
	}
	text, newTag, err := s.get(ctx, in)
	switch {
	case missing(err):
		return nil, "", nil
	case is(err, "NotModified", "304"):
		return nil, tag, nil
	case err != nil:
		return nil, tag, err
	}
	p, err := policy.Parse(s.Location, bytes.NewReader(text))
	return p, newTag, err
}

// folder reads a folder as it was when it was listed: each object is read in the
// version that the list names, or all is read again. What is still being uploaded
// isn't taken: the policy stays as it is, and where there is none yet it can't be had.
func (s Source) folder(ctx context.Context, bucket, prefix, tag string) (*policy.Policy, string, error) {
	for range tries {
		found, err := s.list(ctx, bucket, prefix)
		if err != nil {
			return nil, tag, err
		}
		newTag := found.tag()
		switch recent := s.now().Sub(found.newest) < settle; {
		case newTag == tag, recent && tag != "":
			return nil, tag, nil
		case recent:
			return nil, tag, &asr.Error{Code: asr.CodeUnavailable, Message: s.Location + " is being uploaded", Do: "wait: it is read when nothing was put there for " + settle.String()}
		}
		p, err := s.read(ctx, bucket, prefix, found)
		if !errors.Is(err, errChanged) {
			return p, newTag, err
		}
	}
	return nil, tag, &asr.Error{Code: asr.CodeUnavailable, Message: s.Location + " changes while it is read", Do: "wait: it is read again soon"}
}

// errChanged says that an object is another than the one that was listed.
var errChanged = errors.New("changed meanwhile")

// listed is a folder's files.
type listed struct {
	names  []string          // in the order in which they are read
	tags   map[string]string // of each
	newest time.Time         // when the last of them was put there
}

// tag tells by one word whether a folder's files are the same as before.
func (l listed) tag() string {
	sum := sha256.New()
	for _, name := range l.names {
		_, _ = fmt.Fprintf(sum, "%q %q\n", name, l.tags[name]) // never fails
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (s Source) list(ctx context.Context, bucket, prefix string) (listed, error) {
	l := listed{tags: map[string]string{}}
	var names []string
	at := map[string]time.Time{}
	pages := s3.NewListObjectsV2Paginator(s.API, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return l, err
		}
		for _, o := range page.Contents {
			name := strings.TrimPrefix(aws.ToString(o.Key), prefix)
			if name == "" { // what the console makes of a folder
				continue
			}
			names = append(names, name)
			l.tags[name], at[name] = aws.ToString(o.ETag), aws.ToTime(o.LastModified)
		}
		if len(names) > most {
			return l, &asr.Error{Code: asr.CodeBadInput, Message: fmt.Sprintf("%s has more than %d objects", s.Location, most), Do: "give the policy a folder of its own"}
		}
	}
	var err error
	l.names, err = policy.InFolder(s.Location, names)
	for _, name := range l.names {
		if at[name].After(l.newest) {
			l.newest = at[name]
		}
	}
	return l, err
}

// read reads what was listed. errChanged if one of it is there no more.
func (s Source) read(ctx context.Context, bucket, prefix string, found listed) (*policy.Policy, error) {
	var files []policy.File
	for _, name := range found.names {
		text, _, err := s.get(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String(prefix + name), IfMatch: aws.String(found.tags[name])})
		if missing(err) || is(err, "PreconditionFailed", "412") {
			return nil, errChanged
		}
		if err != nil {
			return nil, fmt.Errorf("%s%s: %w", s.Location, name, err)
		}
		files = append(files, policy.File{Name: s.Location + name, Text: text})
	}
	return policy.ParseAll(s.Location, files)
}

// get reads an object, as far as a file that people write may go, and its tag.
func (s Source) get(ctx context.Context, in *s3.GetObjectInput) (text []byte, tag string, err error) {
	out, err := s.API.GetObject(ctx, in)
	if err != nil {
		return nil, "", err
	}
	defer out.Body.Close() // only read
	text, err = io.ReadAll(io.LimitReader(out.Body, yamlfile.MaxSize+1))
	return text, aws.ToString(out.ETag), err
}

func (s Source) now() time.Time {
	if s.Clock == nil {
		return time.Now()
	}
	return s.Clock()
}

func missing(err error) bool {
	var no *types.NoSuchKey
	return errors.As(err, &no)
}

// is reports whether AWS answered with one of the codes.
func is(err error, codes ...string) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	for _, code := range codes {
		if api.ErrorCode() == code {
			return true
		}
	}
	return false
}
