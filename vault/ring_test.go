package vault

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// opened is the vault of a key file in which the clock stands where it is put.
func opened(t *testing.T) (v *Vault, path string, jump func(time.Duration)) {
	t.Helper()
	path, now := filepath.Join(t.TempDir(), "asr.key"), noon
	v, err := Open(path, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	v.clock = func() time.Time { return now }
	return v, path, func(d time.Duration) { now = now.Add(d) }
}

func rotate(t *testing.T, v *Vault) string {
	t.Helper()
	id, err := v.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestANewKeyWritesAndTheFormerOneStillOpens(t *testing.T) {
	t.Parallel()
	v, path, _ := opened(t)
	first := v.Primary()
	seal, _ := v.Seal("s3cret")
	doc, _ := v.Encrypt([]byte("state"), "run r-1")
	signature := v.Sign([]byte("checkpoint"))
	second := rotate(t, v)
	if second == first || v.Primary() != second || !v.Newer(second, first) || v.Newer(first, second) {
		t.Fatalf("the primary is %s after %s", v.Primary(), first)
	}
	again, err := Open(path, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]*Vault{"the same process": v, "another": again} {
		plain, err := v.Open(seal)
		state, err2 := v.Decrypt(doc, "run r-1")
		if plain != "s3cret" || string(state) != "state" || !v.Verify([]byte("checkpoint"), signature) {
			t.Errorf("%s: opened %q %v, decrypted %q %v", name, plain, err, state, err2)
		}
		newer, _ := v.Seal("s3cret")
		like, _ := v.Like(seal).Seal("s3cret")
		if v.Current(seal) || !v.Current(newer) || newer == seal || like != seal {
			t.Errorf("%s: sealed anew as %q, like the first as %q; the first is %q", name, newer, like, seal)
		}
	}
}

func TestAnotherProcessLearnsOfANewKeyFromWhatItWrote(t *testing.T) {
	t.Parallel()
	v, path, _ := opened(t)
	for name, read := range map[string]func(other *Vault) error{
		"a document": func(o *Vault) error {
			doc, _ := v.Encrypt([]byte("state"), "r")
			_, err := o.Decrypt(doc, "r")
			return err
		},
		"a seal": func(o *Vault) error { s, _ := v.Seal("s3cret"); _, err := o.Open(s); return err },
		"a signature": func(o *Vault) error {
			if !o.Verify([]byte("m"), v.Sign([]byte("m"))) {
				return alien("the signature")
			}
			return nil
		},
	} {
		other, err := Open(path, noEnv)
		if err != nil {
			t.Fatal(err)
		}
		rotate(t, v)
		if err := read(other); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What was written before keys had ids has none.
func TestTheFirstFormatIsStillRead(t *testing.T) {
	t.Parallel()
	v, _, _ := opened(t)
	k := v.primary()
	seal := firstPrefix + base64.RawURLEncoding.EncodeToString(k.sealedRaw("s3cret", firstPrefix))
	doc := k.docs.Seal(nil, nil, []byte("state"), []byte("run r-1"))
	signature := base64.RawURLEncoding.EncodeToString(mac(k.sign, []byte("checkpoint")))
	rotate(t, v)
	plain, err := v.Open(seal)
	state, err2 := v.Decrypt(doc, "run r-1")
	like, _ := v.Like(seal).Seal("s3cret")
	if plain != "s3cret" || string(state) != "state" || !v.Verify([]byte("checkpoint"), signature) || like != seal || v.Current(seal) {
		t.Errorf("opened %q %v, decrypted %q %v, sealed alike as %q", plain, err, state, err2, like)
	}
}

func TestARetiredKeyOpensNothingButProvesWhatItSigned(t *testing.T) {
	t.Parallel()
	v, path, jump := opened(t)
	first := v.Primary()
	before, _ := os.ReadFile(path)
	seal, _ := v.Seal("s3cret")
	doc, _ := v.Encrypt([]byte("state"), "run r-1")
	signature := v.Sign([]byte("checkpoint"))
	for name, id := range map[string]string{"the only one": first, "none": "00000000"} {
		if err := v.Retire(id); err == nil {
			t.Errorf("%s was retired", name)
		}
	}
	second := rotate(t, v)
	if err := v.Retire(first); asr.Classify(err) != asr.CodeNotAllowed {
		t.Errorf("it was in use just now: %v", err)
	}
	jump(Quiet)
	if err := v.Retire(first); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Open(seal); err == nil {
		t.Error("a retired key opens a seal")
	}
	if _, err := v.Decrypt(doc, "run r-1"); err == nil {
		t.Error("a retired key decrypts")
	}
	if !v.Verify([]byte("checkpoint"), signature) || v.Knows(first) || v.Primary() != second {
		t.Errorf("what it signed isn't proven, or it is known: %+v", v.Keys())
	}
	after, _ := os.ReadFile(path)
	if strings.Contains(string(after), strings.TrimSpace(string(before))) {
		t.Error("the key is still in the file")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode().Perm(), err)
	}
	if again, err := Open(path, noEnv); err != nil || len(again.Keys()) != 2 || again.Keys()[0].State != KeyRetired {
		t.Errorf("opened again: %v", err)
	}
}

func TestAKeyWaitsForItsTime(t *testing.T) {
	t.Parallel()
	now := noon
	first := strings.Repeat("k", 64)
	text, id, err := Add(first, Passphrase, now, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	v, err := Parse(text, Passphrase, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if v.Primary() == id || v.Keys()[1].State != KeyPending {
		t.Errorf("it writes before its time: %+v", v.Keys())
	}
	if _, _, err := Add(text, Passphrase, now, now); asr.Classify(err) != asr.CodeConflict {
		t.Errorf("another one was added meanwhile: %v", err)
	}
	now = now.Add(time.Hour)
	if v.Primary() != id || v.Keys()[0].State != KeyDeactivated {
		t.Errorf("it doesn't write at its time: %+v", v.Keys())
	}
}

func TestKeysFromTheEnvironmentAreSeveralAndStayAsTheyAre(t *testing.T) {
	t.Parallel()
	other := base64.StdEncoding.EncodeToString([]byte("another9abcdef0123456789abcdef01"))
	v, err := Open("", env(someKey+","+other))
	if err != nil || len(v.Keys()) != 2 || v.Keys()[1].State != KeyPrimary {
		t.Fatalf("%v", err)
	}
	if _, err := v.Rotate(); asr.Classify(err) != asr.CodeNotAllowed || asr.Advice(err) == "" {
		t.Errorf("rotated the environment: %v", err)
	}
}

func TestKeysThatCannotBeReadAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n", someKey + "," + someKey, someKey + " tomorrow", someKey + " a b", "retired 00 AA==", "retired 00000000 AA=="} {
		if _, err := Parse(text, Base64, nil); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// However keys come and go, what the ones that are left wrote stays readable.
func TestWhateverIsRotatedStaysReadable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := noon
		text, v := someKey, (*Vault)(nil)
		var seals []string
		for range rapid.IntRange(1, 6).Draw(t, "rotations") {
			var err error
			if v, err = Parse(text, Base64, func() time.Time { return now }); err != nil {
				t.Fatal(err)
			}
			s, _ := v.Seal("s3cret")
			seals = append(seals, s)
			now = now.Add(2 * time.Hour)
			if text, _, err = Add(text, Base64, now, now); err != nil {
				t.Fatal(err)
			}
			now = now.Add(2 * time.Hour)
			if rapid.Bool().Draw(t, "retire") {
				if text, err = Retire(text, Base64, idIn(t, seals[0]), now); err != nil {
					t.Fatal(err)
				}
				seals = seals[1:]
			}
		}
		v, err := Parse(text, Base64, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range seals {
			if plain, err := v.Open(s); plain != "s3cret" {
				t.Fatalf("%q: %v", s, err)
			}
		}
	})
}

func idIn(t *rapid.T, sealed string) string {
	_, id, ok := parseSeal(sealed)
	if !ok {
		t.Fatalf("%q is no seal", sealed)
	}
	return (&key{id: id}).ID()
}
