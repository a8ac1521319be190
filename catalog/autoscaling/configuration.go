package autoscaling

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// input is what makes a launch configuration like this one. User data is passed
// on as it came, in base64. AWS describes what isn't set as empty text, which
// it doesn't take back.
func input(c types.LaunchConfiguration) *autoscaling.CreateLaunchConfigurationInput {
	return &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: c.LaunchConfigurationName, AssociatePublicIpAddress: c.AssociatePublicIpAddress, BlockDeviceMappings: c.BlockDeviceMappings,
		ClassicLinkVPCId: set(c.ClassicLinkVPCId), ClassicLinkVPCSecurityGroups: c.ClassicLinkVPCSecurityGroups, EbsOptimized: c.EbsOptimized,
		IamInstanceProfile: set(c.IamInstanceProfile), ImageId: set(c.ImageId), InstanceMonitoring: c.InstanceMonitoring, InstanceType: set(c.InstanceType),
		KernelId: set(c.KernelId), KeyName: set(c.KeyName), MetadataOptions: c.MetadataOptions, PlacementTenancy: set(c.PlacementTenancy), RamdiskId: set(c.RamdiskId),
		SecurityGroups: c.SecurityGroups, SpotPrice: set(c.SpotPrice), UserData: set(c.UserData),
	}
}

func set(s *string) *string {
	if aws.ToString(s) == "" {
		return nil
	}
	return s
}

// sameBut reports whether a launch configuration is another's copy but for the
// setting.
func (s setting) sameBut(this, c types.LaunchConfiguration) bool {
	want, is := input(this), input(c)
	s.set(want)
	want.LaunchConfigurationName = is.LaunchConfigurationName
	return reflect.DeepEqual(folded(want), folded(is))
}

// folded puts what has no order in order, and AWS's defaults where nothing is said.
func folded(in *autoscaling.CreateLaunchConfigurationInput) *autoscaling.CreateLaunchConfigurationInput {
	in.SecurityGroups = slices.Sorted(slices.Values(in.SecurityGroups))
	in.ClassicLinkVPCSecurityGroups = slices.Sorted(slices.Values(in.ClassicLinkVPCSecurityGroups))
	in.BlockDeviceMappings = slices.SortedFunc(slices.Values(in.BlockDeviceMappings), func(a, b types.BlockDeviceMapping) int {
		return strings.Compare(aws.ToString(a.DeviceName), aws.ToString(b.DeviceName))
	})
	o := types.InstanceMetadataOptions{HttpEndpoint: types.InstanceMetadataEndpointStateEnabled, HttpTokens: types.InstanceMetadataHttpTokensStateOptional, HttpPutResponseHopLimit: aws.Int32(1)}
	if m := in.MetadataOptions; m != nil {
		o = types.InstanceMetadataOptions{
			HttpEndpoint: cmp.Or(m.HttpEndpoint, o.HttpEndpoint), HttpTokens: cmp.Or(m.HttpTokens, o.HttpTokens),
			HttpPutResponseHopLimit: aws.Int32(max(aws.ToInt32(m.HttpPutResponseHopLimit), 1)),
		}
	}
	in.MetadataOptions = &o
	return in
}

// groupsOf are the groups that use one of the launch configurations. Those with
// launch templates name none.
func groupsOf(ctx context.Context, cfg aws.Config, configurations []string) (map[string]string, error) {
	using := map[string]string{}
	pages := autoscaling.NewDescribeAutoScalingGroupsPaginator(autoscaling.NewFromConfig(cfg), &autoscaling.DescribeAutoScalingGroupsInput{MaxRecords: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range page.AutoScalingGroups {
			if c := aws.ToString(g.LaunchConfigurationName); slices.Contains(configurations, c) && !leaving(g) {
				using[aws.ToString(g.AutoScalingGroupName)] = c
			}
		}
	}
	return using, nil
}

func leaving(g types.AutoScalingGroup) bool {
	return strings.HasPrefix(aws.ToString(g.Status), deleting)
}
