package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// putRecords appends the records to their chains. Neither they nor the heads
// ever expire: a checkpoint proves the ones by the others.
func (c *commit) putRecords() error {
	firsts, heads := map[string]asr.Record{}, map[string]asr.Chain{}
	for _, r := range c.Records {
		head, ok := heads[r.Subject]
		if !ok {
			firsts[r.Subject] = r
			head = asr.Chain{Seq: r.Seq - 1, Hash: r.Prev} // that it ends so is the head's condition
		}
		if r.Seq < 1 || !head.Follows(r) {
			return asr.ErrStale
		}
		heads[r.Subject] = asr.Chain{Seq: r.Seq, Hash: r.Hash}
		k := recordKey(r.Subject, r.Seq)
		c.write(c.s.put(k.item().with(c.docs[k].attributes()), absent(), stale))
	}
	for _, subject := range slices.Sorted(maps.Keys(heads)) {
		c.putHead(subject, firsts[subject], heads[subject])
	}
	return nil
}

// putHead moves a chain's head, if it is what the first record follows.
func (c *commit) putHead(subject string, first asr.Record, head asr.Chain) {
	it := headKey(subject).item().with(item{attrName: text(subject), attrSeq: number(head.Seq), attrHash: text(head.Hash)})
	follows := absent()
	if first.Seq > 1 || first.Prev != "" {
		follows = condition{}
		follows.text = follows.is(attrSeq, "=", number(first.Seq-1)) + " AND " + follows.is(attrHash, "=", text(first.Prev))
	}
	c.write(c.s.put(it, follows, stale))
}

// absent is the condition that nothing is there.
func absent() (a condition) {
	a.text = a.absent(attrPK)
	return a
}

// Head implements asr.AuditStore.
func (s *Store) Head(ctx context.Context, subject string) (asr.Chain, error) {
	it, err := s.get(ctx, headKey(subject))
	if err != nil {
		return asr.Chain{}, fmt.Errorf("head of %s: %w", subject, err)
	}
	return headOf(it), nil
}

func headOf(it item) asr.Chain {
	return asr.Chain{Seq: it.number(attrSeq), Hash: it.text(attrHash)}
}

// Records implements asr.AuditStore.
func (s *Store) Records(ctx context.Context, subject string) ([]asr.Record, error) {
	all, err := documents[asr.Record](ctx, s, recordsOf(subject), "record", subject)
	if err != nil {
		return nil, fmt.Errorf("records of %s: %w", subject, err)
	}
	return all, nil
}

// documents reads a partition's documents in order.
func documents[T any](ctx context.Context, s *Store, pk, kind, id string) (all []T, err error) {
	items, err := s.all(ctx, partition(pk, true))
	if err != nil {
		return nil, err
	}
	for _, it := range items {
		var v T
		if s.expired(it) {
			continue
		}
		err := s.open(ctx, it, kind, id, false, &v)
		if errors.Is(err, errMoved) { // these are stored once: somebody deleted the object
			err = asr.Corrupt(kind, id, err)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// Heads implements asr.AuditStore. Subjects beyond 800 bytes are in the order of
// their beginnings.
func (s *Store) Heads(ctx context.Context, f func(subject string, head asr.Chain) error) error {
	var sources []source
	for _, pk := range shards("heads", headShards) {
		sources = append(sources, partition(pk, true))
	}
	m, err := s.merge(ctx, sources, 0)
	for err == nil {
		var it item
		if it, err = m.next(ctx); it == nil {
			break
		}
		if err := f(it.text(attrName), headOf(it)); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("heads: %w", err)
	}
	return nil
}

// Checkpoints implements asr.AuditStore.
func (s *Store) Checkpoints(ctx context.Context) ([]asr.Checkpoint, error) {
	all, err := documents[asr.Checkpoint](ctx, s, checkpoints, "checkpoint", "")
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %w", err)
	}
	return all, nil
}

// AddCheckpoint implements asr.AuditStore.
func (s *Store) AddCheckpoint(ctx context.Context, c asr.Checkpoint) error {
	if c.Seq < 1 {
		return fmt.Errorf("add a checkpoint: %w", asr.ErrStale)
	}
	d, err := s.pack("checkpoint", "", c, false)
	if err != nil {
		return fmt.Errorf("add a checkpoint: %w", err)
	}
	writes := []write{s.put(checkpointKey(c.Seq).item().with(d.attributes()), absent(), stale)}
	if c.Seq > 1 {
		var follows condition
		follows.text = follows.present(attrPK)
		writes = append(writes, write{types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: &s.Table, Key: checkpointKey(c.Seq - 1).item(), ConditionExpression: follows.pointer(), ExpressionAttributeNames: follows.names,
		}}, stale})
	}
	if err := s.transact(ctx, writes); err != nil {
		return fmt.Errorf("add a checkpoint: %w", err)
	}
	return nil
}
