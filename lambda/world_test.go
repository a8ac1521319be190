package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
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

const account = "111111111111"

// executions is Step Functions as far as starting goes.
type executions struct {
	mu      sync.Mutex
	running map[string]string // input by name
	closed  map[string]bool
	names   []string // in order of their real starts
	fail    error
}

func (e *executions) StartExecution(_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		return nil, e.fail
	}
	input, on := e.running[*in.Name]
	if e.closed[*in.Name] || on && input != *in.Input {
		return nil, &types.ExecutionAlreadyExists{}
	}
	if !on {
		e.running[*in.Name] = *in.Input
		e.names = append(e.names, *in.Name)
	}
	return &sfn.StartExecutionOutput{}, nil
}

func (e *executions) end(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.running, name)
	e.closed[name] = true
}

// world is the handlers with everything around them, and a clock that jumps.
type world struct {
	t        *testing.T
	store    *memory.Store
	engine   *asr.Engine
	sfn      *executions
	handlers *lambda.Handlers
	config   lambda.Config
	log      *bytes.Buffer // metrics
	told     []asr.Report
	reporter error

	switches enginetest.Switches
	accounts asr.Accounts

	mu  sync.Mutex
	now time.Time
}

func newWorld(t *testing.T, mode asr.Mode) *world {
	w := &world{t: t, store: memory.New(), sfn: &executions{running: map[string]string{}, closed: map[string]bool{}}, log: &bytes.Buffer{}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	w.switches.Settle = 2 * time.Second
	w.build(mode)
	return w
}

func (w *world) build(mode asr.Mode) { w.buildWith(enginetest.Always(mode)) }

func (w *world) buildWith(p asr.Policy) {
	w.engine = asr.New(asr.Config{Store: w.store, Remediations: []asr.Remediation{w.switches.Remediation()}, Matcher: enginetest.Book{}, Policy: p, Vault: enginetest.Glass{}, Accounts: w.accounts, Clock: w.clock, Channels: []asr.Channel{asr.ChannelOutcome}})
	w.config = lambda.Config{
		Engine: w.engine, Store: w.store, Reporter: w, Clock: w.clock,
		Starter: &workflow.Starter{Executions: w.sfn, Machine: "arn:machine", Engine: w.engine, Store: w.store, Clock: w.clock},
		Metrics: lambda.Metrics{To: w.log, Clock: w.clock, Saved: 30},
		Sleep:   func(_ context.Context, d time.Duration) { w.jump(d) },
		Decode:  decode, Request: request, Woken: woken,
	}
	w.rebuild()
}

// rebuild makes the handlers anew, of the config as it is.
func (w *world) rebuild() { w.handlers = lambda.New(w.config) }

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) jump(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// Report implements asr.Reporter.
func (w *world) Report(_ context.Context, r asr.Report) error {
	if w.reporter == nil {
		w.told = append(w.told, r)
	}
	return w.reporter
}

// event is what stands in the detail of the tests' events.
type event struct {
	Finding, Resource string
	Run               string // of an automation execution
}

func decode(source string, at time.Time, body []byte) ([]asr.Observation, []asr.Rejected) {
	var e struct{ Detail event }
	if err := json.Unmarshal(body, &e); err != nil || e.Detail.Finding == "" {
		return nil, []asr.Rejected{{ID: source, At: at, Source: source, Reason: "no finding"}}
	}
	return []asr.Observation{{
		ID: e.Detail.Finding, Source: asr.SourceImported, At: at,
		Provider: asr.Provider{Format: "asff", Account: account, Region: "eu-west-1", Compliance: asr.ComplianceFailed, RecordState: asr.RecordActive, Control: enginetest.Control, UpdatedAt: at, Resources: []asr.Resource{{ID: "arn:aws:test:eu-west-1:" + account + ":" + e.Detail.Resource}}},
		Workflow: asr.Workflow{Status: asr.WorkflowNew},
	}}, nil
}

func request(body []byte) (asr.Ask, error) {
	var e struct {
		Account string
		Detail  event
	}
	if err := json.Unmarshal(body, &e); err != nil || e.Detail.Resource == "" {
		return asr.Ask{}, errors.New("it names no resource")
	}
	return asr.Ask{
		Actor: asr.Actor{Kind: "runbook", Name: "ssm"}, Control: enginetest.Control, Account: e.Account, Region: "eu-west-1", Resource: asr.Resource{ID: e.Detail.Resource},
		Reply: &asr.Reply{Account: e.Account, Region: "eu-west-1", Execution: "e-1"},
	}, nil
}

func woken(body []byte) (string, string, bool) {
	var e struct {
		Account string
		Detail  event
	}
	err := json.Unmarshal(body, &e)
	return e.Detail.Run, e.Account, err == nil && e.Detail.Run != ""
}

// message is an event of EventBridge in a message of SQS.
func (w *world) message(id, source string, detail any) events.SQSMessage {
	w.t.Helper()
	body, err := json.Marshal(map[string]any{"id": id, "source": source, "account": account, "time": w.clock().Truncate(time.Second), "detail": detail})
	if err != nil {
		w.t.Fatal(err)
	}
	return events.SQSMessage{MessageId: id, Body: string(body)}
}

// ingest hands messages over, and says which come again.
func (w *world) ingest(messages ...events.SQSMessage) string {
	w.t.Helper()
	out, err := w.handlers.Ingest(w.t.Context(), events.SQSEvent{Records: messages})
	if err != nil {
		w.t.Fatal(err)
	}
	var again []string
	for _, f := range out.BatchItemFailures {
		again = append(again, f.ItemIdentifier)
	}
	return strings.Join(again, " ")
}

// finding takes a finding in and returns its run.
func (w *world) finding(id, resource string) string {
	w.t.Helper()
	if again := w.ingest(w.message("m-"+id, "aws.securityhub", event{Finding: id, Resource: resource})); again != "" {
		w.t.Fatalf("again: %s", again)
	}
	f, err := w.store.Finding(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return f.Run
}

func (w *world) run(id string) asr.Run {
	w.t.Helper()
	r, err := w.store.Run(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// execute does what the state machine does with an execution, and says where
// it went.
func (w *world) execute(id string, n int) (path []string) {
	w.t.Helper()
	in, do := workflow.State{Run: id, N: n}, w.handlers.Plan
	for range 100 {
		out, err := do(w.t.Context(), in)
		if err != nil {
			w.t.Fatal(err)
		}
		path = append(path, out.Do)
		if out.Do == "report" {
			if err := w.handlers.Report(w.t.Context(), out); err != nil {
				w.t.Fatal(err)
			}
			w.sfn.end(workflow.Name(id, n))
			return path
		}
		w.jump(time.Duration(out.Wait) * time.Second)
		if do = w.handlers.Plan; out.Do == "apply" {
			do = w.handlers.Apply
		}
		in = out
	}
	w.t.Fatalf("run %s goes on for ever: %v", id, path)
	return nil
}

// metrics are the metrics of a name that were written, each with its dimensions.
func (w *world) metrics(name string) (all []map[string]any) {
	w.t.Helper()
	for line := range strings.Lines(w.log.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			w.t.Fatal(err)
		}
		if m[name] != nil {
			all = append(all, m)
		}
	}
	return all
}
