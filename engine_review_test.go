package asr_test

// Each of these was a defect once.

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"example.com/asr"
)

type decides func(asr.Facts) asr.Decision

func (p decides) Decide(f asr.Facts) (asr.Decision, bool) { return p(f), false }

func (p decides) Params(asr.Facts) map[string]json.RawMessage { return nil }
func (decides) Limits() asr.Limits                            { return asr.DefaultLimits() }

func res(name string) asr.Resource {
	return asr.Resource{ID: "arn:aws:test:eu-west-1:" + account + ":" + name}
}

func resolving(u *asr.Remediation) {
	u.Spec.Internal = internal
	u.Resolve = func(_ context.Context, on asr.On) (asr.Target, error) {
		on.Target.Name, on.Target.ID = "r", res("r").ID
		return on.Target, nil
	}
}

func mustStatement(d json.RawMessage) json.RawMessage {
	var m map[string]json.RawMessage
	_ = json.Unmarshal(d, &m)
	return m["Statement"]
}

type troubled struct {
	asr.Store
	down bool
}

func (s *troubled) Setting(ctx context.Context, n string) (string, error) {
	if s.down {
		s.down = false
		return "", errors.New("database is locked")
	}
	return s.Store.Setting(ctx, n)
}

func TestAHashOfAnotherPlanHoldsANewRunBack(t *testing.T) {
	w, _ := one(t, auto)
	r, err := w.engine.Request(t.Context(), asr.Ask{Actor: bob, Control: "T.1", Resource: res("r"), Account: account, Region: "eu-west-1", Hash: "the hash of quite another plan"})
	if err != nil {
		t.Fatal(err)
	}
	r = w.drive(r.ID)
	if r.State != asr.StateAwaiting {
		t.Errorf("want awaiting_approval, got %s", r.State)
	}
}

func TestAnUnverifiedPersonApprovesNothingIrreversible(t *testing.T) {
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r", "tls": "secretvalue"}})
	w := newWorld(t, auto, c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`}, func(u *asr.Remediation) {
		u.Keep = func(asr.On, asr.Change) string { return "gone for good" }
	}))
	ask := asr.Ask{Actor: bob, Control: "T.1", Resource: res("r"), Account: account, Region: "eu-west-1", PlanOnly: true}
	r, err := w.engine.Request(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	r = w.drive(r.ID)
	if _, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, bob, ""); err == nil {
		t.Fatal("bob may approve?")
	}
	ask.PlanOnly, ask.Hash = false, r.Plan.Hash
	r, err = w.engine.Request(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	r = w.drive(r.ID)
	if r.State != asr.StateAwaiting {
		t.Errorf("state %s, approval %+v decision %+v", r.State, r.Approval, r.Decision)
	}
}

func TestARuleForTheResolvedNameIsObeyed(t *testing.T) {
	p := decides(func(f asr.Facts) asr.Decision {
		if f.Resource == res("r").ID {
			return asr.Decision{Mode: asr.ModeAsk, Reason: asr.ReasonRule, Rule: "prod", Why: "ask for r"}
		}
		return asr.Decision{Mode: asr.ModeAuto, Reason: asr.ReasonRule, Rule: "all", Why: "all"}
	})
	w, _ := one(t, p, func(u *asr.Remediation) {
		u.Spec.Internal = internal
		u.Resolve = func(_ context.Context, on asr.On) (asr.Target, error) {
			on.Target.Name, on.Target.ID = "r", res("r").ID
			return on.Target, nil
		}
	})
	r := w.drive(w.ingest(w.finding("f1", "T.1", "", func(o *asr.Observation) { o.Resources[0].ID = "db-ABC" })).Runs[0])
	if r.State != asr.StateAwaiting {
		t.Errorf("state %s", r.State)
	}
}

// covers: A1
func TestARunNeverMovesToAnotherAccount(t *testing.T) {
	w, _ := one(t, auto, func(u *asr.Remediation) {
		u.Spec.Internal = internal
		u.Resolve = func(_ context.Context, on asr.On) (asr.Target, error) {
			on.Target.Account = "222222222222"
			return on.Target, nil
		}
	})
	r := w.drive(w.ingest(w.finding("f1", "T.1", "", func(o *asr.Observation) { o.Resources[0].ID = "db-ABC" })).Runs[0])
	if r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeBadTarget || r.Target.Account != account {
		t.Errorf("%s of %s: %+v", r.State, r.Target.Account, r.Error)
	}
}

func TestAnUndoneFixOfAnInternalIDIsNotMadeAgain(t *testing.T) {
	w, _ := one(t, auto, resolving)
	id := func(o *asr.Observation) { o.Resources[0].ID = "db-ABC" }
	r := w.drive(w.ingest(w.finding("f1", "T.1", "", id)).Runs[0])
	w.expect(r, asr.StateVerified)
	if _, err := w.engine.Revert(t.Context(), r.ID, ada, false); err != nil {
		t.Fatal(err)
	}
	w.expect(w.drive(r.ID), asr.StateReverted)
	w.jump(13 * time.Hour)
	in := w.ingest(w.finding("f1", "T.1", "", id))
	if len(in.Runs) > 0 {
		t.Errorf("new run %v ends %s by itself after undo", in.Runs, w.drive(in.Runs[0]).State)
	}
}

func TestADuplicateHandsOnWhatAPersonAskedFor(t *testing.T) {
	obs := fixed{asr.Decision{Mode: asr.ModeObserve, Reason: asr.ReasonRule, Rule: "o", Why: "observe"}, false}
	w, c := one(t, obs, resolving)
	a := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	w.expect(a, asr.StatePlanned)
	r, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: "T.1", Resource: asr.Resource{ID: "db-ABC"}, Account: account, Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	r = w.drive(r.ID)
	if c.get("r" + account)["tls"] != "on" && w.run(a.ID).State == asr.StatePlanned {
		t.Errorf("asked run is %s (%v), other is %s", r.State, r.Error, w.drive(a.ID).State)
	}
}

func TestAnElementEditedUnderItsSidIsReached(t *testing.T) {
	from := json.RawMessage(`{"Statement":[{"Sid":"A","Effect":"Allow","Principal":"*"}]}`)
	to := json.RawMessage(`{"Statement":[{"Sid":"A","Effect":"Allow","Principal":"me"}]}`)
	ch, _ := asr.Diff(from, to)
	if _, err := asr.Merge(from, ch); err != nil {
		t.Error("from", err)
	}
	if _, err := asr.Merge(to, ch); err != nil {
		t.Error("again:", err)
	}
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r", "Statement": []any{map[string]any{"Sid": "A", "P": "*"}}}})
	w := newWorld(t, auto, c.unit("test-tls", map[string]string{"T.1": `{"Statement":[{"Sid":"A","P":"me"}]}`}, func(u *asr.Remediation) {
		u.Write = func(_ context.Context, on asr.On, from, to json.RawMessage) error {
			c.put("r"+account, "Statement", json.RawMessage(mustStatement(to)))
			return nil
		}
	}))
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	if r.State != asr.StateVerified {
		t.Errorf("%s %v", r.State, r.Error)
	}
}

func TestWhatIsEmptyAllTheWayDownIsAbsent(t *testing.T) {
	ch := []asr.Change{{Path: []string{"a", "b", "c"}, From: json.RawMessage(`1`)}}
	goal, err := asr.Merge(json.RawMessage(`{}`), ch)
	left, _ := asr.Diff(json.RawMessage(`{}`), goal)
	if err != nil || len(left) > 0 {
		t.Errorf("%s %v %v", goal, err, left)
	}
	left, _ = asr.Diff(json.RawMessage(`{"a":{"b":null}}`), json.RawMessage(`{}`))
	if len(left) > 0 {
		t.Error(left)
	}
}

func TestAValueThatKeepsChangingEndsTheRun(t *testing.T) {
	n := 0
	w, _ := one(t, auto, func(u *asr.Remediation) {
		u.Read = func(context.Context, asr.On) (json.RawMessage, error) {
			if n++; n%2 == 0 {
				return json.RawMessage(`{"s":[{"P":["a","b"]}]}`), nil
			}
			return json.RawMessage(`{"s":[{"P":["b","a"]}]}`), nil
		}
		u.Want = func(asr.On, json.RawMessage) (json.RawMessage, error) { return json.RawMessage(`{}`), nil }
	})
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	start := w.clock()
	for range 900 {
		next, err := w.engine.Step(t.Context(), id)
		if err != nil || next.Done {
			return
		}
		w.jump(next.After)
	}
	recs, _ := w.store.Records(t.Context(), id)
	t.Errorf("900 steps in %s, state %s, %d audit records, reads %d", w.clock().Sub(start), w.run(id).State, len(recs), n)
}

// covers: W16
func TestATroubledStoreEndsNoRun(t *testing.T) {
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r"}})
	u := c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`})
	w := newWorld(t, auto, u)
	w.engine = asr.New(asr.Config{Store: &troubled{w.store, true}, Remediations: []asr.Remediation{u}, Matcher: w, Policy: auto, Vault: mirror{}, Clock: w.clock, NewID: w.newID})
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	for range 20 {
		n, err := w.engine.Step(t.Context(), id)
		if err == nil && n.Done {
			break
		}
		w.jump(n.After + 1)
	}
	if r := w.run(id); r.State != asr.StateVerified {
		t.Errorf("%s writes %d %v", r.State, r.Writes, r.Error)
	}
}

func TestAGoneResourceThatFailsAgainIsNotCalledFixed(t *testing.T) {
	w, c := one(t, auto)
	c.docs = map[string]map[string]any{}
	w.expect(w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0]), asr.StateNothingToDo)
	w.jump(time.Minute)
	w.ingest(w.finding("f1", "T.1", "r"))
	for _, m := range w.messages() {
		t.Log(m.Workflow, m.Note)
	}
	if o := w.get("f1").Outcome; o == asr.OutcomeStillFailed {
		t.Error(o)
	}
}

func TestWhatAFailingWriteMadeCanBeUndone(t *testing.T) {
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r"}})
	w := newWorld(t, auto, c.unit("test-tls", map[string]string{"T.1": `{"topic":"t","alarm":"a"}`}, func(u *asr.Remediation) {
		u.Makes = func(_ asr.On, ch asr.Change) string {
			return "arn:" + ch.Path[0]
		}
		u.Write = func(_ context.Context, on asr.On, from, to json.RawMessage) error {
			c.put("r"+account, "topic", "t")
			return &asr.Error{Code: asr.CodeDenied, Message: "no PutMetricAlarm"}
		}
	}))
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	_, err := w.engine.Revert(t.Context(), r.ID, ada, false)
	if err != nil || len(r.Made) == 0 {
		t.Errorf("%s made %v intent %+v revert: %v", r.State, r.Made, r.Intent, err)
	}
}

// What is made on the way and is gone in the end stands in no plan.
func TestAFailureAfterAWriteThatWasAcceptedDoesntSayThatNothingWasChanged(t *testing.T) {
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r"}})
	w := newWorld(t, auto, c.unit("test-tls", map[string]string{"T.1": `{"copy":"encrypted"}`}, func(u *asr.Remediation) {
		u.Write = func(context.Context, asr.On, json.RawMessage, json.RawMessage) error {
			if c.get("r" + account)["scaffold"] != nil {
				return &asr.Error{Code: asr.CodeDenied, Message: "no snapshot of the scaffold"}
			}
			c.put("r"+account, "scaffold", "there")
			return nil
		}
	}))
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	if r.State != asr.StatePartly || r.Error.Code != asr.CodeDenied {
		t.Errorf("the run ended %s: %+v, want partly_applied", r.State, r.Error)
	}
}

func TestAnUndoRefusedHalfwayIsNotCalledVerified(t *testing.T) {
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r", "a": "0", "b": "0"}})
	w := newWorld(t, auto, c.unit("test-tls", map[string]string{"T.1": `{"a":"1","b":"1"}`}, func(u *asr.Remediation) {
		wr := u.Write
		u.Write = func(ctx context.Context, on asr.On, from, to json.RawMessage) error {
			var m map[string]any
			json.Unmarshal(to, &m)
			if m["a"] == "0" {
				c.put("r"+account, "a", "0")
				return asr.Refuse("b is in use", "")
			}
			return wr(ctx, on, from, to)
		}
	}))
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	w.engine.Revert(t.Context(), r.ID, ada, false)
	r = w.drive(r.ID)
	if r.State == asr.StateVerified {
		t.Errorf("%s though a is %v; finding %s", r.State, c.get("r" + account)["a"], w.get("f1").Outcome)
	}
}

func TestAChangeOfTheWholeStateCanBeUndone(t *testing.T) {
	c := newCloud(nil)
	doc := json.RawMessage(`null`)
	w := newWorld(t, auto, c.unit("test-tls", map[string]string{"T.1": `{"x":1}`, "T.2": `{"x":2}`}, func(u *asr.Remediation) {
		u.Read = func(context.Context, asr.On) (json.RawMessage, error) { return doc, nil }
		u.Want = func(on asr.On, _ json.RawMessage) (json.RawMessage, error) { return on.Params, nil }
		u.Write = func(_ context.Context, _ asr.On, _, to json.RawMessage) error { doc = to; return nil }
	}))
	a := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	doc = json.RawMessage(`null`)
	b := w.drive(w.ingest(w.finding("f2", "T.2", "r")).Runs[0])
	t.Log(a.State, b.State, b.Plan.Changes)
	defer func() {
		if p := recover(); p != nil {
			t.Error("panic", p)
		}
	}()
	w.engine.Revert(t.Context(), a.ID, ada, false)
}

func TestARuleThatTurnsToAskIsObeyedBeforeTheFirstWrite(t *testing.T) {
	mode := asr.ModeAuto
	w, _ := one(t, decides(func(asr.Facts) asr.Decision { return asr.Decision{Mode: mode, Reason: asr.ReasonRule, Why: "x"} }))
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	mode = asr.ModeAsk
	if r := w.drive(id); r.State != asr.StateAwaiting {
		t.Error(r.State)
	}
}

func TestAnUndoneFixWithAConfigRulesParametersIsNotMadeAgain(t *testing.T) {
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r"}})
	w := newWorld(t, auto, c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`}))
	w.rules = rules{"r1": `{"tls":"strict"}`}
	w.engine = w.build(auto, c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`}))
	rule := func(o *asr.Observation) { o.Rule = "r1" }
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r", rule)).Runs[0])
	w.expect(r, asr.StateVerified)
	w.engine.Revert(t.Context(), r.ID, ada, false)
	w.expect(w.drive(r.ID), asr.StateReverted)
	w.jump(13 * time.Hour)
	in := w.ingest(w.finding("f1", "T.1", "r", rule))
	if len(in.Runs) > 0 {
		t.Errorf("new run %v ends %s, tls %v", in.Runs, w.drive(in.Runs[0]).State, c.get("r" + account)["tls"])
	}
}

// covers: W24
func TestAPolicyThatIsGoneStopsWhatHasNotBegun(t *testing.T) {
	d := asr.Decision{Mode: asr.ModeAuto, Reason: asr.ReasonRule}
	w, _ := one(t, decides(func(asr.Facts) asr.Decision { return d }))
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	d = asr.Decision{Mode: asr.ModeOff, Reason: asr.ReasonNoRule}
	if r := w.drive(id); r.State == asr.StateVerified {
		t.Error(r.State)
	}
}

func TestAPanicInAUnitIsAnErrorOfItsRun(t *testing.T) {
	w, _ := one(t, auto, func(u *asr.Remediation) {
		u.Read = func(context.Context, asr.On) (json.RawMessage, error) {
			panic("an odd resource")
		}
	})
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic leaves Step: %v; run still %s", p, w.run(id).State)
		}
	}()
	w.engine.Step(t.Context(), id)
}

func TestANoteIsMadeOnce(t *testing.T) {
	n := 0
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r"}})
	u := c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`}, func(u *asr.Remediation) {
		u.Resolve = func(_ context.Context, on asr.On) (asr.Target, error) {
			if n++; n < 6 {
				return on.Target, &asr.Error{Code: asr.CodeThrottled}
			}
			return on.Target, nil
		}
	})
	w := newWorld(t, auto, u)
	w.rules = rules{}
	w.engine = w.build(auto, u)
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r", func(o *asr.Observation) { o.Rule = "denied" })).Runs[0])
	if len(r.Notes) != 1 {
		t.Error(len(r.Notes), r.Plan.Warnings)
	}
}

func TestWaitingForTheKillSwitchIsNoTry(t *testing.T) {
	w, c := one(t, auto)
	w.engine.Kill(t.Context(), ada, "stop")
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	for range 80 {
		n, _ := w.engine.Step(t.Context(), id)
		w.jump(n.After + 1)
	}
	w.engine.Kill(t.Context(), ada, "")
	once := true
	c.fail = func(op string, _ asr.On) error {
		if op == "write" && once {
			once = false
			return &asr.Error{Code: asr.CodeThrottled, Message: "slow"}
		}
		return nil
	}
	if r := w.drive(id); r.State != asr.StateVerified {
		t.Errorf("%s %v", r.State, r.Error)
	}
}

func TestSuppressedIsNeverOurEcho(t *testing.T) {
	askp := fixed{asr.Decision{Mode: asr.ModeAsk, Reason: asr.ReasonRule, Rule: "a", Why: "a"}, false}
	w, c := one(t, askp)
	_ = c
	id := w.ingest(w.finding("f1", "T.1", "r", func(o *asr.Observation) { o.Note = asr.Note{Text: "asr found nothing to do", By: asr.NoteAuthor} })).Runs[0]
	w.expect(w.drive(id), asr.StateAwaiting)
	w.jump(time.Second)
	w.ingest(w.finding("f1", "T.1", "r", func(o *asr.Observation) {
		o.UpdatedAt = o.UpdatedAt.Add(-time.Hour)
		o.Status = asr.WorkflowSuppressed
		o.Note = asr.Note{Text: "asr found nothing to do", By: asr.NoteAuthor}
	}))
	if s := w.run(id).State; s != asr.StateCancelled {
		t.Error(s, w.get("f1").Status)
	}
}

func TestAHashOfAnotherPlanHoldsAClaimedRunBack(t *testing.T) {
	w, _ := one(t, auto)
	w.ingest(w.finding("f1", "T.1", "r"))
	r, err := w.engine.Request(t.Context(), asr.Ask{Actor: bob, Finding: "f1", Hash: "another"})
	if err != nil {
		t.Fatal(err)
	}
	if r = w.drive(r.ID); r.State != asr.StateAwaiting {
		t.Error(r.State)
	}
}

// late holds one status back until it is let go.
type late struct {
	hold string
	sent []string
}

func (l *late) Report(_ context.Context, r asr.Report) error {
	if r.Workflow == l.hold {
		return &asr.Error{Code: asr.CodeThrottled}
	}
	l.sent = append(l.sent, r.Workflow)
	return nil
}

func TestAReportThatWasOvertakenIsNotSent(t *testing.T) {
	w, _ := one(t, auto)
	id := w.fix("f1", "T.1").ID
	to := &late{hold: asr.WorkflowResolved}
	deliver := func() {
		if _, err := w.engine.Deliver(t.Context(), to, asr.Pending{}); err != nil {
			t.Fatal(err)
		}
		w.jump(time.Hour)
	}
	deliver()
	w.expect(w.revert(id, false), asr.StateReverted)
	deliver()
	to.hold = ""
	deliver()
	if len(to.sent) != 1 || to.sent[0] != asr.WorkflowNew {
		t.Errorf("sent %v, want NEW alone", to.sent)
	}
}

func TestARejectedPlanIsNotMadeAgainByItself(t *testing.T) {
	ask := fixed{asr.Decision{Mode: asr.ModeAsk, Reason: asr.ReasonRule, Why: "rule"}, false}
	w, _ := one(t, ask)
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	w.drive(id)
	if _, err := w.engine.Reject(t.Context(), id, ada, "we want it so"); err != nil {
		t.Fatal(err)
	}
	w.jump(12 * time.Hour)
	if in := w.ingest(w.finding("f1", "T.1", "r")); len(in.Runs) != 0 || w.get("f1").Decision.Reason != asr.ReasonRejected {
		t.Errorf("started %v: %+v", in.Runs, w.get("f1").Decision)
	}
}

func TestAPlanThatWasSeenIsNoAnswerToWhatAlwaysAsks(t *testing.T) {
	w, c := one(t, auto, func(u *asr.Remediation) {
		u.Keep = func(asr.On, asr.Change) string { return "the password is not known" }
	})
	c.put("r"+account, "tls", "old")
	ask := asr.Ask{Actor: ada, Control: "T.1", Resource: res("r"), PlanOnly: true}
	r, err := w.engine.Request(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	ask.PlanOnly, ask.Hash = false, w.drive(r.ID).Plan.Hash
	if r, err = w.engine.Request(t.Context(), ask); err != nil {
		t.Fatal(err)
	}
	w.expect(w.drive(r.ID), asr.StateAwaiting)
}
