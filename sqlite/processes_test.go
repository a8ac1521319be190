package sqlite

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/storetest"
)

const (
	fileVar   = "SQLITE_TEST_FILE"
	nameVar   = "SQLITE_TEST_NAME"
	processes = 4
	turns     = 25
)

// TestProcessesShareAFile runs itself several times at once on a file that
// isn't there yet. They all change one run, and share out others by leases.
func TestProcessesShareAFile(t *testing.T) {
	if path := os.Getenv(fileVar); path != "" {
		work(t, openAt(t, path), os.Getenv(nameVar))
		return
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "asr.db")
	var wg sync.WaitGroup
	for i := range processes {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestProcessesShareAFile$", "-test.timeout", "60s")
			cmd.Env = append(os.Environ(), fileVar+"="+path, fmt.Sprintf("%s=p%d", nameVar, i))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("process %d: %v\n%s", i, err, out)
			}
		})
	}
	wg.Wait()
	s := openAt(t, path)
	shared, err := s.Run(t.Context(), "r-shared")
	if err != nil || shared.Writes != processes*turns {
		t.Errorf("%d of %d changes are kept, %v", shared.Writes, processes*turns, err)
	}
	records, err := s.Records(t.Context(), "r-shared")
	if err != nil || len(records) != processes*turns {
		t.Errorf("%d of %d records are kept, %v", len(records), processes*turns, err)
	}
	leased, _, err := s.Runs(t.Context(), asr.RunQuery{States: []asr.State{asr.StateVerified}})
	if err != nil || len(leased) != processes*5 {
		t.Errorf("%d of %d runs were done, %v", len(leased), processes*5, err)
	}
	for _, r := range leased {
		if r.Writes != 1 {
			t.Errorf("%s was done %d times", r.ID, r.Writes)
		}
	}
}

func work(t *testing.T, s *Store, name string) {
	for i := range 5 {
		r := aRun(fmt.Sprintf("r-%s-%d", name, i))
		if err := s.Commit(t.Context(), &asr.Batch{Run: &r}); err != nil {
			t.Fatal(err)
		}
	}
	for range turns {
		if err := storetest.Retry(t.Context(), func() error { return change(t, s) }); err != nil {
			t.Fatal(err)
		}
	}
	for {
		id, err := s.Lease(t.Context(), name, "", aRun("").NextAt, time.Hour)
		if errors.Is(err, asr.ErrNotFound) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Run(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		r.Writes++
		r.State = asr.StateVerified
		if err := s.Commit(t.Context(), &asr.Batch{Run: &r}); err != nil {
			t.Fatalf("%s is ours, yet: %v", id, err)
		}
	}
}

func change(t *testing.T, s *Store) error {
	r, err := s.Run(t.Context(), "r-shared")
	if errors.Is(err, asr.ErrNotFound) {
		r = aRun("r-shared")
		r.State = asr.StateAwaiting
	} else if err != nil {
		return err
	}
	r.Writes++
	rec := r.Chain.Append(asr.Record{Subject: r.ID, At: r.NextAt, Event: "wrote"})
	return s.Commit(t.Context(), &asr.Batch{Run: &r, Records: []asr.Record{rec}})
}
