package cloudformation

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

type none struct{}

type protection struct {
	On   bool   `json:"on"`
	Root string `json:"root"` // the stack that a nested stack belongs to; "": it is none
}

// TerminationProtection keeps a stack from being deleted by mistake.
var TerminationProtection = remedy.Unit[none, protection]{
	Spec: asr.Spec{
		ID: "cloudformation-termination-protection", Version: 1,
		Title:  "Protect CloudFormation stacks from deletion",
		Impact: "Deleting the stack fails until somebody turns the protection off, also for a pipeline that deletes what it made: exclude stacks that live for a short time. Updates of the stack, and what happens to its resources in them, stay as they are.",
		Risk:   asr.RiskLow, RiskWhy: "only deleting the stack is affected, and says why it fails",
		Scope: asr.ScopeResource, Resources: []string{stack},
		Reads:  []asr.Grant{asr.Allow(stack, "cloudformation:DescribeStacks")},
		Writes: []asr.Grant{asr.Allow(stack, "cloudformation:UpdateTerminationProtection")},
		Settle: time.Second,
	},
	Controls: map[string]none{"CloudFormation.3": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (protection, error) {
		s, err := describe(ctx, cfg, on.Target)
		return protection{aws.ToBool(s.EnableTerminationProtection), rootOf(s)}, err
	},
	Want: func(_ remedy.On[none], now protection) (protection, error) {
		if !now.On && now.Root != "" {
			return now, asr.Refuse("it is a nested stack, which is protected with its root stack", "fix "+now.Root+" instead")
		}
		return protection{true, now.Root}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to protection) error {
		_, err := cloudformation.NewFromConfig(cfg).UpdateTerminationProtection(ctx, &cloudformation.UpdateTerminationProtectionInput{StackName: aws.String(on.Expand(stack)), EnableTerminationProtection: &to.On})
		return err
	},
}
