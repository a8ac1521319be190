package asr

import (
	"cmp"
	"slices"
	"time"
)

// Waiting is a run's place in the line of those that may begin as soon as the
// limits allow.
type Waiting struct {
	Run      string    `json:"run"`
	Account  string    `json:"account"`
	Region   string    `json:"region"`
	Control  string    `json:"control"`
	Severity string    `json:"severity"`
	Person   bool      `json:"person,omitempty"` // somebody asked for it, and looks on
	Findings int       `json:"findings"`         // that it is about
	Since    time.Time `json:"since"`
	Scope    string    `json:"scope"`  // whose limit holds it back
	Reason   Reason    `json:"reason"` // which of its limits
}

// rank orders runs by what is at risk: the smaller, the sooner.
func (w Waiting) rank() int {
	if w.Person {
		return -len(Severities)
	}
	return -slices.Index(Severities, w.Severity)
}

// everyNth turn goes to the account that has waited longest, with its best run;
// the others go by severity, and among equals by how long the account has waited.
const everyNth = 4

// line gives turns to runs that wait.
type line struct {
	limits   Limits
	accounts map[string][]Waiting // each account's, the next one first
	waits    map[string]int64     // since when an account has waited, or had its last turn, in µs
	served   map[string]int64     // those of them that had a turn
	turns    int
	last     int64           // the time of the last turn
	full     map[string]bool // scopes that have no room
}

// newLine is the line of those that wait, where the ledger of turns says which
// were given before.
func newLine(waiting []Waiting, l Limits, before Ledger) *line {
	n := &line{limits: l, accounts: map[string][]Waiting{}, waits: map[string]int64{}, served: map[string]int64{}, turns: before.Turns, full: map[string]bool{}}
	for _, w := range waiting {
		n.accounts[w.Account] = append(n.accounts[w.Account], w)
		at, known := n.waits[w.Account]
		if since := w.Since.UnixMicro(); !known || since < at {
			n.waits[w.Account] = since
		}
	}
	for account, own := range n.accounts {
		slices.SortFunc(own, func(a, b Waiting) int {
			return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.Since.Compare(b.Since), cmp.Compare(a.Run, b.Run))
		})
		if at, ok := before.Served[account]; ok {
			n.waits[account], n.served[account] = at, at
			n.last = max(n.last, at)
		}
	}
	return n
}

// next is the run whose turn it is; false if none may begin.
func (n *line) next() (first Waiting, ok bool) {
	byWait := n.turns%everyNth == everyNth-1
	for account := range n.accounts {
		w, some := n.head(account)
		if !some {
			delete(n.accounts, account)
			continue
		}
		before := cmp.Or(cmp.Compare(n.waits[account], n.waits[first.Account]), cmp.Compare(account, first.Account))
		if !byWait {
			before = cmp.Or(cmp.Compare(w.rank(), first.rank()), before)
		}
		if !ok || before < 0 {
			first, ok = w, true
		}
	}
	return first, ok
}

// head is the account's first run that no full scope holds back.
func (n *line) head(account string) (Waiting, bool) {
	own := n.accounts[account]
	for len(own) > 0 && n.holdsBack(own[0]) {
		own = own[1:]
	}
	n.accounts[account] = own
	if len(own) == 0 {
		return Waiting{}, false
	}
	return own[0], true
}

func (n *line) holdsBack(w Waiting) bool {
	return slices.ContainsFunc(n.limits.scopes(w.Account, w.Region, w.Control), func(s string) bool { return n.full[s] })
}

// drop takes out a run that is there no more.
func (n *line) drop(w Waiting) { n.accounts[w.Account] = n.accounts[w.Account][1:] }

// turn notes that a run has had its turn, and takes it out.
func (n *line) turn(w Waiting, now time.Time) {
	n.last = max(n.last+1, now.UnixMicro())
	n.turns++
	n.waits[w.Account], n.served[w.Account] = n.last, n.last
	n.drop(w)
}

// given is the ledger of turns with those that were given since. Accounts that
// have left the line are forgotten.
func (n *line) given(before Ledger) Ledger {
	before.Turns, before.Served = n.turns, map[string]int64{}
	for account, at := range n.served {
		if len(n.accounts[account]) > 0 {
			before.Served[account] = at
		}
	}
	return before
}
