package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"example.com/asr/deployed"
	"github.com/google/go-cmp/cmp"
)

func TestWhatIsCommittedIsWhatTheCodeMakes(t *testing.T) {
	templates, page, err := Synthesize()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range templates {
		same(t, filepath.Join("../templates", f.Name), f.Text)
		packed, err := deployed.Template(f.Name)
		if err != nil {
			t.Error(err)
		}
		if !bytes.Equal(packed, f.Text) {
			t.Errorf("deployed/packed/%s.gz holds another template: make templates", f.Name)
		}
	}
	same(t, filepath.Join("../docs/deploy", page.Name), page.Text)
}

func same(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("%s isn't what make templates writes:\n%s", path, diff)
	}
}

func TestWritingLeavesTheSameFiles(t *testing.T) {
	dir := t.TempDir()
	var out, errs bytes.Buffer
	if code := run([]string{"-out", dir, "-packed", dir, "-docs", dir}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	for _, name := range deployed.Names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		same(t, filepath.Join("../templates", name), text)
		if _, err := os.Stat(filepath.Join(dir, name+".gz")); err == nil {
			t.Errorf("%s.gz is written although its text is the same", name)
		}
	}
	if code := run([]string{"-nonsense"}, &out, &errs); code != 2 {
		t.Errorf("exit code %d for a flag that isn't there", code)
	}
}
