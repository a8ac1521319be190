package worker_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/memory"
	"example.com/asr/worker"
)

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

func setUp(s *enginetest.Switches, r asr.Reporter) (*worker.Pool, *asr.Engine, *memory.Store) {
	store := memory.New()
	engine := asr.New(asr.Config{Store: store, Remediations: []asr.Remediation{s.Remediation()}, Matcher: enginetest.Book{}, Vault: enginetest.Glass{}})
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
		s := &enginetest.Switches{}
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
		if s.Writes() != 10 {
			t.Errorf("%d writes, want 10", s.Writes())
		}
	})
}

func TestAStepInHandIsFinishedBeforeServeReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold, held := make(chan struct{}), make(chan struct{})
		s := &enginetest.Switches{Write: func(ctx context.Context) error {
			close(held)
			select {
			case <-hold:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		pool, engine, store := setUp(s, nil)
		id := request(t, engine, "s")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- pool.Serve(ctx) }()
		<-held
		stop()
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("Serve returned with a write under way")
		default:
		}
		close(hold)
		<-done
		r, err := store.Run(context.Background(), id)
		if err != nil || !s.On("s") || r.Chain.Seq < 5 {
			t.Errorf("the write was not stored: %+v %v", r, err)
		}
	})
}

func TestARunWhoseWorkerDiedIsTakenUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, engine, store := setUp(&enginetest.Switches{}, nil)
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

// narrow lets one run be under way at a time.
type narrow struct{ enginetest.Always }

func (narrow) Limits() asr.Limits { return asr.Limits{InFlight: asr.Bounds{All: 1}} }

func TestRunsInTheLineHaveTheirTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := &enginetest.Switches{Settle: 2 * time.Second}, memory.New()
		engine := asr.New(asr.Config{Store: store, Remediations: []asr.Remediation{s.Remediation()}, Matcher: enginetest.Book{}, Policy: narrow{enginetest.Always(asr.ModeAuto)}, Vault: enginetest.Glass{}})
		pool := worker.New(worker.Config{Engine: engine, Store: store, Workers: 3, Poll: 10 * time.Millisecond})
		var served, driven []string
		for i := range 8 {
			served = append(served, request(t, engine, fmt.Sprint("s", i)))
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- pool.Serve(ctx) }()
		time.Sleep(time.Minute)
		stop()
		<-done
		for i := range 3 {
			driven = append(driven, request(t, engine, fmt.Sprint("d", i)))
		}
		if err := pool.Drive(t.Context(), driven, nil); err != nil {
			t.Fatal(err)
		}
		for _, id := range append(served, driven...) {
			if got := state(t, store, id); got != asr.StateVerified {
				t.Errorf("run %s is %s", id, got)
			}
		}
	})
}

func TestDriveStopsWhereItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &enginetest.Switches{}
		pool, engine, store := setUp(s, nil)
		id := request(t, engine, "s")
		if err := pool.Drive(t.Context(), []string{id}, func(r asr.Run) bool { return r.State == asr.StateClaimed }); err != nil {
			t.Fatal(err)
		}
		if got := state(t, store, id); got != asr.StateScheduled || s.Writes() != 0 {
			t.Errorf("the run is %s after %d writes", got, s.Writes())
		}
	})
}

func TestDriveTakesItsRunsAndNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, engine, store := setUp(&enginetest.Switches{}, &reports{})
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

// A machine comes up hours ahead, and then learns what time it is.
func TestAClockThatIsSetBackHoldsNobodyUp(t *testing.T) {
	for _, driven := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var ahead atomic.Int64
			ahead.Store(int64(9 * time.Hour))
			clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			s, told, store := &enginetest.Switches{Settle: 30 * time.Second}, &reports{}, memory.New()
			engine := asr.New(asr.Config{Store: store, Remediations: []asr.Remediation{s.Remediation()}, Matcher: enginetest.Book{}, Vault: enginetest.Glass{}, Clock: clock, Channels: []asr.Channel{asr.ChannelOutcome}})
			pool := worker.New(worker.Config{Engine: engine, Store: store, Reporter: asr.Reporters{asr.ChannelOutcome: told}, Workers: 3, Poll: time.Second, Clock: clock})
			id := request(t, engine, "s")
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error)
			go func() {
				if driven {
					done <- pool.Drive(ctx, []string{id}, nil)
					return
				}
				done <- pool.Serve(ctx)
			}()
			time.Sleep(10 * time.Second)
			if got := state(t, store, id); got != asr.StateSettling {
				t.Fatalf("the run is %s", got)
			}
			ahead.Store(0)
			time.Sleep(2 * time.Minute)
			if got := state(t, store, id); got != asr.StateVerified || s.Writes() != 1 {
				t.Errorf("driven %v: two minutes after the clock was set back the run is %s, %d writes", driven, got, s.Writes())
			}
			told.mu.Lock()
			if len(told.all) != 1 {
				t.Errorf("driven %v: told %+v", driven, told.all)
			}
			told.mu.Unlock()
			stop()
			<-done
		})
	}
}
