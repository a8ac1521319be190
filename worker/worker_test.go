package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/asr"
	"example.com/asr/memory"
	"example.com/asr/worker"
)

// switchboard is a unit whose resources are switches.
type switchboard struct {
	mu     sync.Mutex
	on     map[string]bool
	writes int
	hold   chan struct{} // if it isn't nil, writes wait for it
	held   chan struct{} // closed once a write waits
}

func (s *switchboard) unit() asr.Remediation {
	return asr.Remediation{
		Spec:     asr.Spec{ID: "test-switch", Version: 1, Scope: asr.ScopeResource, Resources: []string{"arn:{partition}:test:{region}:{account}:{name}"}},
		Controls: map[string]json.RawMessage{"T.1": json.RawMessage(`{}`)},
		Check:    func(asr.On) error { return nil },
		Resolve:  func(_ context.Context, on asr.On) (asr.Target, error) { return on.Target, nil },
		Read: func(_ context.Context, on asr.On) (json.RawMessage, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return fmt.Appendf(nil, `{"on":%v}`, s.on[on.Name]), nil
		},
		Want: func(asr.On, json.RawMessage) (json.RawMessage, error) { return json.RawMessage(`{"on":true}`), nil },
		Write: func(ctx context.Context, on asr.On, _, _ json.RawMessage) error {
			if s.hold != nil {
				close(s.held)
				select {
				case <-s.hold:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.on[on.Name] = true
			s.writes++
			return nil
		},
		Keep:  func(asr.On, asr.Change) string { return "" },
		Makes: func(asr.On, asr.Change) string { return "" },
	}
}

type matcher struct{}

func (matcher) Match(f asr.Finding) (asr.Match, error) { return matcher{}.Control(f.Control) }
func (matcher) Control(id string) (asr.Match, error) {
	return asr.Match{Control: id, Remediation: "test-switch"}, nil
}

type glass struct{}

func (glass) Seal(s string) (string, error) { return s, nil }
func (glass) Open(s string) (string, error) { return s, nil }

type reports struct {
	mu  sync.Mutex
	all []asr.Report
}

func (r *reports) Report(_ context.Context, rep asr.Report) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, rep)
	return nil
}

func setUp(s *switchboard, r asr.Reporter) (*worker.Pool, *asr.Engine, *memory.Store) {
	store := memory.New()
	engine := asr.New(asr.Config{Store: store, Remediations: []asr.Remediation{s.unit()}, Matcher: matcher{}, Vault: glass{}})
	return worker.New(worker.Config{Engine: engine, Store: store, Reporter: r, Workers: 3, Poll: 10 * time.Millisecond}), engine, store
}

func request(t *testing.T, e *asr.Engine, name string) string {
	t.Helper()
	r, err := e.Request(t.Context(), asr.Ask{
		Actor: asr.Actor{Kind: "person", Name: "ada", Verified: true}, Control: "T.1", Resource: asr.Resource{ID: "arn:aws:test:eu-west-1:111111111111:" + name},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}

func state(t *testing.T, store *memory.Store, id string) asr.State {
	t.Helper()
	r, err := store.Run(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r.State
}

func TestServeDrivesWhatIsDueUntilItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &switchboard{on: map[string]bool{}}
		pool, engine, store := setUp(s, &reports{})
		var ids []string
		for i := range 10 {
			ids = append(ids, request(t, engine, fmt.Sprint("s", i)))
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- pool.Serve(ctx) }()
		time.Sleep(10 * time.Second)
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if got := state(t, store, id); got != asr.StateVerified {
				t.Errorf("run %s is %s", id, got)
			}
		}
		if s.writes != 10 {
			t.Errorf("%d writes, want 10", s.writes)
		}
	})
}

func TestAStepInHandIsFinishedBeforeServeReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &switchboard{on: map[string]bool{}, hold: make(chan struct{}), held: make(chan struct{})}
		pool, engine, store := setUp(s, nil)
		id := request(t, engine, "s")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- pool.Serve(ctx) }()
		<-s.held
		stop()
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("Serve returned with a write under way")
		default:
		}
		close(s.hold)
		<-done
		r, err := store.Run(context.Background(), id)
		if err != nil || !s.on["s"] || r.Chain.Seq < 5 {
			t.Errorf("the write was not stored: %+v %v", r, err)
		}
	})
}

func TestARunWhoseWorkerDiedIsTakenUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, engine, store := setUp(&switchboard{on: map[string]bool{}}, nil)
		id := request(t, engine, "s")
		if _, err := store.Lease(t.Context(), "dead", id, time.Now(), time.Minute); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- pool.Serve(ctx) }()
		time.Sleep(50 * time.Second)
		if got := state(t, store, id); got != asr.StateClaimed {
			t.Errorf("while it is leased the run is %s", got)
		}
		time.Sleep(20 * time.Second)
		stop()
		<-done
		if got := state(t, store, id); got != asr.StateVerified {
			t.Errorf("after the lease the run is %s", got)
		}
	})
}

func TestDriveStopsWhereItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &switchboard{on: map[string]bool{}}
		pool, engine, store := setUp(s, nil)
		id := request(t, engine, "s")
		if err := pool.Drive(t.Context(), []string{id}, func(r asr.Run) bool { return r.State == asr.StateClaimed }); err != nil {
			t.Fatal(err)
		}
		if got := state(t, store, id); got != asr.StateScheduled || s.writes != 0 {
			t.Errorf("the run is %s after %d writes", got, s.writes)
		}
	})
}

func TestDriveTakesItsRunsAndNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, engine, store := setUp(&switchboard{on: map[string]bool{}}, &reports{})
		mine, other := request(t, engine, "mine"), request(t, engine, "other")
		seen := map[asr.State]bool{}
		if err := pool.Drive(t.Context(), []string{mine}, func(r asr.Run) bool { seen[r.State] = true; return true }); err != nil {
			t.Fatal(err)
		}
		if state(t, store, mine) != asr.StateVerified || state(t, store, other) != asr.StateClaimed || !seen[asr.StateApplying] {
			t.Errorf("mine is %s, the other %s, seen %v", state(t, store, mine), state(t, store, other), seen)
		}
	})
}
