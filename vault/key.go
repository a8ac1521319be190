package vault

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"example.com/asr"
)

// EnvKey is the environment variable that holds the master key in standard
// base64, for places without a disk of their own. It goes before the key file.
const EnvKey = "ASR_KEY"

// Open returns the vault of the key in EnvKey, else of that in the key file.
// The first time it makes the file: mode 0600, one line of base64. The error
// is an *asr.Error with CodeBadInput if there is a key that can't be used.
func Open(path string, env func(string) string) (*Vault, error) {
	if text := env(EnvKey); text != "" {
		v, err := parse(text)
		if err != nil {
			return nil, &asr.Error{Code: asr.CodeBadInput, Message: EnvKey, Err: err, Do: "set " + EnvKey + " to the base64 of 32 bytes; `openssl rand -base64 32` makes a new key"}
		}
		return v, nil
	}
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = create(path); err == nil {
			text, err = read(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	v, err := parse(text)
	if err != nil {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: "key file " + path, Err: err, Do: "restore the file from a backup; without it asr's data can't be read"}
	}
	return v, nil
}

func parse(text string) (*Vault, error) {
	master, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("the key is not base64")
	}
	return New(master)
}

// read returns a key file's text, unless others than its owner may read it.
func read(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 { // Windows has no such mode
		return "", &asr.Error{
			Code: asr.CodeBadInput, Message: fmt.Sprintf("%s can be used by others than its owner (mode %04o)", path, info.Mode().Perm()),
			Do: "chmod 600 " + path,
		}
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// create makes a key file whole or not at all. A file that somebody else made
// meanwhile stays.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600, exclusive
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(write(f), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func write(f *os.File) error {
	master := make([]byte, KeySize)
	_, _ = rand.Read(master) // never fails
	if _, err := f.WriteString(base64.StdEncoding.EncodeToString(master) + "\n"); err != nil {
		return err
	}
	return f.Sync()
}
