// Package functions puts together the functions that asr is deployed as: it
// reads their environment and wires the parts. It decides nothing.
package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"example.com/asr"
	handlers "example.com/asr/lambda"
	"example.com/asr/workflow"
	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go"
)

// Config is what a function is made of. AWS and Env are required.
type Config struct {
	AWS     aws.Config          // with the function's own credentials
	Env     func(string) string // its environment: ASR_FUNCTION says which one it is, wire.go has the others
	Version string              // of asr
	Log     io.Writer           // nil: nowhere
	Clock   asr.Clock           // nil: the system's
}

// inert is a log that names of others can't steer a terminal through. Each write
// is one entry, in JSON.
type inert struct{ io.Writer }

func (l inert) Write(entry []byte) (int, error) {
	if _, err := l.Writer.Write(asr.Inert(entry)); err != nil {
		return 0, err
	}
	return len(entry), nil
}

// New is the function that the environment names. It makes no call: what it
// needs is made with the first event. The error names what is wrong with the
// environment.
func New(c Config) (lambda.Handler, error) {
	e, err := read(c.Env)
	if err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	w := &wiring{environment: e, Config: c, log: slog.New(slog.NewJSONHandler(inert{c.Log}, &slog.HandlerOptions{Level: e.level}))}
	f, ok := map[string]any{
		"ingest": with(w, (*handlers.Handlers).Ingest),
		"plan":   with(w, (*handlers.Handlers).Plan),
		"apply":  with(w, (*handlers.Handlers).Apply),
		"report": with(w, func(h *handlers.Handlers, ctx context.Context, in workflow.State) (struct{}, error) {
			return struct{}{}, h.Report(ctx, in)
		}),
		"sync":  with(w, whatever((*handlers.Handlers).Sync)),
		"audit": with(w, whatever((*handlers.Handlers).Audit)),
		"api":   w.api,
		"setup": cfn.LambdaWrap(w.setup().Handle),
	}[e.function]
	if !ok {
		return nil, fmt.Errorf("ASR_FUNCTION is %q: there is no such function", e.function)
	}
	return lambda.NewHandler(f), nil
}

// with is a handler that has its parts.
func with[In, Out any](w *wiring, f func(*handlers.Handlers, context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (out Out, err error) {
		p, err := w.open(ctx)
		if err != nil {
			return out, err
		}
		return f(p.handlers, ctx, in)
	}
}

// whatever is a handler that does the same whatever the event says.
func whatever[Out any](f func(*handlers.Handlers, context.Context) (Out, error)) func(*handlers.Handlers, context.Context, json.RawMessage) (Out, error) {
	return func(h *handlers.Handlers, ctx context.Context, _ json.RawMessage) (Out, error) { return f(h, ctx) }
}

// api serves the HTTP API.
func (w *wiring) api(ctx context.Context, in events.LambdaFunctionURLRequest) (out events.LambdaFunctionURLResponse, err error) {
	p, err := w.open(ctx)
	if err != nil {
		return out, err
	}
	if err := p.policy.Refresh(ctx); err != nil {
		return out, err
	}
	return handlers.URL(p.api)(ctx, in)
}

// setup is the stack's custom resource.
func (w *wiring) setup() *handlers.Setup {
	s := &handlers.Setup{Actions: securityhub.NewFromConfig(w.AWS)}
	if w.syncs != "" {
		client := sfn.NewFromConfig(w.AWS)
		s.Sync = func(ctx context.Context, request string) error {
			_, err := client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &w.syncs, Name: aws.String("deploy-" + request), Input: aws.String("{}")})
			var api smithy.APIError
			if errors.As(err, &api) && api.ErrorCode() == "ExecutionAlreadyExists" { // the same request once more
				return nil
			}
			return err
		}
	}
	return s
}
