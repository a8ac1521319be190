package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"example.com/asr"
)

const oneFinding = "SELECT f.pk, f.updated_at, f.id, d.doc FROM findings f JOIN finding_docs d ON d.pk = f.pk WHERE f.id = ?"

// Finding implements asr.FindingStore.
func (s *Store) Finding(ctx context.Context, id string) (asr.Finding, error) {
	found, err := list(ctx, s.reads, scanFinding, oneFinding, id)
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
	query := func(after *asr.Place, n int) (string, []any) { return findingsQuery(q, after, n) }
	return page(ctx, s, scanFinding, query, q.Scope(), q.Cursor, q.Limit)
}

// findingsQuery is the query of the first n findings after a place. Which index
// it reads is not SQLite's to choose: it knows nothing of how many there are of
// what, and a wrong choice reads a million rows. Of an account and a control the
// account has fewer as a rule.
func findingsQuery(q asr.FindingQuery, after *asr.Place, n int) (string, []any) {
	var kinds, w where
	kinds.equal("k.region", q.Region)
	kinds.equal("k.severity", q.Severity)
	in(&kinds, "k.outcome", q.Outcomes)
	index := "findings_by_time"
	switch {
	case q.Resource != "":
		index = "findings_by_resource"
	case q.Account != "":
		index = "findings_by_account"
	case q.Control != "":
		index = "findings_by_control"
	case kinds.some():
		return findingsByKind(kinds, after, n)
	}
	w.equal("f.resource", q.Resource)
	w.equal("f.account", q.Account)
	w.equal("f.control", q.Control)
	if kinds.some() {
		w.add("f.kind IN (SELECT k.pk FROM kinds k"+kinds.sql()+")", kinds.args...)
	}
	w.after("f.updated_at", "f.pk", after)
	const columns = "SELECT f.pk, f.updated_at, f.id, d.doc FROM findings f INDEXED BY %s CROSS JOIN finding_docs d ON d.pk = f.pk"
	return fmt.Sprintf(columns, index) + w.sql() + " ORDER BY f.updated_at DESC, f.pk DESC LIMIT ?", append(w.args, n)
}

// findingsByKind takes the first n of each kind and of these the first n: that
// reads as much if all findings are of these kinds as if none is.
func findingsByKind(kinds where, after *asr.Place, n int) (string, []any) {
	var w, own where
	own.add("x.kind = k.pk")
	own.after("x.updated_at", "x.pk", after)
	last := "SELECT x.updated_at FROM findings x INDEXED BY findings_by_kind" + own.sql() + " ORDER BY x.updated_at DESC, x.pk DESC LIMIT 1 OFFSET ?"
	w.add("f.updated_at >= coalesce(("+last+"), ?)", append(own.args, n-1, math.MinInt64)...)
	w.conditions, w.args = append(w.conditions, kinds.conditions...), append(w.args, kinds.args...)
	w.after("f.updated_at", "f.pk", after)
	first := "SELECT f.pk, f.updated_at FROM kinds k CROSS JOIN findings f INDEXED BY findings_by_kind ON f.kind = k.pk" + w.sql() + " ORDER BY f.updated_at DESC, f.pk DESC LIMIT ?"
	return "SELECT p.pk, p.updated_at, f.id, d.doc FROM (" + first + ") p CROSS JOIN findings f ON f.pk = p.pk CROSS JOIN finding_docs d ON d.pk = f.pk ORDER BY p.updated_at DESC, p.pk DESC", append(w.args, n)
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
