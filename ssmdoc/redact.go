package ssmdoc

import (
	"regexp"
	"strings"
	"unicode"
)

// kept is how many characters of a document's message are kept.
const kept = 300

const gone = "[removed]"

// secrets are what looks like one. What a rule keeps is its first group.
var secrets = []*regexp.Regexp{
	regexp.MustCompile(`()(?s:-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$))`),
	regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s:@]+:[^/\s@]+@`),
	regexp.MustCompile(`(?i)(\b(?:bearer|basic)\s+)[a-z0-9._~+/=-]{8,}`),
	regexp.MustCompile(`(?i)([a-z0-9_-]*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|authorization|signature)[a-z0-9_-]*["']?\s*[:=]\s*)(?:"[^"]*"?|'[^']*'?|[^\s,;&}]+)`),
	regexp.MustCompile(`()\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b`),
	regexp.MustCompile(`()\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)?`),
	regexp.MustCompile(`()[A-Za-z0-9/+=]{40,}`),
}

// Redact is what may be kept of a text that a document put out: one line, not
// long, without what looks like a secret. It errs on the side of taking away.
func Redact(text string) string {
	const most = 20 * kept // what is cut off needs no looking at
	if len(text) > most {
		text = text[:most]
	}
	text = strings.ToValidUTF8(text, "?")
	for _, re := range secrets {
		text = re.ReplaceAllString(text, "${1}"+gone)
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(text); len(runes) > kept {
		return string(runes[:kept-1]) + "…"
	}
	return text
}
