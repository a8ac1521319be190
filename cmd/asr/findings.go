package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/securityhub"
	"example.com/asr/worker"
	"github.com/spf13/cobra"
)

func findingsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "findings", Short: "Take findings in, list and show them"}
	cmd.AddCommand(findingsImport(a), findingsSync(a), findingsList(a), findingsShow(a), findingsRejected(a))
	return cmd
}

// intake is what taking findings in came to.
type intake struct {
	asr.Intake
	Rejected int       `json:"rejected"`
	Ended    []asr.Run `json:"ended,omitempty"`  // the runs that the policy started
	Unread   []string  `json:"unread,omitempty"` // why some couldn't be taken: what is stored of them can't be read
}

func findingsImport(a *app) *cobra.Command {
	var only bool
	cmd := &cobra.Command{
		Use:   "import FILE…",
		Short: "Take findings from files, or from standard input (-)",
		Long: `Takes findings from files or from standard input (-): ASFF, EventBridge events,
GetFindings answers, OCSF compliance findings, Prowler's json-asff and json-ocsf,
one document or one a line. The format is detected. What can't be taken is kept
with the reason: asr findings rejected.

What the policy says is automatic is then done; --take-only leaves it.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			p, err := a.open(ctx)
			if err != nil {
				return err
			}
			var total intake
			for _, name := range args {
				if err := a.importFile(ctx, p, name, &total); err != nil {
					return err
				}
			}
			return a.follow(ctx, p, &total, only)
		},
	}
	cmd.Flags().BoolVar(&only, "take-only", false, "start nothing")
	return cmd
}

func (a *app) importFile(ctx context.Context, p *parts, name string, total *intake) error {
	var r io.Reader = a.in
	source := "standard input"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return &asr.Error{Code: asr.CodeBadInput, Message: "the file can't be read", Do: "check its name", Err: err}
		}
		defer f.Close()
		r, source = f, name
	}
	return securityhub.Read(r, source, time.Now(), func(obs []asr.Observation, rejected []asr.Rejected) error {
		return total.take(ctx, p, obs, rejected)
	})
}

// take ingests what one page or chunk held.
func (t *intake) take(ctx context.Context, p *parts, obs []asr.Observation, rejected []asr.Rejected) error {
	for _, r := range rejected {
		if err := p.store.Reject(ctx, r); err != nil {
			return err
		}
	}
	t.Rejected += len(rejected)
	in, err := p.engine.Ingest(ctx, obs)
	t.New += in.New
	t.Updated += in.Updated
	t.Duplicates += in.Duplicates
	t.Passing += in.Passing
	for _, id := range in.Runs {
		if !slices.Contains(t.Runs, id) {
			t.Runs = append(t.Runs, id)
		}
	}
	if err != nil && asr.Partial(err) { // taking the page again wouldn't mend it
		t.Unread = append(t.Unread, err.Error())
		return nil
	}
	return err
}

// follow drives the runs that were started, and prints.
func (a *app) follow(ctx context.Context, p *parts, total *intake, only bool) error {
	if !only && len(total.Runs) > 0 {
		runs, err := a.drive(ctx, p, total.Runs)
		if err != nil {
			return err
		}
		total.Ended = runs
	}
	return a.print(total, func() {
		a.line("%d new, %d updated, %d known already, %d rejected; %d runs", total.New, total.Updated, total.Duplicates, total.Rejected, len(total.Runs))
		if len(total.Ended) > 0 {
			a.table(runHead, runRows(total.Ended))
		}
		if total.Rejected > 0 {
			a.note("asr findings rejected tells why some were rejected.")
		}
		for _, why := range total.Unread {
			a.note("Left out: %s", why)
		}
	})
}

func findingsSync(a *app) *cobra.Command {
	filter := securityhub.Open()
	var only, watch bool
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Take findings from Security Hub's API, newest first",
		Long: `Takes failed findings from Security Hub's API, newest first, page by page; a sync
that was interrupted goes on where it was. With --watch it goes on for ever, and
what the policy says is automatic is done as findings come in.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			p, err := a.open(ctx)
			if err != nil {
				return err
			}
			if watch {
				return a.watchFindings(ctx, p, filter, every, only)
			}
			var total intake
			if err := a.sync(ctx, p, filter, &total); err != nil {
				return err
			}
			return a.follow(ctx, p, &total, only)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&filter.Accounts, "accounts", nil, "only these accounts")
	f.StringSliceVar(&filter.Regions, "regions", nil, "only these Regions")
	f.StringSliceVar(&filter.Controls, "controls", nil, "only these security controls")
	f.StringSliceVar(&filter.Severities, "severities", nil, "only these severities (CRITICAL, HIGH, …)")
	f.BoolVar(&only, "take-only", false, "start nothing")
	f.BoolVar(&watch, "watch", false, "go on for ever")
	f.DurationVar(&every, "every", time.Minute, "with --watch: the time between two looks")
	return cmd
}

// watchFindings takes findings in for ever, beside a pool that drives all runs
// that are due, those of other processes that died too.
func (a *app) watchFindings(ctx context.Context, p *parts, filter securityhub.Filter, every time.Duration, only bool) error {
	var pool sync.WaitGroup
	defer pool.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if !only {
		served := worker.New(worker.Config{Engine: p.engine, Store: p.store, Reporter: securityhub.NewReporter(p.hub), Log: slog.New(slog.NewTextHandler(a.errs, nil))})
		pool.Go(func() { _ = served.Serve(ctx) }) // it fails never, and ends with ctx; nobody else would tell of a store in trouble
	}
	for ctx.Err() == nil {
		var total intake
		if err := a.sync(ctx, p, filter, &total); err != nil && ctx.Err() == nil {
			a.complain(err) // the next look may go better
		}
		if total.New+total.Updated+total.Rejected > 0 {
			if err := a.follow(ctx, p, &total, true); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
	return nil
}

// sync pulls what is new; its cursor is kept, so that it goes on where it was.
// What a person says of a finding doesn't move the clock that Security Hub is
// asked by, so findings that a run waits for are looked at one by one.
func (a *app) sync(ctx context.Context, p *parts, filter securityhub.Filter, total *intake) error {
	name := "securityhub-cursor/" + p.hub.Region
	cursor, err := p.store.Setting(ctx, name)
	if err != nil {
		return err
	}
	api := securityhub.NewAPI(p.hub)
	waiting, err := running(ctx, p)
	if err != nil {
		return err
	}
	obs, rejected, err := api.ByID(ctx, waiting)
	if err == nil {
		err = total.take(ctx, p, obs, rejected)
	}
	if err != nil {
		return remedy.Judge(err)
	}
	return remedy.Judge(api.Pull(ctx, filter, cursor, func(obs []asr.Observation, rejected []asr.Rejected, next string) error {
		if err := total.take(ctx, p, obs, rejected); err != nil {
			return err
		}
		return p.store.SetSetting(ctx, name, next)
	}))
}

// running lists the findings that a run works on or waits for.
func running(ctx context.Context, p *parts) (ids []string, err error) {
	q := asr.FindingQuery{Outcomes: []asr.Outcome{asr.OutcomeRunning}}
	for {
		page, next, err := p.store.Findings(ctx, q)
		if !asr.Partial(err) {
			return nil, err
		}
		for _, f := range page {
			if strings.HasPrefix(f.Product, "arn:") {
				ids = append(ids, f.ID)
			}
		}
		if q.Cursor = next; next == "" {
			return ids, nil
		}
	}
}

func findingsList(a *app) *cobra.Command {
	var q asr.FindingQuery
	var outcomes []string
	cmd := &cobra.Command{
		Use: "list", Short: "List findings, the last updated first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			for _, o := range outcomes {
				if !slices.Contains(asr.Outcomes, asr.Outcome(o)) {
					return usageError{fmt.Errorf("--outcome %s: there are %v", o, asr.Outcomes)}
				}
				q.Outcomes = append(q.Outcomes, asr.Outcome(o))
			}
			if q.Severity = strings.ToUpper(q.Severity); q.Severity != "" && !slices.Contains(asr.Severities, q.Severity) {
				return usageError{fmt.Errorf("--severity %s: there are %v", q.Severity, asr.Severities)}
			}
			findings, _, unread := p.store.Findings(cmd.Context(), q)
			if !asr.Partial(unread) {
				return unread
			}
			if findings == nil {
				findings = []asr.Finding{}
			}
			return errors.Join(a.print(findings, func() { a.printFindings(findings) }), unread)
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Account, "account", "", "only this account")
	f.StringVar(&q.Region, "finding-region", "", "only this Region")
	f.StringVar(&q.Control, "control", "", "only this security control")
	f.StringVar(&q.Severity, "severity", "", "only this severity")
	f.StringSliceVar(&outcomes, "outcome", nil, "only these outcomes (open, running, fixed, confirmed, …)")
	f.IntVar(&q.Limit, "limit", 100, "at most so many")
	return cmd
}

func (a *app) printFindings(findings []asr.Finding) {
	var rows [][]string
	for _, f := range findings {
		rows = append(rows, []string{
			f.Severity, f.Control, f.Account, f.Region, short(last(f.Resource().ID), 40), f.Compliance, f.Status, string(f.Outcome),
			string(f.Decision.Mode) + ": " + string(f.Decision.Reason), f.Run, f.ID,
		})
	}
	a.table([]string{"SEVERITY", "CONTROL", "ACCOUNT", "REGION", "RESOURCE", "COMPLIANCE", "WORKFLOW", "OUTCOME", "DECISION", "RUN", "ID"}, rows)
}

func findingsShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show FINDING", Short: "Show a finding, its decision and its runs", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			p, err := a.open(ctx)
			if err != nil {
				return err
			}
			f, err := p.store.Finding(ctx, args[0])
			if errors.Is(err, asr.ErrNotFound) {
				return &asr.Error{Code: asr.CodeNotFound, Message: "there is no finding " + args[0], Do: "asr findings list"}
			}
			if err != nil {
				return err
			}
			runs, _, err := p.store.Runs(ctx, asr.RunQuery{Finding: f.ID})
			if err != nil {
				return err
			}
			data := struct {
				Finding asr.Finding `json:"finding"`
				Runs    []asr.Run   `json:"runs"`
			}{f, runs}
			return a.print(data, func() { a.printFinding(f, runs) })
		},
	}
}

func (a *app) printFinding(f asr.Finding, runs []asr.Run) {
	a.line("%s\n%s", f.Title, f.ID)
	for _, line := range [][2]string{
		{"control", strings.TrimSpace(f.Control + " " + f.Standard.Name + " " + f.Standard.Version + " " + f.Standard.Control)},
		{"account", f.Account + " " + f.Region}, {"resource", f.Resource().ID}, {"severity", f.Severity},
		{"compliance", f.Compliance + ", " + f.RecordState + ", checked " + ago(f.UpdatedAt)},
		{"workflow", f.Status + ", set " + ago(f.WorkflowAt)}, {"note", f.Note.Text},
		{"outcome", string(f.Outcome)},
		{"decision", fmt.Sprintf("%s (%s): %s", f.Decision.Mode, f.Decision.Reason, f.Decision.Why)},
	} {
		if strings.TrimSpace(line[1]) != "" {
			a.line("  %-11s %s", line[0], line[1])
		}
	}
	if len(runs) > 0 {
		a.table(runHead, runRows(runs))
	}
}

func findingsRejected(a *app) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "rejected", Short: "List inputs that couldn't be taken, and why", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			all, unread := p.store.Rejected(cmd.Context(), limit)
			if !asr.Partial(unread) {
				return unread
			}
			if all == nil {
				all = []asr.Rejected{}
			}
			return errors.Join(a.print(all, func() { a.printRejected(all) }), unread)
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 100, "at most so many")
	return cmd
}

func (a *app) printRejected(all []asr.Rejected) {
	var rows [][]string
	for _, r := range all {
		rows = append(rows, []string{ago(r.At), r.Source, r.Reason, short(r.Body, 60)})
	}
	a.table([]string{"AT", "SOURCE", "REASON", "INPUT"}, rows)
}
