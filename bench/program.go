package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// starts is how often a program is started; the median counts.
const starts = 20

// program is one of this module's, as it is delivered.
type program struct {
	path string
	dir  string // of its own
}

func build(ctx context.Context, name string, flags ...string) (p program, err error) {
	if p.dir, err = os.MkdirTemp("", "asr-bench"); err != nil {
		return p, err
	}
	p.path = filepath.Join(p.dir, name)
	args := append([]string{"build", "-ldflags", "-s -w", "-o", p.path}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/"+name)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		p.drop()
		return p, fmt.Errorf("build ./cmd/%s: %w", name, err)
	}
	return p, nil
}

func (p program) drop() { _ = os.RemoveAll(p.dir) } // what is left is in the folder for such things

// start is what a start took: on the clock, which means little while others use
// the machine, and of the processor, in milliseconds.
type start struct{ clock, cpu float64 }

// used is what a process that has ended took of the processor, in milliseconds.
func used(cmd *exec.Cmd) float64 {
	return milliseconds(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime())
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// started is the median of the starts.
func started(once func() (start, error)) (s start, err error) {
	var clock, cpu []float64
	for range starts {
		one, err := once()
		if err != nil {
			return s, err
		}
		clock, cpu = append(clock, one.clock), append(cpu, one.cpu)
	}
	return start{median(clock), median(cpu)}, nil
}

func median(all []float64) float64 { return percentile(all, 50) }

func percentile(all []float64, p int) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[min(len(all)-1, len(all)*p/100)]
}

// rows are a start's: the limit is on the processor's time.
func (s start) rows(what string, most float64) []row {
	of := fmt.Sprintf(", median of %d", starts)
	return []row{
		{what: what + ", CPU time" + of, unit: "ms", value: s.cpu, most: most},
		{what: what + ", by the clock" + of, unit: "ms", value: s.clock},
	}
}
