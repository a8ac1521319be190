package ec2

import (
	"errors"
	"maps"
	"slices"
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

// newPlace makes a VPC with two ranges and two subnets in zone a and one in
// zone b, and returns which of them an endpoint would stand in.
func newPlace(t *testing.T, acct *remedytest.Account, dns bool) (vpc string, subnets map[string]string) {
	t.Helper()
	api := ec2.NewFromConfig(acct.Config)
	vpc, _ = newVPC(t, acct)
	_, err := api.AssociateVpcCidrBlock(t.Context(), &ec2.AssociateVpcCidrBlockInput{VpcId: &vpc, CidrBlock: aws.String("10.1.0.0/16")})
	remedytest.Must(t, vpc, err)
	_, err = api.ModifyVpcAttribute(t.Context(), &ec2.ModifyVpcAttributeInput{VpcId: &vpc, EnableDnsHostnames: &types.AttributeBooleanValue{Value: &dns}})
	remedytest.Must(t, vpc, err)
	subnets = map[string]string{}
	for cidr, zone := range map[string]string{"10.0.1.0/24": "eu-west-1a", "10.0.2.0/24": "eu-west-1a", "10.1.1.0/24": "eu-west-1b"} {
		s, err := api.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: &cidr, AvailabilityZone: &zone})
		if id := *remedytest.Must(t, s, err).Subnet.SubnetId; subnets[zone] == "" || id < subnets[zone] {
			subnets[zone] = id
		}
	}
	return vpc, subnets
}

// newOwnGroup makes a group of the name that an endpoint's has.
func newOwnGroup(t *testing.T, acct *remedytest.Account, vpc string, tags ...types.Tag) string {
	t.Helper()
	in := &ec2.CreateSecurityGroupInput{GroupName: aws.String("asr-ec2-endpoint"), Description: aws.String("x"), VpcId: &vpc}
	if len(tags) > 0 {
		in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroup, Tags: tags}}
	}
	g, err := ec2.NewFromConfig(acct.Config).CreateSecurityGroup(t.Context(), in)
	return *remedytest.Must(t, g, err).GroupId
}

func newEndpoint(t *testing.T, acct *remedytest.Account, in *ec2.CreateVpcEndpointInput) types.VpcEndpoint {
	t.Helper()
	in.VpcEndpointType = types.VpcEndpointTypeInterface
	out, err := ec2.NewFromConfig(acct.Config).CreateVpcEndpoint(t.Context(), in)
	return *remedytest.Must(t, out, err).VpcEndpoint
}

func endpointIn(t *testing.T, acct *remedytest.Account, vpc string) types.VpcEndpoint {
	t.Helper()
	out, err := ec2.NewFromConfig(acct.Config).DescribeVpcEndpoints(t.Context(), &ec2.DescribeVpcEndpointsInput{Filters: inVPC(vpc)})
	if n := len(remedytest.Must(t, out, err).VpcEndpoints); n != 1 {
		t.Fatalf("the VPC has %d endpoints, want 1", n)
	}
	return out.VpcEndpoints[0]
}

func onPlace(acct *remedytest.Account, vpc string) remedy.On[private] {
	return remedy.On[private]{
		Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: vpc}, Params: private{"ec2"}, Call: asr.Call{Run: "run-1", Token: "token"},
	}
}

// fresh is what a VPC would become.
func fresh(t *testing.T, acct *remedytest.Account, on remedy.On[private]) (now, to reach) {
	t.Helper()
	now, err := VPCEndpoint.Read(t.Context(), acct.Config, on)
	to, err2 := VPCEndpoint.Want(on, remedytest.Must(t, now, err))
	return now, remedytest.Must(t, to, err2)
}

// whole is a VPC with its endpoints and groups; ids and what is made of them
// are assigned anew.
func whole(acct *remedytest.Account, vpc string) remedytest.View {
	in := map[string]any{"Filters": []any{map[string]any{"Name": "vpc-id", "Values": []string{vpc}}}}
	return acct.Boto("ec2", "describe_vpcs", map[string]any{"VpcIds": []string{vpc}}, "Vpcs.0").
		And(acct.Boto("ec2", "describe_vpc_endpoints", in, "VpcEndpoints")).
		And(acct.Boto("ec2", "describe_security_groups", in, "SecurityGroups")).
		Without("VpcEndpointId", "CreationTimestamp", "DnsEntries", "NetworkInterfaceIds", "GroupId", "SecurityGroupArn")
}

func TestVPCEndpoint(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := ec2.NewFromConfig(acct.Config)
	named, in := newPlace(t, acct, true)
	plain, in2 := newPlace(t, acct, false)
	earlier := newOwnGroup(t, acct, plain, types.Tag{Key: aws.String(asr.OwnerTag), Value: aws.String("r-earlier")})
	endpoint := func(subnets map[string]string, more ...string) []string {
		return slices.Sorted(slices.Values(append(more,
			`endpoint: "" → "com.amazonaws.eu-west-1.ec2"`,
			`ingress[ingress tcp 443-443 from 10.0.0.0/16]: none → "HTTPS from the VPC"`,
			`ingress[ingress tcp 443-443 from 10.1.0.0/16]: none → "HTTPS from the VPC"`,
			`subnets.eu-west-1a: none → "`+subnets["eu-west-1a"]+`"`,
			`subnets.eu-west-1b: none → "`+subnets["eu-west-1b"]+`"`,
		)))
	}
	group := func(description string, open bool) string {
		ranges := `"IpPermissions":[`
		if open {
			ranges = `"IpPermissions":[{"FromPort":443,"IpProtocol":"tcp","IpRanges":[{"CidrIp":"10.`
		}
		return `{"Description":"` + description + `","GroupName":"asr-ec2-endpoint",` + ranges
	}
	made := func(dns string) string {
		return `describe_vpc_endpoints[]: none → {"Groups":[{"GroupName":"asr-ec2-endpoint"}],"OwnerId":"` + acct.ID +
			`","PolicyDocument":{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}],"Version":"2008-10-17"},"PrivateDnsEnabled":` + dns
	}
	remedytest.Lifecycle(t, acct, VPCEndpoint, remedytest.Case{
		Name: "with private DNS", Control: "EC2.10", Resource: acct.Expand(vpc, named),
		Want: endpoint(in, `group: "" → "asr-ec2-endpoint"`, "privateDNS: false → true"),
		View: whole(acct, named), Seen: []string{made("true"), "describe_security_groups[]: none → " + group("The endpoint of the VPC to ec2", true)},
		Foreign: func() {
			g, r := ownGroupID(t, acct, named), groupRule{false, "tcp", 443, 443, "10.1.0.0/16"}
			remedytest.Must(t, named, errors.Join(r.revoke(t.Context(), api, g), r.authorize(t.Context(), api, g, "theirs")))
		},
	}, remedytest.Case{
		Name: "without names; the group is there; others change another setting", Control: "EC2.10", Resource: acct.Expand(vpc, plain),
		Want: endpoint(in2),
		View: whole(acct, plain), Seen: []string{
			made("false"), "describe_security_groups[]: " + group("x", false), "describe_security_groups[]: none → " + group("x", true), // one group with and without its rules
		},
		Meanwhile: func() { tag(t, acct, plain, "stage"); tag(t, acct, earlier, "stage") },
		Gone: func() {
			subnets, err := api.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{Filters: inVPC(plain)})
			for _, s := range remedytest.Must(t, subnets, err).Subnets {
				_, err := api.DeleteSubnet(t.Context(), &ec2.DeleteSubnetInput{SubnetId: s.SubnetId})
				remedytest.Must(t, s, err)
			}
			deleteGroup(t, acct, earlier)()
			_, err = api.DeleteVpc(t.Context(), &ec2.DeleteVpcInput{VpcId: &plain})
			remedytest.Must(t, plain, err)
		},
	})
}

func ownGroupID(t *testing.T, acct *remedytest.Account, vpc string) string {
	t.Helper()
	g, err := ownGroup(t.Context(), ec2.NewFromConfig(acct.Config), onPlace(acct, vpc))
	if remedytest.Must(t, g, err) == nil {
		t.Fatalf("%s has no group for the endpoint", vpc)
	}
	return *g.GroupId
}

// EC2.2 empties the default group, which is the one that AWS would put on the
// endpoint unasked.
func TestAnEmptiedDefaultGroupLocksNobodyOutOfTheEndpoint(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"EC2.2", "EC2.10"} {
		acct := remedytest.NewAccount(t)
		id, _ := newPlace(t, acct, true)
		out, err := ec2.NewFromConfig(acct.Config).DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{Filters: append(inVPC(id), types.Filter{Name: aws.String("group-name"), Values: []string{"default"}})})
		group := *remedytest.Must(t, out, err).SecurityGroups[0].GroupId
		runs := map[string]func() asr.Run{
			"EC2.2":  func() asr.Run { return ended(t, acct, DefaultSGClosed, "EC2.2", acct.Expand(securityGroup, group)) },
			"EC2.10": func() asr.Run { return ended(t, acct, VPCEndpoint, "EC2.10", acct.Expand(vpc, id)) },
		}
		one := runs[first]()
		delete(runs, first)
		for _, other := range runs {
			if two := other(); one.State != asr.StateVerified || two.State != asr.StateVerified {
				t.Fatalf("%s first: %s and %s: %+v %+v", first, one.State, two.State, one.Error, two.Error)
			}
		}
		e := endpointIn(t, acct, id)
		want := []string{"in tcp 443 443 10.0.0.0/16 HTTPS from the VPC", "in tcp 443 443 10.1.0.0/16 HTTPS from the VPC", "out -1 0 0 0.0.0.0/0 ", "out -1 0 0 ::/0 "}
		if len(e.Groups) != 1 || *e.Groups[0].GroupId == group {
			t.Fatalf("%s first: the endpoint's groups are %+v", first, e.Groups)
		}
		if diff := cmp.Diff(want, viewGroup(t, acct, *e.Groups[0].GroupId)); diff != "" {
			t.Errorf("%s first: the endpoint's group (-want +got)\n%s", first, diff)
		}
		if left := viewGroup(t, acct, group); len(left) > 0 {
			t.Errorf("%s first: the default group has %v", first, left)
		}
	}
}

func TestWhatAnEndpointIsMadeWith(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, subnets := newPlace(t, acct, true)
	r := ended(t, acct, VPCEndpoint, "EC2.10", acct.Expand(vpc, id))
	e := endpointIn(t, acct, id)
	got := []any{r.State, e.VpcEndpointType, *e.PrivateDnsEnabled, slices.Sorted(slices.Values(e.SubnetIds)), *e.Tags[0].Key, *e.Tags[0].Value}
	want := []any{asr.StateVerified, types.VpcEndpointTypeInterface, true, slices.Sorted(maps.Values(subnets)), asr.OwnerTag, r.ID}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestASecondRunMakesNoSecondEndpoint(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, _ := newPlace(t, acct, true)
	for _, want := range []asr.State{asr.StateVerified, asr.StateNothingToDo} {
		if r := ended(t, acct, VPCEndpoint, "EC2.10", acct.Expand(vpc, id)); r.State != want {
			t.Errorf("the run ended %s: %+v, want %s", r.State, r.Error, want)
		}
	}
	endpointIn(t, acct, id)
}

func TestACallThatIsRepeatedMakesNoSecondEndpoint(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, _ := newPlace(t, acct, true)
	on := onPlace(acct, id)
	_, to := fresh(t, acct, on)
	for _, from := range []reach{{}, {Group: to.Group}, {Group: to.Group, Ingress: to.Ingress}, {}, {Group: to.Group}, {Group: to.Group, Ingress: to.Ingress}} { // all that is there already, once more
		if err := VPCEndpoint.Write(t.Context(), acct.Config, on, from, to); err != nil {
			t.Fatal(err)
		}
	}
	endpointIn(t, acct, id)
}

func TestAnyEndpointToTheServiceIsEnough(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, subnets := newPlace(t, acct, false)
	newEndpoint(t, acct, &ec2.CreateVpcEndpointInput{VpcId: &id, ServiceName: aws.String("com.amazonaws.eu-west-1.ssm"), SubnetIds: []string{subnets["eu-west-1a"]}, PrivateDnsEnabled: aws.Bool(false)})
	if now, _ := fresh(t, acct, onPlace(acct, id)); len(now.VPC.Others) > 0 {
		t.Errorf("an endpoint to another service counts: %+v", now.VPC.Others)
	}
	newEndpoint(t, acct, &ec2.CreateVpcEndpointInput{VpcId: &id, ServiceName: aws.String("com.amazonaws.eu-west-1.ec2"), SubnetIds: []string{subnets["eu-west-1a"]}, PrivateDnsEnabled: aws.Bool(false)})
	if r := ended(t, acct, VPCEndpoint, "EC2.10", acct.Expand(vpc, id)); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAVPCWithoutSubnetsIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, _ := newVPC(t, acct)
	r := ended(t, acct, VPCEndpoint, "EC2.10", acct.Expand(vpc, id))
	if r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, "no subnet") {
		t.Errorf("the run ended %s: %+v, want a refusal", r.State, r.Error)
	}
}

func TestAServiceThatTheRegionDoesNotHaveIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, _ := newPlace(t, acct, true)
	on := onPlace(acct, id)
	on.Params.Service = "nothing"
	now, err := VPCEndpoint.Read(t.Context(), acct.Config, on)
	if _, err := VPCEndpoint.Want(on, remedytest.Must(t, now, err)); asr.Classify(err) != asr.CodeRefused || !strings.Contains(err.Error(), "no interface endpoint to nothing in eu-west-1") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestAZoneThatTheServiceIsNotInIsLeftOut(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, subnets := newPlace(t, acct, true)
	cfg := tap(acct.Config, func(_, out any) error {
		if out, ok := out.(*ec2.DescribeVpcEndpointServicesOutput); ok {
			out.ServiceDetails[0].AvailabilityZones = []string{"eu-west-1b", "eu-west-1c"}
		}
		return nil
	})
	now, err := VPCEndpoint.Read(t.Context(), cfg, onPlace(acct, id))
	if diff := cmp.Diff(map[string]string{"eu-west-1b": subnets["eu-west-1b"]}, now.VPC.Subnets); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestWhichSubnetsAnEndpointMayStandIn(t *testing.T) {
	subnet := func(id, zone string, free int32, change func(*types.Subnet)) types.Subnet {
		s := types.Subnet{SubnetId: &id, AvailabilityZone: &zone, AvailableIpAddressCount: &free}
		if change != nil {
			change(&s)
		}
		return s
	}
	got := oneInEach([]types.Subnet{
		subnet("full", "a", 0, nil), subnet("first", "a", 1, nil), subnet("second", "a", 99, nil),
		subnet("native", "b", 9, func(s *types.Subnet) { s.Ipv6Native = aws.Bool(true) }),
		subnet("outpost", "c", 9, func(s *types.Subnet) { s.OutpostArn = aws.String("arn") }),
		subnet("local", "a-lax-1a", 9, nil),
	}, []string{"a", "b", "c"})
	if diff := cmp.Diff(map[string]string{"a": "first"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPrivateDNSTakesBothOfTheVPCsAttributes(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := ec2.NewFromConfig(acct.Config)
	id, _ := newVPC(t, acct)
	for _, c := range []struct{ support, names, want bool }{{true, true, true}, {true, false, false}, {false, true, false}} {
		for _, in := range []*ec2.ModifyVpcAttributeInput{
			{VpcId: &id, EnableDnsSupport: &types.AttributeBooleanValue{Value: &c.support}}, {VpcId: &id, EnableDnsHostnames: &types.AttributeBooleanValue{Value: &c.names}},
		} {
			_, err := api.ModifyVpcAttribute(t.Context(), in)
			remedytest.Must(t, id, err)
		}
		if got, err := resolves(t.Context(), api, id); err != nil || got != c.want {
			t.Errorf("support %v, names %v: %v %v, want %v", c.support, c.names, got, err, c.want)
		}
	}
}

func TestAServiceWithoutAPrivateNameGetsNoPrivateDNS(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, _ := newPlace(t, acct, true)
	cfg := tap(acct.Config, func(_, out any) error {
		if out, ok := out.(*ec2.DescribeVpcEndpointServicesOutput); ok {
			out.ServiceDetails[0].PrivateDnsName = nil
		}
		return nil
	})
	now, err := VPCEndpoint.Read(t.Context(), cfg, onPlace(acct, id))
	to, err2 := VPCEndpoint.Want(onPlace(acct, id), remedytest.Must(t, now, err))
	if remedytest.Must(t, to, err2).Endpoint == "" || to.PrivateDNS {
		t.Errorf("got %+v, want an endpoint without private DNS", to)
	}
}

// In China the name begins with cn.com.amazonaws, elsewhere with other letters.
func TestTheServiceIsFoundInEveryPartition(t *testing.T) {
	t.Parallel()
	for region, prefix := range map[string]string{"cn-north-1": "cn.com.amazonaws.", "us-gov-west-1": "com.amazonaws.", "us-iso-east-1": "gov.ic.c2s."} {
		acct := remedytest.NewAccount(t)
		acct.Region, acct.Config = region, acct.Sandbox.Config(acct.ID, region)
		cfg := tap(acct.Config, func(_, out any) error {
			if out, ok := out.(*ec2.DescribeVpcEndpointServicesOutput); ok {
				var some []types.ServiceDetail
				for _, s := range out.ServiceDetails {
					if *s.ServiceName = strings.Replace(*s.ServiceName, "com.amazonaws.", prefix, 1); strings.HasSuffix(*s.ServiceName, ".ec2") || len(out.ServiceDetails) > 1 {
						some = append(some, s)
					}
				}
				if prefix != "com.amazonaws." && len(out.ServiceDetails) == 1 { // the usual name isn't there
					some = nil
				}
				out.ServiceDetails = some
			}
			return nil
		})
		s, err := serviceOf(t.Context(), ec2.NewFromConfig(cfg), onPlace(acct, "vpc-1"))
		if want := prefix + region + ".ec2"; err != nil || aws.ToString(s.ServiceName) != want {
			t.Errorf("%s: got %q %v, want %q", region, aws.ToString(s.ServiceName), err, want)
		}
	}
}

func TestOfTheServicesAllPagesAreReadAndOnlyAWSsOwnCount(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	on := onPlace(acct, "vpc-1")
	on.Params.Service = "far"
	service := func(name, owner string, kind types.ServiceType) types.ServiceDetail {
		return types.ServiceDetail{ServiceName: &name, Owner: &owner, ServiceType: []types.ServiceTypeDetail{{ServiceType: kind}}}
	}
	cfg := tap(acct.Config, func(in, out any) error {
		asked, ok := in.(*ec2.DescribeVpcEndpointServicesInput)
		if !ok || out == nil {
			return nil
		}
		page := out.(*ec2.DescribeVpcEndpointServicesOutput)
		page.ServiceDetails, page.NextToken = []types.ServiceDetail{service("com.vpce.eu-west-1.far", "123456789012", "Interface"), service("com.a.eu-west-1.far", "amazon", "Gateway")}, nil
		switch {
		case *asked.Filters[0].Name == "service-name":
			page.ServiceDetails = nil
		case asked.NextToken == nil:
			page.NextToken = aws.String(firstService(t, acct))
		default:
			page.ServiceDetails = append(page.ServiceDetails, service("com.amazonaws.eu-west-1.far", "amazon", "Interface"))
		}
		return nil
	})
	s, err := serviceOf(t.Context(), ec2.NewFromConfig(cfg), on)
	if want := "com.amazonaws.eu-west-1.far"; err != nil || aws.ToString(s.ServiceName) != want {
		t.Errorf("got %q %v, want %q", aws.ToString(s.ServiceName), err, want)
	}
}

// firstService is an id that the emulator takes for the place of a next page.
func firstService(t *testing.T, acct *remedytest.Account) string {
	t.Helper()
	out, err := ec2.NewFromConfig(acct.Config).DescribeVpcEndpointServices(t.Context(), &ec2.DescribeVpcEndpointServicesInput{ServiceNames: []string{"com.amazonaws.eu-west-1.ec2"}})
	return *remedytest.Must(t, out, err).ServiceDetails[0].ServiceId
}

func TestEndpointsBetweenTwoStates(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, subnets := newPlace(t, acct, false)
	e := newEndpoint(t, acct, &ec2.CreateVpcEndpointInput{VpcId: &id, ServiceName: aws.String("com.amazonaws.eu-west-1.ec2"), SubnetIds: []string{subnets["eu-west-1a"]}, PrivateDnsEnabled: aws.Bool(false)})
	for state, c := range map[types.State]struct {
		others map[string]string
		err    error
	}{
		"available": {map[string]string{*e.VpcEndpointId: "available"}, nil},
		"Available": {map[string]string{*e.VpcEndpointId: "available"}, nil},
		"partial":   {map[string]string{*e.VpcEndpointId: "partial"}, nil},
		"pending":   {map[string]string{}, asr.ErrSettling},
		"Deleting":  {map[string]string{}, asr.ErrSettling},
		"deleted":   {map[string]string{}, nil},
		"Failed":    {map[string]string{}, nil},
		"rejected":  {map[string]string{}, nil},
		"expired":   {map[string]string{}, nil},
	} {
		cfg := tap(acct.Config, func(_, out any) error {
			if out, ok := out.(*ec2.DescribeVpcEndpointsOutput); ok {
				out.VpcEndpoints[0].State = state
			}
			return nil
		})
		now, err := VPCEndpoint.Read(t.Context(), cfg, onPlace(acct, id))
		if diff := cmp.Diff(c.others, now.VPC.Others); !errors.Is(err, c.err) || diff != "" {
			t.Errorf("%s: %v, want %v (-want +got)\n%s", state, err, c.err, diff)
		}
	}
}

func TestAGroupOfSomebodyElseIsNotTakenOver(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, _ := newPlace(t, acct, true)
	theirs := newOwnGroup(t, acct, id)
	r := ended(t, acct, VPCEndpoint, "EC2.10", acct.Expand(vpc, id))
	if r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, theirs) {
		t.Errorf("the run ended %s: %+v, want a refusal", r.State, r.Error)
	}
}

func TestUndoDeletesNoEndpointAndNoGroupOfSomebodyElse(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := ec2.NewFromConfig(acct.Config)
	id, subnets := newPlace(t, acct, false)
	on := onPlace(acct, id)
	group := newOwnGroup(t, acct, id, types.Tag{Key: aws.String(asr.OwnerTag), Value: aws.String("r-other")})
	e := newEndpoint(t, acct, &ec2.CreateVpcEndpointInput{VpcId: &id, ServiceName: aws.String("com.amazonaws.eu-west-1.ec2"), SubnetIds: []string{subnets["eu-west-1a"]}, PrivateDnsEnabled: aws.Bool(false)})
	if err := VPCEndpoint.Write(t.Context(), acct.Config, on, reach{Endpoint: *e.ServiceName}, reach{}); err != nil {
		t.Fatal(err)
	}
	if still := endpointIn(t, acct, id); *still.VpcEndpointId != *e.VpcEndpointId {
		t.Errorf("the endpoint is %s, and was %s", *still.VpcEndpointId, *e.VpcEndpointId)
	}
	if err := VPCEndpoint.Write(t.Context(), acct.Config, on, reach{Group: "asr-ec2-endpoint"}, reach{}); asr.Classify(err) != asr.CodeRefused || !strings.Contains(err.Error(), group) {
		t.Errorf("got %v, want a refusal", err)
	}
	_, err := api.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{group}})
	remedytest.Must(t, group, err)
}

func TestUndoTakesNothingBackWhileOthersUseTheGroup(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := ec2.NewFromConfig(acct.Config)
	for name, use := range map[string]func(group, subnet string){
		"a rule": func(group, _ string) {
			remedytest.Must(t, group, groupRule{false, "tcp", 443, 443, "192.168.0.0/16"}.authorize(t.Context(), api, group, "on premises"))
		},
		"an interface": func(group, subnet string) {
			_, err := api.CreateNetworkInterface(t.Context(), &ec2.CreateNetworkInterfaceInput{SubnetId: &subnet, Groups: []string{group}})
			remedytest.Must(t, group, err)
		},
	} {
		id, subnets := newPlace(t, acct, true)
		h := remedytest.NewHarness(acct, VPCEndpoint)
		r, err := h.Request(t.Context(), remedytest.Case{Control: "EC2.10", Resource: acct.Expand(vpc, id)}, false)
		r, err2 := h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
		use(ownGroupID(t, acct, id), subnets["eu-west-1a"])
		_, err = h.Engine.Revert(t.Context(), remedytest.Must(t, r, err2).ID, remedytest.Actor, false)
		r, err2 = h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
		if remedytest.Must(t, r, err2).State != asr.StateVerified || r.Undo.Refused == nil || !strings.Contains(r.Undo.Refused.Message, "others use the security group") {
			t.Errorf("%s: undo ended %s: %+v, want it refused", name, r.State, r.Undo)
		}
		endpointIn(t, acct, id)
	}
}

func TestTheGroupGoesOnlyAfterTheEndpointsInterfaces(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, _ := newPlace(t, acct, true)
	on := onPlace(acct, id)
	newOwnGroup(t, acct, id, types.Tag{Key: aws.String(asr.OwnerTag), Value: &on.Call.Run})
	from := reach{Group: "asr-ec2-endpoint", VPC: around{Users: map[string]int{"vpc_endpoint": 2}}}
	if err := VPCEndpoint.Write(t.Context(), acct.Config, on, from, reach{}); !errors.Is(err, asr.ErrSettling) {
		t.Errorf("got %v, want to wait", err)
	}
	from.VPC.Users = nil // the list is ahead of what EC2 goes by
	heal := acct.Sandbox.Fault(sandbox.Fault{Service: "ec2", Operation: "DeleteSecurityGroup", Account: acct.ID, Code: "DependencyViolation"})
	if err := VPCEndpoint.Write(t.Context(), acct.Config, on, from, reach{}); asr.Classify(err) != asr.CodeUnavailable || asr.Advice(err) == "" {
		t.Errorf("while EC2 still sees an interface: got %v, want to try again", err)
	}
	heal()
	from.VPC = around{Users: map[string]int{"vpc_endpoint": 2}, Others: map[string]string{"vpce-1": "available"}}
	if err := VPCEndpoint.Write(t.Context(), acct.Config, on, from, reach{}); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("on another endpoint: got %v, want a refusal", err)
	}
	ownGroupID(t, acct, id)
}

func TestAServiceIsTheEndOfAName(t *testing.T) {
	for service, ok := range map[string]bool{"ec2": true, "ecr.api": true, "ssm-contacts": true, "": false, "EC2": false, "*": false, "ec2.": false, "com.amazonaws.eu-west-1.ec2": true} {
		if err := VPCEndpoint.Validate(remedy.On[private]{Params: private{service}}); (err == nil) != ok {
			t.Errorf("%q: %v", service, err)
		}
	}
}

func TestAnEndpointIsOnlyEverAdded(t *testing.T) {
	text := rapid.StringMatching(`[a-z0-9]{1,8}`)
	rapid.Check(t, func(t *rapid.T) {
		on := remedy.On[private]{Target: asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1", Name: "vpc-1"}, Params: private{"ec2"}}
		name := "com.amazonaws.eu-west-1.ec2"
		now := reach{
			Endpoint: rapid.SampledFrom([]string{"", name}).Draw(t, "endpoint"), PrivateDNS: rapid.Bool().Draw(t, "private DNS"),
			Group: rapid.SampledFrom([]string{"", "asr-ec2-endpoint"}).Draw(t, "group"), Ingress: rapid.MapOf(anyRule, rapid.String()).Draw(t, "ingress"),
			Subnets: rapid.MapOf(text, text).Draw(t, "subnets"),
			VPC: around{
				Service: rapid.SampledFrom([]string{"", name}).Draw(t, "service"), Others: rapid.MapOf(text, text).Draw(t, "others"),
				Subnets: rapid.MapOf(text, text).Draw(t, "places"), CIDRs: rapid.MapOf(rapid.SampledFrom([]string{"10.0.0.0/16", "10.1.0.0/16"}), rapid.Just("associated")).Draw(t, "ranges"),
				DNS: rapid.Bool().Draw(t, "DNS"), Refusal: rapid.SampledFrom([]string{"", "taken"}).Draw(t, "refusal"),
			},
		}
		remedytest.Stable(t, VPCEndpoint, on, now, "endpoint", "subnets", "privateDNS", "group", "ingress")
		to, err := VPCEndpoint.Want(on, now)
		if err != nil {
			return
		}
		for r, description := range now.Ingress {
			if description != "" && to.Ingress[r] != description {
				t.Fatalf("the rule %v of the group was %q and becomes %q", r, description, to.Ingress[r])
			}
		}
		if len(now.VPC.Others) > 0 && to.Endpoint != now.Endpoint {
			t.Fatalf("a second endpoint is made beside %v", now.VPC.Others)
		}
	})
}
