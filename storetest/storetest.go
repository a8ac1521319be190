// Package storetest is the contract that every asr.Store fulfils. It may ask a
// store for nothing that the ports don't promise; in particular the order of
// things of the same time is left open.
package storetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

// Test runs the contract. open returns a new, empty store and sees to its end.
func Test(t *testing.T, open func(t *testing.T) asr.Store) {
	t.Helper()
	for _, group := range [][]clause{runs, batches, limits, leases, queries, cursors, findings, counts, audits, outbox, settings, races} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.test(t, open(t))
			})
		}
	}
}

// clause is one thing that a store must do; its name says which.
type clause struct {
	name string
	test func(t *testing.T, s asr.Store)
}

// at is n seconds after some day's noon, with as many digits as stores keep.
func at(n int) time.Time {
	return time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC).Add(time.Duration(n) * time.Second)
}

var someone = asr.Actor{Kind: "person", Name: "arn:aws:iam::111111111111:user/jo", Verified: true}

// newRun is a run to be stored; each has a claim of its own.
func newRun(id string) asr.Run {
	return asr.Run{
		ID: id, State: asr.StateClaimed, Remediation: "logs-retention", Control: "CloudWatch.16",
		Target: asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1", ID: "arn:aws:logs:eu-west-1:111111111111:log-group:" + id},
		Params: json.RawMessage(`{"days":365}`), Claim: "claim of " + id, Actor: someone,
		NextAt: at(0), Since: at(0), CreatedAt: at(0), UpdatedAt: at(0),
	}
}

func newFinding(id string) asr.Finding {
	return asr.Finding{
		ID: id, Outcome: asr.OutcomeOpen, SeenAt: at(0),
		Provider: asr.Provider{
			Format: "asff", Account: "111111111111", Region: "eu-west-1", Title: "Log groups keep a year", Severity: "MEDIUM", Control: "CloudWatch.16",
			Compliance: asr.ComplianceFailed, RecordState: asr.RecordActive, Resources: []asr.Resource{{ID: "arn:aws:s3:::b"}}, UpdatedAt: at(0),
		},
		Workflow: asr.Workflow{Status: asr.WorkflowNew, WorkflowAt: at(0)},
	}
}

func newMessage(id string, due time.Time) asr.Message {
	return asr.Message{ID: id, DueAt: due, Report: asr.Report{Finding: "f-1", Format: "asff", Workflow: asr.WorkflowResolved, Note: "fixed <&> verified", Run: "r-1"}}
}

// chain makes a subject's first n records.
func chain(subject string, n int) (records []asr.Record) {
	var c asr.Chain
	for i := range n {
		records = append(records, c.Append(asr.Record{Subject: subject, At: at(i), Actor: someone, Event: "wrote", Detail: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))}))
	}
	return records
}

func headOf(records []asr.Record) asr.Chain {
	last := records[len(records)-1]
	return asr.Chain{Seq: last.Seq, Hash: last.Hash}
}

func commit(t *testing.T, s asr.Store, b asr.Batch) {
	t.Helper()
	if err := s.Commit(t.Context(), &b); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

// put stores a run and returns it with its version.
func put(t *testing.T, s asr.Store, r asr.Run) asr.Run {
	t.Helper()
	commit(t, s, asr.Batch{Run: &r})
	return r
}

func putFinding(t *testing.T, s asr.Store, f asr.Finding) asr.Finding {
	t.Helper()
	b := asr.Batch{Findings: []asr.Finding{f}}
	commit(t, s, b)
	return b.Findings[0]
}

func load(t *testing.T, s asr.Store, id string) asr.Run {
	t.Helper()
	r, err := s.Run(t.Context(), id)
	if err != nil {
		t.Fatalf("run %s: %v", id, err)
	}
	return r
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func wantClaimed(t *testing.T, err error, by string) {
	t.Helper()
	var claimed *asr.ClaimedError
	if !errors.As(err, &claimed) || claimed.Run != by {
		t.Fatalf("got error %v, want a ClaimedError that names %s", err, by)
	}
}

func wantLocked(t *testing.T, err error, by string) {
	t.Helper()
	var locked *asr.LockedError
	if !errors.As(err, &locked) || locked.Run != by {
		t.Fatalf("got error %v, want a LockedError that names %s", err, by)
	}
}

// equal compares as JSON values: a store may write documents in its own way.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(value(t, want), value(t, got)); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func value(t *testing.T, v any) (tree any) {
	t.Helper()
	doc, err := json.Marshal(v)
	noError(t, err)
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	noError(t, d.Decode(&tree))
	return tree
}

func runIDs(runs []asr.Run) (ids []string) {
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	return ids
}

func findingIDs(findings []asr.Finding) (ids []string) {
	for _, f := range findings {
		ids = append(ids, f.ID)
	}
	return ids
}

func sameSet(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got %q, want %q", what, got, want)
	}
}

func sameOrder(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got %q, want %q", what, got, want)
	}
}
