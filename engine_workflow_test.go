package asr_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

var asking = fixed{asr.Decision{Mode: asr.ModeAsk, Reason: asr.ReasonRule, Rule: "ask", Why: "rule ask"}, true}

// announced is one with a channel to people.
func announced(t *testing.T, p asr.Policy) (*world, *cloud) {
	w, c := one(t, p)
	w.channels = []asr.Channel{asr.ChannelOutcome}
	w.engine = w.build(p, c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`}))
	return w, c
}

// told are the reports of a channel that wait: state, reason.
func (w *world) told(channel asr.Channel) (all []string) {
	w.t.Helper()
	for _, r := range w.messages() {
		if r.Channel == channel {
			all = append(all, strings.TrimSpace(string(r.State)+" "+r.Reason))
		}
	}
	return all
}

// covers: W10
func TestAnApprovalThatDoesNotComeInTimeIsANo(t *testing.T) {
	w, c := announced(t, asking)
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	w.expect(r, asr.StateAwaiting)
	if want := w.clock().Add(7 * 24 * time.Hour); r.ExpiresAt.Sub(want).Abs() > time.Minute {
		t.Errorf("expires at %s, want %s", r.ExpiresAt, want)
	}
	if next, err := w.engine.Step(t.Context(), r.ID); err != nil || !next.Done {
		t.Errorf("a step before: %+v %v", next, err)
	}
	w.expect(w.run(r.ID), asr.StateAwaiting)
	w.jump(8 * 24 * time.Hour)
	if _, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, ada, ""); asr.Classify(err) != asr.CodeExpired {
		t.Errorf("approved too late: %v", err)
	}
	r = w.drive(r.ID)
	w.expect(r, asr.StateCancelled)
	if r.Error.Code != asr.CodeExpired || !r.Rejected || len(c.writes) > 0 || w.get("f1").Outcome != asr.OutcomeOpen {
		t.Errorf("%+v, rejected %v, writes %v, finding %s", r.Error, r.Rejected, c.writes, w.get("f1").Outcome)
	}
	w.jump(time.Hour)
	if in := w.ingest(w.finding("f1", "T.1", "r")); len(in.Runs) > 0 || w.get("f1").Decision.Reason != asr.ReasonRejected {
		t.Errorf("it is asked again by itself: %v", in.Runs)
	}
	if diff := cmp.Diff([]string{"awaiting_approval rule", "cancelled approval_expired"}, w.told(asr.ChannelOutcome)); diff != "" {
		t.Error(diff)
	}
}

func TestAnApprovalInTimeEndsTheWait(t *testing.T) {
	w, _ := announced(t, asking)
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	w.jump(6 * 24 * time.Hour)
	r, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, ada, "")
	if err != nil || !r.ExpiresAt.IsZero() {
		t.Fatalf("%v, expires %s", err, r.ExpiresAt)
	}
	w.jump(2 * 24 * time.Hour)
	w.expect(w.drive(r.ID), asr.StateVerified)
	if diff := cmp.Diff([]string{"awaiting_approval rule", "verified rule"}, w.told(asr.ChannelOutcome)); diff != "" {
		t.Error(diff)
	}
}

func TestAnAbandonedRunLetsGoAndSaysWhatItWrote(t *testing.T) {
	for name, row := range map[string]struct {
		steps int
		want  asr.State
	}{"before a write": {2, asr.StateFailed}, "after a write": {4, asr.StatePartly}} {
		t.Run(name, func(t *testing.T) {
			w, c := one(t, auto)
			id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
			for range row.steps {
				if _, err := w.engine.Step(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
			why := &asr.Error{Code: asr.CodeInternal, Message: "its workflow failed", Do: "look"}
			for range 2 { // the second finds nothing to do
				if err := w.engine.Abandon(t.Context(), id, why); err != nil {
					t.Fatal(err)
				}
			}
			r := w.run(id)
			w.expect(r, row.want)
			if r.Error.Message != why.Message || (r.Writes > 0) != (len(c.writes) > 0) || w.get("f1").Outcome != asr.OutcomeNotFixed {
				t.Errorf("error %+v, %d writes begun, made %v, finding %s", r.Error, r.Writes, c.writes, w.get("f1").Outcome)
			}
			again, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Finding: "f1"})
			if err != nil || again.ID == id {
				t.Errorf("the claim is not free: %v %v", again.ID, err)
			}
			if got := w.drive(again.ID); got.State != asr.StateVerified && got.State != asr.StateNothingToDo {
				t.Errorf("the next run ended %s: %+v", got.State, got.Error)
			}
		})
	}
}

func TestARunThatWaitsForAPersonIsNotAbandoned(t *testing.T) {
	w, _ := one(t, asking)
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	if err := w.engine.Abandon(t.Context(), r.ID, &asr.Error{Code: asr.CodeInternal, Message: "x"}); err != nil {
		t.Fatal(err)
	}
	w.expect(w.run(r.ID), asr.StateAwaiting)
}

// runbook asks as an automation execution does.
func runbook(execution string) asr.Ask {
	return asr.Ask{
		Actor: asr.Actor{Kind: "runbook", Name: "ssm:" + account + ":" + execution}, Control: "T.1", Account: account, Region: "eu-west-1",
		Resource: asr.Resource{ID: "arn:aws:test:eu-west-1:" + account + ":r"}, Reply: &asr.Reply{Account: account, Region: "eu-west-1", Execution: execution},
	}
}

func TestWhoAskedIsToldOfTheOutcome(t *testing.T) {
	w, _ := one(t, auto)
	first, err := w.engine.Request(t.Context(), runbook("e-1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, execution := range []string{"e-1", "e-2"} { // the same twice, and another
		r, err := w.engine.Request(t.Context(), runbook(execution))
		if err != nil || r.ID != first.ID {
			t.Fatalf("run %s, want %s: %v", r.ID, first.ID, err)
		}
	}
	w.expect(w.drive(first.ID), asr.StateVerified)
	var told []string
	for _, r := range w.messages() {
		if r.Channel == asr.ChannelRequester {
			told = append(told, r.Reply.Execution+" "+string(r.State))
		}
	}
	slices.Sort(told)
	if diff := cmp.Diff([]string{"e-1 verified", "e-2 verified"}, told); diff != "" {
		t.Error(diff)
	}
}

func TestARequestThatIsRefusedIsAnswered(t *testing.T) {
	off := fixed{asr.Decision{Mode: asr.ModeOff, Reason: asr.ReasonRule, Rule: "no", Why: "rule no"}, true}
	for name, row := range map[string]struct {
		policy asr.Policy
		ask    func(*asr.Ask)
		want   asr.Code
	}{
		"the policy says off":         {off, func(*asr.Ask) {}, asr.CodeNotAllowed},
		"a control that nobody knows": {auto, func(a *asr.Ask) { a.Control = "X.9" }, asr.CodeNoRemediation},
		"member A asks for member B":  {auto, func(a *asr.Ask) { a.Resource.ID = strings.Replace(a.Resource.ID, account, "222222222222", 1) }, asr.CodeBadTarget},
		"member A asks in B's Region": {auto, func(a *asr.Ask) { a.Region = "us-east-1" }, asr.CodeBadTarget},
		"a finding that isn't there":  {auto, func(a *asr.Ask) { a.Finding = "f-9" }, asr.CodeNotFound},
		"a resource of another kind":  {auto, func(a *asr.Ask) { a.Resource.ID = "vpc-1" }, asr.CodeBadTarget},
	} {
		t.Run(name, func(t *testing.T) {
			w, c := one(t, row.policy)
			ask := runbook("e-1")
			row.ask(&ask)
			if _, err := w.engine.Request(t.Context(), ask); asr.Classify(err) != row.want {
				t.Errorf("got %v, want %s", err, row.want)
			}
			if diff := cmp.Diff([]string{"cancelled " + string(row.want)}, w.told(asr.ChannelRequester)); diff != "" {
				t.Error(diff)
			}
			if len(c.writes) > 0 {
				t.Errorf("written: %v", c.writes)
			}
		})
	}
}

// covers: A3
func TestARunbookCanAskOnlyForFindingsOfItsOwnAccount(t *testing.T) {
	w, c := one(t, auto)
	c.docs["r222222222222"] = map[string]any{"name": "r"}
	w.engine = w.build(fixed{asr.Decision{Mode: asr.ModeOff, Reason: asr.ReasonNoRule, Why: "no rule"}, false}, c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`}))
	w.ingest(w.finding("f-b", "T.1", "r", func(o *asr.Observation) {
		o.Account, o.Resources[0].ID = "222222222222", "arn:aws:test:eu-west-1:222222222222:r"
	}))
	ask := runbook("e-1")
	ask.Finding = "f-b"
	if _, err := w.engine.Request(t.Context(), ask); asr.Classify(err) != asr.CodeNotFound {
		t.Errorf("account %s asked for a finding of another: %v", account, err)
	}
	if diff := cmp.Diff([]string{"cancelled not_found"}, w.told(asr.ChannelRequester)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsOnlyPlannedIsAnsweredAtOnce(t *testing.T) {
	w, _ := one(t, fixed{asr.Decision{Mode: asr.ModeObserve, Reason: asr.ReasonConsoleAction, Why: "observe"}, true})
	r, err := w.engine.Request(t.Context(), runbook("e-1"))
	if err != nil {
		t.Fatal(err)
	}
	w.expect(w.drive(r.ID), asr.StatePlanned)
	if diff := cmp.Diff([]string{"planned console_action"}, w.told(asr.ChannelRequester)); diff != "" {
		t.Error(diff)
	}
}

func TestACustomActionThatIsDeliveredTwiceAsksOnce(t *testing.T) {
	w, c := one(t, auto)
	action := w.finding("f1", "T.1", "r", func(o *asr.Observation) { o.Source, o.Action = asr.SourceCustomAction, asr.ActionTicket })
	id := w.ingest(action).Runs[0]
	r := w.drive(id)
	w.expect(r, asr.StateVerified)
	if in := w.ingest(action); len(in.Runs) > 0 || in.Duplicates != 1 {
		t.Errorf("the same event again: %+v", in)
	}
	if !r.Ticket || c.writes["tls"] != 1 {
		t.Errorf("ticket %v, writes %v", r.Ticket, c.writes)
	}
	w.jump(time.Minute)
	if in := w.ingest(w.finding("f1", "T.1", "r", func(o *asr.Observation) { o.Source, o.Action = asr.SourceCustomAction, asr.ActionRemediate })); len(in.Runs) != 1 {
		t.Errorf("a second click: %+v", in)
	}
}

func TestAnEventThatComesAgainSaysWhichRunIsOnItsWay(t *testing.T) {
	w, _ := one(t, auto)
	o := w.finding("f1", "T.1", "r")
	id := w.ingest(o).Runs[0]
	if in := w.ingest(o); in.Duplicates != 1 || !slices.Equal(in.Going, []string{id}) {
		t.Errorf("%+v: its start may have been lost", in)
	}
	w.drive(id)
	if in := w.ingest(o); in.Duplicates != 1 || len(in.Going) > 0 {
		t.Errorf("%+v: the run has ended", in)
	}
}

func TestExecutionsAreCountedOnce(t *testing.T) {
	w, _ := one(t, asking)
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	for _, ended := range []int{0, 0, 1, 0, 1} {
		if _, err := w.engine.Restart(t.Context(), r.ID, ended); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.run(r.ID).Starts; got != 2 {
		t.Errorf("%d executions have ended, want 2", got)
	}
}

// portions lets only so many commits of a store through.
type portions struct {
	asr.Store
	left int
}

func (p *portions) Commit(ctx context.Context, b *asr.Batch) error {
	if p.left--; p.left < 0 {
		return errors.New("the process died")
	}
	if len(b.Findings) > 40 {
		return fmt.Errorf("%d findings at once", len(b.Findings))
	}
	return p.Store.Commit(ctx, b)
}

func TestARunOfManyFindingsTellsThemInPortionsAndAllOfThemAfterACrash(t *testing.T) {
	w, c := one(t, auto)
	const many = 60
	var all []asr.Observation
	for i := range many {
		all = append(all, w.finding(fmt.Sprint("f", i), "T.1", "r"))
	}
	id := w.ingest(all...).Runs[0]
	for w.run(id).State != asr.StateSettling || w.run(id).Reads == 0 {
		next, err := w.engine.Step(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		w.jump(next.After)
	}
	for left := range 3 {
		dying := asr.New(asr.Config{Store: &portions{w.store, left}, Remediations: []asr.Remediation{c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`})}, Matcher: w, Policy: auto, Vault: mirror{}, Clock: w.clock, NewID: w.newID})
		if _, err := dying.Step(t.Context(), id); err == nil {
			t.Fatalf("%d commits were enough", left)
		}
		w.expect(w.run(id), asr.StateSettling)
	}
	w.expect(w.drive(id), asr.StateVerified)
	told := map[string]bool{}
	for _, r := range w.messages() {
		told[r.Finding] = true
	}
	for i := range many {
		if f := w.get(fmt.Sprint("f", i)); f.Outcome != asr.OutcomeFixed || !told[f.ID] {
			t.Errorf("%s is %s, told %v", f.ID, f.Outcome, told[f.ID])
		}
	}
}
