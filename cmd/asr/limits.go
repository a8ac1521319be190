package main

import (
	"strconv"

	"example.com/asr"
	"example.com/asr/server"
	"github.com/spf13/cobra"
)

func limitsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "limits", Short: "Show what holds runs back, and resume what was stopped", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			all, err := p.engine.Standings(cmd.Context())
			if err != nil {
				return err
			}
			return a.printLimits(all)
		},
	}
	cmd.AddCommand(resumeCommand(func(cmd *cobra.Command, what server.Resuming) error {
		p, me, err := a.ready(cmd.Context())
		if err != nil {
			return err
		}
		scope, err := p.engine.ParseScope(what.Scope)
		if err != nil {
			return err
		}
		if err := p.engine.Resume(cmd.Context(), scope, me, what.Why); err != nil {
			return err
		}
		return a.printResumed(what)
	}))
	return cmd
}

func resumeCommand(do func(*cobra.Command, server.Resuming) error) *cobra.Command {
	var what server.Resuming
	cmd := &cobra.Command{
		Use: "resume CONTROL|all", Short: "Let runs of a control begin again, or all, after too many have failed", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			what.Scope = args[0]
			return do(cmd, what)
		},
	}
	cmd.Flags().StringVar(&what.Why, "why", "", "what was found and done; it stands in the audit log")
	return cmd
}

func (a *app) printResumed(what server.Resuming) error {
	return a.print(what, func() {
		a.line("%s goes on: its failures so far no longer count.", what.Scope)
	})
}

func (a *app) printLimits(all []asr.Standing) error {
	return a.print(all, func() {
		if len(all) == 0 {
			a.line("Nothing is under way, and nothing waits.")
			return
		}
		var rows [][]string
		for _, s := range all {
			begun := of(s.Begun, s.MayBegin) + " within the hour"
			if s.Scope == asr.ControlRuns(s.Name) {
				begun = of(s.Begun, s.MayBegin) + " findings within the day"
			}
			stopped := ""
			if s.Stopped != nil {
				stopped = "STOPPED: " + s.Stopped.Why
			}
			rows = append(rows, []string{s.Name, of(s.InFlight, s.MayBeInFlight), begun, of(s.Bad, s.Good+s.Bad), strconv.Itoa(s.Line), stopped})
		}
		a.table([]string{"WHERE", "UNDER WAY", "BEGUN", "FAILED", "WAITING", ""}, rows)
		for _, s := range all {
			if s.Stopped != nil {
				name := s.Name
				if s.Scope == asr.AllRuns {
					name = s.Scope
				}
				a.line("  → %s: find out why run %s and those before it failed, then asr limits resume %s", s.Name, s.Stopped.Run, name)
			}
		}
	})
}

// of is a number and, if there is one, the most that it may be.
func of(n, most int) string {
	if most == 0 {
		return strconv.Itoa(n)
	}
	return strconv.Itoa(n) + " of " + strconv.Itoa(most)
}
