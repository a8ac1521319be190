package asr

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line is a text that others wrote (a name, a title, what AWS answered) as it may
// stand before people: on one line, and without what steers a terminal, turns
// the direction of writing or can't be seen. A space stands for what separates,
// a dot for all else; what is left is as it was.
func Line(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case visible(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return '·'
	}, strings.ToValidUTF8(s, "·"))
}

// visible takes letters, marks, numbers, punctuation, symbols, and the space.
func visible(r rune) bool { return unicode.IsPrint(r) }

// Inert is a JSON document as it may be written to a terminal, a mail or a log:
// what Line takes out stands escaped in its strings, so it says the same. JSON's
// own line breaks and tabs stay.
func Inert(doc []byte) []byte {
	if bytes.IndexFunc(doc, hidden) < 0 {
		return doc
	}
	const digits = "0123456789abcdef"
	out := make([]byte, 0, len(doc)+64)
	escape := func(r rune) {
		out = append(out, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
	}
	for i := 0; i < len(doc); {
		r, n := utf8.DecodeRune(doc[i:])
		switch {
		case !hidden(r):
			out = append(out, doc[i:i+n]...)
		case r > 0xffff: // in JSON a pair of surrogates
			escape(0xd800 + (r-0x10000)>>10)
			escape(0xdc00 + (r-0x10000)&0x3ff)
		default:
			escape(r)
		}
		i += n
	}
	return out
}

func hidden(r rune) bool { return !visible(r) && r != '\n' && r != '\t' && r != '\r' }
