package faults

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/lambda"
	"example.com/asr/workflow"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

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
