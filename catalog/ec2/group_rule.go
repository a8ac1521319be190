package ec2

import (
	"context"
	"fmt"
	"strings"

	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// groupRule is any rule of a security group; as a key it reads
// "ingress tcp 22-22 from 10.0.0.0/8" or "egress -1 -1--1 to pl-0123".
type groupRule struct {
	Egress   bool
	Proto    string
	From, To int32
	Peer     string // a CIDR, pl-…, sg-… of this account or 111111111111/sg-… of another
}

func (r groupRule) MarshalText() ([]byte, error) {
	way, link := "ingress", "from"
	if r.Egress {
		way, link = "egress", "to"
	}
	return fmt.Appendf(nil, "%s %s %d-%d %s %s", way, r.Proto, r.From, r.To, link, r.Peer), nil
}

func (r *groupRule) UnmarshalText(text []byte) error {
	var way, spread, link string // a range may be negative: -1--1
	if _, err := fmt.Sscanf(string(text), "%s %s %s %s %s", &way, &r.Proto, &spread, &link, &r.Peer); err != nil {
		return fmt.Errorf("security group rule %q: %w", text, err)
	}
	if _, err := fmt.Sscanf(spread, "%d-%d", &r.From, &r.To); err != nil {
		return fmt.Errorf("security group rule %q: %w", text, err)
	}
	r.Egress = way == "egress"
	return nil
}

// groupRules lists the rules of the groups that the filters name.
func groupRules(ctx context.Context, api *ec2.Client, in []types.Filter, account string) (map[groupRule]string, error) {
	rules := map[groupRule]string{}
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(api, &ec2.DescribeSecurityGroupRulesInput{Filters: in, MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.SecurityGroupRules {
			key := groupRule{aws.ToBool(r.IsEgress), aws.ToString(r.IpProtocol), aws.ToInt32(r.FromPort), aws.ToInt32(r.ToPort), peer(r, account)}
			rules[key] = aws.ToString(r.Description)
		}
	}
	return rules, nil
}

func peer(r types.SecurityGroupRule, account string) string {
	g := r.ReferencedGroupInfo
	if g == nil || aws.ToString(g.GroupId) == "" {
		return aws.ToString(r.CidrIpv4) + aws.ToString(r.CidrIpv6) + aws.ToString(r.PrefixListId)
	}
	if owner := aws.ToString(g.UserId); owner != "" && owner != account {
		return owner + "/" + *g.GroupId
	}
	return *g.GroupId
}

func (r groupRule) permission(description string) []types.IpPermission {
	var d *string
	if description != "" {
		d = &description
	}
	p := types.IpPermission{IpProtocol: &r.Proto, FromPort: &r.From, ToPort: &r.To}
	owner, id, foreign := strings.Cut(r.Peer, "/sg-")
	switch {
	case foreign:
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: aws.String("sg-" + id), UserId: &owner, Description: d}}
	case strings.HasPrefix(r.Peer, "sg-"):
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: &r.Peer, Description: d}}
	case strings.HasPrefix(r.Peer, "pl-"):
		p.PrefixListIds = []types.PrefixListId{{PrefixListId: &r.Peer, Description: d}}
	case strings.Contains(r.Peer, ":"):
		p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: &r.Peer, Description: d}}
	default:
		p.IpRanges = []types.IpRange{{CidrIp: &r.Peer, Description: d}}
	}
	return []types.IpPermission{p}
}

func (r groupRule) authorize(ctx context.Context, api *ec2.Client, group, description string) (err error) {
	if r.Egress {
		_, err = api.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &group, IpPermissions: r.permission(description)})
	} else {
		_, err = api.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: r.permission(description)})
	}
	return remedy.Unless(err, "InvalidPermission.Duplicate")
}

func (r groupRule) revoke(ctx context.Context, api *ec2.Client, group string) (err error) {
	if r.Egress {
		_, err = api.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &group, IpPermissions: r.permission("")})
	} else {
		_, err = api.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: r.permission("")})
	}
	return remedy.Unless(err, "InvalidPermission.NotFound")
}
