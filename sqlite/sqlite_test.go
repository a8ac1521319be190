package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/storetest"
)

func aRun(id string) asr.Run {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return asr.Run{
		ID: id, State: asr.StateClaimed, Claim: "claim of " + id, Control: "S3.2", Params: []byte("{}"), NextAt: now, CreatedAt: now,
		Target: asr.Target{Account: "111111111111"}, Plan: &asr.Plan{Params: []byte("{}"), Before: []byte(`{"policy":"mellon"}`)},
	}
}

func TestTheFileIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "asr.db")
	s := openAt(t, path)
	r := aRun("r-1")
	if err := s.Commit(t.Context(), &asr.Batch{Run: &r}); err != nil {
		t.Fatal(err)
	}
	want := map[string]os.FileMode{filepath.Dir(path): 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600}
	for p, mode := range want {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: mode %v, %v; want %v", p, info.Mode().Perm(), err, mode)
		}
	}
}

func TestAFileThatOthersMayReadBecomesItsOwners(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "asr.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	openAt(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode().Perm(), err)
	}
}

func TestAPathMayHoldAnyCharacter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a b?c=d&e#f%41", "ä.db")
	openAt(t, path)
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("%v, %v", info, err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("elsewhere: %v", files)
	}
}

func TestStatesAndMessagesAreEncryptedInTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "asr.db")
	s := openAt(t, path)
	r := aRun("r-1")
	b := asr.Batch{Run: &r, Messages: []asr.Message{{ID: "m-1", Report: asr.Report{Note: "mellon"}}}}
	if err := s.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("mellon")) {
			t.Errorf("%s can be read without the key", name)
		}
	}
}

func TestADocumentInAnothersPlaceIsNotRead(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, id := range []string{"r-1", "r-2"} {
		r := aRun(id)
		if err := s.Commit(t.Context(), &asr.Batch{Run: &r}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.write.Exec("UPDATE run_docs SET doc = (SELECT doc FROM run_docs WHERE pk = 1) WHERE pk = 2"); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Run(t.Context(), "r-2"); asr.Classify(err) != asr.CodeBadInput {
		t.Errorf("got %s, %v", r.ID, err)
	}
}

func TestAFileThatCannotBeUsedIsRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		first byte // of the key
		want  string
	}{
		{name: "written with another key", first: 2, spoil: func(*testing.T, string) {}, want: "was written with another key"},
		{name: "written by a newer asr", first: 1, spoil: func(t *testing.T, path string) { run(t, path, "PRAGMA user_version = 99") }, want: "a newer asr wrote this file (its schema is version 99"},
		{name: "a database of something else", first: 1, spoil: func(t *testing.T, path string) {
			remove(t, path)
			run(t, path, "CREATE TABLE notes (text)")
		}, want: "not a file of asr"},
		{name: "no database", first: 1, spoil: func(t *testing.T, path string) {
			remove(t, path)
			if err := os.WriteFile(path, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, want: "not a file of asr"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "asr.db")
			s, err := Open(t.Context(), path, key(t, 1), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			row.spoil(t, path)
			if err := os.Chmod(path, 0o640); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(path)
			_, err = Open(t.Context(), path, key(t, row.first), nil)
			if err == nil || !strings.Contains(err.Error(), row.want) || asr.Advice(err) == "" || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v (%s), want %q and advice", err, asr.Advice(err), row.want)
			}
			after, _ := os.ReadFile(path)
			if info, err := os.Stat(path); row.first == 1 && (err != nil || info.Mode().Perm() != 0o640 || !bytes.Equal(before, after)) {
				t.Errorf("the file of somebody else was changed (mode %v, %v)", info.Mode(), err)
			}
		})
	}
}

// run changes a file as another program would.
func run(t *testing.T, path, script string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(script); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestAFolderThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), filepath.Join(file, "asr.db"), key(t, 1), nil); err == nil {
		t.Error("opened a file below a file")
	}
}

func TestWhatWasCommittedIsThereAfterTheFileWasClosed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "asr.db")
	r := aRun("r-1")
	s := openAt(t, path)
	if err := s.Commit(t.Context(), &asr.Batch{Run: &r}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := openAt(t, path).Run(t.Context(), "r-1"); err != nil || got.Version != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestACommitWhoseCallerGaveUpStoresNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := aRun("r-1")
	if err := s.Commit(ctx, &asr.Batch{Run: &r}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Run(t.Context(), "r-1"); !errors.Is(err, asr.ErrNotFound) || r.Version != 0 {
		t.Errorf("version %d, %v", r.Version, err)
	}
}

// A scan of a whole table would be felt only when there are many rows.
// covers: W21
func TestQueriesHaveTheirIndexes(t *testing.T) {
	t.Parallel()
	s := open(t)
	const order = " ORDER BY r.created_at DESC, r.id DESC LIMIT 101"
	for query, want := range map[string]string{
		runColumns + order: "runs_by_time",
		runColumns + " WHERE (r.created_at, r.id) < (1, 'x')" + order:                                  "runs_by_time",
		runColumns + " WHERE r.account = 'a'" + order:                                                  "runs_by_account",
		runColumns + " WHERE r.control = 'a'" + order:                                                  "runs_by_control",
		runColumns + " WHERE r.state IN ('a')" + order:                                                 "runs_by_state",
		runColumns + " WHERE r.resource = 'a'" + order:                                                 "runs_by_resource",
		runColumns + " WHERE r.claim = 'a' ORDER BY r.created_at DESC, r.id DESC LIMIT 1":              "runs_by_claim",
		"SELECT pk FROM runs WHERE due_at <= 1 AND leased_until <= 1 ORDER BY due_at, pk LIMIT 1":      "runs_by_due",
		"SELECT min(due_at) FROM runs WHERE due_at IS NOT NULL":                                        "runs_by_due",
		"SELECT id, doc FROM messages WHERE due_at <= 1 ORDER BY due_at, pk LIMIT 10":                  "messages_by_due",
		"SELECT doc FROM rejected ORDER BY at DESC, pk DESC LIMIT 10":                                  "rejected_by_time",
		"SELECT doc FROM calls WHERE run = 'r' ORDER BY pk":                                            "calls_by_run",
		"SELECT r.doc FROM records r JOIN chains c ON c.pk = r.chain WHERE c.subject = 'x' ORDER BY 1": "SEARCH r USING PRIMARY KEY",
	} {
		plan := explain(t, s, query)
		if all := strings.Join(plan, "; "); !strings.Contains(all, want) || strings.Contains(all, "TEMP B-TREE") && !strings.HasSuffix(query, "BY 1") {
			t.Errorf("%s\n\tis answered by %s,\n\twant %s without a sort", query, all, want)
		}
	}
}

// explain is how SQLite answers a query.
func explain(t *testing.T, s *Store, query string, args ...any) []string {
	t.Helper()
	plan, err := list(t.Context(), s.read, func(rows *sql.Rows) (detail string, err error) {
		var id, parent, unused int
		return detail, rows.Scan(&id, &parent, &unused, &detail)
	}, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return plan
}

func TestARowThatWasChangedIsNamed(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{"", "null", "{", `{"id":"another"}`, `{"at":"then","dueAt":"then","seenAt":"then"}`, "\xff", `[]`} {
		s := open(t)
		r := aRun("r-1")
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		var head asr.Chain
		b := asr.Batch{
			Run: &r, Findings: []asr.Finding{{ID: "f-1"}}, Messages: []asr.Message{{ID: "r-1/m", DueAt: at}},
			Records: []asr.Record{head.Append(asr.Record{Subject: "r-1", At: at})},
		}
		err := errors.Join(s.Commit(t.Context(), &b), s.Reject(t.Context(), asr.Rejected{ID: "x-1", At: at}),
			s.AddCall(t.Context(), asr.APICall{Run: "r-1"}), s.AddCheckpoint(t.Context(), asr.Checkpoint{Seq: 1}))
		if err != nil {
			t.Fatal(err)
		}
		for table, aad := range map[string]string{"run_docs": runDoc("r-1"), "messages": messageDoc("r-1/m"), "finding_docs": "", "rejected": "", "calls": "", "checkpoints": ""} {
			kept := []byte(doc)
			if aad != "" { // what the key's owner wrote
				if kept, err = s.vault.Encrypt(kept, aad); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.write.Exec("UPDATE "+table+" SET doc = ?", kept); err != nil {
				t.Fatal(err)
			}
		}
		for want, read := range map[string]func() error{
			"run r-1":       func() error { _, err := s.Run(t.Context(), "r-1"); return err },
			"run r-1 ":      func() error { _, _, err := s.Runs(t.Context(), asr.RunQuery{}); return err },
			"finding f-1":   func() error { _, err := s.Finding(t.Context(), "f-1"); return err },
			"finding f-1 ":  func() error { _, _, err := s.Findings(t.Context(), asr.FindingQuery{}); return err },
			"message r-1/m": func() error { _, err := s.Messages(t.Context(), "", at, 0); return err },
			"rejected x-1":  func() error { _, err := s.Rejected(t.Context(), 0); return err },
			"call 1":        func() error { _, err := s.Calls(t.Context(), "r-1"); return err },
			"checkpoint 1":  func() error { _, err := s.Checkpoints(t.Context()); return err },
		} {
			anyObject := strings.HasPrefix(doc, `{"id"`) && (strings.HasPrefix(want, "call") || strings.HasPrefix(want, "checkpoint")) // these have no id: the audit log's own proof finds them out
			if err := read(); !anyObject && (!errors.Is(err, asr.ErrCorrupt) || !strings.Contains(err.Error(), want) || asr.Advice(err) == "") {
				t.Errorf("%q: %s: got %v", doc, want, err)
			}
		}
	}
}

// One row that was changed costs no other, and pages end where they would.
func TestAListHasWhatCanBeReadAndNamesTheRest(t *testing.T) {
	t.Parallel()
	s := open(t)
	storetest.Unreadable(t, s, func() {
		for table, row := range map[string][2]string{
			"run_docs": {"pk = (SELECT pk FROM runs WHERE id = ?)", storetest.SpoiltRun}, "line": {"run = (SELECT pk FROM runs WHERE id = ?)", storetest.SpoiltRun},
			"finding_docs": {"pk = (SELECT pk FROM findings WHERE id = ?)", storetest.SpoiltFinding}, "messages": {"id = ?", storetest.SpoiltMessage}, "rejected": {"id = ?", storetest.SpoiltRejected},
		} {
			if _, err := s.write.Exec("UPDATE "+table+" SET doc = x'00' WHERE "+row[0], row[1]); err != nil {
				t.Fatal(err)
			}
		}
	})
}
