package remedy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

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
