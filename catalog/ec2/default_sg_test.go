package ec2

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// newVPC makes a VPC with IPv6 and returns its id and its default group's.
func newVPC(t *testing.T, acct *remedytest.Account) (id, group string) {
	t.Helper()
	api := ec2.NewFromConfig(acct.Config)
	v, err := api.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"), AmazonProvidedIpv6CidrBlock: aws.Bool(true)})
	id = *remedytest.Must(t, v, err).Vpc.VpcId
	g, err := api.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{
		{Name: aws.String("vpc-id"), Values: []string{id}}, {Name: aws.String("group-name"), Values: []string{"default"}},
	}})
	return id, *remedytest.Must(t, g, err).SecurityGroups[0].GroupId
}

// groupView is a group with all its rules, whose ids go with the rules.
func groupView(acct *remedytest.Account, id string) remedytest.View {
	return acct.Boto("ec2", "describe_security_groups", map[string]any{"GroupIds": []string{id}}, "SecurityGroups.0").Without("IpPermissions", "IpPermissionsEgress").
		And(acct.Boto("ec2", "describe_security_group_rules", map[string]any{"Filters": []any{map[string]any{"Name": "group-id", "Values": []string{id}}}}, "SecurityGroupRules").Without("SecurityGroupRuleId"))
}

// seen is how boto3 sees a rule that goes ("→ none") or comes.
func seen(group string, r groupRule, description string, comes bool) string {
	is := map[string]any{"FromPort": r.From, "ToPort": r.To, "GroupId": group, "IpProtocol": r.Proto, "IsEgress": r.Egress, "Tags": []any{}}
	if description != "" {
		is["Description"] = description
	}
	switch peer := r.permission("")[0]; {
	case peer.IpRanges != nil:
		is["CidrIpv4"] = r.Peer
	case peer.Ipv6Ranges != nil:
		is["CidrIpv6"] = r.Peer
	case peer.PrefixListIds != nil:
		is["PrefixListId"] = r.Peer
	default:
		owner, id, _ := strings.Cut(r.Peer, "/")
		is["ReferencedGroupInfo"] = map[string]any{"GroupId": id, "UserId": owner}
	}
	text, _ := json.Marshal(is) // a map of texts and numbers
	if comes {
		return "describe_security_group_rules[]: none → " + string(text)
	}
	return "describe_security_group_rules[]: " + string(text) + " → none"
}

// viewGroup is all of a group's permissions as DescribeSecurityGroups has them.
func viewGroup(t *testing.T, acct *remedytest.Account, id string) []string {
	t.Helper()
	out, err := ec2.NewFromConfig(acct.Config).DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
	g := remedytest.Must(t, out, err).SecurityGroups[0]
	var all []string
	for way, permissions := range map[string][]types.IpPermission{"in": g.IpPermissions, "out": g.IpPermissionsEgress} {
		for _, p := range permissions {
			ports := fmt.Sprint(way, " ", *p.IpProtocol, " ", aws.ToInt32(p.FromPort), " ", aws.ToInt32(p.ToPort), " ")
			for _, r := range p.IpRanges {
				all = append(all, ports+*r.CidrIp+" "+aws.ToString(r.Description))
			}
			for _, r := range p.Ipv6Ranges {
				all = append(all, ports+*r.CidrIpv6+" "+aws.ToString(r.Description))
			}
			for _, r := range p.PrefixListIds {
				all = append(all, ports+*r.PrefixListId)
			}
			for _, r := range p.UserIdGroupPairs {
				all = append(all, ports+*r.UserId+" "+*r.GroupId)
			}
		}
	}
	slices.Sort(all)
	return all
}

func TestDefaultSGClosed(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := ec2.NewFromConfig(acct.Config)
	vpc, id := newVPC(t, acct)
	other, err := api.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String("web"), Description: aws.String("web"), VpcId: &vpc})
	web := *remedytest.Must(t, other, err).GroupId
	in := func(r groupRule, description string) {
		remedytest.Must(t, r, r.authorize(t.Context(), api, id, description))
	}
	rules := map[groupRule]string{
		{false, "-1", -1, -1, id}:                         "", // as AWS makes it, and the emulator doesn't
		{false, "tcp", 22, 22, "10.0.0.0/8"}:              "from the office",
		{false, "tcp", 22, 22, "2001:db8::/32"}:           "",
		{false, "icmp", 8, -1, anyIPv4}:                   "ping",
		{false, "tcp", 443, 443, web}:                     "",
		{false, "tcp", 443, 443, "111111111111/" + web}:   "",
		{true, "tcp", 443, 443, "pl-0123456789abcdef0"}:   "",
		{true, "udp", 53, 53, "2001:db8::/32"}:            "DNS",
		{false, "tcp", 1024, 65535, "192.168.0.0/16"}:     "",
		{false, "tcp", 8443, 8443, "pl-0123456789abcdef"}: "",
	}
	everything := []string{seen(id, groupRule{true, "-1", -1, -1, anyIPv4}, "", false), seen(id, groupRule{true, "-1", -1, -1, anyIPv6}, "", false)}
	for r, description := range rules {
		in(r, description)
		if strings.HasPrefix(r.Peer, "sg-") {
			r.Peer = acct.ID + "/" + r.Peer
		}
		everything = append(everything, seen(id, r, description, false))
	}
	want := []string{
		`rules[egress -1 -1--1 to 0.0.0.0/0]: "" → none`,
		`rules[egress -1 -1--1 to ::/0]: "" → none`,
		`rules[egress tcp 443-443 to pl-0123456789abcdef0]: "" → none`,
		`rules[egress udp 53-53 to 2001:db8::/32]: "DNS" → none`,
		`rules[ingress -1 -1--1 from ` + id + `]: "" → none`,
		`rules[ingress icmp 8--1 from 0.0.0.0/0]: "ping" → none`,
		`rules[ingress tcp 1024-65535 from 192.168.0.0/16]: "" → none`,
		`rules[ingress tcp 22-22 from 10.0.0.0/8]: "from the office" → none`,
		`rules[ingress tcp 22-22 from 2001:db8::/32]: "" → none`,
		`rules[ingress tcp 443-443 from 111111111111/` + web + `]: "" → none`,
		`rules[ingress tcp 443-443 from ` + web + `]: "" → none`,
		`rules[ingress tcp 8443-8443 from pl-0123456789abcdef]: "" → none`,
	}
	remedytest.Lifecycle(t, acct, DefaultSGClosed, remedytest.Case{
		Name: "every kind of rule", Control: "EC2.2", Resource: acct.Expand(securityGroup, id), Want: want,
		View: groupView(acct, id), Seen: everything,
		Foreign: func() { in(groupRule{false, "tcp", 22, 22, "10.0.0.0/8"}, "theirs") },
	}, remedytest.Case{
		Name: "gone", Control: "EC2.2", Resource: acct.Expand(securityGroup, id), Want: want, View: groupView(acct, id), Seen: everything,
		Gone: deleteGroup(t, acct, id),
	})
}

func TestARuleThatSomebodyAddsAfterTheFixSurvivesUndo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	_, id := newVPC(t, acct)
	before := viewGroup(t, acct, id)
	h := remedytest.NewHarness(acct, DefaultSGClosed)
	r, err := h.Request(t.Context(), remedytest.Case{Control: "EC2.2", Resource: acct.Expand(securityGroup, id)}, false)
	r, err2 := h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	if remedytest.Must(t, r, err2).State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	remedytest.Must(t, id, groupRule{false, "udp", 123, 123, "10.0.0.0/8"}.authorize(t.Context(), ec2.NewFromConfig(acct.Config), id, "clock"))
	_, err = h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	r, err2 = h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	if remedytest.Must(t, r, err2).State != asr.StateReverted {
		t.Fatalf("undo ended %s: %+v", r.State, r.Undo)
	}
	want := append([]string{"in udp 123 123 10.0.0.0/8 clock"}, before...)
	if diff := cmp.Diff(want, viewGroup(t, acct, id)); diff != "" {
		t.Errorf("after undo (-want +got)\n%s", diff)
	}
}

func TestAnEmptyDefaultGroupHasNothingToDo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	_, id := newVPC(t, acct)
	for _, want := range []asr.State{asr.StateVerified, asr.StateNothingToDo} {
		if r := ended(t, acct, DefaultSGClosed, "EC2.2", acct.Expand(securityGroup, id)); r.State != want {
			t.Errorf("the run ended %s: %+v, want %s", r.State, r.Error, want)
		}
	}
}

func TestAGroupThatIsNotTheDefaultIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, open := newGroup(t, acct)
	open("tcp", 22, 22, anyIPv4)
	r := ended(t, acct, DefaultSGClosed, "EC2.2", acct.Expand(securityGroup, id))
	if r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, t.Name()) {
		t.Errorf("the run ended %s: %+v, want a refusal", r.State, r.Error)
	}
}

func TestAGroupThatVPCEndpointsUseIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := ec2.NewFromConfig(acct.Config)
	vpc, id := newVPC(t, acct)
	s, err := api.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: aws.String("10.0.1.0/24")})
	newEndpoint(t, acct, &ec2.CreateVpcEndpointInput{
		VpcId: &vpc, ServiceName: aws.String("com.amazonaws.eu-west-1.ec2"), SubnetIds: []string{*remedytest.Must(t, s, err).Subnet.SubnetId}, PrivateDnsEnabled: aws.Bool(false),
	})
	on := remedy.On[none]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: id}}

	now, err := DefaultSGClosed.Read(t.Context(), acct.Config, on)
	if diff := cmp.Diff(map[string]int{"vpc_endpoint": 1}, remedytest.Must(t, now, err).Uses); diff != "" {
		t.Error(diff)
	}
	others := now
	others.Uses = map[string]int{"interface": 1, "lambda": 2}
	if to, err := DefaultSGClosed.Want(on, others); err != nil || len(to.Rules) > 0 {
		t.Errorf("a group that interfaces of other kinds use: %v %v, want it emptied", to, err)
	}
	if _, err := DefaultSGClosed.Want(on, now); asr.Classify(err) != asr.CodeRefused || asr.Advice(err) == "" {
		t.Errorf("got %v, want a refusal", err)
	}
	now.Rules = nil
	if _, err := DefaultSGClosed.Want(on, now); err != nil {
		t.Errorf("an empty group is refused: %v", err)
	}
}

func TestDescriptionsGoWithEveryKindOfPeer(t *testing.T) {
	for peer, got := range map[string]func(types.IpPermission) *string{
		"10.0.0.0/8":        func(p types.IpPermission) *string { return p.IpRanges[0].Description },
		"::/0":              func(p types.IpPermission) *string { return p.Ipv6Ranges[0].Description },
		"pl-1":              func(p types.IpPermission) *string { return p.PrefixListIds[0].Description },
		"sg-1":              func(p types.IpPermission) *string { return p.UserIdGroupPairs[0].Description },
		"111111111111/sg-1": func(p types.IpPermission) *string { return p.UserIdGroupPairs[0].Description },
	} {
		r := groupRule{Proto: "tcp", Peer: peer}
		if d := got(r.permission("why")[0]); aws.ToString(d) != "why" {
			t.Errorf("%s: description %q", peer, aws.ToString(d))
		}
		if d := got(r.permission("")[0]); d != nil {
			t.Errorf("%s: an empty description is sent", peer)
		}
	}
}

func TestOfAReferencedGroupTheOwnerCountsIfItIsAnother(t *testing.T) {
	ref := types.SecurityGroupRule{ReferencedGroupInfo: &types.ReferencedSecurityGroup{GroupId: aws.String("sg-1"), UserId: aws.String("111111111111")}}
	if got := peer(ref, "111111111111"); got != "sg-1" {
		t.Errorf("own: %s", got)
	}
	if got := peer(ref, "222222222222"); got != "111111111111/sg-1" {
		t.Errorf("another's: %s", got)
	}
	p := groupRule{Peer: "111111111111/sg-1"}.permission("")[0].UserIdGroupPairs[0]
	if *p.GroupId != "sg-1" || *p.UserId != "111111111111" {
		t.Errorf("got %+v", p)
	}
}

var anyRule = rapid.Custom(func(t *rapid.T) groupRule {
	return groupRule{
		rapid.Bool().Draw(t, "egress"), rapid.SampledFrom([]string{"tcp", "udp", "icmp", "icmpv6", "-1", "50"}).Draw(t, "protocol"),
		rapid.Int32Range(-1, 65535).Draw(t, "from"), rapid.Int32Range(-1, 65535).Draw(t, "to"),
		rapid.SampledFrom([]string{"10.0.0.0/8", "::/0", "2001:db8::/32", "pl-1", "sg-1", "111111111111/sg-1"}).Draw(t, "peer"),
	}
})

func TestAnEmptiedDefaultGroupIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := group{
			Name:  rapid.SampledFrom([]string{"default", "web"}).Draw(t, "name"),
			Uses:  rapid.MapOf(rapid.SampledFrom([]string{"interface", "vpc_endpoint", "lambda"}), rapid.IntRange(1, 9)).Draw(t, "uses"),
			Rules: rapid.MapOf(anyRule, rapid.String()).Draw(t, "rules"),
		}
		remedytest.Stable(t, DefaultSGClosed, remedy.On[none]{}, g, "rules")
	})
}

func TestARuleReadsAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyRule.Draw(t, "rule")
		text, err := want.MarshalText()
		var got groupRule
		if err2 := got.UnmarshalText(text); err != nil || err2 != nil || got != want {
			t.Fatalf("%s: got %v, want %v: %v %v", text, got, want, err, err2)
		}
	})
}

func FuzzGroupRule(f *testing.F) {
	f.Add("ingress tcp 22-22 from 10.0.0.0/8")
	f.Add("egress -1 -1--1 to pl-1")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		var r groupRule
		if r.UnmarshalText([]byte(text)) != nil {
			return
		}
		out, _ := r.MarshalText()
		var again groupRule
		if err := again.UnmarshalText(out); err != nil || again != r {
			t.Errorf("%q reads as %+v, written %q reads as %+v: %v", text, r, out, again, err)
		}
	})
}
