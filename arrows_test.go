package asr_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// may says which of our packages each folder may import besides the domain.
// Arrows point towards asr; adapters don't know each other; only cmd and tests
// know two of them. A folder that isn't listed may import the domain only.
var may = map[string][]string{
	".":           {},
	"remedy":      {},
	"catalog":     {"remedy", "catalog"},
	"playbook":    {"yamlfile"},
	"policy":      {"yamlfile"},
	"policyfiles": {"policy", "yamlfile"},
	"accounts":    {"remedy", "yamlfile"},
	"sessions":    {"remedy"},
	"configrules": {"remedy"},
	"trail":       {"remedy"},
	"sandbox":     {"sandbox", "sessions"},
	"remedytest":  {"remedy", "memory", "sandbox", "sessions"},
	"audit":       {},
	"render":      {"playbook", "sessions"},
	"deployed":    {"configrules", "render", "ssmdoc", "trail"},
	"gen":         {"catalog", "cost", "deployed", "playbook", "policy", "render", "simulation", "workflow"},
	"securityhub": {},
	"ssmdoc":      {"playbook", "remedy"},
	"workflow":    {},
	"server":      {},
	"lambda":      {"audit", "workflow"},
	"deploy":      {"*"},
	"functions":   {"*"},
	"simulation":  {"enginetest", "memory"},
	"rehearsal":   {"*"},
	"notify":      {"remedy"},
	"bench":       {"*"},
	"cmd":         {"*"},
}

func TestArrowsPointTowardsTheDomain(t *testing.T) {
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && file != "." {
			return skip(err)
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		folder, _, _ := strings.Cut(filepath.ToSlash(path.Dir(file)), "/")
		src, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range src.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			check(t, file, folder, imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func skip(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}

func check(t *testing.T, file, folder, imported string) {
	t.Helper()
	first, _, _ := strings.Cut(imported, "/")
	ours, isOurs := strings.CutPrefix(imported, "example.com/asr/")
	switch {
	case folder == "." && strings.Contains(first, "."):
		t.Errorf("%s: the domain imports %s: it may use the standard library only", file, imported)
	case isOurs:
		ours, _, _ = strings.Cut(ours, "/")
		if ours != folder && !slices.Contains(may[folder], ours) && !slices.Contains(may[folder], "*") {
			t.Errorf("%s: %s may not import %s", file, folder, ours)
		}
	case slices.Contains([]string{"text/template", "html/template"}, imported) && folder != "gen":
		t.Errorf("%s imports %s: it makes the linker keep every method of every AWS client", file, imported)
	}
}
