package sessions

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Renew returns the credentials, which load gets anew once they are of no use
// any more: AWS's own loader reads files once, and people renew what stands in
// them while asr runs.
func Renew(now aws.CredentialsProvider, load func(context.Context) (aws.CredentialsProvider, error)) aws.CredentialsProvider {
	return &renewable{now: now, load: load}
}

type renewable struct {
	load func(context.Context) (aws.CredentialsProvider, error)

	mu  sync.Mutex
	now aws.CredentialsProvider // nil: to be loaded
}

// Retrieve implements aws.CredentialsProvider.
func (r *renewable) Retrieve(ctx context.Context) (aws.Credentials, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == nil {
		now, err := r.load(ctx)
		if err != nil {
			return aws.Credentials{}, err
		}
		r.now = now
	}
	c, err := r.now.Retrieve(ctx)
	if err != nil {
		r.now = nil
	}
	return c, err
}

// Invalidate has the next call get them anew.
func (r *renewable) Invalidate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = nil
}
