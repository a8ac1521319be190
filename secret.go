package asr

import (
	"encoding/json"
)

// Secret is a leaf of a state that people must not read: it is sealed before a
// state is stored, compared, shown or logged. In JSON it is an object of one
// member, so that it is known wherever it stands.
type Secret string

const secretKey = "$secret"

func (s Secret) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{secretKey: string(s)})
}

func (s *Secret) UnmarshalJSON(b []byte) error {
	var m map[string]string
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	*s = Secret(m[secretKey])
	return nil
}

// Vault seals secrets. Sealing is deterministic (a synthetic nonce): equal
// secrets have equal seals, so sealed states can be compared and merged.
type Vault interface {
	Seal(plain string) (sealed string, err error)
	Open(sealed string) (plain string, err error)
}

// KeyRing is a Vault whose key can be changed for another: the primary key
// seals, and those before it still open what they sealed. Equal secrets have
// equal seals of one key only, so a run is carried out with the key that its
// plan was sealed with, until Engine.Rekey seals it anew.
type KeyRing interface {
	Vault
	// Current reports whether the primary key made the seal.
	Current(sealed string) bool
	// Like is a vault that seals with the key that made this seal.
	Like(sealed string) Vault
}

func isSecret(v any) bool {
	m, ok := v.(map[string]any)
	_, secret := m[secretKey].(string)
	return ok && len(m) == 1 && secret
}

// seal and unseal map every secret in a document.
func seal(v Vault, doc json.RawMessage) (json.RawMessage, error)   { return mapSecrets(doc, v.Seal) }
func unseal(v Vault, doc json.RawMessage) (json.RawMessage, error) { return mapSecrets(doc, v.Open) }

func mapSecrets(doc json.RawMessage, f func(string) (string, error)) (json.RawMessage, error) {
	tree, err := decode(doc)
	if err != nil || tree == nil {
		return doc, err
	}
	if tree, err = walkSecrets(tree, f); err != nil {
		return nil, err
	}
	return encode(tree), nil
}

// veil shows of each secret only the start of its seal, which tells equal from other.
func veil(tree any) any {
	veiled, _ := walkSecrets(tree, func(s string) (string, error) { return s[:min(len(s), 12)] + "…", nil })
	return veiled
}

func walkSecrets(tree any, f func(string) (string, error)) (any, error) {
	var err error
	switch t := tree.(type) {
	case map[string]any:
		if isSecret(t) {
			s, err := f(t[secretKey].(string))
			return map[string]any{secretKey: s}, err
		}
		out := make(map[string]any, len(t))
		for k, v := range t {
			if out[k], err = walkSecrets(v, f); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(t))
		for i, v := range t {
			if out[i], err = walkSecrets(v, f); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return tree, nil
}
