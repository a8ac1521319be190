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
)

// limited is a policy that lets everything happen by itself, within limits.
type limited struct {
	fixed
	l *asr.Limits
}

func (p limited) Limits() asr.Limits { return *p.l }

// many is a world with resources r0, r1 … that a unit sets.
func many(t *testing.T, l asr.Limits, n int) (*world, *cloud, *asr.Limits) {
	docs := map[string]map[string]any{}
	for i := range n {
		docs[fmt.Sprintf("r%d%s", i, account)] = map[string]any{}
	}
	c := newCloud(docs)
	return newWorld(t, limited{auto, &l}, c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`, "T.2": `{"log":"on"}`})), c, &l
}

// claim takes in one finding for each resource and returns their runs.
func (w *world) claim(control string, from, to int) (ids []string) {
	w.t.Helper()
	for i := from; i < to; i++ {
		ids = append(ids, w.ingest(w.finding(fmt.Sprint("f", i), control, fmt.Sprint("r", i))).Runs...)
	}
	return ids
}

// begin takes a run's steps until it has begun or waits in the line.
func (w *world) begin(id string) asr.Run {
	w.t.Helper()
	for range 10 {
		if r := w.run(id); r.State.Begun() || r.Queued != nil {
			return r
		}
		if _, err := w.engine.Step(w.t.Context(), id); err != nil {
			w.t.Fatal(err)
		}
	}
	w.t.Fatalf("run %s doesn't begin: %+v", id, w.run(id))
	return asr.Run{}
}

func (w *world) admit() []string {
	w.t.Helper()
	ids, err := w.engine.Admit(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return ids
}

func (w *world) ledger(scope string) asr.Ledger {
	w.t.Helper()
	all, err := w.store.Ledgers(w.t.Context(), scope)
	if err != nil {
		w.t.Fatal(err)
	}
	return all[0]
}

// covers: O6
func TestARunWaitsInTheLineUntilThereIsRoom(t *testing.T) {
	w, _, _ := many(t, asr.Limits{InFlight: asr.Bounds{Region: 1}}, 3)
	ids := w.claim("T.1", 0, 3)
	first, second := w.begin(ids[0]), w.begin(ids[1])
	if !first.Slot || second.State != asr.StateScheduled || second.Queued.Reason != asr.ReasonInFlight || second.Error.Code != asr.CodeLimited ||
		!strings.Contains(second.Error.Message, "the policy lets 1 be under way in eu-west-1 of account 111111111111, and as many are") {
		t.Fatalf("first %+v, second %+v %+v", first, second.Queued, second.Error)
	}
	if next, err := w.engine.Step(t.Context(), ids[1]); err != nil || !next.Done {
		t.Errorf("a run in the line has a next step: %+v, %v", next, err)
	}
	if got := w.admit(); len(got) != 0 {
		t.Errorf("%v were admitted while there is no room", got)
	}
	w.expect(w.drive(ids[0]), asr.StateVerified)
	w.expect(w.begin(ids[2]), asr.StateScheduled) // the second was before it
	if r := w.run(ids[2]); r.Queued == nil || r.Queued.Reason != asr.ReasonTurn {
		t.Errorf("the third doesn't wait for its turn: %+v", r.Queued)
	}
	if got := w.admit(); !slices.Equal(got, ids[1:2]) {
		t.Fatalf("%v were admitted, want the second alone", got)
	}
	w.expect(w.drive(ids[1]), asr.StateVerified)
	if got := w.admit(); !slices.Equal(got, ids[2:]) {
		t.Fatalf("%v were admitted, want the third", got)
	}
	w.expect(w.drive(ids[2]), asr.StateVerified)
	if g := w.ledger(asr.RegionRuns(account, "eu-west-1")); len(g.InFlight) > 0 || g.Line != 0 {
		t.Errorf("left over: %+v", g)
	}
}

func TestMoreBeginWhenTheHourIsOver(t *testing.T) {
	w, _, _ := many(t, asr.Limits{PerHour: asr.Bounds{All: 2}}, 3)
	ids := w.claim("T.1", 0, 3)
	for _, id := range ids[:2] {
		w.expect(w.drive(id), asr.StateVerified)
	}
	if r := w.begin(ids[2]); r.Queued == nil || r.Queued.Reason != asr.ReasonPerHour {
		t.Fatalf("the third: %+v", r)
	}
	w.jump(58 * time.Minute)
	if got := w.admit(); len(got) != 0 {
		t.Errorf("%v after 58 minutes", got)
	}
	w.jump(4 * time.Minute)
	if got := w.admit(); !slices.Equal(got, ids[2:]) {
		t.Errorf("%v after 62 minutes", got)
	}
	w.expect(w.drive(ids[2]), asr.StateVerified)
}

// covers: O6
func TestAControlsShareOfADayIsKept(t *testing.T) {
	w, _, _ := many(t, asr.Limits{Daily: 0.2}, 10)
	ids := w.claim("T.1", 0, 10)
	for _, id := range ids[:2] {
		w.expect(w.drive(id), asr.StateVerified)
	}
	r := w.begin(ids[2])
	if r.Queued == nil || r.Queued.Reason != asr.ReasonDaily || r.Queued.Scope != asr.ControlRuns("T.1") || !strings.Contains(r.Error.Message, "the policy lets 2 findings of T.1 (20 % of 10) be taken up within 24 hours, and 2 have been") {
		t.Fatalf("the third: %+v %+v", r.Queued, r.Error)
	}
	other := w.ingest(w.finding("other", "T.2", "r0")).Runs[0]
	w.expect(w.drive(other), asr.StateVerified) // another control's share is its own
	w.jump(25 * time.Hour)
	if got := w.admit(); len(got) != 1 {
		t.Errorf("%v the day after", got)
	}
}

// covers: O6
func TestTooManyFailuresStopAControlUntilSomebodyResumesIt(t *testing.T) {
	w, c, _ := many(t, asr.Limits{Failures: asr.Failures{Number: 3, Within: time.Hour}}, 6)
	w.channels = []asr.Channel{asr.ChannelOutcome}
	w.engine = w.build(limited{auto, &asr.Limits{Failures: asr.Failures{Number: 3, Within: time.Hour}}}, c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`}))
	c.fail = func(op string, on asr.On) error {
		if op == "write" {
			return &asr.Error{Code: asr.CodeDenied, Message: "AccessDenied"}
		}
		return nil
	}
	ids := w.claim("T.1", 0, 6)
	for _, id := range ids[:3] {
		w.expect(w.drive(id), asr.StateFailed)
	}
	r := w.begin(ids[3])
	if r.Queued == nil || r.Queued.Reason != asr.ReasonStopped || r.Error.Do != "find out why they failed, then asr limits resume T.1" {
		t.Fatalf("the fourth: %+v %+v", r.Queued, r.Error)
	}
	told := slices.IndexFunc(w.messages(), func(m asr.Report) bool {
		return m.Reason == string(asr.ReasonStopped) && strings.Contains(m.Note, "asr stopped T.1: 3 of its runs have failed within 1h")
	})
	if told < 0 {
		t.Errorf("nobody was told: %+v", w.messages())
	}
	c.fail = nil
	if err := w.engine.Resume(t.Context(), asr.ControlRuns("T.1"), bob, ""); asr.Classify(err) != asr.CodeNotAllowed {
		t.Errorf("somebody whom nobody vouches for resumed it: %v", err)
	}
	if err := w.engine.Resume(t.Context(), asr.ControlRuns("T.1"), ada, "the SCP is gone"); err != nil {
		t.Fatal(err)
	}
	if err := w.engine.Resume(t.Context(), asr.ControlRuns("T.1"), ada, "again"); asr.Classify(err) != asr.CodeNotFound {
		t.Errorf("what isn't stopped was resumed: %v", err)
	}
	w.admit()
	w.expect(w.drive(ids[3]), asr.StateVerified)
	records, err := w.store.Records(t.Context(), "asr")
	if err != nil || len(records) != 2 || records[0].Event != "stopped" || records[1].Event != "resumed" || records[1].Actor != ada {
		t.Errorf("recorded: %+v, %v", records, err)
	}
}

func TestTheShareOfFailuresStopsEverythingOnceThereAreEnough(t *testing.T) {
	w, c, _ := many(t, asr.Limits{Failures: asr.Failures{Share: 0.5, Within: time.Hour}}, 30)
	fails := true
	c.fail = func(op string, on asr.On) error {
		if op == "write" && fails {
			return &asr.Error{Code: asr.CodeDenied, Message: "AccessDenied"}
		}
		return nil
	}
	ids := w.claim("T.1", 0, 30)
	for i, id := range ids[:20] {
		fails = i%2 == 1 // ten of twenty, the last among them
		w.drive(id)
	}
	if r := w.begin(ids[20]); r.Queued == nil || r.Queued.Reason != asr.ReasonStopped || r.Queued.Scope != asr.AllRuns {
		t.Errorf("after ten failures of twenty: %+v", r.Queued)
	}
}

func TestWhatIsPutBackIsNotLimited(t *testing.T) {
	w, _, l := many(t, asr.Limits{}, 2)
	ids := w.claim("T.1", 0, 2)
	w.expect(w.drive(ids[0]), asr.StateVerified)
	*l = asr.Limits{InFlight: asr.Bounds{All: 1}}
	w.begin(ids[1])
	if _, err := w.engine.Revert(t.Context(), ids[0], ada, false); err != nil {
		t.Fatal(err)
	}
	w.expect(w.drive(ids[0]), asr.StateReverted)
	if g := w.ledger(asr.AllRuns); len(g.InFlight) != 1 {
		t.Errorf("in flight: %v", g.InFlight)
	}
}

func TestARunThatLeavesTheLineLeavesNoTrace(t *testing.T) {
	for _, leave := range []struct {
		name string
		do   func(*world, string) error
	}{
		{"cancelled", func(w *world, id string) error {
			_, err := w.engine.Cancel(w.t.Context(), id, ada, "")
			return err
		}},
		{"its check passes", func(w *world, id string) error {
			w.jump(time.Minute)
			w.ingest(w.finding("f1", "T.1", "r1", func(o *asr.Observation) { o.Compliance = asr.CompliancePassed }))
			return nil
		}},
		{"given up", func(w *world, id string) error {
			return w.engine.Abandon(w.t.Context(), id, &asr.Error{Code: asr.CodeInternal, Message: "x"})
		}},
	} {
		t.Run(leave.name, func(t *testing.T) {
			w, _, _ := many(t, asr.Limits{InFlight: asr.Bounds{All: 1}}, 2)
			ids := w.claim("T.1", 0, 2)
			w.begin(ids[0])
			w.begin(ids[1])
			if err := leave.do(w, ids[1]); err != nil {
				t.Fatal(err)
			}
			if r, g := w.run(ids[1]), w.ledger(asr.AllRuns); r.Queued != nil || r.State.Open() || g.Line != 0 || len(g.InFlight) != 1 {
				t.Errorf("run %s %+v, ledger %+v", r.State, r.Queued, g)
			}
		})
	}
}

func TestTheKillSwitchGivesNoTurns(t *testing.T) {
	w, _, _ := many(t, asr.Limits{InFlight: asr.Bounds{All: 1}}, 2)
	ids := w.claim("T.1", 0, 2)
	w.begin(ids[0])
	w.begin(ids[1])
	w.expect(w.drive(ids[0]), asr.StateVerified)
	if err := w.engine.Kill(t.Context(), ada, "stop"); err != nil {
		t.Fatal(err)
	}
	if got := w.admit(); len(got) > 0 {
		t.Errorf("%v were admitted", got)
	}
}

func TestARunIsAdmittedOnceHoweverManyGiveTurns(t *testing.T) {
	w, _, _ := many(t, asr.Limits{InFlight: asr.Bounds{All: 4}}, 12)
	ids := w.claim("T.1", 0, 12)
	for _, id := range ids {
		w.begin(id)
	}
	for _, id := range ids[:4] {
		w.expect(w.drive(id), asr.StateVerified)
	}
	got := make(chan []string)
	for range 8 {
		go func() {
			some, err := w.engine.Admit(context.Background())
			if err != nil {
				t.Error(err)
			}
			got <- some
		}()
	}
	var all []string
	for range 8 {
		all = append(all, <-got...)
	}
	slices.Sort(all)
	if g := w.ledger(asr.AllRuns); len(all) != 4 || len(slices.Compact(all)) != 4 || len(g.InFlight) != 4 || g.Line != 4 {
		t.Errorf("admitted %v; in flight %v, %d in the line", all, g.InFlight, g.Line)
	}
}

func TestAPersonWhoLooksOnIsServedFirst(t *testing.T) {
	w, _, _ := many(t, asr.Limits{InFlight: asr.Bounds{All: 1}}, 4)
	ids := w.claim("T.1", 0, 4)
	for _, id := range ids {
		w.begin(id)
	}
	if _, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Finding: "f3"}); err != nil {
		t.Fatal(err)
	}
	w.expect(w.drive(ids[0]), asr.StateVerified)
	if got := w.admit(); !slices.Equal(got, ids[3:]) {
		t.Errorf("%v was admitted, want the one that ada asked for", got)
	}
}

func TestAClosedWindowGivesThePlaceBack(t *testing.T) {
	limits := &asr.Limits{InFlight: asr.Bounds{All: 1}}
	w, c, _ := many(t, *limits, 2)
	ids := w.claim("T.1", 0, 2)
	w.begin(ids[0])
	w.begin(ids[1])
	w.expect(w.drive(ids[0]), asr.StateVerified)
	w.admit()
	later := auto
	later.d.NotBefore = w.clock().Add(5 * time.Hour)
	w.engine = w.build(limited{later, limits}, c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`}))
	if _, err := w.engine.Step(t.Context(), ids[1]); err != nil {
		t.Fatal(err)
	}
	if r, g := w.run(ids[1]), w.ledger(asr.AllRuns); r.Slot || r.State != asr.StateScheduled || len(g.InFlight) != 0 {
		t.Errorf("run %s, in flight %v", r.State, g.InFlight)
	}
}

// covers: O6
func TestAFailureIsTriedAgainAsOftenAsThePolicySaysEachTimeLater(t *testing.T) {
	w, c, _ := many(t, asr.Limits{Retries: asr.Retries{Most: 2, After: time.Hour}}, 1)
	c.fail = func(op string, on asr.On) error {
		if op == "write" {
			return &asr.Error{Code: asr.CodeNoRole, Message: "no role"}
		}
		return nil
	}
	id := w.claim("T.1", 0, 1)[0]
	begun := w.clock()
	var waits []time.Duration
	for w.run(id).State.Open() {
		before := w.run(id).Retries
		if _, err := w.engine.Step(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if r := w.run(id); r.Retries > before {
			waits = append(waits, r.NextAt.Sub(w.clock()))
			if f := w.get("f0"); f.Outcome != asr.OutcomeRunning || len(w.messages()) > 0 {
				t.Errorf("the finding is %s, told %v", f.Outcome, w.messages())
			}
			w.jump(waits[len(waits)-1])
		}
	}
	w.expect(w.run(id), asr.StateFailed)
	if want := []time.Duration{time.Hour, 4 * time.Hour}; !slices.Equal(waits, want) {
		t.Errorf("it waited %v after %s, want %v", waits, begun, want)
	}
	if f := w.get("f0"); f.Outcome != asr.OutcomeNotFixed {
		t.Errorf("the finding is %s", f.Outcome)
	}
}

func TestWhatIsNoUseIsNotTriedAgain(t *testing.T) {
	for name, err := range map[string]error{
		"refused":     asr.Refuse("it is used", ""),
		"region off":  &asr.Error{Code: asr.CodeRegionOff, Message: "off"},
		"bad":         &asr.Error{Code: asr.CodeBadParams, Message: "bad"},
		"our mistake": errors.New("oops"),
	} {
		w, c, _ := many(t, asr.Limits{Retries: asr.Retries{Most: 2, After: time.Hour}}, 1)
		c.fail = func(op string, on asr.On) error { return err }
		if r := w.drive(w.claim("T.1", 0, 1)[0]); r.State.Open() || r.Retries > 0 {
			t.Errorf("%s: %s after %d retries", name, r.State, r.Retries)
		}
	}
}

func TestAPersonNeedNotWaitForTheNextTry(t *testing.T) {
	w, c, _ := many(t, asr.Limits{Retries: asr.Retries{Most: 2, After: time.Hour}}, 1)
	c.fail = func(op string, on asr.On) error { return &asr.Error{Code: asr.CodeDenied, Message: "AccessDenied"} }
	id := w.claim("T.1", 0, 1)[0]
	if _, err := w.engine.Step(t.Context(), id); err != nil || w.run(id).Retries != 1 {
		t.Fatal(w.run(id), err)
	}
	c.fail = nil
	if _, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Finding: "f0"}); err != nil {
		t.Fatal(err)
	}
	if r := w.run(id); r.NextAt.After(w.clock()) {
		t.Errorf("it is due at %s", r.NextAt)
	}
	w.expect(w.drive(id), asr.StateVerified)
}

// culprits is a trail of one change.
type culprits struct{ err error }

func (c culprits) Changes(_ context.Context, on asr.On, since time.Time) ([]asr.Touch, error) {
	return []asr.Touch{{At: since.Add(time.Hour), By: "arn:aws:iam::111111111111:user/mallory", Action: "test:TurnOff"}}, c.err
}

func TestWhatIsPutBackAgainAndAgainIsAskedAndSaysWhoDidIt(t *testing.T) {
	for name, trail := range map[string]asr.Trail{"told": culprits{}, "not told": culprits{&asr.Error{Code: asr.CodeDenied, Message: "AccessDenied"}}, "no trail": nil} {
		w, c, _ := many(t, asr.Limits{}, 1)
		u := c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`})
		w.engine = asr.New(asr.Config{Store: w.store, Remediations: []asr.Remediation{u}, Matcher: w, Policy: limited{auto, &asr.Limits{}}, Vault: mirror{}, Trail: trail, Clock: w.clock, NewID: w.newID})
		fails := func() asr.Run {
			w.jump(time.Hour)
			return w.drive(w.ingest(w.finding("f0", "T.1", "r0")).Runs[0])
		}
		for range 2 {
			w.expect(fails(), asr.StateVerified)
			c.put("r0"+account, "tls", "off")
			w.jump(7 * 24 * time.Hour) // beyond what Security Hub takes to look again
			w.ingest(w.finding("f0", "T.1", "r0"))
			w.ingest(w.finding("f0", "T.1", "r0", func(o *asr.Observation) {
				o.Compliance = asr.CompliancePassed
				o.UpdatedAt = o.UpdatedAt.Add(time.Minute)
			}))
			w.jump(2 * time.Minute)
		}
		r := fails()
		w.expect(r, asr.StateAwaiting)
		if r.Decision.Reason != asr.ReasonUndone || r.Undone != 2 || !strings.Contains(r.Decision.Why, "fixed this 2 times") {
			t.Errorf("%s: decided %+v after %d times", name, r.Decision, r.Undone)
		}
		who := strings.Contains(r.Decision.Why, "test:TurnOff by arn:aws:iam::111111111111:user/mallory") && slices.ContainsFunc(r.Plan.Warnings, func(s string) bool { return strings.Contains(s, "mallory") })
		if who != (name == "told") {
			t.Errorf("%s: %s %q", name, r.Decision.Why, r.Plan.Warnings)
		}
		if r, err := w.engine.Approve(t.Context(), r.ID, r.Plan.Hash, ada, ""); err != nil {
			t.Error(err)
		} else {
			w.expect(w.drive(r.ID), asr.StateVerified)
		}
	}
}

func TestSevereFindingsArePlannedFirst(t *testing.T) {
	w, _, _ := many(t, asr.Limits{}, 2)
	low := w.ingest(w.finding("f0", "T.1", "r0", func(o *asr.Observation) { o.Severity = "LOW" })).Runs[0]
	w.jump(time.Minute)
	critical := w.ingest(w.finding("f1", "T.1", "r1", func(o *asr.Observation) { o.Severity = "CRITICAL" })).Runs[0]
	if id, err := w.store.Lease(t.Context(), "w", "", w.clock(), time.Minute); err != nil || id != critical {
		t.Errorf("first is %s, %v; want %s before %s", id, err, critical, low)
	}
}
