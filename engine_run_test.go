package asr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

func TestAFindingIsFixedVerifiedAndReported(t *testing.T) {
	w, c := one(t, auto)
	in := w.ingest(w.finding("f1", "T.1", "r"))
	r := w.drive(in.Runs[0])
	w.expect(r, asr.StateVerified)
	if c.get("r" + account)["tls"] != "on" {
		t.Errorf("the resource is %v", c.docs)
	}
	if f := w.get("f1"); f.Outcome != asr.OutcomeFixed || f.FixedAt.IsZero() || f.Run != r.ID {
		t.Errorf("the finding is %+v", f)
	}
	m := w.messages()
	if len(m) != 1 || m[0].Workflow != asr.WorkflowResolved || !strings.Contains(m[0].Note, r.ID) || len(m[0].Note) > 512 {
		t.Errorf("reports: %+v", m)
	}
	var events []string
	records, err := w.store.Records(t.Context(), r.ID)
	for _, rec := range records {
		events = append(events, rec.Event)
	}
	if diff := cmp.Diff([]string{"claimed", "planned", "begun", "intent", "wrote", "applied", "verified"}, events); diff != "" || err != nil {
		t.Errorf("audit log (-want +got)\n%s %v", diff, err)
	}
}

// Eight units on one resource, concurrent, in random order, some undone at
// random: the end is that of some serial order.
// covers: W19
func TestEightUnitsOnOneResourceEndAsInSomeSerialOrder(t *testing.T) {
	for round := range 20 {
		c := newCloud(map[string]map[string]any{"r" + account: {"name": "r"}})
		var units []asr.Remediation
		for i := range 8 {
			units = append(units, c.unit(fmt.Sprintf("test-%d", i), map[string]string{fmt.Sprintf("T.%d", i): fmt.Sprintf(`{"s%d":"on"}`, i)}))
		}
		w := newWorld(t, auto, units...)
		var ids []string
		for _, i := range rand.Perm(8) {
			ids = append(ids, w.ingest(w.finding(fmt.Sprint("f", i), fmt.Sprintf("T.%d", i), "r")).Runs...)
		}
		together(w, ids)
		undone := map[string]bool{}
		var undo []string
		for _, id := range ids {
			w.expect(w.run(id), asr.StateVerified)
			if rand.IntN(2) == 0 {
				if _, err := w.engine.Revert(t.Context(), id, ada, false); err != nil {
					t.Fatal(err)
				}
				undo, undone[w.run(id).Control] = append(undo, id), true
			}
		}
		together(w, undo)
		want := map[string]any{"name": "r"}
		for i := range 8 {
			if !undone[fmt.Sprintf("T.%d", i)] {
				want[fmt.Sprintf("s%d", i)] = "on"
			}
		}
		if diff := cmp.Diff(want, c.get("r"+account)); diff != "" {
			t.Fatalf("round %d (-want +got)\n%s", round, diff)
		}
		for setting, n := range c.writes {
			if most := 2; n > most {
				t.Errorf("%s was written %d times", setting, n)
			}
		}
	}
}

// together drives runs at once, each by a goroutine of its own.
func together(w *world, ids []string) {
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			for range 2000 {
				next, err := w.engine.Step(context.Background(), id)
				if err != nil {
					w.t.Error(err)
					return
				}
				if next.Done {
					return
				}
				w.jump(next.After + time.Millisecond)
			}
			w.t.Errorf("run %s is not done: %+v", id, w.run(id))
		})
	}
	wg.Wait()
}

// covers: W19
func TestOneAccountSettingReportedInSeventeenRegionsIsOneRun(t *testing.T) {
	c := newCloud(map[string]map[string]any{account: {}})
	w := newWorld(t, auto, c.unit("test-password", map[string]string{"IAM.7": `{"length":14}`}, func(u *asr.Remediation) { u.Spec.Scope = asr.ScopeAccount }))
	var ids []string
	for i := range 17 {
		o := w.finding(fmt.Sprint("f", i), "IAM.7", "", func(o *asr.Observation) {
			o.Region = fmt.Sprintf("eu-west-%d", i)
			o.Resources[0] = asr.Resource{ID: "AWS::::Account:" + account, Region: o.Region}
		})
		ids = append(ids, w.ingest(o).Runs...)
	}
	if ids = slices.Compact(ids); len(ids) != 1 {
		t.Fatalf("runs %v, want one", ids)
	}
	r := w.drive(ids[0])
	w.expect(r, asr.StateVerified)
	if len(r.Findings) != 17 || len(w.messages()) != 17 || r.Target.Region != "us-east-1" {
		t.Errorf("%d findings, %d reports, Region %s", len(r.Findings), len(w.messages()), r.Target.Region)
	}
	if w.get("f16").Outcome != asr.OutcomeFixed {
		t.Errorf("the last finding is %s", w.get("f16").Outcome)
	}
}

func TestOneUnitWithOtherParametersGivesTwoResults(t *testing.T) {
	c := newCloud(map[string]map[string]any{account: {}})
	w := newWorld(t, auto, c.unit("test-password", map[string]string{"IAM.11": `{"upper":true}`, "IAM.12": `{"lower":true}`}, func(u *asr.Remediation) { u.Spec.Scope = asr.ScopeAccount }))
	in := w.ingest(w.finding("f11", "IAM.11", ""), w.finding("f12", "IAM.12", ""))
	if len(in.Runs) != 2 {
		t.Fatalf("runs %v, want two", in.Runs)
	}
	together(w, in.Runs)
	for _, id := range in.Runs {
		w.expect(w.run(id), asr.StateVerified)
	}
	if diff := cmp.Diff(map[string]any{"upper": true, "lower": true}, c.get(account)); diff != "" {
		t.Error(diff)
	}
}

func TestAnInternalIDJoinsTheRunOnTheResourceThatItMeans(t *testing.T) {
	w, _ := one(t, auto, func(u *asr.Remediation) {
		u.Spec.Internal = internal
		u.Resolve = func(_ context.Context, on asr.On) (asr.Target, error) {
			if strings.HasPrefix(on.ID, "db-") {
				on.Target.Name, on.Target.ID = "r", "arn:aws:test:eu-west-1:"+account+":r"
			}
			return on.Target, nil
		}
	})
	first := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	second := w.ingest(w.finding("f2", "T.1", "", func(o *asr.Observation) { o.Resources[0].ID = "db-ABC" })).Runs[0]
	if first == second {
		t.Fatal("an id that must be resolved was resolved at intake")
	}
	w.expect(w.drive(second), asr.StateCancelled)
	r := w.drive(first)
	w.expect(r, asr.StateVerified)
	if f := w.get("f2"); f.Run != first || f.Outcome != asr.OutcomeFixed {
		t.Errorf("the second finding follows %s and is %s", f.Run, f.Outcome)
	}
}

// covers: A17
func TestWhoChangesItMeanwhileStopsTheRun(t *testing.T) {
	w, c := one(t, auto, func(u *asr.Remediation) {
		write, n := u.Write, 0
		u.Write = func(ctx context.Context, on asr.On, from, to json.RawMessage) error {
			if n++; n > 1 {
				return write(ctx, on, from, to)
			}
			var half map[string]any // the first call gets half of it done
			if err := json.Unmarshal(to, &half); err != nil {
				return err
			}
			delete(half, "tls")
			doc, err := json.Marshal(half)
			return errors.Join(err, write(ctx, on, from, doc))
		}
	})
	id := w.ingest(w.finding("f1", "T.2", "r")).Runs[0]
	for w.run(id).Writes == 0 {
		if _, err := w.engine.Step(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	c.put("r"+account, "tls", "somebody's")
	r := w.drive(id)
	w.expect(r, asr.StatePartly)
	if r.Error.Code != asr.CodeConflict || len(r.Error.Foreign) != 1 || r.Error.Do == "" || c.get("r" + account)["tls"] != "somebody's" {
		t.Errorf("error %+v, resource %v", r.Error, c.docs)
	}
	if m := w.messages(); m[0].Workflow != asr.WorkflowNotified {
		t.Errorf("reports %+v", m)
	}
}

// covers: W10, A17
func TestAStalePlanIsMadeAgainAndItsApprovalIsVoid(t *testing.T) {
	ask := fixed{asr.Decision{Mode: asr.ModeAsk, Reason: asr.ReasonRule, Why: "rule"}, false}
	w, c := one(t, ask)
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	r := w.drive(id)
	w.expect(r, asr.StateAwaiting)
	if _, err := w.engine.Approve(t.Context(), id, r.Plan.Hash, bob, ""); asr.Classify(err) != asr.CodeNotAllowed {
		t.Errorf("a local user name approved: %v", err)
	}
	if _, err := w.engine.Approve(t.Context(), id, "other", ada, ""); asr.Classify(err) != asr.CodeStalePlan {
		t.Errorf("another plan was approved: %v", err)
	}
	if _, err := w.engine.Approve(t.Context(), id, r.Plan.Hash, ada, ""); err != nil {
		t.Fatal(err)
	}
	c.put("r"+account, "tls", "off")
	again := w.drive(id)
	w.expect(again, asr.StateAwaiting)
	if again.Approval != nil || again.Decision.Reason != asr.ReasonStalePlan || again.Plan.Hash == r.Plan.Hash || len(c.writes) != 0 {
		t.Errorf("approval %+v, decision %+v, writes %v", again.Approval, again.Decision, c.writes)
	}
	if _, err := w.engine.Approve(t.Context(), id, again.Plan.Hash, ada, ""); err != nil {
		t.Fatal(err)
	}
	w.expect(w.drive(id), asr.StateVerified)
}

func TestAnUnrelatedChangeKeepsThePlan(t *testing.T) {
	ask := fixed{asr.Decision{Mode: asr.ModeAsk, Reason: asr.ReasonRule, Why: "rule"}, false}
	w, c := one(t, ask)
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	r := w.drive(id)
	c.put("r"+account, "other", "new")
	if _, err := w.engine.Approve(t.Context(), id, r.Plan.Hash, ada, ""); err != nil {
		t.Fatal(err)
	}
	w.expect(w.drive(id), asr.StateVerified)
	if got := c.get("r" + account); got["other"] != "new" || got["tls"] != "on" {
		t.Errorf("the resource is %v", got)
	}
}

// covers: W19
func TestRunsOnOneSettingTakeTurns(t *testing.T) {
	w, c := one(t, auto)
	a, b := w.ingest(w.finding("f1", "T.1", "r")).Runs[0], w.ingest(w.finding("f2", "T.2", "r")).Runs[0]
	for w.run(a).State != asr.StateApplying {
		if _, err := w.engine.Step(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		next, err := w.engine.Step(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		w.jump(next.After)
	}
	if r := w.run(b); r.State != asr.StateScheduled || r.Error == nil || !strings.Contains(r.Error.Message, a) {
		t.Fatalf("while the other holds the lock the run is %s: %+v", r.State, r.Error)
	}
	w.expect(w.drive(a), asr.StateVerified)
	r := w.drive(b)
	w.expect(r, asr.StateVerified)
	if len(r.Plan.Changes) != 1 || c.writes["tls"] != 1 {
		t.Errorf("the run that waited did not plan again: %v, writes %v", r.Plan.Changes, c.writes)
	}
}

func TestWhatAWSAnswersDecidesHowARunEnds(t *testing.T) {
	refuse := func(op string, err error) func(string, asr.On) error {
		return func(o string, _ asr.On) error {
			if o == op {
				return err
			}
			return nil
		}
	}
	for name, c := range map[string]struct {
		fail func(string, asr.On) error
		want asr.State
		code asr.Code
	}{
		"gone":               {refuse("read", asr.ErrGone), asr.StateNothingToDo, ""},
		"never settles":      {refuse("read", asr.ErrSettling), asr.StateCannotPlan, asr.CodeTimeout},
		"reading denied":     {refuse("read", &asr.Error{Code: asr.CodeDenied, Do: "look"}), asr.StateCannotPlan, asr.CodeDenied},
		"writing denied":     {refuse("write", &asr.Error{Code: asr.CodeDenied, Do: "look"}), asr.StateFailed, asr.CodeDenied},
		"throttled for ever": {refuse("write", &asr.Error{Code: asr.CodeThrottled}), asr.StateFailed, asr.CodeThrottled},
	} {
		t.Run(name, func(t *testing.T) {
			w, cloud := one(t, auto)
			cloud.fail = c.fail
			r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
			w.expect(r, c.want)
			if r.Error.Code != c.code {
				t.Errorf("code %s, want %s", r.Error.Code, c.code)
			}
			if len(cloud.writes) != 0 {
				t.Errorf("something was written: %v", cloud.writes)
			}
		})
	}
}

// covers: W6
func TestAThrottledStepIsTakenAgain(t *testing.T) {
	w, c := one(t, auto)
	c.fail = func(string, asr.On) error {
		if rand.IntN(2) == 1 {
			return &asr.Error{Code: asr.CodeThrottled}
		}
		return nil
	}
	w.expect(w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0]), asr.StateVerified)
	if c.writes["tls"] != 1 {
		t.Errorf("writes %v, want one", c.writes)
	}
}

// covers: O6
func TestTheKillSwitchMakesARunWaitForAsLongAsItTakes(t *testing.T) {
	w, c := one(t, auto)
	if err := w.engine.Kill(t.Context(), ada, "a freeze"); err != nil {
		t.Fatal(err)
	}
	wait := func(id string) {
		t.Helper()
		for range 200 {
			next, err := w.engine.Step(t.Context(), id)
			if err != nil || next.Done {
				t.Fatalf("done %v, %v", next.Done, err)
			}
			w.jump(next.After)
		}
		if r := w.run(id); r.Error == nil || r.Error.Code != asr.CodeKilled || r.Chain.Seq > 3 || len(c.writes) > 0 {
			t.Fatalf("waiting, the run is %+v", r)
		}
	}
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	wait(id)
	if _, err := w.engine.Cancel(t.Context(), id, ada, "no longer wanted"); err != nil {
		t.Errorf("a run that has written nothing can't be cancelled: %v", err)
	}
	id = w.ingest(w.finding("f2", "T.1", "r")).Runs[0]
	wait(id)
	if err := w.engine.Kill(t.Context(), ada, ""); err != nil {
		t.Fatal(err)
	}
	w.expect(w.drive(id), asr.StateVerified)
}

// covers: W1
func TestAFixThatDoesNotHoldIsNotClaimed(t *testing.T) {
	w, c := one(t, auto)
	reads := 0
	c.fail = func(op string, on asr.On) error {
		if op == "read" && c.docs["r"+account]["tls"] == "on" {
			if reads++; reads > 1 { // somebody's tool changes it back after the first look
				c.docs["r"+account]["tls"] = "off"
			}
		}
		return nil
	}
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	w.expect(r, asr.StatePartly)
	if r.Error.Code != asr.CodeNotVerified || w.get("f1").Outcome != asr.OutcomeNotFixed {
		t.Errorf("error %+v, finding %s", r.Error, w.get("f1").Outcome)
	}
}

func TestSecretsAreSealedWhereverTheyAreKept(t *testing.T) {
	w, c := one(t, auto)
	c.put("r"+account, "password", map[string]any{"$secret": "hunter2"})
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	w.expect(r, asr.StateVerified)
	doc, err := json.Marshal(r)
	if err != nil || strings.Contains(string(doc), "hunter2") || !strings.Contains(string(doc), "sealed:2retnuh") {
		t.Errorf("stored: %s %v", doc, err)
	}
	if got := c.get("r" + account)["password"]; !cmp.Equal(got, map[string]any{"$secret": "hunter2"}) {
		t.Errorf("the resource has %v", got)
	}
}

// covers: W7
func TestAReportThatFailsIsSentAgainAndChangesNothing(t *testing.T) {
	w, _ := one(t, auto)
	id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	w.drive(id)
	to := &flaky{fail: 3}
	for range 10 {
		if _, err := w.engine.Deliver(t.Context(), to, asr.Pending{}); err != nil {
			t.Fatal(err)
		}
		w.jump(time.Hour)
	}
	if len(to.sent) != 1 || to.tries != 4 {
		t.Errorf("sent %d in %d tries, want 1 in 4", len(to.sent), to.tries)
	}
	w.expect(w.run(id), asr.StateVerified)
}

type flaky struct {
	fail, tries int
	sent        []asr.Report
}

func (f *flaky) Report(_ context.Context, r asr.Report) error {
	if f.tries++; f.tries <= f.fail {
		return errors.New("Security Hub is down")
	}
	f.sent = append(f.sent, r)
	return nil
}

func TestARunLooksNoOftenerThanItMust(t *testing.T) {
	t.Parallel()
	w, c := one(t, auto)
	var calls []asr.APICall
	c.fail = func(op string, on asr.On) error {
		calls = append(calls, asr.APICall{Write: op == "write", Look: on.Call.Look})
		if len(calls) == 4 { // the look after the write
			return asr.ErrSettling
		}
		return nil
	}
	session := asr.APICall{Action: asr.AssumeRole}
	r := w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0])
	w.expect(r, asr.StateVerified)
	if diff := cmp.Diff(asr.Effort{Looks: 6, Reads: 6, Writes: 1, Sessions: 2, Most: 9}, r.Effort(append(calls, session, session))); diff != "" {
		t.Errorf("a fix (-want +got)\n%s", diff)
	}
	if _, err := w.engine.Revert(t.Context(), r.ID, person("ada"), false); err != nil {
		t.Fatal(err)
	}
	r = w.drive(r.ID)
	w.expect(r, asr.StateReverted)
	if diff := cmp.Diff(asr.Effort{Looks: 10, Reads: 10, Writes: 2, Sessions: 4, Most: 16}, r.Effort(append(calls, session, session, session, session))); diff != "" {
		t.Errorf("with its undo (-want +got)\n%s", diff)
	}
}
