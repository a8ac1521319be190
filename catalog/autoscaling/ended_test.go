package autoscaling

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// ended runs a unit on a resource and returns how the run ended.
func ended[P, S any](t *testing.T, acct *remedytest.Account, u remedy.Unit[P, S], resource string) (*remedytest.Harness, asr.Run) {
	t.Helper()
	var control string
	for id := range u.Controls {
		control = id
	}
	h := remedytest.NewHarness(acct, u)
	return h, h.End(t, remedytest.Case{Control: control, Resource: resource})
}

// undone puts a run back and returns how that ended.
func undone(t *testing.T, h *remedytest.Harness, r asr.Run) asr.Run {
	t.Helper()
	_, err := h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	r, err2 := h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	return remedytest.Must(t, r, err2)
}

func theGroup(t remedytest.T, acct *remedytest.Account, name string) types.AutoScalingGroup {
	t.Helper()
	out, err := autoscaling.NewFromConfig(acct.Config).DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if all := remedytest.Must(t, out, err).AutoScalingGroups; len(all) == 1 {
		return all[0]
	}
	t.Fatalf("no group %s", name)
	return types.AutoScalingGroup{}
}

// newGroup makes an empty group and returns its ARN.
func newGroup(t *testing.T, acct *remedytest.Account, name string, more func(*autoscaling.CreateAutoScalingGroupInput)) string {
	t.Helper()
	in := &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &name, MinSize: aws.Int32(0), MaxSize: aws.Int32(0), AvailabilityZones: []string{"eu-west-1a"}, DefaultCooldown: aws.Int32(77),
		HealthCheckGracePeriod: aws.Int32(0), TerminationPolicies: []string{"OldestInstance"},
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("web"), PropagateAtLaunch: aws.Bool(true)}},
	}
	more(in)
	out, err := autoscaling.NewFromConfig(acct.Config).CreateAutoScalingGroup(t.Context(), in)
	remedytest.Must(t, out, err)
	return aws.ToString(theGroup(t, acct, name).AutoScalingGroupARN)
}

func deleteGroup(t *testing.T, acct *remedytest.Account, name string) {
	t.Helper()
	_, err := autoscaling.NewFromConfig(acct.Config).DeleteAutoScalingGroup(t.Context(), &autoscaling.DeleteAutoScalingGroupInput{AutoScalingGroupName: &name, ForceDelete: aws.Bool(true)})
	remedytest.Must(t, name, err)
}

// newTemplate makes a launch template, by which no launch configuration is needed.
func newTemplate(t *testing.T, acct *remedytest.Account, name string) *types.LaunchTemplateSpecification {
	t.Helper()
	_, err := ec2.NewFromConfig(acct.Config).CreateLaunchTemplate(t.Context(), &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: &name, LaunchTemplateData: &ec2types.RequestLaunchTemplateData{ImageId: aws.String("ami-12345678"), InstanceType: ec2types.InstanceTypeT3Micro},
	})
	remedytest.Must(t, name, err)
	return &types.LaunchTemplateSpecification{LaunchTemplateName: &name, Version: aws.String("1")}
}
