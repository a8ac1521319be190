package sqlite

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
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

// page lists a page, newest first, and the cursor of the next one. A cursor is
// the place of the last item, so that items that come in between neither repeat
// nor hide others.
func page[T any](ctx context.Context, db *sql.DB, scan func(*sql.Rows) (keyed[T], error), columns, at, id string, w where, cursor string, limit int) ([]T, string, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	if cursor != "" {
		lastAt, lastID, err := parseCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		w.add("("+at+", "+id+") < (?, ?)", lastAt, lastID)
	}
	query := columns + w.sql() + " ORDER BY " + at + " DESC, " + id + " DESC LIMIT ?"
	found, err := list(ctx, db, scan, query, append(w.args, limit+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("list: %w", err)
	}
	next := ""
	if len(found) > limit {
		found = found[:limit]
		next = formatCursor(found[limit-1].at, found[limit-1].id)
	}
	items := make([]T, len(found))
	for i, k := range found {
		items[i] = k.item
	}
	return items, next, nil
}

func formatCursor(at int64, id string) string {
	doc, _ := json.Marshal(struct {
		At int64  `json:"at"`
		ID string `json:"id"`
	}{at, id}) // always encodes
	return base64.RawURLEncoding.EncodeToString(doc)
}

func parseCursor(s string) (at int64, id string, err error) {
	var c struct {
		At *int64  `json:"at"`
		ID *string `json:"id"`
	}
	doc, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(doc, &c)
	}
	if err != nil || c.At == nil || c.ID == nil {
		return 0, "", &asr.Error{Code: asr.CodeBadInput, Message: "this is not the cursor of a page", Do: "start with the first page"}
	}
	return *c.At, *c.ID, nil
}
