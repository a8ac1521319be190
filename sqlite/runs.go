package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"example.com/asr"
)

const (
	runColumns = "SELECT r.id, r.created_at, d.doc FROM runs r JOIN run_docs d ON d.pk = r.pk"
	oneRun     = runColumns + " WHERE r.id = ?"
	lastRun    = runColumns + " WHERE r.claim = ? AND r.state <> ? ORDER BY EXISTS (SELECT 1 FROM claims c WHERE c.run = r.pk) DESC, r.created_at DESC, r.id DESC LIMIT 1"
	leaseRun   = `UPDATE runs SET leased_to = ?, leased_until = ? WHERE pk = (
		SELECT pk FROM runs WHERE due_at <= ? AND (leased_until <= ? OR leased_until > ?) AND (? = '' OR id = ?) ORDER BY due_at, pk LIMIT 1
	) RETURNING id`
	releaseRun = "UPDATE runs SET leased_to = '', leased_until = 0 WHERE id = ? AND leased_to = ?"
	someDue    = "SELECT EXISTS (SELECT 1 FROM runs WHERE due_at <= ? AND (leased_until <= ? OR leased_until > ?))"
	nextDue    = "SELECT min(due_at) FROM runs WHERE due_at IS NOT NULL"
)

// Run implements asr.RunStore.
func (s *Store) Run(ctx context.Context, id string) (asr.Run, error) {
	return s.oneRun(ctx, oneRun, id)
}

// LastRun implements asr.RunStore.
func (s *Store) LastRun(ctx context.Context, claim string) (asr.Run, error) {
	return s.oneRun(ctx, lastRun, claim, asr.StateCancelled)
}

func (s *Store) oneRun(ctx context.Context, query string, args ...any) (asr.Run, error) {
	found, err := list(ctx, s.reads, s.scanRun, query, args...)
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
	query := func(after *asr.Place, n int) (string, []any) {
		w.after("r.created_at", "r.id", after)
		return runColumns + w.sql() + " ORDER BY r.created_at DESC, r.id DESC LIMIT ?", append(w.args, n)
	}
	return page(ctx, s, s.scanRun, query, q.Scope(), q.Cursor, q.Limit)
}

// Lease implements asr.RunStore.
func (s *Store) Lease(ctx context.Context, worker, id string, now time.Time, ttl time.Duration) (string, error) {
	latest := micros(now.Add(ttl + asr.ClocksApart))
	if none, err := s.idle(ctx, micros(now), latest); none || err != nil {
		return "", err
	}
	var leased string
	err := s.writes.row(ctx, leaseRun, worker, micros(now.Add(ttl)), micros(now), micros(now), latest, id, id).Scan(&leased)
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
	err := s.reads.row(ctx, someDue, now, now, latest).Scan(&some)
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
	err := s.exec(ctx, releaseRun, id, worker)
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// NextDue implements asr.RunStore.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	var at sql.NullInt64
	if err := s.reads.row(ctx, nextDue).Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("next due: %w", err)
	}
	if !at.Valid {
		return time.Time{}, asr.ErrNotFound
	}
	return time.UnixMicro(at.Int64).UTC(), nil
}
