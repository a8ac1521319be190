package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"example.com/asr"
)

// partitionUnits is how many write units DynamoDB gives one partition a second;
// an item has no more. Source: the DynamoDB guide, designing partition keys.
const partitionUnits = 1000

const ledgerHead = "| Runs under way | The ledger (measured) | Write units, twice in a transaction | Writes a second, 1,000 units a partition [4] | Runs a second at three writes |\n|---|---|---|---|---|\n"

// ledgers is the table of what the ledger of all runs takes.
func ledgers() ([]byte, error) {
	b := bytes.NewBufferString(ledgerHead)
	for _, c := range []struct {
		name string
		runs int
	}{{"100", 100}, {"400", 400}, {"1,000", 1000}} {
		size, err := stored(busy(c.runs))
		if err != nil {
			return nil, err
		}
		units := 2 * ((size + 1023) / 1024)
		writes := float64(partitionUnits) / float64(units)
		fmt.Fprintf(b, "| %s | %d KB | %d | %.0f | %.2g |\n", c.name, (size+512)/1024, units, writes, writes/3)
	}
	return b.Bytes(), nil
}

// busy is the ledger of all runs in the middle of a backlog: some are under way,
// an hour is counted.
func busy(runs int) asr.Ledger {
	rnd := rand.New(rand.NewPCG(1, 1))
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	g := asr.Ledger{Scope: asr.AllRuns, Version: 100_000, Line: 100_000}
	for range runs {
		g.InFlight = append(g.InFlight, fmt.Sprintf("r-20260301-%08x", rnd.Uint32()))
	}
	for i := range 61 {
		at := now.Add(time.Duration(i-61) * time.Minute).Unix()
		g.Begun = append(g.Begun, asr.Count{At: at, N: 90 + rnd.IntN(10)})
		g.Good = append(g.Good, asr.Count{At: at, N: 90 + rnd.IntN(10)})
		g.Bad = append(g.Bad, asr.Count{At: at, N: 1 + rnd.IntN(9)})
	}
	return g
}

// stored is how many bytes a ledger takes as the DynamoDB store writes it,
// without its keys.
func stored(g asr.Ledger) (int, error) {
	doc, err := json.Marshal(g)
	if err != nil {
		return 0, err
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err = z.Write(doc); err == nil {
		err = z.Close()
	}
	return b.Len(), err
}
