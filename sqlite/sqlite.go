// Package sqlite keeps everything in one SQLite file. Several processes may
// use the file at a time, on one machine: a network file system is no place for
// it. The package may not decide anything, nor answer queries that asr.Store
// doesn't have.
package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"example.com/asr"
	driver "modernc.org/sqlite"
)

// Store implements asr.Store.
type Store struct {
	write *sql.DB // one connection: SQLite has one writer at a time anyway
	read  *sql.DB
	vault Vault

	writes prepared // of write
	reads  prepared // of read
}

// Vault encrypts documents and signs cursors; aad names the document.
// CodeBadInput for what another key wrote.
type Vault interface {
	Encrypt(plain []byte, aad string) ([]byte, error)
	Decrypt(doc []byte, aad string) ([]byte, error)
	asr.Signer
	Keys
}

// Keys is what the store must know of the vault's keys, to see to it that
// nothing is encrypted with a former one after it was changed for another.
type Keys interface {
	Primary() string            // the id of the key that encrypts
	Newer(id, than string) bool // whether a key came after another
	Header() []byte             // what begins each document that the primary encrypts
	Reload() error              // reads the keys anew: another process may have added one
}

var _ asr.BatchStore = (*Store)(nil)

// How long to wait while another process writes.
const patience = 15 * time.Second

const readers = 4

// The pragmas of a connection, in order:
//   - busy_timeout first, so that the others wait too;
//   - WAL, so that readers never wait for the writer, nor it for them;
//   - synchronous FULL: what was committed survives a power failure. NORMAL
//     could lose the last intents and records, which would leave a change in
//     AWS that nothing here tells of;
//   - foreign_keys, a check on ourselves;
//   - a cache of 64 MB for the writer and 16 MB for each reader;
//   - temp_store MEMORY: what undoes a statement that fails midway needs no file;
//   - wal_autocheckpoint: pages that change often are copied into the file every
//     16 MB of the log instead of every 4.
var (
	writerPragmas = []string{busyTimeout, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "cache_size(-65536)", "temp_store(MEMORY)", "wal_autocheckpoint(4000)"}
	readerPragmas = []string{busyTimeout, "foreign_keys(ON)", "cache_size(-16384)", "query_only(ON)"}
)

const busyTimeout = "busy_timeout(15000)" // patience, in milliseconds

// Open opens the store in the file, which it makes the first time (mode 0600,
// its folder 0700), and brings its schema up to date. CodeBadInput for a file
// of another program, of a newer asr, or written with another key. upgrading is
// called before an older asr's file is brought up to date, which takes about a
// minute for a million findings, in which others can't write; nil: nobody is told.
func Open(ctx context.Context, path string, v Vault, upgrading func()) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	older, err := create(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if older && upgrading != nil {
		upgrading()
	}
	s := &Store{vault: v}
	if s.write, err = sql.Open("sqlite", dsn(path, writerPragmas)+"&_txlock=immediate"); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", dsn(path, readerPragmas)); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), s.write.Close())
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	if err = s.ready(ctx); err == nil {
		s.writes, err = prepare(ctx, s.write, written)
	}
	if err == nil {
		s.reads, err = prepare(ctx, s.read, asked)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), s.read.Close(), s.write.Close())
	}
	return s, nil
}

// create makes the file before SQLite does, for the sake of its mode; SQLite
// gives the same mode to the files that it puts beside it. A file of somebody
// else stays as it is. older: it is there already, and an older asr's.
func create(ctx context.Context, path string) (older bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return false, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		older, err = probe(ctx, path)
	}
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 { // Windows has no such mode
		err = f.Chmod(0o600)
	}
	return older, errors.Join(err, f.Close())
}

func dsn(path string, pragmas []string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // C:/…
		path = "/" + path
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return u.String()
}

// ready is the first use of the file. Two processes that make a file at once
// can find it busy in spite of the busy timeout, which doesn't apply while the
// journal mode changes.
func (s *Store) ready(ctx context.Context) error {
	for end := time.Now().Add(patience); ; {
		err := s.migrate(ctx)
		if !is(err, codeBusy) || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// is reports whether an error is SQLite's with the (primary) result code.
func is(err error, code int) bool {
	var e *driver.Error
	return errors.As(err, &e) && e.Code()&0xff == code
}

// Result codes (https://www.sqlite.org/rescode.html).
const (
	codeBusy     = 5
	codeReadOnly = 8
	codeIO       = 10
	codeFull     = 13
	codeNotADB   = 26
)

// judge says of an error of writing what people can do about it. Nothing of
// what failed so was stored.
func judge(err error) error {
	told := &asr.Error{Code: asr.CodeUnavailable, Err: err}
	switch {
	case is(err, codeBusy):
		told.Message = fmt.Sprintf("another process of asr has been writing to its data for %s", patience)
		told.Do = "try again; after an upgrade the first process brings the data up to date, which takes about a minute for a million findings"
	case is(err, codeFull):
		told.Message, told.Do = "the disk that asr keeps its data on is full", "make room on it; asr runs resume takes up what doesn't go on by itself"
	case is(err, codeReadOnly):
		told.Message, told.Do = "asr's file can't be written", "give asr write access to the file and its folder; asr runs resume takes up what doesn't go on by itself"
	case is(err, codeIO):
		told.Message, told.Do = "the disk that asr keeps its data on fails", "look after the disk before anything else; then see asr audit verify"
	default:
		return err
	}
	return told
}

// exec runs one statement that writes.
func (s *Store) exec(ctx context.Context, query string, args ...any) (err error) {
	if stmt := s.writes[query]; stmt != nil {
		_, err = stmt.ExecContext(ctx, args...)
	} else {
		_, err = s.write.ExecContext(ctx, query, args...)
	}
	return judge(err)
}

// Close waits for what is under way and closes the file.
func (s *Store) Close() error {
	s.reads.close()
	s.writes.close()
	_, _ = s.write.Exec("PRAGMA optimize") // statistics for the query planner: nice to have
	return errors.Join(s.read.Close(), s.write.Close())
}

// update runs f in a transaction that has the write lock from its start.
func (s *Store) update(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return judge(err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if err := f(tx); err != nil {
		return judge(err)
	}
	return judge(tx.Commit())
}

// encode keeps all characters and numbers as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// seal encodes and encrypts a document.
func (s *Store) seal(v any, aad string) ([]byte, error) {
	doc, err := encode(v)
	if err != nil {
		return nil, err
	}
	return s.vault.Encrypt(doc, aad)
}

// unseal decrypts and decodes it.
func (s *Store) unseal(doc []byte, aad, kind, id string, v any) error {
	plain, err := s.vault.Decrypt(doc, aad)
	if err != nil {
		return err
	}
	return asr.Restore(kind, id, plain, v)
}

type rowsQuerier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// list runs a query and scans each row with f.
func list[T any](ctx context.Context, db rowsQuerier, scan func(rows *sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// attempt is a row that may be unreadable.
type attempt[T any] struct {
	item T
	ok   bool
}

// attempts is list for what is shown or gone through: a row that can't be read
// costs no other. The error names all of them, and may be partial.
func attempts[T any](ctx context.Context, db rowsQuerier, scan func(rows *sql.Rows) (T, error), query string, args ...any) ([]attempt[T], error) {
	var left asr.UnreadableError
	all, err := list(ctx, db, func(rows *sql.Rows) (attempt[T], error) {
		v, err := scan(rows)
		if err != nil && !left.Skip(err) {
			return attempt[T]{}, err
		}
		return attempt[T]{v, err == nil}, nil
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return all, left.OrNil()
}

// readable is attempts without those that failed.
func readable[T any](ctx context.Context, db rowsQuerier, scan func(rows *sql.Rows) (T, error), query string, args ...any) (all []T, err error) {
	rows, err := attempts(ctx, db, scan, query, args...)
	for _, r := range rows {
		if r.ok {
			all = append(all, r.item)
		}
	}
	return all, err
}

// document scans a row's name and its JSON.
func document[T any](kind string) func(rows *sql.Rows) (T, error) {
	return func(rows *sql.Rows) (v T, err error) {
		var name string
		var doc sql.RawBytes
		if err := rows.Scan(&name, &doc); err != nil {
			return v, err
		}
		return v, asr.Restore(kind, name, doc, &v)
	}
}
