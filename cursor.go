package asr

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// Place is where a page of a list ends: its last item's time, in microseconds,
// and id. The next page begins after it, so that items that come in between
// neither repeat nor hide others.
type Place struct {
	At int64  `json:"at"`
	ID string `json:"id"`
}

// Signer makes keyed signatures and knows its own.
type Signer interface {
	Sign(message []byte) string
	Verify(message []byte, signature string) bool
}

// Cursor is the place as text that goes out to people and comes back: signed,
// and good for the pages of one query only.
func (p Place) Cursor(s Signer, query string) string {
	doc, _ := json.Marshal(p) // always encodes
	return base64.RawURLEncoding.EncodeToString(doc) + "." + s.Sign(cursorMessage(query, doc))
}

// ParseCursor is what Cursor was made of. CodeBadInput for a cursor that the
// signer didn't sign for this query.
func ParseCursor(s Signer, query, cursor string) (p Place, err error) {
	text, signature, _ := strings.Cut(cursor, ".")
	doc, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || !s.Verify(cursorMessage(query, doc), signature) || json.Unmarshal(doc, &p) != nil {
		return Place{}, &Error{Code: CodeBadInput, Message: "this is not the cursor of a page of this list", Do: "start with the first page"}
	}
	return p, nil
}

func cursorMessage(query string, doc []byte) []byte {
	return append([]byte("asr cursor\n"+query+"\n"), doc...)
}

// Scope is the query without its page: what a cursor is good for.
func (q RunQuery) Scope() string {
	q.Cursor, q.Limit = "", 0
	return scope("runs", q)
}

// Scope is the query without its page: what a cursor is good for.
func (q FindingQuery) Scope() string {
	q.Cursor, q.Limit = "", 0
	return scope("findings", q)
}

func scope(list string, query any) string {
	doc, _ := json.Marshal(query) // strings always encode
	return list + " " + string(doc)
}
