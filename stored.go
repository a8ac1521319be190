package asr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// ErrCorrupt is a document that isn't what was stored.
var ErrCorrupt = errors.New("it was changed")

// Restore decodes the document that a store kept of a thing: "finding", its id.
// A document that isn't that thing's is ErrCorrupt in an *Error with CodeInternal
// that names the thing: nobody goes on with half of a run, or with another finding.
func Restore(kind, name string, doc []byte, v any) error {
	err := json.Unmarshal(doc, v)
	if err == nil && bytes.Equal(bytes.TrimSpace(doc), []byte("null")) {
		err = errors.New("it is empty")
	}
	if id, known := identity(v); err == nil && known && id != name {
		err = errors.New("it is that of " + strconv.Quote(clip(id, 120)))
	}
	if err != nil {
		return Corrupt(kind, name, err)
	}
	return nil
}

// Corrupt is the error of a document that can't be read for the reason.
func Corrupt(kind, name string, why error) error {
	return &Error{
		Code: CodeInternal, Message: fmt.Sprintf("what is stored of %s %s can't be read", kind, Line(name)), Err: fmt.Errorf("%w: %w", ErrCorrupt, why),
		Do: "restore the data from a backup; asr audit verify tells what was changed besides",
	}
}

// identity is the id that stands in what stores keep under it.
func identity(v any) (id string, known bool) {
	switch v := v.(type) {
	case *Run:
		return v.ID, true
	case *Finding:
		return v.ID, true
	case *Message:
		return v.ID, true
	case *Rejected:
		return v.ID, true
	case *Ledger:
		return v.Scope, true
	case *Waiting:
		return v.Run, true
	}
	return "", false
}
