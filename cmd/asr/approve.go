package main

import (
	"context"
	"errors"

	"example.com/asr"
	"github.com/spf13/cobra"
)

func approveCommand(a *app) *cobra.Command {
	var why, hash string
	var all problem
	cmd := &cobra.Command{
		Use:   "approve [RUN]",
		Short: "Approve the plan of a run that asks, or of all runs of a problem, and carry it out",
		Long: `Shows the plan of a run that waits, asks, and carries it out. The approver is who
sts:GetCallerIdentity says; the approval is of exactly the plan that is shown.

With --control or --remediation it is about all runs of that problem which ask: it
shows how many there are where, and each different change once. What can't be put
back or has a high risk is left out unless it is named. Runs that come meanwhile,
and plans that change, are left and told.`,
		Example: `  asr approve r-0123
  asr approve --control S3.2 --account 222222222222 --why "change 4711"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if many, err := all.meant(args); err != nil || many {
				if err == nil && hash != "" {
					err = usageError{errors.New("--plan is of one run; --digest is of all that are shown")}
				}
				if err != nil {
					return err
				}
				return a.approveProblem(ctx, &all, why)
			}
			p, me, err := a.ready(ctx)
			if err != nil {
				return err
			}
			r, err := a.find(ctx, p, args[0])
			if err != nil {
				return err
			}
			if hash == "" && r.Plan != nil {
				if !a.json {
					a.printRun(r)
				}
				hash = r.Plan.Hash
			}
			if r.State.Waits() {
				if err := a.confirm("Approve and carry out this plan?"); err != nil {
					return err
				}
			}
			if _, err := p.engine.Approve(ctx, r.ID, hash, me, why); err != nil {
				return err
			}
			if r, err = a.see(ctx, p, r.ID); err != nil {
				return err
			}
			return outcome([]asr.Run{r})
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "a note for the audit log")
	cmd.Flags().StringVar(&hash, "plan", "", "hash of the plan that is approved (default: the one that is shown)")
	all.flags(cmd, "approve")
	return cmd
}

// find returns a run, or says that there is none.
func (a *app) find(ctx context.Context, p *parts, id string) (asr.Run, error) {
	r, err := p.store.Run(ctx, id)
	if asr.Classify(err) == asr.CodeNotFound {
		err = &asr.Error{Code: asr.CodeNotFound, Message: "there is no run " + id, Do: "asr runs list"}
	}
	return r, err
}

// see drives one run, prints it and returns it as it ended.
func (a *app) see(ctx context.Context, p *parts, id string) (asr.Run, error) {
	runs, err := a.drive(ctx, p, []string{id})
	if err != nil {
		return asr.Run{}, err
	}
	return runs[0], a.print(runs[0], func() { a.printRun(runs[0]) })
}

func rejectCommand(a *app) *cobra.Command {
	var why string
	var all problem
	cmd := &cobra.Command{
		Use: "reject [RUN]", Short: "Reject the plan of a run that asks, or of all runs of a problem", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if many, err := all.meant(args); err != nil {
				return err
			} else if many {
				return a.rejectProblem(cmd.Context(), &all, why)
			}
			p, me, err := a.ready(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.confirm("Reject run " + args[0] + "?"); err != nil {
				return err
			}
			r, err := p.engine.Reject(cmd.Context(), args[0], me, why)
			if err != nil {
				return err
			}
			return a.print(r, func() { a.printRun(r) })
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "the reason, for the audit log")
	all.flags(cmd, "reject")
	return cmd
}

func revertCommand(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "revert RUN",
		Short: "Put back what a run changed",
		Long: `Puts back what a run changed, change by change, and verifies it. What somebody has
changed since is left alone, and nothing is done, unless --force is given; what
can't be put back is listed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			p, me, err := a.ready(ctx)
			if err != nil {
				return err
			}
			r, err := a.find(ctx, p, args[0])
			if err != nil {
				return err
			}
			if r.Undoable() && !a.json {
				a.printReverse(r)
			}
			if err := a.confirm("Put this back?"); err != nil {
				return err
			}
			if _, err := p.engine.Revert(ctx, r.ID, me, force); err != nil {
				return err
			}
			if r, err = a.see(ctx, p, r.ID); err == nil && r.State != asr.StateReverted {
				err = exitError{exitFailed}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite what somebody changed since, and say what that was")
	return cmd
}

func (a *app) printReverse(r asr.Run) {
	a.line("To be put back, of run %s on %s:", r.ID, r.Target.ID)
	for _, c := range r.Plan.Changes {
		if c.Keep != "" {
			a.line("    %s stays: %s", c.Field(), c.Keep)
			continue
		}
		a.printChange(c.Reverse())
	}
}
