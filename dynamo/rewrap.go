package dynamo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Rewrap encrypts with the primary key what a former one encrypted, and returns
// how many documents that were. Cut off, it goes on where it stopped; others may
// store meanwhile.
func (s *Store) Rewrap(ctx context.Context) (n int, err error) {
	var states []string
	for _, state := range asr.States {
		states = append(states, statusOf(state))
	}
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	for kind, sources := range map[string][]source{"run": runsByState.sources(states), "message": dueSources("message", until(far))} {
		some, err := s.rewrapAll(ctx, kind, sources)
		if n += some; err != nil {
			return n, fmt.Errorf("rewrap: %w", err)
		}
	}
	return n, nil
}

func (s *Store) rewrapAll(ctx context.Context, kind string, sources []source) (n int, err error) {
	m, err := s.merge(ctx, sources, maxKeys)
	for err == nil {
		var some []entry
		if some, err = m.some(ctx, maxKeys); err != nil || len(some) == 0 {
			break
		}
		var keys []key
		for _, e := range some {
			keys = append(keys, e.key)
		}
		var found map[key]item
		if found, err = s.load(ctx, keys); err != nil {
			break
		}
		for k, it := range found {
			done, failed := s.rewrap(ctx, kind, k, it)
			if err = failed; err != nil {
				return n, fmt.Errorf("%s %s: %w", kind, it.id(), err)
			}
			if done {
				n++
			}
		}
	}
	return n, err
}

// rewrap encrypts one item's document anew, unless somebody stores the item
// meanwhile: who does, encrypts it.
func (s *Store) rewrap(ctx context.Context, kind string, k key, it item) (done bool, err error) {
	id := it.id()
	if kind == "message" {
		id = it.text(attrID)
	}
	content, err := s.content(ctx, it)
	switch {
	case errors.Is(err, errMoved), errors.Is(err, asr.ErrNotFound):
		return false, nil
	case err != nil || bytes.HasPrefix(content, s.Vault.Header()):
		return false, err
	}
	if content, err = s.Vault.Decrypt(content, aad(kind, id)); err != nil {
		return false, err
	}
	if content, err = s.Vault.Encrypt(content, aad(kind, id)); err != nil {
		return false, err
	}
	d := &document{kind: kind, id: id, content: content, ends: it.number(attrExpire) > 0}
	if err := s.place(d); err != nil {
		return false, err
	}
	if err := s.upload(ctx, []*document{d}); err != nil {
		return false, err
	}
	former, err := s.exchange(ctx, k, it, d)
	if unmet(err) {
		former, err = d.object, nil
	} else {
		done = err == nil
	}
	s.discard(ctx, former)
	return done, s.explain(err)
}

// exchange puts a document in the place of the one that the item holds, and
// returns the object that it held.
func (s *Store) exchange(ctx context.Context, k key, it item, d *document) (former string, err error) {
	var c condition
	gone := []string{attrObject, attrDigest}
	if d.object != "" {
		gone = []string{attrDoc}
	}
	text := c.assign(d.attributes(), gone...)
	for _, name := range []string{attrDoc, attrObject} {
		if v, there := it[name]; there {
			c.text = c.is(name, "=", v)
		}
	}
	err = persist(ctx, func() error {
		_, err := s.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &s.Table, Key: k.item(), UpdateExpression: &text, ConditionExpression: c.pointer(), ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
		})
		return err
	})
	return it.text(attrObject), err
}
