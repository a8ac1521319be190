package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Limits of a transaction, and how often one is tried that others are in the
// way of.
const (
	maxWrites = 100
	tries     = 8
	firstWait = 10 * time.Millisecond
	lastWait  = 300 * time.Millisecond
)

// write is one of a transaction. failed says what it means that its condition
// didn't hold; old is the item that is there.
type write struct {
	types.TransactWriteItem
	failed func(old item) error
}

// condition is what must hold of an item before it is written.
type condition struct {
	expression
	text string
}

func (c *condition) pointer() *string {
	if c.text == "" {
		return nil
	}
	return &c.text
}

func stale(item) error { return asr.ErrStale }

func (s *Store) put(it item, c condition, failed func(item) error) write {
	return write{types.TransactWriteItem{Put: &types.Put{
		TableName: &s.Table, Item: it, ConditionExpression: c.pointer(), ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}, failed}
}

// update changes an item; e holds what the text and the condition refer to.
func (s *Store) update(k key, text string, c condition, failed func(item) error) write {
	return write{types.TransactWriteItem{Update: &types.Update{
		TableName: &s.Table, Key: k.item(), UpdateExpression: &text, ConditionExpression: c.pointer(), ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}, failed}
}

func (s *Store) remove(k key, c condition, failed func(item) error) write {
	return write{types.TransactWriteItem{Delete: &types.Delete{
		TableName: &s.Table, Key: k.item(), ConditionExpression: c.pointer(), ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}, failed}
}

// transact makes all writes or none. asr.ErrStale if others are in the way again
// and again: nothing was stored then, and the caller looks anew.
func (s *Store) transact(ctx context.Context, writes []write) error {
	token := rand.Text()
	for try := range tries {
		err := s.once(ctx, writes, token)
		again, same, err := judge(err, writes)
		if !again {
			return s.explain(err)
		}
		if !same {
			token = rand.Text() // that one was cancelled: this is another
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
	return asr.ErrStale
}

// once sends the writes. The token makes repeats of one transaction, by the SDK
// or by us, the same transaction. A single write costs half as much outside of
// one; repeated after a lost answer, its own version tells it that it is stale.
func (s *Store) once(ctx context.Context, writes []write, token string) error {
	if len(writes) == 1 && writes[0].Put != nil {
		p := writes[0].Put
		_, err := s.Client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: p.TableName, Item: p.Item, ConditionExpression: p.ConditionExpression, ExpressionAttributeNames: p.ExpressionAttributeNames,
			ExpressionAttributeValues: p.ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure: p.ReturnValuesOnConditionCheckFailure,
		})
		return err
	}
	in := &dynamodb.TransactWriteItemsInput{ClientRequestToken: aws.String(token)}
	for _, w := range writes {
		in.TransactItems = append(in.TransactItems, w.TransactWriteItem)
	}
	_, err := s.Client.TransactWriteItems(ctx, in)
	return err
}

// judge says what an answer means: whether the writes are worth another try, and
// whether that is still the same transaction.
func judge(err error, writes []write) (again, same bool, _ error) {
	var cancelled *types.TransactionCanceledException
	var failed *types.ConditionalCheckFailedException
	var inProgress *types.TransactionInProgressException
	switch {
	case errors.As(err, &cancelled):
		again, err = reason(cancelled, writes)
		return again, false, err
	case errors.As(err, &failed):
		return false, false, writes[0].failed(failed.Item)
	case errors.As(err, &inProgress):
		return true, true, nil
	case conflict(err):
		return true, false, nil
	}
	return false, false, err
}

// reason is why a transaction was cancelled. A condition that didn't hold goes
// before all else: another try won't change it.
func reason(cancelled *types.TransactionCanceledException, writes []write) (again bool, _ error) {
	var other error
	for i, r := range cancelled.CancellationReasons {
		switch code := aws.ToString(r.Code); code {
		case "ConditionalCheckFailed":
			return false, writes[i].failed(r.Item)
		case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			again = true
		case "", "None":
		default:
			other = fmt.Errorf("write %d of %d: %s: %s", i+1, len(writes), code, aws.ToString(r.Message))
		}
	}
	if other == nil && !again {
		other = cancelled
	}
	return other == nil, other
}

// conflict reports whether a transaction was in the way of a single write.
func conflict(err error) bool {
	var c *types.TransactionConflictException
	return errors.As(err, &c)
}

// unmet reports whether a single write's condition didn't hold.
func unmet(err error) bool {
	var c *types.ConditionalCheckFailedException
	return errors.As(err, &c)
}

// pause waits before the next try: longer each time, and never all the same.
func pause(ctx context.Context, try int) error {
	d := min(firstWait<<try, lastWait)
	t := time.NewTimer(d/2 + mathrand.N(d))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// persist repeats a single write while transactions are in its way.
func persist(ctx context.Context, f func() error) error {
	err := f()
	for try := 0; conflict(err) && try < tries; try++ {
		if perr := pause(ctx, try); perr != nil {
			return perr
		}
		err = f()
	}
	return err
}
