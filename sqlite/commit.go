package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"example.com/asr"
)

// packed is a batch with its documents ready: nobody waits for the write lock
// while we encrypt.
type packed struct {
	*asr.Batch
	key      string // that encrypted its run and messages; "": it has none
	run      []byte
	findings [][]byte
	records  [][]byte
	messages [][]byte
	ledgers  [][]byte
	place    []byte // the run's in the line
}

// Commit implements asr.RunStore. An error leaves the batch as it was.
func (s *Store) Commit(ctx context.Context, b *asr.Batch) error {
	p, err := s.pack(b)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	err = s.update(ctx, func(tx *sql.Tx) error {
		if err := s.current(ctx, tx, p.key); err != nil {
			return err
		}
		for _, put := range []func(context.Context, *sql.Tx) error{p.putRun, p.putFindings, p.putRecords, p.putMessages, p.putLedgers} {
			if err := put(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if b.Run != nil {
		b.Run.Version++
	}
	for i := range b.Findings {
		b.Findings[i].Version++
	}
	for i := range b.Ledgers {
		b.Ledgers[i].Version++
	}
	return nil
}

func (s *Store) pack(b *asr.Batch) (p packed, err error) {
	p.Batch = b
	if b.Run != nil || len(b.Messages) > 0 {
		p.key = s.vault.Primary()
	}
	if b.Run != nil {
		r := *b.Run
		r.Version++
		if p.run, err = s.seal(r, runDoc(r.ID)); err != nil {
			return p, err
		}
		if r.Queued != nil {
			if p.place, err = encode(r.Queued); err != nil {
				return p, err
			}
		}
	}
	for _, f := range b.Findings {
		f.Version++
		if p.findings, err = add(p.findings, f); err != nil {
			return p, err
		}
	}
	for _, r := range b.Records {
		if p.records, err = add(p.records, r); err != nil {
			return p, err
		}
	}
	for _, m := range b.Messages {
		doc, err := s.seal(m, messageDoc(m.ID))
		if err != nil {
			return p, err
		}
		p.messages = append(p.messages, doc)
	}
	for _, g := range b.Ledgers {
		g.Version++
		if p.ledgers, err = add(p.ledgers, g); err != nil {
			return p, err
		}
	}
	return p, nil
}

func add(docs [][]byte, v any) ([][]byte, error) {
	doc, err := encode(v)
	return append(docs, doc), err
}

// What the vault knows the documents by.
func runDoc(id string) string     { return "run " + id }
func messageDoc(id string) string { return "message " + id }

func (p *packed) putRun(ctx context.Context, tx *sql.Tx) error {
	if p.Run == nil {
		return nil
	}
	pk, err := p.putRunRow(ctx, tx)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO run_docs (pk, doc) VALUES (?, ?) ON CONFLICT DO UPDATE SET doc = excluded.doc", pk, p.run); err != nil {
		return err
	}
	for _, f := range p.Run.Findings {
		if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO run_findings (finding, run) VALUES (?, ?)", f, pk); err != nil {
			return err
		}
	}
	for _, put := range []func(context.Context, *sql.Tx, int64) error{p.putClaim, p.putLocks, p.putPlace} {
		if err := put(ctx, tx, pk); err != nil {
			return err
		}
	}
	return nil
}

// putRunRow stores the columns, if the version is the one that the run was
// loaded with.
func (p *packed) putRunRow(ctx context.Context, tx *sql.Tx) (pk int64, err error) {
	r := p.Run
	args := []any{r.Version + 1, r.State, r.Target.Account, r.Control, r.Target.ID, r.Claim, micros(r.CreatedAt), due(r), r.ID}
	query := "UPDATE runs SET version = ?, state = ?, account = ?, control = ?, resource = ?, claim = ?, created_at = ?, due_at = ? WHERE id = ? AND version = ? RETURNING pk"
	if r.Version == 0 {
		query = "INSERT INTO runs (version, state, account, control, resource, claim, created_at, due_at, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING pk"
	} else {
		args = append(args, r.Version)
	}
	err = tx.QueryRowContext(ctx, query, args...).Scan(&pk)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, asr.ErrStale
	}
	return pk, err
}

// due is when the run is due, NULL if it never is.
func due(r *asr.Run) any {
	if at, ok := r.Due(); ok {
		return micros(at)
	}
	return nil
}

func micros(t time.Time) int64 { return t.UnixMicro() }

// putClaim moves the run's claim to what it is now.
func (p *packed) putClaim(ctx context.Context, tx *sql.Tx, pk int64) error {
	if !p.Run.State.Open() {
		_, err := tx.ExecContext(ctx, "DELETE FROM claims WHERE run = ?", pk)
		return err
	}
	holder, err := holder(ctx, tx, "SELECT r.id FROM claims c JOIN runs r ON r.pk = c.run WHERE c.claim = ? AND c.run <> ?", p.Run.Claim, pk)
	if err != nil {
		return err
	}
	if holder != "" {
		return &asr.ClaimedError{Run: holder}
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO claims (claim, run) VALUES (?, ?) ON CONFLICT (run) DO UPDATE SET claim = excluded.claim ON CONFLICT (claim) DO NOTHING", p.Run.Claim, pk)
	return err
}

// holder is the run that the query finds, "" if it finds none.
func holder(ctx context.Context, tx *sql.Tx, query string, args ...any) (id string, err error) {
	err = tx.QueryRowContext(ctx, query, args...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

func (p *packed) putLocks(ctx context.Context, tx *sql.Tx, pk int64) error {
	if p.Locks == asr.LockRelease || !p.Run.State.Open() {
		_, err := tx.ExecContext(ctx, "DELETE FROM locks WHERE run = ?", pk)
		return err
	}
	if p.Locks != asr.LockTake {
		return nil
	}
	for _, setting := range p.Run.Locks {
		holder, err := holder(ctx, tx, "SELECT r.id FROM locks l JOIN runs r ON r.pk = l.run WHERE l.setting = ? AND l.run <> ?", setting, pk)
		if err != nil {
			return err
		}
		if holder != "" {
			return &asr.LockedError{Run: holder}
		}
		if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO locks (setting, run) VALUES (?, ?)", setting, pk); err != nil {
			return err
		}
	}
	return nil
}

func (p *packed) putFindings(ctx context.Context, tx *sql.Tx) error {
	for i := range p.Findings {
		if err := putFinding(ctx, tx, &p.Findings[i], p.findings[i]); err != nil {
			return err
		}
	}
	return nil
}

func putFinding(ctx context.Context, tx *sql.Tx, f *asr.Finding, doc []byte) error {
	args := []any{f.Version + 1, f.Account, f.Region, f.Control, f.Severity, f.Resource().ID, f.Outcome, micros(f.UpdatedAt), f.ID}
	query := "UPDATE findings SET version = ?, account = ?, region = ?, control = ?, severity = ?, resource = ?, outcome = ?, updated_at = ? WHERE id = ? AND version = ? RETURNING pk"
	if f.Version == 0 {
		query = "INSERT INTO findings (version, account, region, control, severity, resource, outcome, updated_at, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING pk"
	} else {
		args = append(args, f.Version)
	}
	var pk int64
	err := tx.QueryRowContext(ctx, query, args...).Scan(&pk)
	if errors.Is(err, sql.ErrNoRows) {
		return asr.ErrStale
	}
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO finding_docs (pk, doc) VALUES (?, ?) ON CONFLICT DO UPDATE SET doc = excluded.doc", pk, doc)
	return err
}

func (p *packed) putRecords(ctx context.Context, tx *sql.Tx) error {
	for i, r := range p.Records {
		if err := putRecord(ctx, tx, r, p.records[i]); err != nil {
			return err
		}
	}
	return nil
}

func putRecord(ctx context.Context, tx *sql.Tx, r asr.Record, doc []byte) error {
	var head asr.Chain
	err := tx.QueryRowContext(ctx, "SELECT seq, hash FROM chains WHERE subject = ?", r.Subject).Scan(&head.Seq, &head.Hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if !head.Follows(r) {
		return asr.ErrStale
	}
	var chain int64
	const put = "INSERT INTO chains (subject, seq, hash) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq, hash = excluded.hash RETURNING pk"
	if err := tx.QueryRowContext(ctx, put, r.Subject, r.Seq, r.Hash).Scan(&chain); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO records (chain, seq, doc) VALUES (?, ?, ?)", chain, r.Seq, doc)
	return err
}

func (p *packed) putMessages(ctx context.Context, tx *sql.Tx) error {
	for i, m := range p.Messages {
		const put = "INSERT INTO messages (id, due_at, doc) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET due_at = excluded.due_at, doc = excluded.doc"
		if _, err := tx.ExecContext(ctx, put, m.ID, micros(m.DueAt), p.messages[i]); err != nil {
			return err
		}
	}
	return nil
}
