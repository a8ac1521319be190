package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.com/asr"
	"example.com/asr/dynamo/schema"
)

// closed reports whether there is nothing left to be done about a finding: only
// then may it expire.
func closed(f *asr.Finding) bool {
	return f.Outcome == asr.OutcomeClosed || f.Outcome == asr.OutcomeConfirmed
}

// putFindings stores the findings, and counts them anew where they count as
// something else now.
func (c *commit) putFindings() {
	d := deltas{}
	for i := range c.Findings {
		f := &c.Findings[i]
		k := findingKey(f.ID)
		old, it := c.stored[k], c.findingItem(f)
		cond := c.free()
		if f.Version != 0 {
			cond = c.unchanged(f.Version)
		}
		c.write(c.s.put(identified(k, f.ID).with(it), cond, stale))
		c.former = append(c.former, old.text(attrObject))
		d.count(old.texts(attrCounted), old.number(attrExpire), -1)
		d.count(countsAs(f), it.number(attrExpire), 1)
	}
	c.putCounts(d)
}

func (c *commit) findingItem(f *asr.Finding) item {
	at := findingAt(f)
	it := item{attrVersion: number(f.Version + 1), attrCounted: texts(countsAs(f))}.with(c.docs[findingKey(f.ID)].attributes()).
		with(keyAttributes(schema.ByStatus, outcomeOf(f.Outcome)+"/"+shard(f.ID, findingShards), at)).
		with(keyAttributes(schema.ByAccount, findingsOf(f.Account)+"/"+shard(f.ID, spreadShards), at)).
		with(keyAttributes(schema.ByControl, findingsOf(f.Control)+"/"+shard(f.ID, spreadShards), at)).
		with(keyAttributes(schema.ByResource, findingsOf(f.Resource().ID), at))
	if c.expiry > 0 && closed(f) {
		it[attrExpire] = number(c.expiry)
	}
	return it
}

// Finding implements asr.FindingStore.
func (s *Store) Finding(ctx context.Context, id string) (f asr.Finding, err error) {
	err = s.reread(func() error {
		it, err := s.get(ctx, findingKey(id))
		if err != nil || it == nil {
			return orNotFound(err)
		}
		f, err = s.openFinding(ctx, id, it)
		return err
	})
	if err != nil && !errors.Is(err, asr.ErrNotFound) {
		err = fmt.Errorf("load a finding: %w", err)
	}
	return f, err
}

func orNotFound(err error) error {
	if err != nil {
		return err
	}
	return asr.ErrNotFound
}

// reread repeats a read whose document was replaced between its item and its
// object.
func (s *Store) reread(read func() error) error {
	err := read()
	for again := 0; errors.Is(err, errMoved) && again < 3; again++ {
		err = read()
	}
	return err
}

func (s *Store) openFinding(ctx context.Context, id string, it item) (f asr.Finding, err error) {
	return f, s.open(ctx, it, "finding", id, false, &f)
}

// Findings implements asr.FindingStore.
func (s *Store) Findings(ctx context.Context, q asr.FindingQuery) ([]asr.Finding, string, error) {
	p := findingPattern(q)
	l := listing[asr.Finding]{
		scope: q.Scope(), cursor: q.Cursor, limit: q.Limit, sources: p.sources(findingValues(p, q)),
		open: func(ctx context.Context, it item) (asr.Finding, error) { return s.openFinding(ctx, it.id(), it) },
		matches: func(f asr.Finding) bool {
			return (q.Account == "" || q.Account == f.Account) && (q.Region == "" || q.Region == f.Region) && (q.Control == "" || q.Control == f.Control) &&
				(q.Severity == "" || q.Severity == f.Severity) && (q.Resource == "" || q.Resource == f.Resource().ID) &&
				(len(q.Outcomes) == 0 || slices.Contains(q.Outcomes, f.Outcome))
		},
		place: func(f asr.Finding) asr.Place { return asr.Place{At: f.UpdatedAt.UnixMicro(), ID: f.ID} },
	}
	found, next, err := list(ctx, s, l)
	if err != nil {
		return found, next, fmt.Errorf("list findings: %w", err)
	}
	return found, next, nil
}
