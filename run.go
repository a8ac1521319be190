package asr

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// State is where a run stands.
type State string

const (
	StateClaimed      State = "claimed"           // to be planned
	StatePlanned      State = "planned"           // planned for the record; somebody may ask for more
	StateAwaiting     State = "awaiting_approval" //
	StateScheduled    State = "scheduled"         // may be carried out; waits for its lock
	StateApplying     State = "applying"          //
	StateSettling     State = "settling"          // written; waits for the resource and verifies
	StateVerified     State = "verified"          //
	StateNothingToDo  State = "nothing_to_do"     // it is so already, or gone
	StateCannotPlan   State = "cannot_plan"       // refused, with the code
	StateConflict     State = "conflict"          // somebody else changed it; we wrote nothing
	StateFailed       State = "failed"            // nothing was written
	StatePartly       State = "partly_applied"    // something was written, the goal was not reached
	StateCancelled    State = "cancelled"         //
	StateReverting    State = "reverting"         //
	StateRevertSettle State = "revert_settling"   // put back; waits for the resource and verifies
	StateReverted     State = "reverted"          //
)

// States are all states, in the order of a run's life.
var States = []State{
	StateClaimed, StatePlanned, StateAwaiting, StateScheduled, StateApplying, StateSettling, StateVerified, StateNothingToDo, StateCannotPlan,
	StateConflict, StateFailed, StatePartly, StateCancelled, StateReverting, StateRevertSettle, StateReverted,
}

// Open reports whether a run in the state still holds its claim.
func (s State) Open() bool {
	return slices.Contains([]State{StateClaimed, StatePlanned, StateAwaiting, StateScheduled, StateApplying, StateSettling, StateReverting, StateRevertSettle}, s)
}

// Waits reports whether a run in the state waits for a person.
func (s State) Waits() bool { return s == StatePlanned || s == StateAwaiting }

// Begun reports whether a run in the state may have written.
func (s State) Begun() bool {
	return slices.Contains([]State{StateApplying, StateSettling, StateReverting, StateRevertSettle}, s)
}

// Actor is who acts. A verified name is one that AWS vouches for
// (STS GetCallerIdentity, the console's event), never a local user name.
type Actor struct {
	Kind     string `json:"kind"` // "person", "policy", "console", "runbook", "system"
	Name     string `json:"name"` // an ARN for a verified person
	Verified bool   `json:"verified"`
}

// Run is one remediation applied to one target.
type Run struct {
	ID      string `json:"id"`
	Version int64  `json:"version"` // optimistic; 0: not stored yet
	State   State  `json:"state"`

	Remediation string            `json:"remediation"`
	Control     string            `json:"control"`
	Playbook    string            `json:"playbook,omitempty"`
	Target      Target            `json:"target"`
	Params      json.RawMessage   `json:"params"`
	Sources     map[string]string `json:"sources,omitempty"`
	Facts       Facts             `json:"facts"`
	Findings    []string          `json:"findings,omitempty"`
	Claim       string            `json:"claim"`           // one open run per canonical target × unit × parameters
	Locks       []string          `json:"locks,omitempty"` // one writer per setting

	Actor     Actor      `json:"actor"` // who wanted it
	Decision  Decision   `json:"decision"`
	Wanted    Mode       `json:"wanted"` // the mode that was decided, before the plan was known
	Plan      *Plan      `json:"plan,omitempty"`
	Approval  *Approval  `json:"approval,omitempty"`  // the last
	Approvals []Approval `json:"approvals,omitempty"` // all of the plan

	Intent   *Intent  `json:"intent,omitempty"`   // saved before each write
	Made     []string `json:"made,omitempty"`     // ARNs of what this run brought into being
	Left     []string `json:"left,omitempty"`     // what undo left behind, each with the reason
	Writes   int      `json:"writes"`             // writes begun
	Reads    int      `json:"verified,omitempty"` // good reads of the verification so far
	Tries    int      `json:"tries,omitempty"`    // of the present state, for back-off
	Plans    int      `json:"plans,omitempty"`    // times that it was planned
	Looks    int      `json:"looks,omitempty"`    // times that the unit has read its resource
	Polls    int      `json:"polls,omitempty"`    // those that found AWS not done yet
	Error    *Failure `json:"error,omitempty"`
	Undo     *Undo    `json:"undo,omitempty"`
	Rejected bool     `json:"rejected,omitempty"` // cancelled by a person
	Replans  int      `json:"replans,omitempty"`  // times that its plan was stale at its first step
	Resolved bool     `json:"resolved,omitempty"` // the target is canonical, the parameters are complete
	Replies  []Reply  `json:"replies,omitempty"`  // who waits for the outcome
	Ticket   bool     `json:"ticket,omitempty"`   // somebody wants a ticket of what becomes of it
	Starts   int      `json:"starts,omitempty"`   // workflow executions that have ended, where a workflow drives it
	Notes    []string `json:"notes,omitempty"`    // what a plan must warn of
	Queued   *Waiting `json:"queued,omitempty"`   // its place in the line, while limits hold it back
	Slot     bool     `json:"slot,omitempty"`     // limits count it as under way
	Retries  int      `json:"retries,omitempty"`  // times that it failed and was tried again
	Undone   int      `json:"undone,omitempty"`   // times in a row that a fix of the same was put back outside of asr

	FixedAt time.Time `json:"fixedAt,omitzero"` // when the fix that was put back had been verified

	NextAt    time.Time `json:"nextAt"` // not before
	Since     time.Time `json:"since"`  // of the present state
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"` // when the wait for an approval ends, as a no

	Chain Chain `json:"chain"` // the head of its audit records
}

// Approval is a principal's yes to one plan.
type Approval struct {
	By   Actor     `json:"by"`
	Hash string    `json:"hash"` // of the plan that was approved
	Note string    `json:"note,omitempty"`
	At   time.Time `json:"at"`

	Batch string `json:"batch,omitempty"` // given for a whole problem: its id

	// Requested: they saw the plan when they asked for it, and nobody asked them.
	// It is no answer to what always asks.
	Requested bool `json:"requested,omitempty"`
}

// Intent is what a run is about to write: stored first, so that a crash
// between two stores leaves a trace of what may have been made.
type Intent struct {
	Token  string    `json:"token"`
	Makes  []string  `json:"makes,omitempty"`
	Stalls int       `json:"stalls,omitempty"` // times that it was written and nothing changed
	At     time.Time `json:"at"`
}

// Failure is why a run ended without success, or waits.
type Failure struct {
	Code    Code     `json:"code"`
	Message string   `json:"message"`
	Do      string   `json:"do,omitempty"`
	Foreign []Change `json:"foreign,omitempty"` // what somebody else changed
}

// Undo is a request to put a run's changes back, and what came of it.
type Undo struct {
	By         Actor     `json:"by"`
	At         time.Time `json:"at"`
	Force      bool      `json:"force,omitempty"`
	From       State     `json:"from"`              // the state to return to if it is refused
	Changes    []Change  `json:"changes,omitempty"` // the inverse changes that are made
	Overridden []Change  `json:"overridden,omitempty"`
	Writes     int       `json:"writes"` // writes begun, to put things back
	Refused    *Failure  `json:"refused,omitempty"`
}

// claimKey is the identity of an open run.
func claimKey(remediation string, t Target, params json.RawMessage) string {
	v, _ := decode(params)
	sum := sha256.Sum256(encode(v))
	return remediation + "|" + t.Partition + "|" + t.Account + "|" + t.Region + "|" + t.ID + "|" + hex.EncodeToString(sum[:8])
}

// on is what the run's unit works on; the token is that of the saved intent.
func (r *Run) on() On {
	on := On{Target: r.Target, Params: r.Params, Call: Call{Run: r.ID, Actor: r.acting()}}
	if r.Intent != nil {
		on.Call.Token = r.Intent.Token
	}
	if len(r.Findings) > 0 {
		on.Call.Finding = r.Findings[0]
	}
	return on
}

// acting is the person who last had a say: who had it undone, who approved it,
// who asked for it.
func (r *Run) acting() Actor {
	switch {
	case r.Undo != nil:
		return r.Undo.By
	case r.Approval != nil:
		return r.Approval.By
	}
	return r.Actor
}

// Held reports whether it waits in the line, for a window to open, or for its
// next try: other waits are shorter.
func (r *Run) Held(now time.Time) bool {
	return r.Queued != nil || (r.State == StateScheduled || r.State == StateClaimed) && r.NextAt.After(now.Add(time.Minute))
}

// Due is when the engine next has something to do with the run by itself; false
// if it has ended, or waits for a person or in the line as long as it takes.
func (r *Run) Due() (time.Time, bool) {
	switch {
	case !r.State.Open(), r.Queued != nil:
		return time.Time{}, false
	case r.State.Waits():
		return r.ExpiresAt, !r.ExpiresAt.IsZero()
	}
	return r.NextAt, true
}

// wrote reports whether the run may have changed something.
func (r *Run) wrote() bool { return r.Writes > 0 }

// Undoable reports whether Revert may be asked for.
func (r *Run) Undoable() bool {
	return r.wrote() && (r.State == StateVerified || r.State == StatePartly || r.State == StateNothingToDo)
}
