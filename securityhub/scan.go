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

	likely bool // it looks like a finding in ASFF
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

// inMemory is a value that has been read with what is around it.
func inMemory(raw []byte, limit int) (p piece) {
	var t tracker
	t.follow(raw)
	p.add(limit, raw...)
	p.deep = t.deep
	return p
}

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
	var t tracker
	for {
		window, err := s.window()
		switch {
		case err == io.EOF && t.bare():
			return p, nil
		case err == io.EOF:
			return p, io.ErrUnexpectedEOF
		case err != nil:
			return p, err
		}
		n, done := t.follow(window)
		p.add(limit, window[:n]...)
		p.deep = t.deep
		_, _ = s.r.Discard(n) // it is there
		if done {
			return p, nil
		}
	}
}

// ahead is what has been read and not been taken yet. It may go beyond the document.
func (s *scanner) ahead() []byte {
	w, _ := s.r.Peek(s.r.Buffered()) // so many are there
	return w
}

// stretch is how many bytes are looked at together: few enough that what is
// behind a short value costs nothing.
const stretch = 4096

// window shows the next bytes, at least one: io.EOF at the document's end.
func (s *scanner) window() ([]byte, error) {
	if _, err := s.r.Peek(1); err != nil {
		return nil, err
	}
	w, _ := s.r.Peek(min(s.r.Buffered(), stretch)) // so many are there
	if !s.lines {
		return w, nil
	}
	switch end := bytes.IndexByte(w, '\n'); end {
	case -1:
		return w, nil
	case 0:
		return nil, io.EOF
	default:
		return w[:end], nil
	}
}

// tracker follows a value through its brackets and quotes.
type tracker struct {
	depth                        int
	begun, text, escaped, closed bool
	deep                         bool // deeper than MaxDepth
}

// bare reports whether the value may end with the next byte, not having been
// closed by one of its own: it is a number, or a word.
func (t *tracker) bare() bool { return t.depth == 0 && !t.text && t.begun }

// follow goes on through the bytes: n of them are the value's, done says that
// it ends there.
func (t *tracker) follow(window []byte) (n int, done bool) {
	for n < len(window) {
		if t.text {
			n += t.inText(window[n:])
		} else {
			b := window[n]
			if t.bare() && ends(b) {
				return n, true
			}
			n++
			t.outside(b)
		}
		if t.closed {
			return n, true
		}
	}
	return n, false
}

// inText goes on through a text, up to its end.
func (t *tracker) inText(window []byte) (n int) {
	if t.escaped {
		t.escaped = false
		return 1
	}
	end := bytes.IndexByte(window, '"')
	if end < 0 {
		end = len(window)
	}
	if slash := bytes.IndexByte(window[:end], '\\'); slash >= 0 {
		t.escaped = true
		return slash + 1
	}
	if end == len(window) {
		return end
	}
	t.text, t.closed = false, t.depth == 0
	return end + 1
}

func (t *tracker) outside(b byte) {
	t.begun = true
	switch b {
	case '"':
		t.text = true
	case '{', '[':
		t.depth++
		t.deep = t.deep || t.depth > MaxDepth
	case '}', ']':
		t.depth--
		t.closed = t.depth <= 0
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
