package asr_test

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/asr"
	"pgregory.net/rapid"
)

func TestAnOutlineShowsWhatAnInputIsAndNothingThatItQuotes(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{
		`{"Id":"f-1","Resources":[{"Details":{"Env":{"A":"hunter2"},"N":1}}]}`: `{"Id":"f-1","Resources":[{"Details":{"Env":{"A":"…"},"N":1}}]}`,
		`{"UserData" : "a\"b", "Region": "eu-west-1"}`:                         `{"UserData" : "…", "Region": "eu-west-1"}`,
		`{"Id":"f-1","Value":"hunter`:                                          `{"Id":"f-1","Value":"…"`,
		`["hunter2"]`:                                                          `["…"]`,
		"aws_secret_access_key = hunter2":                                      "(31 bytes that are no JSON object)",
		"":                                                                     "(0 bytes that are no JSON object)",
	} {
		if got := asr.Outline([]byte(input)); got != want {
			t.Errorf("%s\n\tis shown as %s\n\twant        %s", input, got, want)
		}
	}
}

func TestNoOutlineHoldsASecret(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const secret = "hunter2hunter2"
		doc, _ := json.Marshal(map[string]any{
			rapid.StringMatching(`[a-z"\\]{8,12}`).Draw(t, "name"): secret + rapid.String().Draw(t, "rest"), "Id": rapid.String().Draw(t, "id"), "list": []any{secret, map[string]any{"x": secret}},
		})
		cut := doc[:rapid.IntRange(0, len(doc)).Draw(t, "cut")]
		if got := asr.Outline(cut); strings.Contains(got, "hunter2h") {
			t.Fatalf("%s is shown as %s", cut, got)
		}
	})
}
