// Command bench measures what asr promises of its speed and size and prints a
// table with the limits beside. It runs from the module's root, on loopback
// only. A limit that isn't kept makes it fail.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"text/tabwriter"
)

// row is one measured thing; unit stands behind all numbers. A limit of 0 is none.
type row struct {
	what, unit         string
	value, least, most float64
}

// part is some rows that are measured together.
type part struct {
	name    string
	slow    bool // minutes
	measure func(context.Context) ([]row, error)
}

func parts() []part {
	return []part{
		{"intake", false, func(context.Context) ([]row, error) { return intake() }},
		{"upserts", false, upserts},
		{"runs", false, runs},
		{"process", false, process},
		{"functions", false, functions},
		{"replay", true, replays},
		{"audit", true, auditLog},
		{"growth", true, growth},
	}
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == idle {
		exit(serveNothing(context.Background()))
	}
	var w what
	flag.BoolVar(&w.quick, "quick", false, "leave out what takes minutes: a million findings")
	flag.StringVar(&w.only, "only", "", "only this part")
	flag.StringVar(&w.page, "write", "", "write the figures into this page")
	profile := flag.String("profile", "", "write a CPU profile to this file")
	flag.Parse()
	stop, err := profiled(*profile)
	if err == nil {
		err = run(context.Background(), w)
		stop()
	}
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// what is to be measured, and the page that it is written into.
type what struct {
	quick      bool
	only, page string
}

// profiled writes a CPU profile until stop is called, if there is a file for it.
func profiled(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // it is only for looking at
	}, pprof.StartCPUProfile(f)
}

func run(ctx context.Context, w what) error {
	var rows []row
	for _, p := range parts() {
		if p.slow && w.quick || w.only != "" && p.name != w.only {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring", p.name, "…")
		measured, err := p.measure(ctx)
		if err == nil && w.page != "" {
			err = write(w.page, p.name, measured)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		rows = append(rows, measured...)
	}
	return table(rows)
}

// write puts the figures into the page, between the comments that name them.
func write(page, name string, rows []row) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- end -->"
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no place for %s", page, name)
	}
	var b strings.Builder
	b.WriteString(before + begin + "| What | Value | Limit |\n|---|--:|--:|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.what, r.number(r.value), r.limit())
	}
	b.WriteString(end + after)
	return os.WriteFile(page, []byte(b.String()), 0o644) //nolint:gosec // a page of the documentation
}

// table prints the figures. The error says which limits are missed.
func table(rows []row) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "what\tvalue\tlimit\t")
	var broken error
	for _, r := range rows {
		note := ""
		if !r.kept() {
			note = "  missed"
			broken = errors.Join(broken, fmt.Errorf("%s: %s, and the limit is %s", r.what, r.number(r.value), r.limit()))
		}
		fmt.Fprintf(w, "%s\t%s\t%s%s\t\n", r.what, r.number(r.value), r.limit(), note)
	}
	return errors.Join(w.Flush(), broken)
}

func (r row) kept() bool { return (r.most == 0 || r.value <= r.most) && r.value >= r.least }

func (r row) limit() string {
	switch {
	case r.most > 0:
		return "≤ " + r.number(r.most)
	case r.least > 0:
		return "≥ " + r.number(r.least)
	}
	return ""
}

// number writes small ones with a decimal, large ones with a comma for thousands.
func (r row) number(v float64) string {
	if v < 1000 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + " " + r.unit
	}
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + " " + r.unit
}
