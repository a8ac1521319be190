package lambda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/asr"
	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

// Actions is what Setup needs of Security Hub; *securityhub.Client has it.
type Actions interface {
	CreateActionTarget(context.Context, *securityhub.CreateActionTargetInput, ...func(*securityhub.Options)) (*securityhub.CreateActionTargetOutput, error)
	UpdateActionTarget(context.Context, *securityhub.UpdateActionTargetInput, ...func(*securityhub.Options)) (*securityhub.UpdateActionTargetOutput, error)
	DeleteActionTarget(context.Context, *securityhub.DeleteActionTargetInput, ...func(*securityhub.Options)) (*securityhub.DeleteActionTargetOutput, error)
}

// Setup is the custom resource of the hub's stack: it makes Security Hub's
// custom actions, keeps them as they should be, and removes them with the stack.
type Setup struct {
	Actions Actions
	Sync    func(ctx context.Context, request string) error // starts a pull of findings; nil: none
}

// action is a custom action of Security Hub; names and ids have at most 20
// letters and digits (names: and spaces).
type action struct{ id, name, description string }

var actions = []action{
	{"ASRRemediate", asr.ActionRemediate, "Plans the fix of each finding, and makes it as asr's policy says"},
	{"ASRPlan", asr.ActionPlan, "Plans the fix of each finding and shows what would be changed; changes nothing"},
	{"ASRFixAndTicket", asr.ActionTicket, "Like Remediate with ASR, and asks for a ticket of what becomes of it"},
}

// setupID is the resource's physical id: one that changed would have
// CloudFormation delete what was just updated.
const setupID = "asr-setup"

// Handle answers CloudFormation, through cfn.LambdaWrap, which sends the answer
// whatever happens here. An error is the reason that people see.
func (s *Setup) Handle(ctx context.Context, e cfn.Event) (id string, data map[string]any, err error) {
	data = map[string]any{}
	if end, limited := ctx.Deadline(); limited { // the answer takes time, too
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-reserve))
		defer cancel()
	}
	prefix, err := prefixOf(e.StackID)
	if err != nil {
		return setupID, data, err
	}
	if e.RequestType == cfn.RequestDelete {
		return setupID, data, s.remove(ctx, prefix)
	}
	wanted := actions
	if e.ResourceProperties["Actions"] == "no" {
		wanted = nil
		if err := s.remove(ctx, prefix); err != nil {
			return setupID, data, err
		}
	}
	for _, a := range wanted {
		if err := s.ensure(ctx, a, prefix); err != nil {
			return setupID, data, err
		}
		data[a.id] = prefix + a.id
	}
	if s.Sync != nil {
		err = s.Sync(ctx, e.RequestID)
	}
	return setupID, data, err
}

// prefixOf begins the ARNs of custom actions where the stack is.
func prefixOf(stack string) (string, error) {
	parts := strings.SplitN(stack, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return "", fmt.Errorf("%q is no stack's ARN", stack)
	}
	return strings.Join([]string{"arn", parts[1], "securityhub", parts[3], parts[4], "action/custom/"}, ":"), nil
}

// ensure makes an action, or sets one that is there to what it should be.
func (s *Setup) ensure(ctx context.Context, a action, prefix string) error {
	_, err := s.Actions.CreateActionTarget(ctx, &securityhub.CreateActionTargetInput{Id: &a.id, Name: &a.name, Description: &a.description})
	var exists *types.ResourceConflictException
	if errors.As(err, &exists) {
		_, err = s.Actions.UpdateActionTarget(ctx, &securityhub.UpdateActionTargetInput{ActionTargetArn: aws.String(prefix + a.id), Name: &a.name, Description: &a.description})
	}
	var off *types.InvalidAccessException
	if errors.As(err, &off) {
		return errors.New("Security Hub is not enabled in this account and Region: enable it, then deploy again")
	}
	if err != nil {
		return fmt.Errorf("custom action %s: %w", a.name, err)
	}
	return nil
}

// remove takes the actions away. Those that are gone, or whose Security Hub is, are.
func (s *Setup) remove(ctx context.Context, prefix string) error {
	var all []error
	for _, a := range slices.Backward(actions) {
		_, err := s.Actions.DeleteActionTarget(ctx, &securityhub.DeleteActionTargetInput{ActionTargetArn: aws.String(prefix + a.id)})
		var gone *types.ResourceNotFoundException
		var off *types.InvalidAccessException
		if err != nil && !errors.As(err, &gone) && !errors.As(err, &off) {
			all = append(all, fmt.Errorf("custom action %s: %w", a.name, err))
		}
	}
	return errors.Join(all...)
}
