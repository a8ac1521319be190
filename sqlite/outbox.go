package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"example.com/asr"
)

// Messages implements asr.Outbox; a limit of 0 is none.
func (s *Store) Messages(ctx context.Context, run string, now time.Time, limit int) ([]asr.Message, error) {
	query, args := "SELECT id, doc FROM messages WHERE due_at <= ?", []any{micros(now)}
	if run != "" {
		query, args = query+" AND id > ? AND id < ?", append(args, run+"/", run+"0") // 0 comes right after /
	}
	all, err := readable(ctx, s.read, s.scanMessage, query+" ORDER BY due_at, pk LIMIT ?", append(args, noneIfZero(limit))...)
	if err != nil {
		return all, fmt.Errorf("messages: %w", err)
	}
	return all, nil
}

func (s *Store) scanMessage(rows *sql.Rows) (m asr.Message, err error) {
	var id string
	var doc sql.RawBytes
	if err := rows.Scan(&id, &doc); err != nil {
		return m, err
	}
	return m, s.unseal(doc, messageDoc(id), "message", id, &m)
}

const delivered = "DELETE FROM messages WHERE id = ?"

// Delivered implements asr.Outbox.
func (s *Store) Delivered(ctx context.Context, id string) error {
	if err := s.exec(ctx, delivered, id); err != nil {
		return fmt.Errorf("delivered: %w", err)
	}
	return nil
}

// Postpone implements asr.Outbox. A message that was delivered meanwhile stays so.
func (s *Store) Postpone(ctx context.Context, m asr.Message) error {
	key := s.vault.Primary()
	doc, err := s.seal(m, messageDoc(m.ID))
	if err == nil {
		err = s.update(ctx, func(tx *sql.Tx) error {
			if err := s.current(ctx, writing{tx, s.writes}, key); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, "UPDATE messages SET due_at = ?, doc = ? WHERE id = ?", micros(m.DueAt), doc, m.ID)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("postpone: %w", err)
	}
	return nil
}
