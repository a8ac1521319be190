package ssmdoc

import (
	"context"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Signaller tells runbooks what came of what they asked for. A runbook waits in
// an approval step, which only the member role may answer: approved, it ends
// well; rejected, it fails; the comment says why in either case. It implements
// asr.Reporter for asr.ChannelRequester.
type Signaller struct{ Dial remedy.Dialer }

// ReplyGrants are what the member role needs to answer runbooks.
func ReplyGrants() []asr.Grant {
	return []asr.Grant{asr.Allow(executions, "ssm:SendAutomationSignal", "ssm:GetAutomationExecution")}
}

// Report answers one. An execution that has ended, or that nobody knows any
// more, has its answer.
func (s Signaller) Report(ctx context.Context, r asr.Report) error {
	if r.Reply == nil || !executionForm.MatchString(r.Reply.Execution) {
		return nil
	}
	q := Request{Account: r.Reply.Account, Region: r.Reply.Region, Execution: r.Reply.Execution}
	target := asr.Target{Partition: asr.Partition(q.Region), Account: q.Account, Region: q.Region, ID: q.ARN()}
	cfg, err := s.Dial(ctx, remedy.Session{
		Target: target, Grants: []asr.Grant{asr.Allow(q.ARN(), "ssm:SendAutomationSignal", "ssm:GetAutomationExecution")},
		Call: asr.Call{Run: r.Run}, Write: true,
	})
	if err != nil {
		return err
	}
	api := ssm.NewFromConfig(cfg)
	_, err = api.SendAutomationSignal(ctx, &ssm.SendAutomationSignalInput{
		AutomationExecutionId: &q.Execution, SignalType: signal(r.State), Payload: map[string][]string{"Comment": {comment(r)}},
	})
	if remedy.Is(err, "InvalidAutomationSignalException", "AutomationStepNotFoundException") {
		return remedy.Judge(waits(ctx, api, q, err))
	}
	return remedy.Judge(remedy.Unless(err, "AutomationExecutionNotFoundException"))
}

func signal(s asr.State) types.SignalType {
	if s == asr.StateVerified || s == asr.StateNothingToDo {
		return types.SignalTypeApprove
	}
	return types.SignalTypeReject
}

// comment is at most as long as AWS takes a signal's.
func comment(r asr.Report) string {
	text := strings.TrimSuffix(r.Note, ".") + "."
	if r.Do != "" {
		text += " " + r.Do + "."
	}
	if r.Run != "" {
		text += " Run " + r.Run + ", " + string(r.State) + "."
	}
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest-1]) + "…"
	}
	return text
}

// waits says of an execution that took no signal whether it may yet.
func waits(ctx context.Context, api *ssm.Client, q Request, refused error) error {
	out, err := api.GetAutomationExecution(ctx, &ssm.GetAutomationExecutionInput{AutomationExecutionId: &q.Execution})
	switch {
	case remedy.Is(err, "AutomationExecutionNotFoundException"):
		return nil
	case err != nil:
		return err
	case phaseOf(out.AutomationExecution.AutomationExecutionStatus, out.AutomationExecution.ExecutionEndTime != nil) != running:
		return nil
	}
	return &asr.Error{
		Code: asr.CodeUnavailable, Message: "runbook execution " + q.Execution + " takes no answer yet: it is at step " + Redact(aws.ToString(out.AutomationExecution.CurrentStepName)),
		Do: "wait; it is told again by itself", Err: refused,
	}
}
