package vault

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/asr"
)

func noEnv(string) string { return "" }

func env(value string) func(string) string {
	return func(name string) string {
		if name == EnvKey {
			return value
		}
		return ""
	}
}

var someKey = base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))

func TestTheKeyFileIsMadeOnceAndForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "key")
	first, err := Open(path, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v; want %v", p, info.Mode().Perm(), err, want)
		}
	}
	second, err := Open(path, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if first.Sign(nil) != second.Sign(nil) {
		t.Error("the key is another the second time")
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

func TestAllWhoStartAtOnceHaveTheSameKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	var wg sync.WaitGroup
	signatures := make([]string, 16)
	for i := range signatures {
		wg.Go(func() {
			if v, err := Open(path, noEnv); err != nil {
				t.Error(err)
			} else {
				signatures[i] = v.Sign(nil)
			}
		})
	}
	wg.Wait()
	for _, s := range signatures {
		if s != signatures[0] {
			t.Fatalf("two keys: %v", signatures)
		}
	}
}

func TestTheEnvironmentGoesBeforeTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	v, err := Open(path, env(" "+someKey+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	want, _ := New([]byte("0123456789abcdef0123456789abcdef"))
	if v.Sign(nil) != want.Sign(nil) {
		t.Error("the key is not that of the environment")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a key file was made that nobody needs")
	}
}

func TestAKeyThatCannotBeUsedIsRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, file, env string
		mode            os.FileMode
		want            string
	}{
		{name: "others may read the file", file: someKey, mode: 0o640, want: "can be used by others"},
		{name: "others may write the file", file: someKey, mode: 0o602, want: "can be used by others"},
		{name: "the file is too short", file: base64.StdEncoding.EncodeToString([]byte("short")), mode: 0o600, want: "has 5 bytes instead of 32"},
		{name: "the file is empty", mode: 0o600, want: "the key is missing"},
		{name: "the file is no base64", file: strings.Repeat("?", 44), mode: 0o600, want: "not base64"},
		{name: "the environment's is too long", env: someKey[:43] + "A" + someKey, want: EnvKey},
		{name: "the environment's is no base64", env: "hunter2!", want: "not base64"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "key")
			if row.mode != 0 {
				if err := os.WriteFile(path, []byte(row.file), row.mode); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(path, row.mode); err != nil { // whatever the umask
					t.Fatal(err)
				}
			}
			_, err := Open(path, env(row.env))
			if err == nil || !strings.Contains(err.Error(), row.want) || asr.Advice(err) == "" || asr.Classify(err) != asr.CodeBadInput {
				t.Errorf("got %v (%s), want %q and advice", err, asr.Advice(err), row.want)
			}
			if row.env != "" && strings.Contains(err.Error(), row.env) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func TestAFolderThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "key"), noEnv); err == nil {
		t.Error("a key was made below a file")
	}
}
