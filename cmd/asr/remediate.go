package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/cmd/asr/ask"
	"github.com/spf13/cobra"
)

// what is what plan and remediate are asked to work on.
type what struct {
	control, resource, account, region string
	params                             []string
}

func (w *what) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.control, "control", "", `control, by any of its names: "S3.2", "CIS.1.4.0/2.1.1"`)
	f.StringVar(&w.resource, "resource", "", "the resource's ARN")
	f.StringVar(&w.account, "account", "", "its account, if the ARN doesn't say (default: your own)")
	f.StringVar(&w.region, "in", "", "its Region, if the ARN doesn't say (default: --region)")
	f.StringArrayVar(&w.params, "param", nil, "parameter, as name=value; may be given again")
}

// asks turns flags and finding ids into requests.
func (w *what) asks(p *parts, me asr.Actor, findings []string) ([]asr.Ask, error) {
	if w.control != "" && w.resource == "" && !w.accountWide() {
		return nil, usageError{fmt.Errorf("%s is about a resource: name it with --resource", w.control)}
	}
	return ask.Words{Control: w.control, Resource: w.resource, Account: w.account, Region: w.region, Params: w.params, Findings: findings, Home: p.hub.Region}.Asks(me)
}

// accountWide reports whether the control is about an account, or unknown.
func (w *what) accountWide() bool {
	u, _, err := (&app{}).lookup(w.control)
	return err != nil || u.Spec.Scope != asr.ScopeResource
}

func planCommand(a *app) *cobra.Command {
	var w what
	cmd := &cobra.Command{
		Use:   "plan [FINDING…]",
		Short: "Show what would be changed, and change nothing",
		Example: `  asr plan --control S3.5 --resource arn:aws:s3:::my-bucket
  asr plan arn:aws:securityhub:…:finding/…`,
		RunE: func(cmd *cobra.Command, args []string) error {
			runs, err := a.plan(cmd.Context(), &w, args)
			if err != nil {
				return err
			}
			if err := a.printRuns(runs); err != nil {
				return err
			}
			return outcome(runs, asr.StatePlanned, asr.StateAwaiting, asr.StateScheduled, asr.StateApplying, asr.StateSettling)
		},
	}
	w.flags(cmd)
	return cmd
}

// plan makes plans under sessions that can't write.
func (a *app) plan(ctx context.Context, w *what, findings []string) ([]asr.Run, error) {
	if (w.control == "") == (len(findings) == 0) {
		return nil, usageError{errors.New("name findings by their ids, or a --control and its --resource")}
	}
	p, me, err := a.ready(ctx)
	if err != nil {
		return nil, err
	}
	asks, err := w.asks(p, me, findings)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, one := range asks {
		one.PlanOnly = true
		r, err := p.engine.Request(ctx, one)
		if err != nil {
			return nil, err
		}
		ids = append(ids, r.ID)
	}
	return a.driveWhile(ctx, p, ids, func(r asr.Run) bool { return r.State == asr.StateClaimed })
}

func (a *app) ready(ctx context.Context) (*parts, asr.Actor, error) {
	p, err := a.open(ctx)
	if err != nil {
		return nil, asr.Actor{}, err
	}
	me, err := p.sessions.Whoami(ctx)
	return p, me, err
}

// drive takes runs as far as they go, and returns them.
func (a *app) drive(ctx context.Context, p *parts, ids []string) ([]asr.Run, error) {
	return a.driveWhile(ctx, p, ids, func(r asr.Run) bool { return !r.Held(time.Now()) })
}

// driveWhile takes runs further while goOn says so: a plan never becomes more,
// though the run that it joined may be meant for more.
func (a *app) driveWhile(ctx context.Context, p *parts, ids []string, goOn func(asr.Run) bool) ([]asr.Run, error) {
	show := a.progress()
	err := p.pool.Drive(ctx, ids, func(r asr.Run) bool { show.run(r); return goOn(r) })
	if errors.Is(err, context.Canceled) {
		show.done()
		a.note("Interrupted. What was begun is kept, and goes on with: asr runs resume %s", strings.Join(ids, " "))
		return nil, exitError{exitFailed}
	}
	if err != nil {
		return nil, err
	}
	show.done()
	var runs []asr.Run
	for _, id := range ids {
		r, err := p.store.Run(ctx, id)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}

func (a *app) printRuns(runs []asr.Run) error {
	return a.print(runs, func() {
		for i, r := range runs {
			if i > 0 {
				a.line("")
			}
			a.printRun(r)
		}
	})
}

// outcome makes an exit code of where runs ended; good states beside the
// always good ones may be named.
func outcome(runs []asr.Run, good ...asr.State) error {
	code := exitDone
	for _, r := range runs {
		switch {
		case slices.Contains(good, r.State), slices.Contains([]asr.State{asr.StateVerified, asr.StateNothingToDo, asr.StateReverted}, r.State):
		case r.State == asr.StateAwaiting, r.Held(time.Now()):
			code = max(code, exitAsks)
		case r.State == asr.StateCancelled && r.Decision.Mode == asr.ModeOff:
			return exitError{exitRefused}
		default:
			return exitError{exitFailed}
		}
	}
	if code != exitDone {
		return exitError{code}
	}
	return nil
}

func remediateCommand(a *app) *cobra.Command {
	var w what
	cmd := &cobra.Command{
		Use:   "remediate [FINDING…]",
		Short: "Show the plan, ask, fix and verify",
		Long: `Shows the plan, asks, fixes and verifies. What the policy wants an approval for, or
what can't be put back, waits for asr approve (exit code 3).`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.remediate(cmd.Context(), &w, args) },
	}
	w.flags(cmd)
	return cmd
}

func (a *app) remediate(ctx context.Context, w *what, findings []string) error {
	planned, err := a.plan(ctx, w, findings)
	if err != nil {
		return err
	}
	var todo []asr.Run
	var under []string
	for _, r := range planned {
		switch {
		case r.State.Waits():
			todo = append(todo, r)
		case r.State.Open():
			under = append(under, r.ID)
		}
	}
	if !a.json || len(todo) == 0 {
		if err := a.printRuns(planned); err != nil {
			return err
		}
	}
	if len(under) > 0 { // somebody has started it: nothing is left to ask
		a.note("Carried out already: %s", strings.Join(under, ", "))
		return a.seeAll(ctx, under)
	}
	if len(todo) == 0 {
		return outcome(planned)
	}
	if err := a.confirm(fmt.Sprintf("Make these changes (%d)?", len(todo))); err != nil {
		return err
	}
	return a.carryOut(ctx, w, findings, todo)
}

// seeAll takes runs that are under way to their end and tells how they ended.
func (a *app) seeAll(ctx context.Context, ids []string) error {
	p, err := a.open(ctx)
	if err != nil {
		return err
	}
	runs, err := a.drive(ctx, p, ids)
	if err == nil {
		err = a.printRuns(runs)
	}
	if err != nil {
		return err
	}
	return outcome(runs)
}

// carryOut asks for what was planned and shown, and nothing else: a plan that
// is another by then waits for an approval.
func (a *app) carryOut(ctx context.Context, w *what, findings []string, todo []asr.Run) error {
	p, me, err := a.ready(ctx)
	if err != nil {
		return err
	}
	asks, err := w.asks(p, me, findings)
	if err != nil {
		return err
	}
	var ids []string
	for _, one := range asks {
		for _, r := range todo {
			if one.Control != "" || slices.Contains(r.Findings, one.Finding) {
				one.Hash = r.Plan.Hash
				started, err := p.engine.Request(ctx, one)
				if err != nil {
					return err
				}
				ids = append(ids, started.ID)
				break
			}
		}
	}
	runs, err := a.drive(ctx, p, ids)
	if err != nil {
		return err
	}
	if err := a.printRuns(runs); err != nil {
		return err
	}
	for _, r := range runs {
		if r.State == asr.StateAwaiting {
			a.note("Run %s waits for an approval: asr approve %s", r.ID, r.ID)
		}
	}
	return outcome(runs)
}
