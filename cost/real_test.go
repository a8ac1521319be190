package cost

import (
	"os"
	"testing"
)

// realTemplates are those that are committed.
func realTemplates(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, name := range []string{"asr-hub.yaml", "asr-member.yaml", "asr-runbooks.yaml"} {
		text, err := os.ReadFile("../templates/" + name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = text
	}
	return all
}
