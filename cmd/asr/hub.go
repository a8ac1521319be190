package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"example.com/asr"
	"example.com/asr/audit"
	"example.com/asr/cmd/asr/ask"
	"example.com/asr/server"
	"github.com/spf13/cobra"
)

// hubGroup is what people do with a deployed asr: the hub drives the runs,
// these commands ask, look and answer.
func hubGroup(a *app) *cobra.Command {
	h := &hubCommands{app: a}
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "Ask, look and answer at a deployed asr",
		Long: `Uses the API of an asr that is deployed to an AWS organization. Requests are signed
with your own AWS credentials, and the hub notes who you are. The API is found by
the stack's output ApiUrl, or named with --api or $ASR_API.`,
	}
	f := cmd.PersistentFlags()
	f.StringVar(&h.url, "api", "", "URL of the API (default $ASR_API, or the stack's output ApiUrl)")
	f.StringVar(&h.stack, "stack", "asr-hub", "name of the hub's stack")
	cmd.AddCommand(h.runs(), h.show(), h.approve(), h.reject(), h.answer("cancel", "End a run that has not begun"),
		h.revert(), h.remediate(), h.findings(), h.audit(), h.keys(), h.killSwitch(), h.limits())
	return cmd
}

type hubCommands struct {
	*app
	url, stack string
}

// ask finds the API and calls it.
func (h *hubCommands) ask(ctx context.Context, method, path string, query url.Values, in, out any) error {
	api, err := h.hub(ctx, h.url, h.stack)
	if err != nil {
		return err
	}
	return api.call(ctx, method, path, query, in, out)
}

func runPath(id, what string) string { return "/v1/runs/" + url.PathEscape(id) + what }

func (h *hubCommands) runs() *cobra.Command {
	var q runQuery
	cmd := &cobra.Command{
		Use: "runs", Short: "List the hub's runs, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := q.query()
			if err != nil {
				return err
			}
			v := url.Values{}
			for _, s := range query.States {
				v.Add("state", string(s))
			}
			for name, value := range map[string]string{"account": query.Account, "control": query.Control, "finding": query.Finding} {
				if value != "" {
					v.Set(name, value)
				}
			}
			runs, err := pages[asr.Run](cmd.Context(), h, "/v1/runs", v, query.Limit)
			if err != nil {
				return err
			}
			return h.print(runs, func() { h.table(runHead, runRows(runs)) })
		},
	}
	q.flags(cmd)
	return cmd
}

// pages reads a list page by page, up to so many items.
func pages[T any](ctx context.Context, h *hubCommands, path string, v url.Values, most int) ([]T, error) {
	all := []T{}
	for {
		v.Set("limit", strconv.Itoa(min(max(most-len(all), 1), 100)))
		var p server.Page[T]
		if err := h.ask(ctx, "GET", path, v, nil, &p); err != nil {
			return nil, err
		}
		if all = append(all, p.Items...); p.Next == "" || len(all) >= most {
			return all, nil
		}
		v.Set("cursor", p.Next)
	}
}

func (h *hubCommands) show() *cobra.Command {
	return &cobra.Command{
		Use: "show RUN", Short: "Show a run: plan, audit log and AWS calls", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var d server.Detail
			if err := h.ask(cmd.Context(), "GET", runPath(args[0], ""), nil, nil, &d); err != nil {
				return err
			}
			return h.print(d, func() { h.printDetail(d) })
		},
	}
}

func (h *hubCommands) approve() *cobra.Command {
	var said server.Answer
	var all problem
	cmd := &cobra.Command{
		Use: "approve [RUN]", Short: "Approve the plan of a run that asks, or of all runs of a problem", Args: cobra.MaximumNArgs(1),
		Long: `Shows the plan of a run that waits and asks. The approver is who AWS says you are; the
approval is of exactly the plan that is shown. The hub then carries it out. With
--control or --remediation it is about all runs of that problem which ask.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if many, err := all.meant(args); err != nil {
				return err
			} else if many {
				return h.settle(ctx, &all, "approve", approveAll, said.Note)
			}
			if said.Hash == "" {
				var d server.Detail
				if err := h.ask(ctx, "GET", runPath(args[0], ""), nil, nil, &d); err != nil {
					return err
				}
				if !h.json {
					h.printRun(d.Run)
				}
				if d.Run.Plan != nil {
					said.Hash = d.Run.Plan.Hash
				}
			}
			if err := h.confirm("Approve this plan?"); err != nil {
				return err
			}
			return h.say(ctx, runPath(args[0], "/approve"), said)
		},
	}
	cmd.Flags().StringVar(&said.Note, "why", "", "a note for the audit log")
	cmd.Flags().StringVar(&said.Hash, "plan", "", "hash of the plan that is approved (default: the one that is shown)")
	all.flags(cmd, "approve")
	return cmd
}

// say sends what a person says of a run, and prints the run.
func (h *hubCommands) say(ctx context.Context, path string, said any) error {
	var r asr.Run
	if err := h.ask(ctx, "POST", path, nil, said, &r); err != nil {
		return err
	}
	return h.print(r, func() {
		h.line("Run %s is %s. asr hub show %s shows how it goes on.", r.ID, stateText(r), r.ID)
	})
}

func (h *hubCommands) reject() *cobra.Command {
	var all problem
	cmd := h.answer("reject", "Reject the plan of a run that asks, or of all runs of a problem")
	one := cmd.RunE
	cmd.Use, cmd.Args = "reject [RUN]", cobra.MaximumNArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		many, err := all.meant(args)
		switch {
		case err != nil:
			return err
		case !many:
			return one(cmd, args)
		}
		return h.settle(cmd.Context(), &all, "reject", rejectAll, cmd.Flag("why").Value.String())
	}
	all.flags(cmd, "reject")
	return cmd
}

func (h *hubCommands) answer(what, short string) *cobra.Command {
	var said server.Answer
	cmd := &cobra.Command{
		Use: what + " RUN", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := h.confirm(what + " run " + args[0] + "?"); err != nil {
				return err
			}
			return h.say(cmd.Context(), runPath(args[0], "/"+what), said)
		},
	}
	cmd.Flags().StringVar(&said.Note, "why", "", "the reason, for the audit log")
	return cmd
}

func (h *hubCommands) revert() *cobra.Command {
	var said server.Answer
	cmd := &cobra.Command{
		Use: "revert RUN", Short: "Have the hub put back what a run changed", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			var d server.Detail
			if err := h.ask(ctx, "GET", runPath(args[0], ""), nil, nil, &d); err != nil {
				return err
			}
			if d.Run.Undoable() && !h.json {
				h.printReverse(d.Run)
			}
			if err := h.confirm("Put this back?"); err != nil {
				return err
			}
			return h.say(ctx, runPath(args[0], "/revert"), said)
		},
	}
	cmd.Flags().BoolVar(&said.Force, "force", false, "overwrite what somebody changed since, and say what that was")
	return cmd
}

func (h *hubCommands) remediate() *cobra.Command {
	var w what
	var wish server.Wish
	cmd := &cobra.Command{
		Use: "remediate [FINDING]", Short: "Have the hub fix a finding, or a control's resource", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (w.control == "") == (len(args) == 0) {
				return usageError{fmt.Errorf("name a finding by its id, or a --control and its --resource")}
			}
			if len(args) == 1 {
				wish.Finding = args[0]
			}
			var err error
			if wish.Params, err = ask.Params(w.params); err != nil {
				return err
			}
			wish.Control, wish.Resource, wish.Account, wish.Region = w.control, w.resource, w.account, w.region
			if !wish.PlanOnly {
				if err := h.confirm("Have the hub fix this, as its policy says?"); err != nil {
					return err
				}
			}
			return h.say(cmd.Context(), "/v1/runs", wish)
		},
	}
	w.flags(cmd)
	cmd.Flags().BoolVar(&wish.PlanOnly, "plan", false, "only plan; change nothing")
	return cmd
}

func (h *hubCommands) findings() *cobra.Command {
	var account, control, outcome string
	var limit int
	cmd := &cobra.Command{
		Use: "findings", Short: "List the hub's findings, the last updated first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := url.Values{}
			for name, value := range map[string]string{"account": account, "control": control, "outcome": outcome} {
				if value != "" {
					v.Set(name, value)
				}
			}
			all, err := pages[asr.Finding](cmd.Context(), h, "/v1/findings", v, limit)
			if err != nil {
				return err
			}
			return h.print(all, func() { h.printFindings(all) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&account, "account", "", "only this account")
	f.StringVar(&control, "control", "", "only this security control")
	f.StringVar(&outcome, "outcome", "", "only this outcome (open, running, fixed, confirmed, …)")
	f.IntVar(&limit, "limit", 100, "at most so many")
	return cmd
}

func (h *hubCommands) audit() *cobra.Command {
	return &cobra.Command{
		Use: "audit", Short: "Show what the hub's last look at its audit log found", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var last struct {
				At     time.Time    `json:"at"`
				Report audit.Report `json:"report"`
			}
			if err := h.ask(cmd.Context(), "GET", "/v1/audit", nil, nil, &last); err != nil {
				return err
			}
			if err := h.print(last, func() {
				h.line("Looked at %s", last.At.Format(time.RFC3339))
				h.printAudit(last.Report)
			}); err != nil || len(last.Report.Problems) == 0 {
				return err
			}
			return exitError{exitFailed}
		},
	}
}

func (h *hubCommands) limits() *cobra.Command {
	cmd := &cobra.Command{
		Use: "limits", Short: "Show what holds the hub's runs back, and resume what was stopped", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []asr.Standing
			if err := h.ask(cmd.Context(), "GET", "/v1/limits", nil, nil, &all); err != nil {
				return err
			}
			return h.printLimits(all)
		},
	}
	cmd.AddCommand(resumeCommand(func(cmd *cobra.Command, what server.Resuming) error {
		if err := h.ask(cmd.Context(), "POST", "/v1/limits/resume", nil, what, &what); err != nil {
			return err
		}
		return h.printResumed(what)
	}))
	return cmd
}

func (h *hubCommands) killSwitch() *cobra.Command {
	cmd := &cobra.Command{Use: "kill-switch", Short: "Stop all writes of the hub, and let them go on"}
	use := func(use, short, method string, args cobra.PositionalArgs, reason func([]string) string) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
			var is server.Reason
			var in any
			if method == "PUT" {
				in = server.Reason{Reason: reason(args)}
			}
			if err := h.ask(cmd.Context(), method, "/v1/kill-switch", nil, in, &is); err != nil {
				return err
			}
			return h.printKill(is.Reason)
		}}
	}
	cmd.AddCommand(
		use("on REASON", "Stop all writes of the hub at once", "PUT", cobra.ExactArgs(1), func(args []string) string { return args[0] }),
		use("off", "Let writes go on", "PUT", cobra.NoArgs, func([]string) string { return "" }),
		use("status", "Say whether it is on", "GET", cobra.NoArgs, nil))
	return cmd
}
