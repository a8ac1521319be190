package ec2

import (
	"context"
	"fmt"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// none is for units that have no parameters.
type none struct{}

// group is a security group with all its rules.
type group struct {
	Name  string               `json:"name"`
	Uses  map[string]int       `json:"uses"`  // network interfaces in the group, by their type
	Rules map[groupRule]string `json:"rules"` // the description of each
}

// DefaultSGClosed empties a VPC's default security group.
var DefaultSGClosed = remedy.Unit[none, group]{
	Spec: asr.Spec{
		ID: "ec2-default-sg-closed", Version: 1,
		Title:  "Remove all rules of VPCs' default security groups",
		Impact: "Network interfaces in the default group lose all traffic that no other group of theirs allows, at once. Resources that are launched without a group get this one, and reach nothing. Put back, a rule has a new ID and no tags.",
		Risk:   asr.RiskHigh, RiskWhy: "whatever is in no other group is cut off",
		Scope: asr.ScopeResource, Resources: []string{securityGroup},
		Reads: []asr.Grant{asr.Allow("*", "ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules", "ec2:DescribeNetworkInterfaces")},
		Writes: []asr.Grant{asr.Allow(securityGroup,
			"ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress")},
		Settle: time.Second,
	},
	Controls: map[string]none{"EC2.2": {}},
	Read:     readGroup,
	Want: func(_ remedy.On[none], now group) (group, error) {
		endpoints := now.Uses[string(types.NetworkInterfaceTypeVpcEndpoint)]
		switch {
		case now.Name != "default":
			return now, asr.Refuse(fmt.Sprintf("the group's name is %q: only a VPC's default group is emptied", now.Name), "see why the finding names this group, or remove its rules by hand")
		case len(now.Rules) > 0 && endpoints > 0:
			return now, asr.Refuse(fmt.Sprintf("VPC endpoints use the group, with %d network interfaces: without rules the VPC loses the AWS services behind them", endpoints),
				"give the endpoints a security group of their own (aws ec2 modify-vpc-endpoint), then plan again")
		}
		now.Rules = map[groupRule]string{}
		return now, nil
	},
	Write: writeGroup,
}

func readGroup(ctx context.Context, cfg aws.Config, on remedy.On[none]) (g group, err error) {
	api := ec2.NewFromConfig(cfg)
	out, err := api.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{on.Name}})
	if err != nil {
		return g, remedy.Gone(err, "InvalidGroup.NotFound", "InvalidGroupId.Malformed")
	}
	if len(out.SecurityGroups) == 0 {
		return g, asr.ErrGone
	}
	g.Name = aws.ToString(out.SecurityGroups[0].GroupName)
	in := []types.Filter{{Name: aws.String("group-id"), Values: []string{on.Name}}}
	if g.Rules, err = groupRules(ctx, api, in, on.Account); err != nil {
		return g, err
	}
	g.Uses = map[string]int{}
	pages := ec2.NewDescribeNetworkInterfacesPaginator(api, &ec2.DescribeNetworkInterfacesInput{Filters: in, MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return g, err
		}
		for _, n := range page.NetworkInterfaces {
			g.Uses[string(n.InterfaceType)]++
		}
	}
	return g, nil
}

// writeGroup takes one rule a call: a call fails whole for one rule that is
// there or gone already. A rule with another description is revoked first.
func writeGroup(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to group) error {
	api := ec2.NewFromConfig(cfg)
	for r, description := range from.Rules {
		if stays, ok := to.Rules[r]; ok && stays == description {
			continue
		}
		if err := r.revoke(ctx, api, on.Name); err != nil {
			return err
		}
	}
	for r, description := range to.Rules {
		if was, ok := from.Rules[r]; ok && was == description {
			continue
		}
		if err := r.authorize(ctx, api, on.Name, description); err != nil {
			return err
		}
	}
	return nil
}
