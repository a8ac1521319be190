package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"example.com/asr"
)

// EnvKey is the environment variable that holds the master key in standard
// base64, for places without a disk of their own. It goes before the key file.
// Several keys have a comma between them, the newest last.
const EnvKey = "ASR_KEY"

// Source is where the keys come from, and where new ones go.
type Source interface {
	Load() (text string, err error)
	// Store puts the keys in the place of those that were loaded.
	Store(text string) error
}

// Open returns the vault of the keys in EnvKey, else of those in the key file.
// The first time it makes the file: mode 0600, one line of base64. The error is
// an *asr.Error with CodeBadInput if there is a key that can't be used.
func Open(path string, env func(string) string) (*Vault, error) {
	if text := env(EnvKey); text != "" {
		keys, err := parse(text, Base64)
		if err != nil {
			return nil, &asr.Error{Code: asr.CodeBadInput, Message: EnvKey, Err: err, Do: "set " + EnvKey + " to the base64 of 32 bytes; `openssl rand -base64 32` makes a new key"}
		}
		return with(keys, nil, nil), nil
	}
	source := keyFile{path}
	text, err := source.Load()
	if errors.Is(err, fs.ErrNotExist) {
		if err = source.create(); err == nil {
			text, err = source.Load()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	keys, err := parse(text, Base64)
	if err != nil {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: "key file " + path, Err: err, Do: "restore the file from a backup; without it asr's data can't be read"}
	}
	return with(keys, source, nil), nil
}

// Reload reads the keys anew: another process may have added one.
func (v *Vault) Reload() error {
	if v.source == nil {
		return nil
	}
	text, err := v.source.Load()
	if err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	keys, err := parse(text, Base64)
	if err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	v.keys.Store(&keys)
	return nil
}

// Use takes another vault's keys over: those of the same source, read later.
func (v *Vault) Use(later *Vault) { v.keys.Store(later.keys.Load()) }

// Rotate adds a new key, which is the primary at once, and returns its id. One
// at a time: callers see to that.
func (v *Vault) Rotate() (id string, err error) {
	err = v.rewrite(func(text string, now time.Time) (added string, err error) {
		added, id, err = Add(text, Base64, now, now)
		return added, err
	})
	return id, err
}

// Retire destroys a key but for what proves its signatures. Callers have seen
// to it that nothing needs it any more.
func (v *Vault) Retire(id string) error {
	return v.rewrite(func(text string, now time.Time) (string, error) { return Retire(text, Base64, id, now) })
}

func (v *Vault) rewrite(change func(text string, now time.Time) (string, error)) error {
	if v.source == nil {
		return &asr.Error{
			Code: asr.CodeNotAllowed, Message: "the key comes from " + EnvKey + ", which asr can't change",
			Do: "set " + EnvKey + " to the former keys and a new one, with commas between them, and run asr keys rewrap; or put the keys into the key file, a line each",
		}
	}
	text, err := v.source.Load()
	if err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	if text, err = change(text, v.clock()); err != nil {
		return err
	}
	if err := v.source.Store(text); err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	return v.Reload()
}

// keyFile is the keys in a file of its owner's.
type keyFile struct{ path string }

// Load implements Source: the file's text, unless others than its owner may read it.
func (f keyFile) Load() (string, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return "", err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 { // Windows has no such mode
		return "", &asr.Error{
			Code: asr.CodeBadInput, Message: fmt.Sprintf("%s can be used by others than its owner (mode %04o)", f.path, info.Mode().Perm()),
			Do: "chmod 600 " + f.path,
		}
	}
	text, err := os.ReadFile(f.path)
	return string(text), err
}

// Store implements Source: whole or not at all, and on the disk when it returns.
func (f keyFile) Store(text string) error {
	name, err := f.write(text)
	if err != nil {
		return err
	}
	defer os.Remove(name)
	if err := os.Rename(name, f.path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(f.path))
	if err != nil || runtime.GOOS == "windows" { // which can't sync folders
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// create makes the file whole or not at all. One that somebody else made
// meanwhile stays.
func (f keyFile) create() error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	name, err := f.write(Base64.random() + "\n")
	if err != nil {
		return err
	}
	defer os.Remove(name)
	if err := os.Link(name, f.path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// write writes a new file beside it, and returns its name.
func (f keyFile) write(text string) (name string, err error) {
	tmp, err := os.CreateTemp(filepath.Dir(f.path), ".key-*") // mode 0600, exclusive
	if err != nil {
		return "", err
	}
	_, err = tmp.WriteString(text)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		_ = os.Remove(tmp.Name()) // it is of no use
		return "", err
	}
	return tmp.Name(), nil
}
