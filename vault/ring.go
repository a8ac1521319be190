package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	nonceSize = 12
	idSize    = 4
)

// noID is the id of what doesn't say which key it is of.
var noID [idSize]byte

// key is what is derived from one master key. A retired one can only sign.
type key struct {
	id    [idSize]byte
	since time.Time   // when it became the primary; zero: it was the first
	seal  cipher.AEAD // with the nonce that we give it
	docs  cipher.AEAD // with a random nonce of its own
	nonce []byte      // makes a seal's nonce from its plain text
	sign  []byte
}

// derive derives a subkey for each use (HKDF-SHA256, RFC 5869), and the id.
func derive(master []byte) (*key, error) {
	if len(master) != KeySize {
		return nil, fmt.Errorf("the key has %d bytes instead of %d", len(master), KeySize)
	}
	var keys [5][]byte
	for i, use := range []string{"seal", "seal nonce", "documents", "sign", "id"} {
		k, err := hkdf.Key(sha256.New, master, nil, "asr v1 "+use, KeySize)
		if err != nil {
			return nil, fmt.Errorf("derive the key for %s: %w", use, err)
		}
		keys[i] = k
	}
	seal, err := gcm(keys[0], cipher.NewGCM)
	if err != nil {
		return nil, err
	}
	docs, err := gcm(keys[2], cipher.NewGCMWithRandomNonce)
	if err != nil {
		return nil, err
	}
	return &key{id: [idSize]byte(keys[4]), seal: seal, nonce: keys[1], docs: docs, sign: keys[3]}, nil
}

func gcm(k []byte, mode func(cipher.Block) (cipher.AEAD, error)) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	return mode(block)
}

func (k *key) ID() string    { return hex.EncodeToString(k.id[:]) }
func (k *key) retired() bool { return k.docs == nil }

func (k *key) sealed(plain string) string {
	return prefix + base64.RawURLEncoding.EncodeToString(append(k.sealedRaw(plain, prefix), k.id[:]...))
}

func (k *key) sealedRaw(plain, aad string) []byte {
	nonce := k.synthetic(plain)
	return k.seal.Seal(nonce, nonce, []byte(plain), []byte(aad))
}

func (k *key) synthetic(plain string) []byte { return mac(k.nonce, []byte(plain))[:nonceSize] }

func (k *key) opened(raw []byte, aad string) (string, bool) {
	plain, err := k.seal.Open(nil, raw[:nonceSize], raw[nonceSize:], []byte(aad))
	if err != nil || !hmac.Equal(raw[:nonceSize], k.synthetic(string(plain))) {
		return "", false
	}
	return string(plain), true
}

func mac(k, message []byte) []byte {
	h := hmac.New(sha256.New, k)
	h.Write(message)
	return h.Sum(nil)
}

// parseSeal takes a seal apart: nonce and cipher text, and the id of its key.
func parseSeal(sealed string) (raw []byte, id [idSize]byte, ok bool) {
	text, second := strings.CutPrefix(sealed, prefix)
	if !second {
		if text, ok = strings.CutPrefix(sealed, firstPrefix); !ok {
			return nil, noID, false
		}
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < nonceSize || strings.ContainsAny(text, "\r\n") { // which base64 skips
		return nil, noID, false
	}
	if second {
		if len(raw) < nonceSize+idSize {
			return nil, noID, false
		}
		id = [idSize]byte(raw[len(raw)-idSize:])
		raw = raw[:len(raw)-idSize]
	}
	return raw, id, true
}

// ring is the keys, the oldest first.
type ring []*key

// primary is the key that writes: the newest whose time has come.
func (r ring) primary(now time.Time) *key {
	for _, k := range slices.Backward(r) {
		if !k.retired() && !k.since.After(now) {
			return k
		}
	}
	return r[0] // parse has seen to it that one of the keys opens; the clock may be wrong
}

// candidates are the keys that may open something with this id; all, if it has none.
func (r ring) candidates(id [idSize]byte) (some ring) {
	for _, k := range r {
		if !k.retired() && (id == noID || id == k.id) {
			some = append(some, k)
		}
	}
	return some
}

func (r ring) find(id string) *key {
	for _, k := range r {
		if k.ID() == id && !k.retired() {
			return k
		}
	}
	return nil
}

// has reports whether there is a key with an id, be it a retired one.
func (r ring) has(id [idSize]byte) bool {
	return slices.ContainsFunc(r, func(k *key) bool { return k.id == id })
}

// idOf is the id of the key that a document names, noID if it names none.
func idOf(doc []byte) [idSize]byte {
	if len(doc) < HeaderSize || !bytes.HasPrefix(doc, []byte(header)) {
		return noID
	}
	return [idSize]byte(doc[len(header):HeaderSize])
}

// of is that key, nil if it isn't there.
func (r ring) of(doc []byte) *key {
	id := idOf(doc)
	if id == noID {
		return nil
	}
	return r.find(hex.EncodeToString(id[:]))
}
