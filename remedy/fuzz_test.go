package remedy

import "testing"

// Policies are texts that anybody may have written whom AWS let.
func FuzzParseDocument(f *testing.F) {
	for _, seed := range []string{
		`{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":"*","Action":["s3:*"],"Resource":"*","Condition":{"NumericLessThan":{"s3:x":1.0}}}]}`,
		`{"Statement":{"Sid":1}}`, `{"Statement":"x"}`, `{"Statement":[null,1,"x",[[]]]}`, `{}`, `null`, `[]`, ` `, "\xff", `{"Statement":[{"Sid":"x"},{"Sid":"x"}]}`, `{}{}`, `{"a":1e999,"b":12345678901234567890}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDocument(text)
		if err != nil || d == nil {
			return
		}
		again, err := ParseDocument(d.Text())
		if err != nil || again.Text() != d.Text() {
			t.Fatalf("%q became %s, and that %s: %v", text, d.Text(), again.Text(), err)
		}
		n := len(d.Statements())
		if with, err := d.With(map[string]any{"Sid": "x", "Effect": "Deny"}, 20480); err == nil && (len(with.Statements()) != n+1 || len(d.Statements()) != n) {
			t.Fatalf("%s, with a statement more: %s", d.Text(), with.Text())
		}
	})
}
