package lambda_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/asr/lambda"
	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

// hub is Security Hub's custom actions: names by ARN.
type hub struct {
	actions map[string]string
	fail    error
}

const prefix = "arn:aws-us-gov:securityhub:us-gov-west-1:111111111111:action/custom/"

func (h *hub) CreateActionTarget(_ context.Context, in *securityhub.CreateActionTargetInput, _ ...func(*securityhub.Options)) (*securityhub.CreateActionTargetOutput, error) {
	if h.fail != nil {
		return nil, h.fail
	}
	if h.actions[prefix+*in.Id] != "" {
		return nil, &types.ResourceConflictException{}
	}
	h.actions[prefix+*in.Id] = *in.Name
	return &securityhub.CreateActionTargetOutput{}, nil
}

func (h *hub) UpdateActionTarget(_ context.Context, in *securityhub.UpdateActionTargetInput, _ ...func(*securityhub.Options)) (*securityhub.UpdateActionTargetOutput, error) {
	h.actions[*in.ActionTargetArn] = *in.Name
	return &securityhub.UpdateActionTargetOutput{}, nil
}

func (h *hub) DeleteActionTarget(_ context.Context, in *securityhub.DeleteActionTargetInput, _ ...func(*securityhub.Options)) (*securityhub.DeleteActionTargetOutput, error) {
	if h.fail != nil {
		return nil, h.fail
	}
	if h.actions[*in.ActionTargetArn] == "" {
		return nil, &types.ResourceNotFoundException{}
	}
	delete(h.actions, *in.ActionTargetArn)
	return &securityhub.DeleteActionTargetOutput{}, nil
}

func stack(kind cfn.RequestType) cfn.Event {
	return cfn.Event{RequestType: kind, RequestID: "q-1", StackID: "arn:aws-us-gov:cloudformation:us-gov-west-1:111111111111:stack/asr-hub/1"}
}

func TestTheStackMakesItsCustomActionsKeepsThemAndTakesThemAway(t *testing.T) {
	h := &hub{actions: map[string]string{prefix + "ASRPlan": "somebody renamed it", prefix + "Other": "not ours"}}
	var synced []string
	s := &lambda.Setup{Actions: h, Sync: func(_ context.Context, request string) error { synced = append(synced, request); return nil }}
	for _, kind := range []cfn.RequestType{cfn.RequestCreate, cfn.RequestUpdate} {
		id, data, err := s.Handle(t.Context(), stack(kind))
		if err != nil || id != "asr-setup" || data["ASRRemediate"] != prefix+"ASRRemediate" {
			t.Fatalf("%s: %s %v %v", kind, id, data, err)
		}
	}
	for id, name := range map[string]string{"ASRRemediate": "Remediate with ASR", "ASRPlan": "Plan with ASR", "ASRFixAndTicket": "ASR fix and ticket"} {
		if h.actions[prefix+id] != name || len(name) >= 20 || len(id) > 20 {
			t.Errorf("%s is %q", id, h.actions[prefix+id])
		}
	}
	if !slices.Equal(synced, []string{"q-1", "q-1"}) {
		t.Errorf("pulls: %v", synced)
	}
	off := stack(cfn.RequestUpdate)
	off.ResourceProperties = map[string]any{"Actions": "no"}
	if _, data, err := s.Handle(t.Context(), off); err != nil || len(data) > 0 || len(h.actions) != 1 {
		t.Errorf("switched off: %v %v, left %v", data, err, h.actions)
	}
	for range 2 { // the second finds them gone
		if id, _, err := s.Handle(t.Context(), stack(cfn.RequestDelete)); err != nil || id != "asr-setup" {
			t.Errorf("delete: %s %v", id, err)
		}
	}
	if len(h.actions) != 1 || len(synced) != 3 {
		t.Errorf("left: %v, pulls %v", h.actions, synced)
	}
}

// covers: O16
func TestAStackWithoutSecurityHubSaysSoAndCanBeDeleted(t *testing.T) {
	h := &hub{actions: map[string]string{}, fail: &types.InvalidAccessException{}}
	s := &lambda.Setup{Actions: h}
	if _, _, err := s.Handle(t.Context(), stack(cfn.RequestCreate)); err == nil || !strings.Contains(err.Error(), "enable it") {
		t.Errorf("create: %v", err)
	}
	if _, _, err := s.Handle(t.Context(), stack(cfn.RequestDelete)); err != nil {
		t.Errorf("delete: %v", err)
	}
	h.fail = errors.New("no route to host")
	if id, _, err := s.Handle(t.Context(), stack(cfn.RequestDelete)); err == nil || id == "" {
		t.Errorf("delete while AWS is away: %q %v", id, err)
	}
	if _, _, err := s.Handle(t.Context(), cfn.Event{RequestType: cfn.RequestCreate, StackID: "?"}); err == nil {
		t.Error("a stack without an ARN was taken")
	}
}
