// Command bench measures what asr promises of its speed and size and prints a
// table with the limits beside. It runs from the module's root, on loopback
// only. A limit that isn't kept makes it fail.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
)

// row is one measured thing; unit stands behind both numbers.
type row struct {
	what, unit  string
	value, most float64
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	rows, err := functions(ctx)
	if err != nil {
		return err
	}
	verified, err := auditLog(ctx)
	if err != nil {
		return err
	}
	rows = append(rows, verified...)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "what\tvalue\tlimit\t")
	var broken error
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.1f %s\t%.0f %s\t\n", r.what, r.value, r.unit, r.most, r.unit)
		if r.value > r.most {
			broken = errors.Join(broken, fmt.Errorf("%s: %.1f %s is more than %.0f", r.what, r.value, r.unit, r.most))
		}
	}
	return errors.Join(w.Flush(), broken)
}
