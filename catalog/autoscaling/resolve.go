package autoscaling

import (
	"context"
	"regexp"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// The ARNs of groups and launch configurations have a UUID before the name,
// which nobody knows beforehand:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
var (
	groupARN         = regexp.MustCompile(`^arn:(aws[a-z-]*):autoscaling:([a-z0-9-]+):(\d{12}):autoScalingGroup:[0-9A-Za-z-]+:autoScalingGroupName/(.+)$`)
	configurationARN = regexp.MustCompile(`^arn:(aws[a-z-]*):autoscaling:([a-z0-9-]+):(\d{12}):launchConfiguration:[0-9A-Za-z-]+:launchConfigurationName/(.+)$`)
)

// resolveGroup names the group that an ARN means, and it alone: another one
// that has its name by now is not meant.
func resolveGroup[P any](ctx context.Context, cfg aws.Config, on remedy.On[P]) (asr.Target, error) {
	t, meant, err := named(groupARN, on.Target)
	if err != nil {
		return t, err
	}
	cfg.Region = t.Region
	g, err := describeGroup(ctx, cfg, t)
	return is(t, meant, g.AutoScalingGroupARN, err)
}

func resolveConfiguration[P any](ctx context.Context, cfg aws.Config, on remedy.On[P]) (asr.Target, error) {
	t, meant, err := named(configurationARN, on.Target)
	if err != nil {
		return t, err
	}
	cfg.Region = t.Region
	all, err := describeConfigurations(ctx, cfg, t.Name)
	if err != nil {
		return t, err
	}
	c, there := all[t.Name]
	if !there {
		return t, asr.ErrGone
	}
	return is(t, meant, c.LaunchConfigurationARN, nil)
}

// named takes a target's ARN apart; meant is the ARN, unless the target came
// with its name alone.
func named(form *regexp.Regexp, t asr.Target) (named asr.Target, meant string, err error) {
	m := form.FindStringSubmatch(t.ID)
	switch {
	case m == nil:
		return t, "", nil
	case m[3] != t.Account:
		return t, "", &asr.Error{Code: asr.CodeBadTarget, Message: "the finding is of account " + t.Account + " but its resource of " + m[3], Do: "see where the finding comes from: its parts contradict each other"}
	}
	t.Partition, t.Region, t.Name = m[1], m[2], m[4]
	return t, t.ID, nil
}

// is gives a target the ARN that AWS knows, if that is the one that was meant.
func is(t asr.Target, meant string, arn *string, err error) (asr.Target, error) {
	if err != nil {
		return t, err
	}
	if meant != "" && meant != aws.ToString(arn) {
		return t, asr.ErrGone
	}
	t.ID = aws.ToString(arn)
	return t, nil
}

// wild refuses a name that would be a pattern in a permission.
func wild(name string) error {
	if strings.ContainsAny(name, "*?$") {
		return asr.Refuse("the name "+name+" holds a wildcard, so no permission can be limited to it", "make the change by hand")
	}
	return nil
}

// deleting begins the status of a group that is on its way out; other groups
// have none.
const deleting = "Delete"

func describeGroup(ctx context.Context, cfg aws.Config, t asr.Target) (g types.AutoScalingGroup, err error) {
	out, err := autoscaling.NewFromConfig(cfg).DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{t.Name}})
	if err != nil {
		return g, err
	}
	if len(out.AutoScalingGroups) == 0 || leaving(out.AutoScalingGroups[0]) {
		return g, asr.ErrGone
	}
	return out.AutoScalingGroups[0], nil
}

// busy says so where Auto Scaling refuses a change of a group because it works on it:
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html
func busy(err error) error {
	if remedy.Is(err, "ScalingActivityInProgress", "ResourceContention") {
		return asr.ErrSettling
	}
	return err
}

// describeConfigurations returns launch configurations by their names; what
// isn't there is missing.
func describeConfigurations(ctx context.Context, cfg aws.Config, names ...string) (map[string]types.LaunchConfiguration, error) {
	all := map[string]types.LaunchConfiguration{}
	pages := autoscaling.NewDescribeLaunchConfigurationsPaginator(autoscaling.NewFromConfig(cfg), &autoscaling.DescribeLaunchConfigurationsInput{LaunchConfigurationNames: names})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, c := range page.LaunchConfigurations {
			all[aws.ToString(c.LaunchConfigurationName)] = c
		}
	}
	return all, nil
}
