package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"example.com/asr"
)

const findingColumns = "SELECT f.pk, f.updated_at, f.id, d.doc FROM findings f JOIN finding_docs d ON d.pk = f.pk"

// Finding implements asr.FindingStore.
func (s *Store) Finding(ctx context.Context, id string) (asr.Finding, error) {
	found, err := list(ctx, s.read, scanFinding, findingColumns+" WHERE f.id = ?", id)
	if err != nil {
		return asr.Finding{}, fmt.Errorf("load a finding: %w", err)
	}
	if len(found) == 0 {
		return asr.Finding{}, asr.ErrNotFound
	}
	return found[0].item, nil
}

func scanFinding(rows *sql.Rows) (k keyed[asr.Finding], err error) {
	var id string
	var doc sql.RawBytes
	if err := rows.Scan(&k.id, &k.at, &id, &doc); err != nil {
		return k, err
	}
	return k, asr.Restore("finding", id, doc, &k.item)
}

// Findings implements asr.FindingStore.
func (s *Store) Findings(ctx context.Context, q asr.FindingQuery) ([]asr.Finding, string, error) {
	var w where
	w.equal("f.account", q.Account)
	w.equal("f.region", q.Region)
	w.equal("f.control", q.Control)
	w.equal("f.severity", q.Severity)
	w.equal("f.resource", q.Resource)
	in(&w, "f.outcome", q.Outcomes)
	return page(ctx, s, scanFinding, findingColumns, order{"f.updated_at", "f.pk", q.Scope()}, w, q.Cursor, q.Limit)
}

// Counts implements asr.FindingStore. Commit keeps the counts.
func (s *Store) Counts(ctx context.Context) (c asr.Counts, err error) {
	outcomes, of := map[asr.Outcome]int{}, map[string]map[string]int{"severity": {}, "control": {}, "account": {}}
	_, err = list(ctx, s.read, func(rows *sql.Rows) (none struct{}, err error) {
		var facet, value string
		var n int
		if err := rows.Scan(&facet, &value, &n); err != nil {
			return none, err
		}
		if facet == "outcome" {
			outcomes[asr.Outcome(value)] = n
		} else {
			of[facet][value] = n
		}
		return none, nil
	}, "SELECT facet, value, n FROM finding_counts WHERE n > 0")
	if err != nil {
		return asr.Counts{}, fmt.Errorf("count the findings: %w", err)
	}
	if len(outcomes) == 0 {
		return asr.Counts{}, nil
	}
	return asr.Counts{Outcomes: outcomes, Severities: of["severity"], Controls: of["control"], Accounts: of["account"]}, nil
}

// Reject implements asr.FindingStore.
func (s *Store) Reject(ctx context.Context, r asr.Rejected) error {
	doc, err := encode(r)
	if err == nil {
		err = s.exec(ctx, "INSERT OR IGNORE INTO rejected (id, at, doc) VALUES (?, ?, ?)", r.ID, micros(r.At), doc)
	}
	if err != nil {
		return fmt.Errorf("reject: %w", err)
	}
	return nil
}

// Rejected implements asr.FindingStore; a limit of 0 is none.
func (s *Store) Rejected(ctx context.Context, limit int) ([]asr.Rejected, error) {
	all, err := readable(ctx, s.read, document[asr.Rejected]("rejected"), "SELECT id, doc FROM rejected ORDER BY at DESC, pk DESC LIMIT ?", noneIfZero(limit))
	if err != nil {
		return all, fmt.Errorf("list what was rejected: %w", err)
	}
	return all, nil
}

// noneIfZero makes a limit of SQL's, to which -1 is none.
func noneIfZero(limit int) int {
	if limit <= 0 {
		return -1
	}
	return limit
}
