package main

import (
	"fmt"
	"strings"

	"example.com/asr"
	"example.com/asr/sessions"
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
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check credentials, member roles and Regions, and say how to mend them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			p, err := a.open(ctx)
			if err != nil {
				return err
			}
			me, err := p.sessions.Whoami(ctx)
			if err != nil {
				return err
			}
			if len(accounts) == 0 {
				accounts = []string{strings.SplitN(me.Name+":::::", ":", 6)[4]}
			}
			if len(regions) == 0 {
				regions = []string{p.hub.Region}
			}
			all := []checked{}
			for _, account := range accounts {
				for _, region := range regions {
					all = append(all, results(account, region, p.sessions.Check(ctx, account, region))...)
				}
			}
			if err := a.print(all, func() { a.printChecked(all) }); err != nil {
				return err
			}
			for _, c := range all {
				if !c.OK {
					return exitError{exitFailed}
				}
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&accounts, "accounts", nil, "member accounts to look at (default: your own)")
	cmd.Flags().StringSliceVar(&regions, "regions", nil, "Regions to look at (default: --region)")
	return cmd
}

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
		fmt.Fprintf(a.out, "%s  %s %s  %s: %s\n", mark, c.Account, c.Region, c.Name, printable(c.Detail))
		if !c.OK {
			fmt.Fprintf(a.out, "     %s\n     → %s\n", printable(c.Error), c.Do)
		}
	}
}
