package functions

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"example.com/asr"
	"example.com/asr/playbook"
	"example.com/asr/policyfiles"
	"example.com/asr/yamlfile"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// policySource is the policy, in a file or a folder of them in S3.
type policySource struct{ policyfiles.Source }

// Fetch implements handlers.Source.
func (s policySource) Fetch(ctx context.Context, tag string) (asr.Policy, string, error) {
	p, tag, err := s.Source.Fetch(ctx, tag)
	if p == nil || err != nil {
		return nil, tag, err
	}
	return p, tag, nil
}

// get reads an object, as far as a file that people write may go.
func get(ctx context.Context, client *s3.Client, in *s3.GetObjectInput) ([]byte, error) {
	out, err := client.GetObject(ctx, in)
	if err != nil {
		return nil, err
	}
	defer out.Body.Close() // only read
	return io.ReadAll(io.LimitReader(out.Body, yamlfile.MaxSize+1))
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
	text, err := get(ctx, client, &s3.GetObjectInput{Bucket: &w.bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("playbook s3://%s/%s: %w", w.bucket, key, err)
	}
	return os.WriteFile(filepath.Join(dir, path.Base(key)), text, 0o600)
}
