package asr_test

import (
	"testing"
	"time"

	"example.com/asr"
)

func TestDuplicatesCostNothing(t *testing.T) {
	w, _ := one(t, auto)
	o := w.finding("f1", "T.1", "r")
	w.ingest(o)
	version := w.get("f1").Version
	in := w.ingest(o, o, o)
	if in.Duplicates != 3 || w.get("f1").Version != version {
		t.Errorf("%+v, version %d, was %d", in, w.get("f1").Version, version)
	}
}

// The clocks: what the provider says is newer by UpdatedAt, what people say by
// their event's time, in whatever order both arrive.
// covers: A18
func TestTwoClocks(t *testing.T) {
	base := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	report := func(updated, sent int, compliance, status string) asr.Observation {
		return asr.Observation{
			ID: "f", At: base.Add(time.Duration(sent) * time.Minute),
			Provider: asr.Provider{Compliance: compliance, RecordState: asr.RecordActive, UpdatedAt: base.Add(time.Duration(updated) * time.Minute)},
			Workflow: asr.Workflow{Status: status},
		}
	}
	for name, c := range map[string]struct {
		next               asr.Observation
		provider, workflow bool
		compliance, status string
	}{
		"the same again":                      {report(0, 0, "FAILED", "NEW"), false, false, "FAILED", "NEW"},
		"suppressed, and UpdatedAt as it was": {report(0, 5, "FAILED", "SUPPRESSED"), false, true, "FAILED", "SUPPRESSED"},
		"a new check":                         {report(5, 5, "PASSED", "NEW"), true, false, "PASSED", "NEW"},
		"both":                                {report(5, 5, "PASSED", "RESOLVED"), true, true, "PASSED", "RESOLVED"},
		"an old check in a late event":        {report(-5, 5, "PASSED", "NOTIFIED"), false, true, "FAILED", "NOTIFIED"},
		"a new check in an event that was overtaken": {report(5, -5, "PASSED", "SUPPRESSED"), true, false, "PASSED", "NEW"},
	} {
		t.Run(name, func(t *testing.T) {
			var f asr.Finding
			f.Observe(report(0, 0, "FAILED", "NEW"))
			f.Version = 1
			provider, workflow := f.Observe(c.next)
			if provider != c.provider || workflow != c.workflow || f.Compliance != c.compliance || f.Status != c.status {
				t.Errorf("moved %v %v to %s %s, want %v %v to %s %s", provider, workflow, f.Compliance, f.Status, c.provider, c.workflow, c.compliance, c.status)
			}
		})
	}
}

// covers: W17
func TestAPersonsSuppressedStopsARunThatHasNotBegun(t *testing.T) {
	for _, status := range []string{asr.WorkflowSuppressed, asr.WorkflowResolved} {
		w, c := one(t, auto)
		o := w.finding("f1", "T.1", "r")
		id := w.ingest(o).Runs[0]
		w.jump(time.Minute)
		o.Status, o.At = status, w.clock() // UpdatedAt is as it was
		w.ingest(o)
		w.expect(w.run(id), asr.StateCancelled)
		if f := w.get("f1"); f.Decision.Mode != asr.ModeOff || f.Outcome != asr.OutcomeOpen || len(c.writes) != 0 {
			t.Errorf("%s: decision %+v, outcome %s", status, f.Decision, f.Outcome)
		}
		w.jump(time.Minute)
		o.Status, o.At = asr.WorkflowNew, w.clock()
		if in := w.ingest(o); len(in.Runs) != 1 {
			t.Errorf("%s: taken back, it starts %v", status, in.Runs)
		}
	}
}

func TestAPersonsStatusUnderOurOwnNoteIsNoEcho(t *testing.T) {
	w, c := one(t, nil)
	c.fail = func(op string, _ asr.On) error {
		if op == "write" {
			return &asr.Error{Code: asr.CodeDenied, Do: "look"}
		}
		return nil
	}
	o := w.finding("f1", "T.1", "r")
	w.ingest(o)
	w.jump(time.Minute)
	o.Note = asr.Note{By: asr.NoteAuthor, Text: "asr did not fix this"}
	o.UserFields = map[string]string{asr.FieldWorkflow: asr.WorkflowNotified}
	o.Status, o.At = asr.WorkflowSuppressed, w.clock()
	w.ingest(o)
	if d := w.get("f1").Decision; d.Reason != asr.ReasonSuppressed {
		t.Errorf("decision %+v, want %s", d, asr.ReasonSuppressed)
	}
}

// covers: W17
func TestARunThatOthersWantGoesOnWithoutASuppressedFinding(t *testing.T) {
	w, _ := one(t, auto)
	o := w.finding("f1", "T.1", "r")
	id := w.ingest(o, w.finding("f2", "T.1", "r")).Runs[0]
	o.Status, o.At = asr.WorkflowSuppressed, o.At.Add(time.Minute)
	w.ingest(o)
	r := w.drive(id)
	w.expect(r, asr.StateVerified)
	if m := w.messages(); len(m) != 1 || m[0].Finding != "f2" {
		t.Errorf("reports %+v", m)
	}
}

// covers: W4
func TestOurOwnEchoStartsNothing(t *testing.T) {
	w, c := one(t, auto)
	c.fail = func(op string, _ asr.On) error {
		if op == "write" {
			return &asr.Error{Code: asr.CodeDenied, Do: "look"}
		}
		return nil
	}
	o := w.finding("f1", "T.1", "r")
	w.drive(w.ingest(o).Runs[0])
	w.jump(time.Minute)
	o.Status, o.Note, o.At = asr.WorkflowNotified, asr.Note{By: asr.NoteAuthor, Text: "asr did not fix this"}, w.clock()
	if in := w.ingest(o); len(in.Runs) != 0 {
		t.Errorf("the echo started %v", in.Runs)
	}
}

// W4 of the system that asr replaces: a failed finding was announced again at
// each evaluation.
// covers: W4
func TestAFailedFixIsNotTriedAgainByItself(t *testing.T) {
	w, c := one(t, auto)
	c.fail = func(op string, _ asr.On) error {
		if op == "write" {
			return &asr.Error{Code: asr.CodeDenied, Do: "look"}
		}
		return nil
	}
	w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	for range 5 {
		w.jump(12 * time.Hour)
		if in := w.ingest(w.finding("f1", "T.1", "r")); len(in.Runs) != 0 {
			t.Fatalf("started %v", in.Runs)
		}
	}
	if f := w.get("f1"); f.Decision.Reason != asr.ReasonFailedBefore || len(w.messages()) != 1 {
		t.Errorf("decision %+v, %d reports", f.Decision, len(w.messages()))
	}
	c.fail = nil
	r, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Finding: "f1"})
	if err != nil {
		t.Fatal(err)
	}
	w.expect(w.drive(r.ID), asr.StateVerified)
}

// covers: W5
func TestPassedClosesAndConfirms(t *testing.T) {
	w, _ := one(t, auto)
	passed := func(o *asr.Observation) { o.Compliance = asr.CompliancePassed }
	if in := w.ingest(w.finding("never failed", "T.1", "r", passed)); in.Passing != 1 {
		t.Errorf("a finding that never failed is kept: %+v", in)
	}
	w.ingest(w.finding("closed", "T.1", "r"))
	w.jump(time.Hour)
	w.ingest(w.finding("closed", "T.1", "r", passed))
	if f := w.get("closed"); f.Outcome != asr.OutcomeClosed {
		t.Errorf("a finding that passes is %s", f.Outcome)
	}
	w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	w.jump(time.Hour)
	w.ingest(w.finding("f1", "T.1", "r", passed))
	if f := w.get("f1"); f.Outcome != asr.OutcomeConfirmed {
		t.Errorf("a fixed finding that passes is %s", f.Outcome)
	}
	id := w.ingest(w.finding("f2", "T.2", "r")).Runs[0]
	w.jump(time.Hour)
	w.ingest(w.finding("f2", "T.2", "r", func(o *asr.Observation) { o.RecordState = asr.RecordArchived }))
	w.expect(w.run(id), asr.StateCancelled)
}

// covers: W5
func TestStillFailedLongAfterAFix(t *testing.T) {
	w, _ := one(t, auto)
	w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	for hours, want := range map[int]asr.Outcome{1: asr.OutcomeFixed, 30: asr.OutcomeStillFailed} {
		w.jump(time.Duration(hours) * time.Hour)
		o := w.finding("f1", "T.1", "r")
		o.Status = asr.WorkflowResolved
		if hours == 1 {
			w.ingest(o)
		}
		if hours == 30 {
			w.ingest(o)
		}
		if f := w.get("f1"); hours == 30 && f.Outcome != want {
			t.Errorf("after %d hours it is %s", hours, f.Outcome)
		}
	}
	told := false
	for _, m := range w.messages() {
		told = told || m.Workflow == asr.WorkflowNotified
	}
	if !told {
		t.Error("nobody was told")
	}
}

// covers: W19
func TestAnotherStandardsFindingOfWhatIsFixedStartsNothing(t *testing.T) {
	w, _ := one(t, auto)
	other := w.finding("f2", "T.1", "r") // its check looked before the fix
	w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	if in := w.ingest(other); len(in.Runs) != 0 || w.get("f2").Outcome != asr.OutcomeFixed || w.get("f2").Decision.Reason != asr.ReasonFixed {
		t.Errorf("started %v, finding %+v", in.Runs, w.get("f2"))
	}
}

func TestEachDecisionHasOneReason(t *testing.T) {
	mode := func(m asr.Mode, r asr.Reason) fixed { return fixed{asr.Decision{Mode: m, Reason: r, Why: "x"}, false} }
	high := func(u *asr.Remediation) { u.Spec.Risk, u.Spec.RiskWhy = asr.RiskHigh, "it stops" }
	forever := func(u *asr.Remediation) { u.Spec.Irreversible = "gone is gone" }
	plain := func(*asr.Remediation) {}
	action := func(name string) func(*asr.Observation) {
		return func(o *asr.Observation) { o.Source, o.Action = asr.SourceCustomAction, name }
	}
	for name, c := range map[string]struct {
		policy  asr.Policy
		unit    func(*asr.Remediation)
		finding func(*asr.Observation)
		mode    asr.Mode
		reason  asr.Reason
	}{
		"no policy":               {nil, plain, nil, asr.ModeOff, asr.ReasonNoPolicy},
		"a rule":                  {auto, plain, nil, asr.ModeAuto, asr.ReasonRule},
		"a rule that says off":    {mode(asr.ModeOff, asr.ReasonRule), plain, nil, asr.ModeOff, asr.ReasonRule},
		"no remediation":          {auto, plain, func(o *asr.Observation) { o.Control = "Other.1" }, asr.ModeOff, asr.ReasonNoRemediation},
		"not its resource":        {auto, plain, func(o *asr.Observation) { o.Resources[0].ID = "what" }, asr.ModeOff, asr.ReasonBadTarget},
		"another account's":       {auto, plain, func(o *asr.Observation) { o.Account = "222222222222" }, asr.ModeOff, asr.ReasonBadTarget},
		"irreversible":            {auto, forever, nil, asr.ModeAsk, asr.ReasonIrreversible},
		"irreversible and named":  {fixed{auto.d, true}, forever, nil, asr.ModeAsk, asr.ReasonIrreversible},
		"high risk":               {auto, high, nil, asr.ModeAsk, asr.ReasonHighRisk},
		"high risk and named":     {fixed{auto.d, true}, high, nil, asr.ModeAuto, asr.ReasonRule},
		"suppressed":              {auto, plain, func(o *asr.Observation) { o.Status = asr.WorkflowSuppressed }, asr.ModeOff, asr.ReasonSuppressed},
		"console, plan only":      {mode(asr.ModeAuto, asr.ReasonConsoleAction), plain, action("Plan with ASR"), asr.ModeObserve, asr.ReasonConsoleAction},
		"console, and off stands": {mode(asr.ModeOff, asr.ReasonRule), plain, action("Remediate with ASR"), asr.ModeOff, asr.ReasonRule},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := one(t, c.policy, c.unit)
			var change []func(*asr.Observation)
			if c.finding != nil {
				change = append(change, c.finding)
			}
			w.ingest(w.finding("f1", "T.1", "r", change...))
			d := w.get("f1").Decision
			if d.Mode != c.mode || d.Reason != c.reason || d.Why == "" || d.At.IsZero() {
				t.Errorf("decision %+v, want %s %s", d, c.mode, c.reason)
			}
			records, err := w.store.Records(t.Context(), "finding/f1")
			if err != nil || len(records) != 1 || records[0].Reason != string(c.reason) {
				t.Errorf("records %+v %v", records, err)
			}
		})
	}
}

func TestAStrongerDecisionTakesAPlannedRunFurther(t *testing.T) {
	w, _ := one(t, nil)
	plan, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: "T.1", Resource: asr.Resource{ID: "arn:aws:test:eu-west-1:" + account + ":r"}, PlanOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	planned := w.drive(plan.ID)
	w.expect(planned, asr.StatePlanned)
	r, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: "T.1", Resource: asr.Resource{ID: "arn:aws:test:eu-west-1:" + account + ":r"}, Hash: planned.Plan.Hash})
	if err != nil || r.ID != plan.ID {
		t.Fatalf("run %s, was %s: %v", r.ID, plan.ID, err)
	}
	done := w.drive(r.ID)
	w.expect(done, asr.StateVerified)
	if done.Approval == nil || done.Approval.Hash != planned.Plan.Hash {
		t.Errorf("approval %+v", done.Approval)
	}
}

func TestAPersonIsToldWhatThePolicyRefuses(t *testing.T) {
	w, _ := one(t, fixed{asr.Decision{Mode: asr.ModeOff, Reason: asr.ReasonRule, Rule: "never", Why: "rule never"}, false})
	_, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: "T.1", Resource: asr.Resource{ID: "arn:aws:test:eu-west-1:" + account + ":r"}})
	if asr.Classify(err) != asr.CodeNotAllowed || asr.Advice(err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestThePolicyIsAskedOnceMoreBeforeTheFirstWrite(t *testing.T) {
	changing := &changing{auto}
	w, c := one(t, changing)
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	changing.fixed = fixed{asr.Decision{Mode: asr.ModeOff, Reason: asr.ReasonRule, Why: "a freeze"}, false}
	w.expect(w.drive(id), asr.StateCancelled)
	if len(c.writes) != 0 {
		t.Errorf("writes %v", c.writes)
	}
}

type changing struct{ fixed }

func TestExplainTellsTheDecisionAndStoresNothing(t *testing.T) {
	w, _ := one(t, auto)
	ask := asr.Ask{Actor: ada, Control: "T.1", Resource: asr.Resource{ID: "arn:aws:test:eu-west-1:" + account + ":r"}}
	facts, d, err := w.engine.Explain(t.Context(), ask)
	if err != nil || d.Mode != asr.ModeAuto || facts.Control != "T.1" || facts.Region != "eu-west-1" {
		t.Errorf("facts %+v, decision %+v, %v", facts, d, err)
	}
	runs, _, err := w.store.Runs(t.Context(), asr.RunQuery{})
	if err != nil || len(runs) != 0 {
		t.Errorf("runs %v, %v", runs, err)
	}
	w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	w.expect(w.revert(w.run("r-1").ID, false), asr.StateReverted)
	if _, d, err = w.engine.Explain(t.Context(), ask); err != nil || d.Reason != asr.ReasonReverted {
		t.Errorf("after an undo: %+v, %v", d, err)
	}
}
