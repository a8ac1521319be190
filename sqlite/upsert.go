package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"example.com/asr"
)

const (
	insertFinding    = "INSERT INTO findings (version, region, resource, updated_at, account, control, severity, outcome, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
	insertFindingDoc = "INSERT INTO finding_docs (doc, pk) VALUES (?, ?)"
	updateSameKind   = "UPDATE findings SET version = ?, region = ?, resource = ?, updated_at = ? WHERE account = ? AND control = ? AND severity = ? AND outcome = ? AND id = ? AND version = ?"
	findingKind      = "SELECT account, control, severity, outcome FROM findings WHERE id = ? AND version = ?"
	updateFinding    = "UPDATE findings SET version = ?, region = ?, resource = ?, updated_at = ?, account = ?, control = ?, severity = ?, outcome = ? WHERE id = ?"
	updateFindingDoc = "UPDATE finding_docs SET doc = ? WHERE pk = (SELECT pk FROM findings WHERE id = ?)"
	count            = "INSERT INTO finding_counts (facet, value, n) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"
)

// kind is what findings are counted by.
type kind struct {
	account, control, severity string
	outcome                    asr.Outcome
}

// counted is what the counts change by.
type counted map[[2]string]int

func (c counted) add(k kind, n int) {
	for _, facet := range [...][2]string{{"outcome", string(k.outcome)}, {"severity", k.severity}, {"control", k.control}, {"account", k.account}} {
		c[facet] += n
	}
}

// putFindings stores the findings, whose versions must be those that they were
// loaded with, and counts them once for all.
func (p *packed) putFindings(ctx context.Context, w writing) error {
	changes := counted{}
	for i := range p.Findings {
		if err := putFinding(ctx, w, &p.Findings[i], p.findings[i], changes); err != nil {
			return err
		}
	}
	for facet, n := range changes {
		if n == 0 {
			continue
		}
		if err := w.exec(ctx, count, facet[0], facet[1], n); err != nil {
			return err
		}
	}
	return nil
}

func putFinding(ctx context.Context, w writing, f *asr.Finding, doc []byte, changes counted) error {
	is := kind{f.Account, f.Control, f.Severity, f.Outcome}
	args := []any{f.Version + 1, f.Region, f.Resource().ID, micros(f.UpdatedAt), f.Account, f.Control, f.Severity, f.Outcome, f.ID}
	if f.Version == 0 {
		changes.add(is, 1)
		pk, err := w.insert(ctx, insertFinding, args...)
		if err != nil {
			return err
		}
		return w.exec(ctx, insertFindingDoc, doc, pk)
	}
	n, err := w.update(ctx, updateSameKind, append(args, f.Version)...)
	if err != nil {
		return err
	}
	if n == 0 { // it is of another kind now, or stale
		var was kind
		err := w.row(ctx, findingKind, f.ID, f.Version).Scan(&was.account, &was.control, &was.severity, &was.outcome)
		if errors.Is(err, sql.ErrNoRows) {
			return asr.ErrStale
		}
		if err != nil {
			return err
		}
		changes.add(was, -1)
		changes.add(is, 1)
		if err := w.exec(ctx, updateFinding, args...); err != nil {
			return err
		}
	}
	return w.exec(ctx, updateFindingDoc, doc, f.ID)
}
