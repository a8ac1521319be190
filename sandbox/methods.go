package sandbox

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Calls is the journal in order. Of a connected sandbox that does not answer
// it is one Call with the trouble as its ErrorCode, never none.
func (s *Sandbox) Calls() []Call {
	if s.gateway != nil {
		return s.gateway.journal.all()
	}
	var all []Call
	if err := s.call(context.Background(), http.MethodGet, "calls", nil, &all); err != nil {
		return []Call{{ErrorCode: err.Error()}}
	}
	return all
}

// Reset empties the journal.
func (s *Sandbox) Reset() {
	if s.gateway != nil {
		s.gateway.journal.reset()
		return
	}
	_ = s.call(context.Background(), http.MethodDelete, "calls", nil, nil) // Calls tells
}

// Missing lists the operations ("rds:CreateTenantDatabase") that were called
// and that neither moto nor the overlay has: a test that called one proves
// nothing. Of a connected sandbox that does not answer it is the trouble.
func (s *Sandbox) Missing() []string {
	if s.gateway != nil {
		return s.gateway.lacking()
	}
	var all []string
	if err := s.call(context.Background(), http.MethodGet, "missing", nil, &all); err != nil {
		return []string{err.Error()}
	}
	return all
}

// Fault arms a fault. Faults strike in the order in which they were armed, one a call.
func (s *Sandbox) Fault(f Fault) (remove func()) {
	if s.gateway != nil {
		id := s.gateway.faults.add(f)
		return func() { s.gateway.faults.remove(id) }
	}
	var id int
	if err := s.call(context.Background(), http.MethodPost, "faults", f, &id); err != nil {
		return func() {}
	}
	return func() {
		_ = s.call(context.Background(), http.MethodDelete, "faults/"+strconv.Itoa(id), nil, nil) // gone with its sandbox
	}
}

// Enforce switches IAM on or off: identity policies and session policies by
// action (by resource only where moto knows it, mostly for S3), trust policies
// with their conditions. Not: conditions of identity policies, boundaries,
// service control and resource policies. Config may always do everything.
func (s *Sandbox) Enforce(ctx context.Context, on bool) error {
	if s.gateway != nil {
		return s.gateway.enforce(ctx, on)
	}
	return s.call(ctx, http.MethodPost, "enforce", on, nil)
}

// Kinds of dates that Backdate sets. The id is the access key's, the user's
// name, the instance's id, the secret's name or ARN.
const (
	AccessKeyCreated = "access-key.created"
	AccessKeyUsed    = "access-key.used"
	UserCreated      = "user.created"
	PasswordUsed     = "user.password-used"
	InstanceStopped  = "instance.stopped"
	SecretCreated    = "secret.created"
	SecretChanged    = "secret.changed"
	SecretAccessed   = "secret.accessed"
	SecretRotated    = "secret.rotated"
)

// Backdate sets a date that no API of AWS can: how old or unused a thing is.
func (s *Sandbox) Backdate(ctx context.Context, account, kind, id string, when time.Time) error {
	return s.call(ctx, http.MethodPost, "backdate", backdating{Account: account, Kind: kind, ID: id, When: float64(when.Unix())}, nil)
}

// Slow makes RDS take its time: each instance, cluster and snapshot shows
// "modifying" ("creating" for a snapshot) in its next n Describe answers, and
// again in n after each change. 0 ends it.
func (s *Sandbox) Slow(n int) {
	if s.gateway != nil {
		s.gateway.settling.slow(n)
		return
	}
	_ = s.call(context.Background(), http.MethodPost, "slow", n, nil) // Calls tells
}
