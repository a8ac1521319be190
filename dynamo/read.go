package dynamo

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// get reads an item as it is now; nil if there is none, or if it has expired.
func (s *Store) get(ctx context.Context, k key) (item, error) {
	out, err := s.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.Table, Key: k.item(), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, s.explain(err)
	}
	if len(out.Item) == 0 || s.expired(out.Item) {
		return nil, nil
	}
	return out.Item, nil
}

const maxKeys = 100 // of one BatchGetItem

// load reads items as they are now, the attributes that are named or all. Those
// that aren't there or have expired are left out.
func (s *Store) load(ctx context.Context, keys []key, attrs ...string) (map[key]item, error) {
	found := map[key]item{}
	keys = distinct(keys, func(k key) key { return k }) // AWS refuses to be asked for one twice
	for len(keys) > 0 {
		n := min(len(keys), maxKeys)
		if err := s.loadSome(ctx, keys[:n], attrs, found); err != nil {
			return nil, s.explain(err)
		}
		keys = keys[n:]
	}
	return found, nil
}

func (s *Store) loadSome(ctx context.Context, keys []key, attrs []string, found map[key]item) error {
	ask := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
	if len(attrs) > 0 {
		var e expression
		names := []string{e.name(attrPK), e.name(attrSK)}
		for _, a := range attrs {
			names = append(names, e.name(a))
		}
		ask.ProjectionExpression, ask.ExpressionAttributeNames = aws.String(strings.Join(names, ", ")), e.names
	}
	for _, k := range keys {
		ask.Keys = append(ask.Keys, k.item())
	}
	rest := map[string]types.KeysAndAttributes{s.Table: ask}
	for try := 0; len(rest) > 0; try++ {
		out, err := s.Client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: rest})
		if err != nil {
			return err
		}
		for _, raw := range out.Responses[s.Table] {
			if it := item(raw); !s.expired(it) {
				found[it.key()] = it
			}
		}
		if rest = out.UnprocessedKeys; len(rest) > 0 {
			if err := pause(ctx, min(try, tries)); err != nil {
				return err
			}
		}
	}
	return nil
}

// source is a partition of the table or of an index, to be read in order.
type source struct {
	index      string // "": the table, read as it is now
	hash, rang string // names of its key attributes; rang is "" if it has none
	value      string // of the hash
	ascending  bool
	bound      string // places are less than it; "": all
}

// partition is one of the table's.
func partition(pk string, ascending bool) source {
	return source{hash: attrPK, rang: attrSK, value: pk, ascending: ascending}
}

// stream reads a source bit by bit.
type stream struct {
	source
	store *Store
	size  int // items to ask for at a time
	items []item
	from  item // where the next bit begins
	ended bool
}

// head is the stream's next item, nil at its end.
func (st *stream) head(ctx context.Context) (item, error) {
	for len(st.items) == 0 && !st.ended {
		if err := st.fill(ctx); err != nil {
			return nil, err
		}
	}
	if len(st.items) == 0 {
		return nil, nil
	}
	return st.items[0], nil
}

func (st *stream) fill(ctx context.Context) error {
	var e expression
	condition := e.is(st.hash, "=", text(st.value))
	if st.bound != "" {
		condition += " AND " + e.is(st.rang, "<", text(st.bound)) // going down, what is newer; going up, what is not due
	}
	in := &dynamodb.QueryInput{
		TableName: &st.store.Table, KeyConditionExpression: &condition, ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ScanIndexForward: &st.ascending, ExclusiveStartKey: st.from, ConsistentRead: aws.Bool(st.index == ""),
	}
	if st.index != "" {
		in.IndexName = &st.index
	}
	if st.size > 0 {
		in.Limit = aws.Int32(int32(min(st.size, 1000)))
	}
	out, err := st.store.Client.Query(ctx, in)
	if err != nil {
		return st.store.explain(err)
	}
	for _, it := range out.Items {
		st.items = append(st.items, it)
	}
	st.from = out.LastEvaluatedKey
	st.ended = len(st.from) == 0
	return nil
}

// merged reads several sources in the order of their places.
type merged struct {
	streams   []*stream
	ascending bool
	last      entry // that some returned
}

// merge begins to read the sources, whose orders are the same; size is about how
// many items are wanted of all together, 0 for all.
func (s *Store) merge(ctx context.Context, sources []source, size int) (*merged, error) {
	m := &merged{}
	portion := 0
	if size > 0 {
		portion = max(8, 2*size/len(sources))
	}
	for _, src := range sources {
		m.streams = append(m.streams, &stream{source: src, store: s, size: portion})
		m.ascending = src.ascending
	}
	return m, each(len(m.streams), func(i int) error {
		_, err := m.streams[i].head(ctx)
		return err
	})
}

// next is the next item of all, nil at the end.
func (m *merged) next(ctx context.Context) (item, error) {
	var first *stream
	var place string
	for _, st := range m.streams {
		it, err := st.head(ctx)
		if err != nil {
			return nil, err
		}
		if it == nil {
			continue
		}
		at := it.text(st.rang)
		if first == nil || m.ascending && at < place || !m.ascending && at > place {
			first, place = st, at
		}
	}
	if first == nil {
		return nil, nil
	}
	it := first.items[0]
	first.items = first.items[1:]
	return it, nil
}

// all reads the sources to their end, in order.
func (s *Store) all(ctx context.Context, sources ...source) (items []item, err error) {
	m, err := s.merge(ctx, sources, 0)
	for err == nil {
		var it item
		if it, err = m.next(ctx); it == nil {
			break
		}
		items = append(items, it)
	}
	return items, err
}
