// Package autoscaling fixes EC2 Auto Scaling.
package autoscaling

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

const group = "arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{name}"

// Types of health checks. EC2's own is always made:
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html
const (
	ec2Check = "EC2"
	elbCheck = "ELB"
)

type patience struct {
	Grace int32 `json:"grace" doc:"Seconds before a new instance's health counts, for a group that has no grace period. One that is set stays. 0: none."`
}

// health is how a group learns that an instance must be replaced.
type health struct {
	Balanced bool            `json:"balanced"` // a load balancer sends the group traffic
	Checks   map[string]bool `json:"checks"`   // the types of checks besides EC2's: "ELB"
	Grace    int32           `json:"grace"`    // seconds
}

// ELBHealthCheck has a group replace what its load balancer calls unhealthy.
var ELBHealthCheck = remedy.Unit[patience, health]{
	Spec: asr.Spec{
		ID: "autoscaling-elb-health-check", Version: 1,
		Title:  "Let Auto Scaling groups use their load balancer's health checks",
		Impact: "The group replaces instances that its load balancer reports as unhealthy, not only those that EC2 does; any that are unhealthy now are replaced at once. A group without a grace period gets one; a grace period that is set stays. Instances that were replaced meanwhile don't come back when the fix is undone.",
		Risk:   asr.RiskMedium, RiskWhy: "where the load balancer's check is wrong, or slower to pass than the grace period, healthy instances are replaced again and again",
		Scope: asr.ScopeResource, Resources: []string{group}, Internal: groupARN,
		Reads:  []asr.Grant{asr.Allow("*", "autoscaling:DescribeAutoScalingGroups")},
		Writes: []asr.Grant{asr.Allow(group, "autoscaling:UpdateAutoScalingGroup")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]patience{"AutoScaling.1": {300}},
	Resolve:  resolveGroup[patience],
	Read:     readHealth,
	Want: func(on remedy.On[patience], now health) (health, error) {
		if !now.Balanced || now.Checks[elbCheck] {
			return now, nil
		}
		if err := wild(on.Name); err != nil {
			return now, err
		}
		to := health{Balanced: true, Checks: map[string]bool{elbCheck: true}, Grace: now.Grace}
		maps.Copy(to.Checks, now.Checks)
		if to.Grace == 0 {
			to.Grace = on.Params.Grace
		}
		return to, nil
	},
	Write: writeHealth,
	Validate: func(on remedy.On[patience]) error {
		if g := on.Params.Grace; g < 0 {
			return fmt.Errorf("grace is %d seconds, and can't be negative", g)
		}
		return nil
	},
}

func readHealth(ctx context.Context, cfg aws.Config, on remedy.On[patience]) (h health, err error) {
	g, err := describeGroup(ctx, cfg, on.Target)
	if err != nil {
		return h, err
	}
	h.Balanced = len(g.LoadBalancerNames) > 0 || len(g.TargetGroupARNs) > 0 || slices.ContainsFunc(g.TrafficSources, func(s types.TrafficSourceIdentifier) bool {
		return aws.ToString(s.Type) == "elb" || aws.ToString(s.Type) == "elbv2"
	})
	h.Grace = aws.ToInt32(g.HealthCheckGracePeriod)
	h.Checks = map[string]bool{}
	for check := range strings.SplitSeq(aws.ToString(g.HealthCheckType), ",") {
		if check = strings.TrimSpace(check); check != "" && check != ec2Check {
			h.Checks[check] = true
		}
	}
	return h, nil
}

func writeHealth(ctx context.Context, cfg aws.Config, on remedy.On[patience], from, to health) error {
	in := &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: &on.Name}
	if !maps.Equal(from.Checks, to.Checks) {
		in.HealthCheckType = aws.String(cmp.Or(strings.Join(slices.Sorted(maps.Keys(to.Checks)), ","), ec2Check))
	}
	if from.Grace != to.Grace {
		in.HealthCheckGracePeriod = &to.Grace
	}
	_, err := autoscaling.NewFromConfig(cfg).UpdateAutoScalingGroup(ctx, in)
	return busy(err)
}
