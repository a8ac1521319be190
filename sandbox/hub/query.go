package hub

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

const (
	defaultPage = 10
	maxPage     = 100
)

type sortCriterion struct{ Field, SortOrder string }

// list is GetFindings.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_GetFindings.html
func (h *Hub) list(c Call) (any, error) {
	in, err := decode[struct {
		Filters      map[string]json.RawMessage
		SortCriteria []sortCriterion
		NextToken    string
		MaxResults   int
	}](c)
	if err != nil {
		return nil, err
	}
	matches, err := compile(in.Filters, h.now())
	if err != nil {
		return nil, err
	}
	order, err := ordering(in.SortCriteria)
	if err != nil {
		return nil, err
	}
	found := h.visible(c, matches)
	slices.SortStableFunc(found, order)
	page, next, err := paginate(found, in.MaxResults, in.NextToken, fingerprint(in.Filters, in.SortCriteria))
	if err != nil {
		return nil, err
	}
	return pageOf("Findings", page, next), nil
}

// visible are the findings that a caller sees and a filter wants. Answers are
// encoded after the lock is gone: they get copies.
func (h *Hub) visible(c Call, matches func(object) bool) []object {
	var found []object
	for _, f := range h.findings {
		if h.sees(c, f) && matches(f.asff) {
			found = append(found, clone(f.asff))
		}
	}
	return found
}

func clone(o object) object {
	out := make(object, len(o))
	for k, v := range o {
		if inner, ok := v.(object); ok {
			v = clone(inner)
		}
		out[k] = v
	}
	return out
}

// ordering sorts by the attributes that filters know.
func ordering(criteria []sortCriterion) (func(a, b object) int, error) {
	fields := attributes()
	for _, c := range criteria {
		if _, ok := fields[c.Field]; !ok {
			return nil, invalid("SortCriteria: no attribute %q", c.Field)
		}
	}
	return func(a, b object) int {
		for _, c := range criteria {
			order := compare(first(a, fields[c.Field].path), first(b, fields[c.Field].path))
			if strings.EqualFold(c.SortOrder, "desc") {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	}, nil
}

func compare(a, b any) int {
	if x, ok := a.(float64); ok {
		y, _ := b.(float64)
		return cmp.Compare(x, y)
	}
	x, _ := a.(string)
	y, _ := b.(string)
	return strings.Compare(x, y)
}

func first(o object, path string) any {
	if all := values(o, strings.Split(path, ".")); len(all) > 0 {
		return all[0]
	}
	return nil
}

// values are those at a path, through arrays.
func values(v any, path []string) []any {
	switch v := v.(type) {
	case []any:
		var all []any
		for _, item := range v {
			all = append(all, values(item, path)...)
		}
		return all
	case object:
		if len(path) > 0 {
			return values(v[path[0]], path[1:])
		}
	case nil:
		return nil
	}
	if len(path) > 0 {
		return nil
	}
	return []any{v}
}

func fingerprint(parts ...any) string {
	b, _ := json.Marshal(parts) // came from JSON
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// token is where the next page begins, and of which question.
type token struct {
	At  int
	For string
}

// paginate cuts a page. A token belongs to the question that it came with.
func paginate[T any](all []T, limit int, next, question string) (page []T, after string, err error) {
	var t token
	if next != "" {
		b, err := base64.RawURLEncoding.DecodeString(next)
		if err != nil || json.Unmarshal(b, &t) != nil || t.For != question || t.At < 0 {
			return nil, "", invalid("Invalid parameter NextToken")
		}
	}
	switch {
	case limit == 0:
		limit = defaultPage
	case limit < 0 || limit > maxPage:
		return nil, "", invalid("MaxResults is not 1 to %d", maxPage)
	}
	from := min(t.At, len(all))
	to := min(from+limit, len(all))
	if to < len(all) {
		b, _ := json.Marshal(token{At: to, For: question}) // an int and a string
		after = base64.RawURLEncoding.EncodeToString(b)
	}
	return all[from:to], after, nil
}

func pageOf[T any](name string, page []T, next string) object {
	if page == nil {
		page = []T{}
	}
	out := object{name: page}
	if next != "" {
		out["NextToken"] = next
	}
	return out
}
