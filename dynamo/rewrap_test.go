package dynamo

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/vault"
)

// ring is a vault of several keys, of which the last is the primary.
func ring(t *testing.T, firsts ...byte) *vault.Vault {
	t.Helper()
	var lines []string
	for _, b := range firsts {
		lines = append(lines, base64.StdEncoding.EncodeToString(append([]byte{b}, make([]byte, vault.KeySize-1)...)))
	}
	v, err := vault.Parse(strings.Join(lines, "\n"), vault.Base64, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRewrapLeavesNothingThatAFormerKeyEncrypted(t *testing.T) {
	t.Parallel()
	c := config(t)
	s := New(c)
	large := largeRun("r-large")
	keep(t, s, asr.Batch{Run: &large})
	for i, state := range []asr.State{asr.StateClaimed, asr.StateVerified, asr.StateCancelled} {
		r := aRun(fmt.Sprint("r-", i))
		r.State = state
		keep(t, s, asr.Batch{Run: &r, Messages: []asr.Message{{ID: r.ID + "/told", DueAt: r.NextAt, Report: asr.Report{Note: "told"}}}})
	}
	c.Vault = ring(t, 1, 2)
	both := New(c)
	for i, want := range []int{7, 0} {
		if n, err := both.Rewrap(t.Context()); err != nil || n != want {
			t.Fatalf("time %d: %d documents, %v; want %d", i+1, n, err, want)
		}
	}
	c.Vault = ring(t, 2)
	alone := New(c)
	runs, _, err := alone.Runs(t.Context(), asr.RunQuery{})
	messages, err2 := alone.Messages(t.Context(), "", time.Now(), 0)
	if len(runs) != 4 || len(messages) != 3 {
		t.Errorf("%d runs, %d messages: %v %v", len(runs), len(messages), err, err2)
	}
	if r, err := alone.Run(t.Context(), "r-large"); err != nil || string(r.Plan.Before) != string(large.Plan.Before) || r.Version != 1 {
		t.Errorf("the large run: version %d, %v", r.Version, err)
	}
	if all := objects(t, alone); len(all) != 1 {
		t.Errorf("objects are left: %v", all)
	}
}

func TestARunThatIsStoredMeanwhileIsNotOverwritten(t *testing.T) {
	t.Parallel()
	c := config(t)
	r := aRun("r-1")
	keep(t, New(c), asr.Batch{Run: &r})
	c.Vault = ring(t, 1, 2)
	s := New(c)
	it, err := s.get(t.Context(), runKey("r-1"))
	if err != nil {
		t.Fatal(err)
	}
	r.Version, r.State = 1, asr.StateVerified
	keep(t, s, asr.Batch{Run: &r})
	if done, err := s.rewrap(t.Context(), "run", runKey("r-1"), it); done || err != nil {
		t.Errorf("overwritten: %v, %v", done, err)
	}
	if now, err := s.Run(t.Context(), "r-1"); err != nil || now.State != asr.StateVerified {
		t.Errorf("it is %s, %v", now.State, err)
	}
}
