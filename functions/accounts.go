package functions

import (
	"context"

	"example.com/asr"
	"example.com/asr/accounts"
	handlers "example.com/asr/lambda"
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
	o := accounts.New(organizations.NewFromConfig(w.AWS, accounts.Patiently), w.now)
	o.Shared = shared
	return whereabouts{needed, o}
}

// units is who knows the accounts of organizational units, as accounts.
func (w *wiring) units(shared accounts.Memory) handlers.Units {
	if !w.asks {
		return nil
	}
	u := accounts.NewUnits(organizations.NewFromConfig(w.AWS, accounts.Patiently), w.now)
	u.Shared = shared
	return u
}
