package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"example.com/asr"
)

// where collects conditions; their texts are ours, values are arguments.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

// equal selects by a column, unless value is empty.
func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

// in selects by a column with any of the values, unless there are none.
func in[T ~string](w *where, column string, values []T) {
	if len(values) == 0 {
		return
	}
	var args []any
	for _, v := range values {
		args = append(args, string(v))
	}
	w.add(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", args...)
}

// after selects what comes after a place in a list, the newest first; nil: all.
func (w *where) after(at, id string, place *asr.Place) {
	if place != nil {
		w.add("("+at+", "+id+") < (?, ?)", place.At, place.ID)
	}
}

func (w *where) some() bool { return len(w.conditions) > 0 }

func (w *where) sql() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// keyed is an item with its place in the order of pages.
type keyed[T any] struct {
	at   int64
	id   string
	item T
}

const defaultLimit = 100

// page lists a page, newest first, and the cursor of the next one. The query is
// that of the first n items after a place; nil: from the first on.
func page[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (keyed[T], error), query func(after *asr.Place, n int) (string, []any), scope, cursor string, limit int) ([]T, string, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	var after *asr.Place
	if cursor != "" {
		last, err := asr.ParseCursor(s.vault, scope, cursor)
		if err != nil {
			return nil, "", err
		}
		after = &last
	}
	text, args := query(after, limit+1)
	found, unread := attempts(ctx, s.read, scan, text, args...)
	if !asr.Partial(unread) {
		return nil, "", fmt.Errorf("list: %w", unread)
	}
	next := ""
	if len(found) > limit { // a page ends where it would if all could be read
		found = found[:limit]
		last := found[limit-1].item
		next = asr.Place{At: last.at, ID: last.id}.Cursor(s.vault, scope)
	}
	items := make([]T, 0, len(found))
	for _, f := range found {
		if f.ok {
			items = append(items, f.item.item)
		}
	}
	return items, next, unread
}
