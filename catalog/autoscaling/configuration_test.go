package autoscaling

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/smithy-go/middleware"
)

// script is "#!/bin/sh" as Auto Scaling takes user data: in base64.
const script = "IyEvYmluL3NoCg=="

// newConfiguration makes a launch configuration that fails both controls, with
// many other settings, and returns its ARN.
func newConfiguration(t *testing.T, acct *remedytest.Account, name string, more ...func(*autoscaling.CreateLaunchConfigurationInput)) string {
	t.Helper()
	in := &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: &name, ImageId: aws.String("ami-12345678"), InstanceType: aws.String("t3.micro"), UserData: aws.String(script), KeyName: aws.String("ops"),
		SecurityGroups: []string{"sg-2", "sg-1"}, IamInstanceProfile: aws.String("any/profile"), SpotPrice: aws.String("0.05"), EbsOptimized: aws.Bool(true),
		AssociatePublicIpAddress: aws.Bool(true), InstanceMonitoring: &types.InstanceMonitoring{Enabled: aws.Bool(false)},
		MetadataOptions: &types.InstanceMetadataOptions{HttpTokens: types.InstanceMetadataHttpTokensStateOptional, HttpPutResponseHopLimit: aws.Int32(3), HttpEndpoint: types.InstanceMetadataEndpointStateEnabled},
		BlockDeviceMappings: []types.BlockDeviceMapping{
			{DeviceName: aws.String("/dev/xvda"), Ebs: &types.Ebs{VolumeSize: aws.Int32(20), VolumeType: aws.String("gp3"), Encrypted: aws.Bool(true), DeleteOnTermination: aws.Bool(true), Iops: aws.Int32(3000), Throughput: aws.Int32(125)}},
			{DeviceName: aws.String("/dev/sdb"), VirtualName: aws.String("ephemeral0")},
		},
	}
	for _, m := range more {
		m(in)
	}
	_, err := autoscaling.NewFromConfig(acct.Config).CreateLaunchConfiguration(t.Context(), in)
	remedytest.Must(t, name, err)
	return aws.ToString(theConfiguration(t, acct, name).LaunchConfigurationARN)
}

func theConfiguration(t remedytest.T, acct *remedytest.Account, name string) types.LaunchConfiguration {
	t.Helper()
	all, err := describeConfigurations(t.Context(), acct.Config, name)
	return remedytest.Must(t, all, err)[name]
}

func exists(t *testing.T, acct *remedytest.Account, name string) bool {
	t.Helper()
	return theConfiguration(t, acct, name).LaunchConfigurationName != nil
}

// by has a group launch by a launch configuration.
func by(configuration string) func(*autoscaling.CreateAutoScalingGroupInput) {
	return func(in *autoscaling.CreateAutoScalingGroupInput) { in.LaunchConfigurationName = &configuration }
}

func move(t *testing.T, acct *remedytest.Account, group, configuration string) {
	t.Helper()
	_, err := autoscaling.NewFromConfig(acct.Config).UpdateAutoScalingGroup(t.Context(), &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: &group, LaunchConfigurationName: &configuration})
	remedytest.Must(t, group, err)
}

func uses(t *testing.T, acct *remedytest.Account, group string) string {
	t.Helper()
	return aws.ToString(theGroup(t, acct, group).LaunchConfigurationName)
}

// viewOfLaunch looks at launch configurations and groups.
func viewOfLaunch(acct *remedytest.Account, configurations, groups []string) (v remedytest.View) {
	for _, name := range configurations {
		v = acct.Boto("autoscaling", "describe_launch_configurations", map[string]any{"LaunchConfigurationNames": []string{name}}, "LaunchConfigurations.0").And(v)
	}
	for _, name := range groups {
		v = viewOfGroup(acct, name).And(v)
	}
	return v.Without("CreatedTime", "LaunchConfigurationARN")
}

func deleteConfiguration(t *testing.T, acct *remedytest.Account, name string) {
	t.Helper()
	_, err := autoscaling.NewFromConfig(acct.Config).DeleteLaunchConfiguration(t.Context(), &autoscaling.DeleteLaunchConfigurationInput{LaunchConfigurationName: &name})
	remedytest.Must(t, name, err)
}

// copied is how boto3 sees a copy of a launch configuration: all of it, with
// another name and one other setting.
func copied(t *testing.T, acct *remedytest.Account, name, to string, change func(map[string]any)) string {
	t.Helper()
	var c map[string]any
	if err := json.Unmarshal(viewOfLaunch(acct, []string{name}, nil).See(t), &c); err != nil {
		t.Fatal(err)
	}
	c["LaunchConfigurationName"] = to
	change(c)
	text, err := json.Marshal(c)
	return string(remedytest.Must(t, text, err))
}

func madeConfiguration(acct *remedytest.Account, name string) []string {
	return []string{acct.Expand(configuration, name)}
}

// watched returns a config that shows each input, whose error is the call's.
func watched(cfg aws.Config, look func(in any) error) aws.Config {
	cfg = cfg.Copy()
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(st *middleware.Stack) error {
		return st.Initialize.Add(middleware.InitializeMiddlewareFunc("watched", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			if err := look(in.Parameters); err != nil {
				return middleware.InitializeOutput{}, middleware.Metadata{}, err
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.Before)
	})
	return cfg
}
