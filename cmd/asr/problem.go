package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"example.com/asr"
	"example.com/asr/cmd/asr/ask"
	"example.com/asr/server"
	"github.com/spf13/cobra"
)

// problem is the flags that name all runs of a problem, in the place of one run.
type problem struct {
	asr.Problem
	params []string
	digest string
	show   bool
}

func (p *problem) flags(cmd *cobra.Command, what string) {
	f := cmd.Flags()
	f.StringVar(&p.Control, "control", "", what+" all runs of this control that ask, instead of one run")
	f.StringVar(&p.Remediation, "remediation", "", "the same, of this remediation")
	f.StringSliceVar(&p.Accounts, "account", nil, "with --control or --remediation: only in these accounts")
	f.StringSliceVar(&p.Regions, "in", nil, "with --control or --remediation: only in these Regions")
	f.StringArrayVar(&p.params, "param", nil, "with --control or --remediation: only with this parameter, as name=value; may be given again")
	f.BoolVar(&p.Irreversible, "irreversible", false, "with --control or --remediation: also what can't be put back")
	f.BoolVar(&p.HighRisk, "high-risk", false, "with --control or --remediation: also what has a high risk")
	f.StringVar(&p.digest, "digest", "", "with --control or --remediation: only if these are the runs and plans that an earlier look showed")
	f.BoolVar(&p.show, "show", false, "with --control or --remediation: only show them")
}

// meant reports whether a problem is named instead of a run.
func (p *problem) meant(args []string) (bool, error) {
	named := p.Control != "" || p.Remediation != ""
	more := len(p.Accounts)+len(p.Regions)+len(p.params) > 0 || p.Irreversible || p.HighRisk || p.digest != "" || p.show
	switch {
	case named == (len(args) > 0), !named && more:
		return false, usageError{errors.New("name a run, or a --control (or --remediation) for all of its runs that ask")}
	case !named:
		return false, nil
	}
	var err error
	if p.params != nil {
		p.Params, err = ask.Params(p.params)
	}
	return true, err
}

// desk is where a problem is looked at and answered: here, or at a hub.
type desk struct {
	look   func(context.Context, asr.Problem) (asr.Look, error)
	answer func(context.Context, server.Verdict) (server.Outcome, error)
}

// settle shows the runs of a problem, asks, and answers exactly those. ok is
// false if nothing was answered.
func (a *app) settle(ctx context.Context, p *problem, d desk, question, note string) (out server.Outcome, ok bool, err error) {
	l, err := d.look(ctx, p.Problem)
	if err != nil {
		return out, false, err
	}
	if p.show {
		return out, false, a.print(l, func() { a.printLook(l) })
	}
	if p.digest != "" && p.digest != l.Digest {
		return out, false, &asr.Error{Code: asr.CodeStalePlan, Message: "these are other runs or plans by now: their digest is " + l.Digest, Do: "look again with --show"}
	}
	if !a.json {
		a.printLook(l)
	}
	if len(l.Runs) == 0 {
		if a.json {
			err = a.print(server.Outcome{Answered: asr.Answered{Digest: l.Digest, Taken: []asr.Taken{}, Left: l.Left}}, nil)
		}
		if err == nil && len(l.Left) > 0 {
			err = exitError{exitAsks}
		}
		return out, false, err
	}
	if err := a.confirm(fmt.Sprintf(question, len(l.Runs))); err != nil {
		return out, false, err
	}
	v := server.Verdict{Problem: l.Problem, Digest: l.Digest, Note: note}
	for _, r := range l.Runs {
		v.Runs = append(v.Runs, r.Seen)
	}
	out, err = d.answer(ctx, v)
	return out, err == nil, err
}

// here is the engine of this machine.
func here(p *parts, me asr.Actor, approve bool) desk {
	return desk{
		func(ctx context.Context, what asr.Problem) (asr.Look, error) {
			return p.engine.Look(ctx, what, me, nil)
		},
		func(ctx context.Context, v server.Verdict) (out server.Outcome, err error) {
			out.Answered, err = p.engine.Answer(ctx, asr.Verdict{Problem: v.Problem, Runs: v.Runs, Digest: v.Digest, Note: v.Note, Approve: approve, By: me}, nil)
			return out, err
		},
	}
}

const (
	approveAll = "Approve these plans (%d)?"
	rejectAll  = "Reject these plans (%d)?"
)

// approveProblem approves all runs of a problem and carries them out.
func (a *app) approveProblem(ctx context.Context, what *problem, note string) error {
	p, me, err := a.ready(ctx)
	if err != nil {
		return err
	}
	out, ok, err := a.settle(ctx, what, here(p, me, true), approveAll, note)
	if err != nil || !ok {
		return err
	}
	var ids []string
	for _, t := range out.Taken {
		ids = append(ids, t.Run)
	}
	runs, err := a.drive(ctx, p, ids)
	if err != nil {
		return err
	}
	if err := a.print(map[string]any{"batch": out.Batch, "digest": out.Digest, "taken": out.Taken, "left": out.Left, "runs": runs}, func() {
		a.printAnswered(out)
		a.table(runHead, runRows(runs))
	}); err != nil {
		return err
	}
	return cmp.Or(outcome(runs), unanswered(out))
}

// rejectProblem rejects all runs of a problem.
func (a *app) rejectProblem(ctx context.Context, what *problem, note string) error {
	p, me, err := a.ready(ctx)
	if err != nil {
		return err
	}
	out, ok, err := a.settle(ctx, what, here(p, me, false), rejectAll, note)
	if err != nil || !ok {
		return err
	}
	return cmp.Or(a.print(out, func() { a.printAnswered(out) }), unanswered(out))
}

// settle answers at the hub, which carries out what is approved.
func (h *hubCommands) settle(ctx context.Context, what *problem, verb, question, note string) error {
	out, ok, err := h.app.settle(ctx, what, desk{
		func(ctx context.Context, p asr.Problem) (l asr.Look, err error) {
			return l, h.ask(ctx, "POST", "/v1/problem", nil, p, &l)
		},
		func(ctx context.Context, v server.Verdict) (out server.Outcome, err error) {
			return out, h.ask(ctx, "POST", "/v1/problem/"+verb, nil, v, &out)
		},
	}, question, note)
	if err != nil || !ok {
		return err
	}
	return cmp.Or(h.print(out, func() { h.printAnswered(out) }), unanswered(out))
}

// unanswered is the exit code for runs that were shown or came since and wait still.
func unanswered(out server.Outcome) error {
	waits := slices.ContainsFunc(out.Taken, func(t asr.Taken) bool { return t.Lacks > 0 })
	if len(out.Left) > 0 || waits {
		return exitError{exitAsks}
	}
	return nil
}

// printLook shows how many runs there are where, each different change once,
// and what isn't meant.
func (a *app) printLook(l asr.Look) {
	a.line("%d runs ask, digest %s", len(l.Runs), l.Digest)
	if l.More > 0 {
		a.line("%d more ask, and are for the next time", l.More)
	}
	if len(l.Runs) > 0 {
		a.table([]string{"ACCOUNT", "REGION", "RUNS"}, places(l.Runs))
	}
	for i, s := range l.Shapes {
		a.line("\nChange %d of %d: %s v%d, %d runs, such as %s", i+1, len(l.Shapes), s.Remediation, s.Version, s.Runs, s.Example)
		a.line("    parameters %s", s.Params)
		for _, e := range s.Changes {
			a.line("    %s\n      - %s\n      + %s", e.Field, e.Was, e.Becomes)
			if e.Keep != "" {
				a.line("      can't be put back: %s", e.Keep)
			}
			if e.Makes != "" {
				a.line("      makes %s", e.Makes)
			}
		}
		for _, w := range s.Warnings {
			a.line("    ! %s", w)
		}
	}
	if len(l.Left) > 0 {
		a.line("")
	}
	a.printLeft("Not meant, though they ask:", l.Left)
}

func places(runs []asr.Asking) (rows [][]string) {
	count := map[string]int{}
	for _, r := range runs {
		count[r.Account+" "+r.Region]++
	}
	for _, place := range slices.Sorted(maps.Keys(count)) {
		account, region, _ := strings.Cut(place, " ")
		rows = append(rows, []string{account, region, strconv.Itoa(count[place])})
	}
	return rows
}

func (a *app) printLeft(head string, left []asr.LeftOut) {
	if len(left) == 0 {
		return
	}
	a.line("%s", head)
	var rows [][]string
	for _, l := range left {
		rows = append(rows, []string{l.Run, l.Account, l.Region, l.Reason, l.Why})
	}
	a.table([]string{"RUN", "ACCOUNT", "REGION", "REASON", "WHY"}, rows)
}

func (a *app) printAnswered(out server.Outcome) {
	lack := 0
	for _, t := range out.Taken {
		if t.Lacks > 0 {
			lack++
		}
	}
	a.line("Batch %s: %d runs are answered", out.Batch, len(out.Taken))
	if lack > 0 {
		a.line("%d of them need approvals of others still", lack)
	}
	if len(out.Unstarted) > 0 {
		a.line("%d couldn't be started at once; the hub starts them within some minutes: %s", len(out.Unstarted), strings.Join(out.Unstarted, ", "))
	}
	a.printLeft("Left as they are:", out.Left)
}
