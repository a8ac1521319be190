package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"example.com/asr"
)

// Source is where the policy lies.
type Source interface {
	// Fetch returns the policy and its tag. A nil policy: it is as the tag says
	// still, or, with an empty new tag, there is none. An *asr.Error says what is
	// wrong; other errors are told as the policy's not being had.
	Fetch(ctx context.Context, tag string) (p asr.Policy, newTag string, err error)
}

// Units knows which accounts are in organizational units.
type Units interface {
	// Below lists the accounts in all units whose id or name one of the patterns
	// matches, however deep.
	Below(ctx context.Context, units []string) (accounts []string, err error)
}

// Policy is the policy as it lies in its source, looked at again every minute.
// It implements asr.Policy; before the first Refresh, and where there is none,
// nothing is automatic.
type Policy struct {
	Source Source
	Units  Units     // nil: nobody can tell which accounts units have
	Clock  asr.Clock // nil: the system's

	mu   sync.Mutex
	now  asr.Policy
	tag  string
	seen time.Time
}

const policyAge = time.Minute

// Refresh looks at the source again if the last look was a minute ago. Its
// error is the source's; a policy that can't be had stops what needs
// it, rather than being taken for none.
func (p *Policy) Refresh(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	clock := p.Clock
	if clock == nil {
		clock = time.Now
	}
	if at := clock(); p.seen.IsZero() || at.Sub(p.seen) >= policyAge {
		if err := p.look(ctx); err != nil {
			return err
		}
		p.seen = at
	}
	return nil
}

func (p *Policy) look(ctx context.Context) error {
	var known *asr.Error
	now, tag, err := p.Source.Fetch(ctx, p.tag)
	switch {
	case errors.As(err, &known):
		return err
	case err != nil:
		return &asr.Error{Code: asr.CodeUnavailable, Message: "the policy can't be read", Do: "see that the function may read it where the parameter PolicyLocation says", Err: err}
	case now == nil && tag == p.tag && tag != "":
		return nil
	}
	p.now, p.tag = now, tag
	return nil
}

// current is the policy as it is, NoPolicy where there is none.
func (p *Policy) current() asr.Policy {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil {
		return asr.NoPolicy{}
	}
	return p.now
}

// Decide implements asr.Policy.
func (p *Policy) Decide(f asr.Facts) (asr.Decision, bool) { return p.current().Decide(f) }

// Limits implements asr.Policy.
func (p *Policy) Limits() asr.Limits { return p.current().Limits() }

// Params implements asr.Policy.
func (p *Policy) Params(f asr.Facts) map[string]json.RawMessage { return p.current().Params(f) }

// NeedsAccounts reports whether the policy as it is hangs on what an
// organization knows of accounts.
func (p *Policy) NeedsAccounts() bool {
	now, ok := p.current().(interface{ NeedsAccounts() bool })
	return ok && now.NeedsAccounts()
}

// View is what a caller of the API may see, as the policy says: all accounts
// where there is none, none where it can't tell. Refresh's errors, without a
// view; or, with what may be seen nevertheless, an *asr.UnseenError.
func (p *Policy) View(ctx context.Context, by asr.Actor) (asr.View, error) {
	if err := p.Refresh(ctx); err != nil {
		return nil, err
	}
	switch now := p.current().(type) {
	case asr.NoPolicy:
		return asr.View{"*"}, nil
	case interface {
		View(by asr.Actor) (v asr.View, units []string)
	}:
		v, units := now.View(by)
		return p.withUnits(ctx, v, units)
	}
	return nil, nil
}

// withUnits adds the accounts of units to a view.
func (p *Policy) withUnits(ctx context.Context, v asr.View, units []string) (asr.View, error) {
	switch {
	case len(units) == 0:
		return v, nil
	case p.Units == nil:
		return v, &asr.UnseenError{Err: &asr.Error{Code: asr.CodeNotAllowed, Message: "the hub doesn't ask AWS Organizations", Do: "update its stack with OrganizationId and AskOrganizations=yes"}}
	}
	accounts, err := p.Units.Below(ctx, units)
	if err != nil {
		return v, &asr.UnseenError{Err: err}
	}
	return append(v, accounts...), nil
}
