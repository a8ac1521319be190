package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"example.com/asr"
	"example.com/asr/audit"
	"example.com/asr/sqlite"
	"example.com/asr/vault"
)

const (
	auditRecords = 1_000_000
	auditChain   = 20 // records of a run
)

// auditLog measures how long it takes to verify a log of a million records in a
// file, from its first byte to the last: 50,000 runs of 20 records.
func auditLog(ctx context.Context) ([]row, error) {
	dir, err := os.MkdirTemp("", "asr-bench")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left is in the folder for such things
	v, err := vault.New(make([]byte, vault.KeySize))
	if err != nil {
		return nil, err
	}
	s, err := sqlite.Open(ctx, filepath.Join(dir, "asr.db"), v, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }() // the folder goes with it
	if err := writeLog(ctx, s, auditRecords); err != nil {
		return nil, err
	}
	if _, err := audit.Checkpoint(ctx, s, v.Sign, time.Now()); err != nil {
		return nil, err
	}
	began, before := time.Now(), cpuTime()
	report, err := audit.Verify(ctx, s, v.Verify)
	took := start{milliseconds(time.Since(began)), milliseconds(cpuTime() - before)}
	if err == nil && (len(report.Problems) > 0 || report.Records != auditRecords || report.Unsigned != 0) {
		err = fmt.Errorf("the log isn't intact: %+v", report)
	}
	const what = "audit verify, 1,000,000 records of 50,000 runs"
	return []row{
		{what: what + ", by the clock", unit: "s", value: took.clock / 1000, most: 5},
		{what: what + ", CPU time", unit: "s", value: took.cpu / 1000},
	}, err
}

// writeLog writes a log as runs leave it behind.
func writeLog(ctx context.Context, s *sqlite.Store, records int) error {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	by := asr.Actor{Kind: "person", Name: "arn:aws:sts::111111111111:assumed-role/ops/ada", Verified: true}
	var b asr.Batch
	for i := range records / auditChain {
		var c asr.Chain
		id := fmt.Sprintf("r-%06d", i)
		for n := range auditChain {
			r := asr.Record{Subject: id, At: at.Add(time.Duration(i*auditChain+n) * time.Millisecond), Actor: by, Event: "intent", Reason: "rule"}
			r.Detail = fmt.Appendf(nil, `{"fields":["policy.Statement[]","encryption.%d"],"makes":null,"token":"0123456789abcdef0123456789abcdef"}`, n)
			b.Records = append(b.Records, c.Append(r))
		}
		if len(b.Records) >= 10_000 || i == records/auditChain-1 {
			if err := s.Commit(ctx, &b); err != nil {
				return err
			}
			b.Records = nil
		}
	}
	return nil
}
