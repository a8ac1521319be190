package dynamo

import (
	"context"
	"crypto/rand"
	"fmt"

	"example.com/asr"
	"example.com/asr/dynamo/schema"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// store puts one item and its document, under a condition. ends says that the
// item expires. A condition that doesn't hold is an error that unmet knows.
func (s *Store) store(ctx context.Context, it item, c condition, kind, id string, v any, seal, ends bool) error {
	d, err := s.pack(kind, id, v, seal)
	if err != nil {
		return err
	}
	d.ends = ends
	if err := s.place(d); err != nil {
		return err
	}
	if err := s.upload(ctx, []*document{d}); err != nil {
		return err
	}
	var former string
	err = persist(ctx, func() error {
		out, err := s.Client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: &s.Table, Item: it.with(d.attributes()), ConditionExpression: c.pointer(), ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
			ReturnValues: types.ReturnValueAllOld,
		})
		if err == nil {
			former = item(out.Attributes).text(attrObject)
		}
		return err
	})
	if unmet(err) {
		former = d.object
	}
	s.discard(ctx, former)
	return s.explain(err)
}

// Setting implements asr.Settings.
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	err = s.reread(func() error {
		it, err := s.get(ctx, settingKey(name))
		if err != nil || it == nil {
			value = ""
			return err
		}
		return s.open(ctx, it, "setting", name, false, &value)
	})
	if err != nil {
		return "", fmt.Errorf("setting %s: %w", name, err)
	}
	return value, nil
}

// SetSetting implements asr.Settings.
func (s *Store) SetSetting(ctx context.Context, name, value string) error {
	if err := s.store(ctx, identified(settingKey(name), name), condition{}, "setting", name, value, false, false); err != nil {
		return fmt.Errorf("setting %s: %w", name, err)
	}
	return nil
}

// AddCall implements asr.Settings. The order of one process's calls is that of
// their noting; between processes, which never drive a run at once, their
// clocks tell.
func (s *Store) AddCall(ctx context.Context, c asr.APICall) error {
	it := key{callsOf(c.Run), moment(s.order()) + "/" + rand.Text()}.item()
	if s.Retention > 0 { // its run may be changed once more, and be kept as long again
		it[attrExpire] = number(s.now().Add(3 * s.Retention).Unix())
	}
	if err := s.store(ctx, it, condition{}, "call", c.Run, c, false, true); err != nil {
		return fmt.Errorf("add a call: %w", err)
	}
	return nil
}

// order is a number that grows with each call: the time in nanoseconds, if the
// clock goes on.
func (s *Store) order() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastCall = max(s.lastCall+1, s.now().UnixNano())
	return s.lastCall
}

// Calls implements asr.Settings.
func (s *Store) Calls(ctx context.Context, run string) ([]asr.APICall, error) {
	all, err := documents[asr.APICall](ctx, s, callsOf(run), "call", run)
	if err != nil {
		return nil, fmt.Errorf("calls: %w", err)
	}
	return all, nil
}

// Reject implements asr.FindingStore.
func (s *Store) Reject(ctx context.Context, r asr.Rejected) error {
	it := identified(rejectedKey(r.ID), r.ID).with(keyAttributes(schema.ByStatus, "rejected/"+shard(r.ID, rejectedShards), placeOf(r.At.UnixMicro(), r.ID)))
	expiry := s.expiry()
	if expiry > 0 {
		it[attrExpire] = number(expiry)
	}
	c := &commit{s: s, now: s.now()}
	err := s.store(ctx, it, c.free(), "rejected", r.ID, r, false, expiry > 0)
	if err != nil && !unmet(err) {
		return fmt.Errorf("reject: %w", err)
	}
	return nil
}

// Rejected implements asr.FindingStore; a limit of 0 is none.
func (s *Store) Rejected(ctx context.Context, limit int) ([]asr.Rejected, error) {
	all, err := s.rejected(ctx, limit)
	if err != nil {
		return all, fmt.Errorf("list what was rejected: %w", err)
	}
	return all, nil
}

func (s *Store) rejected(ctx context.Context, limit int) (all []asr.Rejected, err error) {
	p := pattern{by: "rejected", index: schema.ByStatus, spread: rejectedShards}
	m, err := s.merge(ctx, p.sources([]string{"rejected"}), limit)
	if err != nil {
		return nil, err
	}
	l := listing[asr.Rejected]{
		open: func(ctx context.Context, it item) (r asr.Rejected, err error) {
			return r, s.open(ctx, it, "rejected", it.id(), false, &r)
		},
		matches: func(asr.Rejected) bool { return true },
		left:    &asr.UnreadableError{},
	}
	for limit <= 0 || len(all) < limit {
		some, err := m.some(ctx, maxKeys)
		if err == nil && len(some) == 0 {
			return all, l.left.OrNil()
		}
		if err != nil {
			return nil, err
		}
		found, err := l.lookUp(ctx, s, some)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all[:limit], l.left.OrNil()
}
