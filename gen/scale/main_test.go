package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// The page's other rows take too long for a test.
func TestThePageHasTheRowsOfTheSmallestCases(t *testing.T) {
	t.Parallel()
	text := read(t, page)
	compared := 0
	for name, table := range tables() {
		part := text[bytes.Index(text, []byte("<!-- "+name+":")):bytes.Index(text, []byte("<!-- /"+name+" -->"))]
		if rows := bytes.Count(part, []byte("\n|")); rows != len(table.cases)+2 || !bytes.Contains(part, []byte(table.head)) {
			t.Errorf("%s: %d lines of a table for %d cases; run make scale", name, rows, len(table.cases))
		}
		for _, c := range table.cases {
			if !bytes.Contains(part, []byte("| "+c.name+" |")) {
				t.Errorf("%s: the page lacks the case %s; run make scale", name, c.name)
			}
			if c.resources > few {
				continue
			}
			o, err := simulate(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			compared++
			if row := table.row(c, o); !bytes.Contains(part, []byte(row)) {
				t.Errorf("%s: the page lacks the row; run make scale\n%s", name, row)
			}
		}
	}
	if sizes, err := ledgers(); err != nil || !bytes.Contains(text, sizes) {
		t.Errorf("the page lacks the ledger's sizes; run make scale\n%s %v", sizes, err)
	}
	if compared == 0 {
		t.Error("no case is small enough to compare")
	}
}

// Longer waits of what is more severe would be a mistake of the line, or of the
// simulation.
func TestWhatIsSevereWaitsLess(t *testing.T) {
	t.Parallel()
	o, err := simulate(t.Context(), backlog{resources: few, config: underLimits()[1].config})
	if err != nil {
		t.Fatal(err)
	}
	if part(o.waits["CRITICAL"], 1) > part(o.waits["LOW"], 1) || len(o.ends) != few {
		t.Errorf("CRITICAL waits %s, LOW %s; %d runs", part(o.waits["CRITICAL"], 1), part(o.waits["LOW"], 1), len(o.ends))
	}
	if svg := string(draw(o)); strings.Count(svg, "<path") != 10+5 || !strings.Contains(string(read(t, picture)), "<title") {
		t.Error("the picture isn't as it should be")
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
