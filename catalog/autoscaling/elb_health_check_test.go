package autoscaling

import (
	"context"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func newTargetGroup(t *testing.T, acct *remedytest.Account, name string) string {
	t.Helper()
	vpc, err := ec2.NewFromConfig(acct.Config).CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	out, err2 := elasticloadbalancingv2.NewFromConfig(acct.Config).CreateTargetGroup(t.Context(), &elasticloadbalancingv2.CreateTargetGroupInput{
		Name: &name, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: remedytest.Must(t, vpc, err).Vpc.VpcId,
	})
	return aws.ToString(remedytest.Must(t, out, err2).TargetGroups[0].TargetGroupArn)
}

// balanced makes a group of a target group, which launches by a template.
func balanced(t *testing.T, acct *remedytest.Account, name, checks string, grace int32) string {
	t.Helper()
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, name)
	target := newTargetGroup(t, acct, plain)
	return newGroup(t, acct, name, func(in *autoscaling.CreateAutoScalingGroupInput) {
		in.LaunchTemplate, in.TargetGroupARNs = newTemplate(t, acct, plain), []string{target}
		in.HealthCheckType, in.HealthCheckGracePeriod = &checks, &grace
	})
}

func viewOfGroup(acct *remedytest.Account, name string) remedytest.View {
	return acct.Boto("autoscaling", "describe_auto_scaling_groups", map[string]any{"AutoScalingGroupNames": []string{name}}, "AutoScalingGroups.0")
}

func TestELBHealthCheck(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := autoscaling.NewFromConfig(acct.Config)
	set := func(name, checks string, grace int32) {
		_, err := api.UpdateAutoScalingGroup(t.Context(), &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: &name, HealthCheckType: &checks, HealthCheckGracePeriod: &grace})
		remedytest.Must(t, name, err)
	}
	plain := balanced(t, acct, "plain", "EC2", 0)
	longer := balanced(t, acct, "longer", "EC2", 900)
	mixed := newGroup(t, acct, "mixed", func(in *autoscaling.CreateAutoScalingGroupInput) {
		in.MixedInstancesPolicy = &types.MixedInstancesPolicy{LaunchTemplate: &types.LaunchTemplate{LaunchTemplateSpecification: newTemplate(t, acct, "mixed"), Overrides: []types.LaunchTemplateOverrides{{InstanceType: aws.String("t3.small")}}}}
		in.TargetGroupARNs, in.HealthCheckType = []string{newTargetGroup(t, acct, "mixed")}, aws.String("EBS,VPC_LATTICE")
	})
	remedytest.Lifecycle(t, acct, ELBHealthCheck, remedytest.Case{
		Name: "EC2's check only, and no grace period", Control: "AutoScaling.1", Resource: plain,
		Seed: func() { set("plain", "EC2", 0) },
		Want: []string{"checks.ELB: none → true", "grace: 0 → 300"},
		View: viewOfGroup(acct, "plain"),
		Seen: []string{`HealthCheckType: "EC2" → "ELB"`, "HealthCheckGracePeriod: 0 → 300"},
		Meanwhile: func() {
			_, err := api.UpdateAutoScalingGroup(t.Context(), &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: aws.String("plain"), MaxSize: aws.Int32(3)})
			remedytest.Must(t, 3, err)
		},
		Foreign: func() { set("plain", "ELB", 600) },
	}, remedytest.Case{
		Name: "a longer grace period", Control: "AutoScaling.1", Resource: longer,
		Want: []string{"checks.ELB: none → true"},
		View: viewOfGroup(acct, "longer"), Seen: []string{`HealthCheckType: "EC2" → "ELB"`},
	}, remedytest.Case{
		Name: "other checks, and mixed instances", Control: "AutoScaling.1", Resource: mixed, Params: `{"grace": 0}`,
		Want: []string{"checks.ELB: none → true"},
		View: viewOfGroup(acct, "mixed"), Seen: []string{`HealthCheckType: "EBS,VPC_LATTICE" → "EBS,ELB,VPC_LATTICE"`},
		Gone: func() { deleteGroup(t, acct, "mixed") },
	})
}

func TestTheGracePeriodIsKept(t *testing.T) {
	for grace, want := range map[int32]int32{0: 300, 1: 1, 120: 120, 300: 300, 7200: 7200} {
		to, err := ELBHealthCheck.Want(remedy.On[patience]{Params: ELBHealthCheck.Controls["AutoScaling.1"]}, health{Balanced: true, Grace: grace})
		if err != nil || to.Grace != want {
			t.Errorf("%d seconds become %d, want %d: %v", grace, to.Grace, want, err)
		}
	}
}

func TestOtherHealthChecksStay(t *testing.T) {
	now := health{Balanced: true, Checks: map[string]bool{"EBS": true, "VPC_LATTICE": true}, Grace: 60}
	to, err := ELBHealthCheck.Want(remedy.On[patience]{}, now)
	if diff := cmp.Diff(map[string]bool{"EBS": true, "VPC_LATTICE": true, "ELB": true}, to.Checks); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestAGroupThatNeedsNoELBCheckIsLeftAlone(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for name, arn := range map[string]string{
		"the check among others": balanced(t, acct, "right", "ELB,EBS", 60),
		"no load balancer":       newGroup(t, acct, "alone", func(in *autoscaling.CreateAutoScalingGroupInput) { in.LaunchTemplate = newTemplate(t, acct, "alone") }),
		"another of its name":    strings.Replace(balanced(t, acct, "again", "EC2", 0), ":autoScalingGroup:", ":autoScalingGroup:00000000-", 1),
	} {
		if _, r := ended(t, acct, ELBHealthCheck, arn); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v", name, r.State, r.Error)
		}
	}
}

func TestAGroupIsNamedByItsARN(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := balanced(t, acct, "a name/with: all sorts", "EC2", 60)
	for form, resource := range map[string]string{"with its UUID": arn, "without": acct.Expand(group, "a name/with: all sorts")} {
		h := remedytest.NewHarness(acct, ELBHealthCheck)
		r, err := h.Request(t.Context(), remedytest.Case{Control: "AutoScaling.1", Resource: resource}, true)
		r, err2 := h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
		if got := remedytest.Must(t, r, err2).Target; got.ID != arn || got.Name != "a name/with: all sorts" || got.Region != "eu-west-1" {
			t.Errorf("%s: the target is %+v, %+v", form, got, r.Error)
		}
	}
	other := remedy.On[patience]{Target: asr.Target{Account: "111111111111", Region: "eu-west-1", ID: arn}}
	if _, err := ELBHealthCheck.Resolve(t.Context(), acct.Config, other); asr.Classify(err) != asr.CodeBadTarget {
		t.Errorf("a group of another account: %v", err)
	}
}

func TestOnlyWhatDiffersIsWritten(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	balanced(t, acct, "g", "EC2,EBS", 60)
	checks := map[string]bool{"EBS": true}
	for _, to := range []health{{Checks: checks, Grace: 90}, {Checks: map[string]bool{"ELB": true}, Grace: 60}} {
		var sent *autoscaling.UpdateAutoScalingGroupInput
		cfg := watched(acct.Config, func(in any) error { sent, _ = in.(*autoscaling.UpdateAutoScalingGroupInput); return nil })
		err := ELBHealthCheck.Write(t.Context(), cfg, remedy.On[patience]{Target: asr.Target{Name: "g"}}, health{Checks: checks, Grace: 60}, to)
		if err != nil || (sent.HealthCheckType == nil) != (to.Grace == 90) || (sent.HealthCheckGracePeriod == nil) != (to.Grace == 60) {
			t.Errorf("towards %+v: %+v, %v", to, sent, err)
		}
	}
}

func TestAnUpdateThatChangesNothingIsNoSuccess(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	deaf := ELBHealthCheck
	deaf.Write = func(context.Context, aws.Config, remedy.On[patience], health, health) error { return nil }
	if _, r := ended(t, acct, deaf, balanced(t, acct, "g", "EC2", 60)); r.State.Open() || r.State == asr.StateVerified || r.Error == nil {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAGroupWhoseNameIsAPatternIsRefused(t *testing.T) {
	for name, refused := range map[string]bool{"web*": true, "web?": true, "${x}": true, "web-1 (a+b)": false} {
		_, err := ELBHealthCheck.Want(remedy.On[patience]{Target: asr.Target{Name: name}}, health{Balanced: true})
		if (err != nil && asr.Classify(err) == asr.CodeRefused) != refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGraceIsNotNegative(t *testing.T) {
	for grace, ok := range map[int32]bool{-1: false, 0: true, 7200: true} {
		if err := ELBHealthCheck.Validate(remedy.On[patience]{Params: patience{grace}}); (err == nil) != ok {
			t.Errorf("%d: %v", grace, err)
		}
	}
}

func TestHealthChecksAreOnlyEverAdded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		on := remedy.On[patience]{Params: patience{rapid.Int32Range(0, 7200).Draw(t, "asked")}}
		now := health{Balanced: rapid.Bool().Draw(t, "balanced"), Checks: map[string]bool{}, Grace: rapid.Int32Range(0, 7200).Draw(t, "grace")}
		for _, check := range rapid.SliceOf(rapid.SampledFrom([]string{"ELB", "EBS", "VPC_LATTICE"})).Draw(t, "checks") {
			now.Checks[check] = true
		}
		remedytest.Stable(t, ELBHealthCheck, on, now, "checks", "grace")
		to, err := ELBHealthCheck.Want(on, now)
		for check := range now.Checks {
			if err != nil || !to.Checks[check] {
				t.Fatalf("%v loses %s: %v", now, check, err)
			}
		}
		if now.Grace != 0 && to.Grace != now.Grace || !now.Balanced && !cmp.Equal(now, to) || now.Balanced && !slices.Contains([]int32{now.Grace, on.Params.Grace}, to.Grace) {
			t.Fatalf("%+v becomes %+v", now, to)
		}
	})
}
