// Package remedytest holds the test that every remediation passes: on an AWS
// emulator, driven by the real engine, under the IAM grants that it declares.
// Only tests import it.
package remedytest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/sandbox"
	"example.com/asr/sessions"
	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// T is what the lifecycle test needs of *testing.T, so that it can be tested itself.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Context() context.Context
}

// one emulator serves all tests of a process; it ends with it.
var emulator = sync.OnceValues(func() (*sandbox.Sandbox, error) { return sandbox.Start(context.Background(), sandbox.Config{}) })

// Account is an empty emulated account that enforces grants and counts what
// was used. Tests run in parallel, each in an account of its own.
type Account struct {
	ID      string
	Region  string
	Sandbox *sandbox.Sandbox
	Config  aws.Config // acts with all rights

	mu     sync.Mutex
	calls  []asr.APICall
	denied map[string]bool
	fuse   func(action string, write bool) error // nil: none
	storm  *storm                                // nil: AWS is in no trouble

	assume remedy.Dialer // opens sessions that AWS itself holds to their policies; nil: this process does
}

// NewAccount returns a fresh account of the emulator, in eu-west-1. A missing
// emulator fails the test.
func NewAccount(t testing.TB) *Account {
	t.Helper()
	s, err := emulator()
	if err != nil {
		t.Fatalf("emulator: %v", err)
	}
	return newAccount(s)
}

func newAccount(s *sandbox.Sandbox) *Account {
	id := fmt.Sprintf("%012d", 200000000000+rand.Int64N(700000000000))
	return &Account{ID: id, Region: "eu-west-1", Sandbox: s, Config: s.Config(id, "eu-west-1"), denied: map[string]bool{}}
}

// Expand fills in {partition}, {region}, {account} and {name}.
func (a *Account) Expand(pattern, name string) string {
	return asr.Target{Partition: "aws", Account: a.ID, Region: a.Region, Name: name}.Expand(pattern)
}

var errKilled = errors.New("the process was killed here")

// Dial is a remedy.Dialer: its config can call what the session policy that is
// generated from the grants allows, and no more.
func (a *Account) Dial(ctx context.Context, s remedy.Session) (aws.Config, error) {
	cfg, actions := a.Sandbox.Config(s.Target.Account, s.Target.Region), []string(nil)
	var err error
	if a.assume != nil {
		cfg, err = a.assume(ctx, s)
	} else {
		actions, err = allowed(s)
	}
	if err != nil {
		return aws.Config{}, err
	}
	guard := func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		service, operation := awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx)
		action, reading := sessions.Action(service, operation), sessions.Reading(service, operation)
		if err := a.admit(action, reading, s, actions); err != nil {
			return middleware.InitializeOutput{}, middleware.Metadata{}, err
		}
		out, meta, err := next.HandleInitialize(ctx, in)
		return out, meta, errors.Join(err, a.after(action, reading))
	}
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(st *middleware.Stack) error {
		return st.Initialize.Add(middleware.InitializeMiddlewareFunc("guard", guard), middleware.After)
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.storm != nil {
		cfg = a.storm.stormy(cfg)
	}
	return cfg, nil
}

// allowed are the actions that the session's generated policies allow.
func allowed(s remedy.Session) (actions []string, err error) {
	for _, g := range s.Grants {
		if strings.ContainsAny(g.On, "{}") {
			return nil, fmt.Errorf("a grant on %s, which is no ARN", g.On)
		}
	}
	pieces := [][]asr.Grant{s.Grants}
	if _, err := sessions.Policy(s.Grants, s.Write); err != nil {
		if pieces, err = sessions.Pieces(s.Grants); err != nil {
			return nil, err
		}
	}
	for _, grants := range pieces {
		text, err := sessions.Policy(grants, s.Write)
		if err != nil {
			return nil, err
		}
		doc, err := remedy.ParseDocument(text)
		if err != nil {
			return nil, err
		}
		actions = append(actions, actionsOf(doc)...)
	}
	return actions, nil
}

func actionsOf(doc remedy.Document) (actions []string) {
	for _, s := range doc.Statements() {
		statement, _ := s.(map[string]any)
		if statement["Effect"] == "Allow" {
			actions = append(actions, remedy.Texts(statement["Action"])...)
		}
	}
	return actions
}

func (a *Account) admit(action string, reading bool, s remedy.Session, allowed []string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, asr.APICall{Run: s.Call.Run, Action: action, Write: !reading, Look: s.Call.Look})
	switch {
	case a.assume != nil && a.fuse != nil && !reading:
		return a.fuse(action, false)
	case a.assume != nil:
		return nil
	case !slices.Contains(allowed, action):
		return &smithy.GenericAPIError{Code: "AccessDenied", Message: fmt.Sprintf("%s is not declared", action)}
	case !reading && !s.Write:
		return &smithy.GenericAPIError{Code: "AccessDenied", Message: action + " writes, in a session for reading"}
	case a.denied[action]:
		return &smithy.GenericAPIError{Code: "AccessDenied", Message: "the test denies " + action}
	case a.fuse != nil && !reading:
		return a.fuse(action, false)
	}
	return nil
}

func (a *Account) after(action string, reading bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fuse != nil && !reading {
		return a.fuse(action, true)
	}
	return nil
}

// uses is how often each IAM action was used.
func (a *Account) uses() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]int{}
	for _, c := range a.calls {
		out[c.Action]++
	}
	return out
}

// of are a run's calls.
func (a *Account) of(run string) (calls []asr.APICall) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.calls {
		if c.Run == run {
			calls = append(calls, c)
		}
	}
	return calls
}

func (a *Account) deny(actions ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.denied)
	for _, action := range actions {
		a.denied[action] = true
	}
}

func (a *Account) setFuse(f func(action string, after bool) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fuse = f
}

// Must fails the test if a call that seeds the emulator fails.
func Must[O any](t T, out O, err error) O {
	t.Helper()
	if err != nil {
		t.Fatalf("seed: %v", err)
	}
	return out
}
