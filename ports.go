package asr

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"
)

// Store keeps everything that outlives a step. Its queries are this list and
// no more, so that a key-value store can answer them too; storetest holds what
// an implementation must do. All methods are safe for concurrent use. Runs,
// Findings, Rejected, Messages and Line leave out what can't be read, and answer
// with an *UnreadableError besides, which says what that is.
type Store interface {
	RunStore
	LimitStore
	FindingStore
	AuditStore
	Outbox
	Settings
}

// What a Store answers besides a *ClaimedError and a *LockedError.
var (
	ErrNotFound = &Error{Code: CodeNotFound, Message: "not found"}
	ErrStale    = errors.New("somebody else saved it meanwhile")
)

// ClaimedError says that an open run has the claim already.
type ClaimedError struct{ Run string }

func (e *ClaimedError) Error() string { return "claimed by run " + e.Run }

// LockedError says that another run is writing the same setting.
type LockedError struct{ Run string }

func (e *LockedError) Error() string { return "locked by run " + e.Run }

// Locking is what a Batch does with its run's locks.
type Locking int

const (
	LockKeep    Locking = iota // as they are; a run whose state isn't open loses its claim and its locks
	LockTake                   // take all of Run.Locks, or fail with a *LockedError
	LockRelease                // let go of all
)

// Batch is stored whole or not at all.
type Batch struct {
	// Run and Findings carry the version that they were loaded with (0: new) and
	// are stored with the next one. ErrStale if the store has another. A Run
	// holds its Claim while it is open: a *ClaimedError if another run does.
	Run      *Run
	Locks    Locking
	Findings []Finding
	Records  []Record // ErrStale if a record doesn't follow its subject's last one
	Messages []Message
	Ledgers  []Ledger // with the version that they were loaded with. ErrStale if the store has another
}

// LimitStore keeps what limits count, and the line of runs that they hold back.
// Both come in through Commit: a run is in the line while it has Queued.
type LimitStore interface {
	// Ledgers returns those of the scopes, in their order; an empty one where there
	// is none yet.
	Ledgers(ctx context.Context, scopes ...string) ([]Ledger, error)
	// AllLedgers lists all, by scope.
	AllLedgers(ctx context.Context) ([]Ledger, error)
	// Line calls f for each run that waits in the line, in any order, and ends with
	// f's error.
	Line(ctx context.Context, f func(Waiting) error) error
}

// RunStore keeps runs, claims, locks and leases.
type RunStore interface {
	// Commit stores a batch and sets the versions in it to those stored.
	Commit(ctx context.Context, b *Batch) error
	// Run returns a run. ErrNotFound.
	Run(ctx context.Context, id string) (Run, error)
	// Runs lists runs, newest first.
	Runs(ctx context.Context, q RunQuery) (runs []Run, next string, err error)
	// LastRun returns the open run that has the claim, else the newest that had it
	// last and was not cancelled. ErrNotFound.
	LastRun(ctx context.Context, claim string) (Run, error)
	// Lease hands out the run that is due longest (Run.Due ≤ now, not leased beyond
	// now) until now+ttl; only that with the id, if one is given. A lease beyond
	// now+ttl+ClocksApart was given before the clock was set back, and holds no
	// longer. ErrNotFound if none is to be had.
	Lease(ctx context.Context, worker, id string, now time.Time, ttl time.Duration) (leased string, err error)
	// Release ends the worker's lease; no error if it has none.
	Release(ctx context.Context, id, worker string) error
	// NextDue is the earliest Run.Due of all runs, leased or not. ErrNotFound if
	// none will be due.
	NextDue(ctx context.Context) (time.Time, error)
}

// ClocksApart is how far the clocks of two who share a store may be apart.
const ClocksApart = time.Hour

// RunQuery selects runs; empty fields select all.
type RunQuery struct {
	States           []State
	Account, Control string
	Resource         string // the target's id
	Finding          string // runs that a finding follows or followed
	Cursor           string // from the page before; CodeBadInput for any but one of the same query's
	Limit            int    // 0: 100
}

// FindingStore keeps findings and inputs that were no findings.
type FindingStore interface {
	// Finding returns a finding. ErrNotFound.
	Finding(ctx context.Context, id string) (Finding, error)
	// Findings lists findings, the last updated first.
	Findings(ctx context.Context, q FindingQuery) (findings []Finding, next string, err error)
	// Counts counts all findings.
	Counts(ctx context.Context) (Counts, error)
	// Reject keeps an input that couldn't be taken; the same twice is kept once.
	Reject(ctx context.Context, r Rejected) error
	// Rejected lists them, newest first.
	Rejected(ctx context.Context, limit int) ([]Rejected, error)
}

// FindingQuery selects findings; empty fields select all.
type FindingQuery struct {
	Account, Region, Control, Severity string
	Resource                           string // the id of the resource to fix
	Outcomes                           []Outcome
	Cursor                             string // as RunQuery's
	Limit                              int    // 0: 100
}

// Counts are how many findings there are of each kind. What there is none of is
// left out.
type Counts struct {
	Outcomes   map[Outcome]int `json:"outcomes"`
	Severities map[string]int  `json:"severities"`
	Controls   map[string]int  `json:"controls"`
	Accounts   map[string]int  `json:"accounts"`
}

// Add counts n findings of a kind; n may be negative.
func (c *Counts) Add(account, control, severity string, outcome Outcome, n int) {
	if c.Outcomes == nil {
		*c = Counts{Outcomes: map[Outcome]int{}, Severities: map[string]int{}, Controls: map[string]int{}, Accounts: map[string]int{}}
	}
	tally(c.Outcomes, outcome, n)
	tally(c.Severities, severity, n)
	tally(c.Controls, control, n)
	tally(c.Accounts, account, n)
}

func tally[K comparable](counts map[K]int, of K, n int) {
	if counts[of] += n; counts[of] == 0 {
		delete(counts, of)
	}
}

// AuditStore keeps the audit log. Records come in through Commit.
type AuditStore interface {
	// Head is where a subject's chain ends; the zero Chain if it has none.
	Head(ctx context.Context, subject string) (Chain, error)
	// Records lists a subject's records in order.
	Records(ctx context.Context, subject string) ([]Record, error)
	// Heads calls f for each subject in order, with its chain's head.
	Heads(ctx context.Context, f func(subject string, head Chain) error) error
	// Checkpoints lists all checkpoints in order.
	Checkpoints(ctx context.Context) ([]Checkpoint, error)
	// AddCheckpoint stores the next one. ErrStale if it isn't.
	AddCheckpoint(ctx context.Context, c Checkpoint) error
}

// Message is a report on its way out. Messages are stored with the change that
// they tell of and delivered later, at least once.
type Message struct {
	ID     string    `json:"id"` // "RUN/…": its run, and what makes it one of a kind
	Report Report    `json:"report"`
	DueAt  time.Time `json:"dueAt"`
	Tries  int       `json:"tries"`
	Error  string    `json:"error,omitempty"` // of the last try
}

// Channel is where a report goes.
type Channel string

// The channels.
const (
	ChannelSecurityHub Channel = ""          // the finding itself
	ChannelOutcome     Channel = "outcome"   // people: what became of a run, or that it waits for their answer
	ChannelRequester   Channel = "requester" // the automation execution that asked for the run
)

// Reply is where a requester waits for the outcome: an execution of Systems
// Manager Automation.
type Reply struct {
	Account   string `json:"account"`
	Region    string `json:"region"`
	Execution string `json:"execution"`
}

// Report is what somebody is told: Security Hub of a finding, or people and
// requesters of a run.
type Report struct {
	Channel  Channel `json:"channel,omitempty"`
	Finding  string  `json:"finding,omitempty"`
	Product  string  `json:"product,omitempty"` // the product's ARN
	Format   string  `json:"format,omitempty"`
	Account  string  `json:"account"`
	Region   string  `json:"region"`
	Workflow string  `json:"workflow,omitempty"` // the new status, or "" to leave it
	Note     string  `json:"note"`               // at most 512 characters
	Run      string  `json:"run"`

	// Of a run, on the other channels.
	State       State     `json:"state,omitempty"`
	Control     string    `json:"control,omitempty"`
	Remediation string    `json:"remediation,omitempty"`
	Resource    string    `json:"resource,omitempty"`
	Severity    string    `json:"severity,omitempty"`
	Reason      string    `json:"reason,omitempty"` // a Reason or a Code
	Do          string    `json:"do,omitempty"`     // what is to be done now
	By          string    `json:"by,omitempty"`     // who wanted it
	At          time.Time `json:"at,omitzero"`
	Ticket      bool      `json:"ticket,omitempty"` // a ticket is wanted
	Reply       *Reply    `json:"reply,omitempty"`
}

// Outbox keeps messages until they are delivered.
type Outbox interface {
	// Messages lists those due, the longest due first; only those with the run's
	// reports, if one is given.
	Messages(ctx context.Context, run string, now time.Time, limit int) ([]Message, error)
	// Delivered removes one.
	Delivered(ctx context.Context, id string) error
	// Postpone keeps one for later, with its new DueAt, Tries and Error.
	Postpone(ctx context.Context, m Message) error
}

// Settings keeps small values by name (sync cursors, the kill switch) and the
// journal of AWS calls.
type Settings interface {
	// Setting returns a value, "" if there is none.
	Setting(ctx context.Context, name string) (string, error)
	SetSetting(ctx context.Context, name, value string) error
	// AddCall notes an AWS call made for a run.
	AddCall(ctx context.Context, c APICall) error
	// Calls lists a run's calls in order.
	Calls(ctx context.Context, run string) ([]APICall, error)
}

// KillSwitch is the setting that stops all writes while it holds a reason.
const KillSwitch = "kill-switch"

// AssumeRole is the action of the call that opens a session.
const AssumeRole = "sts:AssumeRole"

// APICall is one call of an AWS operation.
type APICall struct {
	Run       string        `json:"run"`
	At        time.Time     `json:"at"`
	Account   string        `json:"account"`
	Region    string        `json:"region"`
	Action    string        `json:"action"` // the IAM action: "s3:PutBucketPolicy"
	Write     bool          `json:"write"`
	Error     string        `json:"error,omitempty"` // AWS's error code
	RequestID string        `json:"requestID,omitempty"`
	Look      int           `json:"look,omitempty"` // which of the run's looks at its resource it was for; 0: none
	Took      time.Duration `json:"took"`
}

// Reporter tells somebody. An error is tried again later and never changes a
// run's outcome.
type Reporter interface {
	Report(ctx context.Context, r Report) error
}

// BatchReporter is a Reporter that tells of several at once for less.
type BatchReporter interface {
	Reporter
	// ReportAll tells of each report, and returns the error of each in their order.
	// Reports on the same finding are told in their order too.
	ReportAll(ctx context.Context, reports []Report) []error
}

// reportAll tells of each report, at once if it can be.
func reportAll(ctx context.Context, to Reporter, reports []Report) []error {
	if all, ok := to.(BatchReporter); ok && len(reports) > 0 {
		return all.ReportAll(ctx, reports)
	}
	errs := make([]error, len(reports))
	for i, r := range reports {
		errs[i] = to.Report(ctx, r)
	}
	return errs
}

// Reporters sends each report by its channel. A channel that nobody serves is
// done with: what it would have told stands in the run.
type Reporters map[Channel]Reporter

// Report implements Reporter.
func (all Reporters) Report(ctx context.Context, r Report) error {
	if to := all[r.Channel]; to != nil {
		return to.Report(ctx, r)
	}
	return nil
}

// ReportAll implements BatchReporter: each channel gets its own reports at once.
func (all Reporters) ReportAll(ctx context.Context, reports []Report) []error {
	errs := make([]error, len(reports))
	for _, channel := range slices.Sorted(maps.Keys(all)) {
		to := all[channel]
		var places []int
		var own []Report
		for i, r := range reports {
			if r.Channel == channel && to != nil {
				places, own = append(places, i), append(own, r)
			}
		}
		for i, err := range reportAll(ctx, to, own) {
			errs[places[i]] = err
		}
	}
	return errs
}

// Rules reads what a Config rule in a member account is parameterised with.
type Rules interface {
	// InputParameters are a rule's, by name; none if the rule has none or is gone.
	InputParameters(ctx context.Context, on On, rule string) (map[string]json.RawMessage, error)
}

// Trail knows who changed a resource.
type Trail interface {
	// Changes lists the changes of the target since a time that asr didn't make,
	// the newest first, and not more than people read.
	Changes(ctx context.Context, on On, since time.Time) ([]Touch, error)
}

// Touch is one change of a resource.
type Touch struct {
	At     time.Time
	By     string // the principal's ARN
	Action string // "s3:DeleteBucketPolicy"
}

// Clock tells the time, so that tests can.
type Clock func() time.Time
