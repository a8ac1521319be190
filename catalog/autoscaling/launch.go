package autoscaling

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

const (
	configuration = "arn:{partition}:autoscaling:{region}:{account}:launchConfiguration:*:launchConfigurationName/{name}"
	anyGroup      = "arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/*"
	anyRole       = "arn:{partition}:iam::{account}:role/*"
	longestName   = 255 // of a launch configuration
)

type none struct{}

// launch says which groups launch instances as a launch configuration says,
// or as its copy does. What doesn't exist is empty.
type launch struct {
	Right  bool              `json:"right"`  // the configuration itself is as it should be
	Groups map[string]string `json:"groups"` // the configuration of each group that uses this one or its copy
	Copy   string            `json:"copy"`   // the copy's name, once it is there
	Taken  bool              `json:"taken"`  // another configuration has the copy's name

	Unfit string `json:"unfit,omitempty"` // why a copy would be no better
}

// setting is one that a launch configuration, which nobody can change, gets by
// being copied.
type setting struct {
	suffix string // of the copy's name
	right  func(types.LaunchConfiguration) bool
	unfit  func(types.LaunchConfiguration) string // why a copy would be no better; nil: it would
	set    func(*autoscaling.CreateLaunchConfigurationInput)
}

func (s setting) copyOf(name string) string { return name + s.suffix }

// writes are the grants to copy, and to move groups to the copy and back: the
// copy's name begins with the first one's, and two patterns might not fit.
func (s setting) writes(when map[string]map[string]string) []asr.Grant {
	return []asr.Grant{
		{On: s.copyOf(configuration), Actions: []string{"autoscaling:CreateLaunchConfiguration"}, When: when},
		asr.Allow(s.copyOf(configuration), "autoscaling:DeleteLaunchConfiguration"),
		{On: anyGroup, Actions: []string{"autoscaling:UpdateAutoScalingGroup"}, When: map[string]map[string]string{"StringLike": {"autoscaling:LaunchConfigurationName": "{name}*"}}},
	}
}

// passes lets EC2 have the instances' role, whose service's name ends in .cn in
// China. Instances keep the role that they have: which that is, only the
// configuration says.
func passes() []asr.Grant {
	return []asr.Grant{{On: anyRole, Actions: []string{"iam:PassRole"}, When: map[string]map[string]string{"StringLike": {"iam:PassedToService": "ec2.amazonaws.com*"}}}}
}

func (s setting) read(ctx context.Context, cfg aws.Config, on remedy.On[none]) (l launch, err error) {
	names := []string{on.Name}
	if copied := s.copyOf(on.Name); len(copied) <= longestName {
		names = append(names, copied)
	}
	all, err := describeConfigurations(ctx, cfg, names...)
	if err != nil {
		return l, err
	}
	this, there := all[on.Name]
	if !there {
		return l, asr.ErrGone
	}
	if l.Right = s.right(this); s.unfit != nil {
		l.Unfit = s.unfit(this)
	}
	if c, there := all[s.copyOf(on.Name)]; there {
		if l.Taken = !s.sameBut(this, c); !l.Taken {
			l.Copy = s.copyOf(on.Name)
		}
	}
	l.Groups, err = groupsOf(ctx, cfg, names)
	return l, err
}

func (s setting) want(on remedy.On[none], now launch) (launch, error) {
	copied := s.copyOf(on.Name)
	inUse := slices.Contains(slices.Collect(maps.Values(now.Groups)), on.Name)
	switch {
	case now.Right, !inUse && now.Copy != "":
		return now, nil
	case !inUse:
		return now, asr.Refuse("no Auto Scaling group uses the launch configuration, and it can't be changed", "delete it if nobody needs it; a copy that has taken its place has findings of its own")
	case now.Unfit != "":
		return now, asr.Refuse(now.Unfit, "suppress the finding")
	case now.Taken:
		return now, asr.Refuse("there is a launch configuration "+copied+", which is no copy of this one", "delete it if nobody needs it, then plan again")
	case len(copied) > longestName:
		return now, asr.Refuse(fmt.Sprintf("the name of a copy would have %d characters, and %d is the limit", len(copied), longestName), "copy the launch configuration by hand under a shorter name")
	case wild(on.Name) != nil:
		return now, wild(on.Name)
	}
	to := launch{Groups: map[string]string{}, Copy: copied}
	for g := range now.Groups {
		to.Groups[g] = copied
	}
	return to, nil
}

// write takes one step: the copy comes before the groups that move to it, and
// goes after those that leave it.
func (s setting) write(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to launch) error {
	api, moved := autoscaling.NewFromConfig(cfg), false
	if from.Copy == "" && to.Copy != "" {
		return s.create(ctx, cfg, on)
	}
	for _, g := range slices.Sorted(maps.Keys(to.Groups)) {
		if c := to.Groups[g]; c != from.Groups[g] {
			moved = true
			if _, err := api.UpdateAutoScalingGroup(ctx, &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: &g, LaunchConfigurationName: &c}); err != nil {
				return busy(err)
			}
		}
	}
	if moved || to.Copy != "" || from.Copy == "" {
		return nil
	}
	for g, c := range to.Groups {
		if c == from.Copy {
			return asr.Refuse("the group "+g+" uses "+c+" too", "delete the launch configuration when no group uses it any more")
		}
	}
	_, err := api.DeleteLaunchConfiguration(ctx, &autoscaling.DeleteLaunchConfigurationInput{LaunchConfigurationName: &from.Copy})
	if remedy.Is(err, "ResourceInUse") { // also by a group that is being deleted
		return asr.Refuse(from.Copy+" is in use", "delete the launch configuration when no group uses it any more")
	}
	return err
}

func (s setting) create(ctx context.Context, cfg aws.Config, on remedy.On[none]) error {
	all, err := describeConfigurations(ctx, cfg, on.Name)
	if err != nil {
		return err
	}
	this, there := all[on.Name]
	if !there {
		return asr.ErrGone
	}
	in := input(this)
	in.LaunchConfigurationName = aws.String(s.copyOf(on.Name))
	s.set(in)
	_, err = autoscaling.NewFromConfig(cfg).CreateLaunchConfiguration(ctx, in)
	return remedy.Unless(err, "AlreadyExists") // whose it is, the next look says
}

// makes names the copy as its ARN is known beforehand.
func makes(on remedy.On[none], c asr.Change) string {
	if c.Path[0] != "copy" {
		return ""
	}
	_ = json.Unmarshal(c.To, &on.Name) // a name
	return on.Expand(configuration)
}
