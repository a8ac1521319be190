// Command scale simulates backlogs under limits, and writes what comes out: the
// tables between the markers of docs/deploy/scale.md, and the curves in
// docs/deploy/scale.svg. It runs from the module's root (make scale) and takes
// some 20 seconds of a processor, so a test compares the smallest cases only.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
)

const (
	page    = "docs/deploy/scale.md"
	picture = "docs/deploy/scale.svg"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	for name, t := range tables() {
		var rows bytes.Buffer
		rows.WriteString(t.head)
		for _, c := range t.cases {
			o, err := simulate(ctx, c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			rows.WriteString(t.row(c, o))
			if c.drawn {
				if err := os.WriteFile(picture, draw(o), 0o644); err != nil {
					return err
				}
			}
		}
		if text, err = between(text, name, rows.Bytes()); err != nil {
			return err
		}
	}
	sizes, err := ledgers()
	if err != nil {
		return err
	}
	if text, err = between(text, "ledger", sizes); err != nil {
		return err
	}
	return os.WriteFile(page, text, 0o644)
}

// between puts a part between the markers of its name.
func between(text []byte, name string, part []byte) ([]byte, error) {
	markers := regexp.MustCompile(`(?s)(<!-- ` + name + `: [^\n]*-->\n).*(<!-- /` + name + ` -->)`)
	found := markers.FindSubmatchIndex(text)
	if found == nil {
		return nil, fmt.Errorf("%s has no place for %s", page, name)
	}
	return bytes.Join([][]byte{text[:found[3]], part, text[found[4]:]}, nil), nil
}
