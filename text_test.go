package asr_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/memory"
)

func TestWhatOthersWroteIsOneInertLine(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"my-bucket":                                  "my-bucket",
		"a\r\nasr: all is well":                      "a  asr: all is well",
		"\x1b[2J\x1b]8;;http://x\x1b\\link":          `·[2J·]8;;http://x·\link`,
		"\u009b31mred\x7f":                           "·31mred·",
		"gnp\u202egpj.exe":                           "gnp·gpj.exe",
		"a\u200bb\ufeffc\u00ad\U000e0041":            "a·b·c··",
		"a\u2028b\u2029c\u0085d\u00a0e\tf":           "a b c d e f",
		"\xff\xfeüß — 日本 👍":                          "·üß — 日本 👍",
		"=HYPERLINK(\"http://x\")<script>x</script>": "=HYPERLINK(\"http://x\")<script>x</script>",
	} {
		if got := asr.Line(given); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("a\x1b[31m\u202e\n")
	f.Add("\xff\U000e0041…")
	f.Fuzz(func(t *testing.T, s string) {
		got := asr.Line(s)
		if strings.ContainsFunc(got, func(r rune) bool {
			return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
		}) || !utf8.ValidString(got) {
			t.Errorf("%q became %q", s, got)
		}
		if asr.Line(got) != got {
			t.Errorf("%q isn't left alone", got)
		}
	})
}

func FuzzInert(f *testing.F) {
	f.Add([]byte("{\"a\u202e\":\"\u009b31m\U000e0041\x7f\",\n\t\"b\":[1,null]}"))
	f.Add([]byte(`"\u202e\\u009b"`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if !json.Valid(doc) || !utf8.Valid(doc) {
			return
		}
		got := asr.Inert(doc)
		if bytes.ContainsFunc(got, func(r rune) bool {
			return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' || unicode.Is(unicode.Cf, r)
		}) {
			t.Errorf("%q became %q", doc, got)
		}
		var a, b any
		if json.Unmarshal(doc, &a) == nil && (json.Unmarshal(got, &b) != nil || !same(a, b)) {
			t.Errorf("%q says something else than %q", got, doc)
		}
	})
}

// same compares by what JSON writes.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// covers: A20
func TestWhatIsReportedOfARunIsInert(t *testing.T) {
	t.Parallel()
	const name = "x\x1b[2J\u009b1m\u202e\nasr: all is well"
	switches := enginetest.Switches{Read: func() error { return &asr.Error{Code: asr.CodeRefused, Message: name, Do: name} }}
	store := memory.New()
	e := asr.New(asr.Config{Store: store, Remediations: []asr.Remediation{switches.Remediation()}, Matcher: enginetest.Book{}, Vault: enginetest.Glass{}, Policy: enginetest.Always(asr.ModeAuto), Channels: []asr.Channel{asr.ChannelOutcome}})
	at := time.Now()
	in, err := e.Ingest(t.Context(), []asr.Observation{{
		ID: "f", Source: asr.SourceFile, At: at, Workflow: asr.Workflow{Status: asr.WorkflowNew},
		Provider: asr.Provider{Product: "arn:aws:x", Account: "111111111111", Region: "eu-west-1", Title: name, Compliance: asr.ComplianceFailed, Control: enginetest.Control, UpdatedAt: at, Resources: []asr.Resource{{ID: "arn:aws:test:eu-west-1:111111111111:s"}}},
	}})
	if err != nil || len(in.Runs) != 1 {
		t.Fatal(in, err)
	}
	if _, err := e.Step(t.Context(), in.Runs[0]); err != nil {
		t.Fatal(err)
	}
	told, err := store.Messages(t.Context(), "", at.Add(time.Hour), 0)
	if err != nil || len(told) != 2 {
		t.Fatal(told, err)
	}
	for _, m := range told {
		if r := m.Report; r.Note == "" || r.Note != asr.Line(r.Note) || r.Do != asr.Line(r.Do) {
			t.Errorf("%q tells %q, %q", r.Channel, r.Note, r.Do)
		}
	}
}
