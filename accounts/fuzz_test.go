package accounts

import (
	"strings"
	"testing"

	"example.com/asr"
)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"accounts:\n  \"111111111111\": {ous: [ou-x, Prod], tags: {env: prod}}\n", "accounts: {111111111111: {}}\n", "accounts:\n  x: {ous: x}\n",
		"a: &a [*a]\n", "accounts: &a {\"111111111111\": *a}\n", "", "- 1\n", "accounts: {\"1\\n1\": {tags: {\"\\e[2J\": \"\\u202e\"}}}\n", "accounts:\n  ? [a]\n  : b\n",
		"accounts:\n  \"111111111111\": &x {ous: [a]}\n  \"222222222222\": *x\n", "---\n---\n", "\xff", strings.Repeat("[", 20000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse("a.yaml", strings.NewReader(text))
		if err != nil {
			if asr.Classify(err) != asr.CodeBadInput || asr.Advice(err) == "" || !strings.HasPrefix(err.Error(), "a.yaml:") {
				t.Fatalf("error %q (%s)", err, asr.Advice(err))
			}
			return
		}
		for id := range got.accounts {
			if a, err := got.Account(t.Context(), id); err != nil || len(id) != 12 {
				t.Fatalf("account %q: %+v, %v", id, a, err)
			}
		}
	})
}
