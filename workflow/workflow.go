// Package workflow drives runs through AWS Step Functions: one Standard
// execution of the state machine asr-hub-run takes a run to its end, or to where
// it waits for a person or for an event; the answer starts the next one. The
// definitions route on what the engine answers and decide nothing.
package workflow

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

//go:embed run.asl.json
var run string

//go:embed sync.asl.json
var sync string

// Run is the definition of asr-hub-run in the Amazon States Language. Its
// functions stand as ${PlanFunctionArn}, ${ApplyFunctionArn} and
// ${ReportFunctionArn}.
func Run() string { return run }

// Sync is the definition of asr-hub-sync, with ${SyncFunctionArn}.
func Sync() string { return sync }

// State travels between the states of an execution: ids and what comes next.
type State struct {
	Run    string `json:"run"`
	N      int    `json:"n"`                // which of the run's executions this is, from 0
	Turns  int    `json:"turns"`            // tasks that this execution has been through
	Do     string `json:"do"`               // "plan", "apply" or "report"
	Wait   int    `json:"wait"`             // seconds before it
	Parked bool   `json:"parked,omitempty"` // an event starts the next execution
	Error  *Error `json:"error,omitempty"`
}

// Error is a task's failure as Step Functions catches it.
type Error struct {
	Error string `json:"Error"`
	Cause string `json:"Cause"`
}

// Name is an execution's name.
func Name(run string, n int) string { return run + "-" + strconv.Itoa(n) }

// Parse takes an execution's name apart.
func Parse(name string) (run string, n int, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i <= 0 {
		return "", 0, false
	}
	n, err := strconv.Atoi(name[i+1:])
	return name[:i], n, err == nil && n >= 0
}

// Executions is what Starter needs of Step Functions; *sfn.Client has it.
type Executions interface {
	StartExecution(ctx context.Context, in *sfn.StartExecutionInput, options ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
}

// Starter starts executions.
type Starter struct {
	Executions Executions
	Machine    string // the ARN of asr-hub-run
	Engine     *asr.Engine
	Store      asr.RunStore
	Clock      asr.Clock // nil: the system's
}

// Start sees that a run is driven: it starts the execution that the run's count
// names. While that one goes on, starting it again is nothing; when it has
// ended, the count goes up. So a run has one execution at a time, however often
// it is started. Runs that have ended or wait for a person stay as they are.
func (s *Starter) Start(ctx context.Context, id string) error {
	for range 5 {
		r, err := s.Store.Run(ctx, id)
		if err != nil {
			return fmt.Errorf("start %s: %w", id, err)
		}
		if due, ok := r.Due(); !ok || r.State.Waits() && due.After(s.now()) {
			return nil
		}
		input, _ := json.Marshal(State{Run: r.ID, N: r.Starts}) // texts and numbers
		name, text := Name(r.ID, r.Starts), string(input)
		_, err = s.Executions.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &s.Machine, Name: &name, Input: &text})
		var exists *types.ExecutionAlreadyExists
		if !errors.As(err, &exists) {
			if err != nil {
				return fmt.Errorf("start %s: %w", id, err)
			}
			return nil
		}
		if _, err := s.Engine.Restart(ctx, r.ID, r.Starts); err != nil {
			return fmt.Errorf("start %s: %w", id, err)
		}
	}
	return fmt.Errorf("start %s: each execution that was started had ended already", id)
}

func (s *Starter) now() time.Time {
	if s.Clock == nil {
		return time.Now()
	}
	return s.Clock()
}
