package faults

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/dynamo"
	"example.com/asr/enginetest"
	"example.com/asr/lambda"
	"example.com/asr/playbook"
	"example.com/asr/sandbox"
	"example.com/asr/securityhub"
	"example.com/asr/sessions"
	"example.com/asr/vault"
	"example.com/asr/workflow"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// functions is asr as it is deployed, with the store, the sessions and AWS's
// clients that it has there, on the emulator: executions of the state machine
// and the schedules run side by side, on a clock that hurries.
type functions struct {
	*world
	t       *testing.T
	machine machine
	hub     aws.Config
	vault   *vault.Vault
	store   *dynamo.Store
	auditor *dynamo.Store // the same, as it is seen by somebody whose calls don't fail
	through *sessions.Sessions
	book    asr.Matcher
	deadly  atomic.Bool  // functions die
	commits atomic.Int64 // that were begun while they do
	deaths  atomic.Int64
	failed  atomic.Int64 // executions

	mu      sync.Mutex
	running map[string]bool
	closed  map[string]bool
	wg      sync.WaitGroup
}

func newFunctions(t *testing.T) *functions {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f := &functions{world: &world{s: s, began: time.Now()}, t: t, machine: runMachine(t), running: map[string]bool{}, closed: map[string]bool{}}
	if err := f.wire(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

// wire puts the parts together that outlast a function.
func (f *functions) wire(ctx context.Context) (err error) {
	const table = "asr-hub"
	root := f.s.Config(sandbox.DefaultHub, "us-east-1")
	if err = dynamo.CreateTable(ctx, dynamodb.NewFromConfig(root), table); err != nil {
		return err
	}
	if _, err = s3.NewFromConfig(root, func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(table)}); err != nil {
		return err
	}
	if f.vault, err = vault.New(make([]byte, vault.KeySize)); err != nil {
		return err
	}
	if f.book, err = playbook.Load(); err != nil {
		return err
	}
	f.hub = f.s.HubConfig("us-east-1")
	f.hub.HTTPClient, f.hub.RetryMaxAttempts = client(f.s, silence), 3
	f.store = dynamo.New(dynamo.Config{
		Client: dynamodb.NewFromConfig(f.hub, dynamo.Retry), Table: table, Bucket: table, S3: s3.NewFromConfig(f.hub, func(o *s3.Options) { o.UsePathStyle = true }), Vault: f.vault, Clock: f.now,
	})
	f.auditor = dynamo.New(dynamo.Config{Client: dynamodb.NewFromConfig(root), Table: table, Vault: f.vault, Clock: f.now})
	f.through, err = sessions.New(sessions.Config{Hub: f.hub, Settings: f.store})
	return err
}

// mortal is the store as a function sees it, that dies at one of each few
// commits: before or after it.
type mortal struct {
	asr.Store
	f *functions
}

const mortality = 30 // commits for each death

func (m mortal) Commit(ctx context.Context, b *asr.Batch) error {
	n := int64(1)
	if m.f.deadly.Load() {
		n = m.f.commits.Add(1)
	}
	if n%mortality == 0 {
		m.f.die()
	}
	err := m.Store.Commit(ctx, b)
	if n%mortality == mortality/2 {
		m.f.die()
	}
	return err
}

func (f *functions) die() {
	f.deaths.Add(1)
	runtime.Goexit()
}

// invoke runs a function, which may die.
func (f *functions) invoke(do func(*lambda.Handlers) (any, error)) (out any, err *failed) {
	err = &failed{"Runtime.ExitError", "the process ended"}
	done := make(chan struct{})
	go func() {
		defer close(done)
		answer, wrong := do(f.handlers())
		if out, err = answer, nil; wrong != nil {
			err = &failed{"errorString", wrong.Error()}
		}
	}()
	<-done
	return out, err
}

func (f *functions) parts() (*asr.Engine, *workflow.Starter) {
	store := mortal{f.store, f}
	e := asr.New(asr.Config{
		Store: store, Remediations: catalog.All(f.through.Dial), Matcher: f.book, Vault: f.vault, Policy: enginetest.Always(asr.ModeAuto), Clock: f.now,
	})
	return e, &workflow.Starter{Executions: f, Machine: "arn:machine", Engine: e, Store: store, Clock: f.now}
}

func (f *functions) handlers() *lambda.Handlers {
	e, starter := f.parts()
	return lambda.New(lambda.Config{
		Engine: e, Store: mortal{f.store, f}, Starter: starter, Reporter: securityhub.NewReporter(f.hub), Metrics: lambda.Metrics{To: io.Discard, Clock: f.now}, Clock: f.now,
		Sleep: func(_ context.Context, d time.Duration) { time.Sleep(d / haste) },
	})
}

// StartExecution implements workflow.Executions.
func (f *functions) StartExecution(_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed[*in.Name] {
		return nil, &types.ExecutionAlreadyExists{}
	}
	if !f.running[*in.Name] {
		f.running[*in.Name] = true
		e := &execution{name: *in.Name, state: f.machine.StartAt, data: map[string]any{}}
		_ = json.Unmarshal([]byte(*in.Input), &e.data) // the starter's
		f.wg.Go(func() { f.follow(e) })
	}
	return &sfn.StartExecutionOutput{}, nil
}

// follow takes an execution to its end.
func (f *functions) follow(e *execution) {
	for e.ended == "" && f.t.Context().Err() == nil {
		time.Sleep(e.at.Sub(f.now()) / haste)
		e.at = f.now()
		f.machine.step(e, f.task)
	}
	if e.ended == "FAILED" {
		f.failed.Add(1)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.running, e.name)
	f.closed[e.name] = true
}

func (f *functions) task(function string, data map[string]any) (map[string]any, *failed) {
	var in workflow.State
	text, _ := json.Marshal(data)
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, &failed{"Runtime.UnmarshalError", err.Error()}
	}
	answer, err := f.invoke(func(h *lambda.Handlers) (any, error) {
		ctx, cancel := context.WithTimeout(f.t.Context(), 5*time.Minute) // the function's time
		defer cancel()
		switch function {
		case "PlanFunctionArn":
			return h.Plan(ctx, in)
		case "ApplyFunctionArn":
			return h.Apply(ctx, in)
		}
		return map[string]any{}, h.Report(ctx, in)
	})
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	text, _ = json.Marshal(answer)
	_ = json.Unmarshal(text, &out) // what we just made
	return out, nil
}

// persist does what a queue does that gets no answer, and what people do then:
// it comes again.
func (f *functions) persist(do func(*asr.Engine, *workflow.Starter) error) error {
	var err error
	for range 50 {
		err = &failed{"Runtime.ExitError", "the process ended"}
		done := make(chan struct{})
		go func() {
			defer close(done)
			err = do(f.parts())
		}()
		if <-done; err == nil {
			return nil
		}
	}
	return err
}

// each does something with each of a list at once.
func each[V any](t *testing.T, all []V, do func(V) error) {
	t.Helper()
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, v := range all {
		wg.Go(func() { errs[i] = do(v) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// fix has findings of the resources come in.
func (f *functions) fix(control string, resources ...string) {
	f.t.Helper()
	each(f.t, resources, func(arn string) error {
		o := asr.Observation{
			ID: "f-" + arn, Source: asr.SourceImported, At: f.now(), Workflow: asr.Workflow{Status: asr.WorkflowNew},
			Provider: asr.Provider{
				Format: "asff", Account: member, Region: region, Control: control, Severity: "HIGH", Compliance: asr.ComplianceFailed, RecordState: asr.RecordActive,
				UpdatedAt: f.now(), Resources: []asr.Resource{{ID: arn, Region: region}},
			},
		}
		return f.persist(func(e *asr.Engine, starter *workflow.Starter) error {
			in, err := e.Ingest(f.t.Context(), []asr.Observation{o})
			for _, id := range append(in.Runs, in.Going...) {
				_ = starter.Start(f.t.Context(), id) // what isn't started now, the sweep starts
			}
			return err
		})
	})
}

func (f *functions) undo() {
	f.t.Helper()
	each(f.t, f.runs(), func(r asr.Run) error {
		return f.persist(func(e *asr.Engine, starter *workflow.Starter) error {
			_, err := e.Revert(f.t.Context(), r.ID, ada, false)
			_ = starter.Start(f.t.Context(), r.ID)
			if asr.Classify(err) == asr.CodeNotAllowed { // it was asked before, and the answer lost
				return nil
			}
			return err
		})
	})
}

// tick is how often the schedules tick: each minute is too much for the emulator.
const tick = 2 * time.Second

// serve has the schedules tick until over says so.
func (f *functions) serve(over func([]asr.Run) bool) {
	f.t.Helper()
	for n := 0; ; n++ {
		if n > 200 {
			f.t.Fatalf("after %s there is still something to do: %+v", f.now().Sub(f.began), f.runs())
		}
		_, _ = f.invoke(func(h *lambda.Handlers) (any, error) { return nil, h.Report(f.t.Context(), workflow.State{}) })
		if n%5 == 0 {
			_, _ = f.invoke(func(h *lambda.Handlers) (any, error) { return h.Ingest(f.t.Context(), schedule()) })
		}
		if over(f.runs()) {
			break
		}
		time.Sleep(tick)
	}
}

// schedule is the event that the schedule of the sweep sends.
func schedule() events.SQSEvent {
	return events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m", Body: `{"source":"asr.schedule"}`}}}
}

func allEnded(runs []asr.Run) bool {
	return !slices.ContainsFunc(runs, func(r asr.Run) bool { return r.State.Open() })
}

func (f *functions) runs() []asr.Run {
	f.t.Helper()
	all, _, err := f.auditor.Runs(f.t.Context(), asr.RunQuery{Limit: 1000})
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}
