package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/dynamo/schema"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// commit is a batch on its way into a transaction.
type commit struct {
	s *Store
	*asr.Batch
	now    time.Time
	expiry int64 // of what ends or is closed with this batch, 0 if never

	stored map[key]item // what is stored of its run and findings
	docs   map[key]*document
	writes []write
	former []string // objects that nothing refers to afterwards
}

// Commit implements asr.RunStore: one transaction, or one write if that is all.
// An error leaves the batch as it was.
func (s *Store) Commit(ctx context.Context, b *asr.Batch) error {
	c := &commit{s: s, Batch: b, now: s.now(), expiry: s.expiry(), docs: map[key]*document{}}
	if err := c.commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if b.Run != nil {
		b.Run.Version++
	}
	for i := range b.Findings {
		b.Findings[i].Version++
	}
	for i := range b.Ledgers {
		b.Ledgers[i].Version++
	}
	return nil
}

func (c *commit) commit(ctx context.Context) error {
	if err := c.look(ctx); err != nil {
		return err
	}
	if err := c.pack(); err != nil {
		return err
	}
	if err := c.build(); err != nil || len(c.writes) == 0 {
		return err
	}
	docs := slices.Collect(maps.Values(c.docs))
	err := c.s.upload(ctx, docs)
	if err == nil {
		err = c.s.transact(ctx, c.writes)
	}
	switch {
	case err == nil:
		c.s.discard(ctx, c.former...)
	case refused(err):
		for _, d := range docs {
			c.s.discard(ctx, d.object)
		}
	}
	return err
}

// refused reports whether it is certain that nothing was stored. After a lost
// answer it isn't, and what was uploaded has to stay.
func refused(err error) bool {
	var claimed *asr.ClaimedError
	var locked *asr.LockedError
	return errors.Is(err, asr.ErrStale) || errors.As(err, &claimed) || errors.As(err, &locked)
}

// look reads what there is to compare with: what the run holds, what the
// findings count as. The versions are conditions of the writes too.
func (c *commit) look(ctx context.Context) (err error) {
	versions := map[key]int64{}
	if c.Run != nil && c.Run.Version != 0 {
		versions[runKey(c.Run.ID)] = c.Run.Version
	}
	for _, f := range c.Findings {
		if f.Version != 0 {
			versions[findingKey(f.ID)] = f.Version
		}
	}
	var keys []key
	for k := range versions {
		keys = append(keys, k)
	}
	c.stored, err = c.s.load(ctx, keys, attrVersion, attrExpire, attrObject, attrClaim, attrEnded, attrHeld, attrFollowed, attrQueued, attrCounted)
	for k, v := range versions {
		if err == nil && c.stored[k].number(attrVersion) != v {
			err = asr.ErrStale
		}
	}
	return err
}

// pack makes the documents, and decides where each goes.
func (c *commit) pack() error {
	var errs []error
	add := func(k key, kind, id string, v any, seal, ends bool) {
		d, err := c.s.pack(kind, id, v, seal)
		if err != nil {
			errs = append(errs, err)
			return
		}
		d.ends = ends && c.expiry > 0
		c.docs[k] = d
	}
	if c.Run != nil {
		r := *c.Run
		r.Version++
		add(runKey(r.ID), "run", r.ID, r, true, !r.State.Open())
	}
	for _, f := range c.Findings {
		f.Version++
		add(findingKey(f.ID), "finding", f.ID, f, false, closed(&f))
	}
	for _, r := range c.Records {
		add(recordKey(r.Subject, r.Seq), "record", r.Subject, r, false, false)
	}
	for _, m := range c.Messages {
		add(messageKey(m.ID), "message", m.ID, m, true, false)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return c.s.place(slices.Collect(maps.Values(c.docs))...)
}

// build makes the writes.
func (c *commit) build() error {
	if err := c.putRun(); err != nil {
		return err
	}
	c.putFindings()
	if err := c.putRecords(); err != nil {
		return err
	}
	c.putMessages()
	if err := c.putLedgers(); err != nil {
		return err
	}
	if len(c.writes) > maxWrites {
		return &asr.Error{
			Code: asr.CodeInternal, Message: fmt.Sprintf("a batch of %d items: a transaction of DynamoDB's takes %d", len(c.writes), maxWrites),
			Do: "this is a defect of asr: report it with the run's id",
		}
	}
	return nil
}

func (c *commit) write(w ...write) { c.writes = append(c.writes, w...) }

// free is the condition that nothing is there, or only what has expired.
func (c *commit) free() (f condition) {
	f.text = f.absent(attrPK) + " OR " + f.is(attrExpire, "<=", number(c.now.Unix()))
	return f
}

// unchanged is the condition that the version is there that was loaded.
func (c *commit) unchanged(version int64) (u condition) {
	u.text = u.is(attrVersion, "=", number(version)) + " AND (" + u.absent(attrExpire) + " OR " + u.is(attrExpire, ">", number(c.now.Unix())) + ")"
	return u
}

// mine is the condition that nobody else has it.
func mine(run string) (m condition) {
	m.text = m.absent(attrPK) + " OR " + m.is(attrRun, "=", text(run))
	return m
}

// putRun stores the run: new ones whole, others without touching their leases.
func (c *commit) putRun() error {
	r := c.Run
	if r == nil {
		return nil
	}
	k := runKey(r.ID)
	old := c.stored[k]
	it := c.runItem(old)
	if r.Version == 0 {
		c.write(c.s.put(identified(k, r.ID).with(it), c.free(), stale))
	} else {
		var gone []string
		for _, name := range []string{attrDoc, attrObject, attrDigest, attrExpire, attrClaim, attrEnded, attrHeld, attrFollowed, attrQueued, schema.ByDue.Hash, schema.ByDue.Range} {
			if _, there := it[name]; !there {
				gone = append(gone, name)
			}
		}
		cond := c.unchanged(r.Version)
		c.write(c.s.update(k, cond.assign(it, gone...), cond, stale))
		c.former = append(c.former, old.text(attrObject))
	}
	c.putClaim(old)
	c.putLocks(old)
	c.putFollowers(old)
	return c.putPlace(old)
}

// runItem is what is stored of the run beside its key and its lease.
func (c *commit) runItem(old item) item {
	r := c.Run
	at := runAt(r)
	it := item{attrVersion: number(r.Version + 1)}.with(c.docs[runKey(r.ID)].attributes()).
		with(keyAttributes(schema.ByStatus, statusOf(r.State)+"/"+shard(r.ID, runShards), at)).
		with(keyAttributes(schema.ByAccount, runsOf(r.Target.Account), at)).
		with(keyAttributes(schema.ByControl, runsOf(r.Control), at)).
		with(keyAttributes(schema.ByResource, runsOf(r.Target.ID), at))
	if due, ok := r.Due(); ok {
		it.with(keyAttributes(schema.ByDue, "run/"+shard(r.ID, dueShards), placeOf(due.UnixMicro(), r.ID)))
	}
	if followed := append(slices.Clone(old.set(attrFollowed)), newFollowers(r, old)...); len(followed) > 0 {
		it[attrFollowed] = &types.AttributeValueMemberBS{Value: followed}
	}
	if r.Queued != nil {
		it[attrQueued] = number(1)
	}
	if r.State.Open() {
		it[attrClaim] = text(r.Claim)
		if held := heldAfter(c.Batch, old); len(held) > 0 {
			it[attrHeld] = texts(held)
		}
		return it
	}
	if c.expiry > 0 {
		it[attrExpire] = number(c.expiry)
	}
	if k := endedKey(r); r.State != asr.StateCancelled {
		it[attrEnded] = texts([]string{k.pk, k.sk})
	}
	return it
}
