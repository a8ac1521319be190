package policy_test

import (
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/policy"
	"github.com/google/go-cmp/cmp"
)

func TestAWindowOpensWhenItSays(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	const layout = "2006-01-02 15:04"
	for _, test := range []struct{ name, window, at, opens string }{
		{"by day", `{hours: "09:00-17:00"}`, "2026-03-04 08:59", "2026-03-04 09:00"},
		{"within it", `{hours: "09:00-17:00"}`, "2026-03-04 09:00", ""},
		{"at its end", `{hours: "09:00-17:00"}`, "2026-03-04 17:00", "2026-03-05 09:00"},
		{"to the end of the day", `{hours: "20:00-24:00"}`, "2026-03-04 23:59", ""},
		{"over midnight, the day before", `{days: [wed], hours: "22:00-06:00"}`, "2026-03-05 05:59", ""},
		{"over midnight, ended", `{days: [wed], hours: "22:00-06:00"}`, "2026-03-05 06:00", "2026-03-11 22:00"},
		{"the second of two", `{hours: ["20:00-21:00", "06:00-07:00"]}`, "2026-03-04 07:00", "2026-03-04 20:00"},
		{"all day on some days", `{days: [sat, sun]}`, "2026-03-04 12:00", "2026-03-07 00:00"},
		{"a freeze", `{freeze: [2026-03-04..2026-03-06]}`, "2026-03-04 12:00", "2026-03-07 00:00"},
		{"a freeze of one day ends in the middle of a night", `{hours: "22:00-06:00", freeze: 2026-03-04}`, "2026-03-04 23:00", "2026-03-05 00:00"},
		{"an hour that the day loses", `{hours: "02:30-04:00"}`, "2026-03-29 01:00", "2026-03-29 03:30"},
	} {
		window := strings.Replace(test.window, "{", "{zone: Europe/Berlin, ", 1)
		p := rules(t, "version: 1\nwindows: {w: "+window+"}\nrules: [{name: a, mode: auto, window: w}]\n")
		at, err := time.ParseInLocation(layout, test.at, berlin)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if d, _ := p.Decide(asr.Facts{At: at}); !d.NotBefore.IsZero() {
			got = d.NotBefore.In(berlin).Format(layout)
		}
		if got != test.opens {
			t.Errorf("%s: got %q, want %q", test.name, got, test.opens)
		}
	}
}

func TestARuleSaysWhoMustApprove(t *testing.T) {
	t.Parallel()
	p := rules(t, `
version: 1
groups:
  security: ["arn:aws:iam::*:user/sec-*", "arn:aws:iam::*:user/ciso"]
rules:
  - {name: tagged, mode: ask, match: {tags: {env: prod}}, four_eyes: true}
  - {name: all, mode: ask, approvers: [security, "arn:aws:iam::111111111111:user/ada"], need: 2}
`)
	all := asr.Consent{Rule: "all", By: []string{"arn:aws:iam::*:user/sec-*", "arn:aws:iam::*:user/ciso", "arn:aws:iam::111111111111:user/ada"}, Need: 2}
	d, _ := p.Decide(asr.Facts{Tags: map[string]string{}})
	if diff := cmp.Diff([]asr.Consent{all}, d.Consents); diff != "" {
		t.Error(diff)
	}
	d, _ = p.Decide(asr.Facts{}) // either may decide: both must be content
	if diff := cmp.Diff([]asr.Consent{{Rule: "tagged", FourEyes: true}, all}, d.Consents); diff != "" || d.Reason != asr.ReasonFactsMissing {
		t.Error(diff)
	}
}

func TestAMistakeInWindowsOrApproversIsTold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"windows: {w: {hours: 9-17}}":                    `p.yaml:2:22: windows.w.hours: "9-17" are no hours`,
		"windows: {w: {hours: \"09:00-09:00\"}}":         "is no time at all",
		"windows: {w: {days: [monday]}}":                 `"monday" is none of its values`,
		"windows: {w: {zone: Mars/Base}}":                `"Mars/Base" is no time zone`,
		"windows: {w: {freeze: 2026-02-30}}":             `"2026-02-30" are no dates`,
		"windows: {w: {freeze: 2026-03-02..2026-03-01}}": "are no dates",
		"windows: {w: {freeze: 1970-01-01..2099-01-01}}": "it never opens",
		"groups: {g: [ada]}":                             `groups.g: "ada" is no principal's ARN`,
		"rules: [{name: a, mode: ask, window: w}]":       `rules[0].window: there is no window "w"`,
		"rules: [{name: a, mode: ask, approvers: [g]}]":  `rules[0].approvers: there is no group "g"`,
		"rules: [{name: a, mode: ask, need: 0}]":         `rules[0].need: "0" is no number of approvals`,
		"rules: [{name: a, mode: ask, four_eyes: 2}]":    "rules[0].four_eyes: true or false",
	} {
		_, err := policy.Parse("p.yaml", strings.NewReader("version: 1\n"+text+"\n"))
		if want = strings.ReplaceAll(want, "is no time at all", "is no time at all"); err == nil || !strings.Contains(err.Error(), want) || asr.Advice(err) == "" {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestLintFindsARuleThatNobodyCanContent(t *testing.T) {
	t.Parallel()
	p := rules(t, "version: 1\nrules:\n  - {name: a, mode: ask, approvers: [\"arn:aws:iam::111111111111:user/ada\"], need: 2}\n  - {name: b, mode: ask, approvers: [\"arn:aws:iam::*:user/*\"], need: 2}\n")
	var got []string
	for _, problem := range policy.Lint(p, policy.LintContext{}) {
		if strings.Contains(problem.Message, "approve") {
			got = append(got, problem.Rule)
		}
	}
	if diff := cmp.Diff([]string{"a"}, got); diff != "" {
		t.Error(diff)
	}
}
