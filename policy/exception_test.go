package policy_test

import (
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/policy"
)

const excepting = `
version: 1
console_action: run
exceptions:
  - name: website
    reason: Public until the relaunch
    owner: web@example.com
    evidence: https://example.com/EX-12
    expires: 2026-03-31
    match: {controls: [S3.2], resources: ["arn:aws:s3:::www"]}
rules:
  - {name: all, mode: auto}
`

func TestAnExceptionHoldsUntilTheEndOfItsDay(t *testing.T) {
	t.Parallel()
	p := rules(t, excepting)
	last := time.Date(2026, 3, 31, 23, 59, 59, 0, time.UTC)
	for _, test := range []struct {
		name   string
		facts  asr.Facts
		mode   asr.Mode
		reason asr.Reason
		rule   string
	}{
		{"on its last day", asr.Facts{Control: "S3.2", Resource: "arn:aws:s3:::www", At: last}, asr.ModeOff, asr.ReasonException, "website"},
		{"after it", asr.Facts{Control: "S3.2", Resource: "arn:aws:s3:::www", At: last.Add(time.Second)}, asr.ModeAuto, asr.ReasonRule, "all"},
		{"beside it", asr.Facts{Control: "S3.3", Resource: "arn:aws:s3:::www", At: last}, asr.ModeAuto, asr.ReasonRule, "all"},
		{"while nobody knows the time", asr.Facts{Control: "S3.2", Resource: "arn:aws:s3:::www"}, asr.ModeOff, asr.ReasonException, "website"},
		{"while nobody knows the resource", asr.Facts{Control: "S3.2", At: last}, asr.ModeOff, asr.ReasonFactsMissing, "website"},
		{"from the console", asr.Facts{Control: "S3.2", Resource: "arn:aws:s3:::www", At: last, Console: true}, asr.ModeOff, asr.ReasonException, "website"},
	} {
		if d, _ := p.Decide(test.facts); d.Mode != test.mode || d.Reason != test.reason || d.Rule != test.rule {
			t.Errorf("%s: got %+v", test.name, d)
		}
	}
	d, _ := p.Decide(asr.Facts{Control: "S3.2", Resource: "arn:aws:s3:::www", At: last})
	if want := "the exception website (p.yaml:5:5) of web@example.com holds until 2026-03-31: Public until the relaunch"; d.Why != want {
		t.Errorf("got %q", d.Why)
	}
}

func TestExplainSaysWhichRulesComeTooLate(t *testing.T) {
	t.Parallel()
	p := rules(t, excepting+"  - {name: more, mode: ask}\n  - {name: other, mode: ask, match: {controls: [IAM.1]}}\n")
	got := p.Explain(asr.Facts{Control: "S3.2", Resource: "arn:aws:s3:::x", At: noon.AddDate(0, 2, 0)}).String()
	want := `no       website (p.yaml:5:5): it expired on 2026-03-31
yes      all (p.yaml:12:5): it has no conditions
late     more (p.yaml:13:5): it has no conditions
no       other (p.yaml:14:5): controls: "S3.2" is not IAM.1
auto, rule: the rule all (p.yaml:12:5) says auto
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLintTellsOfExceptionsThatEnd(t *testing.T) {
	t.Parallel()
	p := rules(t, excepting)
	for at, want := range map[time.Time]string{
		noon.AddDate(0, -2, 0): "",
		noon:                   "it expires on 2026-03-31",
		noon.AddDate(0, 1, 0):  "it expired on 2026-03-31 and holds nothing back any more",
	} {
		got := ""
		for _, problem := range policy.Lint(p, policy.LintContext{Now: at}) {
			if problem.Rule == "website" {
				got += problem.Message
			}
		}
		if got != want {
			t.Errorf("at %s: got %q, want %q", at, got, want)
		}
	}
}

func TestAnExceptionMustBeAccountedFor(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"    reason: Public until the relaunch\n":           "exceptions[0].reason: missing",
		"    owner: web@example.com\n":                      "exceptions[0].owner: missing",
		"    expires: 2026-03-31\n":                         "exceptions[0].expires: missing",
		"2026-03-31":                                        `exceptions[0].expires: "soon" is no date`,
		"name: website":                                     `rules[0].name: "all" is the name of the rule at p.yaml:5:5 too`,
		`controls: [S3.2], resources: ["arn:aws:s3:::www"]`: "exceptions[0].match: it excepts everything",
	} {
		to := map[string]string{"2026-03-31": "soon", "name: website": "name: all"}[from]
		_, err := policy.Parse("p.yaml", strings.NewReader(strings.Replace(excepting, from, to, 1)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %q: got %v, want %s", from, err, want)
		}
	}
}
