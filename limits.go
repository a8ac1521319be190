package asr

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Limits bound how much is done at once and how fast, whoever asks for it. A
// zero field is no limit. What is put back isn't limited: undo must always be
// possible.
type Limits struct {
	InFlight Bounds   `json:"inFlight"` // runs that have begun and not ended
	PerHour  Bounds   `json:"perHour"`  // runs that begin within any hour
	Daily    float64  `json:"daily"`    // the share of a control's findings that the runs of any 24 hours are about; one run always may
	Failures Failures `json:"failures"`
	Retries  Retries  `json:"retries"`
}

// Bounds are a number overall and one for each Region of each account.
type Bounds struct {
	All    int `json:"all"`
	Region int `json:"region"`
}

// Failures is when a control, or everything, is stopped: nothing of it begins
// until somebody resumes it. Only runs that had begun count.
type Failures struct {
	Number int           `json:"number"` // of one control's, within the time
	Share  float64       `json:"share"`  // of one control's or of all, once there are enough to tell
	Within time.Duration `json:"within"`
}

// Retries is how often a run that failed without a change is tried again, and
// when for the first time; each further time it waits four times as long.
type Retries struct {
	Most  int           `json:"most"`
	After time.Duration `json:"after"`
}

// DefaultLimits hold where a policy says nothing else.
func DefaultLimits() Limits {
	return Limits{InFlight: Bounds{All: 100, Region: 10}, Failures: Failures{Number: 10, Share: 0.5, Within: time.Hour}}
}

// Why a run waits in the line.
const (
	ReasonInFlight Reason = "limit_in_flight" // as many are under way as may be
	ReasonPerHour  Reason = "limit_per_hour"  // as many have begun within the hour as may
	ReasonDaily    Reason = "limit_daily"     // as large a share of the control's findings as may be within a day
	ReasonStopped  Reason = "stopped"         // too many have failed: somebody must look, and resume it
	ReasonTurn     Reason = "limit_turn"      // others of the same limit are in the line already
)

// enough is how many runs must have ended before their share of failures tells
// something.
const enough = 20

// The scopes that limits count in: all runs, those in an account's Region, and a
// control's.
const (
	AllRuns    = "all"
	givenTurns = "turns" // counts no runs: the line's turns are noted in it
	inRegion   = "region/"
	ofAControl = "control/"
)

// ControlRuns is the scope of a control's runs.
func ControlRuns(control string) string { return ofAControl + control }

// RegionRuns is the scope of the runs in an account's Region.
func RegionRuns(account, region string) string { return inRegion + account + "/" + region }

// scopes are what the limits count a run in.
func (l Limits) scopes(account, region, control string) (all []string) {
	if l.InFlight.All > 0 || l.PerHour.All > 0 || l.Failures.Share > 0 {
		all = append(all, AllRuns)
	}
	if l.InFlight.Region > 0 || l.PerHour.Region > 0 {
		all = append(all, RegionRuns(account, region))
	}
	if l.Daily > 0 || l.Failures.Number > 0 || l.Failures.Share > 0 {
		all = append(all, ControlRuns(control))
	}
	return all
}

// Ledger is what has been counted of one scope. It is stored with the run that
// changes it, so that it is never wrong.
type Ledger struct {
	Scope    string   `json:"scope"`
	Version  int64    `json:"version"`            // optimistic; 0: not stored yet
	InFlight []string `json:"inFlight,omitempty"` // runs
	Begun    Tally    `json:"begun,omitempty"`    // runs; findings that they are about, of a control
	Good     Tally    `json:"good,omitempty"`     // runs that ended well since it was resumed
	Bad      Tally    `json:"bad,omitempty"`      // and not
	Line     int      `json:"line,omitempty"`     // runs in the line for its sake
	Stopped  *Stopped `json:"stopped,omitempty"`

	Findings  int       `json:"findings,omitempty"` // of the control, as counted
	CountedAt time.Time `json:"countedAt,omitzero"`

	// Of the line alone:
	Turns  int              `json:"turns,omitempty"`  // that were given
	Served map[string]int64 `json:"served,omitempty"` // when accounts that are in it had their last, in µs since 1970
}

// Stopped is why nothing more of a scope begins.
type Stopped struct {
	At  time.Time `json:"at"`
	Run string    `json:"run"` // whose failure was one too many
	Why string    `json:"why"`
}

// Tally counts by time, in steps.
type Tally []Count

// Count is how many there were from a time on, until the step's end.
type Count struct {
	At int64 `json:"at"` // seconds since 1970
	N  int   `json:"n"`
}

// span is a time that something is counted for, and the steps that it is
// counted in: what is counted is forgotten when its whole step is older.
type span struct{ length, step time.Duration }

var (
	hour = span{time.Hour, time.Minute}
	day  = span{24 * time.Hour, 15 * time.Minute}
)

// sum is how many there were within the time before now, or within up to a step
// more. What a clock that went wrong counted in the future counts too.
func (t Tally) sum(s span, now time.Time) (n int) {
	for _, c := range t {
		if s.holds(c, now) {
			n += c.N
		}
	}
	return n
}

func (s span) holds(c Count, now time.Time) bool {
	return time.Unix(c.At, 0).Add(s.step + s.length).After(now)
}

// add counts n more, and forgets what no longer counts.
func (t Tally) add(s span, now time.Time, n int) Tally {
	at := now.Truncate(s.step).Unix()
	kept := slices.DeleteFunc(slices.Clone(t), func(c Count) bool { return !s.holds(c, now) })
	if i := slices.IndexFunc(kept, func(c Count) bool { return c.At == at }); i >= 0 {
		kept[i].N += n
		return kept
	}
	return append(kept, Count{at, n})
}

// spanOf is what a scope's begins are counted for.
func spanOf(scope string) span {
	if strings.HasPrefix(scope, ofAControl) {
		return day
	}
	return hour
}

func (f Failures) span() span { return span{f.Within, max(time.Minute, f.Within/60)} }

// bounds are a scope's limits in flight and per hour.
func (l Limits) bounds(scope string) (inFlight, perHour int) {
	switch {
	case scope == AllRuns:
		return l.InFlight.All, l.PerHour.All
	case strings.HasPrefix(scope, inRegion):
		return l.InFlight.Region, l.PerHour.Region
	}
	return 0, 0
}

// room is why a run about n findings may not begin in the ledger's scope for
// now, in words too; "" if it may.
func (l Limits) room(g Ledger, n int, now time.Time) (Reason, string) {
	inFlight, perHour := l.bounds(g.Scope)
	begun := g.Begun.sum(spanOf(g.Scope), now)
	budget := l.budget(g)
	switch {
	case g.Stopped != nil:
		return ReasonStopped, "asr stopped " + scopeInWords(g.Scope) + ": " + g.Stopped.Why
	case inFlight > 0 && len(g.InFlight) >= inFlight:
		return ReasonInFlight, fmt.Sprintf("the policy lets %d be under way %s, and as many are", inFlight, inWords(g.Scope))
	case perHour > 0 && begun >= perHour:
		return ReasonPerHour, fmt.Sprintf("the policy lets %d begin %s within an hour, and as many have", perHour, inWords(g.Scope))
	case budget > 0 && begun > 0 && begun+n > budget:
		return ReasonDaily, fmt.Sprintf("the policy lets %d findings %s (%g %% of %d) be taken up within 24 hours, and %d have been", budget, inWords(g.Scope), 100*l.Daily, g.Findings, begun)
	}
	return "", ""
}

// budget is how many of a control's findings a day's runs may be about; 0 is any
// number.
func (l Limits) budget(g Ledger) int {
	if l.Daily <= 0 || !strings.HasPrefix(g.Scope, ofAControl) {
		return 0
	}
	return max(1, int(l.Daily*float64(g.Findings)))
}

// inWords says where a scope's runs are.
func inWords(scope string) string {
	if account, region, ok := strings.Cut(strings.TrimPrefix(scope, inRegion), "/"); ok && strings.HasPrefix(scope, inRegion) {
		return "in " + region + " of account " + account
	}
	if control, ok := strings.CutPrefix(scope, ofAControl); ok {
		return "of " + control
	}
	return "in all"
}

func scopeInWords(scope string) string {
	if control, ok := strings.CutPrefix(scope, ofAControl); ok {
		return control
	}
	return "everything"
}

// begin counts a run about n findings.
func (g *Ledger) begin(run string, n int, now time.Time) {
	s := spanOf(g.Scope)
	if s == hour {
		n = 1
	}
	if !slices.Contains(g.InFlight, run) {
		g.InFlight = append(slices.Clone(g.InFlight), run)
	}
	g.Begun = g.Begun.add(s, now, n)
}

// ended is how a run came to its end, as limits count it.
type ended int

const (
	endedOtherwise ended = iota // it goes on later, or nobody is to blame
	endedWell
	endedBadly
)

// end counts that a run has ended. It returns why the scope is stopped, if it is
// by this.
func (g *Ledger) end(run string, how ended, l Failures, now time.Time) string {
	g.InFlight = slices.DeleteFunc(slices.Clone(g.InFlight), func(id string) bool { return id == run })
	if l.Within <= 0 || strings.HasPrefix(g.Scope, inRegion) {
		return ""
	}
	s := l.span()
	switch how {
	case endedWell:
		g.Good = g.Good.add(s, now, 1)
	case endedBadly:
		g.Bad = g.Bad.add(s, now, 1)
	}
	bad, all := g.Bad.sum(s, now), g.Bad.sum(s, now)+g.Good.sum(s, now)
	if how != endedBadly || g.Stopped != nil {
		return ""
	}
	why := ""
	switch {
	case g.Scope != AllRuns && l.Number > 0 && bad >= l.Number:
		why = fmt.Sprintf("%d of its runs have failed within %s", bad, l.Within)
	case l.Share > 0 && all >= enough && float64(bad) >= l.Share*float64(all):
		why = fmt.Sprintf("%d of %d runs have failed within %s", bad, all, l.Within)
	}
	if why != "" {
		g.Stopped = &Stopped{At: now, Run: run, Why: why}
	}
	return why
}
