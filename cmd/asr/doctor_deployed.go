package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/policy"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// hubDoctor looks at a deployed hub, with the operator's own credentials. It
// only reads.
type hubDoctor struct {
	*app
	stack, stackSet string
	sample          int

	cfg                 aws.Config
	account             string
	outputs, parameters map[string]string
	resources           []types.StackResourceSummary
	found               []checked
	policy              *policy.Policy // nil: there is none that can be read
}

// examine looks at all parts of a deployment.
func (d *hubDoctor) examine(ctx context.Context, accounts []string) ([]checked, error) {
	var err error
	if d.cfg, err = d.hubConfig(ctx); err != nil {
		return nil, err
	}
	me, err := sts.NewFromConfig(d.cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, remedy.Judge(err)
	}
	d.account = aws.ToString(me.Account)
	if !d.lookAtStack(ctx) {
		return d.found, nil
	}
	for _, look := range []func(context.Context){
		d.functions, d.source, d.queues, d.machines, d.rules, d.table, d.policyFile, d.organizations, d.securityHub, d.killSwitch, d.alarms,
	} {
		look(ctx)
	}
	d.members(ctx, accounts)
	d.instances(ctx)
	return d.found, nil
}

func (d *hubDoctor) good(name, format string, args ...any) {
	d.found = append(d.found, checked{Account: d.account, Region: d.cfg.Region, Name: name, OK: true, Detail: fmt.Sprintf(format, args...)})
}

// bad is what isn't as it should be, why, and what to do.
func (d *hubDoctor) bad(name, detail, why, do string) {
	d.found = append(d.found, checked{Account: d.account, Region: d.cfg.Region, Name: name, Detail: detail, Error: why, Do: do})
}

// unread is a question that AWS didn't answer.
func (d *hubDoctor) unread(name, action string, err error) {
	err = remedy.Judge(err)
	do := asr.Advice(err)
	if asr.Classify(err) == asr.CodeDenied || do == "" {
		do = "allow yourself " + action + " in the hub account; asr works without"
	}
	d.bad(name, "it can't be looked at", err.Error(), do)
}

// of are the stack's resources of a type.
func (d *hubDoctor) of(kind string) (all []types.StackResourceSummary) {
	for _, r := range d.resources {
		if aws.ToString(r.ResourceType) == kind && aws.ToString(r.PhysicalResourceId) != "" {
			all = append(all, r)
		}
	}
	return all
}

// sound are the states of a stack that nothing is wrong with.
var sound = []types.StackStatus{types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusImportComplete}

// lookAtStack reports whether there is a stack to look further at.
func (d *hubDoctor) lookAtStack(ctx context.Context) bool {
	api := cloudformation.NewFromConfig(d.cfg)
	out, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &d.stack})
	if err != nil || len(out.Stacks) == 0 {
		why := "it isn't there"
		if err != nil {
			why = remedy.Judge(err).Error()
		}
		d.bad("stack", d.stack+" can't be looked at", why, "sign in to the hub account, name its Region with --region and the stack with --stack, with cloudformation:DescribeStacks allowed")
		return false
	}
	s := out.Stacks[0]
	d.outputs, d.parameters = map[string]string{}, map[string]string{}
	for _, o := range s.Outputs {
		d.outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	for _, p := range s.Parameters {
		d.parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	d.stackState(s)
	d.version()
	pages := cloudformation.NewListStackResourcesPaginator(api, &cloudformation.ListStackResourcesInput{StackName: &d.stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			d.unread("resources", "cloudformation:ListStackResources", err)
			return false
		}
		d.resources = append(d.resources, page.StackResourceSummaries...)
	}
	return true
}

func (d *hubDoctor) stackState(s types.Stack) {
	status := string(s.StackStatus)
	switch {
	case slices.Contains(sound, s.StackStatus):
		d.good("stack", "%s is %s", d.stack, status)
	case strings.HasSuffix(status, "_IN_PROGRESS"):
		d.bad("stack", d.stack+" is "+status, "CloudFormation is still at work on it", "wait, then look again")
	case s.StackStatus == types.StackStatusUpdateRollbackComplete:
		d.bad("stack", d.stack+" is "+status, "the last update failed and was taken back: "+aws.ToString(s.StackStatusReason), "see the stack's events for the first failure, mend it, and update again")
	default:
		d.bad("stack", d.stack+" is "+status, aws.ToString(s.StackStatusReason), "see the stack's events for the first failure")
	}
}

func (d *hubDoctor) version() {
	is := d.outputs["AsrVersion"]
	if is == version {
		d.good("version", "%s, like this asr", is)
		return
	}
	d.bad("version", "the stack has asr "+is, "this asr is "+version, "update the stack with the templates and the code of one version, or look with the asr of the stack's version")
}
