package protocol

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"example.com/asr"
)

// program is something that may start at any time, again and again as often as
// it may, and die between any two of its side effects.
type program struct {
	name   string
	times  int                  // that it may be started; 0: any number
	on     func(r asr.Run) bool // the runs that it may be about; nil: about none
	drives bool                 // it needs the run's lease, or is its workflow's only execution
	again  bool                 // one that died is started again: an event that wasn't taken comes again
	body   func(s *session, e *asr.Engine) error
}

// scenario is what may happen at all.
type scenario struct {
	name     string
	mode     asr.Mode // the policy's
	cloud    string   // as it is at first
	deaths   int
	programs []program

	// Deliberate mistakes, to see that the search finds them.
	commit    func(w *world, b *asr.Batch)
	unguarded bool // calls don't ask the kill switch
	blind     bool // the engine doesn't either
	leaseless bool // workers take runs without a lease
}

// move is one way to go on from a state.
type move struct {
	label string
	take  func(w *world)
}

// moves are all ways to go on: each program may start, each that is on its way
// may have its next side effect, or die instead.
func (w *world) moves() (all []move) {
	for i, p := range w.scenario.programs {
		if p.times > 0 && w.left[i] == 0 {
			continue
		}
		if p.on == nil {
			all = append(all, w.start(i, ""))
			continue
		}
		for _, r := range w.runs() {
			if p.on(r) && (!p.drives || w.scenario.leaseless && r.State == asr.StateApplying || !w.driven(r.ID)) {
				all = append(all, w.start(i, r.ID))
			}
		}
	}
	for _, a := range w.actors {
		all = append(all, move{a.name + ": " + a.pending, func(w *world) { w.advance(a) }})
		if w.deaths > 0 {
			all = append(all, move{a.name + " dies", func(w *world) { w.die(a) }})
		}
	}
	return all
}

// driven reports whether somebody drives a run: the store would lease it to no
// other, and an execution ends before its failure is told.
func (w *world) driven(run string) bool {
	return slices.ContainsFunc(w.actors, func(a actor) bool { return a.run == run && w.scenario.programs[a.program].drives })
}

func (w *world) start(i int, run string) move {
	p := w.scenario.programs[i]
	name := ""
	for n := 1; name == "" || slices.ContainsFunc(w.actors, func(a actor) bool { return a.name == name }); n++ {
		name = fmt.Sprintf("%s %d", p.name, n)
		if p.times > 0 { // what it makes is named after it
			name = fmt.Sprintf("%s %d", p.name, p.times-w.left[i]+n)
		}
	}
	return move{strings.TrimSpace(name + " starts " + run), func(w *world) {
		if p.times > 0 {
			w.left[i]--
		}
		w.advance(actor{name: name, program: i, run: run, born: w.now})
	}}
}

// die ends an actor. Its lease runs out, as leases do.
func (w *world) die(a actor) {
	w.deaths--
	w.actors = slices.DeleteFunc(w.actors, func(o actor) bool { return o.name == a.name })
	if a.run != "" {
		_ = w.store.Release(ctx, a.run, a.name) // memory has no trouble
	}
	if w.scenario.programs[a.program].again {
		w.left[a.program]++
	}
}

func (w *world) runs() (all []asr.Run) {
	for _, d := range w.docs {
		if d.run.ID != "" {
			all = append(all, d.run)
		}
	}
	slices.SortFunc(all, func(a, b asr.Run) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// found is what a search came to.
type found struct {
	states, moves int
	wrong         string
	trail         []string
}

// node is a state that was come to: how, and from where else.
type node struct {
	from  int
	label string
	also  []int
	end   bool // every run has ended or waits for a person
}

// explore goes through all states of a scenario, the nearest first, until one
// breaks a promise. Then it looks whether from each an end can be reached.
func explore(sc *scenario) (f found) {
	type place struct {
		w  *world
		at int
	}
	nodes, seen, queue := []node{{}}, map[[32]byte]int{}, []place{{sc.begin(), 0}}
	seen[sha256.Sum256([]byte(queue[0].w.key()))] = 0
	for ; len(queue) > 0; queue = queue[1:] {
		w, at := queue[0].w, queue[0].at
		queue[0].w = nil
		for _, m := range w.moves() {
			next := w.clone()
			m.take(next)
			f.moves++
			key := sha256.Sum256([]byte(next.key()))
			to, known := seen[key]
			if !known {
				next.check()
				to = len(nodes)
				seen[key], nodes, queue = to, append(nodes, node{from: at, label: m.label, end: next.ended()}), append(queue, place{next, to})
			}
			nodes[to].also = append(nodes[to].also, at)
			if next.wrong != "" {
				return found{len(nodes), f.moves, next.wrong, append(trail(nodes, at), m.label)}
			}
		}
	}
	f.states = len(nodes)
	if stuck := deadEnd(nodes); stuck >= 0 {
		f.wrong, f.trail = "from here no run ever ends", trail(nodes, stuck)
	}
	return f
}

func trail(nodes []node, at int) (labels []string) {
	for ; at > 0; at = nodes[at].from {
		labels = append(labels, nodes[at].label)
	}
	slices.Reverse(labels)
	return labels
}

// deadEnd is a state from which no end can be reached, -1 if there is none.
func deadEnd(nodes []node) int {
	good, queue := make([]bool, len(nodes)), []int(nil)
	for i, n := range nodes {
		if n.end {
			good[i], queue = true, append(queue, i)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, from := range nodes[queue[0]].also {
			if !good[from] {
				good[from], queue = true, append(queue, from)
			}
		}
	}
	return slices.Index(good, false)
}
