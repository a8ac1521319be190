package cloudformation

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// topicName is what SNS takes, but for FIFO topics, to which CloudFormation
// doesn't send: https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
var topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// createTopic makes a topic with SNS's own key, which lets everybody use it
// whom the topic's policy lets publish.
func createTopic(ctx context.Context, cfg aws.Config, on remedy.On[notify]) error {
	in := sns.CreateTopicInput{Name: &on.Params.Topic, Attributes: map[string]string{"KmsMasterKeyId": "alias/aws/sns"}}
	for k, v := range on.Call.Tags() {
		in.Tags = append(in.Tags, snstypes.Tag{Key: &k, Value: &v})
	}
	_, err := sns.NewFromConfig(cfg).CreateTopic(ctx, &in)
	return err
}

// setTopics updates a stack so that its events go to these topics, and leaves
// all else as it is. Tags, role and rollback triggers are kept where an update
// doesn't name them; parameters and capabilities must be named:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
func setTopics(ctx context.Context, cfg aws.Config, on remedy.On[notify], arns []string) error {
	s, err := describe(ctx, cfg, on.Target)
	if err == nil {
		err = settled(s)
	}
	if err != nil {
		return err
	}
	if arns == nil {
		arns = []string{} // no topic; nil would leave those that are there
	}
	in := cloudformation.UpdateStackInput{
		StackName: aws.String(on.Expand(stack)), UsePreviousTemplate: aws.Bool(true), Capabilities: s.Capabilities, NotificationARNs: arns, ClientRequestToken: &on.Call.Token,
	}
	for _, p := range s.Parameters {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: p.ParameterKey, UsePreviousValue: aws.Bool(true)})
	}
	_, err = cloudformation.NewFromConfig(cfg).UpdateStack(ctx, &in)
	switch {
	case remedy.Is(err, "TokenAlreadyExistsException"):
		return asked(ctx, cfg, on, arns, err)
	case remedy.Is(err, "ValidationError") && strings.Contains(err.Error(), "_IN_PROGRESS state"):
		return asr.ErrSettling
	case remedy.Is(err, "ValidationError") && strings.Contains(err.Error(), "No updates are to be performed"):
		return nil
	}
	return err
}

// asked tells what became of an update that was asked for before: it is under
// way, or done, or was rolled back.
func asked(ctx context.Context, cfg aws.Config, on remedy.On[notify], arns []string, refused error) error {
	s, err := describe(ctx, cfg, on.Target)
	if err == nil {
		err = settled(s)
	}
	if err != nil || slices.Equal(slices.Sorted(slices.Values(s.NotificationARNs)), arns) {
		return err
	}
	return &asr.Error{Code: asr.CodeAWS, Message: "CloudFormation took the update back; the stack is in state " + string(s.StackStatus), Do: "read in the stack's events why, then plan again", Err: refused}
}
