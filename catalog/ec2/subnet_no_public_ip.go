package ec2

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const subnet = "arn:{partition}:ec2:{region}:{account}:subnet/{name}"

// launch is what a subnet gives to what is launched in it.
type launch struct {
	PublicIP bool `json:"publicIP"`           // IPv4
	IPv6     bool `json:"ipv6,omitempty"`     // since version 2
	OnlyIPv6 bool `json:"ipv6Only,omitempty"` // the subnet has nothing else
}

// SubnetNoPublicIP stops a subnet from giving public addresses unasked. The
// Config rule behind EC2.15 counts IPv6 too, and takes any for public.
// https://docs.aws.amazon.com/config/latest/developerguide/subnet-auto-assign-public-ip-disabled.html
var SubnetNoPublicIP = remedy.Unit[none, launch]{
	Spec: asr.Spec{
		ID: "ec2-subnet-no-public-ip", Version: 2,
		Title:  "Stop subnets from assigning public IP addresses",
		Impact: "What is launched in the subnet from now on gets a public IPv4 address, or an IPv6 address, only if the launch asks for one; without one, and without a NAT gateway, it doesn't reach the internet. Auto Scaling groups and container services that rely on the subnet's settings are concerned. What runs already keeps its addresses.",
		Risk:   asr.RiskMedium, RiskWhy: "new instances in a public subnet may have no way to the internet",
		Scope: asr.ScopeResource, Resources: []string{subnet},
		Reads:  []asr.Grant{asr.Allow("*", "ec2:DescribeSubnets")},
		Writes: []asr.Grant{asr.Allow(subnet, "ec2:ModifySubnetAttribute")},
		Settle: time.Second,
	},
	Controls: map[string]none{"EC2.15": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (launch, error) {
		out, err := ec2.NewFromConfig(cfg).DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{on.Name}})
		if err != nil {
			return launch{}, remedy.Gone(err, "InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed")
		}
		if len(out.Subnets) == 0 {
			return launch{}, asr.ErrGone
		}
		s := out.Subnets[0]
		return launch{aws.ToBool(s.MapPublicIpOnLaunch), aws.ToBool(s.AssignIpv6AddressOnCreation), aws.ToBool(s.Ipv6Native)}, nil
	},
	Want: func(_ remedy.On[none], now launch) (launch, error) {
		if now.IPv6 && now.OnlyIPv6 {
			return now, asr.Refuse("the subnet has IPv6 only: without an address of that kind nothing can be launched in it", "move what is in it to a subnet with IPv4, or suppress the finding")
		}
		return launch{OnlyIPv6: now.OnlyIPv6}, nil
	},
	// AWS takes one attribute a call.
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to launch) error {
		in := &ec2.ModifySubnetAttributeInput{SubnetId: &on.Name}
		if from.PublicIP != to.PublicIP {
			in.MapPublicIpOnLaunch = &types.AttributeBooleanValue{Value: &to.PublicIP}
		} else {
			in.AssignIpv6AddressOnCreation = &types.AttributeBooleanValue{Value: &to.IPv6}
		}
		_, err := ec2.NewFromConfig(cfg).ModifySubnetAttribute(ctx, in)
		return err
	},
}
