// Package lambda has the handlers of the functions that asr is deployed as. A
// handler takes an event apart, asks the engine, and says in the function's own
// terms what came of it; it decides nothing. Handlers may get the same event
// twice, or two at once: the store and the names of executions make that one.
package lambda

import (
	"context"
	"log/slog"
	"time"

	"example.com/asr"
)

// Starter sees that a run is driven; workflow.Starter is one.
type Starter interface {
	Start(ctx context.Context, run string) error
}

// Config is what handlers are made of. Engine and Store are required; the rest
// is what the function in question needs.
type Config struct {
	Engine   *asr.Engine
	Store    asr.Store
	Starter  Starter
	Reporter asr.Reporter
	Metrics  Metrics
	Signer   asr.Signer // signs and proves the audit log
	Keys     Keys       // of the vault; the zero Keys: they are never changed

	// Refresh reads the policy again if it is old. Its error fails the event, so
	// that it comes again: nothing is decided without the policy.
	Refresh func(ctx context.Context) error

	// Decode takes the findings out of an event of Security Hub.
	Decode func(source string, at time.Time, body []byte) ([]asr.Observation, []asr.Rejected)
	// Request takes apart a runbook's request. The account is the envelope's.
	Request func(body []byte) (asr.Ask, error)
	// Woken says which run an automation execution belongs to, and the account
	// that its event came from.
	Woken func(body []byte) (run, account string, ok bool)
	// Pull takes findings in from Security Hub's API; securityhub.API is one.
	Pull Puller

	Clock asr.Clock                                  // nil: the system's
	Sleep func(ctx context.Context, d time.Duration) // nil: sleeps
	Log   *slog.Logger                               // nil: silent
}

// Handlers are the functions.
type Handlers struct{ c Config }

// New returns the handlers.
func New(c Config) *Handlers {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Refresh == nil {
		c.Refresh = func(context.Context) error { return nil }
	}
	return &Handlers{c}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// reserve is how much of a function's time is kept for ending well.
const reserve = 10 * time.Second

// enough reports whether there is time left for something that takes as long as d.
func (h *Handlers) enough(ctx context.Context, d time.Duration) bool {
	end, limited := ctx.Deadline()
	return ctx.Err() == nil && (!limited || time.Until(end) > d+reserve)
}
