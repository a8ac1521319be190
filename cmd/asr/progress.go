package main

import (
	"fmt"
	"sync"

	"example.com/asr"
)

// progress shows on a terminal where runs stand; elsewhere it is quiet.
type progress struct {
	a      *app
	on     bool
	mu     sync.Mutex
	states map[string]asr.State
}

func (a *app) progress() *progress {
	return &progress{a: a, on: terminal(a.errs), states: map[string]asr.State{}}
}

func (p *progress) run(r asr.Run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.on || p.states[r.ID] == r.State {
		return
	}
	p.states[r.ID] = r.State
	fmt.Fprintf(p.a.errs, "\r\x1b[K%s  %s  %s", r.ID, stateText(r), short(printable(r.Target.ID), 60))
}

func (p *progress) done() {
	if p.on {
		fmt.Fprint(p.a.errs, "\r\x1b[K")
	}
}
