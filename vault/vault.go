// Package vault holds the one master key and what is derived from it: sealed
// secrets, encrypted documents, signatures. It may not log, nor hand out the
// key or anything derived from it.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"example.com/asr"
)

// KeySize is the master key's length in bytes.
const KeySize = 32

// prefix starts each seal and names its format. A seal's nonce comes right
// after it, so that the start of a seal tells equal secrets from others.
const prefix = "asr1:"

const nonceSize = 12

// Vault seals, encrypts and signs. It is safe for concurrent use.
type Vault struct {
	seal  cipher.AEAD // with the nonce that we give it
	docs  cipher.AEAD // with a random nonce of its own
	nonce []byte      // makes a seal's nonce from its plain text
	sign  []byte
}

var _ asr.Vault = (*Vault)(nil)

// New returns the vault of a master key of KeySize bytes. Each use has its own
// subkey (HKDF-SHA256, RFC 5869).
func New(master []byte) (*Vault, error) {
	if len(master) != KeySize {
		return nil, fmt.Errorf("the key has %d bytes instead of %d", len(master), KeySize)
	}
	var keys [4][]byte
	for i, use := range []string{"seal", "seal nonce", "documents", "sign"} {
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
	return &Vault{seal: seal, nonce: keys[1], docs: docs, sign: keys[3]}, nil
}

func gcm(key []byte, mode func(cipher.Block) (cipher.AEAD, error)) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return mode(block)
}

// Seal implements asr.Vault: AES-256-GCM whose nonce is the keyed hash of the
// text. Equal texts have equal seals, and that, with its length, is all that a
// seal tells of its text.
func (v *Vault) Seal(plain string) (string, error) {
	nonce := v.synthetic(plain)
	sealed := v.seal.Seal(nonce, nonce, []byte(plain), []byte(prefix))
	return prefix + base64.RawURLEncoding.EncodeToString(sealed), nil
}

func (v *Vault) synthetic(plain string) []byte { return mac(v.nonce, []byte(plain))[:nonceSize] }

// Open implements asr.Vault. CodeBadInput for anything that this key didn't seal.
func (v *Vault) Open(sealed string) (string, error) {
	text, ok := strings.CutPrefix(sealed, prefix)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if !ok || err != nil || len(raw) < nonceSize || strings.ContainsAny(text, "\r\n") { // which base64 skips
		return "", &asr.Error{Code: asr.CodeBadInput, Message: "this is not a sealed secret", Do: "restore it from a backup"}
	}
	plain, err := v.seal.Open(nil, raw[:nonceSize], raw[nonceSize:], []byte(prefix))
	if err != nil || !hmac.Equal(raw[:nonceSize], v.synthetic(string(plain))) {
		return "", alien("a sealed secret")
	}
	return string(plain), nil
}

// Encrypt encrypts a document (AES-256-GCM, a random nonce). aad names what it
// is, so that it can't be put in another's place; Decrypt needs the same. One
// key is good for 2³² documents (NIST SP 800-38D, 8.3).
func (v *Vault) Encrypt(plain []byte, aad string) ([]byte, error) {
	return v.docs.Seal(nil, nil, plain, []byte(aad)), nil
}

// Decrypt returns what Encrypt was given. CodeBadInput for anything that this
// key didn't encrypt under this aad.
func (v *Vault) Decrypt(doc []byte, aad string) ([]byte, error) {
	plain, err := v.docs.Open(nil, nil, doc, []byte(aad))
	if err != nil {
		return nil, alien(aad)
	}
	return plain, nil
}

func alien(what string) error {
	return &asr.Error{
		Code: asr.CodeBadInput, Message: what + " was written with another key, or changed since",
		Do: "restore the key that it was written with (the key file, or " + EnvKey + "); if the key is right, restore the data from a backup",
	}
}

// Sign returns the keyed hash (HMAC-SHA256, base64url) of a message.
func (v *Vault) Sign(message []byte) string {
	return base64.RawURLEncoding.EncodeToString(mac(v.sign, message))
}

// Verify reports whether a signature is this key's for the message.
func (v *Vault) Verify(message []byte, signature string) bool {
	return hmac.Equal([]byte(v.Sign(message)), []byte(signature))
}

func mac(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}
