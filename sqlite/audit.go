package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"example.com/asr"
)

const chainHead = "SELECT seq, hash FROM chains WHERE subject = ?"

// Head implements asr.AuditStore.
func (s *Store) Head(ctx context.Context, subject string) (head asr.Chain, err error) {
	err = s.reads.row(ctx, chainHead, subject).Scan(&head.Seq, &head.Hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return asr.Chain{}, fmt.Errorf("head of %s: %w", subject, err)
	}
	return head, nil
}

const recordsQuery = "SELECT r.seq, r.doc FROM records r JOIN chains c ON c.pk = r.chain WHERE c.subject = ? ORDER BY r.seq"

// Records implements asr.AuditStore.
func (s *Store) Records(ctx context.Context, subject string) ([]asr.Record, error) {
	all, err := list(ctx, s.read, func(rows *sql.Rows) (asr.Record, error) { return scanRecord(rows) }, recordsQuery, subject)
	if err != nil {
		return nil, fmt.Errorf("records of %s: %w", subject, err)
	}
	return all, nil
}

// scanRecord reads a record. One that isn't as it was written, or where, is one
// without contents, which no chain goes on from: who verifies the log can name it.
func scanRecord(rows *sql.Rows, before ...any) (r asr.Record, err error) {
	var seq int64
	var doc sql.RawBytes
	if err := rows.Scan(append(before, &seq, &doc)...); err != nil {
		return r, err
	}
	if r, err = asr.ParseRecord(doc); err != nil || r.Seq != seq {
		r = asr.Record{Seq: seq}
	}
	return r, nil
}

// RecordsOf implements audit.Many.
func (s *Store) RecordsOf(ctx context.Context, from, to string) (map[string][]asr.Record, error) {
	const query = "SELECT c.subject, r.seq, r.doc FROM chains c CROSS JOIN records r ON r.chain = c.pk WHERE c.subject BETWEEN ? AND ? ORDER BY c.subject, r.seq"
	all := map[string][]asr.Record{}
	var last string
	var records []asr.Record
	_, err := list(ctx, s.read, func(rows *sql.Rows) (none struct{}, err error) {
		var subject sql.RawBytes
		r, err := scanRecord(rows, &subject)
		if string(subject) != last {
			all[last], last, records = records, string(subject), make([]asr.Record, 0, len(records))
		}
		records = append(records, r)
		return none, err
	}, query, from, to)
	if err != nil {
		return nil, fmt.Errorf("records from %s to %s: %w", from, to, err)
	}
	all[last] = records
	return all, nil
}

type head struct {
	subject string
	asr.Chain
}

// Heads implements asr.AuditStore. It reads in portions, so that f may take its
// time and ask the store.
func (s *Store) Heads(ctx context.Context, f func(subject string, head asr.Chain) error) error {
	const portion = 1000
	for last, more := "", true; more; {
		heads, err := list(ctx, s.read, scanHead, "SELECT subject, seq, hash FROM chains WHERE subject > ? ORDER BY subject LIMIT ?", last, portion)
		if err != nil {
			return fmt.Errorf("heads: %w", err)
		}
		for _, h := range heads {
			if err := f(h.subject, h.Chain); err != nil {
				return err
			}
			last = h.subject
		}
		more = len(heads) == portion
	}
	return nil
}

func scanHead(rows *sql.Rows) (h head, err error) {
	return h, rows.Scan(&h.subject, &h.Seq, &h.Hash)
}

// Checkpoints implements asr.AuditStore.
func (s *Store) Checkpoints(ctx context.Context) ([]asr.Checkpoint, error) {
	all, err := list(ctx, s.read, document[asr.Checkpoint]("checkpoint"), "SELECT seq, doc FROM checkpoints ORDER BY seq")
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %w", err)
	}
	return all, nil
}

// AddCheckpoint implements asr.AuditStore.
func (s *Store) AddCheckpoint(ctx context.Context, c asr.Checkpoint) error {
	doc, err := encode(c)
	if err != nil {
		return fmt.Errorf("add a checkpoint: %w", err)
	}
	err = s.update(ctx, func(tx *sql.Tx) error {
		var last int64
		if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM checkpoints").Scan(&last); err != nil {
			return err
		}
		if c.Seq != last+1 {
			return asr.ErrStale
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO checkpoints (seq, doc) VALUES (?, ?)", c.Seq, doc)
		return err
	})
	if err != nil {
		return fmt.Errorf("add a checkpoint: %w", err)
	}
	return nil
}
