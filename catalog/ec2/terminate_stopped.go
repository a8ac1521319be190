package ec2

import (
	"context"
	"fmt"
	"maps"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// What an instance can be, as far as we care. Its age stands in no state.
const (
	overdue    = "stopped for too long"
	terminated = string(types.InstanceStateNameTerminated)
)

type patience struct {
	Days int `json:"days" doc:"Days that an instance may be stopped. One that has been for longer is terminated."`
}

// idle is an instance that may have been forgotten, and what goes with it.
type idle struct {
	Instance string            `json:"instance"` // "running", "stopped", "stopped for too long", "terminated"
	Volumes  map[string]string `json:"volumes"`  // by their ids, those that are deleted with it: the device
	Refusal  string            `json:"refusal,omitempty"`
}

// TerminateStopped terminates an instance that has been stopped for too long.
var TerminateStopped = remedy.Unit[patience, idle]{
	Spec: asr.Spec{
		ID: "ec2-terminate-stopped", Version: 1,
		Title:  "Terminate EC2 instances that have been stopped for long",
		Impact: "The instance is gone for ever, with its private addresses and each volume that is deleted on termination: the plan names them. Other volumes stay and cost on, as do Elastic IP addresses. No backup is made: take an image (aws ec2 create-image) or snapshots first if anybody may want it back. Instances that run, that are protected from termination or that something else owns are left alone.",
		Risk:   asr.RiskHigh, RiskWhy: "an instance and its volumes are destroyed",
		Irreversible: "a terminated instance can't be started again, and its deleted volumes can't be restored",
		Scope:        asr.ScopeResource, Resources: []string{instance},
		Reads:  []asr.Grant{asr.Allow("*", "ec2:DescribeInstances"), asr.Allow(instance, "ec2:DescribeInstanceAttribute")},
		Writes: []asr.Grant{asr.Allow(instance, "ec2:TerminateInstances")},
		Settle: 10 * time.Second,
	},
	Controls: map[string]patience{"EC2.4": {30}},
	Read:     readIdle,
	Want: func(_ remedy.On[patience], now idle) (idle, error) {
		switch {
		case now.Refusal != "":
			return now, asr.Refuse(now.Refusal, "ask the instance's owner; terminate it by hand, or suppress the finding")
		case now.Instance != overdue:
			return now, nil
		}
		return idle{Instance: terminated, Volumes: map[string]string{}}, nil // empty, not nil: a change for each volume
	},
	Write: writeIdle,
	Validate: func(on remedy.On[patience]) error {
		if d := on.Params.Days; d < 1 || d > 365 {
			return fmt.Errorf("days is %d, and can be 1 to 365", d)
		}
		return nil
	},
}

// writeIdle looks once more, itself, right before it destroys: whatever is
// otherwise than the plan says is no longer what somebody approved.
func writeIdle(ctx context.Context, cfg aws.Config, on remedy.On[patience], from, to idle) error {
	now, err := readIdle(ctx, cfg, on)
	if err != nil || now.Instance == terminated {
		return err
	}
	if to.Instance != terminated || len(to.Volumes) > 0 || now.Instance != overdue || now.Refusal != "" || !maps.Equal(now.Volumes, from.Volumes) {
		return &asr.Error{Code: asr.CodeConflict, Message: fmt.Sprintf("the instance is %s, or other volumes go with it than were planned", now.Instance), Do: "see who uses the instance; then plan again"}
	}
	_, err = ec2.NewFromConfig(cfg).TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{on.Name}})
	return err
}
