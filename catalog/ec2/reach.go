package ec2

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// around is what a VPC is like where an endpoint is to stand.
type around struct {
	Service string            `json:"service"`           // the full name of the service that was asked for, if the Region has it
	Others  map[string]string `json:"others"`            // endpoints to it that this run didn't make, by their ids: their state
	Subnets map[string]string `json:"subnets"`           // by the zones that the service supports: one where an endpoint may stand
	CIDRs   map[string]string `json:"cidrs"`             // the VPC's IPv4 ranges: "associated"
	DNS     bool              `json:"dns"`               // private DNS is possible, for the VPC and the service
	Users   map[string]int    `json:"users"`             // network interfaces in the endpoint's group, by their type
	Refusal string            `json:"refusal,omitempty"` // why the group can't be ours
}

func readReach(ctx context.Context, cfg aws.Config, on remedy.On[private]) (now reach, err error) {
	api := ec2.NewFromConfig(cfg)
	out, err := api.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{on.Name}})
	if err != nil {
		return now, remedy.Gone(err, "InvalidVpcID.NotFound", "InvalidVpcID.Malformed")
	}
	if len(out.Vpcs) == 0 {
		return now, asr.ErrGone
	}
	now.Subnets, now.Ingress, now.VPC.CIDRs = map[string]string{}, map[groupRule]string{}, map[string]string{}
	for _, c := range out.Vpcs[0].CidrBlockAssociationSet {
		if c.CidrBlockState != nil && c.CidrBlockState.State == types.VpcCidrBlockStateCodeAssociated {
			now.VPC.CIDRs[aws.ToString(c.CidrBlock)] = "associated"
		}
	}
	if err := readGroupOf(ctx, api, on, &now); err != nil {
		return now, err
	}
	all, err := subnetsOf(ctx, api, on.Name)
	if err != nil {
		return now, err
	}
	if err := readEndpoints(ctx, api, on, all, &now); err != nil || now.Endpoint != "" || len(now.VPC.Others) > 0 {
		return now, err // what another would take doesn't matter
	}
	service, err := serviceOf(ctx, api, on)
	if err != nil {
		return now, err
	}
	now.VPC.Service, now.VPC.Subnets = aws.ToString(service.ServiceName), oneInEach(all, service.AvailabilityZones)
	if aws.ToString(service.PrivateDnsName) != "" { // without one AWS refuses private DNS
		now.VPC.DNS, err = resolves(ctx, api, on.Name)
	}
	return now, err
}

// resolves reports whether names of the VPC's own can be resolved in it, which
// takes both of the attributes.
func resolves(ctx context.Context, api *ec2.Client, vpc string) (bool, error) {
	support, err := api.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &vpc, Attribute: types.VpcAttributeNameEnableDnsSupport})
	if err != nil {
		return false, err
	}
	names, err := api.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &vpc, Attribute: types.VpcAttributeNameEnableDnsHostnames})
	if err != nil {
		return false, err
	}
	yes := func(v *types.AttributeBooleanValue) bool { return v != nil && aws.ToBool(v.Value) }
	return yes(support.EnableDnsSupport) && yes(names.EnableDnsHostnames), nil
}

// serviceOf finds AWS's own service by its usual name, or else by the end of the
// name among all: what stands before the Region depends on the partition, and
// in China on the service.
func serviceOf(ctx context.Context, api *ec2.Client, on remedy.On[private]) (found types.ServiceDetail, err error) {
	found, err = serviceAmong(ctx, api, on, "service-name", "com.amazonaws."+on.Region+"."+on.Params.Service)
	if err != nil || found.ServiceName != nil {
		return found, err
	}
	return serviceAmong(ctx, api, on, "service-type", string(types.ServiceTypeInterface))
}

func serviceAmong(ctx context.Context, api *ec2.Client, on remedy.On[private], filter, value string) (found types.ServiceDetail, err error) {
	in := &ec2.DescribeVpcEndpointServicesInput{Filters: []types.Filter{{Name: &filter, Values: []string{value}}}}
	for {
		out, err := api.DescribeVpcEndpointServices(ctx, in)
		if err != nil {
			return found, err
		}
		for _, s := range out.ServiceDetails {
			name := aws.ToString(s.ServiceName)
			if aws.ToString(s.Owner) == "amazon" && leadsTo(name, on) && isInterface(s) && (found.ServiceName == nil || name < *found.ServiceName) {
				found = s
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return found, nil
		}
	}
}

func isInterface(s types.ServiceDetail) bool {
	return slices.ContainsFunc(s.ServiceType, func(t types.ServiceTypeDetail) bool { return t.ServiceType == types.ServiceTypeInterface })
}

func leadsTo(service string, on remedy.On[private]) bool {
	return strings.HasSuffix(service, "."+on.Region+"."+on.Params.Service)
}

func subnetsOf(ctx context.Context, api *ec2.Client, vpc string) (all []types.Subnet, err error) {
	pages := ec2.NewDescribeSubnetsPaginator(api, &ec2.DescribeSubnetsInput{Filters: inVPC(vpc)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Subnets...)
	}
	slices.SortFunc(all, func(a, b types.Subnet) int { return cmp.Compare(aws.ToString(a.SubnetId), aws.ToString(b.SubnetId)) })
	return all, nil
}

// oneInEach takes of the subnets the first in each of the zones that can hold
// an endpoint's interface: AWS takes one a zone, and none of a zone that the
// service isn't in.
func oneInEach(all []types.Subnet, zones []string) map[string]string {
	one := map[string]string{}
	for _, s := range all {
		zone := aws.ToString(s.AvailabilityZone)
		fits := slices.Contains(zones, zone) && aws.ToInt32(s.AvailableIpAddressCount) > 0 && !aws.ToBool(s.Ipv6Native) && s.OutpostArn == nil
		if fits && one[zone] == "" {
			one[zone] = aws.ToString(s.SubnetId)
		}
	}
	return one
}

// readGroupOf reads the endpoint's own group, its rules and who is in it.
func readGroupOf(ctx context.Context, api *ec2.Client, on remedy.On[private], now *reach) error {
	g, err := ownGroup(ctx, api, on)
	if err != nil || g == nil {
		return err
	}
	if !slices.ContainsFunc(g.Tags, func(t types.Tag) bool { return aws.ToString(t.Key) == asr.OwnerTag }) {
		now.VPC.Refusal = "the security group " + aws.ToString(g.GroupId) + " has the name that the endpoint's own would have, " + aws.ToString(g.GroupName) + ", and asr didn't make it"
		return nil
	}
	now.Group, now.VPC.Users = aws.ToString(g.GroupName), map[string]int{}
	in := []types.Filter{{Name: aws.String("group-id"), Values: []string{aws.ToString(g.GroupId)}}}
	if now.Ingress, err = groupRules(ctx, api, in, on.Account); err != nil {
		return err
	}
	maps.DeleteFunc(now.Ingress, func(r groupRule, _ string) bool { return r.Egress })
	pages := ec2.NewDescribeNetworkInterfacesPaginator(api, &ec2.DescribeNetworkInterfacesInput{Filters: in, MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, n := range page.NetworkInterfaces {
			now.VPC.Users[string(n.InterfaceType)]++
		}
	}
	return nil
}

func ownGroup(ctx context.Context, api *ec2.Client, on remedy.On[private]) (*types.SecurityGroup, error) {
	out, err := api.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
		Filters: append(inVPC(on.Name), types.Filter{Name: aws.String("group-name"), Values: []string{on.Expand(endpointGroup)}}),
	})
	if err != nil || len(out.SecurityGroups) == 0 {
		return nil, err
	}
	return &out.SecurityGroups[0], nil
}

// readEndpoints tells the endpoint of this run, by its tag, from the others
// that lead to the service.
func readEndpoints(ctx context.Context, api *ec2.Client, on remedy.On[private], subnets []types.Subnet, now *reach) error {
	now.VPC.Others = map[string]string{}
	all, err := endpointsOf(ctx, api, on)
	if err != nil {
		return err
	}
	for _, e := range all {
		switch state := strings.ToLower(string(e.State)); state { // the model has "Available", AWS says "available"
		case "pending", "deleting":
			return asr.ErrSettling
		case "deleted", "failed", "rejected", "expired":
		default:
			if !madeBy(e.Tags, on.Call.Run) {
				now.VPC.Others[aws.ToString(e.VpcEndpointId)] = state
				continue
			}
			now.Endpoint, now.PrivateDNS, now.Subnets = aws.ToString(e.ServiceName), aws.ToBool(e.PrivateDnsEnabled), map[string]string{}
			for _, s := range subnets {
				if slices.Contains(e.SubnetIds, aws.ToString(s.SubnetId)) {
					now.Subnets[aws.ToString(s.AvailabilityZone)] = aws.ToString(s.SubnetId)
				}
			}
		}
	}
	return nil
}

func endpointsOf(ctx context.Context, api *ec2.Client, on remedy.On[private]) (all []types.VpcEndpoint, err error) {
	pages := ec2.NewDescribeVpcEndpointsPaginator(api, &ec2.DescribeVpcEndpointsInput{Filters: inVPC(on.Name)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, e := range page.VpcEndpoints {
			if leadsTo(aws.ToString(e.ServiceName), on) {
				all = append(all, e)
			}
		}
	}
	return all, nil
}

func inVPC(id string) []types.Filter {
	return []types.Filter{{Name: aws.String("vpc-id"), Values: []string{id}}}
}

func madeBy(tags []types.Tag, run string) bool {
	return slices.ContainsFunc(tags, func(t types.Tag) bool { return aws.ToString(t.Key) == asr.OwnerTag && aws.ToString(t.Value) == run })
}

// tagged are the tags of what a call makes.
func tagged(call asr.Call, what types.ResourceType) []types.TagSpecification {
	spec := types.TagSpecification{ResourceType: what}
	for k, v := range call.Tags() {
		spec.Tags = append(spec.Tags, types.Tag{Key: &k, Value: &v})
	}
	return []types.TagSpecification{spec}
}
