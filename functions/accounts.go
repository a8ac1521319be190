package functions

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/accounts"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// whereabouts asks of accounts while the policy wants to know.
type whereabouts struct {
	needed func() bool
	asks   asr.Accounts
}

// Account implements asr.Accounts.
func (w whereabouts) Account(ctx context.Context, id string) (asr.Account, error) {
	if !w.needed() {
		return asr.Account{}, nil
	}
	return w.asks.Account(ctx, id)
}

// accounts is who knows the organization's accounts: Organizations, if the
// function may ask it, or nobody. What one function finds out the others find in
// the table.
func (w *wiring) accounts(needed func() bool, shared accounts.Memory) asr.Accounts {
	if !w.asks {
		return nil
	}
	clock := w.Clock
	if clock == nil {
		clock = time.Now
	}
	o := accounts.New(organizations.NewFromConfig(w.AWS, accounts.Patiently), clock)
	o.Shared = shared
	return whereabouts{needed, o}
}
