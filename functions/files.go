package functions

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"example.com/asr"
	handlers "example.com/asr/lambda"
	"example.com/asr/playbook"
	"example.com/asr/policy"
	"example.com/asr/yamlfile"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// object is a policy file in S3.
type object struct {
	client      *s3.Client
	bucket, key string
}

func (w *wiring) policySource(client *s3.Client) *handlers.Policy {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(w.policy, "s3://"), "/")
	return &handlers.Policy{
		Clock:  w.Clock,
		Source: object{client, bucket, key},
		Parse:  func(text []byte) (asr.Policy, error) { return policy.Parse(w.policy, bytes.NewReader(text)) },
	}
}

// Fetch implements handlers.Source. A bucket without the object has no policy.
func (o object) Fetch(ctx context.Context, tag string) ([]byte, string, error) {
	in := &s3.GetObjectInput{Bucket: &o.bucket, Key: &o.key}
	if tag != "" {
		in.IfNoneMatch = &tag
	}
	text, newTag, err := get(ctx, o.client, in)
	var missing *types.NoSuchKey
	var api smithy.APIError
	switch {
	case errors.As(err, &missing):
		return nil, "", nil
	case errors.As(err, &api) && (api.ErrorCode() == "NotModified" || api.ErrorCode() == "304"):
		return nil, tag, nil
	case err != nil:
		return nil, tag, err
	}
	return text, newTag, nil
}

// get reads an object, as far as a file that people write may go, and its tag.
func get(ctx context.Context, client *s3.Client, in *s3.GetObjectInput) (text []byte, tag string, err error) {
	out, err := client.GetObject(ctx, in)
	if err != nil {
		return nil, "", err
	}
	defer out.Body.Close() // only read
	text, err = io.ReadAll(io.LimitReader(out.Body, yamlfile.MaxSize+1))
	return text, aws.ToString(out.ETag), err
}

// playbookFolder begins the keys of an organization's own playbooks.
const playbookFolder = "playbooks/"

// book is the built-in playbooks, and over them the organization's own.
func (w *wiring) book(ctx context.Context, client *s3.Client) (*playbook.Book, error) {
	dir, err := os.MkdirTemp("", "playbooks")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left of it goes with the sandbox
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &w.bucket, Prefix: aws.String(playbookFolder)})
	some := false
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("playbooks in s3://%s/%s: %w", w.bucket, playbookFolder, err)
		}
		for _, o := range page.Contents {
			if ext := path.Ext(aws.ToString(o.Key)); ext != ".yaml" && ext != ".yml" {
				continue
			}
			some = true
			if err := w.download(ctx, client, *o.Key, dir); err != nil {
				return nil, err
			}
		}
	}
	if !some {
		return playbook.Load()
	}
	return playbook.Load(dir)
}

// download keeps an object in a folder, under the last part of its key.
func (w *wiring) download(ctx context.Context, client *s3.Client, key, dir string) error {
	text, _, err := get(ctx, client, &s3.GetObjectInput{Bucket: &w.bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("playbook s3://%s/%s: %w", w.bucket, key, err)
	}
	return os.WriteFile(filepath.Join(dir, path.Base(key)), text, 0o600)
}
