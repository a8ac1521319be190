// Package rehearsal deploys the templates into the emulator and plays what AWS
// would do with them: events arrive at the queue, Step Functions executes the
// real definition, its tasks and the queue invoke the real functions with the
// environment that the template gives them, and those work in member accounts
// through the role that the member's template makes. It is for tests and for
// make rehearse, and may know everybody.
package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/asr/functions"
	"example.com/asr/remedy"
	"example.com/asr/sandbox"
	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Region is where the hub is.
const Region = "us-east-1"

// artifacts is the bucket that the functions' code would lie in.
const artifacts = "asr-rehearsal-artifacts"

// Stack is a hub and its members, deployed.
type Stack struct {
	Sandbox *sandbox.Sandbox
	Hub     aws.Config        // with all rights, in the hub's account
	Outputs map[string]string // of the hub's stack
	log     io.Writer         // what the functions log
	ahead   atomic.Int64      // nanoseconds that their clock is ahead
}

// names of the functions, as the template has them.
var names = []string{"ingest", "plan", "apply", "report", "sync", "audit", "api", "setup"}

// Deploy makes the stacks: the hub's in the sandbox's hub account and the
// members' in the given ones. templates is the folder that they lie in.
func Deploy(ctx context.Context, s *sandbox.Sandbox, templates string, log io.Writer, members ...string) (*Stack, error) {
	d := &Stack{Sandbox: s, Hub: s.Config(sandbox.DefaultHub, Region), log: log}
	if _, err := securityhub.NewFromConfig(d.Hub).EnableSecurityHub(ctx, &securityhub.EnableSecurityHubInput{}); err != nil {
		return nil, err
	}
	made, err := organizations.NewFromConfig(d.Hub).CreateOrganization(ctx, &organizations.CreateOrganizationInput{})
	if err != nil {
		return nil, err
	}
	organization := aws.ToString(made.Organization.Id)
	if err := d.artifact(ctx); err != nil {
		return nil, err
	}
	for _, name := range names {
		d.serve("asr-hub-" + name)
	}
	if d.Outputs, err = d.create(ctx, d.Hub, filepath.Join(templates, "asr-hub.yaml"), "asr-hub", map[string]string{
		"ArtifactBucket": artifacts, "ArtifactKey": "asr.zip", "OrganizationId": organization, "ExternalId": "rehearsal", "EncryptWithKMS": "no",
	}); err != nil {
		return nil, err
	}
	for _, account := range members {
		if _, err := d.create(ctx, s.Config(account, Region), filepath.Join(templates, "asr-member.yaml"), "asr-member", map[string]string{
			"HubAccount": sandbox.DefaultHub, "OrganizationId": organization, "ExternalId": "rehearsal",
		}); err != nil {
			return nil, err
		}
		if _, err := d.create(ctx, s.Config(account, Region), filepath.Join(templates, "asr-runbooks.yaml"), "asr-runbooks", map[string]string{"HubBusArn": d.Outputs["BusArn"]}); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// artifact uploads something in the place of the functions' code, which runs in
// this process.
func (d *Stack) artifact(ctx context.Context) error {
	c := s3.NewFromConfig(d.Hub)
	if _, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(artifacts)}); err != nil {
		return err
	}
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(artifacts), Key: aws.String("asr.zip"), Body: strings.NewReader("PK\x05\x06" + strings.Repeat("\x00", 18))})
	return err
}

// create makes a stack and returns its outputs.
func (d *Stack) create(ctx context.Context, cfg aws.Config, file, name string, parameters map[string]string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := cloudformation.NewFromConfig(cfg)
	in := &cloudformation.CreateStackInput{StackName: &name, TemplateBody: aws.String(string(text)), Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam}}
	for key, value := range parameters {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: &key, ParameterValue: &value})
	}
	if _, err := c.CreateStack(ctx, in); err != nil {
		return nil, fmt.Errorf("stack %s: %w", name, err)
	}
	waiter := cloudformation.NewStackCreateCompleteWaiter(c, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = 200*time.Millisecond, time.Second
	})
	done, err := waiter.WaitForOutput(ctx, &cloudformation.DescribeStacksInput{StackName: &name}, 30*time.Second)
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w", name, err)
	}
	outputs := map[string]string{}
	for _, o := range done.Stacks[0].Outputs {
		outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	return outputs, nil
}

// serve has the sandbox run a function as it was deployed: with the environment
// and the role that the template gives it. It is looked up when it is first
// invoked, as a stack's custom resource is while the stack is being made.
func (d *Stack) serve(name string) {
	deployed := sync.OnceValues(func() (awslambda.Handler, error) { return d.function(context.Background(), name) })
	d.Sandbox.Function(name, func(ctx context.Context, payload []byte) ([]byte, error) {
		h, err := deployed()
		if err != nil {
			fmt.Fprintf(d.log, "%s can't be had: %v\n", name, err)
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, time.Minute*5)
		defer cancel()
		out, err := h.Invoke(ctx, payload)
		if err != nil {
			fmt.Fprintf(d.log, "%s failed: %v\n", name, err)
		}
		return out, err
	})
}

func (d *Stack) function(ctx context.Context, name string) (awslambda.Handler, error) {
	var out *lambda.GetFunctionConfigurationOutput
	err := Await(ctx, 20*time.Second, func() (bool, error) { // the emulator may invoke it a little before it has it
		var err error
		out, err = lambda.NewFromConfig(d.Hub).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		return err == nil, remedy.Unless(err, "ResourceNotFoundException")
	})
	if err != nil {
		return nil, err
	}
	if out.Environment == nil {
		return nil, errors.New(name + " has no environment")
	}
	cfg := d.Hub.Copy()
	cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(d.Hub), aws.ToString(out.Role)))
	return functions.New(functions.Config{AWS: cfg, Version: "rehearsal", Env: func(key string) string { return out.Environment.Variables[key] }, Log: d.log, Clock: d.now})
}

// now is the functions' clock.
func (d *Stack) now() time.Time { return time.Now().Add(time.Duration(d.ahead.Load())) }

// Jump puts the functions' clock forward.
func (d *Stack) Jump(by time.Duration) { d.ahead.Add(int64(by)) }
