package securityhub

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"example.com/asr"
)

// Decode takes all findings out of a document, whose format it detects:
//
//   - ASFF: one finding, a list of them, {"Findings": […]} as GetFindings
//     answers, the EventBridge events "Security Hub Findings - Imported" and
//     "Security Hub Findings - Custom Action";
//   - OCSF findings (class 2003 and its siblings): one, a list, the event
//     "Findings Imported V2";
//   - Prowler's json-asff and json-ocsf files;
//   - any of these one per line, as the body of the records of a Lambda SQS
//     event, as the message of an SNS notification.
//
// source names where the body came from, at is when. Unknown fields are
// ignored; what can't be taken is rejected with the reason, and the rest of the
// body is taken all the same. Neither list depends on anything but the arguments.
func Decode(source string, at time.Time, body []byte) (obs []asr.Observation, rejected []asr.Rejected) {
	_ = Read(bytes.NewReader(body), source, at, func(o []asr.Observation, r []asr.Rejected) error {
		obs, rejected = append(obs, o...), append(rejected, r...)
		return nil
	}) // neither the reader nor emit fails
	return obs, rejected
}

// Read is Decode for inputs that don't fit into memory: it hands over what it
// found about every hundred findings. It returns emit's error, or the reader's.
func Read(r io.Reader, source string, at time.Time, emit func([]asr.Observation, []asr.Rejected) error) error {
	return read(r, origin{source: source, at: at.UTC(), kind: asr.SourceFile}, emit)
}

func read(r io.Reader, o origin, emit func([]asr.Observation, []asr.Rejected) error) error {
	d := &decoder{emit: emit}
	if err := d.input(r, o); err != nil {
		return err
	}
	return d.flush(1)
}

const (
	chunk    = 100
	findings = "findings" // what a list of findings is called
)

// errBroken says that nothing behind this place in a document can be trusted.
var errBroken = errors.New("broken")

// origin is where a finding was found, and what that says of it.
type origin struct {
	source string
	at     time.Time // of the input
	path   string    // within it: "findings[3]"
	kind   asr.Source
	action string
	sent   time.Time // the event's time; zero if it came in none
	live   bool      // read from Security Hub at at
	nested int       // texts that hold documents, around this one
}

// in is a place in a list.
func (o origin) in(list string, i int) origin { return o.below(list + "[" + strconv.Itoa(i) + "]") }

func (o origin) below(path string) origin {
	if o.path != "" {
		path = o.path + ": " + path
	}
	o.path = path
	return o
}

// reject is the input that can't be taken.
func (o origin) reject(p piece, format string, args ...any) asr.Rejected {
	reason := fmt.Sprintf(format, args...)
	if o.path != "" {
		reason = o.path + ": " + reason
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%d %s\n%d ", len(o.source), o.source, p.size)
	sum.Write(p.raw)
	return asr.Rejected{
		ID: hex.EncodeToString(sum.Sum(nil)[:16]), At: o.at, Source: o.source, Reason: reason,
		Body: asr.Outline(p.raw),
	}
}

// decoder collects what it finds, until there is enough to hand over.
type decoder struct {
	emit func([]asr.Observation, []asr.Rejected) error
	obs  []asr.Observation
	bad  []asr.Rejected
	told map[string]bool // ids of what was rejected
	read int             // what was seen, good or bad

	quick quick
}

func (d *decoder) flush(least int) error {
	if len(d.obs)+len(d.bad) < least {
		return nil
	}
	obs, bad := d.obs, d.bad
	d.obs, d.bad = nil, nil
	return d.emit(obs, bad)
}

// reject tells of the same input once: a small body may repeat it a million times.
func (d *decoder) reject(o origin, p piece, format string, args ...any) error {
	d.read++
	r := o.reject(p, format, args...)
	if d.told[r.ID] {
		return nil
	}
	if d.told == nil || len(d.told) > 10_000 {
		d.told = map[string]bool{}
	}
	d.told[r.ID] = true
	d.bad = append(d.bad, r)
	return d.flush(chunk)
}

// broken rejects a piece and gives up what is behind it.
func (d *decoder) broken(o origin, p piece, format string, args ...any) error {
	if err := d.reject(o, p, format, args...); err != nil {
		return err
	}
	return errBroken
}

// cutOff is for a document that ends too early, or can't be read further.
func (d *decoder) cutOff(o origin, p piece, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return d.broken(o, p, "it ends too early: a bracket or a quote is not closed")
	}
	return err
}

// input takes a whole input: one document, several, or one on each line.
func (d *decoder) input(r io.Reader, o origin) error {
	window := MaxFinding + maxBody
	if sized, ok := r.(interface{ Len() int }); ok {
		window = min(window, sized.Len()+1)
	}
	s := &scanner{r: bufio.NewReaderSize(r, window)}
	head, err := s.r.Peek(window)
	if bom := []byte("\ufeff"); bytes.HasPrefix(head, bom) {
		_, _ = s.r.Discard(len(bom)) // it is there
		head = head[len(bom):]
	}
	if err != nil && err != io.EOF {
		return err
	}
	before := d.read
	s.lines = byLine(head)
	if err := d.each(s, o, s.lines && bytes.ContainsRune(bytes.TrimSpace(head), '\n')); err != nil {
		return err
	}
	if d.read == before {
		return d.reject(o, piece{}, "there is nothing in it")
	}
	return nil
}

// each takes the documents line by line, or as they come.
func (d *decoder) each(s *scanner, o origin, number bool) error {
	for line := 1; ; line++ {
		here := o
		if number {
			here = o.below("line " + strconv.Itoa(line))
		}
		if err := d.documents(s, here); err != nil && err != errBroken {
			return err
		}
		if !s.lines {
			return nil
		}
		if err := s.skipLine(); err != nil {
			return unless(err, io.EOF)
		}
	}
}

func unless(err, expected error) error {
	if err == expected {
		return nil
	}
	return err
}

func (d *decoder) documents(s *scanner, o origin) error {
	for {
		b, err := s.next()
		if err != nil {
			return unless(err, io.EOF)
		}
		d.read++
		switch b {
		case '[':
			err = d.list(s, o, findings, MaxDocument, d.listed)
		case '{':
			err = d.object(s, o)
		default:
			err = d.noise(s, o)
		}
		if err != nil {
			return err
		}
	}
}

// noise is for what neither an object nor a list begins with.
func (d *decoder) noise(s *scanner, o origin) error {
	p, err := s.value(maxBody)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	return d.broken(o, p, "this is neither a finding nor a list of findings: it begins with %q", clip(string(p.raw), 20))
}

// ahead takes a finding out of what has been read already, if it is all there and
// as Security Hub writes it.
func (d *decoder) ahead(s *scanner, o origin) (taken bool, err error) {
	text := s.ahead()
	one, size, ok := d.quick.ahead(text, o)
	if text = text[:size]; !ok || maybeDeep(text) || s.lines && bytes.IndexByte(text, '\n') >= 0 {
		return false, nil
	}
	_, _ = s.r.Discard(size) // it is there
	return true, d.take(one, o)
}

// maybeDeep reports whether a text has enough brackets to be nested too deeply.
func maybeDeep(text []byte) bool {
	return bytes.Count(text, []byte("{"))+bytes.Count(text, []byte("[")) > MaxDepth
}

// list takes each element of a list, which may be of any length.
func (d *decoder) list(s *scanner, o origin, name string, limit int, take func(piece, origin) error) error {
	s.skip()
	for i := 0; ; {
		b, err := s.next()
		here := o.in(name, i)
		switch {
		case err != nil:
			return d.cutOff(here, piece{}, err)
		case b == ']':
			s.skip()
			return nil
		case b == ',':
			s.skip()
			continue
		case b == '}' || b == ':':
			return d.broken(here, piece{raw: []byte{b}, size: 1}, "this is not JSON: %q where a value is expected", b)
		}
		if b == '{' && name == findings {
			taken, err := d.ahead(s, here)
			if err != nil {
				return err
			}
			if taken {
				i++
				continue
			}
		}
		p, err := s.value(limit)
		if err != nil {
			return d.cutOff(here, p, err)
		}
		if err := take(p, here); err != nil {
			return err
		}
		i++
	}
}

// object takes a document. Its list of findings or records, if it has one, may
// be of any length; all else of it is kept to be looked at as a whole.
func (d *decoder) object(s *scanner, o origin) error {
	var whole piece
	lists := 0
	whole.add(MaxDocument, '{')
	s.skip()
	for {
		b, err := s.next()
		switch {
		case err != nil:
			return d.cutOff(o, whole, err)
		case b == '}':
			s.skip()
			whole.add(MaxDocument, '}')
			if lists > 0 {
				return nil
			}
			return d.piece(whole, o)
		case b == ',':
			s.skip()
			whole.add(MaxDocument, ',')
			continue
		case b != '"':
			return d.broken(o, whole, "this is not JSON: %q where a name is expected", b)
		}
		listed, err := d.member(s, o, &whole)
		if err != nil {
			return err
		}
		if listed {
			lists++
		}
	}
}

// member takes one name and its value: a list of findings at once, anything
// else into the whole.
func (d *decoder) member(s *scanner, o origin, whole *piece) (listed bool, err error) {
	name, err := s.value(maxName)
	if err != nil {
		return false, d.cutOff(o, *whole, err)
	}
	b, err := s.next()
	if err != nil {
		return false, d.cutOff(o, *whole, err)
	}
	if b != ':' {
		return false, d.broken(o, *whole, "this is not JSON: %q where a colon is expected", b)
	}
	s.skip()
	if b, err = s.next(); err != nil {
		return false, d.cutOff(o, *whole, err)
	}
	if b == '[' {
		switch string(name.raw) {
		case `"Findings"`, `"findings"`:
			return true, d.list(s, o, findings, MaxFinding, d.listed)
		case `"Records"`:
			return true, d.list(s, o, "Records", MaxDocument, d.record)
		}
	}
	whole.likely = whole.likely || string(name.raw) == `"SchemaVersion"`
	v, err := s.value(MaxDocument)
	whole.join(MaxDocument, name)
	whole.add(MaxDocument, ':')
	whole.join(MaxDocument, v)
	if err != nil {
		return false, d.cutOff(o, *whole, err)
	}
	return false, nil
}

// piece takes one document that is complete.
func (d *decoder) piece(p piece, o origin) error {
	if p.cut() {
		return d.reject(o, p, "it has %d bytes, and at most %d are taken", p.size, len(p.raw))
	}
	if p.likely && !p.deep {
		if one, ok := d.quick.whole(p.raw, o); ok {
			return d.take(one, o)
		}
	}
	return d.document(p, o)
}

// listed takes an element of a list of findings.
func (d *decoder) listed(p piece, o origin) error {
	p.likely = bytes.HasPrefix(p.raw, []byte("{"))
	return d.piece(p, o)
}

// tooDeep rejects what is nested deeper than MaxDepth.
func (d *decoder) tooDeep(p piece, o origin) error {
	return d.reject(o, p, "it is nested deeper than %d levels", MaxDepth)
}

// inner takes a text that holds a document.
func (d *decoder) inner(p piece, text string, o origin) error {
	if o.nested >= 3 {
		return d.reject(o, p, "it holds texts within texts within texts")
	}
	o.nested++
	return d.input(strings.NewReader(text), o)
}
