package storetest

import (
	"errors"
	"fmt"
	"testing"

	"example.com/asr"
)

// Spoilt is what Unreadable has somebody change: the documents of a run with its
// place in the line, of a finding, of a message, of what was rejected.
const (
	SpoiltRun      = "r-5"
	SpoiltFinding  = "f-5"
	SpoiltMessage  = SpoiltRun + "/m"
	SpoiltRejected = "x-5"
)

// Unreadable checks that one document that can't be read costs no other, is
// named, and lets pages end where they would. spoil makes all that is Spoilt
// unreadable.
func Unreadable(t *testing.T, s asr.Store, spoil func()) {
	t.Helper()
	const all = 9
	for i := range all {
		r := newRun(fmt.Sprint("r-", i))
		r.CreatedAt, r.Queued = at(i), &asr.Waiting{Run: r.ID, Reason: asr.ReasonInFlight, Scope: asr.AllRuns}
		b := asr.Batch{Run: &r, Findings: []asr.Finding{newFinding(fmt.Sprint("f-", i))}, Messages: []asr.Message{newMessage(r.ID+"/m", at(0))}}
		noError(t, errors.Join(s.Commit(t.Context(), &b), s.Reject(t.Context(), asr.Rejected{ID: fmt.Sprint("x-", i), At: at(0)})))
	}
	spoil()
	for name, read := range map[string]func() (int, error){
		"runs": readable(func(cursor string) ([]asr.Run, string, error) {
			return s.Runs(t.Context(), asr.RunQuery{Cursor: cursor, Limit: 2})
		}),
		"findings": readable(func(cursor string) ([]asr.Finding, string, error) {
			return s.Findings(t.Context(), asr.FindingQuery{Cursor: cursor, Limit: 2})
		}),
		"messages": func() (int, error) { some, err := s.Messages(t.Context(), "", at(0), 0); return len(some), err },
		"rejected": func() (int, error) { some, err := s.Rejected(t.Context(), 0); return len(some), err },
		"line": func() (n int, err error) {
			err = s.Line(t.Context(), func(asr.Waiting) error { n++; return nil })
			return n, err
		},
	} {
		if n, err := read(); n != all-1 || !asr.Partial(err) || err == nil || asr.Advice(err) == "" {
			t.Errorf("%s: %d could be read: %v", name, n, err)
		}
	}
}

// readable counts what can be read of all pages.
func readable[T any](page func(cursor string) ([]T, string, error)) func() (int, error) {
	return func() (n int, err error) {
		for cursor := ""; ; {
			some, next, perr := page(cursor)
			err, n = errors.Join(err, perr), n+len(some)
			if next == "" {
				return n, err
			}
			cursor = next
		}
	}
}
