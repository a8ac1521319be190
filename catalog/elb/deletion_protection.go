// Package elb fixes Elastic Load Balancing.
package elb

import (
	"context"
	"strconv"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// balancer is an Application, Network or Gateway Load Balancer; {name} is its
// kind, name and id: "app/web/50dc6c495c0c9188".
const balancer = "arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/{name}"

const deletionProtection = "deletion_protection.enabled"

type protection struct {
	On bool `json:"on"`
}

// DeletionProtection keeps a load balancer from being deleted.
var DeletionProtection = remedy.Unit[struct{}, protection]{
	Spec: asr.Spec{
		ID: "elb-deletion-protection", Version: 1,
		Title:  "Protect load balancers from deletion",
		Impact: "The load balancer can't be deleted until somebody turns the protection off. Deleting the stack, or the Kubernetes service, that owns it fails until then. Traffic goes on as before.",
		Risk:   asr.RiskLow, RiskWhy: "only deleting the load balancer fails",
		Scope: asr.ScopeResource, Resources: []string{balancer},
		Reads:  []asr.Grant{asr.Allow("*", "elasticloadbalancing:DescribeLoadBalancerAttributes")},
		Writes: []asr.Grant{asr.Allow(balancer, "elasticloadbalancing:ModifyLoadBalancerAttributes")},
		Settle: time.Second,
	},
	Controls: map[string]struct{}{"ELB.6": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[struct{}]) (p protection, err error) {
		out, err := elasticloadbalancingv2.NewFromConfig(cfg).DescribeLoadBalancerAttributes(ctx, &elasticloadbalancingv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: aws.String(on.Expand(balancer))})
		if err != nil {
			return p, remedy.Gone(err, "LoadBalancerNotFound", "LoadBalancerNotFoundException")
		}
		for _, a := range out.Attributes {
			if aws.ToString(a.Key) == deletionProtection {
				p.On = aws.ToString(a.Value) == "true"
			}
		}
		return p, nil
	},
	Want: func(remedy.On[struct{}], protection) (protection, error) { return protection{true}, nil },
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[struct{}], _, to protection) error {
		_, err := elasticloadbalancingv2.NewFromConfig(cfg).ModifyLoadBalancerAttributes(ctx, &elasticloadbalancingv2.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: aws.String(on.Expand(balancer)),
			Attributes:      []types.LoadBalancerAttribute{{Key: aws.String(deletionProtection), Value: aws.String(strconv.FormatBool(to.On))}},
		})
		return err
	},
}
