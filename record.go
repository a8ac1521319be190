package asr

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// A log of a million records is verified in seconds. So a record as stores keep
// it, which is nearly always plain, is read and hashed here without reflection;
// whatever isn't plain goes the usual way, and comes to the same.

// ParseRecord reads a record as stores keep it: compact JSON, its members in
// their order. The error is for anything else, be it the same to a JSON parser:
// it was changed.
func ParseRecord(doc []byte) (r Record, err error) {
	if r, ok := parsePlain(doc); ok {
		return r, nil
	}
	if err := json.Unmarshal(doc, &r); err != nil {
		return r, err
	}
	if again := bytes.TrimSpace(plain(r)); !bytes.Equal(again, doc) {
		return r, &Error{Code: CodeBadInput, Message: "the record isn't as asr writes it", Do: "restore it from a backup"}
	}
	return r, nil
}

// reader reads a plain document from its start; ok is false as soon as it isn't.
type reader struct {
	rest  []byte
	ok    bool
	whole string // the document, where texts are wanted
}

func (p *reader) skip(text string) bool {
	if len(p.rest) < len(text) || string(p.rest[:len(text)]) != text {
		return false
	}
	p.rest = p.rest[len(text):]
	return true
}

func (p *reader) want(text string) { p.ok = p.skip(text) && p.ok }

// raw is a string of printable ASCII that no encoder escapes.
func (p *reader) raw(name string) []byte {
	p.want(name)
	p.want(`"`)
	i := bytes.IndexByte(p.rest, '"')
	if i < 0 || !unescaped(p.rest[:i]) {
		p.ok = false
		return nil
	}
	s := p.rest[:i]
	p.rest = p.rest[i+1:]
	return s
}

// text is the same as a part of the whole document, which costs no memory.
func (p *reader) text(name string) string {
	s := p.raw(name)
	end := len(p.whole) - len(p.rest) - 1 // before the quote
	if !p.ok {
		return ""
	}
	return p.whole[end-len(s) : end]
}

func unescaped[T string | []byte](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}

func parsePlain(doc []byte) (r Record, ok bool) {
	p := &reader{doc, true, string(doc)}
	r.Subject = p.text(`{"subject":`)
	p.want(`,"seq":`)
	end := bytes.IndexByte(p.rest, ',')
	if end < 0 || end > 18 {
		return r, false
	}
	seq, err := strconv.ParseInt(string(p.rest[:end]), 10, 64)
	if err != nil || seq < 1 || strconv.FormatInt(seq, 10) != string(p.rest[:end]) {
		return r, false
	}
	r.Seq, p.rest = seq, p.rest[end:]
	at := p.text(`,"at":`)
	if r.At, err = time.Parse(time.RFC3339Nano, at); err != nil || r.At.Format(time.RFC3339Nano) != at {
		return r, false
	}
	r.Actor.Kind, r.Actor.Name = p.text(`,"actor":{"kind":`), p.text(`,"name":`)
	switch {
	case p.skip(`,"verified":true}`):
		r.Actor.Verified = true
	default:
		p.want(`,"verified":false}`)
	}
	r.Event = p.text(`,"event":`)
	if p.skip(`,"reason":`) {
		if r.Reason = p.text(""); r.Reason == "" {
			return r, false
		}
	}
	if p.skip(`,"detail":`) {
		v := &reader{p.rest, true, ""}
		if v.value(0); !v.ok {
			return r, false
		}
		r.Detail = bytes.Clone(p.rest[:len(p.rest)-len(v.rest)])
		p.rest = v.rest
	}
	r.Prev, r.Hash = p.text(`,"prev":`), p.text(`,"hash":`)
	p.want("}")
	return r, p.ok && len(p.rest) == 0
}

// value reads a JSON value that encoding it anew wouldn't change: compact,
// objects' members in order, no escapes.
func (p *reader) value(depth int) {
	switch {
	case depth > 100 || len(p.rest) == 0:
		p.ok = false
	case p.rest[0] == '"':
		p.raw("")
	case p.rest[0] == '{':
		p.object(depth)
	case p.rest[0] == '[':
		if p.skip("[]") {
			return
		}
		for p.want("["); p.ok; p.want(",") {
			if p.value(depth + 1); p.skip("]") {
				return
			}
		}
	case p.skip("true"), p.skip("false"), p.skip("null"):
	default:
		p.number()
	}
}

func (p *reader) object(depth int) {
	if p.skip("{}") {
		return
	}
	var last []byte
	first := true
	for p.want("{"); p.ok; p.want(",") {
		name := p.raw("")
		p.want(":")
		if !first && bytes.Compare(name, last) <= 0 {
			p.ok = false
		}
		if last, first = name, false; !p.ok {
			return
		}
		if p.value(depth + 1); p.skip("}") {
			return
		}
	}
}

// number reads a whole number; others are rare.
func (p *reader) number() {
	n := 0
	if n < len(p.rest) && p.rest[n] == '-' {
		n++
	}
	start := n
	for n < len(p.rest) && p.rest[n] >= '0' && p.rest[n] <= '9' {
		n++
	}
	if n == start || p.rest[start] == '0' && n > start+1 || n < len(p.rest) && bytes.IndexByte([]byte(".eE"), p.rest[n]) >= 0 {
		p.ok = false
		return
	}
	p.rest = p.rest[n:]
}

// plainDoc is what a record's hash is over, as json.Marshal writes it; ok is
// false if the record isn't plain.
func (r *Record) plainDoc(b []byte) (doc []byte, ok bool) {
	for _, s := range []string{r.Subject, r.Actor.Kind, r.Actor.Name, r.Event, r.Reason, r.Prev} {
		if !unescaped(s) {
			return nil, false
		}
	}
	if y := r.At.Year(); y < 0 || y > 9999 || r.At.Location() != time.UTC {
		return nil, false
	}
	b = append(append(append(b, `{"subject":"`...), r.Subject...), `","seq":`...)
	b = append(strconv.AppendInt(b, r.Seq, 10), `,"at":"`...)
	b = append(r.At.AppendFormat(b, time.RFC3339Nano), `","actor":{"kind":"`...)
	b = append(append(append(b, r.Actor.Kind...), `","name":"`...), r.Actor.Name...)
	b = append(strconv.AppendBool(append(b, `","verified":`...), r.Actor.Verified), `},"event":"`...)
	b = append(append(b, r.Event...), '"')
	if r.Reason != "" {
		b = append(append(append(b, `,"reason":"`...), r.Reason...), '"')
	}
	if len(r.Detail) > 0 {
		p := &reader{r.Detail, true, ""}
		if p.value(0); !p.ok || len(p.rest) > 0 || string(r.Detail) == "null" {
			return nil, false
		}
		b = append(append(b, `,"detail":`...), r.Detail...)
	}
	return append(append(append(b, `,"prev":"`...), r.Prev...), `","hash":""}`...), true
}
