package main

import (
	"context"
	"fmt"
	"time"

	"example.com/asr"
	"example.com/asr/accounts"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// closed is what becomes of a policy's rules that hang on an organization while
// nobody knows it.
const closed = "rules on ous and account_tags fail closed: what they might decide asks, or isn't done"

// organizations looks whether the hub can know what its policy asks for.
func (d *hubDoctor) organizations(ctx context.Context) {
	switch {
	case !d.policy.NeedsAccounts():
		d.good("organizations", "the policy asks for no units or tags of accounts")
	case d.parameters["AskOrganizations"] != "yes" || d.parameters["OrganizationId"] == "":
		d.bad("organizations", "the policy has rules on ous or account_tags, and the hub doesn't ask", closed, "update the stack with OrganizationId and AskOrganizations=yes, or take those rules out")
	default:
		d.found = append(d.found, organized(ctx, d.cfg, d.account,
			"have the management account make this account a delegated administrator, as Security Hub's is that was designated there, or give it the three reads in a delegation policy of the organization; allow yourself the same to look"))
	}
}

// organized asks Organizations of the caller's own account: whether it answers
// hangs on the account, and on what the caller may.
func organized(ctx context.Context, cfg aws.Config, account, do string) checked {
	c := checked{Account: account, Region: cfg.Region, Name: "organizations", OK: true}
	a, err := accounts.New(organizations.NewFromConfig(cfg, accounts.Patiently), time.Now).Account(ctx, account)
	switch {
	case err == nil:
		c.Detail = fmt.Sprintf("it answers here: this account is in %d units and has %d tags", len(a.OUs)/2, len(a.Tags))
	case asr.Classify(err) == asr.CodeThrottled:
		c.OK, c.Detail, c.Error, c.Do = false, "it has no time", err.Error(), asr.Advice(err)
	default:
		c.OK, c.Detail, c.Error, c.Do = false, "it doesn't answer here: "+closed, err.Error(), do
	}
	return c
}
