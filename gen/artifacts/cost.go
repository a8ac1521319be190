package main

import (
	"bytes"
	"fmt"

	"example.com/asr/cost"
	"example.com/asr/deployed"
	"example.com/asr/workflow"
)

// existing is what the guide of the existing solution comes to a month, by the
// sum of its own rows.
var existing = map[string]float64{"small": 20.68, "medium": 136.22, "large": 10_418.85}

// cost writes the bills of the three sizes, and of the large one with as many
// failed findings as we expect, all of them updated daily.
func (o *output) cost(file string) error {
	templates, err := deployed.Templates()
	if err != nil {
		return err
	}
	d, err := cost.Read(templates, []byte(workflow.Run()), []byte(workflow.Sync()))
	if err != nil {
		return err
	}
	prices, err := cost.ListPrices()
	if err != nil {
		return err
	}
	names := []string{"small", "medium", "large", "large, a million failed, updated daily"}
	var bills []cost.Bill
	var tables bytes.Buffer
	for _, name := range names {
		size, ok := cost.Sizes[name]
		if !ok {
			size = cost.Sizes["large"]
			size.Findings, size.Updates = 1_000_000, 30
		}
		b, err := cost.Compute(size, d, prices)
		if err != nil {
			return err
		}
		bills = append(bills, b)
		fmt.Fprintf(&tables, "\n### %s\n\n%s", name, cost.Table(b))
	}
	run := fmt.Sprintf("%.0f state transitions if it waits, and the functions that drive it: %.6f USD.\n", bills[0].Transitions, bills[0].Orchestration)
	return o.between(file, map[string][]byte{
		"sizes": cost.Summary(names, bills, existing), "tables": tables.Bytes(), "run": []byte(run),
		"assumptions": cost.AssumptionTable(bills[0]), "prices": cost.PriceTable(prices),
	})
}
