package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/playbook"
)

// sizes are how many findings a store holds when it is measured.
var sizes = []int{10_000, 100_000, 1_000_000}

const (
	million  = 1_000_000
	accounts = 700
	asked    = 10 // times each query
)

// growth has the engine take a million findings in, as a new asr does that has no
// policy yet, and measures lists and counts on the way.
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
	e := asr.New(asr.Config{Store: s, Remediations: catalog.All(nil), Matcher: book, Vault: s.vault})
	l := newLoad(book, accounts)
	var rows []row
	var resident []float64
	stored := 0
	for _, size := range sizes {
		began, before := cpuTime(), stored
		for ; stored < size; stored += bulk {
			if err := s.takeIn(ctx, e, l, stored); err != nil {
				return nil, err
			}
		}
		took := cpuTime() - began
		measured, err := s.measure(ctx, l, size)
		if err != nil {
			return nil, err
		}
		resident = append(resident, megabytes("self"))
		rows = append(rows, row{what: "made, decoded, decided on and stored on the way to " + thousands(size), unit: "/s", value: float64(stored-before) / took.Seconds()})
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

// slowest is the set of filters whose pages take longest.
type slowest struct {
	name string
	took float64
}

// pages measures pages of 50 with each set of filters that people can set, the
// first and the one behind it.
func (s *shelf) pages(ctx context.Context, l load) (all float64, worst slowest, err error) {
	var took []float64
	for bits := range 1 << len(filters) {
		for _, rare := range []bool{false, true} {
			name, own, err := s.filtered(ctx, l, bits, rare)
			if err != nil {
				return 0, worst, err
			}
			if p := percentile(own, 95); p > worst.took {
				worst = slowest{name, p}
			}
			took = append(took, own...)
		}
	}
	return percentile(took, 95), worst, nil
}

// filtered measures pages with the filters whose bits are set.
func (s *shelf) filtered(ctx context.Context, l load, bits int, rare bool) (name string, took []float64, err error) {
	for n := range asked {
		q, names := asr.FindingQuery{Limit: 50}, []string(nil)
		for i, f := range filters {
			if bits>>i&1 == 1 {
				f.set(&q, l, n, rare)
				names = append(names, f.name)
			}
		}
		name = strings.Join(names, ", ")
		for range 2 {
			var next string
			ms, err := once(func() (err error) { _, next, err = s.Findings(ctx, q); return err })
			if err != nil {
				return "", nil, err
			}
			if took, q.Cursor = append(took, ms), next; next == "" {
				break
			}
		}
	}
	switch {
	case name == "":
		name = "none"
	case rare:
		name += "; rare values"
	}
	return name, took, nil
}

// filters are what people filter by: with the n-th of the values that many
// findings have, or one that few or none have.
var filters = []struct {
	name string
	set  func(q *asr.FindingQuery, l load, n int, rare bool)
}{
	{"account", func(q *asr.FindingQuery, l load, n int, _ bool) { q.Account = l.account(n) }},
	{"control", func(q *asr.FindingQuery, l load, n int, _ bool) { q.Control = l.control(n) }},
	{"Region", func(q *asr.FindingQuery, _ load, n int, rare bool) {
		if q.Region = regions[n%len(regions)]; rare {
			q.Region = rareRegion
		}
	}},
	{"severity", func(q *asr.FindingQuery, _ load, n int, rare bool) {
		if q.Severity = labels[n%len(labels)]; rare {
			q.Severity = "CRITICAL"
		}
	}},
	{"outcome", func(q *asr.FindingQuery, _ load, n int, rare bool) {
		if q.Outcomes = asr.Outcomes[n%3 : n%3+1]; rare {
			q.Outcomes = []asr.Outcome{asr.OutcomeReverted, asr.OutcomeStillFailed}
		}
	}},
	{"outcomes", func(q *asr.FindingQuery, _ load, _ int, rare bool) {
		if q.Outcomes = []asr.Outcome{asr.OutcomeOpen, asr.OutcomeRunning, asr.OutcomeClosed}; rare {
			q.Outcomes = []asr.Outcome{asr.OutcomeNotFixed, asr.OutcomeReverted, asr.OutcomeStillFailed}
		}
	}},
}

// rareRegion is a Region that few findings are in.
const rareRegion = "sa-east-1"

// takeIn ingests so many findings from the n-th on, and gives some of them the
// outcomes that come with time.
func (s *shelf) takeIn(ctx context.Context, e *asr.Engine, l load, from int) error {
	obs := l.observations(from, bulk)
	for i := range obs {
		if (from+i)%50_000 == 7 {
			obs[i].Region = rareRegion
		}
	}
	if in, err := e.Ingest(ctx, obs); err != nil {
		return err
	} else if in.New != bulk {
		return fmt.Errorf("%d of %d findings are new", in.New, bulk)
	}
	var b asr.Batch
	for i, o := range obs {
		outcome := outcomeOf(from + i)
		if outcome == asr.OutcomeOpen {
			continue
		}
		f, err := s.Finding(ctx, o.ID)
		if err != nil {
			return err
		}
		f.Outcome = outcome
		b.Findings = append(b.Findings, f)
	}
	return s.Commit(ctx, &b)
}

// outcomeOf is what became of the n-th finding: most stay open, a few are reverted.
func outcomeOf(n int) asr.Outcome {
	switch {
	case n%100_000 == 9:
		return asr.OutcomeReverted
	case n%10_000 == 11:
		return asr.OutcomeStillFailed
	case n%13 == 8:
		return asr.Outcomes[1+n/13%3]
	}
	return asr.OutcomeOpen
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
	return milliseconds(cpuTime() - began), err
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
