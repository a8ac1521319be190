// Package dynamo keeps everything in one DynamoDB table, and documents that no
// item can hold in S3. docs/dev/dynamo.md explains the table's keys. The package
// may not decide anything, nor answer queries that asr.Store doesn't have.
package dynamo

import (
	"context"
	"errors"
	"sync"
	"time"

	"example.com/asr"
	"example.com/asr/dynamo/schema"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// Schema is the shape of the table.
var Schema = schema.Table

// Config is what a Store is made of. S3, Bucket, Retention and Clock may be
// left out.
type Config struct {
	Client    *dynamodb.Client
	Table     string
	S3        Objects // nil: a document that no item can hold is refused
	Bucket    string
	Vault     Vault
	Retention time.Duration // of ended runs, closed findings and rejected inputs after their last change; 0: for ever
	Clock     asr.Clock     // nil: the system's
}

// Vault encrypts documents and signs cursors; aad names the document.
// CodeBadInput for what another key wrote.
type Vault interface {
	Encrypt(plain []byte, aad string) ([]byte, error)
	Decrypt(doc []byte, aad string) ([]byte, error)
	Header() []byte // what begins each document that the primary key encrypts
	asr.Signer
}

// Objects is what the store needs of an S3 client.
type Objects interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// Store implements asr.Store.
type Store struct {
	Config

	mu       sync.Mutex
	lastCall int64 // of the order that calls were noted in
}

var _ asr.Store = (*Store)(nil)

// New returns the store of a table that is there. It calls nobody yet.
func New(c Config) *Store {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &Store{Config: c}
}

// parallel is how many requests of one list are under way at once.
const parallel = 16

// each calls f for 0 to n-1, some at once, and returns when all are done.
func each(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = f(i)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// explain says what to do about an error of AWS's that the deployment is the
// reason of. Its code stays CodeInternal: the engine takes any other one for an
// answer about a resource.
func (s *Store) explain(err error) error {
	var missing *types.ResourceNotFoundException
	var api smithy.APIError
	switch {
	case errors.As(err, &missing):
		return &asr.Error{Code: asr.CodeInternal, Message: "the table " + s.Table + " isn't there", Err: err, Do: "deploy asr-hub in this account and Region"}
	case errors.As(err, &api) && (api.ErrorCode() == "AccessDeniedException" || api.ErrorCode() == "AccessDenied"):
		return &asr.Error{Code: asr.CodeInternal, Message: "AWS refuses access to asr's own data", Err: err, Do: "give the role the rights on the table " + s.Table + " and its bucket that asr-hub gives it"}
	}
	return err
}

// The store's own time, as items keep it.
func (s *Store) now() time.Time { return s.Clock().UTC() }

// eighths of the retention are what expiries are rounded up to, so that items
// expire in company: their counters do with them.
const eighths = 8

// grain is that eighth, in seconds.
func (s *Store) grain() int64 { return max(1, int64(s.Retention/time.Second)/eighths) }

// expiry is when something that was changed just now expires, 0 if never.
func (s *Store) expiry() int64 {
	if s.Retention <= 0 {
		return 0
	}
	at, grain := s.now().Add(s.Retention).Unix(), s.grain()
	return (at + grain - 1) / grain * grain
}

// expired reports whether an item's time is over, though DynamoDB may not have
// deleted it yet.
func (s *Store) expired(it item) bool { return over(it.number(attrExpire), s.now()) }

func over(expiry int64, now time.Time) bool { return expiry > 0 && expiry <= now.Unix() }

// outlived reports whether an item's retention has passed, though not yet what
// its expiry was rounded up by: its object may be gone.
func (s *Store) outlived(it item) bool {
	expiry := it.number(attrExpire)
	return expiry > 0 && over(expiry-s.grain(), s.now())
}
