package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/securityhub"
	"example.com/asr/sessions"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
)

// checked is one line of what doctor found.
type checked struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Detail  string `json:"detail,omitempty"`
	Error   string `json:"error,omitempty"`
	Do      string `json:"do,omitempty"`
}

func doctorCommand(a *app) *cobra.Command {
	var accounts, regions []string
	var deployment bool
	d := &hubDoctor{app: a}
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check credentials, member roles and Regions, or a deployment, and say how to mend them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			look := func(ctx context.Context) ([]checked, error) { return a.examine(ctx, accounts, regions) }
			if deployment {
				look = func(ctx context.Context) ([]checked, error) { return d.examine(ctx, accounts) }
			}
			all, err := look(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.print(all, func() { a.printChecked(all) }); err != nil {
				return err
			}
			if slices.ContainsFunc(all, func(c checked) bool { return !c.OK }) {
				return exitError{exitFailed}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&accounts, "accounts", nil, "member accounts to look at (default: your own; with --deployed some of the organization's)")
	f.StringSliceVar(&regions, "regions", nil, "Regions to look at (default: --region)")
	f.BoolVar(&deployment, "deployed", false, "look at the deployed hub, from its account and Region, and at its member accounts")
	f.StringVar(&d.stack, "stack", "asr-hub", "with --deployed: the hub's stack")
	f.StringVar(&d.stackSet, "stack-set", "asr-member", "with --deployed: the stack set of the member role")
	f.IntVar(&d.sample, "sample", 5, "with --deployed: how many accounts of the organization to try, if --accounts names none")
	return cmd
}

// examine looks at what this machine needs to work.
func (a *app) examine(ctx context.Context, accounts, regions []string) ([]checked, error) {
	p, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	me, err := p.sessions.Whoami(ctx)
	if err != nil {
		return nil, err
	}
	if len(accounts) == 0 {
		accounts = []string{accountOf(me.Name)}
	}
	if len(regions) == 0 {
		regions = []string{p.hub.Region}
	}
	all := append(hubChecked(ctx, p.hub, accountOf(me.Name)), stored(ctx, p.store, accountOf(me.Name), p.hub.Region))
	if file := cmp.Or(a.accounts, os.Getenv("ASR_ACCOUNTS")); file == "" && p.policy.NeedsAccounts() {
		all = append(all, organized(ctx, p.hub, accountOf(me.Name),
			"work in the management account or in one that is a delegated administrator of any service, allow organizations:ListParents, DescribeOrganizationalUnit and ListTagsForResource, or name a file of accounts with --accounts"))
	}
	for _, account := range accounts {
		good := true
		for _, region := range regions {
			found := results(account, region, p.sessions.Check(ctx, account, region))
			for _, c := range found {
				good = good && c.OK
			}
			all = append(all, found...)
		}
		if good {
			all = append(all, permissions(ctx, p, account, regions[0]))
		}
	}
	return all, nil
}

// accountOf is the account of an ARN.
func accountOf(arn string) string { return strings.SplitN(arn+":::::", ":", 6)[4] }

func results(account, region string, found []sessions.Result) (all []checked) {
	for _, r := range found {
		c := checked{Account: account, Region: region, Name: r.Name, OK: r.Err == nil, Detail: r.Detail}
		if r.Err != nil {
			c.Error, c.Do = r.Err.Error(), asr.Advice(r.Err)
		}
		all = append(all, c)
	}
	return all
}

func (a *app) printChecked(all []checked) {
	for _, c := range all {
		mark := "ok "
		if !c.OK {
			mark = "BAD"
		}
		a.line("%s  %s %s  %s: %s", mark, c.Account, c.Region, c.Name, c.Detail)
		if !c.OK {
			a.line("     %s\n     → %s", c.Error, c.Do)
		}
	}
}

// hubChecked looks whether Security Hub answers.
func hubChecked(ctx context.Context, cfg aws.Config, account string) []checked {
	c := checked{Account: account, Region: cfg.Region, Name: "security hub", OK: true, Detail: "findings can be read here"}
	if _, _, err := securityhub.NewAPI(cfg).ByID(ctx, []string{"arn:aws:securityhub:asr-doctor"}); err != nil {
		c.OK, c.Detail, c.Error = false, "findings can't be read here", err.Error()
		c.Do = "name the Region that Security Hub aggregates in (--region), and allow securityhub:GetFindings and securityhub:BatchUpdateFindings"
	}
	return []checked{c}
}

// permissions compares what the remediations need with what the member role has.
func permissions(ctx context.Context, p *parts, account, region string) checked {
	c := checked{Account: account, Region: region, Name: "permissions", OK: true}
	var grants []asr.Grant
	needs := map[string][]string{} // by unit: to plan, then to fix
	for _, u := range p.units {
		t, _ := u.Spec.Locate(account, region, asr.Resource{}) // the account's and Region's settings; a resource is made up
		t.Name = "asr-doctor"
		on := asr.On{Target: t, Params: anyParams(u)}
		for _, g := range on.Narrow(append(slices.Clone(u.Spec.Reads), u.Spec.Writes...)) {
			grants = append(grants, g)
			for _, action := range g.Actions {
				needs[u.Spec.ID] = append(needs[u.Spec.ID], action+" on "+g.On)
			}
		}
	}
	denied, err := p.sessions.Denied(ctx, account, region, grants)
	if err != nil {
		c.OK, c.Detail, c.Error, c.Do = false, "what the role may do can't be asked", err.Error(), "allow asr-member iam:SimulatePrincipalPolicy on itself; asr works without"
		return c
	}
	var short []string
	for _, id := range slices.Sorted(maps.Keys(needs)) {
		if slices.ContainsFunc(needs[id], func(n string) bool { return slices.Contains(denied, n) }) {
			short = append(short, id)
		}
	}
	c.Detail = fmt.Sprintf("%d of %d remediations have all that they need", len(needs)-len(short), len(needs))
	if len(short) > 0 {
		c.OK, c.Error = false, fmt.Sprintf("%s lack: %s", strings.Join(short, ", "), strings.Join(denied, "; "))
		c.Do = "give asr-member the policies of docs/remediations, or leave these controls off in the policy"
	}
	return c
}

// anyParams are a unit's parameters for one of its controls.
func anyParams(u asr.Remediation) json.RawMessage {
	for _, control := range slices.Sorted(maps.Keys(u.Controls)) {
		return u.Controls[control]
	}
	return nil
}
