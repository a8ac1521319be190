package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"example.com/asr"
)

const (
	insertFinding    = "INSERT INTO findings (version, resource, updated_at, account, control, kind, id) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
	insertFindingDoc = "INSERT INTO finding_docs (doc, pk) VALUES (?, ?)"
	updateAlike      = "UPDATE findings SET version = ?, resource = ?, updated_at = ? WHERE account = ? AND control = ? AND kind = ? AND id = ? AND version = ?"
	findingFacets    = "SELECT f.account, f.control, k.severity, k.outcome FROM findings f JOIN kinds k ON k.pk = f.kind WHERE f.id = ? AND f.version = ?"
	updateFinding    = "UPDATE findings SET version = ?, resource = ?, updated_at = ?, account = ?, control = ?, kind = ? WHERE id = ?"
	updateFindingDoc = "UPDATE finding_docs SET doc = ? WHERE pk = (SELECT pk FROM findings WHERE id = ?)"
	kindOf           = "SELECT pk FROM kinds WHERE region = ? AND severity = ? AND outcome = ?"
	insertKind       = "INSERT INTO kinds (region, severity, outcome) VALUES (?, ?, ?)"
	count            = "INSERT INTO finding_counts (facet, value, n) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"
)

// kind is what few findings differ in.
type kind struct {
	region, severity string
	outcome          asr.Outcome
}

// facets is what findings are counted by.
type facets struct {
	account, control, severity string
	outcome                    asr.Outcome
}

// upsert is the storing of findings within one transaction.
type upsert struct {
	writing
	kinds   map[kind]int64 // their keys, as they have been looked up
	changes counted
}

// counted is what the counts change by.
type counted map[[2]string]int

func (c counted) add(k facets, n int) {
	for _, facet := range [...][2]string{{"outcome", string(k.outcome)}, {"severity", k.severity}, {"control", k.control}, {"account", k.account}} {
		c[facet] += n
	}
}

// put stores a batch's findings, whose versions must be those that they were
// loaded with.
func (u upsert) put(ctx context.Context, p packed) error {
	for i := range p.Findings {
		if err := u.putOne(ctx, &p.Findings[i], p.findings[i]); err != nil {
			return err
		}
	}
	return nil
}

// count counts all findings that were put at once.
func (u upsert) count(ctx context.Context) error {
	for facet, n := range u.changes {
		if n == 0 {
			continue
		}
		if err := u.exec(ctx, count, facet[0], facet[1], n); err != nil {
			return err
		}
	}
	return nil
}

func (u upsert) putOne(ctx context.Context, f *asr.Finding, doc []byte) error {
	kind, err := u.kind(ctx, kind{f.Region, f.Severity, f.Outcome})
	if err != nil {
		return err
	}
	is := facets{f.Account, f.Control, f.Severity, f.Outcome}
	args := []any{f.Version + 1, f.Resource().ID, micros(f.UpdatedAt), f.Account, f.Control, kind, f.ID}
	if f.Version == 0 {
		u.changes.add(is, 1)
		pk, err := u.insert(ctx, insertFinding, args...)
		if err != nil {
			return err
		}
		return u.exec(ctx, insertFindingDoc, doc, pk)
	}
	n, err := u.update(ctx, updateAlike, append(args, f.Version)...)
	if err != nil {
		return err
	}
	if n == 0 { // it differs by now, or is stale
		var was facets
		err := u.row(ctx, findingFacets, f.ID, f.Version).Scan(&was.account, &was.control, &was.severity, &was.outcome)
		if errors.Is(err, sql.ErrNoRows) {
			return asr.ErrStale
		}
		if err != nil {
			return err
		}
		u.changes.add(was, -1)
		u.changes.add(is, 1)
		if err := u.exec(ctx, updateFinding, args...); err != nil {
			return err
		}
	}
	return u.exec(ctx, updateFindingDoc, doc, f.ID)
}

// kind is the key of a kind, which is noted if it is new. There are few: those
// that no finding has any more stay.
func (u upsert) kind(ctx context.Context, k kind) (pk int64, err error) {
	if pk, ok := u.kinds[k]; ok {
		return pk, nil
	}
	err = u.row(ctx, kindOf, k.region, k.severity, k.outcome).Scan(&pk)
	if errors.Is(err, sql.ErrNoRows) {
		pk, err = u.insert(ctx, insertKind, k.region, k.severity, k.outcome)
	}
	u.kinds[k] = pk
	return pk, err
}
