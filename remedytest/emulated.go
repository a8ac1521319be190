package remedytest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// emulatedFiles is where a package lists, for each of its units, the operations
// that the sandbox itself had a hand in rather than stock moto while the unit
// was tested. ASR_GOLDEN=write writes them.
const emulatedFiles = "testdata/emulated"

// emulated checks that what the sandbox answered itself is said so.
func emulated(t T, acct *Account, id string) {
	t.Helper()
	var seen []string
	for _, call := range acct.Sandbox.Calls() {
		if call.Account == acct.ID && call.Overlay {
			seen = append(seen, call.Service+":"+call.Operation)
		}
	}
	slices.Sort(seen)
	seen = slices.Compact(seen)
	file := filepath.Join(emulatedFiles, id+".txt")
	text, _ := os.ReadFile(file) // none: nothing is self-emulated
	listed := strings.Fields(string(text))
	missing := slices.DeleteFunc(slices.Clone(seen), func(op string) bool { return slices.Contains(listed, op) })
	if len(missing) == 0 {
		return
	}
	if os.Getenv("ASR_GOLDEN") != "write" {
		t.Errorf("%s: the sandbox itself answers %s: run the test once with ASR_GOLDEN=write, and commit %s", id, strings.Join(missing, ", "), file)
		return
	}
	all := slices.Concat(listed, missing)
	slices.Sort(all)
	err := os.MkdirAll(emulatedFiles, 0o755)
	if err == nil {
		err = os.WriteFile(file, []byte(strings.Join(all, "\n")+"\n"), 0o644)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
