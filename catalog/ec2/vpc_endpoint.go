package ec2

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

const (
	anyEndpoint   = "arn:{partition}:ec2:{region}:{account}:vpc-endpoint/*"
	anyGroup      = "arn:{partition}:ec2:{region}:{account}:security-group/*"
	anySubnet     = "arn:{partition}:ec2:{region}:{account}:subnet/*"
	endpointGroup = "asr-{params.service}-endpoint" // a security group's name is unique in its VPC
)

type private struct {
	Service string `json:"service" doc:"The AWS service that the endpoint leads to, as its endpoints' names end: ec2, ssm, ecr.api."`
}

// reach is how a VPC reaches a service. What doesn't exist is empty.
type reach struct {
	Endpoint   string               `json:"endpoint"`   // of this run: the full name of the service that it leads to
	Subnets    map[string]string    `json:"subnets"`    // the endpoint's, by their zones
	PrivateDNS bool                 `json:"privateDNS"` // the service's usual name leads to the endpoint
	Group      string               `json:"group"`      // the name of the endpoint's own security group
	Ingress    map[groupRule]string `json:"ingress"`    // what the group lets in; the description of each rule
	VPC        around               `json:"vpc"`        // what Want goes by
}

var (
	byAmazon = map[string]map[string]string{"StringEquals": {"ec2:VpceServiceOwner": "amazon"}}
	byASR    = map[string]map[string]string{"StringLike": {"aws:ResourceTag/" + asr.OwnerTag: "*"}}
)

// VPCEndpoint gives a VPC an interface endpoint to a service, behind a security
// group of its own: the VPC's default group may let nothing in.
var VPCEndpoint = remedy.Unit[private, reach]{
	Spec: asr.Spec{
		ID: "ec2-vpc-endpoint", Version: 1,
		Title:  "Create interface endpoints for AWS services in VPCs",
		Impact: "The VPC gets an interface endpoint to the service, with an address in one subnet of each Availability Zone, and a security group that lets the VPC's own IPv4 ranges in on port 443. If the VPC resolves names (enableDnsSupport and enableDnsHostnames), the service's usual name leads to the endpoint from then on; otherwise only the endpoint's own names do. Where a private hosted zone answers for that name already, as with endpoints that many VPCs share, AWS refuses the endpoint: undo then takes the security group away again. Network ACLs between the subnets must let port 443 through. Who asks the VPC's resolver from outside it, through peering or from on premises, gets the endpoint's addresses too and is not let in. The endpoint's policy allows everything that the callers' own rights do.",
		Risk:   asr.RiskHigh, RiskWhy: "all calls of the VPC to the service take another way: who is not let through loses the service",
		Cost:  "about 0.01 USD per hour and Availability Zone, and 0.01 USD per GB",
		Scope: asr.ScopeResource, Resources: []string{vpc},
		Reads: []asr.Grant{
			asr.Allow("*", "ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcEndpointServices",
				"ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules", "ec2:DescribeNetworkInterfaces"),
			asr.Allow(vpc, "ec2:DescribeVpcAttribute"),
		},
		Writes: []asr.Grant{
			asr.Allow(vpc, "ec2:CreateVpcEndpoint", "ec2:CreateSecurityGroup"),
			asr.Allow(anySubnet, "ec2:CreateVpcEndpoint"),
			asr.Allow(anyGroup, "ec2:CreateSecurityGroup"),
			{On: anyEndpoint, Actions: []string{"ec2:CreateVpcEndpoint"}, When: byAmazon},
			{On: anyGroup, Actions: []string{"ec2:CreateVpcEndpoint", "ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress", "ec2:DeleteSecurityGroup"}, When: byASR},
			{On: anyEndpoint, Actions: []string{"ec2:DeleteVpcEndpoints"}, When: byASR},
		},
		Implied: []asr.Grant{
			{On: anyGroup, Actions: []string{"ec2:CreateTags"}, When: map[string]map[string]string{"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup"}}},
			{On: anyEndpoint, Actions: []string{"ec2:CreateTags"}, When: map[string]map[string]string{"StringEquals": {"ec2:CreateAction": "CreateVpcEndpoint"}}},
			asr.Allow("arn:{partition}:route53:::hostedzone/*", "route53:AssociateVPCWithHostedZone"), // private DNS
		},
		Settle: 10 * time.Second,
	},
	Controls: map[string]private{"EC2.10": {"ec2"}},
	Read:     readReach,
	Want:     wantReach,
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[private], from, to reach) error {
		return writeReach(ctx, ec2.NewFromConfig(cfg), on, from, to)
	},
	Validate: func(on remedy.On[private]) error {
		if !serviceName.MatchString(on.Params.Service) {
			return fmt.Errorf("service is %q, and can be letters, digits, dots and hyphens, like ec2 or ecr.api", on.Params.Service)
		}
		return nil
	},
}

var serviceName = regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*$`)

// wantReach is content with any endpoint to the service, whoever made it.
func wantReach(on remedy.On[private], now reach) (reach, error) {
	to := now
	switch {
	case now.Endpoint != "" || len(now.VPC.Others) > 0:
		return now, nil
	case now.VPC.Service == "":
		return now, asr.Refuse("AWS has no interface endpoint to "+on.Params.Service+" in "+on.Region, "suppress the finding, or name another service")
	case now.VPC.Refusal != "":
		return now, asr.Refuse(now.VPC.Refusal, "delete or rename the security group, then plan again")
	case len(now.VPC.Subnets) == 0:
		return now, asr.Refuse("the VPC has no subnet with a free IPv4 address in a zone where the service has endpoints", "make one (aws ec2 create-subnet), or delete the VPC if it isn't used")
	}
	to.Endpoint, to.Subnets, to.PrivateDNS, to.Group = now.VPC.Service, now.VPC.Subnets, now.VPC.DNS, on.Expand(endpointGroup)
	to.Ingress = map[groupRule]string{}
	maps.Copy(to.Ingress, now.Ingress)
	for cidr := range now.VPC.CIDRs {
		if r := (groupRule{false, "tcp", 443, 443, cidr}); to.Ingress[r] == "" {
			to.Ingress[r] = "HTTPS from the VPC"
		}
	}
	return to, nil
}
