package vault

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/asr"
)

// Kind is how a key is written as text.
type Kind int

const (
	Base64     Kind = iota // KeySize bytes in standard base64: the key file, EnvKey
	Passphrase             // 32 random characters or more, whose SHA-256 is the key: the secret of a deployed asr
)

// retiredWord begins the line of a key that was retired: what is left of it is
// its id and what it signed with.
const retiredWord = "retired"

// Parse returns the vault of some keys as text: a line each (or a comma between
// them), the oldest first. Behind a key may stand when it becomes the primary,
// in RFC 3339.
func Parse(text string, kind Kind, clock asr.Clock) (*Vault, error) {
	keys, err := parse(text, kind)
	if err != nil {
		return nil, err
	}
	return with(keys, nil, clock), nil
}

func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' })
}

func parse(text string, kind Kind) (keys ring, err error) {
	opens := false
	for _, line := range lines(text) {
		k, err := parseLine(strings.Fields(line), kind)
		if err != nil {
			return nil, err
		}
		if k == nil {
			continue
		}
		if slices.ContainsFunc(keys, func(o *key) bool { return o.id == k.id }) {
			return nil, errors.New("the same key stands there twice")
		}
		if keys, opens = append(keys, k), opens || !k.retired(); len(keys) > 1 && k.since.IsZero() {
			k.since = keys[len(keys)-2].since // a person wrote it there: it is in use at once
		}
	}
	if !opens {
		return nil, errors.New("the key is missing")
	}
	return keys, nil
}

func parseLine(fields []string, kind Kind) (k *key, err error) {
	switch {
	case len(fields) == 0:
		return nil, nil
	case fields[0] == retiredWord && len(fields) == 3:
		id, err := hex.DecodeString(fields[1])
		sign, err2 := base64.StdEncoding.Strict().DecodeString(fields[2])
		if err = errors.Join(err, err2); err != nil || len(id) != idSize {
			return nil, errors.New("the line of a retired key was changed")
		}
		return &key{id: [idSize]byte(id), sign: sign}, nil
	case len(fields) > 2:
		return nil, errors.New("a line holds more than a key and its time")
	}
	master, err := kind.master(fields[0])
	if err != nil {
		return nil, err
	}
	if k, err = derive(master); err != nil || len(fields) == 1 {
		return k, err
	}
	if k.since, err = time.Parse(time.RFC3339, fields[1]); err != nil {
		return nil, errors.New("what stands behind the key is no time")
	}
	return k, nil
}

func (kind Kind) master(text string) ([]byte, error) {
	if kind == Passphrase {
		if len(text) < 32 {
			return nil, errors.New("it holds less than 32 characters")
		}
		sum := sha256.Sum256([]byte(text))
		return sum[:], nil
	}
	master, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("the key is not base64")
	}
	return master, nil
}

// random is a new key as text.
func (kind Kind) random() string {
	master := make([]byte, KeySize)
	_, _ = rand.Read(master) // never fails
	if kind == Passphrase {
		return hex.EncodeToString(master)
	}
	return base64.StdEncoding.EncodeToString(master)
}

// Add returns the keys' text with a new key, which becomes the primary at a
// time, and its id. CodeConflict while the last one that was added still waits
// for its time.
func Add(text string, kind Kind, now, since time.Time) (added, id string, err error) {
	keys, err := parse(text, kind)
	if err != nil {
		return "", "", err
	}
	if last := keys[len(keys)-1]; last.since.After(now) {
		return "", "", &asr.Error{Code: asr.CodeConflict, Message: "key " + last.ID() + " becomes the primary only at " + last.since.Format(time.RFC3339), Do: "wait until it is"}
	}
	line := kind.random() + " " + since.UTC().Format(time.RFC3339)
	k, err := parseLine(strings.Fields(line), kind)
	if err != nil {
		return "", "", err
	}
	return strings.Join(append(lines(text), line), "\n") + "\n", k.ID(), nil
}

// Quiet is how long after a rotation the former key can't be retired: whoever
// read it before may still write with it.
const Quiet = time.Hour

// Retire returns the keys' text without what a key opens things with. What it
// signed can still be verified. CodeNotFound, and CodeNotAllowed for the primary
// or for one that was in use until just now.
func Retire(text string, kind Kind, id string, now time.Time) (string, error) {
	keys, err := parse(text, kind)
	if err != nil {
		return "", err
	}
	k, primary := keys.find(id), keys.primary(now)
	switch {
	case k == nil:
		return "", &asr.Error{Code: asr.CodeNotFound, Message: "there is no key " + id + " that isn't retired", Do: "asr keys list"}
	case k == primary || k.since.After(now):
		return "", &asr.Error{Code: asr.CodeNotAllowed, Message: "key " + id + " is the primary, or becomes it", Do: "asr keys rotate first"}
	case now.Before(primary.since.Add(Quiet)):
		return "", &asr.Error{Code: asr.CodeNotAllowed, Message: "key " + id + " was the primary until " + primary.since.Format(time.RFC3339), Do: "retire it from " + primary.since.Add(Quiet).Format(time.RFC3339) + " on"}
	}
	kept := lines(text)
	for i, line := range kept {
		if o, err := parseLine(strings.Fields(line), kind); err == nil && o != nil && o.id == k.id {
			kept[i] = fmt.Sprintf("%s %s %s", retiredWord, k.ID(), base64.StdEncoding.EncodeToString(k.sign))
		}
	}
	return strings.Join(kept, "\n") + "\n", nil
}

// The states of a key, as NIST SP 800-57 has them, but for the primary.
const (
	KeyPending     = "pending"     // it becomes the primary later
	KeyPrimary     = "primary"     // it writes
	KeyDeactivated = "deactivated" // it opens what it wrote
	KeyRetired     = "retired"     // destroyed, but for what proves its signatures
)

// Key is what may be told of one.
type Key struct {
	ID    string    `json:"id"`
	State string    `json:"state"`
	Since time.Time `json:"since,omitzero"` // it is, or becomes, the primary
}

// Keys lists the keys, the oldest first.
func (v *Vault) Keys() (all []Key) {
	now, primary := v.clock(), v.primary()
	for _, k := range v.ring() {
		state := KeyDeactivated
		switch {
		case k.retired():
			state = KeyRetired
		case k == primary:
			state = KeyPrimary
		case k.since.After(now):
			state = KeyPending
		}
		all = append(all, Key{k.ID(), state, k.since})
	}
	return all
}

// Newer reports whether a key came after another in the ring.
func (v *Vault) Newer(id, than string) bool {
	at := func(id string) int {
		return slices.IndexFunc(v.ring(), func(k *key) bool { return k.ID() == id })
	}
	return at(than) >= 0 && at(id) > at(than)
}
