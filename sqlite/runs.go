package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"example.com/asr"
)

const runColumns = "SELECT r.id, r.created_at, d.doc FROM runs r JOIN run_docs d ON d.pk = r.pk"

// Run implements asr.RunStore.
func (s *Store) Run(ctx context.Context, id string) (asr.Run, error) {
	return s.oneRun(ctx, runColumns+" WHERE r.id = ?", id)
}

// LastRun implements asr.RunStore.
func (s *Store) LastRun(ctx context.Context, claim string) (asr.Run, error) {
	return s.oneRun(ctx, runColumns+` WHERE r.claim = ? AND r.state <> ?
		ORDER BY EXISTS (SELECT 1 FROM claims c WHERE c.run = r.pk) DESC, r.created_at DESC, r.id DESC LIMIT 1`, claim, asr.StateCancelled)
}

func (s *Store) oneRun(ctx context.Context, query string, args ...any) (asr.Run, error) {
	found, err := list(ctx, s.read, s.scanRun, query, args...)
	if err != nil {
		return asr.Run{}, fmt.Errorf("load a run: %w", err)
	}
	if len(found) == 0 {
		return asr.Run{}, asr.ErrNotFound
	}
	return found[0].item, nil
}

func (s *Store) scanRun(rows *sql.Rows) (k keyed[asr.Run], err error) {
	var doc sql.RawBytes
	if err := rows.Scan(&k.id, &k.at, &doc); err != nil {
		return k, err
	}
	return k, s.unseal(doc, runDoc(k.id), "run", k.id, &k.item)
}

// Runs implements asr.RunStore.
func (s *Store) Runs(ctx context.Context, q asr.RunQuery) ([]asr.Run, string, error) {
	var w where
	in(&w, "r.state", q.States)
	w.equal("r.account", q.Account)
	w.equal("r.control", q.Control)
	w.equal("r.resource", q.Resource)
	if q.Finding != "" {
		w.add("r.pk IN (SELECT run FROM run_findings WHERE finding = ?)", q.Finding)
	}
	return page(ctx, s, s.scanRun, runColumns, order{"r.created_at", "r.id", q.Scope()}, w, q.Cursor, q.Limit)
}

// Lease implements asr.RunStore.
func (s *Store) Lease(ctx context.Context, worker, id string, now time.Time, ttl time.Duration) (string, error) {
	const query = `UPDATE runs SET leased_to = ?, leased_until = ? WHERE pk = (
		SELECT pk FROM runs WHERE due_at <= ? AND (leased_until <= ? OR leased_until > ?) AND (? = '' OR id = ?) ORDER BY due_at, pk LIMIT 1
	) RETURNING id`
	latest := micros(now.Add(ttl + asr.ClocksApart))
	if none, err := s.idle(ctx, micros(now), latest); none || err != nil {
		return "", err
	}
	var leased string
	err := s.write.QueryRowContext(ctx, query, worker, micros(now.Add(ttl)), micros(now), micros(now), latest, id, id).Scan(&leased)
	if errors.Is(err, sql.ErrNoRows) {
		return "", asr.ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("lease: %w", judge(err))
	}
	return leased, nil
}

// idle looks, without the write lock, whether there is nothing to lease: that is
// the usual answer to many workers that ask again and again.
func (s *Store) idle(ctx context.Context, now, latest int64) (bool, error) {
	var some bool
	err := s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM runs WHERE due_at <= ? AND (leased_until <= ? OR leased_until > ?))", now, now, latest).Scan(&some)
	switch {
	case err != nil:
		return false, fmt.Errorf("lease: %w", err)
	case !some:
		return true, asr.ErrNotFound
	}
	return false, nil
}

// Release implements asr.RunStore.
func (s *Store) Release(ctx context.Context, id, worker string) error {
	err := s.exec(ctx, "UPDATE runs SET leased_to = '', leased_until = 0 WHERE id = ? AND leased_to = ?", id, worker)
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// NextDue implements asr.RunStore.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	var at sql.NullInt64
	if err := s.read.QueryRowContext(ctx, "SELECT min(due_at) FROM runs WHERE due_at IS NOT NULL").Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("next due: %w", err)
	}
	if !at.Valid {
		return time.Time{}, asr.ErrNotFound
	}
	return time.UnixMicro(at.Int64).UTC(), nil
}
