package vault

import (
	"bytes"
	"strings"
	"testing"

	"example.com/asr"
	"pgregory.net/rapid"
)

func oneKey(t testing.TB, first byte) *Vault {
	t.Helper()
	v, err := New(append([]byte{first}, make([]byte, KeySize-1)...))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSealsOpenToWhatWasSealedAndAreEqualForEqualSecrets(t *testing.T) {
	t.Parallel()
	v := oneKey(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		sa, _ := v.Seal(a)
		sb, _ := v.Seal(b)
		if (a == b) != (sa == sb) {
			t.Fatalf("%q and %q are sealed as %q and %q", a, b, sa, sb)
		}
		if got, err := v.Open(sa); err != nil || got != a {
			t.Fatalf("opened %q, %v; want %q", got, err, a)
		}
		if !strings.HasPrefix(sa, prefix) || len(a) > 8 && strings.Contains(sa, a) {
			t.Fatalf("sealed %q as %q", a, sa)
		}
	})
}

func TestASealThatWasChangedDoesNotOpen(t *testing.T) {
	t.Parallel()
	v := oneKey(t, 1)
	sealed, _ := v.Seal("s3cret")
	for i := range sealed {
		b := []byte(sealed)
		b[i] ^= 1
		if got, err := v.Open(string(b)); err == nil {
			t.Errorf("byte %d changed: opened %q", i, got)
		}
	}
	for _, s := range []string{"", "plain", prefix, prefix + "AA", prefix + sealed, sealed + "A", sealed + "\n"} {
		if got, err := v.Open(s); err == nil {
			t.Errorf("%q: opened %q", s, got)
		}
	}
}

func TestADocumentIsBoundToItsKeyAndItsName(t *testing.T) {
	t.Parallel()
	v, other := oneKey(t, 1), oneKey(t, 2)
	plain := []byte(`{"before":"state"}`)
	doc, err := v.Encrypt(plain, "run r-1")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.Decrypt(doc, "run r-1"); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("decrypted %q, %v", got, err)
	}
	if bytes.Contains(doc, plain[2:8]) {
		t.Error("the document can be read")
	}
	again, _ := v.Encrypt(plain, "run r-1")
	if bytes.Equal(doc, again) {
		t.Error("the same document is encrypted the same twice")
	}
	for name, try := range map[string]func() ([]byte, error){
		"another key":  func() ([]byte, error) { return other.Decrypt(doc, "run r-1") },
		"another name": func() ([]byte, error) { return v.Decrypt(doc, "run r-2") },
		"cut short":    func() ([]byte, error) { return v.Decrypt(doc[:len(doc)-1], "run r-1") },
		"nothing":      func() ([]byte, error) { return v.Decrypt(nil, "run r-1") },
		"changed":      func() ([]byte, error) { return v.Decrypt(append([]byte{doc[0] ^ 1}, doc[1:]...), "run r-1") },
	} {
		got, err := try()
		if err == nil {
			t.Errorf("%s: decrypted %q", name, got)
		}
		if asr.Classify(err) != asr.CodeBadInput || asr.Advice(err) == "" {
			t.Errorf("%s: %v gives no advice", name, err)
		}
	}
}

func TestASignatureIsOfOneMessageAndOneKey(t *testing.T) {
	t.Parallel()
	v := oneKey(t, 1)
	sig := v.Sign([]byte("checkpoint"))
	if !v.Verify([]byte("checkpoint"), sig) {
		t.Error("a good signature doesn't verify")
	}
	if v.Verify([]byte("checkpoint "), sig) || v.Verify([]byte("checkpoint"), "") || oneKey(t, 2).Verify([]byte("checkpoint"), sig) {
		t.Error("a bad signature verifies")
	}
}

func FuzzOpen(f *testing.F) {
	v := oneKey(f, 1)
	good, _ := v.Seal("s3cret")
	for _, s := range []string{good, prefix, "", prefix + "AAAAAAAAAAAAAAAAAAAA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sealed string) {
		plain, err := v.Open(sealed)
		if err != nil {
			return
		}
		if again, _ := v.Like(sealed).Seal(plain); again != sealed {
			t.Errorf("%q opens to %q, which is sealed as %q", sealed, plain, again)
		}
	})
}
