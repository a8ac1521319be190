package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"example.com/asr"
)

// What Commit executes.
const (
	insertRun     = "INSERT INTO runs (version, state, due_at, account, control, resource, claim, created_at, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING pk"
	moveRun       = "UPDATE runs SET version = ?, state = ?, due_at = ? WHERE account = ? AND control = ? AND resource = ? AND claim = ? AND created_at = ? AND id = ? AND version = ? RETURNING pk"
	updateRun     = "UPDATE runs SET version = ?, state = ?, due_at = ?, account = ?, control = ?, resource = ?, claim = ?, created_at = ? WHERE id = ? AND version = ? RETURNING pk"
	putRunDoc     = "INSERT INTO run_docs (pk, doc) VALUES (?, ?) ON CONFLICT DO UPDATE SET doc = excluded.doc"
	putRunFinding = "INSERT OR IGNORE INTO run_findings (finding, run) VALUES (?, ?)"
	dropClaim     = "DELETE FROM claims WHERE run = ?"
	claimHolder   = "SELECT r.pk, r.id FROM claims c JOIN runs r ON r.pk = c.run WHERE c.claim = ?"
	putClaim      = "INSERT INTO claims (claim, run) VALUES (?, ?) ON CONFLICT (run) DO UPDATE SET claim = excluded.claim"
	dropLocks     = "DELETE FROM locks WHERE run = ?"
	lockHolder    = "SELECT r.id FROM locks l JOIN runs r ON r.pk = l.run WHERE l.setting = ? AND l.run <> ?"
	putLock       = "INSERT OR IGNORE INTO locks (setting, run) VALUES (?, ?)"
	dropPlace     = "DELETE FROM line WHERE run = ?"
	putPlace      = "INSERT INTO line (run, doc) VALUES (?, ?) ON CONFLICT DO UPDATE SET doc = excluded.doc"
	insertLedger  = "INSERT INTO ledgers (doc, scope, version) VALUES (?, ?, 1) ON CONFLICT DO NOTHING"
	updateLedger  = "UPDATE ledgers SET version = version + 1, doc = ? WHERE scope = ? AND version = ?"
	startChain    = "INSERT INTO chains (seq, hash, subject) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING pk"
	growChain     = "UPDATE chains SET seq = ?, hash = ? WHERE subject = ? AND seq = ? AND hash = ? RETURNING pk"
	insertRecord  = "INSERT INTO records (chain, seq, doc) VALUES (?, ?, ?)"
	putMessage    = "INSERT INTO messages (id, due_at, doc) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET due_at = excluded.due_at, doc = excluded.doc"
)

// What is executed often is prepared once, when the store is opened: to prepare
// a statement takes several times as long as to execute it.
var (
	written = []string{
		metaValue, insertRun, moveRun, updateRun, putRunDoc, putRunFinding, dropClaim, claimHolder, putClaim, dropLocks, lockHolder, putLock, dropPlace, putPlace, insertLedger, updateLedger,
		insertFinding, insertFindingDoc, updateAlike, findingFacets, updateFinding, updateFindingDoc, kindOf, insertKind, count, startChain, growChain, insertRecord, putMessage,
		leaseRun, releaseRun, delivered, putSetting, addCall,
	}
	asked = []string{oneRun, lastRun, someDue, nextDue, oneFinding, chainHead, ledger, setting}
)

// writing is a transaction that executes what was prepared. Its end closes the
// statements that it took; Close those of the store.
type writing struct {
	tx       *sql.Tx
	prepared prepared
}

func (w writing) exec(ctx context.Context, query string, args ...any) error {
	_, err := w.result(ctx, query, args...)
	return err
}

// update is exec that tells how many rows it changed.
func (w writing) update(ctx context.Context, query string, args ...any) (n int64, err error) {
	out, err := w.result(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return out.RowsAffected()
}

// insert is exec that tells the new row's key; ErrStale if there was none to add.
func (w writing) insert(ctx context.Context, query string, args ...any) (pk int64, err error) {
	out, err := w.result(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	n, err := out.RowsAffected()
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, asr.ErrStale
	}
	return out.LastInsertId()
}

func (w writing) result(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return w.tx.StmtContext(ctx, w.prepared[query]).ExecContext(ctx, args...) //nolint:sqlclosecheck // see above
}

func (w writing) row(ctx context.Context, query string, args ...any) *sql.Row {
	return w.tx.StmtContext(ctx, w.prepared[query]).QueryRowContext(ctx, args...) //nolint:sqlclosecheck // see above
}

// prepared are statements by their text. They live as long as the store.
type prepared map[string]*sql.Stmt

func prepare(ctx context.Context, db *sql.DB, queries []string) (prepared, error) {
	all := prepared{}
	for _, query := range queries {
		stmt, err := db.PrepareContext(ctx, query) //nolint:sqlclosecheck // see above
		if err != nil {
			return nil, err
		}
		all[query] = stmt
	}
	return all, nil
}

// QueryContext runs one of them as if it were not prepared.
func (p prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return p[query].QueryContext(ctx, args...)
}

func (p prepared) row(ctx context.Context, query string, args ...any) *sql.Row {
	return p[query].QueryRowContext(ctx, args...)
}

func (p prepared) close() {
	for _, stmt := range p {
		_ = stmt.Close() // it goes with its connection anyway
	}
}

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
	return s.CommitAll(ctx, []*asr.Batch{b})
}

// CommitAll implements asr.BatchStore. An error leaves the batches as they were.
func (s *Store) CommitAll(ctx context.Context, batches []*asr.Batch) error {
	var all []packed
	key := ""
	for _, b := range batches {
		p, err := s.pack(b)
		if err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		switch all = append(all, p); {
		case key == "":
			key = p.key
		case p.key != "" && p.key != key: // it was changed just now
			return fmt.Errorf("commit: %w", asr.ErrStale)
		}
	}
	err := s.update(ctx, func(tx *sql.Tx) error {
		w := writing{tx, s.writes}
		if err := s.current(ctx, w, key); err != nil {
			return err
		}
		return putAll(ctx, w, all)
	})
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	for _, b := range batches {
		stored(b)
	}
	return nil
}

func putAll(ctx context.Context, w writing, all []packed) error {
	findings := upsert{w, map[kind]int64{}, counted{}}
	for _, p := range all {
		for _, put := range []func(context.Context, writing) error{p.putRun, p.putRecords, p.putMessages, p.putLedgers} {
			if err := put(ctx, w); err != nil {
				return err
			}
		}
		if err := findings.put(ctx, p); err != nil {
			return err
		}
	}
	return findings.count(ctx)
}

// stored sets the versions to those that were stored.
func stored(b *asr.Batch) {
	if b.Run != nil {
		b.Run.Version++
	}
	for i := range b.Findings {
		b.Findings[i].Version++
	}
	for i := range b.Ledgers {
		b.Ledgers[i].Version++
	}
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

func (p *packed) putRun(ctx context.Context, w writing) error {
	if p.Run == nil {
		return nil
	}
	pk, err := p.putRunRow(ctx, w)
	if err != nil {
		return err
	}
	if err := w.exec(ctx, putRunDoc, pk, p.run); err != nil {
		return err
	}
	for _, f := range p.Run.Findings {
		if err := w.exec(ctx, putRunFinding, f, pk); err != nil {
			return err
		}
	}
	for _, put := range []func(context.Context, writing, int64) error{p.putClaim, p.putLocks, p.putPlace} {
		if err := put(ctx, w, pk); err != nil {
			return err
		}
	}
	return nil
}

// putRunRow stores the columns, if the version is the one that the run was
// loaded with. Most steps leave those alone that never change but with a target
// or a claim: what isn't set is moved in no index.
func (p *packed) putRunRow(ctx context.Context, w writing) (pk int64, err error) {
	r := p.Run
	args := []any{r.Version + 1, r.State, due(r), r.Target.Account, r.Control, r.Target.ID, r.Claim, micros(r.CreatedAt), r.ID}
	queries := []string{moveRun, updateRun}
	if r.Version == 0 {
		queries = []string{insertRun}
	} else {
		args = append(args, r.Version)
	}
	for _, query := range queries {
		if err = w.row(ctx, query, args...).Scan(&pk); !errors.Is(err, sql.ErrNoRows) {
			return pk, err
		}
	}
	return 0, asr.ErrStale
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
func (p *packed) putClaim(ctx context.Context, w writing, pk int64) error {
	if !p.Run.State.Open() {
		return w.exec(ctx, dropClaim, pk)
	}
	var run int64
	var id string
	switch err := w.row(ctx, claimHolder, p.Run.Claim).Scan(&run, &id); {
	case errors.Is(err, sql.ErrNoRows):
		return w.exec(ctx, putClaim, p.Run.Claim, pk)
	case err != nil || run == pk:
		return err
	}
	return &asr.ClaimedError{Run: id}
}

// holder is another run than pk that has locked a setting, "" if none has.
func holder(ctx context.Context, w writing, setting string, pk int64) (id string, err error) {
	err = w.row(ctx, lockHolder, setting, pk).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

func (p *packed) putLocks(ctx context.Context, w writing, pk int64) error {
	if p.Locks == asr.LockRelease || !p.Run.State.Open() {
		return w.exec(ctx, dropLocks, pk)
	}
	if p.Locks != asr.LockTake {
		return nil
	}
	for _, setting := range p.Run.Locks {
		holder, err := holder(ctx, w, setting, pk)
		if err != nil {
			return err
		}
		if holder != "" {
			return &asr.LockedError{Run: holder}
		}
		if err := w.exec(ctx, putLock, setting, pk); err != nil {
			return err
		}
	}
	return nil
}

func (p *packed) putRecords(ctx context.Context, w writing) error {
	for i, r := range p.Records {
		if err := putRecord(ctx, w, r, p.records[i]); err != nil {
			return err
		}
	}
	return nil
}

// putRecord adds a record to its chain, if that ends where the record goes on.
func putRecord(ctx context.Context, w writing, r asr.Record, doc []byte) error {
	before := asr.Chain{Seq: r.Seq - 1, Hash: r.Prev}
	if !before.Follows(r) {
		return asr.ErrStale
	}
	query, args := startChain, []any{r.Seq, r.Hash, r.Subject}
	if before != (asr.Chain{}) {
		query, args = growChain, append(args, before.Seq, before.Hash)
	}
	var chain int64
	err := w.row(ctx, query, args...).Scan(&chain)
	if errors.Is(err, sql.ErrNoRows) {
		return asr.ErrStale
	}
	if err != nil {
		return err
	}
	return w.exec(ctx, insertRecord, chain, r.Seq, doc)
}

func (p *packed) putMessages(ctx context.Context, w writing) error {
	for i, m := range p.Messages {
		if err := w.exec(ctx, putMessage, m.ID, micros(m.DueAt), p.messages[i]); err != nil {
			return err
		}
	}
	return nil
}
