package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"example.com/asr"
	"example.com/asr/policy"
	"example.com/asr/policyfiles"
	"example.com/asr/sessions"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
)

// policyFile reads the policy as the functions do, and lints it.
func (d *hubDoctor) policyFile(ctx context.Context) {
	where := d.outputs["PolicyLocation"]
	p, _, err := policyfiles.Source{API: s3.NewFromConfig(d.cfg), Location: where}.Fetch(ctx, "")
	switch {
	case asr.Classify(err) == asr.CodeBadInput:
		d.bad("policy", "it has mistakes, so nothing is decided", err.Error(), asr.Advice(err)+"; check it with asr policy lint before you upload it")
	case err != nil:
		d.unread("policy", "s3:GetObject on "+where+", s3:ListBucket for a folder, and kms:Decrypt", err)
	case p == nil:
		d.good("policy", "there is none at %s: nothing is done by itself", where)
	default:
		d.lint(where, p)
	}
}

func (d *hubDoctor) lint(where string, p *policy.Policy) {
	d.policy = p
	context, err := d.lintContext()
	if err != nil {
		d.bad("policy", "it can't be linted", err.Error(), asr.Advice(err))
		return
	}
	warnings := 0
	for _, problem := range policy.Lint(p, context) {
		if problem.Severity == "error" {
			d.bad("policy", fmt.Sprintf("%s, rule %s", problem.Where(), problem.Rule), problem.Message, problem.Do)
			return
		}
		warnings++
	}
	d.good("policy", "%s: %d rules, %d warnings of asr policy lint", where, len(p.Rules), warnings)
}

// consoleActions are the ids of the custom actions that the hub makes.
var consoleActions = []string{"ASRRemediate", "ASRPlan", "ASRFixAndTicket"}

func (d *hubDoctor) securityHub(ctx context.Context) {
	api := securityhub.NewFromConfig(d.cfg)
	if _, err := api.DescribeHub(ctx, &securityhub.DescribeHubInput{}); err != nil {
		d.bad("security hub", "it isn't on here, or can't be looked at", err.Error(), "enable Security Hub in this account and Region, make it the administrator and the aggregation Region; allow yourself securityhub:DescribeHub")
		return
	}
	d.found = append(d.found, hubChecked(ctx, d.cfg, d.account)...)
	if d.parameters["CustomActions"] == "no" {
		d.good("custom actions", "the stack makes none (parameter CustomActions)")
		return
	}
	out, err := api.DescribeActionTargets(ctx, &securityhub.DescribeActionTargetsInput{})
	if err != nil {
		d.unread("custom actions", "securityhub:DescribeActionTargets", err)
		return
	}
	there := map[string]bool{}
	for _, a := range out.ActionTargets {
		arn := aws.ToString(a.ActionTargetArn)
		there[arn[strings.LastIndexByte(arn, '/')+1:]] = true
	}
	var missing []string
	for _, id := range consoleActions {
		if !there[id] {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		d.bad("custom actions", strings.Join(missing, ", ")+" aren't in Security Hub", "somebody removed them, or the stack couldn't make them", "update the stack with CustomActions=no, then with CustomActions=yes")
		return
	}
	d.good("custom actions", "%d are in Security Hub's console", len(consoleActions))
}

// members tries the member role of some accounts, as a run would assume it.
func (d *hubDoctor) members(ctx context.Context, accounts []string) {
	if len(accounts) == 0 {
		var err error
		if accounts, err = d.some(ctx); err != nil {
			d.bad("accounts", "the organization's accounts can't be listed", err.Error(), "name some with --accounts, or allow yourself organizations:ListAccounts in an account that may")
			return
		}
	}
	s, err := sessions.New(sessions.Config{
		Hub: d.cfg, Role: cmp.Or(d.role, os.Getenv("ASR_ROLE"), d.parameters["MemberRoleName"]), ExternalID: cmp.Or(d.externalID, os.Getenv("ASR_EXTERNAL_ID"), d.parameters["ExternalId"]),
		Version: version, Direct: d.direct, KeepSource: d.keepSource,
	})
	if err != nil {
		d.bad("accounts", "no session can be made", err.Error(), asr.Advice(err))
		return
	}
	for _, account := range accounts {
		for _, c := range results(account, d.cfg.Region, s.Check(ctx, account, d.cfg.Region)) {
			if c.Name == "role" && !c.OK {
				c.Do += "; if the hub itself reaches the account, it is only you who doesn't: the parameter OperatorsRole of asr-member names who else may"
			}
			if c.Name != "credentials" {
				d.found = append(d.found, c)
			}
		}
	}
}

// some are accounts of the organization, evenly out of all that are active.
func (d *hubDoctor) some(ctx context.Context) (accounts []string, err error) {
	pages := organizations.NewListAccountsPaginator(organizations.NewFromConfig(d.cfg), &organizations.ListAccountsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.Accounts {
			if a.Status == orgtypes.AccountStatusActive {
				accounts = append(accounts, aws.ToString(a.Id))
			}
		}
	}
	return spread(accounts, d.sample), nil
}

// spread takes n of them, evenly; all if there are fewer.
func spread(all []string, n int) (some []string) {
	if n <= 0 || n >= len(all) {
		return all
	}
	for i := range n {
		some = append(some, all[i*len(all)/n])
	}
	return some
}

// instances looks at the stack set that brings the member role to the accounts.
func (d *hubDoctor) instances(ctx context.Context) {
	name := "stack set " + d.stackSet
	for _, as := range []cfntypes.CallAs{cfntypes.CallAsSelf, cfntypes.CallAsDelegatedAdmin} {
		all, err := d.listInstances(ctx, as)
		var missing *cfntypes.StackSetNotFoundException
		if errors.As(err, &missing) || err != nil && as == cfntypes.CallAsSelf {
			continue
		}
		if err != nil {
			d.unread(name, "cloudformation:ListStackInstances", err)
			return
		}
		d.instanceStates(name, all)
		return
	}
	d.good(name, "it isn't kept in this account: look from the one that launched it, with --stack-set if it has another name")
}

func (d *hubDoctor) listInstances(ctx context.Context, as cfntypes.CallAs) (all []cfntypes.StackInstanceSummary, err error) {
	pages := cloudformation.NewListStackInstancesPaginator(cloudformation.NewFromConfig(d.cfg), &cloudformation.ListStackInstancesInput{StackSetName: &d.stackSet, CallAs: as})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Summaries...)
	}
	return all, nil
}

func (d *hubDoctor) instanceStates(name string, all []cfntypes.StackInstanceSummary) {
	var wrong []string
	for _, i := range all {
		if i.Status != cfntypes.StackInstanceStatusCurrent {
			wrong = append(wrong, fmt.Sprintf("%s is %s %s", aws.ToString(i.Account), i.Status, aws.ToString(i.StatusReason)))
		}
	}
	if len(wrong) == 0 {
		d.good(name, "all of %d instances are current", len(all))
		return
	}
	why := strings.Join(wrong[:min(len(wrong), 5)], "; ")
	if len(wrong) > 5 {
		why += fmt.Sprintf("; and %d more", len(wrong)-5)
	}
	d.bad(name, fmt.Sprintf("%d of %d instances aren't current", len(wrong), len(all)), why, "retry the failed ones with update-stack-instances; an account without the current role is fixed as far as its role goes")
}
