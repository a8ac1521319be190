package ec2

import (
	"fmt"
	"testing"

	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func newGroup(t *testing.T, acct *remedytest.Account) (id string, open func(proto string, from, to int32, cidrs ...string)) {
	api := ec2.NewFromConfig(acct.Config)
	g, err := api.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String(t.Name()), Description: aws.String("web")})
	remedytest.Must(t, g, err)
	return *g.GroupId, func(proto string, from, to int32, cidrs ...string) {
		for _, cidr := range cidrs {
			p := types.IpPermission{IpProtocol: &proto, FromPort: &from, ToPort: &to}
			if cidr == anyIPv6 {
				p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: &cidr}}
			} else {
				p.IpRanges = []types.IpRange{{CidrIp: &cidr, Description: aws.String("for " + cidr)}}
			}
			_, err := api.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: g.GroupId, IpPermissions: []types.IpPermission{p}})
			remedytest.Must(t, p, err)
		}
	}
}

// view lists all ingress of a group, but for the rules' ids.
func view(t *testing.T, acct *remedytest.Account, id string) map[string]string {
	out, err := ec2.NewFromConfig(acct.Config).DescribeSecurityGroupRules(t.Context(), &ec2.DescribeSecurityGroupRulesInput{Filters: []types.Filter{{Name: aws.String("group-id"), Values: []string{id}}}})
	rules := map[string]string{}
	for _, r := range remedytest.Must(t, out, err).SecurityGroupRules {
		rules[fmt.Sprint(*r.IsEgress, *r.IpProtocol, *r.FromPort, *r.ToPort, aws.ToString(r.CidrIpv4), aws.ToString(r.CidrIpv6))] = aws.ToString(r.Description)
	}
	return rules
}

func TestClosePorts(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, open := newGroup(t, acct)
	open("tcp", 22, 22, anyIPv4, "10.0.0.0/8")
	open("tcp", 20, 25, anyIPv6)
	open("tcp", 443, 443, anyIPv4)
	remedytest.Lifecycle(t, acct, ClosePorts, remedytest.Case{
		Name: "SSH", Control: "EC2.13", Resource: acct.Expand(securityGroup, id),
		Want: []string{
			`public[tcp 20-21 from ::/0]: none → ""`,
			`public[tcp 20-25 from ::/0]: "" → none`,
			`public[tcp 22-22 from 0.0.0.0/0]: "for 0.0.0.0/0" → none`,
			`public[tcp 23-25 from ::/0]: none → ""`,
		},
		View:      func() any { return view(t, acct, id) },
		Meanwhile: func() { open("udp", 53, 53, anyIPv4) },
	}, remedytest.Case{
		Name: "opened again under another description", Control: "EC2.13", Resource: acct.Expand(securityGroup, id),
		Want: []string{
			`public[tcp 20-21 from ::/0]: none → ""`,
			`public[tcp 20-25 from ::/0]: "" → none`,
			`public[tcp 22-22 from 0.0.0.0/0]: "for 0.0.0.0/0" → none`,
			`public[tcp 23-25 from ::/0]: none → ""`,
		},
		Foreign: func() { reopen(t, acct, id, rule{"tcp", 22, 22, anyIPv4}) },
	}, remedytest.Case{
		Name: "all but what is allowed", Control: "EC2.18", Resource: acct.Expand(securityGroup, id), Params: `{"allowTCP":["443","20-22"],"allowUDP":["53"]}`,
		Want: []string{
			`public[tcp 20-22 from ::/0]: none → ""`,
			`public[tcp 20-25 from ::/0]: "" → none`,
		},
	}, remedytest.Case{
		Name: "gone", Control: "EC2.19", Resource: acct.Expand(securityGroup, id),
		Want: []string{
			`public[tcp 20-25 from ::/0]: "" → none`,
			`public[tcp 22-22 from 0.0.0.0/0]: "for 0.0.0.0/0" → none`,
			`public[tcp 24-24 from ::/0]: none → ""`,
		},
		Gone: func() {
			_, err := ec2.NewFromConfig(acct.Config).DeleteSecurityGroup(t.Context(), &ec2.DeleteSecurityGroupInput{GroupId: &id})
			remedytest.Must(t, id, err)
		},
	})
}

func TestAllProtocolsAreRevokedWhole(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, open := newGroup(t, acct)
	open("-1", -1, -1, anyIPv4)
	remedytest.Lifecycle(t, acct, ClosePorts, remedytest.Case{
		Control: "EC2.14", Resource: acct.Expand(securityGroup, id), Want: []string{`public[-1 -1--1 from 0.0.0.0/0]: "for 0.0.0.0/0" → none`},
		Foreign: func() { reopen(t, acct, id, rule{"-1", -1, -1, anyIPv4}) },
	})
}

// reopen authorizes a rule under a description of somebody else's.
func reopen(t *testing.T, acct *remedytest.Account, id string, r rule) {
	_, err := ec2.NewFromConfig(acct.Config).AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id, IpPermissions: r.permission("theirs")})
	remedytest.Must(t, id, err)
}

func TestRest(t *testing.T) {
	for name, c := range map[string]struct {
		p    ports
		r    rule
		want []rule
	}{
		"one port":           {ports{Closed: []int32{22}, Proto: []string{"tcp"}}, rule{"tcp", 22, 22, anyIPv4}, nil},
		"another port":       {ports{Closed: []int32{22}, Proto: []string{"tcp"}}, rule{"tcp", 80, 80, anyIPv4}, []rule{{"tcp", 80, 80, anyIPv4}}},
		"another protocol":   {ports{Closed: []int32{22}, Proto: []string{"tcp"}}, rule{"udp", 22, 22, anyIPv4}, []rule{{"udp", 22, 22, anyIPv4}}},
		"out of a range":     {ports{Closed: []int32{22, 23}, Proto: []string{"tcp"}}, rule{"tcp", 0, 65535, anyIPv6}, []rule{{"tcp", 0, 21, anyIPv6}, {"tcp", 24, 65535, anyIPv6}}},
		"at the edges":       {ports{Closed: []int32{20, 25}, Proto: []string{"tcp"}}, rule{"tcp", 20, 25, anyIPv4}, []rule{{"tcp", 21, 24, anyIPv4}}},
		"allowed neighbours": {ports{AllowTCP: []string{"443", "80-90", "91"}}, rule{"tcp", 0, 100, anyIPv4}, []rule{{"tcp", 80, 91, anyIPv4}}},
		"ICMP":               {ports{AllowTCP: []string{"443"}}, rule{"icmp", -1, -1, anyIPv4}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := c.p.rest(c.r)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatStaysIsExactlyWhatIsNotClosed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Int32Range(0, 60).Draw(t, "from")
		r := rule{"tcp", from, rapid.Int32Range(from, 70).Draw(t, "to"), anyIPv4}
		p := ports{Closed: rapid.SliceOfN(rapid.Int32Range(0, 70), 1, 8).Draw(t, "closed"), Proto: []string{"tcp"}}
		stay, _ := p.rest(r)
		for port := r.From; port <= r.To; port++ {
			open := 0
			for _, s := range stay {
				if s.From <= port && port <= s.To {
					open++
				}
			}
			closed := false
			for _, c := range p.Closed {
				closed = closed || c == port
			}
			if closed && open != 0 || !closed && open != 1 {
				t.Fatalf("port %d: closed %v, open by %d rules of %v", port, closed, open, stay)
			}
		}
		remedytest.Stable(t, ClosePorts, remedy.On[ports]{Params: p}, ingress{map[rule]string{r: "d"}}, "public")
	})
}
