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

const instance = "arn:{partition}:ec2:{region}:{account}:instance/{name}"

// metadata says whether the instance metadata service asks for a session token.
type metadata struct {
	Tokens types.HttpTokensState `json:"httpTokens"`
}

// IMDSv2 lets instances answer metadata requests of version 2 only.
var IMDSv2 = remedy.Unit[none, metadata]{
	Spec: asr.Spec{
		ID: "ec2-imdsv2", Version: 1,
		Title:  "Require IMDSv2 on EC2 instances",
		Impact: "Software on the instance that still uses version 1 of the metadata service gets no answers any more, and so no credentials of the instance's role. The CloudWatch metric MetadataNoToken of the instance shows whether there is any. Containers reach version 2 only with a hop limit of 2 or more, which is left as it is.",
		Risk:   asr.RiskHigh, RiskWhy: "software that knows only version 1 loses its AWS credentials",
		Scope: asr.ScopeResource, Resources: []string{instance},
		Reads:  []asr.Grant{asr.Allow("*", "ec2:DescribeInstances")},
		Writes: []asr.Grant{asr.Allow(instance, "ec2:ModifyInstanceMetadataOptions")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]none{"EC2.8": {}},
	Read:     readMetadata,
	Want: func(remedy.On[none], metadata) (metadata, error) {
		return metadata{types.HttpTokensStateRequired}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to metadata) error {
		// What isn't sent stays: to send HttpEndpoint would turn an endpoint on that is off.
		_, err := ec2.NewFromConfig(cfg).ModifyInstanceMetadataOptions(ctx, &ec2.ModifyInstanceMetadataOptionsInput{InstanceId: &on.Name, HttpTokens: to.Tokens})
		return err
	},
}

func readMetadata(ctx context.Context, cfg aws.Config, on remedy.On[none]) (m metadata, err error) {
	out, err := ec2.NewFromConfig(cfg).DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{on.Name}})
	if err != nil {
		return m, remedy.Gone(err, "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed")
	}
	if len(out.Reservations) == 0 || len(out.Reservations[0].Instances) == 0 {
		return m, asr.ErrGone
	}
	i := out.Reservations[0].Instances[0]
	var state types.InstanceStateName
	if i.State != nil {
		state = i.State.Name
	}
	switch {
	case state == types.InstanceStateNameTerminated || state == types.InstanceStateNameShuttingDown:
		return m, asr.ErrGone
	case state == types.InstanceStateNamePending || i.MetadataOptions == nil:
		return m, asr.ErrSettling
	case state == types.InstanceStateNameRunning && i.MetadataOptions.State == types.InstanceMetadataOptionsStatePending:
		return m, asr.ErrSettling // a stopped instance may show this until it starts
	}
	return metadata{i.MetadataOptions.HttpTokens}, nil
}
