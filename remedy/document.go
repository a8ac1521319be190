package remedy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"example.com/asr"
)

// Document is a policy document as AWS keeps it: its numbers are kept exactly,
// its lists in their order. nil: there is none.
type Document map[string]any

// UnmarshalJSON keeps numbers as they are written.
func (d *Document) UnmarshalJSON(b []byte) error {
	var m map[string]any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&m); err != nil {
		return err
	}
	*d = m
	return nil
}

// ParseDocument reads a policy's text; "" is no policy.
func ParseDocument(text string) (d Document, err error) {
	if text == "" {
		return nil, nil
	}
	if err = json.Unmarshal([]byte(text), &d); err != nil {
		return nil, fmt.Errorf("policy document: %w", err)
	}
	return d, nil
}

// Text is the document as AWS takes it.
func (d Document) Text() string {
	b, _ := json.Marshal(d) // it came from JSON
	return string(b)
}

// Statements lists the statements; a single one may stand without a list.
func (d Document) Statements() []any {
	switch s := d["Statement"].(type) {
	case nil:
		return nil
	case []any:
		return s
	default:
		return []any{s}
	}
}

// With returns the document with a statement added, under a Sid that no other
// has; a document that isn't there begins. limit is the service's, in bytes:
// a document that would exceed it is refused.
func (d Document) With(statement map[string]any, limit int) (Document, error) {
	statement = maps.Clone(statement)
	sid, n := statement["Sid"], 1
	for slices.ContainsFunc(d.Statements(), func(s any) bool { m, ok := s.(map[string]any); return ok && m["Sid"] == statement["Sid"] }) {
		n++
		statement["Sid"] = fmt.Sprintf("%v%d", sid, n)
	}
	out := maps.Clone(d)
	if out == nil {
		out = Document{"Version": "2012-10-17"}
	}
	out["Statement"] = append(slices.Clone(d.Statements()), statement)
	if size := len(out.Text()); size > limit {
		return nil, asr.Refuse(fmt.Sprintf("the policy would be %d bytes long, and %d is the limit", size, limit), "shorten the policy, then plan again")
	}
	return out, nil
}

// Says reports whether the document has a statement that says the same as
// this, under whatever Sid.
func (d Document) Says(statement map[string]any) bool {
	return slices.ContainsFunc(d.Statements(), func(s any) bool { return sameButSid(s, statement) })
}

// sameButSid reports whether a statement says the same under whatever name.
func sameButSid(statement any, want map[string]any) bool {
	m, ok := statement.(map[string]any)
	if !ok {
		return false
	}
	for k, v := range want {
		if k != "Sid" && !reflect.DeepEqual(loose(m[k]), loose(v)) {
			return false
		}
	}
	return len(m) <= len(want)
}

// Texts are the texts of a policy's element, which stand alone or in a list.
func Texts(v any) (all []string) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		if s, ok := e.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// AccountOf is the account of a policy's principal, which stands alone or in an
// ARN. The unique id that is left of a principal that was deleted has none, and
// is returned as it is.
func AccountOf(principal string) string {
	if parts := strings.SplitN(principal, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return principal
}

// loose folds what IAM takes for the same: a list of one and its element, any
// order, {"AWS": "*"} in a Deny and "*", booleans and their text.
func loose(v any) any {
	switch v := v.(type) {
	case bool:
		if v {
			return "true"
		}
		return "false"
	case []any:
		if len(v) == 1 {
			return loose(v[0])
		}
		set := map[any]bool{}
		for _, e := range v {
			if s, ok := e.(string); ok {
				set[s] = true
			}
		}
		return set
	case map[string]any:
		if len(v) == 1 && loose(v["AWS"]) == any("*") {
			return "*"
		}
		out := map[string]any{}
		for k, e := range v {
			out[k] = loose(e)
		}
		return out
	}
	return v
}
