package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/memory"
	"example.com/asr/workflow"
	"github.com/aws/aws-lambda-go/events"
)

// deployed is asr as it runs in AWS, on a clock that jumps from one event to the
// next: the functions' handlers, the state machine's definition, a queue that
// sends again what failed, the schedules, and people. One function runs at a
// time, in a life of its own that nothing outlasts but the store and the cloud.
type deployed struct {
	t       *testing.T
	mode    asr.Mode
	perils  perils
	dice    *rand.Rand
	now     time.Time
	machine machine
	store   *memory.Store

	cloud      map[string]map[string]int // settings a and b by resource
	told       map[string]string         // workflow status by finding
	queue      []*message
	running    map[string]*execution
	closed     map[string]bool
	reportAt   time.Time
	sweepAt    time.Time
	undoing    bool
	points     int // that were passed
	pointNames []string

	lives, deaths, writes, again, executions, failures, letters int
	struck                                                      map[string]int
}

// perils are what may happen: the shares of what is in trouble, and of the
// points at which a function dies.
type perils struct {
	seed   uint64
	aws    float64 // calls in member accounts, and those that tell of a run
	store  float64 // of the store's requests, after AWS's client has tried again
	busy   float64 // of the commits, those that others are in the way of until it gives up
	lambda float64 // invocations that Lambda fails, before or after they ran
	death  float64 // of the points between side effects
	at     int     // the one point, from 1, at which a function dies; 0: none
}

// message is an event in the queue.
type message struct {
	body string
	at   time.Time
	came int
}

// As deploy/ has them.
const (
	visibility  = 7 * time.Minute
	mostCome    = 5
	reportEvery = time.Minute
	sweepEvery  = 5 * time.Minute
)

func newDeployed(t *testing.T, mode asr.Mode, p perils) *deployed {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &deployed{
		t: t, mode: mode, perils: p, dice: rand.New(rand.NewPCG(p.seed, 1)), now: now, machine: runMachine(t), store: memory.New(),
		cloud: map[string]map[string]int{}, told: map[string]string{}, running: map[string]*execution{}, closed: map[string]bool{},
		reportAt: now.Add(reportEvery), sweepAt: now.Add(sweepEvery), struck: map[string]int{},
	}
}

// send puts a finding's event into the queue.
func (d *deployed) send(finding, resource string, after time.Duration) {
	body, _ := json.Marshal(map[string]any{"id": "e-" + finding, "source": "aws.securityhub", "time": d.now, "detail": map[string]string{"Finding": finding, "Resource": resource}})
	d.queue = append(d.queue, &message{body: string(body), at: d.now.Add(after)})
}

func decode(source string, at time.Time, body []byte) ([]asr.Observation, []asr.Rejected) {
	var e struct {
		Detail struct{ Finding, Resource string }
	}
	if err := json.Unmarshal(body, &e); err != nil || e.Detail.Finding == "" {
		return nil, []asr.Rejected{{ID: source, At: at, Source: source, Reason: "no finding"}}
	}
	return []asr.Observation{{
		ID: e.Detail.Finding, Source: asr.SourceImported, At: at, Workflow: asr.Workflow{Status: asr.WorkflowNew},
		Provider: asr.Provider{
			Account: member, Region: region, Control: enginetest.Control, Severity: "HIGH", Compliance: asr.ComplianceFailed, RecordState: asr.RecordActive,
			UpdatedAt: at, Resources: []asr.Resource{{ID: "arn:aws:test:" + region + ":" + member + ":" + e.Detail.Resource}},
		},
	}}, nil
}

// live has everything happen that is going to, in the order of time, until
// nothing is left to do.
func (d *deployed) live() {
	d.t.Helper()
	for end := d.now.Add(10 * 24 * time.Hour); !d.idle(); {
		if d.now.After(end) {
			d.t.Fatalf("seed %d: after 10 days there is still something to do: %s", d.perils.seed, d.left())
		}
		d.next()
	}
}

// idle reports whether all has been done and told.
func (d *deployed) idle() bool {
	if len(d.queue) > 0 || len(d.running) > 0 {
		return false
	}
	untold, err := d.store.Messages(d.t.Context(), "", d.now.AddDate(1, 0, 0), 1)
	return err == nil && len(untold) == 0 && !slices.ContainsFunc(d.runs(), func(r asr.Run) bool {
		return r.State.Open() || d.undoing && r.Undoable()
	})
}

func (d *deployed) left() (text string) {
	for _, r := range d.runs() {
		if r.State.Open() {
			text += fmt.Sprintf("\n%s is %s since %s, next at %s: %+v", r.ID, r.State, r.Since, r.NextAt, r.Error)
		}
	}
	return fmt.Sprintf("%d messages, %d executions%s", len(d.queue), len(d.running), text)
}

func (d *deployed) runs() []asr.Run {
	all, _, err := d.store.Runs(d.t.Context(), asr.RunQuery{Limit: 1000})
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

// next has the next event happen: it comes from the schedules at the latest.
func (d *deployed) next() {
	at, do := d.reportAt, func() {
		d.reportAt = d.now.Add(reportEvery)
		d.people()
		_, _ = d.invoke(func(l *life) (any, error) { return nil, l.handlers().Report(d.t.Context(), workflow.State{}) })
	}
	if d.sweepAt.Before(at) {
		at, do = d.sweepAt, func() {
			d.sweepAt = d.now.Add(sweepEvery)
			d.queue = append(d.queue, &message{body: `{"source":"asr.schedule"}`, at: d.now})
		}
	}
	for _, m := range d.queue {
		if m.at.Before(at) {
			at, do = m.at, func() { d.deliver(m) }
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.running)) {
		if e := d.running[name]; e.at.Before(at) {
			at, do = e.at, func() { d.follow(e) }
		}
	}
	if at.After(d.now) {
		d.now = at
	}
	do()
}

// deliver hands a message over. One that fails comes again, until it goes among
// the dead letters.
func (d *deployed) deliver(m *message) {
	m.came++
	out, err := d.invoke(func(l *life) (any, error) {
		return l.handlers().Ingest(d.t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m", Body: m.body}}})
	})
	if answer, _ := out.(events.SQSEventResponse); err == nil && len(answer.BatchItemFailures) == 0 {
		d.queue = slices.DeleteFunc(d.queue, func(o *message) bool { return o == m })
		return
	}
	if m.at = d.now.Add(visibility); m.came >= mostCome {
		d.letters++
		d.queue = slices.DeleteFunc(d.queue, func(o *message) bool { return o == m })
	}
}

// follow takes an execution to its next state. EventBridge tells of one that failed.
func (d *deployed) follow(e *execution) {
	e.at = d.now
	d.machine.step(e, d.task)
	if e.ended == "" {
		return
	}
	delete(d.running, e.name)
	d.closed[e.name] = true
	if e.ended == "FAILED" {
		d.failures++
		body, _ := json.Marshal(map[string]any{"source": "aws.states", "time": d.now, "detail": map[string]string{"name": e.name, "status": e.ended}})
		d.queue = append(d.queue, &message{body: string(body), at: d.now})
	}
}

// task calls one of the machine's functions.
func (d *deployed) task(function string, data map[string]any) (map[string]any, *failed) {
	var in workflow.State
	text, _ := json.Marshal(data)
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, &failed{"Runtime.UnmarshalError", err.Error()}
	}
	answer, err := d.invoke(func(l *life) (any, error) {
		h := l.handlers()
		switch function {
		case "PlanFunctionArn":
			return h.Plan(d.t.Context(), in)
		case "ApplyFunctionArn":
			return h.Apply(d.t.Context(), in)
		}
		return map[string]any{}, h.Report(d.t.Context(), in)
	})
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	text, _ = json.Marshal(answer)
	_ = json.Unmarshal(text, &out) // what we just made
	return out, nil
}

// invoke runs a function, which may die, or whose invocation Lambda may fail.
func (d *deployed) invoke(do func(*life) (any, error)) (out any, err *failed) {
	d.lives++
	busy := d.strikes("lambda", d.perils.lambda)
	if busy && d.dice.IntN(2) == 0 {
		return nil, &failed{"Lambda.TooManyRequestsException", "Rate exceeded"}
	}
	err = &failed{"Runtime.ExitError", "the process ended"}
	done := make(chan struct{})
	go func() {
		defer close(done)
		answer, wrong := do(&life{Store: d.store, d: d})
		if out, err = answer, nil; wrong != nil {
			err = &failed{"errorString", wrong.Error()}
		}
	}()
	<-done
	if err == nil && busy {
		err = &failed{"Lambda.ServiceException", "its answer was lost"}
	}
	return out, err
}

// people answer runs that ask, and have what is fixed put back when it is time
// for that. Who gets no answer asks again.
func (d *deployed) people() {
	for _, r := range d.runs() {
		if r.State != asr.StateAwaiting && !(d.undoing && r.Undoable()) {
			continue
		}
		_, _ = d.invoke(func(l *life) (any, error) {
			e := l.engine()
			if _, err := l.answer(e, r); err != nil {
				return nil, err
			}
			return nil, l.starter(e).Start(d.t.Context(), r.ID) // what isn't started now, the sweep starts
		})
	}
}

func (l *life) answer(e *asr.Engine, r asr.Run) (asr.Run, error) {
	if r.State == asr.StateAwaiting {
		return e.Approve(l.d.t.Context(), r.ID, r.Plan.Hash, ada, "")
	}
	return e.Revert(l.d.t.Context(), r.ID, ada, false)
}
