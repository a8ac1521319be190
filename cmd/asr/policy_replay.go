package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/policy"
	"example.com/asr/replay"
	"github.com/spf13/cobra"
)

// over is which stored findings are decided on, and when.
type over struct {
	since, at string
	top       int
}

func (o *over) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "", "only findings that were updated in that time: 12h, 7d, 4w (default: all)")
	f.StringVar(&o.at, "at", "", "decide as at this time, such as 2026-03-04T12:00:00Z (default: now)")
	f.IntVar(&o.top, "top", 10, "list at most so many")
}

var sinces = regexp.MustCompile(`^([1-9]\d{0,4})([hdw])$`)

// times are when it is decided, and since when findings count.
func (o *over) times() (at, since time.Time, err error) {
	at = time.Now().UTC().Truncate(time.Second)
	if o.at != "" {
		if at, err = time.Parse(time.RFC3339, o.at); err != nil {
			return at, since, usageError{fmt.Errorf("--at %s: write it as 2026-03-04T12:00:00Z", o.at)}
		}
		at = at.UTC()
	}
	if o.since == "" {
		return at, since, nil
	}
	m := sinces.FindStringSubmatch(o.since)
	if m == nil {
		return at, since, usageError{fmt.Errorf("--since %s: write hours, days or weeks, such as 12h, 7d or 4w", o.since)}
	}
	n, _ := strconv.Atoi(m[1]) // digits
	unit := map[string]time.Duration{"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[m[2]]
	return at, at.Add(-time.Duration(n) * unit), nil
}

// judges are engines that would decide by policies at a time.
func (a *app) judges(ctx context.Context, p *parts, at time.Time, policies ...*policy.Policy) (engines []*asr.Engine, err error) {
	c := p.config
	c.Clock = func() time.Time { return at }
	if c.Store, err = replay.Remember(ctx, p.store); err != nil {
		return nil, err
	}
	if c.Accounts, err = a.openAccounts(p, slices.ContainsFunc(policies, (*policy.Policy).NeedsAccounts)); err != nil {
		return nil, err
	}
	for _, by := range policies {
		c.Policy = by
		engines = append(engines, asr.New(c))
	}
	return engines, nil
}

// replayed is a replay as it is printed.
type replayed struct {
	At     time.Time `json:"at"`
	Since  time.Time `json:"since,omitzero"`
	Policy string    `json:"policy,omitempty"` // file or folder
	replay.Report
}

func policyReplay(a *app) *cobra.Command {
	var o over
	cmd := &cobra.Command{
		Use: "replay", Short: "Say what the policy would decide about the findings that are stored", Args: cobra.NoArgs,
		Long: `Says what the policy, or the one that --policy names, would decide about each stored
finding if it were reported anew: what would be fixed, asked, observed or skipped,
and why. The last run of each finding counts, as it does when findings come in.
Nothing is started or stored. With --at the same findings make the same output.`,
		Example: "  asr policy replay --since 7d --policy new.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, since, err := o.times()
			if err != nil {
				return err
			}
			p, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			engines, err := a.judges(cmd.Context(), p, at, p.policy)
			if err != nil {
				return err
			}
			report, err := replay.Run(cmd.Context(), p.store, engines[0], since)
			if err != nil {
				return err
			}
			r := replayed{At: at, Since: since, Report: report}
			if p.policy != nil {
				r.Policy = p.policy.File
			}
			return a.print(r, func() { a.printReplay(r, o.top) })
		},
	}
	o.flags(cmd)
	return cmd
}

// would is what a mode comes to, for people.
var would = map[asr.Mode]string{asr.ModeAuto: "fix", asr.ModeAsk: "ask", asr.ModeObserve: "observe", asr.ModeOff: "skip"}

func (a *app) printReplay(r replayed, top int) {
	by := "without a policy"
	if r.Policy != "" {
		by = "by " + r.Policy
	}
	a.line("%s, decided %s as at %s", counted(r.Findings, "finding")+sinceText(r.Since), by, r.At.Format(time.RFC3339))
	if r.Findings == 0 {
		a.noteNone(r.Since)
		return
	}
	a.line("")
	var rows [][]string
	for _, k := range r.Decisions {
		note := ""
		if k.Runs > 0 {
			note = "in " + counted(k.Runs, "run")
		}
		if k.Waiting > 0 {
			note += fmt.Sprintf("; %d outside their window", k.Waiting)
		}
		rows = append(rows, []string{would[k.Mode], string(k.Reason), strconv.Itoa(k.Findings), note})
	}
	a.table([]string{"WOULD", "REASON", "FINDINGS", ""}, rows)
	a.printGroups("CONTROL", r.Controls, top)
	a.printGroups("ACCOUNT", r.Accounts, top)
	a.printGroups("RULE", r.Rules, top)
}

func (a *app) printGroups(head string, groups []replay.Group, top int) {
	if len(groups) == 0 {
		return
	}
	var rows [][]string
	for _, g := range groups[:min(top, len(groups))] {
		rows = append(rows, []string{g.Name, strconv.Itoa(g.Auto), strconv.Itoa(g.Ask), strconv.Itoa(g.Observe), strconv.Itoa(g.Off)})
	}
	a.line("")
	a.table([]string{head, "FIX", "ASK", "OBSERVE", "SKIP"}, rows)
	if more := len(groups) - top; more > 0 {
		a.line("and %d more (--top, --json)", more)
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func sinceText(since time.Time) string {
	if since.IsZero() {
		return ""
	}
	return " updated since " + since.Format(time.RFC3339)
}

// noteNone says what to do where there are no findings at all.
func (a *app) noteNone(since time.Time) {
	if since.IsZero() {
		a.note("Take findings in first: asr findings sync --take-only, or asr findings import --take-only FILE.")
	}
}

// compared is a difference as it is printed.
type compared struct {
	At    time.Time `json:"at"`
	Since time.Time `json:"since,omitzero"`
	Old   string    `json:"old"`
	New   string    `json:"new"`
	replay.Difference
}

func policyDiff(a *app) *cobra.Command {
	var o over
	var examples int
	var failOn string
	cmd := &cobra.Command{
		Use: "diff OLD NEW", Short: "Say which stored findings a new policy would decide otherwise", Args: cobra.ExactArgs(2),
		Long: `Says which stored findings the policy NEW would decide otherwise than OLD, what
becomes automatic first. Both are files or folders. Nothing is started or stored.`,
		Example: "  asr policy diff policy.yaml new.yaml --fail-on automatic",
		RunE: func(cmd *cobra.Command, args []string) error {
			at, since, err := o.times()
			if err != nil {
				return err
			}
			if !slices.Contains([]string{"", "automatic", "any"}, failOn) {
				return usageError{errors.New("--fail-on takes automatic or any")}
			}
			d, err := a.diff(cmd.Context(), args[0], args[1], at, since, examples)
			if err != nil {
				return err
			}
			if err := a.print(d, func() { a.printDiff(d, o.top) }); err != nil {
				return err
			}
			if failOn == "any" && d.Changed > 0 || failOn == "automatic" && d.Automatic > 0 {
				return exitError{exitFailed}
			}
			return nil
		},
	}
	o.flags(cmd)
	cmd.Flags().IntVar(&examples, "examples", 3, "of each change, so many")
	cmd.Flags().StringVar(&failOn, "fail-on", "", "exit with code 1 if a finding becomes automatic, or if any changes: automatic, any")
	return cmd
}

func (a *app) diff(ctx context.Context, before, after string, at, since time.Time, examples int) (d compared, err error) {
	a.policyFile = before
	p, err := a.open(ctx)
	if err != nil {
		return d, err
	}
	next, err := policy.Load(after)
	if err != nil {
		return d, err
	}
	engines, err := a.judges(ctx, p, at, p.policy, next)
	if err != nil {
		return d, err
	}
	d = compared{At: at, Since: since, Old: before, New: after}
	d.Difference, err = replay.Diff(ctx, p.store, engines[0], engines[1], since, examples)
	return d, err
}

// headings are what changes come under.
var headings = map[replay.Effect]string{
	replay.Automatic: "BECOMES AUTOMATIC: would be fixed without anybody's yes",
	replay.More:      "More than before, not automatic",
	replay.Other:     "As much as before, otherwise",
	replay.Less:      "Less than before",
}

func (a *app) printDiff(d compared, top int) {
	a.line("%d of %s would be decided otherwise by %s than by %s, as at %s", d.Changed, counted(d.Findings, "finding")+sinceText(d.Since), d.New, d.Old, d.At.Format(time.RFC3339))
	if d.Findings == 0 {
		a.noteNone(d.Since)
	}
	under := replay.Effect("")
	for _, c := range d.Changes[:min(top, len(d.Changes))] {
		if c.Effect != under {
			under = c.Effect
			a.printHeading(under, d.Changes)
		}
		a.line("  %s (%s) → %s (%s): %s%s", would[c.From.Mode], c.From.Reason, would[c.To.Mode], c.To.Reason, counted(c.Findings, "finding"), besides(c.What))
		for _, x := range c.Examples {
			a.line("    %s %s %s %s\n      was:  %s\n      will: %s", x.Control, x.Account, x.Region, x.Resource, x.Was, x.Will)
		}
		if more := c.Findings - len(c.Examples); more > 0 && len(c.Examples) > 0 {
			a.line("    and %d more", more)
		}
	}
	if more := len(d.Changes) - top; more > 0 {
		a.line("\nand %d more kinds of change (--top, --json)", more)
	}
}

func (a *app) printHeading(e replay.Effect, changes []replay.Change) {
	red, off, n := paint(""), paint(""), 0
	if terminal(a.out) && e == replay.Automatic {
		red, off = "\x1b[1;31m", "\x1b[0m"
	}
	for _, c := range changes {
		if c.Effect == e {
			n += c.Findings
		}
	}
	a.line("\n%s%s (%d)%s", red, headings[e], n, off)
}

// besides are the parts of a decision that change other than mode and reason.
func besides(what []string) string {
	what = slices.DeleteFunc(slices.Clone(what), func(w string) bool { return w == "mode" || w == "reason" })
	if len(what) == 0 {
		return ""
	}
	return ", with other " + strings.Join(what, " and ")
}
