package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"example.com/asr"
)

// Migrations are numbered from 0001 without gaps. One that was released is
// never changed again; there is no way back.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

// applicationID marks the file as ours: "asr1" (PRAGMA application_id).
const applicationID = 0x61737231

// migrations lists the scripts in order; the schema's version is their number.
func migrations() ([]string, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var scripts []string
	for _, name := range names {
		script, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		scripts = append(scripts, string(script))
	}
	return scripts, nil
}

// migrate brings the schema up to date and checks the key.
func (s *Store) migrate(ctx context.Context) error {
	scripts, err := migrations()
	if err != nil {
		return err
	}
	err = s.update(ctx, func(tx *sql.Tx) error {
		before, err := version(ctx, tx, len(scripts))
		if err != nil {
			return err
		}
		if err := apply(ctx, tx, scripts); err != nil {
			return err
		}
		if err := s.checkKey(ctx, tx); err != nil || before == len(scripts) {
			return err
		}
		return s.fillColumns(ctx, tx)
	})
	if is(err, codeReadOnly) {
		return &asr.Error{Code: asr.CodeBadInput, Message: "the file can't be written", Err: err, Do: "give asr write access to the file and its folder"}
	}
	return err
}

// probe looks at a file without changing it: is it of an older asr?
func probe(ctx context.Context, path string) (older bool, err error) {
	db, err := sql.Open("sqlite", dsn(path, readerPragmas))
	if err != nil {
		return false, err
	}
	scripts, err := migrations()
	if err == nil {
		var seen int
		seen, err = version(ctx, db, len(scripts))
		older = seen > 0 && seen < len(scripts)
	}
	if is(err, codeNotADB) {
		err = foreign()
	}
	return older, errors.Join(err, db.Close())
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// version is the file's schema version, at most newest. CodeBadInput if the
// file is another's or newer.
func version(ctx context.Context, q querier, newest int) (version int, err error) {
	var id, tables int
	row := q.QueryRowContext(ctx, "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version, pragma_application_id")
	if err := row.Scan(&version, &id, &tables); err != nil {
		return 0, err
	}
	switch {
	case id != applicationID && (id != 0 || tables > 0):
		return 0, foreign()
	case version > newest:
		return 0, &asr.Error{
			Code: asr.CodeBadInput, Message: fmt.Sprintf("a newer asr wrote this file (its schema is version %d, this asr knows %d)", version, newest),
			Do: "use that newer asr, or restore the backup made before the upgrade",
		}
	}
	return version, nil
}

// apply runs the scripts that the file hasn't seen.
func apply(ctx context.Context, tx *sql.Tx, scripts []string) error {
	seen, err := version(ctx, tx, len(scripts))
	if err != nil || seen == len(scripts) {
		return err
	}
	for i, script := range scripts[seen:] {
		if _, err := tx.ExecContext(ctx, script); err != nil {
			return fmt.Errorf("migration %d: %w", seen+i+1, err)
		}
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d", len(scripts), applicationID))
	return err
}

func foreign() error {
	return &asr.Error{Code: asr.CodeBadInput, Message: "this is not a file of asr", Do: "name another file, or move this one away"}
}

// fillColumns writes the columns of all runs anew from their documents, which
// SQL can't read. A run that can't be read keeps what it has: it is found and
// named where runs are listed.
func (s *Store) fillColumns(ctx context.Context, tx *sql.Tx) error {
	for last, some := "", portion; some == portion; {
		runs, err := attempts(ctx, tx, s.scanRun, runColumns+" WHERE r.id > ? ORDER BY r.id LIMIT ?", last, portion)
		if !asr.Partial(err) {
			return fmt.Errorf("read the runs: %w", err)
		}
		for _, r := range runs {
			last = r.item.id
			if !r.ok {
				continue
			}
			if _, err := tx.ExecContext(ctx, "UPDATE runs SET resource = ?, due_at = ? WHERE id = ?", r.item.item.Target.ID, due(&r.item.item), last); err != nil {
				return fmt.Errorf("fill in run %s: %w", last, err)
			}
		}
		some = len(runs)
	}
	return nil
}
