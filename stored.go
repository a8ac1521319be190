package asr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
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

// UnreadableError says what of a list can't be read: the list has the rest. Who
// takes it for any other error is on the safe side.
type UnreadableError struct{ Errs []error }

func (e *UnreadableError) Error() string {
	const most = 3
	var all []string
	for _, err := range e.Errs[:min(most, len(e.Errs))] {
		all = append(all, err.Error())
	}
	if more := len(e.Errs) - most; more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, "; ")
}

func (e *UnreadableError) Unwrap() []error { return e.Errs }

// Skip notes an error that is of one document alone. False: it is another one.
func (e *UnreadableError) Skip(err error) bool {
	if !errors.Is(err, ErrCorrupt) && Classify(err) != CodeBadInput { // the vault's, of what was changed
		return false
	}
	e.Errs = append(e.Errs, err)
	return true
}

// OrNil is the error, nil if all can be read.
func (e *UnreadableError) OrNil() error {
	if len(e.Errs) == 0 {
		return nil
	}
	return e
}

// Partial reports whether an error leaves a list of what can be read.
func Partial(err error) bool {
	var part *UnreadableError
	return err == nil || errors.As(err, &part)
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
