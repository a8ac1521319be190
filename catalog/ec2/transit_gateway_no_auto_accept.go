package ec2

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const transitGateway = "arn:{partition}:ec2:{region}:{account}:transit-gateway/{name}"

// accepting is how a transit gateway takes requests of other accounts.
type accepting struct {
	Auto types.AutoAcceptSharedAttachmentsValue `json:"autoAccept"` // "enable", "disable"
}

// TransitGatewayNoAutoAccept has somebody look at each attachment of another account.
var TransitGatewayNoAutoAccept = remedy.Unit[none, accepting]{
	Spec: asr.Spec{
		ID: "ec2-transit-gateway-no-auto-accept", Version: 1,
		Title:  "Stop transit gateways from accepting attachments by themselves",
		Impact: "Attachments that other accounts request from now on wait until somebody accepts them; automation that sets up accounts stalls there unless it accepts them too. Attachments that are there stay, with their traffic. Those that wait stay waiting when the fix is undone.",
		Risk:   asr.RiskMedium, RiskWhy: "automation that attaches VPCs of other accounts may stall",
		Scope: asr.ScopeResource, Resources: []string{transitGateway},
		Reads:  []asr.Grant{asr.Allow("*", "ec2:DescribeTransitGateways")},
		Writes: []asr.Grant{asr.Allow(transitGateway, "ec2:ModifyTransitGateway")},
		Settle: 5 * time.Second,
	},
	Controls: map[string]none{"EC2.23": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (accepting, error) {
		out, err := ec2.NewFromConfig(cfg).DescribeTransitGateways(ctx, &ec2.DescribeTransitGatewaysInput{TransitGatewayIds: []string{on.Name}})
		if err != nil {
			return accepting{}, remedy.Gone(err, "InvalidTransitGatewayID.NotFound", "InvalidTransitGatewayID.Malformed")
		}
		if len(out.TransitGateways) == 0 {
			return accepting{}, asr.ErrGone
		}
		g := out.TransitGateways[0]
		switch {
		case g.State == types.TransitGatewayStateDeleting || g.State == types.TransitGatewayStateDeleted:
			return accepting{}, asr.ErrGone
		case g.State != types.TransitGatewayStateAvailable || g.Options == nil: // pending, modifying: it takes no change
			return accepting{}, asr.ErrSettling
		}
		return accepting{g.Options.AutoAcceptSharedAttachments}, nil
	},
	Want: func(remedy.On[none], accepting) (accepting, error) {
		return accepting{types.AutoAcceptSharedAttachmentsValueDisable}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to accepting) error {
		// What isn't sent stays.
		_, err := ec2.NewFromConfig(cfg).ModifyTransitGateway(ctx, &ec2.ModifyTransitGatewayInput{
			TransitGatewayId: &on.Name, Options: &types.ModifyTransitGatewayOptions{AutoAcceptSharedAttachments: to.Auto},
		})
		return err
	},
}
