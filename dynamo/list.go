package dynamo

import (
	"context"
	"errors"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/dynamo/schema"
)

// listing is a list to be read: where its items are found, and which of them
// are meant.
type listing[T any] struct {
	scope, cursor string
	limit         int
	sources       []source
	open          func(context.Context, item) (T, error)
	matches       func(T) bool
	place         func(T) asr.Place
	left          *asr.UnreadableError // what can't be read, and is left out
}

const defaultLimit = 100

// list reads a page, newest first, and its cursor. What an index says is looked
// up in the table, and counts only if it is still so.
func list[T any](ctx context.Context, s *Store, l listing[T]) (page []T, next string, err error) {
	if l.limit <= 0 {
		l.limit = defaultLimit
	}
	after := ""
	if l.cursor != "" {
		p, err := asr.ParseCursor(s.Vault, l.scope, l.cursor)
		if err != nil {
			return nil, "", err
		}
		after = placeOf(p.At, p.ID)
	}
	var left asr.UnreadableError
	if l.left = &left; l.sources[0].rang == "" {
		page, err = l.sorted(ctx, s, after)
	} else {
		page, err = l.merged(ctx, s, after)
	}
	if err == nil {
		err = left.OrNil()
	}
	if !asr.Partial(err) || len(page) <= l.limit {
		return page, "", err
	}
	page = page[:l.limit]
	return page, l.place(page[l.limit-1]).Cursor(s.Vault, l.scope), err
}

// merged reads the sources in their order until there is one item more than the
// page takes, or none left.
func (l listing[T]) merged(ctx context.Context, s *Store, after string) (page []T, err error) {
	sources := slices.Clone(l.sources)
	for i := range sources {
		sources[i].bound = after
	}
	m, err := s.merge(ctx, sources, l.limit)
	if err != nil {
		return nil, err
	}
	for len(page) <= l.limit {
		some, err := m.some(ctx, min(max(l.limit+1-len(page), 20), maxKeys))
		if err != nil || len(some) == 0 {
			return page, err
		}
		found, err := l.lookUp(ctx, s, some)
		if err != nil {
			return nil, err
		}
		page = append(page, found...)
	}
	return page, nil
}

// some are the next n entries, fewer at the end.
func (m *merged) some(ctx context.Context, n int) (all []entry, err error) {
	for len(all) < n {
		it, err := m.next(ctx)
		if err != nil || it == nil {
			return all, err
		}
		if e := entryOf(it, m.streams[0].rang); e != m.last { // an item that was moved meanwhile may come from where it was, too
			all, m.last = append(all, e), e
		}
	}
	return all, nil
}

// sorted reads an index without an order to its end, and orders what it finds.
func (l listing[T]) sorted(ctx context.Context, s *Store, after string) (page []T, err error) {
	items, err := s.all(ctx, l.sources...)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, it := range items {
		entries = append(entries, entryOf(it, ""))
	}
	if page, err = l.lookUp(ctx, s, entries); err != nil {
		return nil, err
	}
	text := func(v T) string { p := l.place(v); return placeOf(p.At, p.ID) }
	slices.SortFunc(page, func(a, b T) int { return strings.Compare(text(b), text(a)) })
	return slices.DeleteFunc(page, func(v T) bool { return after != "" && text(v) >= after }), nil
}

// entry is what an index knows of an item: its key, and its place, if the index
// has an order.
type entry struct {
	key
	place string
}

// entryOf is an item of an index, or the note of a run beside a finding.
func entryOf(it item, rang string) entry {
	e := entry{it.key(), it.text(rang)}
	if run := it.text(attrRun); run != "" {
		e.key = runKey(run)
	}
	return e
}

// lookUp loads the entries' items and returns those that are still in that place
// and are meant.
func (l listing[T]) lookUp(ctx context.Context, s *Store, entries []entry) (meant []T, err error) {
	var keys []key
	for _, e := range entries {
		keys = append(keys, e.key)
	}
	items, err := s.load(ctx, keys)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		it := items[e.key]
		if it == nil || e.place != "" && it.text(schema.ByStatus.Range) != e.place {
			continue
		}
		v, err := l.open(ctx, it)
		if errors.Is(err, errMoved) || errors.Is(err, asr.ErrNotFound) { // stored anew since: it stands elsewhere by now, or will
			continue
		}
		if err != nil && l.left.Skip(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if l.matches(v) {
			meant = append(meant, v)
		}
	}
	return meant, nil
}
