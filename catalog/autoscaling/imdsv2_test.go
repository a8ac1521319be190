package autoscaling

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

func TestIMDSv2(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newConfiguration(t, acct, "web")
	newGroup(t, acct, "blue", by("web"))
	newGroup(t, acct, "green", by("web"))
	newConfiguration(t, acct, "other")
	newGroup(t, acct, "theirs", by("other"))
	newGroup(t, acct, "modern", func(in *autoscaling.CreateAutoScalingGroupInput) { in.LaunchTemplate = newTemplate(t, acct, "modern") })
	view := viewOfLaunch(acct, []string{"web-asr-imdsv2", "web", "other"}, []string{"blue", "green", "theirs", "modern"})
	plan := []string{`copy: "" → "web-asr-imdsv2"`, `groups.blue: "web" → "web-asr-imdsv2"`, `groups.green: "web" → "web-asr-imdsv2"`}
	seen := []string{
		`describe_auto_scaling_groups3.LaunchConfigurationName: "web" → "web-asr-imdsv2"`,
		`describe_auto_scaling_groups4.LaunchConfigurationName: "web" → "web-asr-imdsv2"`,
		`describe_launch_configurations3: none → ` + copied(t, acct, "web", "web-asr-imdsv2", func(c map[string]any) {
			c["MetadataOptions"].(map[string]any)["HttpTokens"] = "required"
		}),
	}
	remedytest.Lifecycle(t, acct, IMDSv2, remedytest.Case{
		Name: "two groups", Control: "AutoScaling.3", Resource: arn, Want: plan, Made: madeConfiguration(acct, "web-asr-imdsv2"),
		Seed: func() { move(t, acct, "blue", "web"); move(t, acct, "green", "web") },
		View: view,
		Seen: seen,
		Meanwhile: func() {
			_, err := autoscaling.NewFromConfig(acct.Config).UpdateAutoScalingGroup(t.Context(), &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: aws.String("blue"), MaxSize: aws.Int32(9)})
			remedytest.Must(t, 9, err)
		},
		Foreign: func() { move(t, acct, "green", "other") },
	}, remedytest.Case{
		Name: "an ARN without the UUID", Control: "AutoScaling.3", Resource: acct.Expand(configuration, "web"), Want: plan, View: view, Seen: seen, Made: madeConfiguration(acct, "web-asr-imdsv2"),
		Gone: func() {
			move(t, acct, "blue", "other")
			move(t, acct, "green", "other")
			deleteConfiguration(t, acct, "web")
		},
	})
}

func TestTheHopLimitStays(t *testing.T) {
	in := &autoscaling.CreateLaunchConfigurationInput{MetadataOptions: &types.InstanceMetadataOptions{
		HttpTokens: types.InstanceMetadataHttpTokensStateOptional, HttpPutResponseHopLimit: aws.Int32(3), HttpEndpoint: types.InstanceMetadataEndpointStateEnabled,
	}}
	first := in.MetadataOptions
	tokens.set(in)
	if got := in.MetadataOptions; got.HttpTokens != types.InstanceMetadataHttpTokensStateRequired || *got.HttpPutResponseHopLimit != 3 || got.HttpEndpoint != types.InstanceMetadataEndpointStateEnabled {
		t.Errorf("got %+v", got)
	}
	if first.HttpTokens != types.InstanceMetadataHttpTokensStateOptional {
		t.Errorf("the first one was changed: %+v", first)
	}
}

// EC2 takes no other options with an endpoint that is off: Auto Scaling might
// take the copy, and then launch nothing by it.
func TestWithoutAMetadataServiceThereIsNothingToRequire(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newConfiguration(t, acct, "deaf", func(in *autoscaling.CreateLaunchConfigurationInput) {
		in.MetadataOptions = &types.InstanceMetadataOptions{HttpEndpoint: types.InstanceMetadataEndpointStateDisabled}
	})
	newGroup(t, acct, "g", by("deaf"))
	if _, r := ended(t, acct, IMDSv2, arn); r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || uses(t, acct, "g") != "deaf" {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
	if _, r := ended(t, acct, NoPublicIP, arn); r.State != asr.StateVerified || theConfiguration(t, acct, uses(t, acct, "g")).MetadataOptions.HttpEndpoint != types.InstanceMetadataEndpointStateDisabled {
		t.Errorf("its public address: the run ended %s: %+v", r.State, r.Error)
	}
}
