// Package vault holds the master keys and what is derived from them: sealed
// secrets, encrypted documents, signatures. One key is the primary and writes;
// the others open what they wrote. It may not log, nor hand out a key or
// anything derived from it.
package vault

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"sync/atomic"
	"time"

	"example.com/asr"
)

// KeySize is a master key's length in bytes.
const KeySize = 32

// What begins a seal. A seal's nonce comes right after it, so that the start of
// a seal tells equal secrets from others; the id of its key is at the end, and
// is missing from seals of the first format.
const (
	prefix      = "asr2:"
	firstPrefix = "asr1:"
)

// header begins a document, before the id of its key; documents of the first
// format have neither.
const header = "asr2"

// HeaderSize is how many bytes of a document say which key encrypted it.
const HeaderSize = len(header) + idSize

// Vault seals, encrypts and signs. It is safe for concurrent use.
type Vault struct {
	keys   atomic.Pointer[ring]
	source Source
	clock  asr.Clock
}

var _ asr.KeyRing = (*Vault)(nil)

// New returns the vault of one master key of KeySize bytes.
func New(master []byte) (*Vault, error) {
	k, err := derive(master)
	if err != nil {
		return nil, err
	}
	return with(ring{k}, nil, nil), nil
}

func with(keys ring, source Source, clock asr.Clock) *Vault {
	if clock == nil {
		clock = time.Now
	}
	v := &Vault{source: source, clock: clock}
	v.keys.Store(&keys)
	return v
}

func (v *Vault) ring() ring { return *v.keys.Load() }

// ringWith is the keys, read anew if none has this id: another process may have
// added it. If they can't be read, what has the id can't either.
func (v *Vault) ringWith(id [idSize]byte) ring {
	if id != noID && !v.ring().has(id) {
		_ = v.Reload()
	}
	return v.ring()
}

func (v *Vault) primary() *key   { return v.ring().primary(v.clock()) }
func (v *Vault) Primary() string { return v.primary().ID() }

// Knows reports whether a key with this id is there that opens what it wrote.
func (v *Vault) Knows(id string) bool { return v.ring().find(id) != nil }

// Seal implements asr.Vault: AES-256-GCM whose nonce is the keyed hash of the
// text. Equal texts have equal seals of one key, and that, with its length, is
// all that a seal tells of its text.
func (v *Vault) Seal(plain string) (string, error) { return v.primary().sealed(plain), nil }

// Open implements asr.Vault. CodeBadInput for anything that these keys didn't seal.
func (v *Vault) Open(sealed string) (string, error) {
	plain, _, err := v.opened(sealed)
	return plain, err
}

func (v *Vault) opened(sealed string) (string, *key, error) {
	raw, id, ok := parseSeal(sealed)
	if !ok {
		return "", nil, &asr.Error{Code: asr.CodeBadInput, Message: "this is not a sealed secret", Do: "restore it from a backup"}
	}
	for _, k := range v.ringWith(id).candidates(id) {
		if plain, ok := k.opened(raw, sealed[:len(prefix)]); ok {
			return plain, k, nil
		}
	}
	return "", nil, alien("a sealed secret")
}

// Current implements asr.KeyRing.
func (v *Vault) Current(sealed string) bool {
	_, id, ok := parseSeal(sealed)
	return ok && id == v.primary().id
}

// Like implements asr.KeyRing. What no key here sealed is like nothing: then it
// is the vault itself.
func (v *Vault) Like(sealed string) asr.Vault {
	_, k, err := v.opened(sealed)
	if err != nil {
		return v
	}
	return like{v, k, strings.HasPrefix(sealed, firstPrefix)}
}

// like seals with one key and in one format, and opens what any key sealed.
type like struct {
	*Vault
	key   *key
	first bool
}

func (l like) Seal(plain string) (string, error) {
	if l.first {
		return firstPrefix + base64.RawURLEncoding.EncodeToString(l.key.sealedRaw(plain, firstPrefix)), nil
	}
	return l.key.sealed(plain), nil
}

// Encrypt encrypts a document (AES-256-GCM, a random nonce). aad names what it
// is, so that it can't be put in another's place; Decrypt needs the same. One
// key is good for 2³² documents (NIST SP 800-38D, 8.3).
func (v *Vault) Encrypt(plain []byte, aad string) ([]byte, error) {
	k := v.primary()
	head := append([]byte(header), k.id[:]...)
	return append(head, k.docs.Seal(nil, nil, plain, []byte(aad))...), nil
}

// Decrypt returns what Encrypt was given. CodeBadInput for anything that these
// keys didn't encrypt under this aad.
func (v *Vault) Decrypt(doc []byte, aad string) ([]byte, error) {
	if k := v.ringWith(idOf(doc)).of(doc); k != nil {
		if plain, err := k.docs.Open(nil, nil, doc[HeaderSize:], []byte(aad)); err == nil {
			return plain, nil
		}
	}
	for _, k := range v.ring().candidates(noID) { // of the first format
		if plain, err := k.docs.Open(nil, nil, doc, []byte(aad)); err == nil {
			return plain, nil
		}
	}
	return nil, alien(aad)
}

// Header begins all documents that the primary key encrypts.
func (v *Vault) Header() []byte {
	id := v.primary().id
	return append([]byte(header), id[:]...)
}

func alien(what string) error {
	return &asr.Error{
		Code: asr.CodeBadInput, Message: what + " was written with another key, or changed since",
		Do: "restore the key that it was written with (the key file, or " + EnvKey + "); if the key is right, restore the data from a backup",
	}
}

// Sign returns the primary key's id and, after a full stop, the keyed hash
// (HMAC-SHA256, base64url) of a message.
func (v *Vault) Sign(message []byte) string {
	k := v.primary()
	return k.ID() + "." + base64.RawURLEncoding.EncodeToString(mac(k.sign, message))
}

// Verify reports whether a signature is one of these keys' for the message, the
// retired ones' too: a later key's checkpoint vouches for theirs. A signature of
// the first format has no id.
func (v *Vault) Verify(message []byte, signature string) bool {
	id, hash, named := strings.Cut(signature, ".")
	if !named {
		hash = signature
	}
	keys := v.ring()
	if raw, err := hex.DecodeString(id); named && err == nil && len(raw) == idSize {
		keys = v.ringWith([idSize]byte(raw))
	}
	for _, k := range keys {
		if (!named || k.ID() == id) && hmac.Equal([]byte(base64.RawURLEncoding.EncodeToString(mac(k.sign, message))), []byte(hash)) {
			return true
		}
	}
	return false
}
