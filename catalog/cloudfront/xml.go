package cloudfront

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// element is where an XML element stands in a text, in bytes.
type element struct {
	name       string
	start, end int // with its tags
	from, to   int // between its tags
	text       string
	children   []*element
}

// parse finds the elements of a text; the first is the root.
func parse(text []byte) (*element, error) {
	d, top := xml.NewDecoder(bytes.NewReader(text)), &element{}
	open := []*element{top}
	for {
		start := int(d.InputOffset())
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(top.children) == 1 {
			return top.children[0], nil
		}
		if err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		in := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, start: start, from: int(d.InputOffset())}
			in.children = append(in.children, e)
			open = append(open, e)
		case xml.EndElement:
			in.to, in.end = start, int(d.InputOffset())
			open = open[:len(open)-1]
		case xml.CharData:
			in.text += string(token)
		}
	}
}

// at finds an element by the names on the way to it; nil: there is none.
func (e *element) at(path ...string) *element {
	for _, name := range path {
		if e == nil {
			return nil
		}
		i := slices.IndexFunc(e.children, func(c *element) bool { return c.name == name })
		if i < 0 {
			return nil
		}
		e = e.children[i]
	}
	return e
}

// value is the text of the element at path, "" if there is none.
func (e *element) value(path ...string) string {
	if e = e.at(path...); e == nil {
		return ""
	}
	return strings.TrimSpace(e.text)
}

// edit puts a text in the place of another.
type edit struct {
	start, end int
	text       string
}

// set gives a child a value. A child that isn't there comes last.
func (e *element) set(name, value string) edit {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(value)) // a strings.Builder takes all
	return e.put(name, "<"+name+">"+b.String()+"</"+name+">")
}

// put gives a child's place to an element, which is XML itself.
func (e *element) put(name, markup string) edit {
	if c := e.at(name); c != nil {
		return edit{c.start, c.end, markup}
	}
	return edit{e.to, e.to, markup}
}

// apply makes edits that don't overlap.
func apply(text []byte, edits []edit) []byte {
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(b.start, a.start) }) // from the end, so that places stay
	text = slices.Clone(text)
	for _, e := range edits {
		text = slices.Replace(text, e.start, e.end, []byte(e.text)...)
	}
	return text
}
