package faults

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/lambda"
	"example.com/asr/memory"
	"example.com/asr/workflow"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
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

// life is one function's, from its invocation to its end.
type life struct {
	asr.Store
	d *deployed
}

func (l *life) clock() time.Time { return l.d.now }

func (l *life) engine() *asr.Engine {
	return asr.New(asr.Config{
		Store: l, Remediations: []asr.Remediation{l.unit()}, Matcher: enginetest.Book{}, Policy: enginetest.Always(l.d.mode), Vault: enginetest.Glass{}, Clock: l.clock,
		NewID: func(time.Time) string { return fmt.Sprintf("r-%d-%d", l.d.lives, l.d.dice.Uint32()) },
	})
}

func (l *life) starter(e *asr.Engine) *workflow.Starter {
	return &workflow.Starter{Executions: l, Machine: "arn:machine", Engine: e, Store: l, Clock: l.clock}
}

func (l *life) handlers() *lambda.Handlers {
	e := l.engine()
	return lambda.New(lambda.Config{
		Engine: e, Store: l, Starter: l.starter(e), Reporter: l, Metrics: lambda.Metrics{To: io.Discard, Clock: l.clock}, Decode: decode, Clock: l.clock,
		Sleep: func(_ context.Context, wait time.Duration) { l.d.now = l.d.now.Add(wait) },
	})
}

// point is a fault point: a function may die there.
func (d *deployed) point(name string) {
	d.points++
	d.pointNames = append(d.pointNames, name)
	if d.points == d.perils.at || d.perils.death > 0 && d.dice.Float64() < d.perils.death {
		d.deaths++
		runtime.Goexit()
	}
}

func (d *deployed) strikes(what string, share float64) bool {
	if share > 0 && d.dice.Float64() < share {
		d.struck[what]++
		return true
	}
	return false
}

// effect has a side effect, with a fault point before and after it. Trouble
// comes before it or after it: the answer is lost then.
func (d *deployed) effect(name, what string, share float64, fail func() error, do func() error) error {
	d.point("before " + name)
	struck := d.strikes(what, share)
	if struck && d.dice.IntN(2) == 0 {
		return fail()
	}
	err := do()
	d.point("after " + name)
	if err == nil && struck {
		return fail()
	}
	return err
}

// ofStore is how the store fails: DynamoDB's client has given up.
func ofStore() error {
	return errors.New("operation error DynamoDB: exceeded maximum number of attempts, 5, https response error StatusCode: 500")
}

// ofAWS is how a call in a member account fails, and may not another time.
func (d *deployed) ofAWS() error {
	return []*asr.Error{
		{Code: asr.CodeThrottled, Message: "Rate exceeded"}, {Code: asr.CodeUnavailable, Message: "503"},
		{Code: asr.CodeUnavailable, Message: "connection reset by peer"}, {Code: asr.CodeUnavailable, Message: "nobody answered for 30s"},
	}[d.dice.IntN(4)]
}

func (l *life) Commit(ctx context.Context, b *asr.Batch) error {
	if l.d.strikes("conflict", l.d.perils.busy) {
		return asr.ErrStale // others were in its way each time that it was tried
	}
	return l.d.effect("commit", "store", l.d.perils.store, ofStore, func() error { return l.Store.Commit(ctx, b) })
}

// look is a request of the store's that changes nothing.
func look[T any](l *life, f func() (T, error)) (v T, err error) {
	if l.d.strikes("store", l.d.perils.store) {
		return v, ofStore()
	}
	return f()
}

func (l *life) Run(ctx context.Context, id string) (asr.Run, error) {
	return look(l, func() (asr.Run, error) { return l.Store.Run(ctx, id) })
}

func (l *life) Finding(ctx context.Context, id string) (asr.Finding, error) {
	return look(l, func() (asr.Finding, error) { return l.Store.Finding(ctx, id) })
}

func (l *life) LastRun(ctx context.Context, claim string) (asr.Run, error) {
	return look(l, func() (asr.Run, error) { return l.Store.LastRun(ctx, claim) })
}

func (l *life) Setting(ctx context.Context, name string) (string, error) {
	return look(l, func() (string, error) { return l.Store.Setting(ctx, name) })
}

func (l *life) Messages(ctx context.Context, run string, now time.Time, limit int) ([]asr.Message, error) {
	return look(l, func() ([]asr.Message, error) { return l.Store.Messages(ctx, run, now, limit) })
}

func (l *life) Lease(ctx context.Context, worker, id string, now time.Time, ttl time.Duration) (leased string, err error) {
	err = l.d.effect("lease", "store", l.d.perils.store, ofStore, func() (err error) {
		leased, err = l.Store.Lease(ctx, worker, id, now, ttl)
		return err
	})
	return leased, err
}

func (l *life) Delivered(ctx context.Context, id string) error {
	return l.d.effect("delivered", "store", l.d.perils.store, ofStore, func() error { return l.Store.Delivered(ctx, id) })
}

func (l *life) Postpone(ctx context.Context, m asr.Message) error {
	return l.d.effect("postpone", "store", l.d.perils.store, ofStore, func() error { return l.Store.Postpone(ctx, m) })
}

// Report implements asr.Reporter.
func (l *life) Report(_ context.Context, r asr.Report) error {
	return l.d.effect("report", "aws", l.d.perils.aws, l.d.ofAWS, func() error {
		l.d.told[r.Finding] = cmp.Or(r.Workflow, l.d.told[r.Finding])
		return nil
	})
}

// StartExecution implements workflow.Executions.
func (l *life) StartExecution(_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	d := l.d
	return &sfn.StartExecutionOutput{}, d.effect("start", "aws", d.perils.aws/10, ofStore, func() error { // after AWS's client has tried again
		if d.closed[*in.Name] {
			return &types.ExecutionAlreadyExists{}
		}
		if d.running[*in.Name] == nil {
			d.executions++
			e := &execution{name: *in.Name, state: d.machine.StartAt, at: d.now, data: map[string]any{}}
			_ = json.Unmarshal([]byte(*in.Input), &e.data) // the starter's
			d.running[*in.Name] = e
		}
		return nil
	})
}

// unit sets a and b to 1, by one write each.
func (l *life) unit() asr.Remediation {
	u := (&enginetest.Switches{Settle: 2 * time.Second}).Remediation()
	now := func(name string) map[string]int {
		if l.d.cloud[name] == nil {
			l.d.cloud[name] = map[string]int{"a": 5, "b": 5}
		}
		return l.d.cloud[name]
	}
	u.Read = func(_ context.Context, on asr.On) (json.RawMessage, error) {
		if l.d.strikes("aws", l.d.perils.aws) {
			return nil, l.d.ofAWS()
		}
		return json.Marshal(now(on.Name))
	}
	u.Want = func(asr.On, json.RawMessage) (json.RawMessage, error) { return json.RawMessage(`{"a":1,"b":1}`), nil }
	u.Write = func(_ context.Context, on asr.On, from, to json.RawMessage) error {
		changes, err := asr.Diff(from, to)
		if err != nil {
			return err
		}
		return l.d.effect("write", "aws", l.d.perils.aws, l.d.ofAWS, func() error {
			field, value := changes[0].Path[0], 0
			if err := json.Unmarshal(changes[0].To, &value); err != nil {
				return err
			}
			if l.d.writes++; now(on.Name)[field] == value {
				l.d.again++
			}
			now(on.Name)[field] = value
			return nil
		})
	}
	return u
}
