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
	PublicIP bool `json:"publicIP"`
}

// SubnetNoPublicIP stops a subnet from giving public IPv4 addresses unasked.
var SubnetNoPublicIP = remedy.Unit[none, launch]{
	Spec: asr.Spec{
		ID: "ec2-subnet-no-public-ip", Version: 1,
		Title:  "Stop subnets from assigning public IP addresses",
		Impact: "What is launched in the subnet from now on gets a public IPv4 address only if the launch asks for one; without one, and without a NAT gateway, it doesn't reach the internet. Auto Scaling groups and container services that rely on the subnet's setting are concerned. Running instances and IPv6 stay as they are.",
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
		return launch{aws.ToBool(out.Subnets[0].MapPublicIpOnLaunch)}, nil
	},
	Want: func(remedy.On[none], launch) (launch, error) { return launch{}, nil },
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to launch) error {
		_, err := ec2.NewFromConfig(cfg).ModifySubnetAttribute(ctx, &ec2.ModifySubnetAttributeInput{
			SubnetId: &on.Name, MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: &to.PublicIP},
		})
		return err
	},
}
