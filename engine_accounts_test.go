package asr_test

import (
	"context"
	"errors"
	"slices"
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
