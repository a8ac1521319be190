package ec2

import (
	"context"

	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func readIngress(ctx context.Context, cfg aws.Config, on remedy.On[ports]) (ingress, error) {
	in := ingress{map[rule]string{}}
	api := ec2.NewFromConfig(cfg)
	if _, err := api.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{on.Name}}); err != nil {
		return in, remedy.Gone(err, "InvalidGroup.NotFound", "InvalidGroupId.Malformed")
	}
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(api, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []types.Filter{{Name: aws.String("group-id"), Values: []string{on.Name}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return in, err
		}
		for _, r := range page.SecurityGroupRules {
			cidr := aws.ToString(r.CidrIpv4) + aws.ToString(r.CidrIpv6)
			if !aws.ToBool(r.IsEgress) && (cidr == anyIPv4 || cidr == anyIPv6) {
				in.Public[rule{aws.ToString(r.IpProtocol), aws.ToInt32(r.FromPort), aws.ToInt32(r.ToPort), cidr}] = aws.ToString(r.Description)
			}
		}
	}
	return in, nil
}

// writeIngress opens before it closes, so that what stays open never stops. It
// takes one rule a call: a call fails whole for a rule that is there or gone
// already. A rule under another description is revoked first.
func writeIngress(ctx context.Context, cfg aws.Config, on remedy.On[ports], from, to ingress) error {
	api := ec2.NewFromConfig(cfg)
	for r, description := range to.Public {
		was, there := from.Public[r]
		if there && was == description {
			continue
		}
		if there {
			if err := r.revoke(ctx, api, on.Name); err != nil {
				return err
			}
		}
		if err := r.authorize(ctx, api, on.Name, description); err != nil {
			return err
		}
	}
	for r := range from.Public {
		if _, stays := to.Public[r]; stays {
			continue
		}
		if err := r.revoke(ctx, api, on.Name); err != nil {
			return err
		}
	}
	return nil
}
