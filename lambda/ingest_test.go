package lambda_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/workflow"
	"github.com/aws/aws-lambda-go/events"
)

func TestAnEventThatComesTwiceStartsOneExecution(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	m := w.message("m-1", "aws.securityhub", event{Finding: "f-1", Resource: "s"})
	if again := w.ingest(m, m); again != "" {
		t.Errorf("again: %s", again)
	}
	w.ingest(m)
	if len(w.sfn.names) != 1 {
		t.Errorf("executions %v", w.sfn.names)
	}
	w.execute(strings.TrimSuffix(w.sfn.names[0], "-0"), 0)
	w.ingest(m)
	if len(w.sfn.names) != 1 || w.switches.Writes() != 1 {
		t.Errorf("executions %v, %d writes", w.sfn.names, w.switches.Writes())
	}
}

// covers: W3
func TestAStartThatFailedIsMadeUpForByTheMessageThatComesAgain(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	w.sfn.fail = errors.New("ThrottlingException")
	m := w.message("m-1", "aws.securityhub", event{Finding: "f-1", Resource: "s"})
	if again := w.ingest(m); again != "m-1" {
		t.Fatalf("again: %q", again)
	}
	w.sfn.fail = nil
	if again := w.ingest(m); again != "" || len(w.sfn.names) != 1 {
		t.Errorf("again: %q, executions %v", again, w.sfn.names)
	}
}

// covers: W3
func TestAStartThatWasLostIsMadeUpForByTheSweep(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	w.sfn.fail = errors.New("ThrottlingException")
	w.ingest(w.message("m-1", "aws.securityhub", event{Finding: "f-1", Resource: "s"}), w.message("m-2", "aws.securityhub", event{Finding: "f-2", Resource: "t"}))
	w.sfn.fail = nil
	w.jump(time.Minute)
	for range 2 { // the second finds them running
		if again := w.ingest(w.message("m-3", "asr.schedule", nil)); again != "" {
			t.Fatalf("again: %q", again)
		}
		w.jump(5 * time.Minute)
	}
	if len(w.sfn.names) != 2 {
		t.Errorf("executions %v, want one of each run", w.sfn.names)
	}
}

func TestTheSweepEndsTheWaitForAnApprovalThatNeverCame(t *testing.T) {
	w := newWorld(t, asr.ModeAsk)
	id := w.finding("f-1", "s")
	w.execute(id, 0)
	w.jump(6 * 24 * time.Hour)
	if w.ingest(w.message("m-2", "asr.schedule", nil)); len(w.sfn.names) != 1 {
		t.Fatalf("too early: %v", w.sfn.names)
	}
	w.jump(2 * 24 * time.Hour)
	w.ingest(w.message("m-3", "asr.schedule", nil))
	if want := []string{id + "-0", id + "-1"}; !slices.Equal(w.sfn.names, want) {
		t.Fatalf("executions %v, want %v", w.sfn.names, want)
	}
	w.execute(id, 1)
	if r := w.run(id); r.State != asr.StateCancelled || r.Error.Code != asr.CodeExpired || w.switches.Writes() > 0 {
		t.Errorf("the run is %s: %+v", r.State, r.Error)
	}
}

// throttled is an organization that has no time, so often.
type throttled struct{ left int }

func (o *throttled) Account(context.Context, string) (asr.Account, error) {
	if o.left > 0 {
		o.left--
		return asr.Account{}, &asr.Error{Code: asr.CodeThrottled, Message: "Organizations has no time"}
	}
	return asr.Account{OUs: []string{"Prod"}}, nil
}

// byUnit is a policy that hangs on units.
type byUnit struct{ enginetest.Always }

func (p byUnit) Decide(f asr.Facts) (asr.Decision, bool) {
	if f.OUs == nil {
		return asr.Decision{Mode: asr.ModeAsk, Reason: asr.ReasonFactsMissing, Missing: []string{"ous"}, Why: "ous not known"}, false
	}
	return p.Always.Decide(f)
}

// covers: W16, W18
func TestAMessageWhoseFactsTakeTimeComesAgainAndIsDecidedInTheEnd(t *testing.T) {
	for _, row := range []struct {
		source  string
		detail  any
		refused int // questions
		want    asr.State
	}{
		{"aws.securityhub", event{Finding: "f-1", Resource: "s"}, 2, asr.StateVerified},
		{"aws.securityhub", event{Finding: "f-1", Resource: "s"}, 4, asr.StateAwaiting},
		{"asr.runbook", event{Resource: "arn:aws:test:eu-west-1:" + account + ":s"}, 2, asr.StateVerified},
	} {
		w := newWorld(t, asr.ModeAuto)
		w.accounts = &throttled{row.refused}
		w.buildWith(byUnit{enginetest.Always(asr.ModeAuto)})
		m := w.message("m-1", row.source, row.detail)
		for n := 1; ; n++ {
			m.Attributes = map[string]string{"ApproximateReceiveCount": strconv.Itoa(n)}
			again := w.ingest(m)
			if want := n <= min(row.refused, 3); (again == "m-1") != want {
				t.Fatalf("%s refused %d times, received %d times: again %q", row.source, row.refused, n, again)
			}
			if again == "" {
				break
			}
		}
		if len(w.sfn.names) != 1 || len(w.told) > 0 {
			t.Fatalf("executions %v, told %+v", w.sfn.names, w.told)
		}
		id := strings.TrimSuffix(w.sfn.names[0], "-0")
		w.execute(id, 0)
		if r := w.run(id); r.State != row.want {
			t.Errorf("%s refused %d times: %s, %+v", row.source, row.refused, r.State, r.Decision)
		}
	}
}

// covers: W13
func TestAMessageThatFailsComesAgainAndTheOthersDont(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	broken := events.SQSMessage{MessageId: "m-2", Body: "{not JSON"}
	odd := w.message("m-3", "aws.securityhub", map[string]string{"hello": "world"})
	if again := w.ingest(w.message("m-1", "aws.securityhub", event{Finding: "f-1", Resource: "s"}), broken, odd, w.message("m-4", "asr.runbook", map[string]string{})); again != "" {
		t.Errorf("again: %q", again)
	}
	rejected, err := w.store.Rejected(t.Context(), 10)
	if err != nil || len(rejected) != 3 {
		t.Errorf("kept with the reason: %+v %v", rejected, err)
	}
	if len(w.sfn.names) != 1 {
		t.Errorf("executions %v", w.sfn.names)
	}
	w.sfn.fail = errors.New("down")
	if again := w.ingest(w.message("m-5", "aws.securityhub", event{Finding: "f-5", Resource: "u"}), odd); again != "m-5" {
		t.Errorf("again: %q, want m-5 alone", again)
	}
}

// covers: W16, W24
func TestWithoutThePolicyNothingIsDecidedAndEverythingComesAgain(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	unread := true
	w.config.Refresh = func(context.Context) error {
		if unread {
			return errors.New("AccessDenied")
		}
		return nil
	}
	w.rebuild()
	a, b := w.message("m-1", "aws.securityhub", event{Finding: "f-1", Resource: "s"}), w.message("m-2", "asr.schedule", nil)
	if again := w.ingest(a, b); again != "m-1 m-2" {
		t.Errorf("again: %q", again)
	}
	if _, err := w.store.Finding(t.Context(), "f-1"); !errors.Is(err, asr.ErrNotFound) {
		t.Errorf("it was stored: %v", err)
	}
	unread = false
	if again := w.ingest(a, b); again != "" || len(w.sfn.names) != 1 {
		t.Errorf("again: %q, executions %v", again, w.sfn.names)
	}
}

func TestARunbooksRequestIsMadeAndItsRefusalAnswered(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	own := "arn:aws:test:eu-west-1:" + account + ":s"
	m := w.message("m-1", "asr.runbook", event{Resource: own})
	w.ingest(m, m)
	if len(w.sfn.names) != 1 {
		t.Fatalf("executions %v", w.sfn.names)
	}
	w.execute(strings.TrimSuffix(w.sfn.names[0], "-0"), 0)
	var answers []asr.State
	for _, r := range w.told {
		if r.Channel == asr.ChannelRequester {
			answers = append(answers, r.State)
		}
	}
	if !slices.Equal(answers, []asr.State{asr.StateVerified}) {
		t.Errorf("answered %v", answers)
	}
	if again := w.ingest(w.message("m-2", "asr.runbook", event{Resource: strings.Replace(own, account, "222222222222", 1)})); again != "" || len(w.sfn.names) != 1 {
		t.Errorf("member A asked for member B: again %q, executions %v", again, w.sfn.names)
	}
	w.jump(time.Minute)
	due, err := w.store.Messages(t.Context(), "", w.clock(), 10)
	if err != nil || len(due) != 1 || due[0].Report.State != asr.StateCancelled || due[0].Report.Reason != string(asr.CodeBadTarget) {
		t.Errorf("the refusal: %+v %v", due, err)
	}
}

func TestOnlyTheRunsOwnAccountWakesIt(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	w.switches.Wakes = true
	w.build(asr.ModeAuto)
	id := w.finding("f-1", "s")
	w.switches.Read = func() error {
		if w.switches.Writes() > 0 {
			return asr.ErrSettling
		}
		return nil
	}
	w.execute(id, 0)
	stranger := w.message("m-2", "aws.ssm", event{Run: id})
	stranger.Body = strings.Replace(stranger.Body, account, "222222222222", 1)
	w.ingest(stranger, w.message("m-3", "aws.ssm", event{Run: "r-unknown"}), w.message("m-4", "aws.ssm", event{}))
	if len(w.sfn.names) != 1 {
		t.Errorf("executions %v", w.sfn.names)
	}
}

// ended is the event of an execution that has.
func ended(name, status string) map[string]string {
	return map[string]string{"name": name, "status": status, "error": "States.Runtime", "cause": "the payload is too large"}
}

// covers: W3
func TestAnExecutionThatDiesLetsGoOfItsRun(t *testing.T) {
	for status, code := range map[string]asr.Code{"FAILED": asr.CodeInternal, "TIMED_OUT": asr.CodeInternal, "ABORTED": asr.CodeNotAllowed} {
		t.Run(status, func(t *testing.T) {
			w := newWorld(t, asr.ModeAuto)
			id := w.finding("f-1", "s")
			m := w.message("m-2", "aws.states", ended(id+"-0", status))
			if again := w.ingest(m, m); again != "" {
				t.Fatalf("again: %q", again)
			}
			if r := w.run(id); r.State != asr.StateFailed || r.Error.Code != code || !strings.Contains(r.Error.Message, id+"-0") {
				t.Errorf("the run is %s: %+v", r.State, r.Error)
			}
			if f, err := w.store.Finding(t.Context(), "f-1"); err != nil || f.Outcome != asr.OutcomeNotFixed {
				t.Errorf("the finding is %s: %v", f.Outcome, err)
			}
		})
	}
}

// covers: W14
func TestAnExecutionThatWasTakenOverTakesNothingWithIt(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	id := w.finding("f-1", "s")
	if _, err := w.engine.Restart(t.Context(), id, 0); err != nil {
		t.Fatal(err)
	}
	w.ingest(w.message("m-2", "aws.states", ended(id+"-0", "ABORTED")))
	if r := w.run(id); r.State != asr.StateClaimed {
		t.Errorf("the run is %s: %+v", r.State, r.Error)
	}
}

func TestARunIsNotLetGoOfWhileItsFunctionMayBeWriting(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	id := w.finding("f-1", "s")
	stopped := w.message("m-2", "aws.states", ended(id+"-0", "ABORTED"))
	w.switches.Write = func(context.Context) error { // somebody stops the execution while the function goes on
		if again := w.ingest(stopped); again != "m-2" || !w.run(id).State.Open() {
			t.Errorf("again: %q, the run is %s", again, w.run(id).State)
		}
		return errors.New("cut off")
	}
	for _, do := range []func(context.Context, workflow.State) (workflow.State, error){w.handlers.Plan, w.handlers.Apply} {
		if _, err := do(t.Context(), workflow.State{Run: id}); err != nil {
			t.Fatal(err)
		}
	}
	if r := w.run(id); r.State != asr.StateFailed {
		t.Fatalf("the run is %s: %+v", r.State, r.Error)
	}
	w.jump(6 * time.Minute)
	if again := w.ingest(stopped); again != "" {
		t.Errorf("again: %q", again)
	}
}

func TestARunWhoseFunctionIsLongGoneIsLetGoOf(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	id := w.finding("f-1", "s")
	dead, die := context.WithCancel(t.Context())
	w.switches.Write = func(context.Context) error { die(); return dead.Err() }
	if _, err := w.handlers.Plan(t.Context(), workflow.State{Run: id}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.handlers.Apply(dead, workflow.State{Run: id}); err == nil {
		t.Fatal("the function was to die")
	}
	stopped := w.message("m-2", "aws.states", ended(id+"-0", "TIMED_OUT"))
	if again := w.ingest(stopped); again != "m-2" {
		t.Errorf("too early: again %q", again)
	}
	w.jump(6 * time.Minute)
	if again := w.ingest(stopped); again != "" || w.run(id).State != asr.StatePartly {
		t.Errorf("again: %q, the run is %s", again, w.run(id).State)
	}
}

func TestAPullThatDiesIsCounted(t *testing.T) {
	w := newWorld(t, asr.ModeAuto)
	w.ingest(w.message("m-1", "aws.states", ended("deploy-4711", "FAILED")), w.message("m-2", "aws.states", ended("weekly", "TIMED_OUT")))
	if got := len(w.metrics("SyncFailures")); got != 2 {
		t.Errorf("counted %d", got)
	}
}
