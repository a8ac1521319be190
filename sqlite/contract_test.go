package sqlite

import (
	"path/filepath"
	"testing"

	"example.com/asr"
	"example.com/asr/storetest"
	"example.com/asr/vault"
)

func key(t testing.TB, first byte) *vault.Vault {
	t.Helper()
	v, err := vault.New(append([]byte{first}, make([]byte, vault.KeySize-1)...))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, _ := openTold(t, path)
	return s
}

// openTold is openAt that says whether the file was an older asr's.
func openTold(t testing.TB, path string) (s *Store, older bool) {
	t.Helper()
	s, err := Open(t.Context(), path, key(t, 1), func() { older = true })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, older
}

func open(t testing.TB) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "asr.db"))
}

// covers: W14
func TestTheStoreFulfilsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Test(t, func(t *testing.T) asr.Store { return open(t) })
}
