package ssmdoc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// phase is what a status means to who waits for an execution.
type phase int

const (
	running phase = iota
	succeeded
	failed
)

// phases are all statuses that AWS documents:
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AutomationExecution.html
var phases = map[types.AutomationExecutionStatus]phase{
	types.AutomationExecutionStatusPending:                        running,
	types.AutomationExecutionStatusInprogress:                     running,
	types.AutomationExecutionStatusWaiting:                        running,
	types.AutomationExecutionStatusCancelling:                     running,
	types.AutomationExecutionStatusPendingApproval:                running,
	types.AutomationExecutionStatusApproved:                       running,
	types.AutomationExecutionStatusScheduled:                      running,
	types.AutomationExecutionStatusRunbookInprogress:              running,
	types.AutomationExecutionStatusPendingChangeCalendarOverride:  running,
	types.AutomationExecutionStatusChangeCalendarOverrideApproved: running,
	types.AutomationExecutionStatusSuccess:                        succeeded,
	types.AutomationExecutionStatusCompletedWithSuccess:           succeeded,
	types.AutomationExecutionStatusFailed:                         failed,
	types.AutomationExecutionStatusTimedout:                       failed,
	types.AutomationExecutionStatusCancelled:                      failed,
	types.AutomationExecutionStatusRejected:                       failed,
	types.AutomationExecutionStatusChangeCalendarOverrideRejected: failed,
	types.AutomationExecutionStatusCompletedWithFailure:           failed,
	types.AutomationExecutionStatusExited:                         failed,
}

// phaseOf judges a status; one that AWS adds later by whether it has ended.
func phaseOf(status types.AutomationExecutionStatus, ended bool) phase {
	p, known := phases[status]
	if !known && ended {
		return failed
	}
	return p
}

// read says what the run's execution has come to: asr.ErrSettling while it runs,
// an *asr.Error with CodeAWS if it ended without success.
func (d document) read(ctx context.Context, cfg aws.Config, on remedy.On[params]) (State, error) {
	api := ssm.NewFromConfig(cfg)
	found, err := d.find(ctx, api, on.Call.Run)
	if err != nil || found == nil {
		return State{}, err
	}
	if phaseOf(found.AutomationExecutionStatus, found.ExecutionEndTime != nil) == running {
		return State{}, asr.ErrSettling
	}
	out, err := api.GetAutomationExecution(ctx, &ssm.GetAutomationExecutionInput{AutomationExecutionId: found.AutomationExecutionId})
	if err != nil {
		return State{}, err
	}
	if err := d.judge(out.AutomationExecution, on.Target); err != nil {
		return State{}, err
	}
	e := Execution{Outcome: success}
	for name := range d.Parameters {
		if given := out.AutomationExecution.Parameters[name]; len(given) > 0 {
			if e.Parameters == nil {
				e.Parameters = map[string][]string{}
			}
			e.Parameters[name] = given
		}
	}
	return State{Document: map[string]Execution{d.Name: e}}, nil
}

// find is the execution that was started for a run, nil if none was.
func (d document) find(ctx context.Context, api *ssm.Client, run string) (*types.AutomationExecutionMetadata, error) {
	if run == "" {
		return nil, nil
	}
	pages := ssm.NewDescribeAutomationExecutionsPaginator(api, &ssm.DescribeAutomationExecutionsInput{
		Filters: []types.AutomationExecutionFilter{{Key: types.AutomationExecutionFilterKeyTagKey, Values: []string{tag(run)}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, e := range page.AutomationExecutionMetadataList {
			if short(aws.ToString(e.DocumentName)) == short(d.Name) {
				return &e, nil
			}
		}
	}
	return nil, nil
}

// judge is an error unless the execution ended well, by its status and by the
// output that the declaration names.
func (d document) judge(e *types.AutomationExecution, t asr.Target) error {
	wrong := func(what string) error {
		return &asr.Error{
			Code: asr.CodeAWS, Message: "document " + short(d.Name) + " " + what,
			Do: fmt.Sprintf("see what it has done: execution %s of Systems Manager in account %s, %s; then start again", aws.ToString(e.AutomationExecutionId), t.Account, t.Region),
		}
	}
	switch phaseOf(e.AutomationExecutionStatus, e.ExecutionEndTime != nil) {
	case running:
		return asr.ErrSettling
	case failed:
		return wrong("ended " + string(e.AutomationExecutionStatus) + why(e))
	}
	if d.Output == "" {
		return nil
	}
	said, has := e.Outputs[d.Output]
	switch {
	case !has:
		return wrong("ended " + string(e.AutomationExecutionStatus) + " without its output " + d.Output)
	case !slices.Equal(said, []string{d.Means}):
		return wrong(fmt.Sprintf("ended %s, but its output %s is %q and not %q", e.AutomationExecutionStatus, d.Output, Redact(strings.Join(said, ", ")), d.Means))
	}
	return nil
}

// why names the step that failed and says its message, as far as it may be kept.
func why(e *types.AutomationExecution) string {
	step, message := "", aws.ToString(e.FailureMessage)
	for _, s := range e.StepExecutions {
		if phases[s.StepStatus] == failed {
			step = " at step " + Redact(aws.ToString(s.StepName))
			if m := aws.ToString(s.FailureMessage); m != "" {
				message = m
			}
			break
		}
	}
	if message == "" {
		return step
	}
	return step + ": " + Redact(message)
}
