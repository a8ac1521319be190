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
	told   map[string]bool // of what it waits for
}

// again takes the terminal back to the beginning of its line.
const again = "\r\x1b[K"

func (a *app) progress() *progress {
	return &progress{a: a, on: terminal(a.errs), states: map[string]asr.State{}, told: map[string]bool{}}
}

func (p *progress) run(r asr.Run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Error != nil && r.Tries >= 3 && !p.told[r.ID] { // whoever waits wants to know for what, terminal or not
		p.told[r.ID] = true
		p.a.note("run %s waits: %s", r.ID, r.Error.Message)
	}
	if !p.on || p.states[r.ID] == r.State {
		return
	}
	p.states[r.ID] = r.State
	fmt.Fprintf(p.a.errs, "%s%s", again, inert("%s  %s  %s", r.ID, stateText(r), short(r.Target.ID, 60)))
}

func (p *progress) done() {
	if p.on {
		fmt.Fprint(p.a.errs, again)
	}
}
