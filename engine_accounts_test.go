package asr_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
)

// organization is what is known of each account.
type organization map[string]asr.Account

func (o organization) Account(_ context.Context, id string) (asr.Account, error) {
	a, ok := o[id]
	if !ok {
		return a, errors.New("Organizations says no")
	}
	return a, nil
}

// inProd makes automatic what is in the unit Prod, and asks while nobody knows.
var inProd = decides(func(f asr.Facts) asr.Decision {
	switch {
	case f.OUs == nil:
		return asr.Decision{Mode: asr.ModeAsk, Reason: asr.ReasonFactsMissing, Missing: []string{"ous"}, Why: "ous not known"}
	case slices.Contains(f.OUs, "Prod"):
		return asr.Decision{Mode: asr.ModeAuto, Reason: asr.ReasonRule, Rule: "prod", Why: "prod"}
	}
	return asr.Decision{Mode: asr.ModeOff, Reason: asr.ReasonNoRule, Why: "not prod"}
})

func placed(t *testing.T, o organization) *world {
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r"}})
	w := newWorld(t, inProd, c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`}))
	w.accounts = o
	w.engine = w.build(inProd, c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`}))
	return w
}

func TestWhereAnAccountIsDecidesOverItsFindings(t *testing.T) {
	w := placed(t, organization{account: {OUs: []string{"ou-1", "Prod"}}})
	w.expect(w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0]), asr.StateVerified)
}

func TestAnAccountThatNobodyKnowsFailsClosed(t *testing.T) {
	w := placed(t, organization{})
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	if r.State != asr.StateAwaiting || r.Decision.Reason != asr.ReasonFactsMissing {
		t.Errorf("got %s, %+v", r.State, r.Decision)
	}
}

func TestAnAccountThatMovesBeforeTheFirstWriteIsJudgedWhereItIs(t *testing.T) {
	for name, now := range map[string]struct {
		account asr.Account
		want    asr.State
	}{"elsewhere": {asr.Account{OUs: []string{"Sandbox"}}, asr.StateCancelled}, "nobody knows": {asr.Account{}, asr.StateAwaiting}} {
		t.Run(name, func(t *testing.T) {
			o := organization{account: {OUs: []string{"Prod"}}}
			w := placed(t, o)
			id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
			o[account] = now.account
			w.expect(w.drive(id), now.want)
		})
	}
}

func TestAPolicyIsToldOfStandardsTypeAndAge(t *testing.T) {
	w, _ := one(t, auto)
	w.ingest(w.finding("f1", "T.1", "r", func(o *asr.Observation) {
		o.Standards, o.Standard = []string{"pci-dss/v/3.2.1"}, asr.Standard{Name: "cis", Version: "1.2.0"}
		o.Resources[0].Type, o.CreatedAt = "AwsS3Bucket", w.clock().Add(-time.Hour)
	}))
	f, _, err := w.engine.Explain(t.Context(), asr.Ask{Finding: "f1"})
	if err != nil || !slices.Equal(f.Standards, []string{"pci-dss/v/3.2.1", "cis/v/1.2.0"}) || f.ResourceType != "AwsS3Bucket" || f.At.Sub(f.FoundAt) != time.Hour {
		t.Errorf("got %+v, %v", f, err)
	}
	if f, _, err = w.engine.Explain(t.Context(), asr.Ask{Control: "T.1", Resource: asr.Resource{ID: "arn:aws:test:eu-west-1:" + account + ":r"}}); err != nil || f.Standards != nil {
		t.Errorf("a request is of no standard: %+v, %v", f, err)
	}
}

func TestAnExceptionRefusesAPersonToo(t *testing.T) {
	w, _ := one(t, fixed{asr.Decision{Mode: asr.ModeOff, Reason: asr.ReasonException, Rule: "website", Why: "public by design"}, false})
	_, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: "T.1", Resource: res("r")})
	if asr.Classify(err) != asr.CodeNotAllowed {
		t.Errorf("got %v", err)
	}
}

func TestFactsThatAreMissingBindAPersonAsTheRulesMight(t *testing.T) {
	for binds, want := range map[asr.Mode]asr.State{asr.ModeOff: "", asr.ModeAsk: asr.StateAwaiting, "": asr.StateVerified} {
		w, _ := one(t, fixed{asr.Decision{Mode: asr.ModeOff, Reason: asr.ReasonFactsMissing, Rule: "prod", Missing: []string{"ous"}, Binds: binds, Why: "ous not known"}, false})
		r, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: "T.1", Resource: res("r")})
		if want == "" {
			if asr.Classify(err) != asr.CodeNotAllowed || !strings.Contains(err.Error(), "ous not known") {
				t.Errorf("%q: got %v", binds, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if r = w.drive(r.ID); r.State != want {
			t.Errorf("%q: got %s, %+v", binds, r.State, r.Decision)
		}
	}
}

// busy is an organization that has no time for so many questions.
type busy struct {
	organization
	left int
	why  asr.Code
}

func (b *busy) Account(ctx context.Context, id string) (asr.Account, error) {
	if b.left > 0 {
		b.left--
		return asr.Account{}, &asr.Error{Code: b.why, Message: "Organizations has no time", Do: "wait"}
	}
	return b.organization.Account(ctx, id)
}

// waiting is a world whose account is in Prod, as a busy organization says.
func waiting(t *testing.T, p asr.Policy, left int) (*world, *busy) {
	c := newCloud(map[string]map[string]any{"r" + account: {"name": "r"}})
	unit := c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`})
	w := newWorld(t, p, unit)
	b := &busy{organization{account: {OUs: []string{"Prod"}}}, left, asr.CodeThrottled}
	w.accounts = b
	w.engine = w.build(p, unit)
	return w, b
}

// covers: W16, W18
func TestAFindingWhoseFactsTakeTimeComesAgainInsteadOfAsking(t *testing.T) {
	for _, why := range []asr.Code{asr.CodeThrottled, asr.CodeUnavailable} {
		w, b := waiting(t, inProd, 1)
		b.why = why
		f := w.finding("f1", "T.1", "r")
		if _, err := w.engine.Ingest(t.Context(), []asr.Observation{f}); asr.Classify(err) != why {
			t.Fatalf("%s: got %v", why, err)
		}
		if _, err := w.store.Finding(t.Context(), "f1"); !errors.Is(err, asr.ErrNotFound) {
			t.Errorf("%s: something was stored: %v", why, err)
		}
		in, err := w.engine.Ingest(t.Context(), []asr.Observation{f})
		if err != nil || len(in.Runs) != 1 {
			t.Fatalf("%s: the second time: %+v, %v", why, in, err)
		}
		w.expect(w.drive(in.Runs[0]), asr.StateVerified)
	}
}

func TestAPolicyThatHangsOnNoFactsOfAccountsDoesntWaitForThem(t *testing.T) {
	w, b := waiting(t, auto, 1000)
	w.expect(w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0]), asr.StateVerified)
	if b.left == 1000 {
		t.Error("nobody asked")
	}
}

func TestWhoCantComeAgainIsAnsweredWithTheFactsThatThereAre(t *testing.T) {
	w, _ := waiting(t, inProd, 1)
	in, err := w.engine.WithoutWaiting().Ingest(t.Context(), []asr.Observation{w.finding("f1", "T.1", "r")})
	if err != nil || len(in.Runs) != 1 {
		t.Fatalf("%+v, %v", in, err)
	}
	if r := w.drive(in.Runs[0]); r.State != asr.StateAwaiting || r.Decision.Reason != asr.ReasonFactsMissing {
		t.Errorf("got %s, %+v", r.State, r.Decision)
	}
}

func TestWhatIsOnlyLookedAtDoesntFailForFactsThatTakeTime(t *testing.T) {
	w, b := waiting(t, inProd, 0)
	w.ingest(w.finding("f1", "T.1", "r"))
	f, err := w.store.Finding(t.Context(), "f1")
	if err != nil {
		t.Fatal(err)
	}
	b.left = 2
	for _, console := range []bool{false, true} {
		if j, err := w.engine.Judge(t.Context(), f, console); err != nil || j.Decision.Reason != asr.ReasonFactsMissing {
			t.Errorf("judged, console %v: %+v, %v", console, j.Decision, err)
		}
	}
	b.left = 1
	if _, d, err := w.engine.Explain(t.Context(), asr.Ask{Control: "T.1", Resource: res("r")}); err != nil || d.Reason != asr.ReasonFactsMissing {
		t.Errorf("explained: %+v, %v", d, err)
	}
}

// covers: W18
func TestARunThatIsToBeginWaitsForFactsAndFailsClosedInTheEnd(t *testing.T) {
	for name, row := range map[string]struct {
		left int
		want asr.State
	}{"for a while": {5, asr.StateVerified}, "for good": {1000, asr.StateAwaiting}} {
		t.Run(name, func(t *testing.T) {
			w, b := waiting(t, inProd, 0)
			id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
			b.left = row.left
			var next asr.Next
			for range 2 { // planned, and not begun
				var err error
				if next, err = w.engine.Step(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
			r, err := w.store.Run(t.Context(), id)
			if err != nil || r.State != asr.StateScheduled || next.After == 0 || r.Error == nil || r.Error.Code != asr.CodeThrottled || !slices.Contains(r.Facts.OUs, "Prod") {
				t.Fatalf("it doesn't wait: %s, %+v, %v", r.State, r.Error, err)
			}
			w.expect(w.drive(id), row.want)
		})
	}
}

func TestARequesterIsNotTurnedDownForFactsThatTakeTime(t *testing.T) {
	w, _ := waiting(t, inProd, 1)
	ask := asr.Ask{Actor: asr.Actor{Kind: "runbook", Name: "x"}, Control: "T.1", Resource: res("r"), Account: account, Region: "eu-west-1", Reply: &asr.Reply{Account: account, Region: "eu-west-1", Execution: "e-1"}}
	if _, err := w.engine.Request(t.Context(), ask); asr.Classify(err) != asr.CodeThrottled {
		t.Fatalf("got %v", err)
	}
	told, err := w.store.Messages(t.Context(), "", w.clock().Add(time.Hour), 10)
	if err != nil || len(told) > 0 {
		t.Errorf("told %+v, %v", told, err)
	}
	if r, err := w.engine.Request(t.Context(), ask); err != nil || r.Decision.Mode != asr.ModeAuto {
		t.Errorf("the second time: %+v, %v", r.Decision, err)
	}
}
