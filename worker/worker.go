// Package worker drives runs on one machine: a pool of workers takes leases on
// runs that are due and has the engine take their next step. It decides
// nothing; a worker that dies loses its lease, and another repeats the step.
package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"example.com/asr"
)

// Config is what a Pool is made of. Engine and Store are required.
type Config struct {
	Engine   *asr.Engine
	Store    asr.Store
	Reporter asr.Reporter  // nil: reports stay in the outbox
	Workers  int           // 0: 8
	Lease    time.Duration // how long a step may take; 0: 2 minutes
	Poll     time.Duration // how often to look for what others started; 0: 1 second
	Clock    asr.Clock     // nil: the system's
	Log      *slog.Logger  // nil: silent
}

// Pool drives runs.
type Pool struct {
	c    Config
	name string

	mu   sync.Mutex
	seen time.Time // what the clock said last
}

// New returns a pool.
func New(c Config) *Pool {
	if c.Workers == 0 {
		c.Workers = 8
	}
	if c.Lease == 0 {
		c.Lease = 2 * time.Minute
	}
	if c.Poll == 0 {
		c.Poll = time.Second
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	host, _ := os.Hostname() // only a name for people
	return &Pool{c: c, name: fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text()[:6])}
}

// Serve drives whatever is due until ctx ends, then lets the steps in hand
// finish. It returns nil then.
func (p *Pool) Serve(ctx context.Context) error {
	var wg sync.WaitGroup
	for i := range p.c.Workers {
		wg.Go(func() { p.work(ctx, fmt.Sprintf("%s/%d", p.name, i)) })
	}
	wg.Go(func() { p.report(ctx) })
	wg.Go(func() { p.admit(ctx) })
	wg.Wait()
	return nil
}

func (p *Pool) work(ctx context.Context, worker string) {
	for ctx.Err() == nil {
		id, err := p.c.Store.Lease(ctx, worker, "", p.c.Clock(), p.c.Lease)
		if err == nil {
			if _, err := p.step(ctx, worker, id); err != nil {
				sleep(ctx, p.c.Poll) // others first: the store may be in trouble
			}
			continue
		}
		if !errors.Is(err, asr.ErrNotFound) && ctx.Err() == nil {
			p.c.Log.ErrorContext(ctx, "lease", "error", err)
		}
		sleep(ctx, p.c.Poll)
	}
}

// step takes one step of a leased run. It may outlive ctx, but not the lease.
func (p *Pool) step(ctx context.Context, worker, id string) (asr.Next, error) {
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.c.Lease*9/10)
	defer cancel()
	next, err := p.c.Engine.Step(own, id)
	if err != nil {
		p.c.Log.ErrorContext(ctx, "step", "run", id, "error", err)
	}
	if rerr := p.c.Store.Release(own, id, worker); rerr != nil {
		p.c.Log.ErrorContext(ctx, "release", "run", id, "error", rerr)
	}
	return next, err
}

// watch has the engine mend what a clock left behind that has been set back: at
// first, and whenever that happens.
func (p *Pool) watch(ctx context.Context) {
	p.mu.Lock()
	now := p.c.Clock()
	back := p.seen.IsZero() || now.Before(p.seen.Add(-time.Minute))
	p.seen = now
	p.mu.Unlock()
	if !back {
		return
	}
	switch n, err := p.c.Engine.SetBack(ctx); {
	case err != nil && ctx.Err() == nil:
		p.c.Log.ErrorContext(ctx, "clock set back", "error", err)
	case n > 0:
		p.c.Log.WarnContext(ctx, "clock set back", "due now", n)
	}
}

// admit gives turns to runs that wait in the line.
func (p *Pool) admit(ctx context.Context) {
	for ctx.Err() == nil {
		p.watch(ctx)
		if _, err := p.c.Engine.Admit(ctx); err != nil && ctx.Err() == nil {
			p.c.Log.ErrorContext(ctx, "admit", "error", err)
		}
		sleep(ctx, p.c.Poll)
	}
}

// report delivers the outbox.
func (p *Pool) report(ctx context.Context) {
	for p.c.Reporter != nil && ctx.Err() == nil {
		sent, err := p.c.Engine.Deliver(ctx, p.c.Reporter, asr.Pending{})
		if err != nil && ctx.Err() == nil {
			p.c.Log.ErrorContext(ctx, "deliver", "error", err)
		}
		if sent == 0 {
			sleep(ctx, p.c.Poll)
		}
	}
}

// Drive drives the runs, and no others, until each has ended or waits for a
// person, then delivers what is due. goOn, if any, is asked before each step:
// false leaves the run where it is. The error is that of ctx or of the store.
func (p *Pool) Drive(ctx context.Context, ids []string, goOn func(run asr.Run) bool) error {
	work := make(chan string, len(ids))
	for _, id := range ids {
		work <- id
	}
	close(work)
	var wg sync.WaitGroup
	errs := make(chan error, p.c.Workers)
	for i := range min(p.c.Workers, len(ids)) {
		wg.Go(func() {
			for id := range work {
				if err := p.drive(ctx, fmt.Sprintf("%s/d%d", p.name, i), id, goOn); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	if p.c.Reporter != nil && len(all) == 0 {
		_, err := p.c.Engine.Deliver(ctx, p.c.Reporter, asr.Pending{})
		all = append(all, err)
	}
	return errors.Join(all...)
}

// drive takes one run to its end. While somebody else has the lease, it watches.
func (p *Pool) drive(ctx context.Context, worker, id string, goOn func(asr.Run) bool) error {
	for failures := 0; ctx.Err() == nil; {
		p.watch(ctx)
		r, err := p.c.Store.Run(ctx, id)
		if err != nil {
			return err
		}
		if r.Queued != nil {
			if _, err := p.c.Engine.Admit(ctx); err != nil {
				return err
			}
			if r, err = p.c.Store.Run(ctx, id); err != nil {
				return err
			}
		}
		if goOn != nil && !goOn(r) || !r.State.Open() || r.State.Waits() {
			return nil
		}
		if r.Queued != nil {
			sleep(ctx, p.c.Poll)
			continue
		}
		if wait := r.NextAt.Sub(p.c.Clock()); wait > 0 {
			sleep(ctx, min(wait, time.Minute)) // the clock may be set meanwhile
			continue
		}
		if _, err := p.c.Store.Lease(ctx, worker, id, p.c.Clock(), p.c.Lease); err != nil {
			if !errors.Is(err, asr.ErrNotFound) {
				return err
			}
			sleep(ctx, min(p.c.Poll, 200*time.Millisecond))
			continue
		}
		if _, err := p.step(ctx, worker, id); err != nil {
			if failures++; failures > 5 {
				return err
			}
			sleep(ctx, 100*time.Millisecond)
		}
	}
	return ctx.Err()
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
