package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"example.com/asr"
	"example.com/asr/server"
	"github.com/spf13/cobra"
)

func runsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "runs", Short: "List, show and watch runs"}
	cmd.AddCommand(runsList(a), runsShow(a), runsWatch(a), runsResume(a))
	return cmd
}

// runQuery is the flags of runs list and watch.
type runQuery struct {
	asr.RunQuery
	states []string
}

func (q *runQuery) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&q.states, "state", nil, "only these states (awaiting_approval, verified, …)")
	f.StringVar(&q.Account, "account", "", "only this account")
	f.StringVar(&q.Control, "control", "", "only this security control")
	f.StringVar(&q.Finding, "finding", "", "only runs of this finding")
	f.IntVar(&q.Limit, "limit", 100, "at most so many")
}

func (q *runQuery) query() (asr.RunQuery, error) {
	q.States = nil
	for _, s := range q.states {
		if !slices.Contains(asr.States, asr.State(s)) {
			return q.RunQuery, usageError{fmt.Errorf("--state %s: there are %v", s, asr.States)}
		}
		q.States = append(q.States, asr.State(s))
	}
	return q.RunQuery, nil
}

func runsList(a *app) *cobra.Command {
	var q runQuery
	cmd := &cobra.Command{
		Use: "list", Short: "List runs, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := q.query()
			if err != nil {
				return err
			}
			p, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			runs, _, unread := p.store.Runs(cmd.Context(), query)
			if !asr.Partial(unread) {
				return unread
			}
			if runs == nil {
				runs = []asr.Run{}
			}
			return errors.Join(a.print(runs, func() { a.table(runHead, runRows(runs)) }), unread)
		},
	}
	q.flags(cmd)
	return cmd
}

var runHead = []string{"RUN", "STATE", "CONTROL", "REMEDIATION", "ACCOUNT", "REGION", "RESOURCE", "DECISION", "STARTED"}

func runRows(runs []asr.Run) (rows [][]string) {
	for _, r := range runs {
		rows = append(rows, []string{
			r.ID, stateText(r), r.Control, r.Remediation, r.Target.Account, r.Target.Region, short(last(r.Target.ID), 40),
			string(r.Decision.Mode) + ": " + string(r.Decision.Reason), ago(r.CreatedAt),
		})
	}
	return rows
}

func runsShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show RUN", Short: "Show a run: plan, audit log and AWS calls", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			p, err := a.open(ctx)
			if err != nil {
				return err
			}
			r, err := a.find(ctx, p, args[0])
			if err != nil {
				return err
			}
			d, err := server.Details(ctx, p.store, r)
			if err != nil {
				return err
			}
			return a.print(d, func() { a.printDetail(d) })
		},
	}
}

func (a *app) printDetail(d server.Detail) {
	a.printRun(d.Run)
	a.line("\nAudit log")
	var rows [][]string
	for _, r := range d.Records {
		rows = append(rows, []string{strconv.FormatInt(r.Seq, 10), r.At.Format("15:04:05.000"), r.Event, r.Reason, r.Actor.Name, r.Hash[:min(len(r.Hash), 12)]})
	}
	a.table([]string{"#", "AT", "EVENT", "REASON", "ACTOR", "HASH"}, rows)
	a.line("\nAWS calls")
	rows = nil
	for _, c := range d.Calls {
		kind := "read"
		switch {
		case c.Write:
			kind = "write"
		case c.Action == asr.AssumeRole:
			kind = "session"
		}
		rows = append(rows, []string{c.At.Format("15:04:05.000"), kind, c.Action, c.Account, c.Region, c.Error, c.Took.Round(time.Millisecond).String()})
	}
	a.table([]string{"AT", "KIND", "ACTION", "ACCOUNT", "REGION", "ERROR", "TOOK"}, rows)
	e := d.Effort
	a.line("%d calls: %d that look, %d that write, %d that open sessions; at most %d where nothing comes in between", e.Calls(), e.Reads, e.Writes, e.Sessions, e.Most)
}

func runsWatch(a *app) *cobra.Command {
	var q runQuery
	var forever bool
	cmd := &cobra.Command{
		Use: "watch", Short: "Show runs as they change, until all have ended or wait", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.watch(cmd.Context(), &q, forever) },
	}
	q.flags(cmd)
	cmd.Flags().BoolVarP(&forever, "forever", "f", false, "go on when all have ended")
	return cmd
}

func (a *app) watch(ctx context.Context, q *runQuery, forever bool) error {
	query, err := q.query()
	if err != nil {
		return err
	}
	p, err := a.open(ctx)
	if err != nil {
		return err
	}
	seen := map[string]int64{}
	for {
		runs, _, err := p.store.Runs(ctx, query)
		if err != nil {
			return err
		}
		moving := false
		for i := len(runs) - 1; i >= 0; i-- {
			r := runs[i]
			moving = moving || r.State.Open() && !r.State.Waits()
			if seen[r.ID] == r.Version {
				continue
			}
			seen[r.ID] = r.Version
			if err := a.print(r, func() {
				a.line("%s  %-18s %-13s %s  %s", r.UpdatedAt.Format("15:04:05"), stateText(r), r.Control, r.ID, short(r.Target.ID, 70))
			}); err != nil {
				return err
			}
		}
		if !moving && !forever {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func runsResume(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "resume [RUN…]", Short: "Take runs further that an earlier asr left unfinished",
		Long: "Takes runs further that an earlier asr left unfinished, because it was interrupted or\nthe kill switch was on: those named, or all that don't wait for a person.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			p, err := a.open(ctx)
			if err != nil {
				return err
			}
			ids := args
			if len(ids) == 0 {
				if ids, err = a.unfinished(ctx, p); err != nil {
					return err
				}
			}
			runs, err := a.drive(ctx, p, ids)
			if err != nil {
				return err
			}
			if runs == nil {
				runs = []asr.Run{}
			}
			return a.print(runs, func() { a.table(runHead, runRows(runs)) })
		},
	}
}

// unfinished lists the runs that could be taken further.
func (a *app) unfinished(ctx context.Context, p *parts) (ids []string, err error) {
	q := asr.RunQuery{States: []asr.State{
		asr.StateClaimed, asr.StateScheduled, asr.StateApplying, asr.StateSettling, asr.StateReverting, asr.StateRevertSettle,
	}}
	for {
		runs, next, err := p.store.Runs(ctx, q)
		if !asr.Partial(err) {
			return nil, err
		}
		if err != nil {
			a.note("Left out: %v", err)
		}
		for _, r := range runs {
			ids = append(ids, r.ID)
		}
		if q.Cursor = next; next == "" {
			return ids, nil
		}
	}
}
