package asr

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// records draws records as the engine makes them, and odd ones.
func records() *rapid.Generator[Record] {
	text := rapid.OneOf(rapid.StringMatching(`[a-z0-9:/ _.-]{0,20}`), rapid.String())
	return rapid.Custom(func(t *rapid.T) Record {
		var detail any
		switch rapid.IntRange(0, 3).Draw(t, "detail") {
		case 1:
			detail = map[string]any{"token": text.Draw(t, "token"), "fields": []string{text.Draw(t, "field")}, "n": rapid.Int().Draw(t, "n"), "x": rapid.Float64Range(-9, 9).Draw(t, "x")}
		case 2:
			detail = struct{ B, A any }{rapid.Bool().Draw(t, "b"), []any{nil, map[string]any{}, []any{}}}
		case 3:
			detail = text.Draw(t, "text")
		}
		r := Record{
			Subject: text.Draw(t, "subject"), At: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "at"), rapid.Int64Range(0, 1e9).Draw(t, "nanos")),
			Actor: Actor{Kind: text.Draw(t, "kind"), Name: text.Draw(t, "name"), Verified: rapid.Bool().Draw(t, "verified")}, Event: text.Draw(t, "event"), Reason: text.Draw(t, "reason"),
		}
		if detail != nil {
			r.Detail, _ = json.Marshal(detail)
		}
		c := Chain{Seq: rapid.Int64Range(0, 1<<40).Draw(t, "seq"), Hash: text.Draw(t, "prev")}
		return c.Append(r)
	})
}

// What is quick comes to the same as what is plain to see.
func TestAPlainRecordIsHashedAndReadAsAnyOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := records().Draw(t, "record")
		usual := r
		usual.Hash = ""
		v, _ := decode(r.Detail)
		usual.Detail = encode(v)
		want, _ := json.Marshal(usual)
		if got, ok := r.plainDoc(nil); ok && !bytes.Equal(got, want) {
			t.Fatalf("hashed as %s\nwant      %s", got, want)
		}
		doc := bytes.TrimSpace(plain(r))
		var slow Record
		if err := json.Unmarshal(doc, &slow); err != nil {
			t.Fatal(err)
		}
		got, err := ParseRecord(doc)
		if err != nil || !bytes.Equal(plain(got), plain(slow)) || got.digest() != slow.digest() {
			t.Fatalf("%s is read as %+v, %v", doc, got, err)
		}
	})
}

func TestARecordWithAnyByteChangedIsNotWhatItWas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := records().Draw(t, "record")
		doc := bytes.TrimSpace(plain(r))
		at := rapid.IntRange(0, len(doc)-1).Draw(t, "byte")
		doc[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		got, err := ParseRecord(doc)
		if err == nil && (Chain{Seq: r.Seq - 1, Hash: r.Prev}).Follows(got) {
			t.Fatalf("byte %d was changed, and nobody sees it: %s", at, doc)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	var c Chain
	f.Add(bytes.TrimSpace(plain(c.Append(Record{Subject: "r-1", Event: "wrote", Detail: json.RawMessage(`{"a":[1,"b"]}`)}))))
	f.Add([]byte(`{"subject":"r-1","seq":1}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		quick, ok := parsePlain(doc)
		if !ok {
			return
		}
		var slow Record
		if err := json.Unmarshal(doc, &slow); err != nil || !bytes.Equal(plain(quick), plain(slow)) || !bytes.Equal(bytes.TrimSpace(plain(slow)), doc) {
			t.Errorf("%s is read as %+v, want %+v, %v", doc, quick, slow, err)
		}
	})
}
