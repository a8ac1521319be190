package asr

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Record is one entry of the audit log: append-only, chained by hash within its
// subject.
type Record struct {
	Subject string          `json:"subject"` // a run's id, "finding/<id>", a batch's id ("b-…") or "asr"
	Seq     int64           `json:"seq"`     // from 1, without gaps
	At      time.Time       `json:"at"`
	Actor   Actor           `json:"actor"`
	Event   string          `json:"event"`            // "decided", "planned", "approved", "intent", "wrote", "verified", …
	Reason  string          `json:"reason,omitempty"` // a Reason or Code
	Detail  json.RawMessage `json:"detail,omitempty"`
	Prev    string          `json:"prev"` // the record before's hash
	Hash    string          `json:"hash"`
}

// Chain is the head of a subject's records.
type Chain struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

// Append makes the chain's next record.
func (c *Chain) Append(r Record) Record {
	r.Seq, r.Prev = c.Seq+1, c.Hash
	r.At = r.At.UTC().Round(time.Microsecond)
	if v, err := decode(r.Detail); err == nil && v != nil {
		r.Detail = bytes.TrimSpace(plain(v)) // as the hash takes it: it is hashed again each time that the log is verified
	}
	r.Hash = r.digest()
	c.Seq, c.Hash = r.Seq, r.Hash
	return r
}

// digest covers all but itself; detail counts as a JSON value, not as bytes.
func (r Record) digest() string {
	var space [1024]byte
	if doc, ok := r.plainDoc(space[:0]); ok {
		sum := sha256.Sum256(doc)
		return hex.EncodeToString(sum[:])
	}
	r.Hash = ""
	v, _ := decode(r.Detail)
	r.Detail = encode(v)
	doc, _ := json.Marshal(r) // a Record always encodes
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:])
}

// Follows reports whether the record is intact and comes right after the chain's head.
func (c Chain) Follows(r Record) bool {
	return r.Seq == c.Seq+1 && r.Prev == c.Hash && r.Hash == r.digest()
}

// Checkpoint fixes the heads of all chains at one time. Its signature is a
// keyed hash, so that neither a record nor a whole run can be taken out unseen.
type Checkpoint struct {
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"`
	Subjects  int       `json:"subjects"`
	Records   int64     `json:"records"`
	Root      string    `json:"root"` // SHA-256 over all subjects and their heads, sorted
	Prev      string    `json:"prev"` // the signature of the one before
	Signature string    `json:"signature"`
}
