package asr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Change is one setting that differs: Path leads to it through the state's
// objects (an Element as its last step: a member of a list), From and To are
// JSON values (nil: absent).
type Change struct {
	Path  []string        `json:"path"`
	From  json.RawMessage `json:"from,omitempty"`
	To    json.RawMessage `json:"to,omitempty"`
	Keep  string          `json:"keep,omitempty"`  // why it can't be put back
	Makes string          `json:"makes,omitempty"` // the ARN of what it brings into being
}

// Element is the last step of a path to a member of a list, which has no name.
const Element = "[]"

// Reverse returns the change that takes c back.
func (c Change) Reverse() Change { c.From, c.To = c.To, c.From; return c }

// Field is the path as people write it: "public[tcp 22-22 from ::/0]".
func (c Change) Field() string {
	var field strings.Builder
	for _, step := range c.Path {
		switch {
		case step == Element:
			field.WriteString(step)
		case strings.ContainsAny(step, ". :/"):
			fmt.Fprintf(&field, "[%s]", step)
		case field.Len() > 0:
			field.WriteString("." + step)
		default:
			field.WriteString(step)
		}
	}
	return field.String()
}

func (c Change) String() string {
	return fmt.Sprintf("%s: %s → %s", c.Field(), show(c.From), show(c.To))
}

// Was and Becomes are From and To as people read them; "none" is absent.
func (c Change) Was() string     { return show(c.From) }
func (c Change) Becomes() string { return show(c.To) }

func show(doc json.RawMessage) string {
	v, err := decode(doc)
	if err != nil || v == nil {
		return "none"
	}
	return strings.TrimSpace(string(plain(veil(v))))
}

// plain encodes without escaping <, > and &.
func plain(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // v came from JSON
	return b.Bytes()
}

// Diff lists what differs between two JSON documents, sorted by path. What is
// missing from one is a single change. Lists are sets: their order is no
// difference. Null, [] and {} all mean absent.
func Diff(from, to json.RawMessage) ([]Change, error) {
	a, err := decode(from)
	if err != nil {
		return nil, err
	}
	b, err := decode(to)
	if err != nil {
		return nil, err
	}
	return diff(nil, a, b), nil
}

func diff(path []string, a, b any) (out []Change) {
	under := func(step string) []string { return append(slices.Clone(path), step) }
	if m, ok := a.(map[string]any); ok && !isSecret(m) {
		if n, ok := b.(map[string]any); ok && !isSecret(n) {
			all := maps.Clone(m)
			maps.Copy(all, n)
			for _, k := range slices.Sorted(maps.Keys(all)) {
				out = append(out, diff(under(k), m[k], n[k])...)
			}
			return out
		}
	}
	if l, ok := a.([]any); ok {
		if r, ok := b.([]any); ok {
			for _, e := range l {
				if index(r, e) < 0 {
					out = append(out, Change{Path: under(Element), From: encode(e)})
				}
			}
			for _, e := range r {
				if index(l, e) < 0 {
					out = append(out, Change{Path: under(Element), To: encode(e)})
				}
			}
			return out
		}
	}
	if !reflect.DeepEqual(a, b) && !(empty(a) && empty(b)) {
		out = append(out, Change{Path: path, From: encode(a), To: encode(b)})
	}
	return out
}

// Merge makes the changes in doc and leaves the rest of it alone. It fails with
// a *ConflictError where doc is neither as before a change nor as after it.
func Merge(doc json.RawMessage, changes []Change) (json.RawMessage, error) {
	v, err := decode(doc)
	if err != nil {
		return nil, err
	}
	var conflicts []Change
	for _, c := range changes {
		from, err := decode(c.From)
		if err != nil {
			return nil, err
		}
		to, err := decode(c.To)
		if err != nil {
			return nil, err
		}
		if succeeded(v, c, changes) {
			continue
		}
		var is any
		var ok bool
		if v, is, ok = merge(v, c.Path, from, to); !ok {
			conflicts = append(conflicts, Change{Path: c.Path, From: c.From, To: encode(is)})
		}
	}
	if len(conflicts) > 0 {
		return nil, &ConflictError{conflicts}
	}
	return encode(v), nil
}

// succeeded reports whether a list's element, to be taken out, has made way
// already for the one that comes in its place under the same name.
func succeeded(v any, c Change, changes []Change) bool {
	if len(c.Path) == 0 || c.Path[len(c.Path)-1] != Element || len(c.To) > 0 {
		return false
	}
	for _, step := range c.Path[:len(c.Path)-1] {
		m, _ := v.(map[string]any)
		v = m[step]
	}
	l, _ := v.([]any)
	from, _ := decode(c.From) // Merge has decoded it
	twin := namesake(l, from)
	if twin == nil || index(l, from) >= 0 {
		return false
	}
	return slices.ContainsFunc(changes, func(o Change) bool {
		to, err := decode(o.To)
		return err == nil && len(o.From) == 0 && slices.Equal(o.Path, c.Path) && same(to, twin)
	})
}

// merge returns v with the change made at path, or what stands there instead.
func merge(v any, path []string, from, to any) (merged, is any, ok bool) {
	switch {
	case len(path) == 0 && (same(v, from) || same(v, to)):
		return to, nil, true
	case len(path) == 0:
		return v, v, false
	case path[0] == Element:
		return mergeElement(v, from, to)
	}
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		return v, v, false
	}
	part, is, ok := merge(m[path[0]], path[1:], from, to)
	all := map[string]any{}
	maps.Copy(all, m)
	if all[path[0]] = part; empty(part) {
		delete(all, path[0])
	}
	return all, is, ok
}

func mergeElement(v, from, to any) (merged, is any, ok bool) {
	l, ok := v.([]any)
	if !ok && v != nil {
		return v, v, false
	}
	l = slices.Clone(l)
	if i := index(l, from); from != nil && i >= 0 {
		l = slices.Delete(l, i, i+1)
	} else if twin := namesake(l, from); twin != nil && !same(twin, to) {
		return v, twin, false
	}
	if to != nil && index(l, to) < 0 {
		if twin := namesake(l, to); twin != nil {
			return v, twin, false
		}
		l = append(l, to)
	}
	return l, nil, true
}

// namesake finds the element that has e's identity (a policy statement's Sid)
// but not its contents: somebody edited it.
func namesake(l []any, e any) any {
	m, ok := e.(map[string]any)
	if !ok || empty(m["Sid"]) || m["Sid"] == "" {
		return nil
	}
	for _, o := range l {
		if n, ok := o.(map[string]any); ok && n["Sid"] == m["Sid"] {
			return o
		}
	}
	return nil
}

func same(a, b any) bool { return len(diff(nil, a, b)) == 0 }

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		for _, e := range v {
			if !empty(e) {
				return false
			}
		}
		return true
	case []any:
		return len(v) == 0
	}
	return false
}

func index(l []any, e any) int {
	return slices.IndexFunc(l, func(o any) bool { return same(o, e) })
}

func encode(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	b, _ := json.Marshal(v) // v came from JSON
	return b
}

func decode(doc json.RawMessage) (v any, err error) {
	if len(doc) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}
