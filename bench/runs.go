package main

import (
	"context"
	"fmt"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/memory"
)

// runs measures whole runs of a remediation that does nothing: from the finding
// to the verified end, with all that is stored on the way.
func runs(ctx context.Context) ([]row, error) {
	s, err := newShelf(ctx)
	if err != nil {
		return nil, err
	}
	defer s.drop()
	const count = 300
	durable, err := rate(count, func() error { return drive(ctx, s, count) })
	if err != nil {
		return nil, err
	}
	engine, err := rate(count, func() error { return drive(ctx, memory.New(), count) })
	return []row{
		{what: "runs with a remediation that does nothing, the engine, per CPU-second", unit: "/s", value: engine, least: 500},
		{what: "the engine's overhead of a run, from finding to verified", unit: "ms", value: 1000 / engine, most: 2},
		{what: "runs stored in SQLite, each step synced, per CPU-second", unit: "/s", value: durable},
		{what: "a run stored in SQLite", unit: "ms", value: 1000 / durable},
	}, err
}

var round int

// drive takes so many new findings through their runs.
func drive(ctx context.Context, store asr.Store, count int) error {
	now := early
	var switches enginetest.Switches
	round++
	e := asr.New(asr.Config{
		Store: store, Remediations: []asr.Remediation{switches.Remediation()}, Matcher: enginetest.Book{}, Policy: enginetest.Always(asr.ModeAuto),
		Vault: enginetest.Glass{}, Clock: func() time.Time { return now },
	})
	for n := range count {
		name := fmt.Sprintf("%d-%d", round, n)
		in, err := e.Ingest(ctx, []asr.Observation{{
			ID: name, At: now, Provider: asr.Provider{
				Format: "asff", Account: "111111111111", Region: "eu-west-1", Severity: "HIGH", Compliance: asr.ComplianceFailed, RecordState: asr.RecordActive,
				Control: enginetest.Control, Resources: []asr.Resource{{ID: "arn:aws:test:eu-west-1:111111111111:" + name}}, UpdatedAt: now,
			},
			Workflow: asr.Workflow{Status: asr.WorkflowNew},
		}})
		if err != nil || len(in.Runs) != 1 {
			return fmt.Errorf("%d runs of a finding: %w", len(in.Runs), err)
		}
		for done := false; !done; {
			next, err := e.Step(ctx, in.Runs[0])
			if err != nil {
				return err
			}
			now, done = now.Add(next.After), next.Done
		}
		if r, err := store.Run(ctx, in.Runs[0]); err != nil || r.State != asr.StateVerified {
			return fmt.Errorf("a run ended %s: %w", r.State, err)
		}
	}
	return nil
}
