package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"example.com/asr"
)

const (
	findingRow       = "SELECT pk, version, account, control, severity, outcome FROM findings WHERE id = ?"
	insertFinding    = "INSERT INTO findings (version, account, region, control, severity, resource, outcome, updated_at, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
	updateFinding    = "UPDATE findings SET version = ?, account = ?, region = ?, control = ?, severity = ?, resource = ?, outcome = ?, updated_at = ? WHERE pk = ?"
	insertFindingDoc = "INSERT INTO finding_docs (doc, pk) VALUES (?, ?)"
	updateFindingDoc = "UPDATE finding_docs SET doc = ? WHERE pk = ?"
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
	var pk, version int64
	var was kind
	err := w.row(ctx, findingRow, f.ID).Scan(&pk, &version, &was.account, &was.control, &was.severity, &was.outcome)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if version != f.Version {
		return asr.ErrStale
	}
	changes.add(kind{f.Account, f.Control, f.Severity, f.Outcome}, 1)
	args := []any{f.Version + 1, f.Account, f.Region, f.Control, f.Severity, f.Resource().ID, f.Outcome, micros(f.UpdatedAt)}
	if version == 0 {
		row, err := w.result(ctx, insertFinding, append(args, f.ID)...)
		if err != nil {
			return err
		}
		if pk, err = row.LastInsertId(); err != nil {
			return err
		}
		return w.exec(ctx, insertFindingDoc, doc, pk)
	}
	changes.add(was, -1)
	if err := w.exec(ctx, updateFinding, append(args, pk)...); err != nil {
		return err
	}
	return w.exec(ctx, updateFindingDoc, doc, pk)
}
