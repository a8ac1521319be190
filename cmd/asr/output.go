package main

import (
	"bufio"
	"bytes"
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

// line writes a line. What stands in the format is ours; what is put into it may
// be anybody's: a finding's title must not steer the terminal, nor look like a
// line of asr's. All that the commands print goes this way, or through print.
func (a *app) line(format string, args ...any) { fmt.Fprintln(a.out, inert(format, args...)) }

// note tells people something that is not data.
func (a *app) note(format string, args ...any) { fmt.Fprintln(a.errs, inert(format, args...)) }

// text writes several lines that were put together elsewhere.
func (a *app) text(lines string) {
	for line := range strings.Lines(lines) {
		a.line("%s", strings.TrimSuffix(line, "\n"))
	}
}

// paint is what steers the terminal with our will.
type paint string

// inert is Sprintf that makes a line of each text that it puts in.
func inert(format string, args ...any) string {
	safe := make([]any, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case paint:
			safe[i] = string(arg)
		case json.RawMessage:
			safe[i] = asr.Line(string(arg))
		case int, int64, float64:
			safe[i] = arg
		default:
			safe[i] = asr.Line(fmt.Sprint(arg))
		}
	}
	return fmt.Sprintf(format, safe...)
}

// print writes data as JSON if that is asked for, else as text does.
func (a *app) print(data any, text func()) error {
	if !a.json {
		text()
		return nil
	}
	var doc bytes.Buffer
	e := json.NewEncoder(&doc)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(data); err != nil {
		return err
	}
	_, err := a.out.Write(asr.Inert(doc.Bytes()))
	return err
}

// table writes rows under a head, in columns.
func (a *app) table(head []string, rows [][]string) {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = asr.Line(cell)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // the terminal's own errors are nobody's business
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
	fmt.Fprint(a.errs, inert("%s [y/N] ", question))
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
	a.line("Run %s: %s", r.ID, stateText(r))
	a.line("  %s (%s) on %s", r.Remediation, r.Control, r.Target.ID)
	a.line("  account %s, %s", r.Target.Account, r.Target.Region)
	a.line("  decision: %s (%s): %s", r.Decision.Mode, r.Decision.Reason, r.Decision.Why)
	approvals := r.Approvals
	if len(approvals) == 0 && r.Approval != nil {
		approvals = []asr.Approval{*r.Approval}
	}
	for _, yes := range approvals {
		a.line("  approved by %s at %s", yes.By.Name, ago(yes.At))
	}
	if n := r.Lacks(); r.State == asr.StateAwaiting && len(approvals) > 0 {
		a.line("  approvals still needed: %d", n)
	}
	if r.Plan != nil {
		a.printPlan(*r.Plan)
	}
	if len(r.Made) > 0 {
		a.line("  made: %s", strings.Join(r.Made, ", "))
	}
	a.printFailure(r.Error)
	if r.Undo != nil {
		a.printUndo(r)
	}
}

func stateText(r asr.Run) string { return strings.ReplaceAll(string(r.State), "_", " ") }

// printPlan shows the exact changes, and where each parameter comes from.
func (a *app) printPlan(p asr.Plan) {
	a.line("  plan %s, made %s by %s v%d", p.Hash, ago(p.MadeAt), p.Remediation, p.Version)
	var params map[string]json.RawMessage
	_ = json.Unmarshal(p.Params, &params) // a plan's parameters are an object
	for name, source := range p.Sources {
		a.line("    %s = %s  (%s)", name, params[name], source)
	}
	for _, c := range p.Changes {
		a.printChange(c)
	}
	for _, warning := range p.Warnings {
		a.line("    ! %s", warning)
	}
}

func (a *app) printChange(c asr.Change) {
	red, green, off := paint(""), paint(""), paint("")
	if terminal(a.out) {
		red, green, off = "\x1b[31m", "\x1b[32m", "\x1b[0m"
	}
	a.line("    %s", c.Field())
	if len(c.From) > 0 {
		a.line("      %s- %s%s", red, c.Was(), off)
	}
	if len(c.To) > 0 {
		a.line("      %s+ %s%s", green, c.Becomes(), off)
	}
}

func (a *app) printFailure(f *asr.Failure) {
	if f == nil {
		return
	}
	if f.Code == "" {
		a.line("  %s", f.Message)
		return
	}
	a.line("  %s: %s", f.Code, f.Message)
	if f.Do != "" {
		a.line("    → %s", f.Do)
	}
}

func (a *app) printUndo(r asr.Run) {
	u := r.Undo
	switch {
	case u.Refused != nil:
		a.line("  undo, asked by %s, was refused; nothing was changed:", u.By.Name)
		a.printFailure(u.Refused)
	case r.State == asr.StateReverted:
		a.line("  put back as %s asked", u.By.Name)
	}
	for _, c := range u.Overridden {
		a.line("  overwritten with --force: %s, which was %s", c.Field(), c.Becomes())
	}
	for _, left := range r.Left {
		a.line("  left behind: %s", left)
	}
}
