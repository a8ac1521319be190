package ec2

import (
	"context"
	"errors"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func newTransitGateway(t *testing.T, acct *remedytest.Account) string {
	t.Helper()
	out, err := ec2.NewFromConfig(acct.Config).CreateTransitGateway(t.Context(), &ec2.CreateTransitGatewayInput{
		Description: aws.String("hub"),
		Options:     &types.TransitGatewayRequestOptions{AmazonSideAsn: aws.Int64(64600), AutoAcceptSharedAttachments: "enable", DnsSupport: "disable", VpnEcmpSupport: "disable"},
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeTransitGateway, Tags: []types.Tag{
			{Key: aws.String("team"), Value: aws.String("a")},
		}}},
	})
	return *remedytest.Must(t, out, err).TransitGateway.TransitGatewayId
}

func TestTransitGatewayNoAutoAccept(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api, id := ec2.NewFromConfig(acct.Config), newTransitGateway(t, acct)
	a := remedytest.Case{
		Name: "on", Control: "EC2.23", Resource: acct.Expand(transitGateway, id), Want: []string{`autoAccept: "enable" → "disable"`},
		View: acct.Boto("ec2", "describe_transit_gateways", map[string]any{"TransitGatewayIds": []string{id}}, "TransitGateways.0"),
		Seen: []string{`Options.AutoAcceptSharedAttachments: "enable" → "disable"`},
	}
	b := a
	b.Name = "others change another setting"
	b.Meanwhile = func() {
		_, err := api.ModifyTransitGateway(t.Context(), &ec2.ModifyTransitGatewayInput{TransitGatewayId: &id, Description: aws.String("the hub")})
		remedytest.Must(t, id, err)
	}
	b.Gone = func() {
		_, err := api.DeleteTransitGateway(t.Context(), &ec2.DeleteTransitGatewayInput{TransitGatewayId: &id})
		remedytest.Must(t, id, err)
	}
	remedytest.Lifecycle(t, acct, TransitGatewayNoAutoAccept, a, b)
}

func TestAGatewayThatStaysAsItWasFailsTheRun(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	u := TransitGatewayNoAutoAccept
	u.Write = func(context.Context, aws.Config, remedy.On[none], accepting, accepting) error { return nil } // AWS said yes, and it is as it was
	if r := ended(t, acct, u, "EC2.23", acct.Expand(transitGateway, newTransitGateway(t, acct))); r.State == asr.StateVerified || r.Error == nil {
		t.Errorf("the run ended %s: %+v, want an error", r.State, r.Error)
	}
}

func TestGatewaysOfEveryPartitionAreFound(t *testing.T) {
	t.Parallel()
	for region, partition := range map[string]string{"us-gov-west-1": "aws-us-gov", "us-gov-east-1": "aws-us-gov", "cn-north-1": "aws-cn", "eu-west-1": "aws"} {
		acct := remedytest.NewAccount(t)
		acct.Region, acct.Config = region, acct.Sandbox.Config(acct.ID, region)
		id := newTransitGateway(t, acct)
		arn := "arn:" + partition + ":ec2:" + region + ":" + acct.ID + ":transit-gateway/" + id
		r := ended(t, acct, TransitGatewayNoAutoAccept, "EC2.23", arn)
		if r.State != asr.StateVerified || r.Target.Name != id || r.Target.Partition != partition {
			t.Errorf("%s: the run ended %s on %+v: %+v", region, r.State, r.Target, r.Error)
		}
	}
}

func TestATransitGatewayThatIsBeingChangedIsWaitedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	on := remedy.On[none]{Target: asr.Target{Name: newTransitGateway(t, acct)}}
	for state, want := range map[types.TransitGatewayState]error{"available": nil, "pending": asr.ErrSettling, "modifying": asr.ErrSettling, "deleting": asr.ErrGone, "deleted": asr.ErrGone} {
		cfg := tap(acct.Config, func(_, out any) error {
			if out, ok := out.(*ec2.DescribeTransitGatewaysOutput); ok {
				out.TransitGateways[0].State = state
			}
			return nil
		})
		if _, err := TransitGatewayNoAutoAccept.Read(t.Context(), cfg, on); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", state, err, want)
		}
	}
}

func TestAGatewayThatAcceptsNothingByItselfHasNothingToDo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newTransitGateway(t, acct)
	_, err := ec2.NewFromConfig(acct.Config).ModifyTransitGateway(t.Context(), &ec2.ModifyTransitGatewayInput{TransitGatewayId: &id, Options: &types.ModifyTransitGatewayOptions{AutoAcceptSharedAttachments: "disable"}})
	remedytest.Must(t, id, err)
	if r := ended(t, acct, TransitGatewayNoAutoAccept, "EC2.23", acct.Expand(transitGateway, id)); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}
