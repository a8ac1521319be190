package dynamo

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"example.com/asr"
	"example.com/asr/dynamo/schema"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Sizes. An item ends at 400 KB and a transaction at 4 MB, attribute names and
// keys included.
const (
	maxInline   = 350 << 10
	maxTogether = 3500 << 10
	worthZip    = 512      // smaller documents hardly shrink
	maxDocument = 64 << 20 // unpacked: more is no document of ours
)

// How a document's first byte says that it is packed.
const (
	plain  = 0
	zipped = 1
)

// document is one on its way into an item.
type document struct {
	kind, id string
	content  []byte
	ends     bool   // its item expires
	object   string // its key, if it goes to the bucket
}

// pack makes a document of a value; seal encrypts it.
func (s *Store) pack(kind, id string, v any, seal bool) (*document, error) {
	content, err := encode(v)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, id, err)
	}
	content = squeeze(content)
	if seal {
		if content, err = s.Vault.Encrypt(content, aad(kind, id)); err != nil {
			return nil, fmt.Errorf("%s %s: %w", kind, id, err)
		}
	}
	return &document{kind: kind, id: id, content: content}, nil
}

// aad is what the vault knows a document by.
func aad(kind, id string) string { return kind + " " + id }

// encode keeps all characters and numbers as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func squeeze(doc []byte) []byte {
	if len(doc) >= worthZip {
		var b bytes.Buffer
		b.WriteByte(zipped)
		z := gzip.NewWriter(&b)
		_, err := z.Write(doc)
		if err = errors.Join(err, z.Close()); err == nil && b.Len() < len(doc) {
			return b.Bytes()
		}
	}
	return append([]byte{plain}, doc...)
}

func unsqueeze(content []byte) ([]byte, error) {
	switch {
	case len(content) > 0 && content[0] == plain:
		return content[1:], nil
	case len(content) > 0 && content[0] == zipped:
		z, err := gzip.NewReader(bytes.NewReader(content[1:]))
		if err != nil {
			return nil, err
		}
		doc, err := io.ReadAll(io.LimitReader(z, maxDocument+1))
		if err == nil && len(doc) > maxDocument {
			err = errors.New("it is too large")
		}
		return doc, err
	}
	return nil, errors.New("it isn't packed as asr does it")
}

// attributes are what an item holds of the document.
func (d *document) attributes() item {
	if d.object == "" {
		return item{attrDoc: binary(d.content)}
	}
	sum := sha256.Sum256(d.content)
	return item{attrObject: text(d.object), attrDigest: binary(sum[:])}
}

// place decides which documents go to the bucket: those that no item can hold,
// and the largest until a transaction can hold the rest.
func (s *Store) place(docs ...*document) error {
	together := 0
	for _, d := range docs {
		together += len(d.content)
	}
	largest := slices.SortedFunc(slices.Values(docs), func(a, b *document) int { return cmp.Compare(len(b.content), len(a.content)) })
	for _, d := range largest {
		if len(d.content) <= maxInline && together <= maxTogether {
			return nil
		}
		if s.S3 == nil {
			return &asr.Error{
				Code: asr.CodeInternal, Message: fmt.Sprintf("%s %s takes %d KB packed, and with what is stored beside it more than an item can hold", d.kind, d.id, len(d.content)>>10),
				Do: "give the store a bucket for large documents",
			}
		}
		prefix := schema.Open
		if d.ends {
			prefix = schema.Ended
		}
		sum := sha256.Sum256([]byte(d.id))
		d.object = prefix + d.kind + "/" + hex.EncodeToString(sum[:8]) + "/" + rand.Text() // two who store the same never share an object
		together -= len(d.content)
	}
	return nil
}

// upload puts the documents into the bucket that belong there.
func (s *Store) upload(ctx context.Context, docs []*document) error {
	for _, d := range docs {
		if d.object == "" {
			continue
		}
		_, err := s.S3.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.Bucket, Key: &d.object, Body: bytes.NewReader(d.content), ContentType: aws.String("application/octet-stream")})
		if err != nil {
			return fmt.Errorf("store %s %s in the bucket: %w", d.kind, d.id, s.explain(err))
		}
	}
	return nil
}

// discard deletes objects that nothing refers to. It does what it can: one that
// stays costs a little storage and does no harm.
func (s *Store) discard(ctx context.Context, objects ...string) {
	for _, o := range objects {
		if o != "" && s.S3 != nil {
			_, _ = s.S3.DeleteObject(context.WithoutCancel(ctx), &s3.DeleteObjectInput{Bucket: &s.Bucket, Key: &o})
		}
	}
}

// errMoved says that an item's object is gone: the item was stored anew since
// it was read.
var errMoved = errors.New("its document is no longer in the bucket")

// open decodes an item's document into v; sealed ones are decrypted.
func (s *Store) open(ctx context.Context, it item, kind, id string, sealed bool, v any) error {
	content, err := s.content(ctx, it)
	if err == nil && sealed {
		content, err = s.Vault.Decrypt(content, aad(kind, id))
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", kind, id, err)
	}
	if content, err = unsqueeze(content); err != nil {
		return asr.Corrupt(kind, id, err)
	}
	return asr.Restore(kind, id, content, v)
}

func (s *Store) content(ctx context.Context, it item) ([]byte, error) {
	object := it.text(attrObject)
	if object == "" {
		return it.binary(attrDoc), nil
	}
	if s.S3 == nil {
		return nil, &asr.Error{Code: asr.CodeInternal, Message: "its document is in a bucket", Do: "give the store the bucket for large documents"}
	}
	out, err := s.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Bucket, Key: &object})
	var missing *types.NoSuchKey
	switch {
	case errors.As(err, &missing) && s.outlived(it):
		return nil, asr.ErrNotFound
	case errors.As(err, &missing):
		return nil, errMoved
	case err != nil:
		return nil, s.explain(err)
	}
	defer out.Body.Close()
	content, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(content); !bytes.Equal(sum[:], it.binary(attrDigest)) {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: "the object " + object + " was changed since asr stored it", Err: asr.ErrCorrupt, Do: "restore the object's version that asr wrote"}
	}
	return content, nil
}
