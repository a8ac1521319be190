package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/dynamo/schema"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// putMessages stores the messages; of two with the same id, the last.
func (c *commit) putMessages() {
	last := map[key]asr.Message{}
	for _, m := range c.Messages {
		last[messageKey(m.ID)] = m
	}
	for _, m := range c.Messages {
		k := messageKey(m.ID)
		if m, ok := last[k]; ok {
			delete(last, k)
			it := k.item().with(item{attrID: text(m.ID)}).with(dueMessage(m)).with(c.docs[k].attributes())
			c.write(c.s.put(it, condition{}, nil))
		}
	}
}

func dueMessage(m asr.Message) item {
	return keyAttributes(schema.ByDue, "message/"+shard(m.ID, dueShards), placeOf(m.DueAt.UnixMicro(), m.ID))
}

// Messages implements asr.Outbox; a limit of 0 is none. A run's own are read as
// they are now, others through an index.
func (s *Store) Messages(ctx context.Context, run string, now time.Time, limit int) ([]asr.Message, error) {
	items, err := s.dueMessages(ctx, run, now, limit)
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	var all []asr.Message
	var left asr.UnreadableError
	for _, it := range items {
		var m asr.Message
		switch err := s.open(ctx, it, "message", it.text(attrID), true, &m); {
		case err == nil:
			all = append(all, m)
		case !left.Skip(err):
			return nil, fmt.Errorf("messages: %w", err)
		}
	}
	if err := left.OrNil(); err != nil {
		return all, fmt.Errorf("messages: %w", err)
	}
	return all, nil
}

func (s *Store) dueMessages(ctx context.Context, run string, now time.Time, limit int) (items []item, err error) {
	if run != "" {
		items, err = s.all(ctx, partition(messagesOf(run), true))
		items = slices.DeleteFunc(items, func(it item) bool {
			return it.text(schema.ByDue.Range) >= until(now) || !strings.HasPrefix(it.text(attrID), run+"/")
		})
		slices.SortFunc(items, func(a, b item) int { return strings.Compare(a.text(schema.ByDue.Range), b.text(schema.ByDue.Range)) })
		if limit > 0 && len(items) > limit {
			items = items[:limit]
		}
		return items, err
	}
	m, err := s.merge(ctx, dueSources("message", until(now)), limit)
	var keys []key
	for err == nil && (limit <= 0 || len(keys) < limit) {
		var it item
		if it, err = m.next(ctx); it == nil {
			break
		}
		keys = append(keys, it.key())
	}
	if err != nil {
		return nil, err
	}
	return s.stillDue(ctx, keys, now)
}

// stillDue loads messages that an index calls due, and leaves out what was
// delivered or postponed since.
func (s *Store) stillDue(ctx context.Context, keys []key, now time.Time) (items []item, err error) {
	found, err := s.load(ctx, keys)
	for _, k := range keys {
		if it := found[k]; it != nil && it.text(schema.ByDue.Range) < until(now) {
			items = append(items, it)
		}
	}
	return items, err
}

// Delivered implements asr.Outbox.
func (s *Store) Delivered(ctx context.Context, id string) error {
	err := persist(ctx, func() error {
		out, err := s.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.Table, Key: messageKey(id).item(), ReturnValues: types.ReturnValueAllOld})
		if err == nil {
			s.discard(ctx, item(out.Attributes).text(attrObject))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("delivered: %w", s.explain(err))
	}
	return nil
}

// Postpone implements asr.Outbox. A message that was delivered meanwhile stays so.
func (s *Store) Postpone(ctx context.Context, m asr.Message) error {
	k := messageKey(m.ID)
	there := condition{}
	there.text = there.present(attrPK)
	err := s.store(ctx, k.item().with(item{attrID: text(m.ID)}).with(dueMessage(m)), there, "message", m.ID, m, true, false)
	if err != nil && !unmet(err) {
		return fmt.Errorf("postpone: %w", err)
	}
	return nil
}
