package main

import (
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestANewUnitIsListedAndNeverWrittenOver(t *testing.T) {
	root := t.TempDir()
	if err := scaffold(root, "logs", "keep-long"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keep_long.go", "keep_long_test.go"} {
		src, err := os.ReadFile(filepath.Join(root, "catalog", "logs", name))
		if err != nil {
			t.Fatal(err)
		}
		if tidy, err := format.Source(src); err != nil || string(tidy) != string(src) {
			t.Errorf("%s is not formatted: %v", name, err)
		}
		if strings.Contains(string(src), "@") {
			t.Errorf("%s has a hole left:\n%s", name, src)
		}
	}
	units, err := find(filepath.Join(root, "catalog"))
	if diff := cmp.Diff([]unit{{"logs", "KeepLong"}}, units, cmp.AllowUnexported(unit{})); err != nil || diff != "" {
		t.Errorf("units %v\n%s", err, diff)
	}
	if err := scaffold(root, "logs", "keep-long"); err == nil {
		t.Error("a unit was written over")
	}
}

func TestNamesAreKebabCase(t *testing.T) {
	for _, name := range []string{"KeepLong", "keep_long", "-x", "x-", "", "../x"} {
		if err := scaffold(t.TempDir(), "logs", name); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

// The list in the tree is the list that would be written.
func TestTheListIsUpToDate(t *testing.T) {
	units, err := find(filepath.Join("..", "catalog"))
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(filepath.Join("..", "catalog", "units_gen.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		if !strings.Contains(string(src), "remedy.Bind("+u.service+"."+u.name+", dial)") {
			t.Errorf("%s.%s is missing: make generate", u.service, u.name)
		}
	}
}
