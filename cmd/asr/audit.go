package main

import (
	"time"

	"example.com/asr"
	"example.com/asr/audit"
	"github.com/spf13/cobra"
)

func auditCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Verify the audit log"}
	cmd.AddCommand(auditVerify(a))
	return cmd
}

func auditVerify(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Verify every chain and checkpoint of the audit log", Args: cobra.NoArgs,
		Long: `Verifies every chain of the audit log and every checkpoint, names the first bad
record or missing run, and adds a checkpoint if all is well.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			p, err := a.open(ctx)
			if err != nil {
				return err
			}
			report, err := audit.Verify(ctx, p.store, p.vault.Verify)
			if err != nil {
				return err
			}
			if len(p.vault.Keys()) > 1 {
				report.Expect(p.vault.Primary())
			}
			if len(report.Problems) == 0 {
				added, err := audit.Checkpoint(ctx, p.store, p.vault.Sign, time.Now())
				if err != nil {
					return err
				}
				if report.Last = &added; added.Seq > int64(report.Checkpoints) {
					report.Checkpoints, report.Unsigned = int(added.Seq), 0
				}
			}
			if err := a.print(report, func() { a.printAudit(report) }); err != nil || len(report.Problems) == 0 {
				return err
			}
			return exitError{exitFailed}
		},
	}
}

func (a *app) printAudit(r audit.Report) {
	a.line("%d records of %d subjects, %d checkpoints", r.Records, r.Subjects, r.Checkpoints)
	for _, problem := range r.Problems {
		a.line("BAD %s, record %d: %s\n  → %s", problem.Subject, problem.Seq, problem.What, problem.Do)
	}
	if len(r.Problems) == 0 {
		a.line("Nothing was changed, taken out or added behind asr's back.")
	}
	if r.Last != nil && r.Last.Seq > 0 {
		a.line("Last checkpoint: %d, signed %s. Keep the signature elsewhere: it proves that the whole log isn't an older one.", r.Last.Seq, r.Last.Signature)
	}
}

func killCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "kill-switch", Short: "Stop all writes, and let them go on"}
	set := func(use, shortText string, args cobra.PositionalArgs, reason func([]string) string) *cobra.Command {
		return &cobra.Command{Use: use, Short: shortText, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
			p, me, err := a.ready(cmd.Context())
			if err != nil {
				return err
			}
			if err := p.engine.Kill(cmd.Context(), me, reason(args)); err != nil {
				return err
			}
			return a.killStatus(cmd, p)
		}}
	}
	status := &cobra.Command{Use: "status", Short: "Say whether it is on", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		p, err := a.open(cmd.Context())
		if err != nil {
			return err
		}
		return a.killStatus(cmd, p)
	}}
	cmd.AddCommand(
		set("on REASON", "Stop all writes at once, in every process on this data", cobra.ExactArgs(1), func(args []string) string { return args[0] }),
		set("off", "Let writes go on", cobra.NoArgs, func([]string) string { return "" }), status)
	return cmd
}

func (a *app) killStatus(cmd *cobra.Command, p *parts) error {
	reason, err := p.store.Setting(cmd.Context(), asr.KillSwitch)
	if err != nil {
		return err
	}
	return a.printKill(reason)
}

func (a *app) printKill(reason string) error {
	return a.print(map[string]any{"on": reason != "", "reason": reason}, func() {
		if reason == "" {
			a.line("off: writes go on")
		} else {
			a.line("on: nothing is written: %s", reason)
		}
	})
}
