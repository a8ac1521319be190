package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"example.com/asr"
	"golang.org/x/term"
)

// print writes data as JSON if that is asked for, else as text does.
func (a *app) print(data any, text func()) error {
	if !a.json {
		text()
		return nil
	}
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(data)
}

// table writes rows under a head, in columns.
func (a *app) table(head []string, rows [][]string) {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(head, "\t"))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = printable(cell)
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // the terminal's own errors are nobody's business
}

// printable takes control characters out of text that others wrote: a
// finding's title must not steer the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '·'
		}
		return r
	}, s)
}

// short cuts a text to n characters.
func short(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// last is the telling end of an ARN.
func last(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	return parts[len(parts)-1]
}

func ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format("2006-01-02 15:04:05")
}

// terminal reports whether a stream is one, where a person can answer.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// confirm asks a person. Where there is none to ask, --yes must have been given.
func (a *app) confirm(question string) error {
	if a.yes {
		return nil
	}
	if !terminal(a.in) {
		return usageError{errors.New("this changes something: give --yes, or run it on a terminal")}
	}
	fmt.Fprintf(a.errs, "%s [y/N] ", question)
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if s := strings.ToLower(strings.TrimSpace(answer)); s == "y" || s == "yes" {
		return nil
	}
	a.note("Nothing was changed.")
	return exitError{exitFailed}
}

// printRun shows one run with its plan and what came of it.
func (a *app) printRun(r asr.Run) {
	w := a.out
	fmt.Fprintf(w, "Run %s: %s\n", r.ID, stateText(r))
	fmt.Fprintf(w, "  %s (%s) on %s\n", r.Remediation, r.Control, printable(r.Target.ID))
	fmt.Fprintf(w, "  account %s, %s\n", r.Target.Account, r.Target.Region)
	fmt.Fprintf(w, "  decision: %s (%s): %s\n", r.Decision.Mode, r.Decision.Reason, printable(r.Decision.Why))
	approvals := r.Approvals
	if len(approvals) == 0 && r.Approval != nil {
		approvals = []asr.Approval{*r.Approval}
	}
	for _, a := range approvals {
		fmt.Fprintf(w, "  approved by %s at %s\n", a.By.Name, ago(a.At))
	}
	if n := r.Lacks(); r.State == asr.StateAwaiting && len(approvals) > 0 {
		fmt.Fprintf(w, "  approvals still needed: %d\n", n)
	}
	if r.Plan != nil {
		a.printPlan(*r.Plan)
	}
	if len(r.Made) > 0 {
		fmt.Fprintf(w, "  made: %s\n", strings.Join(r.Made, ", "))
	}
	a.printFailure(r.Error)
	if r.Undo != nil {
		a.printUndo(r)
	}
}

func stateText(r asr.Run) string { return strings.ReplaceAll(string(r.State), "_", " ") }

// printPlan shows the exact changes, and where each parameter comes from.
func (a *app) printPlan(p asr.Plan) {
	fmt.Fprintf(a.out, "  plan %s, made %s by %s v%d\n", p.Hash, ago(p.MadeAt), p.Remediation, p.Version)
	var params map[string]json.RawMessage
	_ = json.Unmarshal(p.Params, &params) // a plan's parameters are an object
	for name, source := range p.Sources {
		fmt.Fprintf(a.out, "    %s = %s  (%s)\n", name, printable(string(params[name])), source)
	}
	for _, c := range p.Changes {
		a.printChange(c)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(a.out, "    ! %s\n", printable(warning))
	}
}

func (a *app) printChange(c asr.Change) {
	red, green, off := "", "", ""
	if terminal(a.out) {
		red, green, off = "\x1b[31m", "\x1b[32m", "\x1b[0m"
	}
	fmt.Fprintf(a.out, "    %s\n", printable(c.Field()))
	if len(c.From) > 0 {
		fmt.Fprintf(a.out, "      %s- %s%s\n", red, printable(c.Was()), off)
	}
	if len(c.To) > 0 {
		fmt.Fprintf(a.out, "      %s+ %s%s\n", green, printable(c.Becomes()), off)
	}
}

func (a *app) printFailure(f *asr.Failure) {
	if f == nil {
		return
	}
	if f.Code == "" {
		fmt.Fprintf(a.out, "  %s\n", printable(f.Message))
		return
	}
	fmt.Fprintf(a.out, "  %s: %s\n", f.Code, printable(f.Message))
	if f.Do != "" {
		fmt.Fprintf(a.out, "    → %s\n", printable(f.Do))
	}
}

func (a *app) printUndo(r asr.Run) {
	u := r.Undo
	switch {
	case u.Refused != nil:
		fmt.Fprintf(a.out, "  undo, asked by %s, was refused; nothing was changed:\n", u.By.Name)
		a.printFailure(u.Refused)
	case r.State == asr.StateReverted:
		fmt.Fprintf(a.out, "  put back as %s asked\n", u.By.Name)
	}
	for _, c := range u.Overridden {
		fmt.Fprintf(a.out, "  overwritten with --force: %s, which was %s\n", printable(c.Field()), printable(c.Becomes()))
	}
	for _, left := range r.Left {
		fmt.Fprintf(a.out, "  left behind: %s\n", printable(left))
	}
}
