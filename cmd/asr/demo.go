package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"example.com/asr"
	"example.com/asr/audit"
	"example.com/asr/sandbox"
	"example.com/asr/sandbox/org"
	"example.com/asr/securityhub"
	"github.com/spf13/cobra"
)

//go:embed demo-policy.yaml
var demoPolicy []byte

func demoCommand(a *app) *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole product on an emulated AWS organization",
		Long: `Starts an emulated AWS organization full of misconfigurations, takes its findings
from Security Hub, shows the plans, fixes what the demo's policy allows, verifies
each fix, has one approved, undoes one, and refuses to undo what somebody changed
meanwhile. It stays up afterwards, to play with; --once ends it, with exit code 0
only if everything went as it should.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), once) },
	}
	cmd.Flags().BoolVar(&once, "once", false, "end when the demo is over")
	return cmd
}

// demo is one showing.
type demo struct {
	*app
	*parts
	ctx   context.Context
	s     *sandbox.Sandbox
	org   *org.Org
	me    asr.Actor
	runs  []string
	wrong []string // expectations that did not hold
}

func (a *app) demo(ctx context.Context, once bool) error {
	dir, err := a.demoDir()
	if err != nil {
		return err
	}
	a.note("Starting an emulated AWS organization …")
	s, o, tally, err := a.build(ctx, "")
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // its end is the process's end
	d := &demo{app: a, ctx: ctx, s: s, org: o}
	if err := d.show(dir, tally.Failed); err != nil {
		return err
	}
	if once {
		return d.verdict()
	}
	if err := d.verdict(); err != nil {
		a.note("asr: %v", err)
	}
	a.note("\nIt stays up. In another shell:\n")
	for _, e := range s.Env("us-east-1") {
		a.note("  export %s", e)
	}
	a.note("  export ASR_DATA=%s\n  asr runs list\n\nInterrupt to end.", dir)
	<-ctx.Done()
	return nil
}

// demoDir is an empty data folder with the demo's policy in it.
func (a *app) demoDir() (string, error) {
	dir, err := a.dataDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "demo") // never the folder that somebody works with
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	for _, name := range []string{"asr.db", "asr.db-wal", "asr.db-shm", "asr.key"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "policy.yaml"), demoPolicy, 0o600)
}

func (d *demo) show(dir string, failed int) (err error) {
	hub := d.s.HubConfig("us-east-1")
	d.given, d.data = &hub, dir
	if d.parts, err = d.open(d.ctx); err != nil {
		return err
	}
	if d.me, err = d.sessions.Whoami(d.ctx); err != nil {
		return err
	}
	d.title("%d accounts, %d Regions, %d misconfigured resources; Security Hub reports %d failed checks", len(d.org.Accounts), len(d.org.Regions), len(d.org.Resources), failed)
	for _, act := range []func() error{func() error { return d.take(failed) }, d.plans, d.fix, d.approve, d.undo, d.refuse, d.confirm, d.summary, d.audit} {
		if err := act(); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) title(format string, args ...any) {
	d.line("\n── "+format+"\n", args...)
}

// expect notes an expectation that does not hold.
func (d *demo) expect(ok bool, format string, args ...any) {
	if !ok {
		d.wrong = append(d.wrong, fmt.Sprintf(format, args...))
	}
}

func (d *demo) verdict() error {
	if len(d.wrong) == 0 {
		d.line("\nEverything went as it should.")
		return nil
	}
	for _, w := range d.wrong {
		d.line("NOT AS EXPECTED: %s", w)
	}
	return &asr.Error{Code: asr.CodeInternal, Message: fmt.Sprintf("%d expectations of the demo did not hold", len(d.wrong)), Do: "this is a defect: report it with the output above"}
}

// everything selects all failed findings, those that somebody suppressed too.
func everything() securityhub.Filter {
	f := securityhub.Open()
	f.Workflow = nil
	return f
}

// take pulls the findings from Security Hub's API.
func (d *demo) take(failed int) error {
	var total intake
	if err := d.sync(d.ctx, d.parts, everything(), &total); err != nil {
		return err
	}
	d.runs = total.Runs
	d.line("%d findings taken from Security Hub, %d runs claimed (the rest share a run, or nothing is to be done)", total.New, len(total.Runs))
	d.expect(total.New >= failed && total.Rejected == 0, "%d failed findings, %d taken, %d rejected", failed, total.New, total.Rejected)
	return nil
}

// plans makes all plans, and shows them before anything is changed.
func (d *demo) plans() error {
	d.title("Plans")
	for _, id := range d.runs {
		r, err := d.planned(id)
		if err != nil {
			return err
		}
		if r.Plan == nil {
			continue
		}
		d.line("%s  %s  %s  %s  [%s: %s]", r.Control, r.Target.Account, r.Target.Region, last(r.Target.ID), r.Decision.Mode, r.Decision.Reason)
		for _, c := range r.Plan.Changes {
			d.printChange(c)
		}
	}
	written := 0
	for _, c := range d.s.Calls() {
		if c.Principal.Session != "" && !readOnly(c.Operation) {
			written++
		}
	}
	d.expect(written == 0, "planning made %d calls that write", written)
	return nil
}

// planned steps a run until it has a plan, or can't have one.
func (d *demo) planned(id string) (asr.Run, error) {
	for {
		r, err := d.store.Run(d.ctx, id)
		if err != nil || r.State != asr.StateClaimed {
			return r, err
		}
		next, err := d.engine.Step(d.ctx, id)
		if err != nil {
			return r, err
		}
		time.Sleep(next.After)
	}
}

// readOnly tells from a name, for the journal of a gateway that knows no more.
func readOnly(operation string) bool {
	for _, prefix := range []string{"Get", "List", "Describe", "Head", "AssumeRole", "BatchGet"} {
		if len(operation) >= len(prefix) && operation[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}

// fix lets the policy have its way.
func (d *demo) fix() error {
	d.title("Fixing what the policy allows, verifying each by reading back")
	runs, err := d.drive(d.ctx, d.parts, d.runs)
	if err != nil {
		return err
	}
	counts := map[asr.State]int{}
	for _, r := range runs {
		counts[r.State]++
		d.expect(r.Decision.Mode != asr.ModeAuto || r.State == asr.StateVerified || r.State == asr.StateNothingToDo,
			"run %s (%s on %s) ended %s: %+v", r.ID, r.Control, r.Target.ID, r.State, r.Error)
		d.expect(r.Decision.Reason != "", "run %s has no reason", r.ID)
	}
	for _, s := range []asr.State{asr.StateVerified, asr.StateNothingToDo, asr.StateAwaiting, asr.StatePlanned, asr.StateCannotPlan, asr.StateCancelled, asr.StateFailed, asr.StatePartly, asr.StateConflict} {
		if counts[s] > 0 {
			d.line("%3d %s", counts[s], stateText(asr.Run{State: s}))
		}
	}
	d.expect(counts[asr.StateVerified] >= 10, "only %d runs were verified", counts[asr.StateVerified])
	return nil
}

// summary is the table of all findings.
func (d *demo) summary() error {
	d.title("What became of each finding")
	var rows [][]string
	err := d.eachFinding(func(f asr.Finding) error {
		row := []string{f.Control, f.Account, f.Region, short(last(f.Resource().ID), 44), string(f.Decision.Mode) + ": " + string(f.Decision.Reason), string(f.Outcome), "", ""}
		if f.Run != "" {
			r, err := d.store.Run(d.ctx, f.Run)
			if err != nil {
				return err
			}
			calls, err := d.store.Calls(d.ctx, r.ID)
			if err != nil {
				return err
			}
			row[4] = string(r.Decision.Mode) + ": " + string(r.Decision.Reason)
			row[5] += " (" + stateText(r) + ")"
			e := r.Effort(calls)
			row[6] = strconv.Itoa(e.Calls()) + " of " + strconv.Itoa(e.Most)
			d.expect(e.Calls() <= e.Most, "run %s made more calls than it needs: %+v", r.ID, e)
			if !r.EndedAt.IsZero() {
				row[7] = r.EndedAt.Sub(r.CreatedAt).Round(10 * time.Millisecond).String()
			}
		}
		rows = append(rows, row)
		return nil
	})
	slices.SortFunc(rows, func(a, b []string) int { return slices.Compare(a, b) })
	d.table([]string{"FINDING", "ACCOUNT", "REGION", "RESOURCE", "DECISION", "RESULT", "CALLS", "TOOK"}, rows)
	return err
}

func (d *demo) audit() error {
	if _, err := audit.Checkpoint(d.ctx, d.store, d.vault.Sign, time.Now()); err != nil {
		return err
	}
	report, err := audit.Verify(d.ctx, d.store, d.vault.Verify)
	if err != nil {
		return err
	}
	d.line("")
	d.printAudit(report)
	d.expect(len(report.Problems) == 0, "the audit log is not intact: %v", report.Problems)
	missing := d.s.Missing()
	d.expect(len(missing) == 0, "the emulator lacks calls that were made: %v", missing)
	return nil
}

// first finds a run of a control in a state.
func (d *demo) first(s asr.State, control string) (asr.Run, bool) {
	runs, _, err := d.store.Runs(d.ctx, asr.RunQuery{States: []asr.State{s}, Control: control})
	if err != nil || len(runs) == 0 {
		return asr.Run{}, false
	}
	return runs[len(runs)-1], true
}
