package sqlite

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/asr"
)

// BenchmarkRunStep is one durable step of a run: its document of some 4 KB, a
// record, and both versions checked.
func BenchmarkRunStep(b *testing.B) {
	s := open(b)
	r := aRun("r-1")
	r.Plan.Before = json.RawMessage(`{"policy":"` + strings.Repeat("0123456789abcdef", 200) + `"}`)
	for b.Loop() {
		rec := r.Chain.Append(asr.Record{Subject: "r-1", At: r.NextAt, Event: "wrote", Detail: json.RawMessage(`{"token":"0123456789abcdef"}`)})
		if err := s.Commit(b.Context(), &asr.Batch{Run: &r, Records: []asr.Record{rec}}); err != nil {
			b.Fatal(err)
		}
	}
}

func bigFinding(n int) asr.Finding {
	return asr.Finding{
		ID: fmt.Sprintf("arn:aws:securityhub:eu-west-1:111111111111:subscription/x/v/1.0.0/S3.2/finding/%08d", n), Outcome: asr.OutcomeOpen,
		Provider: asr.Provider{
			Account: fmt.Sprintf("%012d", n%40), Region: "eu-west-1", Control: fmt.Sprintf("S3.%d", n%25), Severity: asr.Severities[n%5], Title: strings.Repeat("title ", 20),
			UpdatedAt: time.Unix(int64(n), 0).UTC(), Resources: []asr.Resource{{ID: "arn:aws:s3:::bucket", Tags: map[string]string{"team": strings.Repeat("x", 500)}}},
		},
	}
}

// BenchmarkFindings upserts findings of 1.2 KB in batches; ns/finding is the
// figure to look at.
func BenchmarkFindings(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprintf("batches of %d", size), func(b *testing.B) {
			s := open(b)
			n := 0
			for b.Loop() {
				var batch asr.Batch
				for range size {
					batch.Findings = append(batch.Findings, bigFinding(n))
					n++
				}
				if err := s.Commit(b.Context(), &batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/finding")
		})
	}
}

// BenchmarkPage reads the first page of 50 by account among 20,000 findings.
func BenchmarkPage(b *testing.B) {
	s := open(b)
	for n := 0; n < 20_000; n += 1000 {
		var batch asr.Batch
		for i := range 1000 {
			batch.Findings = append(batch.Findings, bigFinding(n+i))
		}
		if err := s.Commit(b.Context(), &batch); err != nil {
			b.Fatal(err)
		}
	}
	for name, q := range map[string]asr.FindingQuery{
		"all":     {Limit: 50},
		"account": {Account: "000000000007", Limit: 50},
		"rare":    {Region: "us-east-1", Limit: 50}, // there are none
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := s.Findings(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLease is a lease and its release.
func BenchmarkLease(b *testing.B) {
	s := open(b)
	r := aRun("r-1")
	if err := s.Commit(b.Context(), &asr.Batch{Run: &r}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Lease(b.Context(), "w", "", r.NextAt, time.Minute); err != nil {
			b.Fatal(err)
		}
		if err := s.Release(b.Context(), "r-1", "w"); err != nil {
			b.Fatal(err)
		}
	}
}
