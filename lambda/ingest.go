package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"example.com/asr"
	"example.com/asr/workflow"
	"github.com/aws/aws-lambda-go/events"
)

// envelope is what every event of EventBridge says of itself. AWS sets the
// account: it is who sent the event.
type envelope struct {
	ID         string          `json:"id"`
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Account    string          `json:"account"`
	Time       time.Time       `json:"time"`
	Detail     json.RawMessage `json:"detail"`
}

// Ingest takes in what the queue holds. Each message stands for itself: one
// that fails comes again, the others don't. What can't be understood is kept
// with the reason and doesn't come again.
func (h *Handlers) Ingest(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	var failed events.SQSEventResponse
	fail := func(m events.SQSMessage, err error) {
		h.c.Log.ErrorContext(ctx, "message", "id", m.MessageId, "error", err)
		failed.BatchItemFailures = append(failed.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
	}
	stale := h.c.Refresh(ctx)
	for _, m := range batch.Records {
		if stale != nil {
			fail(m, stale)
			continue
		}
		if !h.enough(ctx, 0) {
			fail(m, errors.New("no time is left for it"))
			continue
		}
		if err := h.by(m).message(ctx, []byte(m.Body)); err != nil {
			fail(m, err)
		}
	}
	return failed, nil
}

// patientReceives are the times that a message may come again for facts that take
// time; the queue (maxReceiveCount) gives it some more for what else may fail.
const patientReceives = 3

// by is who takes a message. One that has come often is decided with the facts
// that there are, rather than being given up.
func (h *Handlers) by(m events.SQSMessage) *Handlers {
	if n, err := strconv.Atoi(m.Attributes["ApproximateReceiveCount"]); err != nil || n <= patientReceives {
		return h
	}
	c := h.c
	c.Engine = c.Engine.WithoutWaiting()
	return &Handlers{c}
}

// message takes one event in.
func (h *Handlers) message(ctx context.Context, body []byte) error {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return h.findings(ctx, "the queue", h.c.Clock(), body) // it says what is wrong with it, and keeps it
	}
	switch e.Source {
	case "asr.schedule":
		return h.sweep(ctx)
	case "asr.runbook":
		return h.request(ctx, body)
	case "aws.ssm":
		return h.woken(ctx, body)
	case "aws.states":
		return h.executionEnded(ctx, e)
	}
	at := e.Time
	if at.IsZero() {
		at = h.c.Clock()
	}
	return h.findings(ctx, "event "+e.ID, at, body)
}

func (h *Handlers) findings(ctx context.Context, source string, at time.Time, body []byte) error {
	obs, rejected := h.c.Decode(source, at, body)
	return h.take(ctx, obs, rejected)
}

// take gives findings to the engine and sees that their runs are driven.
func (h *Handlers) take(ctx context.Context, obs []asr.Observation, rejected []asr.Rejected) error {
	for _, r := range rejected {
		if err := h.c.Store.Reject(ctx, r); err != nil {
			return err
		}
	}
	in, err := h.c.Engine.Ingest(ctx, obs)
	runs := append(in.Runs, in.Going...)
	slices.Sort(runs)
	var all []error
	for _, run := range slices.Compact(runs) {
		all = append(all, h.c.Starter.Start(ctx, run))
	}
	if started := errors.Join(all...); started != nil { // before what can't be read: it may pass
		return started
	}
	return err
}

// request starts what a runbook asks for. Who asked is told of a refusal.
func (h *Handlers) request(ctx context.Context, body []byte) error {
	ask, err := h.c.Request(body)
	var no *asr.Error
	if err != nil {
		if errors.As(err, &no) && ask.Reply != nil {
			if failed := h.c.Engine.TurnDown(ctx, ask, no); failed != nil {
				return failed
			}
		}
		return h.reject(ctx, body, err)
	}
	r, err := h.c.Engine.Request(ctx, ask)
	switch code := asr.Classify(err); {
	case err == nil, code == asr.CodeThrottled, code == asr.CodeUnavailable: // it comes again
	case errors.As(err, &no):
		h.c.Log.WarnContext(ctx, "request refused", "account", ask.Account, "control", ask.Control, "reason", no.Code)
		return nil
	}
	if err != nil {
		return err
	}
	return h.c.Starter.Start(ctx, r.ID)
}

// reject keeps an event that can't be understood.
func (h *Handlers) reject(ctx context.Context, body []byte, why error) error {
	sum := digest(body)
	return h.c.Store.Reject(ctx, asr.Rejected{ID: sum, At: h.c.Clock().UTC(), Source: "the queue", Reason: clip(asr.Line(why.Error())), Body: asr.Outline(body)})
}

// woken goes on with a run whose automation execution has got somewhere.
func (h *Handlers) woken(ctx context.Context, body []byte) error {
	id, account, ok := h.c.Woken(body)
	if !ok {
		return nil // somebody else's execution
	}
	r, err := h.c.Store.Run(ctx, id)
	switch {
	case errors.Is(err, asr.ErrNotFound):
		return nil
	case err != nil:
		return err
	case r.Target.Account != account:
		h.c.Log.WarnContext(ctx, "event of another account", "run", id, "account", account)
		return nil
	}
	return h.c.Starter.Start(ctx, id)
}

// longestFunction is a little longer than a function that writes can go on after
// its execution was stopped; the message comes again by then.
const longestFunction = 5*time.Minute + 10*time.Second

var errBusy = errors.New("the run's function may still be writing: later")

// executionEnded lets go of the run of an execution that failed, timed out or
// was stopped. One that another execution has taken over is no concern of it.
func (h *Handlers) executionEnded(ctx context.Context, e envelope) error {
	var d struct {
		Name, Status, Error, Cause string
	}
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return h.reject(ctx, e.Detail, err)
	}
	id, n, ok := workflow.Parse(d.Name)
	r, err := h.c.Store.Run(ctx, id)
	if !ok || errors.Is(err, asr.ErrNotFound) { // not of the machine that drives runs
		h.c.Metrics.SyncFailed()
		h.c.Log.ErrorContext(ctx, "execution", "name", d.Name, "status", d.Status, "error", d.Error)
		return nil
	}
	if err != nil || r.Starts > n {
		return err
	}
	if r.Intent != nil && r.State.Begun() && h.c.Clock().Sub(r.Intent.At) < longestFunction { // its function may be in the middle of a write
		return errBusy
	}
	why := &asr.Error{Code: asr.CodeInternal, Message: fmt.Sprintf("its workflow execution %s ended %s: %s %s", d.Name, d.Status, d.Error, clip(d.Cause)), Do: "look at the execution in Step Functions, then start the run again"}
	if d.Status == "ABORTED" {
		why = &asr.Error{Code: asr.CodeNotAllowed, Message: "somebody stopped its workflow execution " + d.Name + " in Step Functions", Do: "asr runs show " + id + " says what was and wasn't changed"}
	}
	return h.abandon(ctx, id, why)
}
