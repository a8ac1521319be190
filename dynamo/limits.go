package dynamo

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"example.com/asr"
)

// putPlace puts the run into the line, or takes it out.
func (c *commit) putPlace(old item) error {
	k := placeKey(c.Run.ID)
	if c.Run.Queued == nil {
		if old[attrQueued] != nil {
			c.write(c.s.remove(k, condition{}, nil))
		}
		return nil
	}
	d, err := c.s.pack("place", c.Run.ID, c.Run.Queued, false)
	if err != nil {
		return err
	}
	c.write(c.s.put(identified(k, c.Run.ID).with(item{attrDoc: binary(d.content)}), condition{}, nil))
	return nil
}

// putLedgers stores the ledgers whose version is the one that they were loaded
// with. They are small: one of 10,000 accounts in the line takes some 100 KB.
func (c *commit) putLedgers() error {
	for _, g := range c.Ledgers {
		unchanged := absent()
		if g.Version > 0 {
			unchanged = condition{}
			unchanged.text = unchanged.is(attrVersion, "=", number(g.Version))
		}
		g.Version++
		d, err := c.s.pack("ledger", g.Scope, g, false)
		if err != nil {
			return err
		}
		it := identified(ledgerKey(g.Scope), g.Scope).with(item{attrVersion: number(g.Version), attrDoc: binary(d.content)})
		c.write(c.s.put(it, unchanged, stale))
	}
	return nil
}

// Ledgers implements asr.LimitStore.
func (s *Store) Ledgers(ctx context.Context, scopes ...string) ([]asr.Ledger, error) {
	var keys []key
	for _, scope := range scopes {
		keys = append(keys, ledgerKey(scope))
	}
	found, err := s.load(ctx, keys)
	all := make([]asr.Ledger, len(scopes))
	for i, scope := range scopes {
		if it := found[keys[i]]; err == nil && it != nil {
			err = s.open(ctx, it, "ledger", scope, false, &all[i])
		}
		all[i].Scope = scope
	}
	if err != nil {
		return nil, fmt.Errorf("ledgers: %w", err)
	}
	return all, nil
}

// AllLedgers implements asr.LimitStore.
func (s *Store) AllLedgers(ctx context.Context) (all []asr.Ledger, err error) {
	err = s.scan(ctx, "ledgers", ledgerShards, func(it item) error {
		var g asr.Ledger
		err := s.open(ctx, it, "ledger", it.key().sk, false, &g)
		all = append(all, g)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ledgers: %w", err)
	}
	slices.SortFunc(all, func(a, b asr.Ledger) int { return cmp.Compare(a.Scope, b.Scope) })
	return all, nil
}

// Line implements asr.LimitStore.
func (s *Store) Line(ctx context.Context, f func(asr.Waiting) error) error {
	var left asr.UnreadableError
	err := s.scan(ctx, "line", lineShards, func(it item) error {
		var w asr.Waiting
		switch err := s.open(ctx, it, "place", it.key().sk, false, &w); {
		case err == nil:
			return f(w)
		case !left.Skip(err):
			return err
		}
		return nil
	})
	if err == nil {
		err = left.OrNil()
	}
	if err != nil {
		return fmt.Errorf("line: %w", err)
	}
	return nil
}

// scan reads partitions of the table.
func (s *Store) scan(ctx context.Context, prefix string, n int, f func(item) error) error {
	for _, pk := range shards(prefix, n) {
		items, err := s.all(ctx, partition(pk, true))
		if err != nil {
			return err
		}
		for _, it := range items {
			if err := f(it); err != nil {
				return err
			}
		}
	}
	return nil
}
