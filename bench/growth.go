package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/playbook"
)

// sizes are how many findings a store holds when it is measured.
var sizes = []int{10_000, 100_000, 1_000_000}

const (
	million  = 1_000_000
	accounts = 700
	asked    = 40 // times each query
)

// growth takes a million findings in, a page of Security Hub's at a time, and
// measures lists and counts on the way.
func growth(ctx context.Context) ([]row, error) {
	s, err := newShelf(ctx)
	if err != nil {
		return nil, err
	}
	defer s.drop()
	book, err := playbook.Load()
	if err != nil {
		return nil, err
	}
	l := newLoad(book, accounts)
	var rows []row
	var resident []float64
	stored := 0
	for _, size := range sizes {
		began, before := cpuTime(), stored
		for ; stored < size; stored += bulk {
			if err := commit(ctx, s, l.findings(stored, bulk), bulk); err != nil {
				return nil, err
			}
		}
		took := cpuTime() - began
		measured, err := s.measure(ctx, l, size)
		if err != nil {
			return nil, err
		}
		resident = append(resident, megabytes("self"))
		rows = append(rows, row{what: "made, decoded and stored on the way to " + thousands(size), unit: "/s", value: float64(stored-before) / took.Seconds()})
		rows = append(rows, measured...)
		rows = append(rows, row{what: "resident memory with " + thousands(size), unit: "MB", value: resident[len(resident)-1]})
	}
	last := len(resident) - 1
	return append(rows, row{what: "resident memory that 900,000 findings more take", unit: "MB", value: max(0.1, resident[last]-resident[last-1]), most: 20}), nil
}

// measure measures a store of so many findings. Only the largest has limits.
func (s *shelf) measure(ctx context.Context, l load, size int) ([]row, error) {
	most := 0.0
	if size == million {
		most = 50
	}
	pages, worst, err := s.pages(ctx, l)
	if err != nil {
		return nil, err
	}
	counts, err := p95(asked, func(int) error { _, err := s.Counts(ctx); return err })
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(filepath.Join(s.dir, "asr.db"))
	if err != nil {
		return nil, err
	}
	of := " of " + thousands(size) + " findings"
	return []row{
		{what: "a page of 50" + of + ", filtered and sorted, p95", unit: "ms", value: pages, most: most},
		{what: "the same, p95 of the slowest filter (" + worst.name + ")", unit: "ms", value: worst.took, most: most},
		{what: "counts" + of + " by outcome, severity, control, account, p95", unit: "ms", value: counts, most: most},
		{what: "the file" + of, unit: "MB", value: float64(info.Size()) / 1e6},
	}, nil
}

// slowest is the filter whose pages take longest.
type slowest struct {
	name string
	took float64
}

// pages measures pages of 50 with each filter that people set, the first and the
// one behind it.
func (s *shelf) pages(ctx context.Context, l load) (all float64, worst slowest, err error) {
	var took []float64
	for _, f := range filters {
		var own []float64
		for n := range asked {
			q := f.query(l, n)
			q.Limit = 50
			for range 2 {
				var next string
				ms, err := once(func() (err error) { _, next, err = s.Findings(ctx, q); return err })
				if err != nil {
					return 0, worst, err
				}
				if own, q.Cursor = append(own, ms), next; next == "" {
					break
				}
			}
		}
		if p := percentile(own, 95); p > worst.took {
			worst = slowest{f.name, p}
		}
		took = append(took, own...)
	}
	return percentile(took, 95), worst, nil
}

var filters = []struct {
	name  string
	query func(l load, n int) asr.FindingQuery
}{
	{"none", func(load, int) asr.FindingQuery { return asr.FindingQuery{} }},
	{"account", func(l load, n int) asr.FindingQuery { return asr.FindingQuery{Account: l.account(n)} }},
	{"control", func(l load, n int) asr.FindingQuery { return asr.FindingQuery{Control: l.control(n)} }},
	{"Region", func(_ load, n int) asr.FindingQuery { return asr.FindingQuery{Region: regions[n%len(regions)]} }},
	{"severity", func(_ load, n int) asr.FindingQuery { return asr.FindingQuery{Severity: labels[n%len(labels)]} }},
	{"outcome", func(load, int) asr.FindingQuery { return asr.FindingQuery{Outcomes: []asr.Outcome{asr.OutcomeOpen}} }},
	{"an outcome that none has", func(load, int) asr.FindingQuery {
		return asr.FindingQuery{Outcomes: []asr.Outcome{asr.OutcomeReverted}}
	}},
	{"account and severity", func(l load, n int) asr.FindingQuery {
		return asr.FindingQuery{Account: l.account(n), Severity: "CRITICAL"}
	}},
	{"account and control", func(l load, n int) asr.FindingQuery {
		return asr.FindingQuery{Account: l.account(n), Control: l.control(n)}
	}},
	{"control and Region", func(l load, n int) asr.FindingQuery {
		return asr.FindingQuery{Control: l.control(n), Region: "us-west-2"}
	}},
	{"severity, Region and outcome", func(_ load, n int) asr.FindingQuery {
		return asr.FindingQuery{Severity: "CRITICAL", Region: regions[n%len(regions)], Outcomes: []asr.Outcome{asr.OutcomeOpen}}
	}},
}

func p95(times int, f func(n int) error) (float64, error) {
	var all []float64
	for n := range times {
		ms, err := once(func() error { return f(n) })
		if err != nil {
			return 0, err
		}
		all = append(all, ms)
	}
	return percentile(all, 95), nil
}

// once is the CPU time that f takes, in milliseconds.
func once(f func() error) (float64, error) {
	began := cpuTime()
	err := f()
	return float64((cpuTime() - began).Microseconds()) / 1000, err
}

func percentile(all []float64, p int) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[min(len(all)-1, len(all)*p/100)]
}

// megabytes is what a process ("self", or its id) holds of the machine's memory.
func megabytes(process string) float64 {
	if process == "self" {
		debug.FreeOSMemory()
	}
	text, err := os.ReadFile(filepath.Join("/proc", process, "status"))
	if err != nil {
		return 0 // not on this system
	}
	for line := range strings.Lines(string(text)) {
		if kB, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kB), "kB"))) // the kernel's own
			return float64(n) / 1000
		}
	}
	return 0
}

func thousands(n int) string { return strings.TrimSpace(row{}.number(float64(n))) }

// early is before anything that is measured happened.
var early = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
