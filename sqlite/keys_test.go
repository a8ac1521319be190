package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/vault"
)

// ringed opens the store in a folder, with a vault of its own on the folder's key file.
func ringed(t *testing.T, folder string) (*Store, *vault.Vault) {
	t.Helper()
	v, err := vault.Open(filepath.Join(folder, "asr.key"), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), filepath.Join(folder, "asr.db"), v, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, v
}

// fillRuns stores runs and a message of each.
func fillRuns(t *testing.T, s *Store, n int) {
	t.Helper()
	for i := range n {
		r := aRun(fmt.Sprintf("r-%03d", i))
		m := asr.Message{ID: r.ID + "/told", DueAt: r.NextAt, Report: asr.Report{Note: "told of " + r.ID}}
		if err := s.Commit(t.Context(), &asr.Batch{Run: &r, Messages: []asr.Message{m}}); err != nil {
			t.Fatal(err)
		}
	}
}

func holdsRuns(t *testing.T, s *Store, n int) {
	t.Helper()
	runs, _, err := s.Runs(t.Context(), asr.RunQuery{Limit: n + 1})
	messages, err2 := s.Messages(t.Context(), "", time.Now(), 0)
	if len(runs) != n || len(messages) != n || string(runs[0].Plan.Before) != `{"policy":"mellon"}` {
		t.Fatalf("%d runs and %d messages of %d: %v %v", len(runs), len(messages), n, err, err2)
	}
}

func rotate(t *testing.T, s *Store, v *vault.Vault) {
	t.Helper()
	err := s.Rotate(t.Context(), func() error {
		_, err := v.Rotate()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func rewrap(t *testing.T, s *Store, want int) {
	t.Helper()
	n, err := s.Rewrap(t.Context())
	left, err2 := s.Former(t.Context())
	if err != nil || err2 != nil || n != want || left != 0 {
		t.Fatalf("%d documents were encrypted anew, want %d; %d are left: %v %v", n, want, left, err, err2)
	}
}

func TestRewrapLeavesNothingThatAFormerKeyEncrypted(t *testing.T) {
	t.Parallel()
	s, v := ringed(t, t.TempDir())
	fillRuns(t, s, portion+1)
	rotate(t, s, v)
	holdsRuns(t, s, portion+1)
	rewrap(t, s, 2*(portion+1))
	holdsRuns(t, s, portion+1)
	rewrap(t, s, 0)
}

// Another process has the file open with the former key.
func TestNobodyStoresWithAFormerKey(t *testing.T) {
	t.Parallel()
	r := aRun("r-new")
	m := asr.Message{ID: "r-000/told", Report: asr.Report{Note: "told of r-000"}}
	for name, store := range map[string]func(s *Store) error{
		"a run":     func(s *Store) error { return s.Commit(t.Context(), &asr.Batch{Run: &r}) },
		"a message": func(s *Store) error { return s.Postpone(t.Context(), m) },
		"rewrapped": func(s *Store) error { _, err := s.Rewrap(t.Context()); return err },
	} {
		folder := t.TempDir()
		s, v := ringed(t, folder)
		other, _ := ringed(t, folder)
		fillRuns(t, s, 2)
		rotate(t, s, v)
		rewrap(t, s, 4)
		if err := store(other); !errors.Is(err, asr.ErrStale) {
			t.Errorf("%s: %v, want stale", name, err)
		}
		if err := store(other); err != nil {
			t.Errorf("%s, the second time: %v", name, err)
		}
		rewrap(t, s, 0)
	}
}

func TestAKeyThatCameAfterTheFilesIsTakenWhenTheFileIsOpened(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s, v := ringed(t, folder)
	fillRuns(t, s, 1)
	before, err := os.ReadFile(filepath.Join(folder, "asr.key"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Rotate(); err != nil { // and is killed before the file knows
		t.Fatal(err)
	}
	again, _ := ringed(t, folder)
	rewrap(t, again, 2)
	if err := os.WriteFile(filepath.Join(folder, "asr.key"), before, 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err = vault.Open(filepath.Join(folder, "asr.key"), func(string) string { return "" }); err == nil {
		_, err = Open(t.Context(), filepath.Join(folder, "asr.db"), v, nil)
	}
	if asr.Classify(err) != asr.CodeBadInput {
		t.Errorf("opened with the former key alone: %v", err)
	}
}

const rewrapVar = "SQLITE_TEST_REWRAP"

// slow is a vault that tells of each document that it is to encrypt and waits for
// a word, so that whoever listens can kill the process in the middle.
type slow struct{ *vault.Vault }

func (s slow) Encrypt(plain []byte, aad string) ([]byte, error) {
	fmt.Println(aad)
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		return nil, err
	}
	return s.Vault.Encrypt(plain, aad)
}

// TestRewrapGoesOnAfterItWasKilled kills a process of its own again and again
// while it encrypts anew, and while another one stores.
func TestRewrapGoesOnAfterItWasKilled(t *testing.T) {
	const runs = 3*portion + 7
	if folder := os.Getenv(rewrapVar); folder != "" {
		s, v := ringed(t, folder)
		s.vault = slow{v}
		_, err := s.Rewrap(t.Context())
		fmt.Println("done", err)
		return
	}
	t.Parallel()
	folder := t.TempDir()
	s, v := ringed(t, folder)
	fillRuns(t, s, runs)
	rotate(t, s, v)
	killed := 0
	for at := 5; ; at += portion {
		done := killedAfter(t, folder, at)
		r, err := s.Run(t.Context(), "r-000")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Commit(t.Context(), &asr.Batch{Run: &r}); err != nil {
			t.Fatal(err)
		}
		if done {
			break
		}
		killed++
		holdsRuns(t, s, runs)
	}
	if left, err := s.Former(t.Context()); err != nil || left != 0 || killed < 3 {
		t.Errorf("%d documents are left after %d processes were killed, %v", left, killed, err)
	}
	holdsRuns(t, s, runs)
}

// killedAfter starts a process that encrypts anew, and kills it after so many
// documents, unless it is done before.
func killedAfter(t *testing.T, folder string, documents int) (done bool) {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", "^TestRewrapGoesOnAfterItWasKilled$", "-test.timeout", "60s")
	cmd.Env = append(os.Environ(), rewrapVar+"="+folder)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch documents--; {
		case bytes.HasPrefix(lines.Bytes(), []byte("done")):
			done = lines.Text() == "done <nil>"
		case documents == 0:
			kill()
		default:
			_, _ = in.Write([]byte{'\n'}) // it waits
		}
	}
	_ = cmd.Wait() // it was killed
	return done
}
