package dynamo

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/asr"
	"example.com/asr/sandbox"
	"example.com/asr/storetest"
	"example.com/asr/vault"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// emulator is shared by all tests; each has a table and a bucket of its own.
var emulator = sync.OnceValues(func() (*sandbox.Sandbox, error) { return sandbox.Start(context.Background(), sandbox.Config{}) })

func TestMain(m *testing.M) {
	code := m.Run()
	if sb, err := emulator(); err == nil {
		_ = sb.Close()
	}
	os.Exit(code)
}

func keyOf(t testing.TB, first byte) *vault.Vault {
	t.Helper()
	v, err := vault.New(append([]byte{first}, make([]byte, vault.KeySize-1)...))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// hub is for acting in the emulator.
func hub(t testing.TB) aws.Config {
	t.Helper()
	sb, err := emulator()
	if err != nil {
		t.Fatal(err)
	}
	return sb.Config(sandbox.DefaultHub, "us-east-1")
}

var tables atomic.Int32

// config is for a new table and bucket in the emulator.
func config(t testing.TB) Config {
	t.Helper()
	cfg := hub(t)
	name := fmt.Sprintf("asr-hub-%d", tables.Add(1))
	c := Config{Client: dynamodb.NewFromConfig(cfg), Table: name, Bucket: name, Vault: keyOf(t, 1)}
	bucket := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	c.S3 = bucket
	if err := CreateTable(t.Context(), c.Client, c.Table); err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(name)}); err != nil {
		t.Fatal(err)
	}
	return c
}

// covers: W14, W15
func TestTheStoreFulfilsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Test(t, func(t *testing.T) asr.Store { return New(config(t)) })
}
