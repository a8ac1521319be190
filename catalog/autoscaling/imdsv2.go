package autoscaling

import (
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// tokens has the metadata service ask for a session token. Over how many hops
// it answers stays as it is.
var tokens = setting{
	suffix: "-asr-imdsv2",
	right: func(c types.LaunchConfiguration) bool {
		return c.MetadataOptions != nil && c.MetadataOptions.HttpTokens == types.InstanceMetadataHttpTokensStateRequired
	},
	// EC2 takes no other options with an endpoint that is off, and nobody asks it anything.
	unfit: func(c types.LaunchConfiguration) string {
		if c.MetadataOptions != nil && c.MetadataOptions.HttpEndpoint == types.InstanceMetadataEndpointStateDisabled {
			return "its instances have no metadata service of whatever version"
		}
		return ""
	},
	set: func(in *autoscaling.CreateLaunchConfigurationInput) {
		var o types.InstanceMetadataOptions
		if in.MetadataOptions != nil {
			o = *in.MetadataOptions
		}
		o.HttpTokens = types.InstanceMetadataHttpTokensStateRequired
		in.MetadataOptions = &o
	},
}

// IMDSv2 has groups launch instances that answer metadata requests of version
// 2 only.
var IMDSv2 = remedy.Unit[none, launch]{
	Spec: asr.Spec{
		ID: "autoscaling-imdsv2", Version: 1,
		Title:  "Require IMDSv2 of instances that Auto Scaling launches by a launch configuration",
		Impact: "Software on new instances that still uses version 1 of the metadata service gets no answers, and so no credentials of the instance's role. Containers reach version 2 only with a hop limit of 2 or more, which is left as it is, and 1 unless somebody set it. Instances that run already, or wait in a warm pool, are not replaced and stay as they are. A launch configuration can't be changed: the groups that use it move to a copy, and the old one stays, and goes on failing the control, until somebody deletes it. Undo moves the groups back and deletes the copy if nobody else uses it.",
		Risk:   asr.RiskHigh, RiskWhy: "new instances whose software knows only version 1 start without AWS credentials",
		Scope: asr.ScopeResource, Resources: []string{configuration}, Internal: configurationARN,
		Reads:   []asr.Grant{asr.Allow("*", "autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeAutoScalingGroups")},
		Writes:  tokens.writes(map[string]map[string]string{"StringEquals": {"autoscaling:MetadataHttpTokens": "required"}}),
		Implied: passes(),
		Settle:  2 * time.Second,
	},
	Controls: map[string]none{"AutoScaling.3": {}},
	Resolve:  resolveConfiguration[none],
	Read:     tokens.read,
	Want:     tokens.want,
	Write:    tokens.write,
	Makes:    makes,
}
