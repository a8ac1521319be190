package asr_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asr"
	"pgregory.net/rapid"
)

const sts = "arn:aws:sts::111111111111:assumed-role/"

func person(name string) asr.Actor { return asr.Actor{Kind: "person", Name: name, Verified: true} }

// wanting is a policy whose one rule asks, and wants this of approvals.
func wanting(c asr.Consent) fixed {
	return fixed{asr.Decision{Mode: asr.ModeAsk, Reason: asr.ReasonRule, Rule: c.Rule, Why: "rule " + c.Rule, Consents: []asr.Consent{c}}, false}
}

func awaiting(t *testing.T, c asr.Consent) (*world, *cloud, asr.Run) {
	w, cl := one(t, wanting(c))
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	w.expect(r, asr.StateAwaiting)
	return w, cl, r
}

func TestARunGoesOnWithTheLastApprovalThatItsRuleWants(t *testing.T) {
	w, _, r := awaiting(t, asr.Consent{Rule: "two", Need: 2})
	for i, by := range []asr.Actor{ada, person(sts + "Admin/eve")} {
		got, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, by, "")
		if err != nil || len(got.Approvals) != i+1 || got.Approval.By != by {
			t.Fatalf("got %+v, %v", got.Approvals, err)
		}
		if want := []asr.State{asr.StateAwaiting, asr.StateScheduled}[i]; got.State != want {
			t.Fatalf("after %d approvals it is %s", i+1, got.State)
		}
	}
	w.expect(w.drive(r.ID), asr.StateVerified)
}

func TestWhoMayNotApproveIsTold(t *testing.T) {
	anna := sts + "AWSReservedSSO_Admin_0123/anna"
	for _, test := range []struct {
		name    string
		consent asr.Consent
		before  string // who approved already
		by      string
		want    string // "": it counts
	}{
		{"a stranger", asr.Consent{Rule: "x", By: []string{"arn:aws:iam::*:user/ada"}}, "", sts + "Admin/eve", "is no approver of the rule x"},
		{"somebody by a pattern", asr.Consent{Rule: "x", By: []string{"arn:aws:iam::*:user/*"}}, "", "arn:aws:iam::111111111111:user/eve", ""},
		{"the same person twice", asr.Consent{Rule: "x", Need: 2}, ada.Name, ada.Name, "has approved it already"},
		{"a role's other session, whose name anybody chooses", asr.Consent{Rule: "x", Need: 2}, sts + "Admin/eve", sts + "Admin/mallory", "has approved it already"},
		{"one user of Identity Center with another role", asr.Consent{Rule: "x", Need: 2}, anna, sts + "AWSReservedSSO_Read_4567/anna", "has approved it already"},
		{"another user of Identity Center with the same role", asr.Consent{Rule: "x", Need: 2}, anna, sts + "AWSReservedSSO_Admin_0123/berta", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, _, r := awaiting(t, test.consent)
			if test.before != "" {
				if _, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, person(test.before), ""); err != nil {
					t.Fatal(err)
				}
			}
			_, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, person(test.by), "")
			if test.want == "" && err != nil || test.want != "" && (asr.Classify(err) != asr.CodeNotAllowed || !strings.Contains(err.Error(), test.want) || asr.Advice(err) == "") {
				t.Errorf("got %v", err)
			}
			if test.want == "" {
				w.expect(w.drive(r.ID), asr.StateVerified)
			}
		})
	}
}

func TestUnderFourEyesTheRequesterDoesNotApprove(t *testing.T) {
	w, c := one(t, wanting(asr.Consent{Rule: "x", FourEyes: true}))
	asked, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: "T.1", Resource: res("r")})
	if err != nil {
		t.Fatal(err)
	}
	r := w.drive(asked.ID)
	w.expect(r, asr.StateAwaiting)
	if _, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, ada, ""); asr.Classify(err) != asr.CodeNotAllowed || len(c.writes) > 0 {
		t.Errorf("got %v, writes %v", err, c.writes)
	}
	if _, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, person("arn:aws:iam::111111111111:user/eve"), ""); err != nil {
		t.Fatal(err)
	}
	w.expect(w.drive(r.ID), asr.StateVerified)
}

func TestAPolicyThatWantsMoreApprovalsByThenGetsThem(t *testing.T) {
	d := wanting(asr.Consent{Rule: "x"}).d
	w, c := one(t, decides(func(asr.Facts) asr.Decision { return d }))
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	if _, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, ada, ""); err != nil {
		t.Fatal(err)
	}
	d.Consents = []asr.Consent{{Rule: "x", Need: 2}}
	r = w.drive(r.ID)
	if r.State != asr.StateAwaiting || len(c.writes) > 0 {
		t.Errorf("got %s, writes %v", r.State, c.writes)
	}
	if _, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, person("arn:aws:iam::111111111111:user/eve"), ""); err != nil {
		t.Fatal(err)
	}
	w.expect(w.drive(r.ID), asr.StateVerified)
}

// TestNoRunIsCarriedOutWithFewerApprovalsThanItsRuleWants tries orders of
// approvals, changes of the resource and steps.
func TestNoRunIsCarriedOutWithFewerApprovalsThanItsRuleWants(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		need := rapid.IntRange(1, 3).Draw(rt, "need")
		w, c, r := awaiting(t, asr.Consent{Rule: "x", Need: need, By: []string{"*:user/*"}})
		yes := map[string]map[string]bool{} // plan → who approved it
		for i := range rapid.IntRange(1, 25).Draw(rt, "acts") {
			switch act := rapid.IntRange(0, 6).Draw(rt, "act"); {
			case act <= 3:
				by := person(rapid.SampledFrom([]string{"arn:aws:iam::1:user/a", "arn:aws:iam::1:user/b", "arn:aws:iam::1:user/c", "arn:aws:iam::1:role/d"}).Draw(rt, "who"))
				by.Verified = rapid.IntRange(0, 4).Draw(rt, "verified") > 0
				if _, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, by, ""); err == nil {
					if yes[r.Plan.Hash] == nil {
						yes[r.Plan.Hash] = map[string]bool{}
					}
					yes[r.Plan.Hash][by.Name] = true
				}
			case act == 4 && len(c.writes) == 0:
				c.put("r"+account, "tls", fmt.Sprint("off", i))
			default:
				r = w.drive(r.ID)
			}
		}
		r = w.run(r.ID)
		if c.writes["tls"] > 1 {
			rt.Fatalf("it was carried out %d times", c.writes["tls"])
		}
		if c.writes["tls"] > 0 && len(yes[r.Plan.Hash]) < need {
			rt.Fatalf("carried out with the approvals %v of %s, needs %d", yes, r.Plan.Hash, need)
		}
	})
}

func TestApprovalsAtOnceCarryARunOutOnce(t *testing.T) {
	w, c, r := awaiting(t, asr.Consent{Rule: "x", Need: 3})
	var wg sync.WaitGroup
	errs := make(chan error, 64)
	for i := range 8 {
		for range 2 { // each says it twice
			wg.Go(func() {
				_, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, person(fmt.Sprint("arn:aws:iam::1:user/", i)), "")
				errs <- err
			})
		}
		wg.Go(func() { // a driver takes steps under a lease
			if _, err := w.store.Lease(t.Context(), fmt.Sprint("w", i), r.ID, w.clock(), time.Minute); err == nil {
				_, err := w.engine.Step(t.Context(), r.ID)
				errs <- errors.Join(err, w.store.Release(t.Context(), r.ID, fmt.Sprint("w", i)))
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil && asr.Classify(err) != asr.CodeNotAllowed && !errors.Is(err, asr.ErrStale) {
			t.Error(err)
		}
	}
	r = w.drive(r.ID)
	w.expect(r, asr.StateVerified)
	people := map[string]bool{}
	for _, a := range r.Approvals {
		people[a.By.Name] = true
	}
	if c.writes["tls"] != 1 || len(r.Approvals) != 3 || len(people) != 3 {
		t.Errorf("%d writes, approvals %+v", c.writes["tls"], r.Approvals)
	}
}

func TestOutsideItsWindowARunWaits(t *testing.T) {
	opens := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	closed := func(mode asr.Mode) decides {
		return func(f asr.Facts) asr.Decision {
			d := asr.Decision{Mode: mode, Reason: asr.ReasonRule, Rule: "x", Why: "x"}
			if f.At.Before(opens) {
				d.NotBefore = opens
			}
			return d
		}
	}
	step := func(w *world, id string) asr.Run {
		for range 5 {
			next, err := w.engine.Step(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if next.After > time.Minute {
				break
			}
		}
		return w.run(id)
	}
	for _, mode := range []asr.Mode{asr.ModeAuto, asr.ModeAsk} {
		w, c := one(t, closed(mode))
		r := step(w, w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
		if mode == asr.ModeAsk {
			if _, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, ada, ""); err != nil {
				t.Fatal(err)
			}
			r = step(w, r.ID)
		}
		if r.State != asr.StateScheduled || !r.NextAt.Equal(opens) || !r.Held(w.clock()) || len(c.writes) > 0 || !strings.Contains(r.Error.Message, "2026-03-01T22:00:00Z") {
			t.Errorf("%s: got %s, next %s, %+v", mode, r.State, r.NextAt, r.Error)
		}
		w.expect(w.drive(r.ID), asr.StateVerified)
		if at := w.run(r.ID).EndedAt; at.Before(opens) {
			t.Errorf("%s: it ended at %s", mode, at)
		}
	}
	w, _ := one(t, closed(asr.ModeAuto))
	r, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: "T.1", Resource: res("r")})
	if err != nil {
		t.Fatal(err)
	}
	if r = w.drive(r.ID); r.State != asr.StateVerified || !r.EndedAt.Before(opens) {
		t.Errorf("a person who asks waits for no window: %s at %s", r.State, r.EndedAt)
	}
}
