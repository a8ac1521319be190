package ec2

import (
	"testing"

	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestSubnetNoPublicIP(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := ec2.NewFromConfig(acct.Config)
	vpc, _ := newVPC(t, acct)
	s, err := api.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: aws.String("10.0.1.0/24")})
	id := *remedytest.Must(t, s, err).Subnet.SubnetId
	yes := &types.AttributeBooleanValue{Value: aws.Bool(true)}
	for _, in := range []*ec2.ModifySubnetAttributeInput{{SubnetId: &id, MapPublicIpOnLaunch: yes}, {SubnetId: &id, AssignIpv6AddressOnCreation: yes}} {
		_, err := api.ModifySubnetAttribute(t.Context(), in)
		remedytest.Must(t, id, err)
	}
	view := func() types.Subnet {
		out, err := api.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{SubnetIds: []string{id}})
		return remedytest.Must(t, out, err).Subnets[0]
	}
	remedytest.Lifecycle(t, acct, SubnetNoPublicIP, remedytest.Case{
		Control: "EC2.15", Resource: acct.Expand(subnet, id), Want: []string{"publicIP: true → false"},
		View: func() any { return view() },
	}, remedytest.Case{
		Name: "IPv6 stays as it is", Control: "EC2.15", Resource: acct.Expand(subnet, id), Want: []string{"publicIP: true → false"},
		Meanwhile: func() {
			if now := view(); *now.MapPublicIpOnLaunch || !*now.AssignIpv6AddressOnCreation {
				t.Errorf("after the fix: IPv4 %v, IPv6 %v, want only IPv6", *now.MapPublicIpOnLaunch, *now.AssignIpv6AddressOnCreation)
			}
		},
		Gone: func() {
			_, err := api.DeleteSubnet(t.Context(), &ec2.DeleteSubnetInput{SubnetId: &id})
			remedytest.Must(t, id, err)
		},
	})
}
