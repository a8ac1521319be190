package cloudformation

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

const stack = "arn:{partition}:cloudformation:{region}:{account}:stack/{name}" // the name is "shop/1a2b3c4d-…"

// describe returns a stack that isn't deleted. A deleted one is described by
// its id for ninety days.
func describe(ctx context.Context, cfg aws.Config, t asr.Target) (s types.Stack, err error) {
	out, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(t.Expand(stack))})
	switch {
	case remedy.Is(err, "ValidationError") && strings.Contains(err.Error(), "does not exist"):
		return s, asr.ErrGone
	case err != nil:
		return s, err
	case len(out.Stacks) == 0 || out.Stacks[0].StackStatus == types.StackStatusDeleteComplete:
		return s, asr.ErrGone
	case out.Stacks[0].StackStatus == types.StackStatusDeleteInProgress:
		return s, asr.ErrSettling
	}
	return out.Stacks[0], nil
}

// rootOf is the id of the stack that a nested stack belongs to, "" if it is none.
func rootOf(s types.Stack) string { return cmp.Or(aws.ToString(s.RootId), aws.ToString(s.ParentId)) }

// settled returns asr.ErrSettling for a stack that CloudFormation is at work on.
func settled(s types.Stack) error {
	if strings.HasSuffix(string(s.StackStatus), "_IN_PROGRESS") && s.StackStatus != types.StackStatusReviewInProgress {
		return asr.ErrSettling
	}
	return nil
}

// updatable are the states in which CloudFormation takes an update:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
var updatable = []types.StackStatus{
	types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackComplete,
	types.StackStatusImportComplete, types.StackStatusImportRollbackComplete,
}

// unfit says what about a stack itself keeps it from an update that changes no
// resources, or "".
func unfit(s types.Stack) string {
	if root := rootOf(s); root != "" {
		return "it is a nested stack, which is updated with its root stack " + root + " only"
	}
	if !slices.Contains(updatable, s.StackStatus) {
		return "the stack is in state " + string(s.StackStatus) + ", in which CloudFormation doesn't update it"
	}
	for _, p := range s.Parameters {
		if p.ResolvedValue != nil {
			return "its parameter " + aws.ToString(p.ParameterKey) + " is read from Parameter Store anew at each update, which may change resources"
		}
	}
	return ""
}

// unsteady is what makes a template give other resources though neither it nor
// the parameters changed. The capabilities don't tell of macros: who deploys by
// change sets needs none, and who names all of them may have none.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm.html
var unsteady = []struct {
	words *regexp.Regexp
	why   string
}{
	{regexp.MustCompile(`(?m)^Transform\s*:|["']Transform["']\s*:|Fn::Transform|!Transform\b`), "macros expand its template anew at each update, which may change resources"},
	{regexp.MustCompile(`\{\{resolve:ssm`), "its template reads Parameter Store anew at each update, which may change resources"},
	{regexp.MustCompile(`AWS::NotificationARNs`), "its template uses the stack's topics, so that other topics may change resources"},
	{regexp.MustCompile(`AWS::CloudFormation::Stack\b`), "it has nested stacks, which go through an update with it, by templates that may have changed where they lie"},
}

// restless says why an update of a stack that changes neither template nor
// parameters may change resources, or "".
func restless(ctx context.Context, cfg aws.Config, t asr.Target) (string, error) {
	out, err := cloudformation.NewFromConfig(cfg).GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: aws.String(t.Expand(stack))})
	if err != nil {
		return "", err
	}
	for _, u := range unsteady {
		if u.words.MatchString(aws.ToString(out.TemplateBody)) {
			return u.why, nil
		}
	}
	return "", nil
}
