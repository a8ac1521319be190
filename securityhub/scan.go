package securityhub

import (
	"bufio"
	"bytes"
	"io"
)

// piece is a JSON value as it was found. Nothing of it is checked but that its
// brackets close.
type piece struct {
	raw  []byte // its start, if it's longer than the limit
	size int64
	deep bool // deeper than MaxDepth
}

func (p *piece) add(limit int, bytes ...byte) {
	p.size += int64(len(bytes))
	if room := limit - len(p.raw); room > 0 {
		p.raw = append(p.raw, bytes[:min(room, len(bytes))]...)
	}
}

// join adds another piece's value, which may be cut already.
func (p *piece) join(limit int, q piece) {
	p.add(limit, q.raw...)
	p.size += q.size - int64(len(q.raw))
	p.deep = p.deep || q.deep
}

func (p piece) cut() bool { return p.size > int64(len(p.raw)) }

// scanner splits JSON without holding more than one value of it, so that one
// broken value costs nothing but itself.
type scanner struct {
	r     *bufio.Reader
	lines bool // a document ends with its line
}

// read returns the next byte: io.EOF at the document's end.
func (s *scanner) read() (byte, error) {
	b, err := s.r.ReadByte()
	if err == nil && b == '\n' && s.lines {
		_ = s.r.UnreadByte() // just read
		return 0, io.EOF
	}
	return b, err
}

// next skips white space and shows the byte behind it.
func (s *scanner) next() (byte, error) {
	for {
		b, err := s.read()
		if err != nil {
			return 0, err
		}
		if !blank(b) {
			return b, s.r.UnreadByte()
		}
	}
}

// skip drops the byte that next has shown.
func (s *scanner) skip() { _, _ = s.r.ReadByte() }

// skipLine drops what is left of a line. io.EOF if there is no other.
func (s *scanner) skipLine() error {
	for {
		_, err := s.r.ReadSlice('\n')
		if err != bufio.ErrBufferFull {
			return err
		}
	}
}

func blank(b byte) bool { return b == ' ' || b == '\n' || b == '\t' || b == '\r' }

func ends(b byte) bool { return blank(b) || b == ',' || b == ']' || b == '}' || b == ':' }

// value takes one value, of at least one byte, and keeps so many bytes of it.
// io.ErrUnexpectedEOF if the document ends before it does.
func (s *scanner) value(limit int) (p piece, err error) {
	depth, text, escaped := 0, false, false
	for {
		b, err := s.read()
		bare := depth == 0 && !text && p.size > 0
		switch {
		case err == io.EOF && bare:
			return p, nil
		case err == io.EOF:
			return p, io.ErrUnexpectedEOF
		case err != nil:
			return p, err
		case bare && ends(b):
			return p, s.r.UnreadByte()
		}
		if p.size++; len(p.raw) < limit {
			p.raw = append(p.raw, b)
		}
		switch {
		case escaped:
			escaped = false
		case text && b == '\\':
			escaped = true
		case b == '"':
			text = !text
			if !text && depth == 0 {
				return p, nil
			}
		case text:
		case b == '{' || b == '[':
			depth++
			p.deep = p.deep || depth > MaxDepth
		case b == '}' || b == ']':
			depth--
			if depth <= 0 {
				return p, nil
			}
		}
	}
}

// byLine reports whether each line is a document of its own: the first line
// closes what it opens, or it doesn't and the second can't be what follows it.
func byLine(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) == 0 || head[0] != '{' {
		return false
	}
	end := bytes.IndexByte(head, '\n')
	if end < 0 {
		return true
	}
	first := bytes.TrimSpace(head[:end])
	s := scanner{r: bufio.NewReader(bytes.NewReader(first))}
	if _, err := s.value(0); err == nil {
		return true
	}
	return bytes.HasPrefix(head[end+1:], []byte("{")) && !bytes.ContainsRune([]byte("[,:"), rune(first[len(first)-1]))
}
