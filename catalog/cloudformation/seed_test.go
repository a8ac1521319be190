package cloudformation

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// template has a resource that needs a capability, and parameters with and
// without a default.
const template = `{"Parameters":{"Size":{"Type":"Number","Default":"1"},"Secret":{"Type":"String","NoEcho":true},"Team":{"Type":"String"}},
"Resources":{"Role":{"Type":"AWS::IAM::Role","Properties":{"RoleName":{"Fn::Join":["-",["of",{"Ref":"Team"}]]},"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[]}}},
"Queue":{"Type":"AWS::SQS::Queue","Properties":{"VisibilityTimeout":{"Ref":"Size"}}}}}`

// newStack makes a stack with settings of its own and returns what {name} of its ARN is.
func newStack(t *testing.T, acct *remedytest.Account, name string, topics ...string) string {
	parameter := func(k, v string) types.Parameter { return types.Parameter{ParameterKey: &k, ParameterValue: &v} }
	out, err := cloudformation.NewFromConfig(acct.Config).CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: &name, TemplateBody: aws.String(template), Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam}, NotificationARNs: topics,
		Parameters: []types.Parameter{parameter("Size", "77"), parameter("Secret", "hush"), parameter("Team", name)}, Tags: []types.Tag{{Key: aws.String("team"), Value: &name}},
		RoleARN: aws.String("arn:aws:iam::" + acct.ID + ":role/deploys"),
	})
	_, id, _ := strings.Cut(*remedytest.Must(t, out, err).StackId, ":stack/")
	return id
}

func newTopic(t *testing.T, acct *remedytest.Account, name string) string {
	out, err := sns.NewFromConfig(acct.Config).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: &name})
	return *remedytest.Must(t, out, err).TopicArn
}

func update(t *testing.T, acct *remedytest.Account, id string, topics []string, tag string) {
	updateBody(t, acct, id, template, topics, tag)
}

func updateBody(t *testing.T, acct *remedytest.Account, id, body string, topics []string, tag string) {
	api, arn := cloudformation.NewFromConfig(acct.Config), aws.String(acct.Expand(stack, id))
	keep := func(k string) types.Parameter {
		return types.Parameter{ParameterKey: &k, UsePreviousValue: aws.Bool(true)}
	}
	out, err := api.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{
		StackName: arn, TemplateBody: &body, Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam}, NotificationARNs: topics,
		Parameters: []types.Parameter{keep("Size"), keep("Secret"), keep("Team")}, Tags: []types.Tag{{Key: aws.String("team"), Value: &tag}},
	})
	remedytest.Must(t, out, err)
	for range 2 { // until the emulator is done
		out, err := api.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: arn})
		remedytest.Must(t, out, err)
	}
}

func deleteStack(t *testing.T, acct *remedytest.Account, id string) func() {
	return func() {
		out, err := cloudformation.NewFromConfig(acct.Config).DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String(acct.Expand(stack, id))})
		remedytest.Must(t, out, err)
	}
}

// see is the stack, its template and its resources as boto3 sees them, but for
// the states, which an update moves (moto's resources have their stack's).
func see(acct *remedytest.Account, id string) remedytest.View {
	ask := map[string]any{"StackName": acct.Expand(stack, id)}
	return acct.Boto("cloudformation", "describe_stacks", ask, "Stacks.0").Without("StackStatus", "ResourceStatus").
		And(acct.Boto("cloudformation", "get_template", ask, "TemplateBody")).And(acct.Boto("cloudformation", "describe_stack_resources", ask, "StackResources"))
}

// answering is an AWS with one stack and no topic, for stacks that moto has
// none of: its XML, and its template.
type answering struct{ stack, template string }

func (a answering) Do(r *http.Request) (*http.Response, error) {
	form, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	asked, err := url.ParseQuery(string(form))
	if err != nil {
		return nil, err
	}
	if asked.Get("Action") == "GetTopicAttributes" {
		return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`<ErrorResponse><Error><Code>NotFound</Code></Error></ErrorResponse>`))}, nil
	}
	body := `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>s</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime>` + a.stack + `</member></Stacks></DescribeStacksResult></DescribeStacksResponse>`
	if asked.Get("Action") == "GetTemplate" {
		body = `<GetTemplateResponse><GetTemplateResult><TemplateBody><![CDATA[` + a.template + `]]></TemplateBody></GetTemplateResult></GetTemplateResponse>`
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// described is the stack that CloudFormation describes so.
func described(t *testing.T, acct *remedytest.Account, xml string) (types.Stack, error) {
	cfg := acct.Config.Copy()
	cfg.HTTPClient = answering{stack: xml}
	return describe(t.Context(), cfg, asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: "s/1"})
}
