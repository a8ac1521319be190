package ec2

import (
	"context"
	"regexp"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func readIdle(ctx context.Context, cfg aws.Config, on remedy.On[patience]) (now idle, err error) {
	api := ec2.NewFromConfig(cfg)
	out, err := api.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{on.Name}})
	if err != nil {
		return now, remedy.Gone(err, "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed")
	}
	if len(out.Reservations) == 0 || len(out.Reservations[0].Instances) == 0 || out.Reservations[0].Instances[0].State == nil {
		return now, asr.ErrGone
	}
	i := out.Reservations[0].Instances[0]
	switch i.State.Name {
	case types.InstanceStateNameRunning, types.InstanceStateNameTerminated:
		return idle{Instance: string(i.State.Name)}, nil
	case types.InstanceStateNameStopped:
	default: // pending, stopping, shutting-down
		return now, asr.ErrSettling
	}
	at, err := remedy.AnsweredAt(out.ResultMetadata)
	if err != nil {
		return now, err
	}
	now.Instance = string(types.InstanceStateNameStopped)
	since, known := stoppedAt(aws.ToString(i.StateTransitionReason))
	switch {
	case !known, i.LaunchTime != nil && since.Before(*i.LaunchTime): // then it is of an earlier stop
		now.Refusal = "AWS doesn't say since when the instance is stopped"
		return now, nil
	case at.Sub(since) <= time.Duration(on.Params.Days)*24*time.Hour:
		return now, nil
	}
	now.Instance, now.Volumes = overdue, goWith(i)
	protection, err := api.DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{InstanceId: &on.Name, Attribute: types.InstanceAttributeNameDisableApiTermination})
	if err != nil {
		return now, remedy.Gone(err, "InvalidInstanceID.NotFound")
	}
	if now.Refusal = owned(i); protection.DisableApiTermination != nil && aws.ToBool(protection.DisableApiTermination.Value) {
		now.Refusal = "the instance is protected from termination"
	}
	return now, nil
}

var inBrackets = regexp.MustCompile(`\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)`)

// stoppedAt reads "User initiated (2026-01-31 12:00:00 GMT)". The text may be
// empty, or have no date.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html
func stoppedAt(reason string) (at time.Time, known bool) {
	m := inBrackets.FindStringSubmatch(reason)
	if m == nil {
		return at, false
	}
	at, err := time.Parse(time.DateTime, m[1])
	return at, err == nil
}

// goWith are the volumes that AWS deletes with the instance.
func goWith(i types.Instance) map[string]string {
	volumes := map[string]string{}
	for _, d := range i.BlockDeviceMappings {
		if d.Ebs != nil && aws.ToBool(d.Ebs.DeleteOnTermination) {
			volumes[aws.ToString(d.Ebs.VolumeId)] = aws.ToString(d.DeviceName)
		}
	}
	return volumes
}

// owners put these tags, which only AWS can, on instances that they launch anew
// when one is missing, or keep stopped on purpose (warm pools, Cloud9 until
// somebody opens the environment).
var owners = map[string]string{
	"aws:autoscaling:groupName":    "the Auto Scaling group ",
	"aws:ec2:fleet-id":             "the EC2 fleet ",
	"aws:ec2spot:fleet-request-id": "the Spot fleet ",
	"aws:cloud9:environment":       "the Cloud9 environment ",
}

// owned says whose the instance is, if not its account's people's: "" is none.
func owned(i types.Instance) string {
	if i.Operator != nil && aws.ToBool(i.Operator.Managed) {
		return aws.ToString(i.Operator.Principal) + " manages the instance"
	}
	if i.InstanceLifecycle == types.InstanceLifecycleTypeSpot || i.SpotInstanceRequestId != nil {
		return "the instance belongs to the Spot request " + aws.ToString(i.SpotInstanceRequestId) + ", which would launch another"
	}
	for _, t := range i.Tags {
		if owner := owners[aws.ToString(t.Key)]; owner != "" {
			return "the instance belongs to " + owner + aws.ToString(t.Value) + ", which would launch another or keeps it stopped on purpose"
		}
	}
	return ""
}
