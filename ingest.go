package asr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Intake counts what became of observations.
type Intake struct {
	New        int      `json:"new"`
	Updated    int      `json:"updated"`
	Duplicates int      `json:"duplicates"` // told nothing new
	Passing    int      `json:"passing"`    // never failed here: not kept
	Runs       []string `json:"runs"`       // started, or joined, in order
	Going      []string `json:"-"`          // of findings that told nothing new: whoever drives runs sees that they are driven
}

// Ingest takes observations in: each is merged into its finding, decided on and
// may claim a run. It calls nobody but the store. An error names the finding;
// those before it have been taken, and taking them again is harmless. After an
// *UnreadableError all others have been taken: what is stored of those that it
// names, or of their runs, can't be read.
func (e *Engine) Ingest(ctx context.Context, observations []Observation) (Intake, error) {
	var in Intake
	var left UnreadableError
	for rest := observations; len(rest) > 0; {
		group := e.group(ctx, rest)
		if n := len(group); n > 0 && e.storeAll(ctx, group) == nil {
			for _, t := range group {
				in.count(t)
			}
			rest = rest[n:]
			continue
		}
		n := max(1, len(group))
		for _, o := range rest[:n] { // one by one, as if it were the only one
			err := e.take(ctx, o, &in)
			if err != nil {
				err = fmt.Errorf("finding %s: %w", o.ID, err)
			}
			if err != nil && !(errors.Is(err, ErrCorrupt) && left.Skip(err)) {
				return in, err
			}
		}
		rest = rest[n:]
	}
	return in, left.OrNil()
}

// take takes one observation; as often as somebody else is quicker, within reason.
func (e *Engine) take(ctx context.Context, o Observation, in *Intake) error {
	for tries := 0; ; tries++ {
		t, err := e.observe(ctx, o)
		if err == nil && t.batch != nil {
			err = e.store(ctx, t.batch)
		}
		if err == nil {
			in.count(t)
		}
		if !errors.Is(err, ErrStale) || tries == 19 {
			return err
		}
	}
}

// taken is what an observation leads to, before it is stored.
type taken struct {
	batch   *Batch // nil: there is nothing to store
	isNew   bool
	passing bool     // it never failed here
	going   string   // the run of a finding that it told nothing new of
	touches []string // the finding, the runs and the claim that it depends on
}

// observe finds out what an observation leads to.
func (e *Engine) observe(ctx context.Context, o Observation) (t taken, err error) {
	f, err := e.c.Store.Finding(ctx, o.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return t, err
	}
	was := f.Status
	t.isNew, t.touches = f.Version == 0, []string{"finding " + o.ID}
	if f.Run != "" {
		t.touches = append(t.touches, "run "+f.Run)
	}
	provider, workflow := f.Observe(o)
	asked := o.Source == SourceCustomAction && o.At.After(f.AskedAt)
	if asked {
		f.AskedAt = o.At
	}
	if !provider && !workflow && !asked {
		if f.Outcome == OutcomeRunning {
			t.going = f.Run
		}
		return t, nil
	}
	if t.isNew && !f.Failing() {
		t.passing = true
		return t, nil
	}
	b, claim := &Batch{}, ""
	rest, settled := f.settled()
	reopened := workflow && f.Status == WorkflowNew && (was == WorkflowSuppressed || was == WorkflowResolved)
	echo := workflow && !provider && f.Echo()
	switch {
	case asked:
		claim, err = e.consider(ctx, &f, b, e.console(o))
	case !f.Failing():
		err = e.close(ctx, &f, b, rest)
	case echo:
	case settled && rest.Reason != ReasonFixed: // obey the person who suppressed or resolved it
		err = e.withdraw(ctx, &f, b, rest)
	case f.Outcome == OutcomeFixed && !reopened:
		e.stillFailing(&f, b)
	case provider || reopened:
		claim, err = e.consider(ctx, &f, b, request{actor: Actor{Kind: "policy", Name: "policy"}})
	}
	if err != nil {
		return t, err
	}
	if claim != "" {
		t.touches = append(t.touches, "claim "+claim)
	}
	b.Findings = append(b.Findings, f)
	t.batch = b
	return t, nil
}

// count counts what was taken.
func (in *Intake) count(t taken) {
	switch {
	case t.passing:
		in.Passing++
		return
	case t.batch == nil:
		in.Duplicates++
		if t.going != "" {
			in.Going = append(in.Going, t.going)
		}
		return
	case t.isNew:
		in.New++
	default:
		in.Updated++
	}
	if r := t.batch.Run; r != nil && r.State.Open() && !slices.Contains(in.Runs, r.ID) {
		in.Runs = append(in.Runs, r.ID)
	}
}

// store commits what an observation led to. A claim taken meanwhile is as good
// as a stale version: look again.
func (e *Engine) store(ctx context.Context, b *Batch) error {
	var claimed *ClaimedError
	err := e.put(ctx, b)
	if errors.As(err, &claimed) {
		return ErrStale
	}
	return err
}

// decided notes a finding's decision, and records it when it is another.
func (e *Engine) decided(ctx context.Context, f *Finding, b *Batch, d Decision, actor Actor) error {
	if d.At.IsZero() {
		d.At = e.now()
	}
	same := f.Decision.Mode == d.Mode && f.Decision.Reason == d.Reason && f.Decision.Rule == d.Rule
	f.Decision = d
	if same {
		return nil
	}
	subject := "finding/" + f.ID
	head, err := e.c.Store.Head(ctx, subject)
	if err != nil {
		return err
	}
	detail, _ := json.Marshal(d)
	b.Records = append(b.Records, head.Append(Record{Subject: subject, At: d.At, Actor: actor, Event: "decided", Reason: string(d.Reason), Detail: detail}))
	return nil
}

// close ends what is going on for a finding that fails no more.
func (e *Engine) close(ctx context.Context, f *Finding, b *Batch, d Decision) error {
	switch {
	case f.Compliance == CompliancePassed && (f.Outcome == OutcomeFixed || f.Outcome == OutcomeStillFailed):
		f.Outcome = OutcomeConfirmed
		return nil
	case f.Outcome == OutcomeConfirmed:
		return nil
	}
	if err := e.withdraw(ctx, f, b, d); err != nil {
		return err
	}
	if f.Outcome != OutcomeRunning { // a run that has begun ends by itself
		f.Outcome = OutcomeClosed
	}
	return nil
}

// withdraw takes a finding out of its run. A run that nobody else wants and
// that has not begun is cancelled.
func (e *Engine) withdraw(ctx context.Context, f *Finding, b *Batch, d Decision) error {
	if err := e.decided(ctx, f, b, d, system); err != nil {
		return err
	}
	if f.Outcome != OutcomeRunning {
		return nil
	}
	r, err := e.c.Store.Run(ctx, f.Run)
	if err != nil || !r.State.Open() || r.State.Begun() {
		return err
	}
	f.Outcome = OutcomeOpen
	r.Findings = slices.DeleteFunc(r.Findings, func(id string) bool { return id == f.ID })
	bb := e.batch(&r, system)
	if len(r.Findings) == 0 && r.Actor.Kind != "person" {
		bb.record("cancelled", string(d.Reason), d)
		r.Error = &Failure{Code: CodeNotAllowed, Message: d.Why}
		bb.enter(StateCancelled)
		bb.answer()
	}
	r.UpdatedAt = bb.now
	b.Run, b.Records, b.Messages = &r, append(b.Records, bb.Records...), append(b.Messages, bb.Messages...)
	return nil
}

// stillFailing tells people when Security Hub goes on failing what was verified.
func (e *Engine) stillFailing(f *Finding, b *Batch) {
	if !f.UpdatedAt.After(f.FixedAt.Add(e.reevaluates(f))) {
		return
	}
	f.Outcome = OutcomeStillFailed
	note := fmt.Sprintf("asr read this back as fixed at %s (run %s), yet the check still fails: it may look at more than the fix covers.", f.FixedAt.Format(time.RFC3339), f.Run)
	b.Messages = append(b.Messages, message(*f, WorkflowNotified, note, f.Run, e.now()))
}

func (e *Engine) reevaluates(f *Finding) time.Duration {
	m, err := e.c.Matcher.Match(*f)
	if err == nil && e.units[m.Remediation].Spec.Reevaluates > 0 {
		return e.units[m.Remediation].Spec.Reevaluates
	}
	return defaultReevaluationTime
}

// message is a report on a finding; its id makes it one of a kind.
func message(f Finding, workflow, note, run string, at time.Time) Message {
	return Message{
		ID: run + "/" + workflow + "/" + f.ID + "/" + at.Format("20060102T150405.000000"), DueAt: at,
		Report: Report{Finding: f.ID, Product: f.Product, Format: f.Format, Account: f.Account, Region: f.Region, Workflow: workflow, Note: clip(Line(note), 512), Run: run},
	}
}

// clip cuts a text to n characters.
func clip(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}
