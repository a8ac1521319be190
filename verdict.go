package asr

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// Verdict is one person's answer to the runs of a problem, as they were shown.
type Verdict struct {
	Problem Problem
	Runs    []Seen // exactly these
	Digest  string // of them
	Approve bool   // else they are rejected
	Note    string // why, for the audit log
	By      Actor
}

// Answered is what came of a Verdict.
type Answered struct {
	Batch  string    `json:"batch"` // its id: in each run's audit log, and a subject there itself
	Digest string    `json:"digest"`
	Taken  []Taken   `json:"taken"`
	Left   []LeftOut `json:"left"` // was shown and is another by now, or came since
}

// Taken is a run that was answered.
type Taken struct {
	Run   string `json:"run"`
	State State  `json:"state"`
	Lacks int    `json:"lacks,omitempty"` // approvals that it still needs
}

// reserved is how much of the caller's time is kept for telling what came of it.
const reserved = 5 * time.Second

// Answer approves or rejects the runs of a problem with the plans that somebody
// was shown, each by its own rules: who may, how many must. A run that is
// another by now, or that came since, isn't touched and is told. sees is as in
// Look. CodeBadInput if the digest is of other runs; CodeNotAllowed for an
// approval of somebody whom AWS doesn't vouch for.
func (e *Engine) Answer(ctx context.Context, v Verdict, sees func(Run) bool) (Answered, error) {
	p, err := e.meant(v.Problem)
	if err != nil {
		return Answered{}, err
	}
	v.Problem = p
	if err := v.check(); err != nil {
		return Answered{}, err
	}
	a := Answered{Batch: "b-" + strings.TrimPrefix(e.c.NewID(e.now()), "r-"), Digest: v.Digest, Taken: []Taken{}, Left: []LeftOut{}}
	if err := e.announceVerdict(ctx, a.Batch, v); err != nil {
		return Answered{}, err
	}
	shown := map[string]bool{}
	for _, s := range v.Runs {
		shown[s.Run] = true
		r, left := e.answer(ctx, a.Batch, v, s, sees)
		if left != nil {
			a.Left = append(a.Left, *left)
			continue
		}
		a.Taken = append(a.Taken, Taken{r.ID, r.State, r.missing()})
	}
	if !spare(ctx) {
		return a, nil
	}
	err = e.asking(ctx, p, func(r Run) {
		if !shown[r.ID] && (sees == nil || sees(r)) {
			a.Left = append(a.Left, LeftOut{Run: r.ID, Account: r.Target.Account, Region: r.Target.Region, Resource: r.Target.ID, Reason: "not_shown", Why: "it wasn't among those that were answered"})
		}
	})
	if err != nil { // what was done is done: who came since is seen at the next look
		e.c.Log.WarnContext(ctx, "runs that came since", "batch", a.Batch, "error", err)
	}
	return a, nil
}

// missing is how many approvals a run that waits for some still needs.
func (r *Run) missing() int {
	if r.State != StateAwaiting {
		return 0
	}
	return r.Lacks()
}

func spare(ctx context.Context) bool {
	end, limited := ctx.Deadline()
	return ctx.Err() == nil && (!limited || time.Until(end) > reserved)
}

// check holds a verdict to what was shown.
func (v Verdict) check() error {
	ids := map[string]bool{}
	for _, s := range v.Runs {
		ids[s.Run] = true
	}
	switch {
	case len(v.Runs) == 0:
		return &Error{Code: CodeBadInput, Message: "no runs are named", Do: "look at the problem first, and answer what is shown"}
	case len(v.Runs) > MostAtOnce:
		return &Error{Code: CodeBadInput, Message: "too many runs at once", Do: "answer 200 at a time"}
	case len(ids) != len(v.Runs):
		return &Error{Code: CodeBadInput, Message: "a run is named twice", Do: "name each run once, with the plan that was shown"}
	case Digest(v.Runs) != v.Digest:
		return &Error{Code: CodeBadInput, Message: "the digest is of other runs or plans", Do: "look again, and answer exactly what is shown"}
	case v.Approve && !v.By.Verified:
		return &Error{Code: CodeNotAllowed, Message: v.By.Name + " is not verified", Do: "approve with AWS credentials: the approver is who sts:GetCallerIdentity says"}
	}
	return nil
}

// announceVerdict notes what is about to be answered, in a chain of its own.
func (e *Engine) announceVerdict(ctx context.Context, batch string, v Verdict) error {
	event := "batch_rejected"
	if v.Approve {
		event = "batch_approved"
	}
	detail, _ := json.Marshal(map[string]any{"problem": v.Problem, "digest": v.Digest, "runs": v.Runs, "note": v.Note}) // texts
	var chain Chain
	rec := chain.Append(Record{Subject: batch, At: e.now(), Actor: v.By, Event: event, Detail: detail})
	return e.c.Store.Commit(ctx, &Batch{Records: []Record{rec}})
}

// answer answers one run, if it is as it was shown.
func (e *Engine) answer(ctx context.Context, batch string, v Verdict, s Seen, sees func(Run) bool) (Run, *LeftOut) {
	if !spare(ctx) {
		return Run{}, &LeftOut{Run: s.Run, Reason: "no_time", Why: "no time was left for it: look again and answer the rest"}
	}
	r, err := e.c.Store.Run(ctx, s.Run)
	if errors.Is(err, ErrNotFound) || err == nil && (sees != nil && !sees(r) || !v.Problem.covers(r)) {
		return r, &LeftOut{Run: s.Run, Reason: string(CodeNotFound), Why: "there is no such run of this problem"}
	}
	if err == nil {
		if err = s.still(&r); err == nil {
			if left := e.unfit(v.Problem, r, v.By); left != nil {
				return r, left
			}
		}
	}
	switch {
	case err != nil:
	case v.Approve:
		r, err = e.approve(ctx, s.Run, Approval{By: v.By, Hash: s.Hash, Note: v.Note, Batch: batch})
	default:
		r, err = e.rejectSeen(ctx, s, batch, v)
	}
	if err == nil {
		return r, nil
	}
	left := &LeftOut{Run: s.Run, Account: r.Target.Account, Region: r.Target.Region, Resource: r.Target.ID, Reason: string(Classify(err)), Why: err.Error()}
	if slices.Contains([]Code{CodeInternal, CodeAWS}, Classify(err)) { // it isn't made for people
		e.c.Log.ErrorContext(ctx, "answer", "run", s.Run, "batch", batch, "error", err)
		left.Why = "it could not be stored: look again and answer it once more"
	}
	return r, left
}

// rejectSeen rejects a run that waits with the plan that was shown.
func (e *Engine) rejectSeen(ctx context.Context, s Seen, batch string, v Verdict) (Run, error) {
	return e.end(ctx, s.Run, v.By, "rejected", map[string]string{"why": v.Note, "batch": batch}, s.still)
}

// still checks that a run asks for the plan that was shown.
func (s Seen) still(r *Run) error {
	switch {
	case r.State != StateAwaiting || r.Plan == nil:
		return &Error{Code: CodeNotAllowed, Message: "it is " + string(r.State) + " by now"}
	case r.Plan.Hash != s.Hash:
		return &Error{Code: CodeStalePlan, Message: "the plan is another by now", Do: "look again"}
	}
	return nil
}
