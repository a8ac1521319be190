package ec2

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
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
				p.IpRanges = []types.IpRange{{CidrIp: &cidr, Description: aws.String(describe(cidr))}}
			}
			_, err := api.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: g.GroupId, IpPermissions: []types.IpPermission{p}})
			remedytest.Must(t, p, err)
		}
	}
}

// describe is the description that a rule of newGroup has.
func describe(cidr string) string {
	if cidr == anyIPv6 {
		return ""
	}
	return "for " + cidr
}

func deleteGroup(t *testing.T, acct *remedytest.Account, id string) func() {
	return func() {
		_, err := ec2.NewFromConfig(acct.Config).DeleteSecurityGroup(t.Context(), &ec2.DeleteSecurityGroupInput{GroupId: &id})
		remedytest.Must(t, id, err)
	}
}

func TestClosePorts(t *testing.T) {
	t.Parallel()
	portsLifecycle(t, remedytest.NewAccount(t))
}

func TestClosePortsUnderAnIAMThatIsEnforced(t *testing.T) {
	t.Parallel()
	portsLifecycle(t, remedytest.NewEnforcedAccount(t))
}

func portsLifecycle(t *testing.T, acct *remedytest.Account) {
	id, open := newGroup(t, acct)
	open("tcp", 22, 22, anyIPv4, "10.0.0.0/8")
	open("tcp", 20, 25, anyIPv6)
	open("tcp", 443, 443, anyIPv4)
	fixed := func(comes, goes []groupRule) (all []string) {
		for _, r := range comes {
			all = append(all, seen(id, r, describe(r.Peer), true))
		}
		for _, r := range goes {
			all = append(all, seen(id, r, describe(r.Peer), false))
		}
		return all
	}
	ssh := fixed([]groupRule{{false, "tcp", 20, 21, anyIPv6}, {false, "tcp", 23, 25, anyIPv6}}, []groupRule{{false, "tcp", 20, 25, anyIPv6}, {false, "tcp", 22, 22, anyIPv4}})
	remedytest.Lifecycle(t, acct, ClosePorts, remedytest.Case{
		Name: "SSH", Control: "EC2.13", Resource: acct.Expand(securityGroup, id),
		Want: []string{
			`public[tcp 20-21 from ::/0]: none → ""`,
			`public[tcp 20-25 from ::/0]: "" → none`,
			`public[tcp 22-22 from 0.0.0.0/0]: "for 0.0.0.0/0" → none`,
			`public[tcp 23-25 from ::/0]: none → ""`,
		},
		View: groupView(acct, id), Seen: ssh,
		Meanwhile: func() { open("udp", 53, 53, anyIPv4) },
	}, remedytest.Case{
		Name: "opened again under another description", Control: "EC2.13", Resource: acct.Expand(securityGroup, id),
		Want: []string{
			`public[tcp 20-21 from ::/0]: none → ""`,
			`public[tcp 20-25 from ::/0]: "" → none`,
			`public[tcp 22-22 from 0.0.0.0/0]: "for 0.0.0.0/0" → none`,
			`public[tcp 23-25 from ::/0]: none → ""`,
		},
		View: groupView(acct, id), Seen: ssh,
		Foreign: func() { reopen(t, acct, id, rule{"tcp", 22, 22, anyIPv4}) },
	}, remedytest.Case{
		Name: "all but what is allowed", Control: "EC2.18", Resource: acct.Expand(securityGroup, id), Params: `{"allowTCP":["443","20-22"],"allowUDP":["53"]}`,
		Want: []string{
			`public[tcp 20-22 from ::/0]: none → ""`,
			`public[tcp 20-25 from ::/0]: "" → none`,
		},
		View: groupView(acct, id), Seen: fixed([]groupRule{{false, "tcp", 20, 22, anyIPv6}}, []groupRule{{false, "tcp", 20, 25, anyIPv6}}),
	}, remedytest.Case{
		Name: "gone", Control: "EC2.19", Resource: acct.Expand(securityGroup, id),
		Want: []string{
			`public[tcp 20-25 from ::/0]: "" → none`,
			`public[tcp 22-22 from 0.0.0.0/0]: "for 0.0.0.0/0" → none`,
			`public[tcp 24-24 from ::/0]: none → ""`,
		},
		View: groupView(acct, id), Seen: fixed([]groupRule{{false, "tcp", 24, 24, anyIPv6}}, []groupRule{{false, "tcp", 20, 25, anyIPv6}, {false, "tcp", 22, 22, anyIPv4}}),
		Gone: deleteGroup(t, acct, id),
	})
}

func TestAllProtocolsAreRevokedWhole(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, open := newGroup(t, acct)
	open("-1", -1, -1, anyIPv4)
	remedytest.Lifecycle(t, acct, ClosePorts, remedytest.Case{
		Control: "EC2.14", Resource: acct.Expand(securityGroup, id), Want: []string{`public[-1 -1--1 from 0.0.0.0/0]: "for 0.0.0.0/0" → none`},
		View: groupView(acct, id), Seen: []string{seen(id, groupRule{false, "-1", -1, -1, anyIPv4}, describe(anyIPv4), false)},
		Foreign: func() { reopen(t, acct, id, rule{"-1", -1, -1, anyIPv4}) },
		Gone:    deleteGroup(t, acct, id),
	})
}

// reopen authorizes a rule under a description of somebody else's.
func reopen(t *testing.T, acct *remedytest.Account, id string, r rule) {
	remedytest.Must(t, id, r.authorize(t.Context(), ec2.NewFromConfig(acct.Config), id, "theirs"))
}

// permissions are a group's ingress rules, as a run's end leaves them.
func permissions(t *testing.T, acct *remedytest.Account, id string) (in []string) {
	t.Helper()
	for _, p := range viewGroup(t, acct, id) {
		if rule, ok := strings.CutPrefix(p, "in "); ok {
			in = append(in, strings.TrimSuffix(rule, " "))
		}
	}
	return in
}

func TestEachControlClosesItsPortsAndNoOthers(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for control, want := range map[string][]string{
		"EC2.13": {"tcp 3389 3389 0.0.0.0/0 for 0.0.0.0/0", "tcp 3389 3389 ::/0", "udp 22 22 0.0.0.0/0 for 0.0.0.0/0"},
		"EC2.14": {"tcp 22 22 0.0.0.0/0 for 0.0.0.0/0", "tcp 22 22 ::/0", "udp 22 22 0.0.0.0/0 for 0.0.0.0/0"},
		"EC2.18": nil,
		"EC2.19": nil,
		"EC2.53": {"tcp 22 22 ::/0", "tcp 3389 3389 ::/0"},
		"EC2.54": {"tcp 22 22 0.0.0.0/0 for 0.0.0.0/0", "tcp 3389 3389 0.0.0.0/0 for 0.0.0.0/0", "udp 22 22 0.0.0.0/0 for 0.0.0.0/0"},
	} {
		id, open := newGroup(t, acct)
		open("tcp", 22, 22, anyIPv4, anyIPv6)
		open("tcp", 3389, 3389, anyIPv4, anyIPv6)
		open("udp", 22, 22, anyIPv4)
		r := ended(t, acct, ClosePorts, control, acct.Expand(securityGroup, id))
		if diff := cmp.Diff(want, permissions(t, acct, id)); r.State != asr.StateVerified || diff != "" {
			t.Errorf("%s: the run ended %s: %+v (-want +got)\n%s", control, r.State, r.Error, diff)
		}
		deleteGroup(t, acct, id)()
	}
}

func TestAWideRangeIsClosedAtThePortsAndStaysOpenElsewhere(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for control, want := range map[string][]string{
		"EC2.13": {"tcp 0 21 ::/0", "tcp 23 65535 ::/0"},
		"EC2.14": {"tcp 0 3388 ::/0", "tcp 3390 65535 ::/0"},
		"EC2.18": {"tcp 443 443 ::/0", "tcp 80 80 ::/0"},
		"EC2.54": {"tcp 0 21 ::/0", "tcp 23 3388 ::/0", "tcp 3390 65535 ::/0"},
	} {
		id, open := newGroup(t, acct)
		open("tcp", 0, 65535, anyIPv6)
		r := ended(t, acct, ClosePorts, control, acct.Expand(securityGroup, id))
		if diff := cmp.Diff(want, permissions(t, acct, id)); r.State != asr.StateVerified || diff != "" {
			t.Errorf("%s: the run ended %s: %+v (-want +got)\n%s", control, r.State, r.Error, diff)
		}
		deleteGroup(t, acct, id)()
	}
}

func TestARuleForAllProtocolsOffendsEachControl(t *testing.T) {
	for control, p := range ClosePorts.Controls {
		for _, cidr := range []string{anyIPv4, anyIPv6} {
			rest, offends := p.rest(rule{allOf, -1, -1, cidr})
			if meant := len(p.From) == 0 || p.From[0] == cidr; offends != meant || len(rest) > 0 {
				t.Errorf("%s, %s: offends %v, stays %v, want %v", control, cidr, offends, rest, meant)
			}
		}
	}
}

func TestAGroupWithNothingToRevokeIsNoError(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, open := newGroup(t, acct)
	open("tcp", 22, 22, "10.0.0.0/8")
	open("tcp", 443, 443, anyIPv4, anyIPv6)
	for control := range ClosePorts.Controls {
		if r := ended(t, acct, ClosePorts, control, acct.Expand(securityGroup, id)); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v", control, r.State, r.Error)
		}
	}
}

func TestARuleThatIsGoneAlreadyIsNoError(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, open := newGroup(t, acct)
	open("tcp", 22, 22, anyIPv4)
	on := remedy.On[ports]{Target: asr.Target{Account: acct.ID, Name: id}}
	from := ingress{map[rule]string{{"tcp", 22, 22, anyIPv4}: "", {"tcp", 22, 22, anyIPv6}: "", {"tcp", 3389, 3389, anyIPv4}: ""}}
	if err := ClosePorts.Write(t.Context(), acct.Config, on, from, ingress{}); err != nil {
		t.Errorf("got %v", err)
	}
	if left := permissions(t, acct, id); len(left) > 0 {
		t.Errorf("%v are still open", left)
	}
}

func TestARuleThatCantBeRevokedFailsTheRun(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for _, control := range []string{"EC2.18", "EC2.19"} {
		id, open := newGroup(t, acct)
		open("tcp", 22, 22, anyIPv4)
		open("tcp", 3389, 3389, anyIPv4)
		remove := acct.Sandbox.Fault(sandbox.Fault{Service: "ec2", Operation: "RevokeSecurityGroupIngress", Account: acct.ID, Code: "UnauthorizedOperation", Status: 403})
		r := ended(t, acct, ClosePorts, control, acct.Expand(securityGroup, id))
		remove()
		if r.State != asr.StateFailed || r.Error.Code != asr.CodeDenied {
			t.Errorf("%s: the run ended %s: %+v, want failed with access_denied", control, r.State, r.Error)
		}
		deleteGroup(t, acct, id)()
	}
}

func TestAllowedPortsMayBeRangesOrSinglesOrNone(t *testing.T) {
	bound := remedy.Bind(ClosePorts, nil)
	for params, ok := range map[string]bool{
		`{"allowTCP":["80","443"]}`: true, `{"allowTCP":["1020-1025"]}`: true, `{"allowTCP":["443"]}`: true, `{"allowTCP":[],"allowUDP":[]}`: true, `{}`: true,
		`{"allowTCP":[" 80 - 90 "]}`: true, `{"allowTCP":["90-80"]}`: false, `{"allowTCP":["http"]}`: false, `{"allowUDP":["70000"]}`: false, `{"allowTCP":[""]}`: false,
		`{"ports":[22],"protocols":["tcp"]}`: true, `{"ports":[22]}`: false, `{"ports":[70000],"protocols":["tcp"]}`: false, `{"ports":[22],"protocols":["icmp"]}`: false,
		`{"from":["::/0"]}`: true, `{"from":["10.0.0.0/8"]}`: false,
	} {
		if err := bound.Check(asr.On{Params: json.RawMessage(params)}); (err == nil) != ok || !ok && asr.Classify(err) != asr.CodeBadParams {
			t.Errorf("%s: %v", params, err)
		}
	}
	if rest, offends := (ports{}).rest(rule{"tcp", 443, 443, anyIPv4}); !offends || len(rest) > 0 {
		t.Errorf("where nothing is allowed, 443 stays open: %v", rest)
	}
}

func TestAGroupIsClosedInTheRegionOfItsARNOrNowhere(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	there := &remedytest.Account{ID: acct.ID, Region: "us-west-2", Config: acct.Sandbox.Config(acct.ID, "us-west-2"), Sandbox: acct.Sandbox}
	id, open := newGroup(t, there)
	open("tcp", 22, 22, anyIPv4)
	_, err := remedytest.NewHarness(acct, ClosePorts).Request(t.Context(), remedytest.Case{Control: "EC2.13", Resource: there.Expand(securityGroup, id)}, false) // for eu-west-1
	if err == nil || asr.Classify(err) == asr.CodeInternal || !strings.Contains(err.Error(), "us-west-2") {
		t.Errorf("got %v, want a refusal", err)
	}
	acct.Region, acct.Config = there.Region, there.Config
	r := ended(t, acct, ClosePorts, "EC2.13", acct.Expand(securityGroup, id))
	if left := permissions(t, acct, id); r.State != asr.StateVerified || len(left) > 0 {
		t.Errorf("the run ended %s: %+v; %v are still open", r.State, r.Error, left)
	}
}

func TestOfTwoRulesWithTheSameRestAlwaysTheSameDescribesIt(t *testing.T) {
	now := ingress{map[rule]string{{"tcp", 20, 22, anyIPv4}: "a", {"tcp", 20, 23, anyIPv4}: "b", {"tcp", 20, 24, anyIPv4}: "c"}}
	on := remedy.On[ports]{Params: ClosePorts.Controls["EC2.13"]}
	once, err := ClosePorts.Want(on, now)
	for range 50 {
		again, err2 := ClosePorts.Want(on, now)
		if diff := cmp.Diff(once, again); diff != "" || errors.Join(err, err2) != nil {
			t.Fatalf("%v %v (-once +again)\n%s", err, err2, diff)
		}
	}
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

func TestNoPortIsEverOpenedToTheInternet(t *testing.T) {
	opens := func(rules map[rule]string, proto string, port int32, cidr string) bool {
		for r := range rules {
			if r.CIDR == cidr && (r.Proto == allOf || r.Proto == proto && r.From <= port && port <= r.To) {
				return true
			}
		}
		return false
	}
	rapid.Check(t, func(t *rapid.T) {
		now := ingress{map[rule]string{}}
		for range rapid.IntRange(0, 6).Draw(t, "rules") {
			from := rapid.Int32Range(0, 60).Draw(t, "from")
			r := rule{rapid.SampledFrom([]string{"tcp", "udp", allOf}).Draw(t, "protocol"), from, rapid.Int32Range(from, 70).Draw(t, "to"), rapid.SampledFrom([]string{anyIPv4, anyIPv6}).Draw(t, "of")}
			now.Public[r] = rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "description")
		}
		p := ports{Closed: rapid.SliceOfN(rapid.Int32Range(0, 70), 1, 8).Draw(t, "closed"), Proto: []string{"tcp", "udp"}, From: rapid.SampledFrom([][]string{nil, {anyIPv4}, {anyIPv6}}).Draw(t, "the internet")}
		to, err := ClosePorts.Want(remedy.On[ports]{Params: p}, now)
		for port := range int32(71) {
			for _, proto := range p.Proto {
				for _, cidr := range []string{anyIPv4, anyIPv6} {
					if err != nil || opens(to.Public, proto, port, cidr) && !opens(now.Public, proto, port, cidr) {
						t.Fatalf("%s %d from %s opens: %v %v", proto, port, cidr, to, err)
					}
				}
			}
		}
		remedytest.Stable(t, ClosePorts, remedy.On[ports]{Params: p}, now, "public")
	})
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
