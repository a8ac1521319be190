package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/dynamo/schema"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Run implements asr.RunStore.
func (s *Store) Run(ctx context.Context, id string) (r asr.Run, err error) {
	err = s.reread(func() error {
		it, err := s.get(ctx, runKey(id))
		if err != nil || it == nil {
			return orNotFound(err)
		}
		r, err = s.openRun(ctx, id, it)
		return err
	})
	if err != nil && !errors.Is(err, asr.ErrNotFound) {
		err = fmt.Errorf("load a run: %w", err)
	}
	return r, err
}

func (s *Store) openRun(ctx context.Context, id string, it item) (r asr.Run, err error) {
	return r, s.open(ctx, it, "run", id, true, &r)
}

// LastRun implements asr.RunStore. Of a claim's items, the open run's comes
// last, and before it the ended ones' in the order of time. asr.ErrStale if runs
// keep coming and going meanwhile.
func (s *Store) LastRun(ctx context.Context, claim string) (asr.Run, error) {
	for range tries {
		r, settled, err := s.lastRun(ctx, claim)
		if settled || err != nil {
			return r, err
		}
	}
	return asr.Run{}, fmt.Errorf("last run: %w", asr.ErrStale)
}

func (s *Store) lastRun(ctx context.Context, claim string) (r asr.Run, settled bool, err error) {
	m, err := s.merge(ctx, []source{partition(claimKey(claim).pk, false)}, 1)
	if err != nil {
		return r, false, fmt.Errorf("last run: %w", err)
	}
	for {
		it, err := m.next(ctx)
		if err != nil {
			return r, false, fmt.Errorf("last run: %w", err)
		}
		if it == nil {
			return r, true, asr.ErrNotFound
		}
		if s.expired(it) {
			continue
		}
		r, err := s.Run(ctx, it.text(attrRun))
		if errors.Is(err, asr.ErrNotFound) { // its time ended just now
			continue
		}
		isOpen := it.key() == claimKey(claim)
		return r, err == nil && r.Claim == claim && r.State.Open() == isOpen, err
	}
}

// Runs implements asr.RunStore.
func (s *Store) Runs(ctx context.Context, q asr.RunQuery) ([]asr.Run, string, error) {
	p := runPattern(q)
	l := listing[asr.Run]{
		scope: q.Scope(), cursor: q.Cursor, limit: q.Limit, sources: p.sources(runValues(p, q)),
		open: func(ctx context.Context, it item) (asr.Run, error) { return s.openRun(ctx, it.id(), it) },
		matches: func(r asr.Run) bool {
			return (len(q.States) == 0 || slices.Contains(q.States, r.State)) && (q.Account == "" || q.Account == r.Target.Account) &&
				(q.Control == "" || q.Control == r.Control) && (q.Resource == "" || q.Resource == r.Target.ID)
		},
		place: func(r asr.Run) asr.Place { return asr.Place{At: r.CreatedAt.UnixMicro(), ID: r.ID} },
	}
	runs, next, err := list(ctx, s, l)
	if err != nil {
		return runs, next, fmt.Errorf("list runs: %w", err)
	}
	return runs, next, nil
}

// dueSources are the partitions of what is due before a place, of runs or
// messages; "" for all.
func dueSources(kind, before string) (all []source) {
	for _, hash := range shards(kind, dueShards) {
		all = append(all, source{index: schema.ByDue.Name, hash: schema.ByDue.Hash, rang: schema.ByDue.Range, value: hash, ascending: true, bound: before})
	}
	return all
}

// Lease implements asr.RunStore. The index only proposes runs: each lease is
// taken by a conditional write on the run itself.
func (s *Store) Lease(ctx context.Context, worker, id string, now time.Time, ttl time.Duration) (string, error) {
	leased, err := s.leaseOne(ctx, worker, id, now, ttl)
	if err != nil {
		return "", fmt.Errorf("lease: %w", err)
	}
	if leased == "" {
		return "", asr.ErrNotFound
	}
	return leased, nil
}

func (s *Store) leaseOne(ctx context.Context, worker, id string, now time.Time, ttl time.Duration) (string, error) {
	if id != "" {
		if it, err := s.lease(ctx, worker, runKey(id), now, ttl); it == nil {
			return "", err
		}
		return id, nil
	}
	m, err := s.merge(ctx, dueSources("run", until(now)), 1)
	for err == nil {
		var due, it item
		if due, err = m.next(ctx); due == nil {
			break
		}
		if it, err = s.lease(ctx, worker, due.key(), now, ttl); it != nil {
			return it.id(), nil
		}
	}
	return "", err
}

// lease takes a run's lease if it is due and free, and returns its item; nil if
// it isn't, or if somebody else is at it just now.
func (s *Store) lease(ctx context.Context, worker string, k key, now time.Time, ttl time.Duration) (it item, err error) {
	var c condition
	c.text = c.is(schema.ByDue.Range, "<", text(until(now))) + " AND (" + c.absent(attrLeased) + " OR " + c.is(attrLeased, "<=", number(now.UnixMicro())) + " OR " + c.is(attrLeased, ">", number(now.Add(ttl+asr.ClocksApart).UnixMicro())) + ")"
	set := c.assign(item{attrLeasedTo: text(worker), attrLeased: number(now.Add(ttl).UnixMicro())})
	err = persist(ctx, func() error {
		out, err := s.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &s.Table, Key: k.item(), UpdateExpression: &set, ConditionExpression: c.pointer(), ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
			ReturnValues: types.ReturnValueAllNew,
		})
		if err == nil {
			it = out.Attributes
		}
		return err
	})
	if unmet(err) || conflict(err) {
		return nil, nil
	}
	return it, s.explain(err)
}

// Release implements asr.RunStore.
func (s *Store) Release(ctx context.Context, id, worker string) error {
	var c condition
	c.text = c.is(attrLeasedTo, "=", text(worker))
	set := c.assign(nil, attrLeasedTo, attrLeased)
	err := persist(ctx, func() error {
		_, err := s.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &s.Table, Key: runKey(id).item(), UpdateExpression: &set, ConditionExpression: c.pointer(), ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
		})
		return err
	})
	if err != nil && !unmet(err) {
		return fmt.Errorf("release: %w", s.explain(err))
	}
	return nil
}

// NextDue implements asr.RunStore.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	m, err := s.merge(ctx, dueSources("run", ""), 1)
	var first item
	if err == nil {
		first, err = m.next(ctx)
	}
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("next due: %w", err)
	case first == nil:
		return time.Time{}, asr.ErrNotFound
	}
	return timeOf(first.text(schema.ByDue.Range)), nil
}
