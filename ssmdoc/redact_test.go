package ssmdoc

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWhatLooksLikeASecretIsRemoved(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("aB3/", 12)
	for given, want := range map[string]string{
		"Access denied to bucket wide-open":                                       "Access denied to bucket wide-open",
		"user arn:aws:sts::222222222222:assumed-role/house/i-0 may not":           "user arn:aws:sts::222222222222:assumed-role/house/i-0 may not",
		"password=hunter2, user=ada":                                              "password=[removed], user=ada",
		`{"DbPassword": "hunter two", "user": "ada"}`:                             `{"DbPassword": [removed], "user": "ada"}`,
		"SECRET_TOKEN: abc;x":                                                     "SECRET_TOKEN: [removed];x",
		"Authorization: Bearer abcdefgh12345":                                     "Authorization: [removed] [removed]",
		"with Bearer abcdefgh12345":                                               "with Bearer [removed]",
		"key AKIAIOSFODNN7EXAMPLE of ada":                                         "key [removed] of ada",
		"key ASIAIOSFODNN7EXAMPLE":                                                "key [removed]",
		"secret " + long + " there":                                               "secret [removed] there",
		"https://ada:hunter2@host/path":                                           "https://[removed]host/path",
		"https://b.s3.amazonaws.com/k?X-Amz-Signature=abc123&x=1":                 "https://b.s3.amazonaws.com/k?X-Amz-Signature=[removed]&x=1",
		"a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc b":                            "a [removed] b",
		"-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- end": "[removed] end",
		"-----BEGIN PRIVATE KEY-----\nMIIcut":                                     "[removed]",
		"one\ntwo\x1b[31m\tthree":                                                 "one two [31m three",
		"":                                                                        "",
	} {
		if got := Redact(given); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
	if got := Redact(strings.Repeat("word ", 200)); len([]rune(got)) != kept || !strings.HasSuffix(got, "…") {
		t.Errorf("%d characters are kept", len([]rune(got)))
	}
}

func FuzzRedact(f *testing.F) {
	for _, seed := range []string{"", "password=x", "-----BEGIN PRIVATE KEY-----", "\xff\xfe", strings.Repeat("é", 700)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const secret = "AKIAIOSFODNN7EXAMPLE"
		for _, given := range []string{text, secret + " " + text} {
			got := Redact(given)
			if len([]rune(got)) > kept || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00") || strings.Contains(got, secret) && !strings.Contains(text, "AKIA") {
				t.Fatalf("%q became %q", given, got)
			}
		}
	})
}
