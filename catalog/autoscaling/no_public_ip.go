package autoscaling

import (
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// noPublicIP gives instances no public address, whatever their subnet does.
var noPublicIP = setting{
	suffix: "-asr-no-public-ip",
	right:  func(c types.LaunchConfiguration) bool { return !aws.ToBool(c.AssociatePublicIpAddress) },
	set:    func(in *autoscaling.CreateLaunchConfigurationInput) { in.AssociatePublicIpAddress = aws.Bool(false) },
}

// NoPublicIP has groups launch instances without public IP addresses.
var NoPublicIP = remedy.Unit[none, launch]{
	Spec: asr.Spec{
		ID: "autoscaling-no-public-ip", Version: 1,
		Title:  "Give instances that Auto Scaling launches by a launch configuration no public IP address",
		Impact: "New instances can't be reached from the internet, and reach it only where their subnet has another way out, such as a NAT gateway. Instances that run already, or wait in a warm pool, are not replaced and keep their addresses. A launch configuration can't be changed: the groups that use it move to a copy, and the old one stays, and goes on failing the control, until somebody deletes it. Undo moves the groups back and deletes the copy if nobody else uses it.",
		Risk:   asr.RiskHigh, RiskWhy: "new instances in public subnets lose the internet, which they may need to start",
		Scope: asr.ScopeResource, Resources: []string{configuration}, Internal: configurationARN,
		Reads:   []asr.Grant{asr.Allow("*", "autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeAutoScalingGroups")},
		Writes:  noPublicIP.writes(nil),
		Implied: passes(),
		Settle:  2 * time.Second,
	},
	// Security Hub spells this one so.
	Controls: map[string]none{"Autoscaling.5": {}},
	Resolve:  resolveConfiguration[none],
	Read:     noPublicIP.read,
	Want:     noPublicIP.want,
	Write:    noPublicIP.write,
	Makes:    makes,
}
