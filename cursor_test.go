package asr_test

import (
	"testing"

	"example.com/asr"
	"example.com/asr/vault"
)

func signer(t testing.TB, first byte) *vault.Vault {
	t.Helper()
	v, err := vault.New(append([]byte{first}, make([]byte, vault.KeySize-1)...))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// covers: A13
func TestACursorIsGoodForItsQueryAndKeyOnly(t *testing.T) {
	t.Parallel()
	place := asr.Place{At: -5, ID: "r-<é>.\n"}
	query := asr.RunQuery{Account: "111111111111", States: []asr.State{asr.StateVerified}, Limit: 7}
	cursor := place.Cursor(signer(t, 1), query.Scope())
	next := query
	next.Cursor, next.Limit = cursor, 50
	if got, err := asr.ParseCursor(signer(t, 1), next.Scope(), cursor); err != nil || got != place {
		t.Fatalf("got %+v, %v; want %+v", got, err, place)
	}
	for name, row := range map[string]struct {
		key   byte
		scope string
	}{
		"another key":     {2, query.Scope()},
		"another account": {1, asr.RunQuery{Account: "222222222222", States: query.States}.Scope()},
		"another state":   {1, asr.RunQuery{Account: query.Account, States: []asr.State{asr.StateFailed}}.Scope()},
		"another list":    {1, asr.FindingQuery{Account: query.Account}.Scope()},
	} {
		if got, err := asr.ParseCursor(signer(t, row.key), row.scope, cursor); asr.Classify(err) != asr.CodeBadInput || asr.Advice(err) == "" || got != (asr.Place{}) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	for i := range cursor {
		changed := []byte(cursor)
		changed[i] ^= 1
		if got, err := asr.ParseCursor(signer(t, 1), query.Scope(), string(changed)); asr.Classify(err) != asr.CodeBadInput {
			t.Errorf("%s, changed from %s: got %+v, %v", changed, cursor, got, err)
		}
	}
}

// Whatever comes back as a cursor, only what was signed is taken.
func FuzzParseCursor(f *testing.F) {
	v := signer(f, 1)
	scope := asr.FindingQuery{Resource: "arn:aws:s3:::b"}.Scope()
	f.Add(asr.Place{At: 1, ID: "f-1"}.Cursor(v, scope))
	f.Add(asr.Place{}.Cursor(v, asr.RunQuery{}.Scope()))
	f.Add("")
	f.Add("e30.")
	f.Add("bnVsbA.x")
	f.Fuzz(func(t *testing.T, text string) {
		place, err := asr.ParseCursor(v, scope, text)
		if err == nil && place.Cursor(v, scope) != text {
			t.Errorf("%q is taken for %+v, whose cursor is another", text, place)
		}
		if err != nil && asr.Classify(err) != asr.CodeBadInput {
			t.Errorf("%q: %v", text, err)
		}
	})
}
