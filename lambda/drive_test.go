package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/workflow"
)

func TestAnExecutionTakesARunToItsEndAndTellsOfIt(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	id := w.finding("f-1", "s")
	if path := w.execute(id, 0); !slices.Equal(path, []string{"apply", "report"}) {
		t.Errorf("it went %v", path)
	}
	if r := w.run(id); r.State != asr.StateVerified || w.switches.Writes() != 1 {
		t.Errorf("the run is %s after %d writes", r.State, w.switches.Writes())
	}
	if len(w.told) != 2 || w.told[0].Channel == w.told[1].Channel {
		t.Errorf("told %+v: want Security Hub and people", w.told)
	}
	if !slices.Equal(w.sfn.names, []string{id + "-0"}) {
		t.Errorf("executions %v", w.sfn.names)
	}
}

func TestPlanningWritesNothingAndApplyingDoesNotPlan(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	id := w.finding("f-1", "s")
	if out, err := w.handlers.Apply(t.Context(), workflow.State{Run: id}); err != nil || out.Do != "plan" || w.run(id).State != asr.StateClaimed {
		t.Errorf("apply sent it %q, the run is %s: %v", out.Do, w.run(id).State, err)
	}
	if out, err := w.handlers.Plan(t.Context(), workflow.State{Run: id}); err != nil || out.Do != "apply" || w.switches.Writes() != 0 || w.run(id).State != asr.StateScheduled {
		t.Errorf("plan sent it %q after %d writes, the run is %s: %v", out.Do, w.switches.Writes(), w.run(id).State, err)
	}
}

func TestAnExecutionEndsWhereARunWaitsAndTheAnswerStartsTheNext(t *testing.T) {
	w := newWorld(t, asr.ModeAsk)
	id := w.finding("f-1", "s")
	if path := w.execute(id, 0); !slices.Equal(path, []string{"report"}) || w.run(id).State != asr.StateAwaiting {
		t.Errorf("it went %v, the run is %s", path, w.run(id).State)
	}
	if err := w.config.Starter.Start(t.Context(), id); err != nil || len(w.sfn.names) != 1 {
		t.Errorf("a run that waits was started: %v %v", w.sfn.names, err)
	}
	ada := asr.Actor{Kind: "person", Name: "ada", Verified: true}
	if _, err := w.engine.Approve(t.Context(), id, w.run(id).Plan.Hash, ada, ""); err != nil {
		t.Fatal(err)
	}
	if err := w.config.Starter.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if want := []string{id + "-0", id + "-1"}; !slices.Equal(w.sfn.names, want) {
		t.Fatalf("executions %v, want %v", w.sfn.names, want)
	}
	w.execute(id, 1)
	if r := w.run(id); r.State != asr.StateVerified || w.switches.Writes() != 1 {
		t.Errorf("the run is %s after %d writes", r.State, w.switches.Writes())
	}
}

func TestAResourceThatSettlesIsWaitedForInTheStateMachine(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	id := w.finding("f-1", "s")
	reads := 0
	w.switches.Read = func() error {
		if reads++; reads > 3 && reads < 9 {
			return asr.ErrSettling
		}
		return nil
	}
	path := w.execute(id, 0)
	if r := w.run(id); r.State != asr.StateVerified || w.switches.Writes() != 1 {
		t.Errorf("the run is %s after %d writes", r.State, w.switches.Writes())
	}
	if waits := len(path) - 2; waits < 1 || waits > 4 {
		t.Errorf("it went %v: short waits are for the function, long ones for the state machine", path)
	}
}

func TestARunThatAnEventWakesIsParked(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	w.switches.Wakes = true
	w.build(asr.ModeAuto)
	id := w.finding("f-1", "s")
	settling := true
	w.switches.Read = func() error {
		if settling && w.switches.Writes() > 0 {
			return asr.ErrSettling
		}
		return nil
	}
	w.execute(id, 0)
	r := w.run(id)
	if !r.State.Open() || len(w.sfn.running) > 0 {
		t.Fatalf("the run is %s, executions %v", r.State, w.sfn.running)
	}
	settling = false
	if again := w.ingest(w.message("m-2", "aws.ssm", event{Run: id})); again != "" {
		t.Fatal(again)
	}
	if !slices.Equal(w.sfn.names, []string{id + "-0", id + "-1"}) {
		t.Fatalf("the event started %v", w.sfn.names)
	}
	w.execute(id, 1)
	if r := w.run(id); r.State != asr.StateVerified || w.switches.Writes() != 1 {
		t.Errorf("the run is %s after %d writes", r.State, w.switches.Writes())
	}
}

func TestWhileTheKillSwitchIsOnRunsAreParkedAndGoOnAfterwards(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	id := w.finding("f-1", "s")
	if err := w.engine.Kill(t.Context(), asr.Actor{Kind: "person", Name: "ada"}, "incident"); err != nil {
		t.Fatal(err)
	}
	w.execute(id, 0)
	if w.switches.Writes() > 0 || !w.run(id).State.Open() {
		t.Fatalf("%d writes, the run is %s", w.switches.Writes(), w.run(id).State)
	}
	w.jump(time.Minute)
	w.ingest(w.message("m-2", "asr.schedule", nil))
	if len(w.sfn.running) > 0 || w.metrics("KillSwitch")[0]["KillSwitch"] != 1.0 {
		t.Errorf("started %v; metric %v", w.sfn.running, w.metrics("KillSwitch"))
	}
	if err := w.engine.Kill(t.Context(), asr.Actor{Kind: "person", Name: "ada"}, ""); err != nil {
		t.Fatal(err)
	}
	w.jump(5 * time.Minute)
	w.ingest(w.message("m-3", "asr.schedule", nil))
	w.execute(id, 1)
	if r := w.run(id); r.State != asr.StateVerified {
		t.Errorf("the run is %s", r.State)
	}
}

// covers: O5
func TestALongWaitIsNotTheExecutions(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	w.switches.Settle = 2 * time.Hour
	w.build(asr.ModeAuto)
	id := w.finding("f-1", "s")
	w.execute(id, 0)
	if r := w.run(id); r.State != asr.StateSettling || len(w.sfn.running) > 0 {
		t.Fatalf("the run is %s, executions %v", r.State, w.sfn.running)
	}
	w.jump(3 * time.Hour)
	w.ingest(w.message("m-2", "asr.schedule", nil))
	w.execute(id, 1)
	if r := w.run(id); r.State != asr.StateVerified {
		t.Errorf("the run is %s", r.State)
	}
}

func TestAnExecutionOfTooManyTurnsHandsOver(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	id := w.finding("f-1", "s")
	out, err := w.handlers.Plan(t.Context(), workflow.State{Run: id, Turns: 799})
	if err != nil || out.Do != "report" {
		t.Fatalf("%+v %v", out, err)
	}
	if err := w.handlers.Report(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	if want := []string{id + "-0", id + "-1"}; !slices.Equal(w.sfn.names, want) || w.run(id).Starts != 1 {
		t.Errorf("executions %v, want %v", w.sfn.names, want)
	}
}

func TestAFunctionWhoseTimeRunsOutLeavesTheRestToTheNext(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	id := w.finding("f-1", "s")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if out, err := w.handlers.Plan(ctx, workflow.State{Run: id}); err != nil || out.Do != "plan" || w.run(id).State != asr.StateClaimed {
		t.Errorf("%+v, the run is %s: %v", out, w.run(id).State, err)
	}
}

// covers: W12
func TestATaskThatFailedForGoodEndsTheRunAndSaysWhere(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	id := w.finding("f-1", "s")
	in := workflow.State{Run: id, Error: &workflow.Error{Error: "Lambda.Unknown", Cause: "out of memory"}}
	for range 2 { // Step Functions may try again
		if err := w.handlers.Report(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	r := w.run(id)
	if r.State != asr.StateFailed || r.Error.Code != asr.CodeInternal {
		t.Fatalf("the run is %s: %+v", r.State, r.Error)
	}
	if want := "a task of its workflow failed: Lambda.Unknown: out of memory"; r.Error.Message != want || r.Error.Do == "" {
		t.Errorf("it says %+v", r.Error)
	}
	if len(w.metrics("Failures")) != 1 {
		t.Errorf("failures counted: %v", w.metrics("Failures"))
	}
}

// covers: W7
func TestAReportThatCantBeDeliveredFailsNobody(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	w.reporter = errors.New("Security Hub is down")
	id := w.finding("f-1", "s")
	w.execute(id, 0)
	if len(w.told) > 0 {
		t.Fatalf("told %v", w.told)
	}
	w.reporter = nil
	w.jump(10 * time.Minute)
	if err := w.handlers.Report(t.Context(), workflow.State{}); err != nil { // the schedule
		t.Fatal(err)
	}
	if len(w.told) != 2 || w.run(id).State != asr.StateVerified {
		t.Errorf("told %v, the run is %s", w.told, w.run(id).State)
	}
}

func TestTheScheduleLeavesWhatARunsOwnExecutionIsTelling(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	id := w.finding("f-1", "s")
	for _, do := range []func(context.Context, workflow.State) (workflow.State, error){w.handlers.Plan, w.handlers.Apply} {
		if _, err := do(t.Context(), workflow.State{Run: id}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.handlers.Report(t.Context(), workflow.State{}); err != nil || len(w.told) > 0 {
		t.Errorf("told %v: %v", w.told, err)
	}
	if err := w.handlers.Report(t.Context(), workflow.State{Run: "r-other"}); err == nil || len(w.told) > 0 {
		t.Errorf("another run's execution told %v", w.told)
	}
	w.jump(2 * time.Minute)
	if err := w.handlers.Report(t.Context(), workflow.State{}); err != nil || len(w.told) != 2 {
		t.Errorf("told %v: %v", w.told, err)
	}
}

// slow takes a while for each report.
type slow struct {
	w     *world
	takes time.Duration
}

func (s slow) Report(ctx context.Context, r asr.Report) error {
	s.w.jump(s.takes)
	return s.w.Report(ctx, r)
}

func TestTheScheduleStopsTellingBeforeTheNextOneBegins(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	var waiting asr.Batch
	for i := range 250 {
		waiting.Messages = append(waiting.Messages, asr.Message{ID: fmt.Sprint("r-1/", i), DueAt: w.clock().Add(-time.Hour), Report: asr.Report{Channel: asr.ChannelOutcome, Run: "r-1"}})
	}
	if err := w.store.Commit(t.Context(), &waiting); err != nil {
		t.Fatal(err)
	}
	w.config.Reporter = slow{w, 300 * time.Millisecond}
	w.rebuild()
	begun := w.clock()
	if err := w.handlers.Report(t.Context(), workflow.State{}); err != nil || len(w.told) != 200 || w.clock().Sub(begun) > time.Minute {
		t.Errorf("told %d in %s: %v", len(w.told), w.clock().Sub(begun), err)
	}
	if err := w.handlers.Report(t.Context(), workflow.State{}); err != nil || len(w.told) != 250 {
		t.Errorf("the next one told %d more: %v", len(w.told)-200, err)
	}
}

// covers: W25
func TestOnlyIDsTravelThroughAnExecution(t *testing.T) {
	w := newWorld(t, asr.ModeAsk)
	id := w.finding("arn:aws:securityhub:eu-west-1:"+account+":finding/"+strings.Repeat("f", 1500), strings.Repeat("s", 900))
	if input := w.sfn.running[id+"-0"]; input == "" || len(input) > 100 {
		t.Errorf("an execution starts with %q", input)
	}
	out, err := w.handlers.Plan(t.Context(), workflow.State{Run: id})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := json.Marshal(out); err != nil || len(answer) > 200 {
		t.Errorf("a task answers %s, %v", answer, err)
	}
}

// narrow lets one run be under way at a time.
type narrow struct{ enginetest.Always }

func (narrow) Limits() asr.Limits { return asr.Limits{InFlight: asr.Bounds{All: 1}} }

func TestTheScheduleStartsWhatALimitHeldBackWhenItsTurnComes(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	w.buildWith(narrow{enginetest.Always(asr.ModeAuto)})
	first, second := w.finding("f-1", "s"), w.finding("f-2", "u")
	for !w.run(first).State.Begun() {
		if _, err := w.engine.Step(t.Context(), first); err != nil {
			t.Fatal(err)
		}
	}
	if path := w.execute(second, 0); !slices.Equal(path, []string{"apply", "report"}) || w.run(second).Queued == nil {
		t.Fatalf("it went %v, the run is %s", path, w.run(second).State)
	}
	tick := func() {
		t.Helper()
		if err := w.handlers.Report(t.Context(), workflow.State{}); err != nil {
			t.Fatal(err)
		}
	}
	if tick(); len(w.sfn.names) != 2 {
		t.Errorf("while there is no room: %v", w.sfn.names)
	}
	w.execute(first, 0)
	if tick(); !slices.Equal(w.sfn.names[2:], []string{second + "-1"}) {
		t.Fatalf("executions %v", w.sfn.names)
	}
	w.execute(second, 1)
	if r := w.run(second); r.State != asr.StateVerified {
		t.Errorf("the run is %s", r.State)
	}
}
