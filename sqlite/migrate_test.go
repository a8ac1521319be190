package sqlite

import (
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

var fixture = flag.Bool("fixture", false, "write testdata/v<newest schema>.db, if it isn't there")

func TestMigrationsAreNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	files, err := migrationFiles.ReadDir("migrations")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for i, f := range files {
		if want := fmt.Sprintf(`^%04d_[a-z_]+\.sql$`, i+1); !regexp.MustCompile(want).MatchString(f.Name()) {
			t.Errorf("%s doesn't match %s", f.Name(), want)
		}
	}
}

// raw opens a file without migrating it.
func raw(t *testing.T) *Store {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(filepath.Join(t.TempDir(), "asr.db"), writerPragmas)+"&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Store{write: db, vault: key(t, 1)}
}

func (s *Store) applyTo(t *testing.T, scripts ...string) error {
	t.Helper()
	return s.update(t.Context(), func(tx *sql.Tx) error { return apply(t.Context(), tx, scripts) })
}

func TestEachMigrationRunsOnceAndInOrder(t *testing.T) {
	t.Parallel()
	s := raw(t)
	one, two, three := "CREATE TABLE a (x)", "INSERT INTO a VALUES (1); INSERT INTO a VALUES (2)", "UPDATE a SET x = x * 10"
	for _, scripts := range [][]string{{one}, {one}, {one, two, three}, {one, two, three}} {
		if err := s.applyTo(t, scripts...); err != nil {
			t.Fatal(err)
		}
	}
	var sum, version int
	if err := s.write.QueryRow("SELECT (SELECT sum(x) FROM a), user_version FROM pragma_user_version").Scan(&sum, &version); err != nil || sum != 30 || version != 3 {
		t.Errorf("sum %d, version %d, %v; want 30 and 3", sum, version, err)
	}
	if err := s.applyTo(t, one, two); asr.Classify(err) != asr.CodeBadInput {
		t.Errorf("an older asr opened it: %v", err)
	}
}

func TestAMigrationThatFailsLeavesTheFileAsItWas(t *testing.T) {
	t.Parallel()
	s := raw(t)
	one, two, bad := "CREATE TABLE a (x)", "DROP TABLE a", "CREATE TABLE b (x); SELECT nonsense"
	if err := s.applyTo(t, one); err != nil {
		t.Fatal(err)
	}
	if err := s.applyTo(t, one, two, bad); err == nil || !strings.Contains(err.Error(), "migration 3") {
		t.Errorf("got %v, want an error of migration 3", err)
	}
	var version, tables int
	if err := s.write.QueryRow("SELECT user_version, (SELECT count(*) FROM a) FROM pragma_user_version").Scan(&version, &tables); err != nil || version != 1 {
		t.Errorf("version %d, %v; want 1", version, err)
	}
}

// kept is what the files of all versions hold: one of each.
func kept() (asr.Batch, []asr.APICall, asr.Rejected, asr.Checkpoint) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	r := aRun("r-1")
	r.State, r.Locks, r.Findings = asr.StateApplying, []string{"arn:aws:s3:::b"}, []string{"f-1"}
	f := asr.Finding{
		ID: "f-1", Outcome: asr.OutcomeRunning, Run: "r-1", SeenAt: now, Workflow: asr.Workflow{Status: asr.WorkflowNew},
		Provider: asr.Provider{Account: "111111111111", Region: "eu-west-1", Control: "S3.2", Severity: "HIGH", UpdatedAt: now},
	}
	rec := r.Chain.Append(asr.Record{Subject: "r-1", At: now, Event: "claimed", Detail: json.RawMessage(`{"why":"<&>"}`)})
	m := asr.Message{ID: "m-1", DueAt: now, Report: asr.Report{Finding: "f-1", Note: "fixed"}}
	b := asr.Batch{Run: &r, Locks: asr.LockTake, Findings: []asr.Finding{f}, Records: []asr.Record{rec}, Messages: []asr.Message{m}}
	calls := []asr.APICall{{Run: "r-1", At: now, Action: "s3:GetBucketPolicy", Took: time.Millisecond}}
	return b, calls, asr.Rejected{ID: "x-1", At: now, Reason: "no JSON", Body: "<"}, asr.Checkpoint{Seq: 1, At: now, Root: "root", Signature: "signature"}
}

func fill(t *testing.T, s *Store) {
	t.Helper()
	b, calls, rejected, c := kept()
	err := errors.Join(s.Commit(t.Context(), &b), s.AddCall(t.Context(), calls[0]), s.Reject(t.Context(), rejected),
		s.AddCheckpoint(t.Context(), c), s.SetSetting(t.Context(), asr.KillSwitch, "stop"))
	if err != nil {
		t.Fatal(err)
	}
}

func TestFilesOfAllVersionsAreMigratedWithAllThatTheyHold(t *testing.T) {
	t.Parallel()
	scripts, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	for version := range len(scripts) {
		name := fmt.Sprintf("v%d.db", version+1)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			committed := filepath.Join("testdata", name)
			if _, err := os.Stat(committed); *fixture && errors.Is(err, os.ErrNotExist) {
				writeFixture(t, committed)
			}
			data, err := os.ReadFile(committed)
			if err != nil {
				t.Fatalf("%v: go test ./sqlite -fixture writes it", err)
			}
			path := filepath.Join(t.TempDir(), "asr.db")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			s, older := openTold(t, path)
			if older != (version+1 < len(scripts)) {
				t.Errorf("an older asr's: %v", older)
			}
			holdsAll(t, s)
			if _, older := openTold(t, path); older {
				t.Error("an older asr's, once it was opened")
			}
		})
	}
}

func TestANewFileIsNotOfAnOlderASR(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "asr.db")
	if _, older := openTold(t, path); older {
		t.Error("an older asr's")
	}
}

// More runs than are filled in at a time, and one that can't be read.
func TestARunThatCantBeReadDoesNotStopAMigration(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "asr.db")
	s, err := Open(t.Context(), path, key(t, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range portion + 2 {
		r := aRun(fmt.Sprintf("r-%03d", n))
		r.Claim, r.Target.ID = r.ID, fmt.Sprint("arn:aws:s3:::", n)
		if err := s.Commit(t.Context(), &asr.Batch{Run: &r}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	run(t, path, "UPDATE run_docs SET doc = x'00' WHERE pk = (SELECT pk FROM runs WHERE id = 'r-001'); UPDATE runs SET resource = '';"+asVersion4+"PRAGMA user_version = 4")
	s = openAt(t, path)
	for n, want := range map[int]int{0: 1, 1: 0, 2: 1, portion - 1: 1, portion: 1, portion + 1: 1} {
		if runs, _, err := s.Runs(t.Context(), asr.RunQuery{Resource: fmt.Sprint("arn:aws:s3:::", n)}); err != nil || len(runs) != want {
			t.Errorf("%d runs of bucket %d, want %d: %v", len(runs), n, want, err)
		}
	}
	if _, _, err := s.Runs(t.Context(), asr.RunQuery{Limit: 2 * portion}); !asr.Partial(err) || err == nil || !strings.Contains(err.Error(), "r-001") {
		t.Errorf("got %v, want an error that names r-001", err)
	}
}

func TestAFileThatAnotherProcessWritesSaysSo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "asr.db")
	s, other := openAt(t, path), openAt(t, path)
	if _, err := other.write.Exec("PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	err := s.update(t.Context(), func(*sql.Tx) error { return other.SetSetting(t.Context(), "a", "b") })
	if asr.Classify(err) != asr.CodeUnavailable || !is(err, codeBusy) || !strings.Contains(asr.Advice(err), "try again") {
		t.Errorf("got %v", err)
	}
}

func writeFixture(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), path, key(t, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s)
	if err := s.Close(); err != nil { // which leaves one file
		t.Fatal(err)
	}
}

func holdsAll(t *testing.T, s *Store) {
	t.Helper()
	ctx := t.Context()
	b, calls, rejected, c := kept()
	b.Run.Version, b.Findings[0].Version = 1, 1
	same := func(what string, got, want any, err error) {
		t.Helper()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
		}
	}
	r, err := s.Run(ctx, "r-1")
	same("run", r, *b.Run, err)
	followers, _, err := s.Runs(ctx, asr.RunQuery{States: []asr.State{asr.StateApplying}, Account: "111111111111", Control: "S3.2", Finding: "f-1"})
	same("runs", followers, []asr.Run{*b.Run}, err)
	found, _, err := s.Findings(ctx, asr.FindingQuery{Account: "111111111111", Region: "eu-west-1", Control: "S3.2", Severity: "HIGH", Outcomes: []asr.Outcome{asr.OutcomeRunning}})
	same("findings", found, b.Findings, err)
	counts, err := s.Counts(ctx)
	same("counts", counts.Accounts, map[string]int{"111111111111": 1}, err)
	records, err := s.Records(ctx, "r-1")
	same("records", records, b.Records, err)
	head, err := s.Head(ctx, "r-1")
	same("head", head, b.Run.Chain, err)
	messages, err := s.Messages(ctx, "", b.Messages[0].DueAt, 0)
	same("messages", messages, b.Messages, err)
	noted, err := s.Calls(ctx, "r-1")
	same("calls", noted, calls, err)
	refused, err := s.Rejected(ctx, 0)
	same("rejected", refused, []asr.Rejected{rejected}, err)
	checkpoints, err := s.Checkpoints(ctx)
	same("checkpoints", checkpoints, []asr.Checkpoint{c}, err)
	stop, err := s.Setting(ctx, asr.KillSwitch)
	same("setting", stop, "stop", err)
	rival := aRun("r-2")
	rival.Locks = b.Run.Locks
	var locked *asr.LockedError
	if err := s.Commit(ctx, &asr.Batch{Run: &rival, Locks: asr.LockTake}); !errors.As(err, &locked) {
		t.Errorf("the lock is lost: %v", err)
	}
	rival.Claim = b.Run.Claim
	var claimed *asr.ClaimedError
	if err := s.Commit(ctx, &asr.Batch{Run: &rival}); !errors.As(err, &claimed) {
		t.Errorf("the claim is lost: %v", err)
	}
	leased, err := s.Lease(ctx, "w", "", b.Run.NextAt, time.Minute)
	same("leased", leased, "r-1", err)
}

// asVersion4 makes a file look as version 4 left it.
const asVersion4 = `DROP INDEX findings_by_kind; DROP INDEX findings_by_account; DROP INDEX findings_by_control; DROP TABLE finding_counts;
	ALTER TABLE findings ADD COLUMN region TEXT NOT NULL DEFAULT ''; ALTER TABLE findings ADD COLUMN severity TEXT NOT NULL DEFAULT ''; ALTER TABLE findings ADD COLUMN outcome TEXT NOT NULL DEFAULT '';
	UPDATE findings SET (region, severity, outcome) = (SELECT k.region, k.severity, k.outcome FROM kinds k WHERE k.pk = kind); ALTER TABLE findings DROP COLUMN kind; DROP TABLE kinds;
	CREATE INDEX findings_by_account ON findings (account, updated_at, id); CREATE INDEX findings_by_control ON findings (control, updated_at, id); CREATE INDEX findings_by_outcome ON findings (outcome, updated_at, id);`

// The fixture of version 1 has no resources.
func TestResourcesAreFilledInWhenAnOldFileIsMigrated(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "asr.db")
	s, err := Open(t.Context(), path, key(t, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := aRun("r-1")
	r.Target.ID = "arn:aws:s3:::<b>"
	f := asr.Finding{ID: "f-1", Provider: asr.Provider{Resources: []asr.Resource{{ID: "arn:aws:s3:::é"}, {ID: "another"}}}}
	if err := errors.Join(s.Commit(t.Context(), &asr.Batch{Run: &r, Findings: []asr.Finding{f}}), s.Close()); err != nil {
		t.Fatal(err)
	}
	run(t, path, `DROP INDEX runs_by_resource; ALTER TABLE runs DROP COLUMN resource; `+asVersion4+` DROP INDEX findings_by_resource; ALTER TABLE findings DROP COLUMN resource; DROP TABLE ledgers; DROP TABLE line; PRAGMA user_version = 1`)
	s = openAt(t, path)
	runs, _, err := s.Runs(t.Context(), asr.RunQuery{Resource: r.Target.ID})
	if err != nil || len(runs) != 1 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
	found, _, err := s.Findings(t.Context(), asr.FindingQuery{Resource: "arn:aws:s3:::é"})
	if err != nil || len(found) != 1 {
		t.Errorf("%d findings, %v", len(found), err)
	}
}
