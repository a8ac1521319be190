package ec2

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// writeReach takes the first step that is missing: there, the group, its rules,
// the endpoint; back, the endpoint, the group or its rules.
func writeReach(ctx context.Context, api *ec2.Client, on remedy.On[private], from, to reach) error {
	if err := mayGo(from, to); err != nil {
		return err
	}
	switch {
	case from.Endpoint != "" && to.Endpoint == "":
		return deleteEndpoint(ctx, api, on)
	case from.Group == "" && to.Group != "":
		return createEndpointGroup(ctx, api, on)
	case from.Group != "" && to.Group == "":
		return deleteEndpointGroup(ctx, api, on, from)
	case !maps.Equal(from.Ingress, to.Ingress):
		return writeEndpointRules(ctx, api, on, from.Ingress, to.Ingress)
	}
	return createEndpoint(ctx, api, on, to)
}

// mayGo refuses to take back a group that others have come to use, before
// anything is taken back.
func mayGo(from, to reach) error {
	if from.Group == "" || to.Group != "" {
		return nil
	}
	users := maps.Clone(from.VPC.Users)
	delete(users, string(types.NetworkInterfaceTypeVpcEndpoint))
	if len(users) > 0 || len(to.Ingress) > 0 {
		return asr.Refuse(fmt.Sprintf("others use the security group %s: it has %d rules that asr didn't add, and is on network interfaces that are no endpoint's: %v", from.Group, len(to.Ingress), users),
			"take the rules and the interfaces out of the group, then undo again")
	}
	return nil
}

func createEndpointGroup(ctx context.Context, api *ec2.Client, on remedy.On[private]) error {
	_, err := api.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String(on.Expand(endpointGroup)), VpcId: &on.Name,
		Description:       aws.String("The endpoint of the VPC to " + on.Params.Service), // EC2 takes no apostrophe
		TagSpecifications: tagged(on.Call, types.ResourceTypeSecurityGroup),
	})
	return remedy.Unless(err, "InvalidGroup.Duplicate")
}

// writeEndpointRules takes one rule a call: a call fails whole for one rule
// that is there or gone already.
func writeEndpointRules(ctx context.Context, api *ec2.Client, on remedy.On[private], from, to map[groupRule]string) error {
	g, err := ownGroup(ctx, api, on)
	if err != nil || g == nil {
		return err
	}
	for r, description := range from {
		if stays, ok := to[r]; ok && stays == description {
			continue
		}
		if err := r.revoke(ctx, api, *g.GroupId); err != nil {
			return err
		}
	}
	for r, description := range to {
		if was, there := from[r]; there && was == description {
			continue
		}
		if err := r.authorize(ctx, api, *g.GroupId, description); err != nil {
			return err
		}
	}
	return nil
}

func createEndpoint(ctx context.Context, api *ec2.Client, on remedy.On[private], to reach) error {
	g, err := ownGroup(ctx, api, on)
	if err != nil || g == nil {
		return err
	}
	_, err = api.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &on.Name, ServiceName: &to.Endpoint, VpcEndpointType: types.VpcEndpointTypeInterface, SubnetIds: slices.Sorted(maps.Values(to.Subnets)),
		SecurityGroupIds: []string{*g.GroupId}, PrivateDnsEnabled: &to.PrivateDNS,
		TagSpecifications: tagged(on.Call, types.ResourceTypeVpcEndpoint), ClientToken: &on.Call.Token,
	})
	return err
}

// deleteEndpoint deletes the endpoint that this run made, and no other like it.
func deleteEndpoint(ctx context.Context, api *ec2.Client, on remedy.On[private]) error {
	all, err := endpointsOf(ctx, api, on)
	if err != nil {
		return err
	}
	for _, e := range all {
		if !madeBy(e.Tags, on.Call.Run) {
			continue
		}
		out, err := api.DeleteVpcEndpoints(ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{aws.ToString(e.VpcEndpointId)}})
		if err == nil {
			err = failed(out.Unsuccessful)
		}
		if err := remedy.Unless(err, "InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound"); err != nil {
			return err
		}
	}
	return nil
}

// deleteEndpointGroup deletes the group that this run made. An endpoint's
// interfaces may leave it a little later than the endpoint goes.
func deleteEndpointGroup(ctx context.Context, api *ec2.Client, on remedy.On[private], from reach) error {
	g, err := ownGroup(ctx, api, on)
	switch {
	case err != nil || g == nil:
		return err
	case !madeBy(g.Tags, on.Call.Run):
		return asr.Refuse("the security group "+aws.ToString(g.GroupId)+" doesn't carry this run's tag: somebody else made it", "delete it by hand, if it shall go")
	case len(from.VPC.Others) > 0 && len(from.VPC.Users) > 0:
		return asr.Refuse("the security group "+aws.ToString(g.GroupId)+" is on another endpoint by now", "delete it by hand once that endpoint is gone")
	case len(from.VPC.Users) > 0:
		return asr.ErrSettling
	}
	_, err = api.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: g.GroupId})
	if remedy.Is(err, "DependencyViolation") { // by an interface that isn't listed any more, or by a rule of another group
		return &asr.Error{Code: asr.CodeUnavailable, Err: err, Do: "wait; the step is tried again by itself. If it lasts, see which other group's rules name " + aws.ToString(g.GroupId)}
	}
	return remedy.Unless(err, "InvalidGroup.NotFound")
}
