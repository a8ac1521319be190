package protocol

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/audit"
	"example.com/asr/enginetest"
	workers "example.com/asr/worker"
)

const (
	serverVar = "PROTOCOL_TEST_SERVER" // which of the servers this process is, from 1
	servers   = 2
	served    = 40 // runs of each server's own
)

// serve is one server of several on a file: it takes findings in and drives
// whatever is due, with the pool that asr findings sync --watch has, until
// nothing is.
func serve(folder, name string) error {
	store, v, err := shared(folder)
	if err != nil {
		return err
	}
	defer store.Close()
	p := &process{Store: store, folder: folder, left: -1}
	e := asr.New(asr.Config{Store: p, Remediations: []asr.Remediation{p.unit()}, Matcher: enginetest.Book{}, Vault: v, Policy: enginetest.Always(asr.ModeAuto)})
	for i := range served {
		for _, of := range []string{name + "-" + fmt.Sprint(i), fmt.Sprint("shared-", i)} { // each server hears of the shared ones
			if _, err := e.Ingest(ctx, []asr.Observation{observation(of, time.Now())}); err != nil {
				return err
			}
		}
	}
	return drain(p, workers.New(workers.Config{Engine: e, Store: p, Reporter: p, Workers: 4, Poll: 5 * time.Millisecond}))
}

// drain serves until nothing is due, nor was said to anybody too late.
func drain(p *process, pool *workers.Pool) error {
	own, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	done := make(chan error)
	go func() { done <- pool.Serve(own) }()
	for own.Err() == nil {
		_, err := p.NextDue(own)
		left, merr := p.Messages(own, "", time.Now().AddDate(1, 0, 0), 1)
		if errors.Is(err, asr.ErrNotFound) && merr == nil && len(left) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	err := own.Err()
	stop()
	return errors.Join(err, <-done)
}

// covers: W14
func TestTwoServersOnOneFileDoEverythingOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var wg sync.WaitGroup
	for i := range servers {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), folderVar+"="+folder, fmt.Sprintf("%s=%d", serverVar, i+1))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("server %d: %v\n%s", i+1, err, out)
			}
		})
	}
	wg.Wait()
	s, v, err := shared(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := journal(folder)
	if err != nil {
		t.Fatal(err)
	}
	runs := map[string]bool{}
	for i := range served {
		for _, name := range []string{fmt.Sprint("1-", i), fmt.Sprint("2-", i), fmt.Sprint("shared-", i)} {
			of, _, err := s.Runs(t.Context(), asr.RunQuery{Finding: "f-" + name})
			if err != nil || len(of) != 1 || of[0].State != asr.StateVerified || of[0].Writes != 2 {
				t.Errorf("%s: runs %+v %v, want one that is verified after 2 writes", name, of, err)
				continue
			}
			runs[of[0].ID] = true
			if now := setting(all, name); now["a"] != 1 || now["b"] != 1 {
				t.Errorf("%s is %v", name, now)
			}
		}
	}
	if n := repeated(t, all); len(all) != 2*len(runs) || n > 0 {
		t.Errorf("%d writes of %d runs, %d of them repeated", len(all), len(runs), n)
	}
	if rep, err := audit.Verify(t.Context(), s, v.Verify); err != nil || len(rep.Problems) > 0 || rep.Records == 0 {
		t.Errorf("audit log: %+v %v", rep, err)
	}
	t.Logf("%d servers, %d runs, %d writes", servers, len(runs), len(all))
}
