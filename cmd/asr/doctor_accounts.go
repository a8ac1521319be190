package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/accounts"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// closed is what becomes of a policy's rules that hang on an organization while
// nobody knows it.
const closed = "rules on ous and account_tags fail closed: what they might decide asks, or isn't done; callers see no accounts of their ous"

// organizations looks whether the hub can know what its policy asks for.
func (d *hubDoctor) organizations(ctx context.Context) {
	const do = "have the management account make this account a delegated administrator, as Security Hub's is that was designated there, or give it the reads in a delegation policy of the organization; allow yourself the same to look"
	units := d.policy.Units()
	switch {
	case !d.policy.NeedsAccounts() && len(units) == 0:
		d.good("organizations", "the policy asks for no units or tags of accounts")
		return
	case d.parameters["AskOrganizations"] != "yes" || d.parameters["OrganizationId"] == "":
		d.bad("organizations", "the policy has ous or account_tags, and the hub doesn't ask", closed, "update the stack with OrganizationId and AskOrganizations=yes, or take those rules and callers out")
		return
	}
	if d.policy.NeedsAccounts() {
		d.found = append(d.found, organized(ctx, d.cfg, d.account, do))
	}
	if len(units) > 0 {
		d.found = append(d.found, belowUnits(ctx, d.cfg, d.account, units, do))
	}
}

// belowUnits asks Organizations for the accounts of units.
func belowUnits(ctx context.Context, cfg aws.Config, account string, units []string, do string) checked {
	c := checked{Account: account, Region: cfg.Region, Name: "organizations", OK: true}
	all, err := accounts.NewUnits(organizations.NewFromConfig(cfg, accounts.Patiently), time.Now).Below(ctx, units)
	switch {
	case err == nil && len(all) == 0:
		c.OK, c.Detail, c.Error, c.Do = false, "the units of the policy's callers have no accounts", "no unit's id or name matches "+strings.Join(units, ", "), "correct them: names have their capitals"
	case err == nil:
		c.Detail = fmt.Sprintf("the units of the policy's callers have %d accounts", len(all))
	default:
		c.unanswered(err, do)
	}
	return c
}

// unanswered notes why Organizations didn't answer.
func (c *checked) unanswered(err error, do string) {
	c.OK, c.Detail, c.Error, c.Do = false, "it doesn't answer here: "+closed, err.Error(), do
	if asr.Classify(err) == asr.CodeThrottled {
		c.Detail, c.Do = "it has no time", asr.Advice(err)
	}
}

// organized asks Organizations of the caller's own account: whether it answers
// hangs on the account, and on what the caller may.
func organized(ctx context.Context, cfg aws.Config, account, do string) checked {
	c := checked{Account: account, Region: cfg.Region, Name: "organizations", OK: true}
	a, err := accounts.New(organizations.NewFromConfig(cfg, accounts.Patiently), time.Now).Account(ctx, account)
	if err != nil {
		c.unanswered(err, do)
		return c
	}
	c.Detail = fmt.Sprintf("it answers here: this account is in %d units and has %d tags", len(a.OUs)/2, len(a.Tags))
	return c
}
