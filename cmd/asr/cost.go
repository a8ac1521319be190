package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/asr/cost"
	"example.com/asr/deployed"
	"example.com/asr/workflow"
	"github.com/spf13/cobra"
)

func costCommand(a *app) *cobra.Command {
	var s cost.Size
	var named string
	cmd := &cobra.Command{
		Use: "cost", Short: "Compute what a deployment to an organization costs a month", Args: cobra.NoArgs,
		Long: `Computes the monthly bill of the deployed asr, line by line: from the resources of
its own templates, from its workflow's definition, from AWS's list prices of a
known day, and from assumptions, which are listed. No free tier is subtracted.
What Security Hub and AWS Config cost isn't part of it.`,
		Example: "  asr cost --accounts 100 --regions 4 --findings 20000 --updates 30 --remediations 3000\n  asr cost --size large",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := sized(cmd, named, &s); err != nil {
				return err
			}
			b, err := bill(s)
			if err != nil {
				return err
			}
			return a.print(b, func() { a.printBill(b) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&named, "size", "", "small, medium or large, as the guide of Automated Security Response on AWS has them")
	f.Float64Var(&s.Accounts, "accounts", 0, "member accounts")
	f.Float64Var(&s.Regions, "regions", 0, "Regions of each")
	f.Float64Var(&s.Findings, "findings", 0, "failed findings of all accounts and Regions")
	f.Float64Var(&s.Updates, "updates", 1, "events of each finding a month: its import and its updates")
	f.Float64Var(&s.Remediations, "remediations", 0, "runs a month")
	return cmd
}

// sized fills in what the flags leave to a named size.
func sized(cmd *cobra.Command, named string, s *cost.Size) error {
	given := cmd.Flags().Changed
	if named == "" {
		for _, flag := range []string{"accounts", "regions", "findings", "remediations"} {
			if !given(flag) {
				return usageError{fmt.Errorf("name --size, or --accounts, --regions, --findings and --remediations: --%s is missing", flag)}
			}
		}
		return nil
	}
	size, ok := cost.Sizes[named]
	if !ok {
		return usageError{fmt.Errorf("--size %s: there are %s", named, strings.Join(slices.Sorted(maps.Keys(cost.Sizes)), ", "))}
	}
	for flag, from := range map[string]struct{ to, from *float64 }{
		"accounts": {&s.Accounts, &size.Accounts}, "regions": {&s.Regions, &size.Regions}, "findings": {&s.Findings, &size.Findings},
		"updates": {&s.Updates, &size.Updates}, "remediations": {&s.Remediations, &size.Remediations},
	} {
		if !given(flag) {
			*from.to = *from.from
		}
	}
	return nil
}

// bill computes the bill of a size from the templates of this binary.
func bill(s cost.Size) (cost.Bill, error) {
	templates, err := deployed.Templates()
	if err != nil {
		return cost.Bill{}, err
	}
	d, err := cost.Read(templates, []byte(workflow.Run()), []byte(workflow.Sync()))
	if err != nil {
		return cost.Bill{}, err
	}
	prices, err := cost.ListPrices()
	if err != nil {
		return cost.Bill{}, err
	}
	return cost.Compute(s, d, prices)
}

func (a *app) printBill(b cost.Bill) {
	var rows [][]string
	for _, l := range b.Lines {
		if l.USD >= 0.005 {
			rows = append(rows, []string{l.Service, fmt.Sprintf("%.0f %s", l.Quantity, l.Unit), fmt.Sprintf("%.2f", l.USD), l.Why})
		}
	}
	rows = append(rows, []string{"Total", "", fmt.Sprintf("%.2f", b.Total), fmt.Sprintf("of it %.2f with nothing to do", b.Fixed)})
	a.table([]string{"SERVICE", "QUANTITY", "USD", "HOW"}, rows)
	a.line("\nOne run that waits: %.0f state transitions; with the functions that drive it %.6f USD.", b.Transitions, b.Orchestration)
	a.line("Prices: %s, %s, on demand, no free tier subtracted. Lines below a cent are left out: --json has them.\n\nAssumed:", b.Region, b.Date)
	for _, x := range b.Assumptions {
		a.line("  %s %s %s", cost.Number(x.Value), x.Unit, x.Why)
	}
}
