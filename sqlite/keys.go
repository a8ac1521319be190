package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"example.com/asr"
)

// Names in meta: a document to tell by whether the vault has a key of this
// file, and the id of the key that encrypts.
const (
	metaCheck   = "key check"
	metaPrimary = "primary key"
)

const putMeta = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"

// checkKey finds out at once whether the vault can read the file, and makes its
// primary key the file's, if it came after that.
func (s *Store) checkKey(ctx context.Context, tx *sql.Tx) error {
	doc, err := meta(ctx, tx, metaCheck)
	if err != nil {
		return err
	}
	if doc == nil {
		return s.takeKey(ctx, tx)
	}
	if _, err := s.vault.Decrypt(doc, metaCheck); err != nil {
		return otherKey()
	}
	was, err := meta(ctx, tx, metaPrimary)
	switch primary := s.vault.Primary(); {
	case err != nil || string(was) == primary:
		return err
	case was != nil && !s.vault.Newer(primary, string(was)):
		return otherKey()
	}
	return s.takeKey(ctx, tx)
}

const metaValue = "SELECT value FROM meta WHERE name = ?"

func meta(ctx context.Context, tx *sql.Tx, name string) ([]byte, error) {
	return metaOf(tx.QueryRowContext(ctx, metaValue, name))
}

func metaOf(row *sql.Row) (value []byte, err error) {
	if err = row.Scan(&value); errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return value, err
}

// takeKey makes the vault's primary key the file's.
func (s *Store) takeKey(ctx context.Context, tx *sql.Tx) error {
	doc, err := s.vault.Encrypt([]byte("asr"), metaCheck)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, putMeta, metaCheck, doc); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, putMeta, metaPrimary, []byte(s.vault.Primary()))
	return err
}

func otherKey() error {
	return &asr.Error{
		Code: asr.CodeBadInput, Message: "the data in this file was written with another key",
		Do: "restore the key file that belongs to it, or set ASR_KEY to its key; without the key, start with a new file",
	}
}

// current refuses what a former key encrypted: another process has changed it
// for a newer one, which the vault then learns. To the caller it is as if the
// run had been saved meanwhile: it looks again, and seals with the newer key.
func (s *Store) current(ctx context.Context, w writing, key string) error {
	if key == "" {
		return nil
	}
	primary, err := metaOf(w.row(ctx, metaValue, metaPrimary))
	if err != nil || string(primary) == key {
		return err
	}
	if err := s.vault.Reload(); err != nil {
		return err
	}
	if now := s.vault.Primary(); now != string(primary) {
		return otherKey()
	}
	return asr.ErrStale
}

// Rotate lets rotate change the vault's primary key, one process at a time, and
// makes that the file's. From then on nothing is stored that a former key
// encrypted, by whichever process.
func (s *Store) Rotate(ctx context.Context, rotate func() error) error {
	err := s.update(ctx, func(tx *sql.Tx) error {
		if err := rotate(); err != nil {
			return err
		}
		return s.takeKey(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("rotate the key: %w", err)
	}
	return nil
}

// sealed is the tables of encrypted documents: the query of those after a row
// that don't begin with a header, and the table.
var sealed = []struct {
	table, query string
	name         func(id string) string
}{
	{"run_docs", "SELECT d.pk, r.id, d.doc FROM run_docs d JOIN runs r ON r.pk = d.pk WHERE d.pk > ? AND substr(d.doc, 1, ?) <> ? ORDER BY d.pk LIMIT ?", runDoc},
	{"messages", "SELECT pk, id, doc FROM messages WHERE pk > ? AND substr(doc, 1, ?) <> ? ORDER BY pk LIMIT ?", messageDoc},
}

// portion is how many documents are encrypted anew while others wait to write.
const portion = 200

// Rewrap encrypts with the primary key what a former one encrypted, and returns
// how many documents that were. Cut off, it goes on where it stopped.
func (s *Store) Rewrap(ctx context.Context) (n int, err error) {
	for _, t := range sealed {
		for last, some := int64(0), portion; some == portion; {
			err := s.update(ctx, func(tx *sql.Tx) (err error) {
				some, last, err = s.rewrap(ctx, tx, t.query, t.table, t.name, last)
				return err
			})
			if err != nil {
				return n, fmt.Errorf("rewrap %s: %w", t.table, err)
			}
			n += some
		}
	}
	return n, nil
}

type encrypted struct {
	pk  int64
	id  string
	doc []byte
}

func scanEncrypted(rows *sql.Rows) (e encrypted, err error) {
	return e, rows.Scan(&e.pk, &e.id, &e.doc)
}

func (s *Store) rewrap(ctx context.Context, tx *sql.Tx, query, table string, name func(string) string, last int64) (int, int64, error) {
	if err := s.current(ctx, writing{tx, s.writes}, s.vault.Primary()); err != nil {
		return 0, last, err
	}
	header := s.vault.Header()
	some, err := list(ctx, tx, scanEncrypted, query, last, len(header), header, portion)
	if err != nil {
		return 0, last, err
	}
	for _, e := range some {
		plain, err := s.vault.Decrypt(e.doc, name(e.id))
		if err != nil {
			return 0, last, err
		}
		doc, err := s.vault.Encrypt(plain, name(e.id))
		if err != nil {
			return 0, last, err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE "+table+" SET doc = ? WHERE pk = ?", doc, e.pk); err != nil {
			return 0, last, err
		}
		last = e.pk
	}
	return len(some), last, nil
}

// Former counts the documents that another key than the primary encrypted.
func (s *Store) Former(ctx context.Context) (n int, err error) {
	header := s.vault.Header()
	err = s.read.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM run_docs WHERE substr(doc, 1, ?) <> ?) + (SELECT count(*) FROM messages WHERE substr(doc, 1, ?) <> ?)",
		len(header), header, len(header), header).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count what former keys encrypted: %w", err)
	}
	return n, nil
}
