package asr

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Ask is what a person wants done.
type Ask struct {
	Actor    Actor
	Finding  string                     // a finding's id, or:
	Control  string                     // a control and
	Resource Resource                   // the resource (ARN), with
	Account  string                     // its account, if the ARN doesn't say
	Region   string                     // and Region
	Params   map[string]json.RawMessage // that override all others
	PlanOnly bool
	Hash     string // of the plan that the person saw: if it is another by now, the run asks
	Reply    *Reply // who waits for the outcome; also told of a refusal

	Sees func(account string) bool // which accounts the actor may know of and act in; nil: all
}

// Request starts a run for a person, or joins the open one; for anybody else
// that AWS doesn't name it does what the policy says of custom actions. The decision that
// the policy makes stands in Run.Decision; a policy that says off is an *Error
// with CodeNotAllowed.
func (e *Engine) Request(ctx context.Context, ask Ask) (Run, error) {
	err := ErrStale
	var r Run
	for tries := 0; errors.Is(err, ErrStale) && tries < 20; tries++ {
		r, err = e.request(ctx, ask)
	}
	var no *Error
	if ask.Reply != nil && errors.As(err, &no) && !transient(err) { // who waits may ask again
		if failed := e.TurnDown(ctx, ask, no); failed != nil {
			return r, failed
		}
	}
	return r, err
}

// TurnDown tells who waits for an outcome that there will be none.
func (e *Engine) TurnDown(ctx context.Context, ask Ask, no *Error) error {
	now := e.now()
	return e.c.Store.Commit(ctx, &Batch{Messages: []Message{{
		ID: "refused/" + ask.Reply.Execution, DueAt: now,
		Report: Report{
			Channel: ChannelRequester, Account: ask.Account, Region: ask.Region, State: StateCancelled, Control: ask.Control, Resource: ask.Resource.ID,
			Reason: string(no.Code), Note: clip(Line(no.Error()), 512), Do: Line(no.Do), By: ask.Actor.Name, At: now, Reply: ask.Reply,
		},
	}}})
}

func (e *Engine) request(ctx context.Context, ask Ask) (Run, error) {
	f, err := e.asked(ctx, ask)
	if err != nil {
		return Run{}, err
	}
	var b Batch
	stored := f.Version > 0
	id := f.ID
	if !stored {
		f.ID = ""
	}
	req := request{actor: ask.Actor, person: ask.Actor.Kind == "person", plan: ask.PlanOnly, params: ask.Params, hash: ask.Hash, reply: ask.Reply}
	req.console = !req.person
	if _, err := e.consider(ctx, &f, &b, req); err != nil {
		return Run{}, err
	}
	if stored {
		f.ID = id
		b.Findings = []Finding{f}
	} else {
		b.Records = ofRun(b.Records, b.Run)
	}
	if err := e.store(ctx, &b); err != nil {
		return Run{}, err
	}
	if f.Decision.Mode == ModeOff {
		return Run{}, refusal(f.Decision)
	}
	return *b.Run, nil
}

// Explain says what would be decided for a finding that comes in by itself, and
// on which facts. It stores nothing.
func (e *Engine) Explain(ctx context.Context, ask Ask) (Facts, Decision, error) {
	f, err := e.asked(ctx, ask)
	if err != nil {
		return Facts{}, Decision{}, err
	}
	j, err := e.weigh(ctx, f, request{params: ask.Params})
	if d, ok := f.settled(); ok {
		j.Decision = d
	}
	return j.Facts, j.Decision, err
}

// ofRun keeps the records of the run's own chain: without a finding there is
// nothing that a finding's chain could be of.
func ofRun(records []Record, r *Run) (out []Record) {
	for _, rec := range records {
		if r != nil && rec.Subject == r.ID {
			out = append(out, rec)
		}
	}
	return out
}

func refusal(d Decision) error {
	code := CodeNotAllowed
	do := "asr policy explain shows which rule"
	switch d.Reason {
	case ReasonNoRemediation:
		code, do = CodeNoRemediation, "asr controls lists what asr can fix"
	case ReasonBadTarget:
		code, do = CodeBadTarget, "name a resource that the control is about"
	case ReasonBadParameters:
		code, do = CodeBadParams, "correct the parameters"
	}
	return &Error{Code: code, Message: d.Why, Do: do}
}

// asked is the finding that a person means, or one made up for a control and
// a resource.
func (e *Engine) asked(ctx context.Context, ask Ask) (Finding, error) {
	if ask.Finding != "" {
		f, err := e.c.Store.Finding(ctx, ask.Finding)
		if errors.Is(err, ErrNotFound) || err == nil && (ask.Account != "" && ask.Account != f.Account || !ask.sees(f.Account)) { // whether it exists is no business of another account's
			where := ""
			if ask.Account != "" {
				where = " in account " + ask.Account
			}
			return Finding{}, &Error{Code: CodeNotFound, Message: "there is no finding " + ask.Finding + where, Do: "asr findings list"}
		}
		return f, err
	}
	m, err := e.c.Matcher.Control(ask.Control)
	if err != nil {
		return Finding{}, err
	}
	arn := strings.SplitN(ask.Resource.ID, ":", 6)
	if len(arn) == 6 && arn[0] == "arn" { // what the ARN leaves out, the caller says
		for _, c := range [][3]string{{"Region", arn[3], ask.Region}, {"account", arn[4], ask.Account}} {
			if c[1] != "" && c[2] != "" && c[1] != c[2] {
				return Finding{}, &Error{Code: CodeBadTarget, Message: fmt.Sprintf("the %s is to be %s, but the ARN says %s", c[0], c[2], c[1]), Do: "leave it out, or correct the ARN"}
			}
		}
		ask.Region, ask.Account = cmp.Or(arn[3], ask.Region), cmp.Or(arn[4], ask.Account)
	}
	if !ask.sees(ask.Account) { // Locate lets no other account into the target
		return Finding{}, &Error{Code: CodeNotAllowed, Message: fmt.Sprintf("account %q is none of those that you may act in", ask.Account), Do: "name one of your own, or have the policy's callers give you this one"}
	}
	return Finding{Provider: Provider{
		Account: ask.Account, Region: ask.Region, Control: m.Control, Compliance: ComplianceFailed, Resources: []Resource{ask.Resource},
	}}, nil
}

func (a Ask) sees(account string) bool { return a.Sees == nil || a.Sees(account) }

// Approve is a verified principal's yes to the plan with the hash. The run goes
// on with the last that its rule wants. CodeStalePlan if its plan is another by now.
func (e *Engine) Approve(ctx context.Context, id, hash string, by Actor, note string) (Run, error) {
	return e.approve(ctx, id, Approval{By: by, Hash: hash, Note: note})
}

func (e *Engine) approve(ctx context.Context, id string, yes Approval) (Run, error) {
	by := yes.By
	return e.update(ctx, id, by, func(b *batch) error {
		r := b.Run
		switch {
		case !r.State.Waits() || r.Plan == nil:
			return &Error{Code: CodeNotAllowed, Message: fmt.Sprintf("run %s is %s: it waits for no approval", id, r.State), Do: "asr runs list --state awaiting_approval"}
		case !r.ExpiresAt.IsZero() && !b.now.Before(r.ExpiresAt):
			return &Error{Code: CodeExpired, Message: "the time to approve it ended at " + r.ExpiresAt.Format(time.RFC3339), Do: "asr remediate starts it again"}
		case !by.Verified:
			return &Error{Code: CodeNotAllowed, Message: by.Name + " is not verified", Do: "approve with AWS credentials: the approver is who sts:GetCallerIdentity says"}
		case r.Plan.Hash != yes.Hash:
			return &Error{Code: CodeStalePlan, Message: "the plan is another by now", Do: "asr runs show " + id + ", then approve what it shows"}
		}
		if err := r.admit(by); err != nil {
			return err
		}
		yes.At = b.now
		r.Approvals = append(r.yeses(), yes)
		r.Approval = &r.Approvals[len(r.Approvals)-1]
		b.record("approved", "", r.Approval)
		if r.Lacks() == 0 {
			b.enter(StateScheduled)
		}
		return nil
	})
}

// Reject ends a run that waits for an approval.
func (e *Engine) Reject(ctx context.Context, id string, by Actor, why string) (Run, error) {
	return e.end(ctx, id, by, "rejected", map[string]string{"why": why}, nil)
}

// Cancel ends a run that has not begun.
func (e *Engine) Cancel(ctx context.Context, id string, by Actor, why string) (Run, error) {
	return e.end(ctx, id, by, "cancelled", map[string]string{"why": why}, nil)
}

// end cancels a run that has not begun, if check agrees.
func (e *Engine) end(ctx context.Context, id string, by Actor, event string, detail map[string]string, check func(*Run) error) (Run, error) {
	return e.update(ctx, id, by, func(b *batch) error {
		r := b.Run
		if check != nil {
			if err := check(r); err != nil {
				return err
			}
		}
		if !r.State.Open() || r.State.Begun() && (r.State != StateApplying || r.wrote()) {
			return &Error{Code: CodeNotAllowed, Message: fmt.Sprintf("run %s is %s: it can't be stopped any more", id, r.State), Do: "asr revert " + id + " puts it back once it has ended"}
		}
		r.Error = &Failure{Code: CodeNotAllowed, Message: strings.TrimSuffix(event+" by "+by.Name+": "+detail["why"], ": ")}
		r.Rejected = r.Actor.Kind != "person" // what a person asked for, a person may ask for again
		b.record(event, "", detail)
		b.enter(StateCancelled)
		e.announce(b)
		b.answer()
		for _, fid := range r.Findings {
			f, err := e.c.Store.Finding(ctx, fid)
			if err != nil {
				return err
			}
			if f.Run == r.ID {
				f.Outcome = OutcomeOpen
				b.Findings = append(b.Findings, f)
			}
		}
		return nil
	})
}

// Abandon ends an open run whose workflow failed for good or was stopped, so
// that its claim and its locks are free. What has been written stays: the run
// ends partly_applied and can be put back. A run that waits for a person, or
// has ended, stays as it is.
func (e *Engine) Abandon(ctx context.Context, id string, why *Error) error {
	for range 20 {
		r, err := e.c.Store.Run(ctx, id)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		if !r.State.Open() || r.State.Waits() {
			return nil
		}
		end := StateFailed
		if r.wrote() {
			end = StatePartly
		}
		next, err := e.fail(ctx, e.batch(&r, system), end, why)
		if err != nil || next.Step != "again" {
			return err
		}
	}
	return ErrStale
}

// Restart counts that a run's workflow execution has ended, so that the next one
// has a name of its own. It counts once, however often it is told of the same.
func (e *Engine) Restart(ctx context.Context, id string, ended int) (Run, error) {
	r, err := e.c.Store.Run(ctx, id)
	if err != nil || r.Starts > ended {
		return r, err
	}
	return e.update(ctx, id, system, func(b *batch) error {
		b.Run.Starts = max(b.Run.Starts, ended+1)
		return nil
	})
}

// update loads a run, lets change change it, and stores it, again if it was
// stale.
func (e *Engine) update(ctx context.Context, id string, by Actor, change func(*batch) error) (Run, error) {
	for range 20 {
		r, err := e.c.Store.Run(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return r, &Error{Code: CodeNotFound, Message: "there is no run " + id, Do: "asr runs list"}
		}
		if err != nil {
			return r, err
		}
		b := e.batch(&r, by)
		if err := change(b); err != nil {
			return r, err
		}
		r.UpdatedAt = b.now
		err = e.put(ctx, &b.Batch)
		var claimed *ClaimedError
		switch {
		case err == nil:
			return r, nil
		case errors.As(err, &claimed):
			return r, &Error{Code: CodeConflict, Message: "run " + claimed.Run + " works on the same target", Do: "wait for it, or cancel it"}
		case !errors.Is(err, ErrStale):
			return r, err
		}
	}
	return Run{}, ErrStale
}

// Kill turns the kill switch on, with a reason, or off with an empty one.
func (e *Engine) Kill(ctx context.Context, by Actor, reason string) error {
	event := "kill_switch_on"
	if reason == "" {
		event = "kill_switch_off"
	}
	if err := e.c.Store.SetSetting(ctx, KillSwitch, reason); err != nil {
		return err
	}
	return e.Note(ctx, by, event, map[string]string{"reason": reason})
}

// SubjectSelf is the subject of the records that are about asr itself.
const SubjectSelf = "asr"

// Note records what a person does to asr itself.
func (e *Engine) Note(ctx context.Context, by Actor, event string, detail map[string]string) error {
	doc, _ := json.Marshal(detail) // strings always encode
	err := ErrStale
	for tries := 0; errors.Is(err, ErrStale) && tries < 20; tries++ { // somebody else does, too
		var b Batch
		rec, rerr := e.own(ctx, &b, Record{At: e.now(), Actor: by, Event: event, Detail: doc})
		if rerr != nil {
			return rerr
		}
		b.Records = []Record{rec}
		err = e.c.Store.Commit(ctx, &b)
	}
	return err
}
