// Package yamlfile reads the YAML files that people write for asr, strictly: it
// knows each field or says so, and tells of each mistake where it is and what
// to do. It opens no files and knows nothing of what the fields mean.
package yamlfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/asr"
	"go.yaml.in/yaml/v3"
)

// MaxSize is the size in bytes that no file written by hand has.
const MaxSize = 1 << 20

// Reader takes a file apart and collects its mistakes.
type Reader struct {
	File    string
	Columns bool // mistakes tell the column too
	errs    []error
	read    int // fields and items of the file, as often as aliases repeat them
}

// most is more fields and items than a file of MaxSize has without aliases.
const most = MaxSize

// enough reports whether nothing more may be read: a few aliases of aliases make
// billions of a small file.
func (r *Reader) enough(n *yaml.Node, at string) bool {
	if r.read++; r.read == most {
		r.Fail(n, at, "its aliases repeat too much", "write out what they stand for, or less of it")
	}
	return r.read >= most
}

// Mistake is an *asr.Error with CodeBadInput: "FILE:LINE: FIELD: WHAT".
func Mistake(file string, line int, field, what, do string) error {
	return MistakeAt(fmt.Sprintf("%s:%d", file, line), field, what, do)
}

// MistakeAt is a Mistake at a place that is written already: "FILE:LINE:COLUMN".
func MistakeAt(place, field, what, do string) error {
	if field != "" {
		what = field + ": " + what
	}
	return &asr.Error{Code: asr.CodeBadInput, Message: place + ": " + what, Do: do}
}

// Fail notes a mistake at n; field is its path.
func (r *Reader) Fail(n *yaml.Node, field, what, do string) {
	place := fmt.Sprintf("%s:%d", r.File, max(n.Line, 1))
	if r.Columns && n.Column > 0 {
		place += fmt.Sprintf(":%d", n.Column)
	}
	r.Add(MistakeAt(place, field, what, do))
}

// Add notes an error.
func (r *Reader) Add(err error) { r.errs = append(r.errs, err) }

// Err is all mistakes in order, joined; nil if there are none.
func (r *Reader) Err() error { return errors.Join(r.errs...) }

// Parse returns a file's root, nil if the file is not one YAML document.
func (r *Reader) Parse(text []byte) *yaml.Node {
	var doc, more yaml.Node
	r.read = 0
	top := &yaml.Node{Line: 1}
	if len(text) > MaxSize {
		r.Fail(top, "", "the file is larger than 1 MiB", "split it, or see whether it is the right one")
		return nil
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	err := d.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF), err == nil && len(doc.Content) == 0:
		r.Fail(top, "", "the file is empty", "write it, or remove it")
		return nil
	case err != nil:
		r.syntax(err)
		return nil
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		r.Fail(&more, "", "there is a second document", "keep one in a file")
		return nil
	}
	return deref(doc.Content[0])
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): (?s:(.*))$`)

func (r *Reader) syntax(err error) {
	n, what := &yaml.Node{Line: 1}, strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		n.Line, _ = strconv.Atoi(m[1]) // digits
		what = m[2]
	}
	r.Fail(n, "", what, "correct the YAML there")
}

// Fields reads a mapping that may have these fields and no others, in the
// file's order.
func (r *Reader) Fields(n *yaml.Node, at string, known map[string]func(at string, n *yaml.Node)) {
	r.Pairs(n, at, func(k, v *yaml.Node) {
		field := strings.TrimPrefix(at+"."+k.Value, ".")
		f, ok := known[k.Value]
		if !ok {
			r.Fail(k, field, "unknown field", "use one of "+strings.Join(slices.Sorted(maps.Keys(known)), ", "))
			return
		}
		f(field, v)
	})
}

// Pairs calls f for each key and value of a mapping.
func (r *Reader) Pairs(n *yaml.Node, at string, f func(k, v *yaml.Node)) {
	n = deref(n)
	if n.Kind != yaml.MappingNode {
		r.Fail(n, at, "fields are wanted here", "write NAME: VALUE lines below it, or remove it")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := deref(n.Content[i])
		switch {
		case r.enough(k, at):
			return
		case k.Kind != yaml.ScalarNode:
			r.Fail(k, at, "a name is wanted here", "write a plain text before the colon")
		case seen[k.Value]:
			r.Fail(k, strings.TrimPrefix(at+"."+k.Value, "."), "it is there twice", "remove one")
		default:
			seen[k.Value] = true
			f(k, deref(n.Content[i+1]))
		}
	}
}

// Items calls f for each item of a list.
func (r *Reader) Items(n *yaml.Node, at string, f func(at string, n *yaml.Node)) {
	n = deref(n)
	if n.Kind != yaml.SequenceNode {
		r.Fail(n, at, "a list is wanted here", "write it as [one, two], or as lines that begin with -")
		return
	}
	for i, item := range n.Content {
		if r.enough(item, at) {
			return
		}
		f(at+"["+strconv.Itoa(i)+"]", deref(item))
	}
}

// Text is a scalar as it is written: 1.10 stays 1.10. "" is a mistake.
func (r *Reader) Text(n *yaml.Node, at string) string {
	n = deref(n)
	if n.Kind != yaml.ScalarNode || n.Value == "" || n.Tag == "!!null" {
		r.Fail(n, at, "a text is wanted here", "write one, or remove the field")
		return ""
	}
	return n.Value
}

// Flag is true or false.
func (r *Reader) Flag(n *yaml.Node, at string) bool {
	n = deref(n)
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		r.Fail(n, at, "true or false is wanted here", "write one of them")
	}
	return n.Value == "true"
}

// JSON is a value of any form as JSON, nil if JSON can't hold it.
func (r *Reader) JSON(n *yaml.Node, at string) json.RawMessage {
	var v any
	err := n.Decode(&v)
	if err == nil {
		var out []byte
		if out, err = json.Marshal(v); err == nil {
			return out
		}
	}
	r.Fail(n, at, "not a value that JSON can hold", "write a number, text, true, false, a list or fields")
	return nil
}

// Child is the value of a mapping's field, nil if it has none of that name.
func Child(n *yaml.Node, name string) *yaml.Node {
	n = deref(n)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return deref(n.Content[i+1])
		}
	}
	return nil
}

// deref is what an alias stands for.
func deref(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}
