package ec2

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// newSubnet makes a tagged subnet that assigns addresses of the kinds.
func newSubnet(t *testing.T, acct *remedytest.Account, ipv4, ipv6 bool) string {
	t.Helper()
	api := ec2.NewFromConfig(acct.Config)
	vpc, _ := newVPC(t, acct)
	s, err := api.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: aws.String("10.0.1.0/24")})
	id := *remedytest.Must(t, s, err).Subnet.SubnetId
	for _, in := range []*ec2.ModifySubnetAttributeInput{
		{SubnetId: &id, MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: &ipv4}},
		{SubnetId: &id, AssignIpv6AddressOnCreation: &types.AttributeBooleanValue{Value: &ipv6}},
	} {
		_, err := api.ModifySubnetAttribute(t.Context(), in)
		remedytest.Must(t, id, err)
	}
	tag(t, acct, id, "team")
	return id
}

func tag(t *testing.T, acct *remedytest.Account, id, key string) {
	t.Helper()
	_, err := ec2.NewFromConfig(acct.Config).CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: &key, Value: aws.String("a")}}})
	remedytest.Must(t, id, err)
}

func subnetView(acct *remedytest.Account, id string) remedytest.View {
	return acct.Boto("ec2", "describe_subnets", map[string]any{"SubnetIds": []string{id}}, "Subnets.0")
}

func TestSubnetNoPublicIP(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	ipv4, both := newSubnet(t, acct, true, false), newSubnet(t, acct, true, true)
	remedytest.Lifecycle(t, acct, SubnetNoPublicIP, remedytest.Case{
		Name: "IPv4; others change another setting", Control: "EC2.15", Resource: acct.Expand(subnet, ipv4), Want: []string{"publicIP: true → false"},
		View: subnetView(acct, ipv4), Seen: []string{"MapPublicIpOnLaunch: true → false"},
		Meanwhile: func() { tag(t, acct, ipv4, "stage") },
	}, remedytest.Case{
		Name: "IPv4 and IPv6", Control: "EC2.15", Resource: acct.Expand(subnet, both), Want: []string{"ipv6: true → none", "publicIP: true → false"},
		View: subnetView(acct, both), Seen: []string{"MapPublicIpOnLaunch: true → false", "AssignIpv6AddressOnCreation: true → false"},
		Gone: func() {
			_, err := ec2.NewFromConfig(acct.Config).DeleteSubnet(t.Context(), &ec2.DeleteSubnetInput{SubnetId: &both})
			remedytest.Must(t, both, err)
		},
	})
}

func TestIPv6AddressesAreNotAssignedUnaskedEither(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newSubnet(t, acct, false, true)
	if r := ended(t, acct, SubnetNoPublicIP, "EC2.15", acct.Expand(subnet, id)); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	on := remedy.On[none]{Target: asr.Target{Name: id}}
	if now, err := SubnetNoPublicIP.Read(t.Context(), acct.Config, on); err != nil || now != (launch{}) {
		t.Errorf("after the fix: %+v %v", now, err)
	}
}

func TestASubnetThatAssignsNothingHasNothingToDo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newSubnet(t, acct, false, false)
	if r := ended(t, acct, SubnetNoPublicIP, "EC2.15", acct.Expand(subnet, id)); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestASubnetWithIPv6OnlyIsRefused(t *testing.T) {
	if _, err := SubnetNoPublicIP.Want(remedy.On[none]{}, launch{IPv6: true, OnlyIPv6: true}); asr.Classify(err) != asr.CodeRefused || asr.Advice(err) == "" {
		t.Errorf("got %v, want a refusal", err)
	}
}

// A plan of version 1 knew IPv4 only: to undo it leaves IPv6 alone.
func TestUndoOfAnOldPlanLeavesIPv6Alone(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newSubnet(t, acct, false, false)
	on := remedy.On[none]{Target: asr.Target{Name: id}}
	now, err := SubnetNoPublicIP.Read(t.Context(), acct.Config, on)
	remedytest.Must(t, now, err)
	if err := SubnetNoPublicIP.Write(t.Context(), acct.Config, on, now, launch{PublicIP: true}); err != nil {
		t.Fatal(err)
	}
	if now, err := SubnetNoPublicIP.Read(t.Context(), acct.Config, on); err != nil || now != (launch{PublicIP: true}) {
		t.Errorf("after undo: %+v %v", now, err)
	}
}
