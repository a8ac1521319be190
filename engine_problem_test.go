package asr_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asr"
	"pgregory.net/rapid"
)

const elsewhere = "222222222222"

var eve = person("arn:aws:iam::111111111111:user/eve")

// several is an engine with some resources of which each has a run that asks:
// r0, r1 … by turns in two accounts.
func several(t *testing.T, p asr.Policy, n int, change ...func(*asr.Remediation)) (*world, *cloud, []asr.Run) {
	c := newCloud(map[string]map[string]any{})
	w := newWorld(t, p, c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`, "T.2": `{"tls":"on","strict":"yes"}`}, change...))
	var runs []asr.Run
	for i := range n {
		runs = append(runs, w.another(c, i))
	}
	return w, c, runs
}

func (w *world) another(c *cloud, i int) asr.Run {
	w.t.Helper()
	in := []string{account, elsewhere}[i%2]
	name := fmt.Sprintf("resource-%d", i)
	if c.get(name+in) == nil {
		c.have(name+in, nil)
	}
	c.put(name+in, "name", name)
	ids := w.ingest(w.finding("f"+name, "T.1", "r", func(o *asr.Observation) {
		o.Account, o.Resources = in, []asr.Resource{{ID: "arn:aws:test:eu-west-1:" + in + ":" + name}}
	})).Runs
	return w.drive(ids[0])
}

// have makes a resource.
func (c *cloud) have(name string, doc map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if doc == nil {
		doc = map[string]any{}
	}
	c.docs[name] = doc
}

func (w *world) look(p asr.Problem, by asr.Actor) asr.Look {
	w.t.Helper()
	l, err := w.engine.Look(w.t.Context(), p, by, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (w *world) answer(l asr.Look, yes bool, by asr.Actor) asr.Answered {
	w.t.Helper()
	a, err := w.engine.Answer(w.t.Context(), verdict(l, yes, by), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func verdict(l asr.Look, yes bool, by asr.Actor) asr.Verdict {
	v := asr.Verdict{Problem: l.Problem, Digest: l.Digest, Approve: yes, Note: "change 7", By: by}
	for _, r := range l.Runs {
		v.Runs = append(v.Runs, r.Seen)
	}
	return v
}

// grants are a run's approvals in its audit log.
func (w *world) grants(id string) (all []asr.Approval) {
	w.t.Helper()
	records, err := w.store.Records(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range records {
		if r.Event == "approved" {
			var a asr.Approval
			if err := json.Unmarshal(r.Detail, &a); err != nil {
				w.t.Fatal(err)
			}
			all = append(all, a)
		}
	}
	return all
}

func leftFor(a []asr.LeftOut, run string) string {
	i := slices.IndexFunc(a, func(l asr.LeftOut) bool { return l.Run == run })
	if i < 0 {
		return ""
	}
	return a[i].Reason
}

func TestAProblemIsShownByPlaceAndShapeAndApprovedAtOnce(t *testing.T) {
	w, c, runs := several(t, wanting(asr.Consent{Rule: "x"}), 4)
	l := w.look(asr.Problem{Control: "T.1"}, ada)
	if len(l.Runs) != 4 || len(l.Shapes) != 1 || l.Shapes[0].Runs != 4 || len(l.Left) > 0 {
		t.Fatalf("%+v", l)
	}
	if got := l.Shapes[0].Changes; len(got) != 1 || got[0].Field != "tls" || got[0].Was != "none" || got[0].Becomes != `"on"` {
		t.Errorf("the change: %+v", got)
	}
	a := w.answer(l, true, ada)
	if len(a.Taken) != 4 || len(a.Left) > 0 || a.Digest != l.Digest {
		t.Fatalf("%+v", a)
	}
	for _, r := range runs {
		w.expect(w.drive(r.ID), asr.StateVerified)
		if g := w.grants(r.ID); len(g) != 1 || g[0].Batch != a.Batch || g[0].By != ada || g[0].Note != "change 7" || g[0].Hash != r.Plan.Hash || g[0].At.IsZero() {
			t.Errorf("in the audit log of %s: %+v", r.ID, g)
		}
	}
	records, err := w.store.Records(t.Context(), a.Batch)
	if err != nil || len(records) != 1 || records[0].Event != "batch_approved" || !strings.Contains(string(records[0].Detail), l.Digest) {
		t.Errorf("of the act itself: %+v, %v", records, err)
	}
	if c.writes["tls"] != 4 {
		t.Errorf("%d writes", c.writes["tls"])
	}
}

func TestAProblemIsNarrowed(t *testing.T) {
	w, _, _ := several(t, wanting(asr.Consent{Rule: "x"}), 4)
	for name, row := range map[string]struct {
		p    asr.Problem
		want int
	}{
		"by control":           {asr.Problem{Control: "T.1"}, 4},
		"by remediation":       {asr.Problem{Remediation: "test-tls"}, 4},
		"another control":      {asr.Problem{Control: "T.2"}, 0},
		"by account":           {asr.Problem{Control: "T.1", Accounts: []string{elsewhere}}, 2},
		"by two accounts":      {asr.Problem{Control: "T.1", Accounts: []string{elsewhere, account}}, 4},
		"by Region":            {asr.Problem{Control: "T.1", Regions: []string{"us-east-1"}}, 0},
		"by parameter":         {asr.Problem{Control: "T.1", Params: map[string]json.RawMessage{"tls": json.RawMessage(` "on"`)}}, 4},
		"by another parameter": {asr.Problem{Control: "T.1", Params: map[string]json.RawMessage{"tls": json.RawMessage(`"off"`)}}, 0},
	} {
		if l := w.look(row.p, ada); len(l.Runs) != row.want {
			t.Errorf("%s: %d runs, want %d", name, len(l.Runs), row.want)
		}
	}
	for name, p := range map[string]asr.Problem{"everything": {Accounts: []string{account}}, "no such control": {Control: "X.9"}, "no such remediation": {Remediation: "x"}} {
		if _, err := w.engine.Look(t.Context(), p, ada, nil); err == nil {
			t.Errorf("%s is a problem", name)
		}
	}
}

func TestPlansThatDoNotDoTheSameHaveShapesOfTheirOwn(t *testing.T) {
	w, c, _ := several(t, wanting(asr.Consent{Rule: "x"}), 0)
	for i, was := range []string{"", "old", "resource-2", "resource-9"} {
		in := []string{account, elsewhere}[i%2]
		if was != "" {
			c.have(fmt.Sprintf("resource-%d%s", i, in), map[string]any{"tls": was})
		}
		w.another(c, i)
	}
	l := w.look(asr.Problem{Control: "T.1"}, ada)
	var got []string
	for _, s := range l.Shapes {
		got = append(got, s.Changes[0].Was)
	}
	slices.Sort(got)
	if want := []string{`"old"`, `"resource-9"`, `"{name}"`, "none"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, r := range l.Runs {
		if s := l.Shapes[r.Shape]; s.Runs != 1 || s.Example != r.Run {
			t.Errorf("%s is of the shape %+v", r.Run, s)
		}
	}
}

func TestWhatCantBePutBackOrIsRiskyIsMeantOnlyIfItIsNamed(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*asr.Remediation)
		named  asr.Problem
		reason asr.Reason
	}{
		"irreversible":    {func(u *asr.Remediation) { u.Spec.Irreversible = "gone is gone" }, asr.Problem{Control: "T.1", Irreversible: true}, asr.ReasonIrreversible},
		"of a high risk":  {func(u *asr.Remediation) { u.Spec.Risk = asr.RiskHigh }, asr.Problem{Control: "T.1", HighRisk: true}, asr.ReasonHighRisk},
		"takes some away": {func(u *asr.Remediation) { u.Keep = func(asr.On, asr.Change) string { return "it is lost" } }, asr.Problem{Control: "T.1", Irreversible: true}, asr.ReasonIrreversible},
	} {
		w, c, _ := several(t, wanting(asr.Consent{Rule: "x"}), 0, row.change)
		c.have("resource-0"+account, map[string]any{"tls": "old"})
		run := w.another(c, 0)
		l := w.look(asr.Problem{Control: "T.1"}, ada)
		if len(l.Runs) != 0 || leftFor(l.Left, run.ID) != string(row.reason) {
			t.Errorf("%s: %+v", name, l)
		}
		l.Runs = []asr.Asking{{Seen: asr.Seen{Run: run.ID, Hash: run.Plan.Hash}}} // named all the same
		l.Digest = asr.Digest([]asr.Seen{l.Runs[0].Seen})
		if a := w.answer(l, true, ada); len(a.Taken) > 0 || leftFor(a.Left, run.ID) != string(row.reason) {
			t.Errorf("%s: %+v", name, a)
		}
		if a := w.answer(w.look(row.named, ada), true, ada); len(a.Taken) != 1 {
			t.Errorf("%s, named: %+v", name, a)
		}
	}
}

func TestAnAnswerIsBoundToWhatWasShown(t *testing.T) {
	w, _, _ := several(t, wanting(asr.Consent{Rule: "x"}), 2)
	good := verdict(w.look(asr.Problem{Control: "T.1"}, ada), true, ada)
	for name, change := range map[string]func(*asr.Verdict){
		"a run less":       func(v *asr.Verdict) { v.Runs = v.Runs[:1] },
		"another plan":     func(v *asr.Verdict) { v.Runs[0].Hash = "x" },
		"another digest":   func(v *asr.Verdict) { v.Digest = "x" },
		"a run twice":      func(v *asr.Verdict) { v.Runs[1] = v.Runs[0]; v.Digest = asr.Digest(v.Runs) },
		"nothing":          func(v *asr.Verdict) { v.Runs = nil; v.Digest = asr.Digest(nil) },
		"by an unverified": func(v *asr.Verdict) { v.By.Verified = false },
	} {
		v := good
		v.Runs = slices.Clone(good.Runs)
		change(&v)
		if a, err := w.engine.Answer(t.Context(), v, nil); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if l := w.look(asr.Problem{Control: "T.1"}, ada); len(l.Runs) != 2 {
		t.Errorf("something was answered: %+v", l)
	}
}

func TestEachRunOfABatchKeepsToItsRules(t *testing.T) {
	w, _, runs := several(t, wanting(asr.Consent{Rule: "x", Need: 2, FourEyes: true}), 2)
	asked, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: "T.2", Resource: asr.Resource{ID: runs[0].Target.ID}})
	if err != nil {
		t.Fatal(err)
	}
	w.drive(asked.ID)
	p := asr.Problem{Remediation: "test-tls"}
	l := w.look(p, ada)
	if len(l.Runs) != 2 || leftFor(l.Left, asked.ID) != string(asr.CodeNotAllowed) {
		t.Fatalf("who asked may not approve: %+v", l)
	}
	for i, by := range []asr.Actor{ada, eve} {
		for _, taken := range w.answer(w.look(asr.Problem{Control: "T.1"}, by), true, by).Taken {
			if want := []int{1, 0}[i]; taken.Lacks != want || (taken.State == asr.StateScheduled) != (want == 0) {
				t.Errorf("after %d: %+v", i+1, taken)
			}
		}
		if l := w.look(asr.Problem{Control: "T.1"}, by); len(l.Runs) > 0 {
			t.Errorf("%s may say it twice: %+v", by.Name, l.Runs)
		}
	}
}

func TestAProblemIsRejectedAtOnce(t *testing.T) {
	w, c, runs := several(t, wanting(asr.Consent{Rule: "x"}), 3)
	l := w.look(asr.Problem{Control: "T.1"}, ada)
	late := w.another(c, 3)
	a := w.answer(l, false, ada)
	if len(a.Taken) != 3 || leftFor(a.Left, late.ID) != "not_shown" {
		t.Fatalf("%+v", a)
	}
	for _, r := range runs {
		records, err := w.store.Records(t.Context(), r.ID)
		i := slices.IndexFunc(records, func(r asr.Record) bool { return r.Event == "rejected" })
		if err != nil || i < 0 || !strings.Contains(string(records[i].Detail), a.Batch) || !strings.Contains(string(records[i].Detail), "change 7") {
			t.Errorf("the audit log of %s: %+v, %v", r.ID, records, err)
		}
		if r = w.run(r.ID); r.State != asr.StateCancelled || !r.Rejected {
			t.Errorf("%s is %s", r.ID, r.State)
		}
	}
	w.expect(w.run(late.ID), asr.StateAwaiting)
}

// TestABatchApprovesExactlyWhatWasShown changes runs in every way between the
// look and the answer.
func TestABatchApprovesExactlyWhatWasShown(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(rt, "runs")
		w, c, runs := several(t, wanting(asr.Consent{Rule: "x"}), n)
		l := w.look(asr.Problem{Control: "T.1"}, ada)
		want := map[string]bool{}
		for i, r := range runs {
			switch rapid.SampledFrom([]string{"same", "same", "replanned", "approved", "rejected", "expired"}).Draw(rt, "meanwhile") {
			case "same":
				want[r.ID] = true
			case "replanned":
				c.put(r.Target.Name+r.Target.Account, "tls", fmt.Sprint("other", i))
				if _, err := w.engine.Request(t.Context(), asr.Ask{Actor: eve, Control: "T.1", Resource: asr.Resource{ID: r.Target.ID}, Params: map[string]json.RawMessage{}}); err != nil {
					rt.Fatal(err)
				}
				if _, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, eve, ""); err != nil {
					rt.Fatal(err)
				}
				w.expect(w.drive(r.ID), asr.StateAwaiting) // its approval was void: the plan is another
			case "approved":
				if _, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, eve, ""); err != nil {
					rt.Fatal(err)
				}
			case "rejected":
				if _, err := w.engine.Reject(t.Context(), r.ID, eve, ""); err != nil {
					rt.Fatal(err)
				}
			case "expired":
				w.expireNow(r.ID)
			}
		}
		for i := range rapid.IntRange(0, 2).Draw(rt, "joined") {
			w.another(c, n+i)
		}
		a := w.answer(l, true, ada)
		got := map[string]bool{}
		for _, taken := range a.Taken {
			got[taken.Run] = true
		}
		for _, r := range runs {
			if got[r.ID] != want[r.ID] || want[r.ID] == (leftFor(a.Left, r.ID) != "") {
				rt.Fatalf("run %s: taken %v, want %v; left: %+v", r.ID, got[r.ID], want[r.ID], a.Left)
			}
		}
		for _, r := range w.all() {
			given := 0
			for _, g := range w.grants(r.ID) {
				if g.Batch == a.Batch {
					given++
				}
			}
			if want[r.ID] != (given == 1) || given > 1 {
				rt.Fatalf("run %s has %d grants of the batch, wanted: %v", r.ID, given, want[r.ID])
			}
			if want[r.ID] {
				w.expect(w.drive(r.ID), asr.StateVerified)
			}
		}
	})
}

// expireNow has the time of a run's approval be over, and nobody have noticed.
func (w *world) expireNow(id string) {
	w.t.Helper()
	r := w.run(id)
	r.ExpiresAt = w.clock().Add(-time.Second)
	if err := w.store.Commit(w.t.Context(), &asr.Batch{Run: &r}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) all() []asr.Run {
	w.t.Helper()
	all, _, err := w.store.Runs(w.t.Context(), asr.RunQuery{})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func TestTwoBatchesAtOnceAreOneGrantAndOneRunEach(t *testing.T) {
	const n = 12
	w, c, runs := several(t, wanting(asr.Consent{Rule: "x"}), n)
	people := []asr.Actor{ada, eve, person(sts + "AWSReservedSSO_Admin_0123/anna")}
	answers := make([]asr.Answered, len(people))
	var looks []asr.Look
	for _, by := range people {
		looks = append(looks, w.look(asr.Problem{Control: "T.1"}, by))
	}
	var wg sync.WaitGroup
	for i, by := range people {
		l := looks[i]
		wg.Go(func() {
			a, err := w.engine.Answer(t.Context(), verdict(l, true, by), nil)
			if err != nil {
				t.Error(err)
			}
			answers[i] = a
		})
	}
	for _, r := range runs { // and they are driven meanwhile
		wg.Go(func() {
			for range 50 {
				if _, err := w.engine.Step(t.Context(), r.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	by := map[string]int{}
	for _, a := range answers {
		for _, taken := range a.Taken {
			by[taken.Run]++
		}
	}
	for _, r := range runs {
		w.expect(w.drive(r.ID), asr.StateVerified)
		if g := w.grants(r.ID); len(g) != 1 || by[r.ID] != 1 {
			t.Errorf("run %s: %d grants, taken by %d", r.ID, len(g), by[r.ID])
		}
	}
	if c.writes["tls"] != n {
		t.Errorf("%d writes for %d runs", c.writes["tls"], n)
	}
}
