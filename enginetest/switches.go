// Package enginetest has what an engine needs in tests of what stands around it:
// a remediation whose resources are switches, a playbook that knows nothing
// else, a vault that seals nothing, a policy that always says the same. It is
// for tests only.
package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"example.com/asr"
)

// Control is the one that the switches answer.
const Control = "T.1"

// Switches is an account's resources arn:aws:test:REGION:ACCOUNT:NAME, which are
// on or off; its remediation turns them on. The zero value has all off.
type Switches struct {
	Read   func() error                    // what a read comes to; nil: it reads
	Write  func(ctx context.Context) error // and a write; nil: it writes
	Settle time.Duration
	Wakes  bool

	mu     sync.Mutex
	on     map[string]bool
	writes int
}

// On reports whether a switch is on.
func (s *Switches) On(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on[name]
}

// Writes is how often one was turned, on or off.
func (s *Switches) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

func (s *Switches) turn(name string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on == nil {
		s.on = map[string]bool{}
	}
	s.on[name] = on
	s.writes++
}

// Remediation turns switches on.
func (s *Switches) Remediation() asr.Remediation {
	return asr.Remediation{
		Spec: asr.Spec{
			ID: "test-switch", Version: 1, Title: "Turn it on", Scope: asr.ScopeResource, Resources: []string{"arn:{partition}:test:{region}:{account}:{name}"},
			Settle: s.Settle, Wakes: s.Wakes,
		},
		Controls: map[string]json.RawMessage{Control: json.RawMessage(`{}`)},
		Check:    func(asr.On) error { return nil },
		Resolve:  func(_ context.Context, on asr.On) (asr.Target, error) { return on.Target, nil },
		Read: func(_ context.Context, on asr.On) (json.RawMessage, error) {
			if s.Read != nil {
				if err := s.Read(); err != nil {
					return nil, err
				}
			}
			return fmt.Appendf(nil, `{"on":%v}`, s.On(on.Name)), nil
		},
		Want: func(asr.On, json.RawMessage) (json.RawMessage, error) { return json.RawMessage(`{"on":true}`), nil },
		Write: func(ctx context.Context, on asr.On, _, to json.RawMessage) error {
			if s.Write != nil {
				if err := s.Write(ctx); err != nil {
					return err
				}
			}
			s.turn(on.Name, strings.Contains(string(to), "true"))
			return nil
		},
		Keep:  func(asr.On, asr.Change) string { return "" },
		Makes: func(asr.On, asr.Change) string { return "" },
	}
}

// Book is a playbook in which the switches answer Control, and nothing any other.
type Book struct{}

// Match implements asr.Matcher.
func (b Book) Match(f asr.Finding) (asr.Match, error) { return b.Control(f.Control) }

// Control implements asr.Matcher.
func (Book) Control(id string) (asr.Match, error) {
	if id != Control {
		return asr.Match{}, &asr.Error{Code: asr.CodeNotFound, Message: "there is no control " + id, Do: "name " + Control}
	}
	return asr.Match{Control: id, Remediation: "test-switch"}, nil
}

// Glass is a vault through which everything can be seen.
type Glass struct{}

// Seal implements asr.Vault.
func (Glass) Seal(s string) (string, error) { return s, nil }

// Open implements asr.Vault.
func (Glass) Open(s string) (string, error) { return s, nil }

// Always is a policy whose one rule says the mode.
type Always asr.Mode

// Decide implements asr.Policy.
func (p Always) Decide(asr.Facts) (asr.Decision, bool) {
	return asr.Decision{Mode: asr.Mode(p), Reason: asr.ReasonRule, Rule: "all", Why: "rule all"}, true
}

// Params implements asr.Policy.
func (Always) Params(asr.Facts) map[string]json.RawMessage { return nil }

// Limits implements asr.Policy: there are none.
func (Always) Limits() asr.Limits { return asr.Limits{} }
