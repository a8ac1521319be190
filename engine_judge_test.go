package asr_test

import (
	"testing"
	"time"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

func TestWhatIsJudgedIsWhatIsThenDecided(t *testing.T) {
	status := func(s string) func(*asr.Observation) {
		return func(o *asr.Observation) { o.Status, o.WorkflowAt = s, o.At }
	}
	for _, test := range []struct {
		name   string
		before func(w *world, c *cloud) // what happened to the finding f1 before
		report func(*asr.Observation)   // what is reported of it now
		unit   func(*asr.Remediation)
		want   asr.Reason
	}{
		{name: "a new one", want: asr.ReasonRule},
		{name: "of a control without a remediation", report: func(o *asr.Observation) { o.Control = "X.1" }, want: asr.ReasonNoRemediation},
		{name: "of no resource", report: func(o *asr.Observation) { o.Resources[0].ID = "x" }, want: asr.ReasonBadTarget},
		{name: "what can't be put back", unit: func(r *asr.Remediation) { r.Spec.Irreversible = "it is gone" }, want: asr.ReasonIrreversible},
		{name: "of high risk", unit: func(r *asr.Remediation) { r.Spec.Risk = asr.RiskHigh }, want: asr.ReasonHighRisk},
		{name: "undone before", before: func(w *world, _ *cloud) {
			r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
			w.expect(w.revert(r.ID, false), asr.StateReverted)
		}, want: asr.ReasonReverted},
		{name: "suppressed", before: func(w *world, _ *cloud) { w.ingest(w.finding("f1", "T.1", "r")) }, report: status(asr.WorkflowSuppressed), want: asr.ReasonSuppressed},
		{name: "resolved", before: func(w *world, _ *cloud) { w.ingest(w.finding("f1", "T.1", "r")) }, report: status(asr.WorkflowResolved), want: asr.ReasonResolved},
		{name: "passing", before: func(w *world, _ *cloud) { w.ingest(w.finding("f1", "T.1", "r")) }, report: func(o *asr.Observation) { o.Compliance = asr.CompliancePassed }, want: asr.ReasonNotFailing},
		{name: "while a run is open", before: func(w *world, _ *cloud) { w.ingest(w.finding("f1", "T.1", "r")) }, want: asr.ReasonRule},
		{name: "failed before", before: func(w *world, c *cloud) {
			c.fail = func(op string, _ asr.On) error {
				if op == "write" {
					return &asr.Error{Code: asr.CodeDenied, Message: "no"}
				}
				return nil
			}
			w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
			c.fail = nil
		}, want: asr.ReasonFailedBefore},
	} {
		t.Run(test.name, func(t *testing.T) {
			unit := test.unit
			if unit == nil {
				unit = func(*asr.Remediation) {}
			}
			w, c := one(t, auto, unit)
			if test.before != nil {
				test.before(w, c)
			}
			w.jump(48 * time.Hour)
			o := w.finding("f1", "T.1", "r")
			if test.report != nil {
				test.report(&o)
			}
			f, _ := w.store.Finding(t.Context(), "f1") // there may be none yet
			f.Observe(o)
			head, _ := w.store.Head(t.Context(), "finding/f1") // nor this
			judged, err := w.engine.Judge(t.Context(), f, false)
			if err != nil {
				t.Fatal(err)
			}
			if after, _ := w.store.Head(t.Context(), "finding/f1"); after != head {
				t.Error("judging stored something")
			}
			w.ingest(o)
			got := w.get("f1")
			if diff := cmp.Diff(got.Decision, judged.Decision); diff != "" || got.Decision.Reason != test.want {
				t.Errorf("decided %s, want %s; judged otherwise: %s", got.Decision.Reason, test.want, diff)
			}
			if judged.Decision.Mode == asr.ModeOff {
				return
			}
			if claim := w.run(got.Run).Claim; claim != judged.Claim {
				t.Errorf("the run has the claim %s, judged %s", claim, judged.Claim)
			}
		})
	}
}

func TestAFixThatIsntConfirmedYetIsJudgedFixed(t *testing.T) {
	w, _ := one(t, auto)
	w.expect(w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0]), asr.StateVerified)
	j, err := w.engine.Judge(t.Context(), w.get("f1"), false)
	if err != nil || j.Decision.Mode != asr.ModeOff || j.Decision.Reason != asr.ReasonFixed || j.Facts.Control != "T.1" {
		t.Errorf("got %+v, %v", j, err)
	}
}
