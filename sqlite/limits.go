package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"example.com/asr"
)

// putPlace puts the run into the line, or takes it out.
func (p *packed) putPlace(ctx context.Context, w writing, pk int64) error {
	if p.place == nil {
		return w.exec(ctx, dropPlace, pk)
	}
	return w.exec(ctx, putPlace, pk, p.place)
}

// putLedgers stores the ledgers whose version is the one that they were loaded
// with.
func (p *packed) putLedgers(ctx context.Context, w writing) error {
	for i, g := range p.Ledgers {
		query, args := updateLedger, []any{p.ledgers[i], g.Scope, g.Version}
		if g.Version == 0 {
			query, args = insertLedger, args[:2]
		}
		n, err := w.update(ctx, query, args...)
		if err != nil {
			return err
		}
		if n == 0 {
			return asr.ErrStale
		}
	}
	return nil
}

const ledger = "SELECT doc FROM ledgers WHERE scope = ?"

// Ledgers implements asr.LimitStore.
func (s *Store) Ledgers(ctx context.Context, scopes ...string) ([]asr.Ledger, error) {
	all := make([]asr.Ledger, len(scopes))
	for i, scope := range scopes {
		all[i].Scope = scope
		var doc []byte
		err := s.reads.row(ctx, ledger, scope).Scan(&doc)
		if err == nil {
			err = asr.Restore("ledger", scope, doc, &all[i])
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("ledger %s: %w", scope, err)
		}
	}
	return all, nil
}

// AllLedgers implements asr.LimitStore.
func (s *Store) AllLedgers(ctx context.Context) (all []asr.Ledger, err error) {
	err = s.each(ctx, "SELECT scope, doc FROM ledgers ORDER BY scope", func(scope string, doc []byte) error {
		var g asr.Ledger
		err := asr.Restore("ledger", scope, doc, &g)
		all = append(all, g)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ledgers: %w", err)
	}
	return all, nil
}

// Line implements asr.LimitStore.
func (s *Store) Line(ctx context.Context, f func(asr.Waiting) error) error {
	var left asr.UnreadableError
	err := s.each(ctx, "SELECT r.id, l.doc FROM line l JOIN runs r ON r.pk = l.run", func(run string, doc []byte) error {
		var w asr.Waiting
		if err := asr.Restore("place in the line of run", run, doc, &w); err != nil {
			left.Skip(err)
			return nil
		}
		return f(w)
	})
	if err == nil {
		err = left.OrNil()
	}
	if err != nil {
		return fmt.Errorf("line: %w", err)
	}
	return nil
}

// each calls f for each row, a name and a document.
func (s *Store) each(ctx context.Context, query string, f func(name string, doc []byte) error) error {
	rows, err := s.read.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		var doc sql.RawBytes
		if err := rows.Scan(&name, &doc); err != nil {
			return err
		}
		if err := f(name, doc); err != nil {
			return err
		}
	}
	return rows.Err()
}
