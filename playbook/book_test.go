package playbook

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func load(t testing.TB, dirs ...string) *Book {
	t.Helper()
	b, err := Load(dirs...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// own returns a folder with one playbook file.
func own(t testing.TB, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestEveryPlaybookIsComplete(t *testing.T) {
	t.Parallel()
	got := map[string]int{}
	for _, e := range load(t).Entries() {
		got[e.Playbook]++
		if e.Control == "" || (e.Remediation == "") == (e.ByHand == "") {
			t.Errorf("%+v has no control, or not one of remediation and by hand", e)
		}
	}
	want := map[string]int{
		"SC": 112, "AFSBP v1.0.0": 74, "CIS v1.2.0": 36, "CIS v1.4.0": 34, "CIS v3.0.0": 22, "CIS v5.0.0": 40,
		"NIST 800-53 r5": 71, "PCI DSS v3.2.1": 27,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRetiredControlsSaySoInEveryStandard(t *testing.T) {
	t.Parallel()
	retired := map[string]bool{"S3.4": true, "SNS.2": true, "CloudFormation.1": true, "CodeBuild.5": true}
	for _, e := range load(t).Entries() {
		if e.Retired != retired[e.Control] {
			t.Errorf("%+v: want retired %v", e, retired[e.Control])
		}
	}
}

// covers: W23
func TestEveryControlOfEveryStandardResolvesInEveryPartition(t *testing.T) {
	t.Parallel()
	b := load(t)
	standards := map[string]Standard{}
	for _, s := range b.Standards() {
		standards[s.Playbook] = s
	}
	regions := []string{"eu-central-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "eusc-de-east-1"}
	for _, region := range regions {
		partition := asr.Partition(region)
		for _, e := range b.Entries() {
			want := e.Control + " " + e.Remediation + " " + e.Playbook
			findings := []asr.Finding{}
			s, numbered := standards[e.Playbook]
			if numbered {
				arn := s.ARN(partition, region)
				if !strings.HasPrefix(arn, "arn:"+partition+":securityhub:") {
					t.Fatalf("%s has the ARN %s", e.Playbook, arn)
				}
				control := "arn:" + partition + ":securityhub:" + region + ":111111111111:control/" + s.Name + "/v/" + s.Version + "/" + e.StandardControl
				m, err := b.Control(control)
				if got := m.Control + " " + m.Remediation + " " + m.Playbook; !byHand(err, e) || got != want {
					t.Errorf("Control(%s) = %s, %v, want %s", control, got, err, want)
				}
				findings = append(findings,
					finding(asr.Provider{Region: region, Standard: asr.Standard{Name: s.Name, Version: s.Version, Control: e.StandardControl}}),
					finding(asr.Provider{Region: region, Standard: asr.Standard{Name: arn, Control: strings.ToLower(e.StandardControl)}}))
			} else {
				findings = append(findings, finding(asr.Provider{Region: region, Control: strings.ToUpper(e.Control)}))
			}
			for _, f := range findings {
				m, err := b.Match(f)
				if got := m.Control + " " + m.Remediation + " " + m.Playbook; !byHand(err, e) || got != want {
					t.Errorf("Match(%+v) = %s, %v, want %s", f.Standard, got, err, want)
				}
			}
		}
	}
}

// byHand reports whether an entry is found, or says what people do instead.
func byHand(err error, e Entry) bool {
	if e.ByHand == "" {
		return err == nil
	}
	return asr.Classify(err) == asr.CodeNoRemediation && asr.Advice(err) == e.ByHand
}

func finding(p asr.Provider) asr.Finding { return asr.Finding{Provider: p} }

func TestAStandardAsksForItsOwnNumbers(t *testing.T) {
	t.Parallel()
	cis := func(version, control string) asr.Provider {
		return asr.Provider{Control: "S3.1", Standard: asr.Standard{Name: "cis-aws-foundations-benchmark", Version: version, Control: control}}
	}
	n := func(v float64) *float64 { return &v }
	for _, test := range []struct {
		name   string
		f      asr.Provider
		params map[string]json.RawMessage
		bounds map[string]asr.Bound
		want   string
	}{
		{name: "CIS 1.2.0 allows 90 days", f: cis("1.2.0", "1.3"), want: "IAM.8", params: raw("unusedDays", "90"), bounds: map[string]asr.Bound{"unusedDays": {AtMost: n(90)}}},
		{name: "CIS 1.4.0 allows 45 days", f: cis("1.4.0", "1.12"), want: "IAM.22", params: raw("unusedDays", "45"), bounds: map[string]asr.Bound{"unusedDays": {AtMost: n(45)}}},
		{name: "CIS 1.2.0's 1.5 is upper case letters only", f: cis("1.2.0", "1.5"), want: "IAM.11"},
		{name: "CIS 1.2.0's 1.9 is the length only", f: cis("1.2.0", "1.9"), want: "IAM.15", bounds: map[string]asr.Bound{"length": {AtLeast: n(14)}}},
		{name: "CIS 1.2.0's 1.10 is not 1.1", f: cis("1.2.0", "1.10"), want: "IAM.16", bounds: map[string]asr.Bound{"history": {AtLeast: n(24)}}},
		{name: "a version without a playbook falls back to the security control", f: cis("9.9.9", "1.12"), want: "S3.1"},
		{name: "a control that the standard's playbook lacks does too", f: cis("1.4.0", "9.9"), want: "S3.1"},
		{name: "PCI has a password policy of its own", f: asr.Provider{Control: "IAM.10"}, want: "IAM.10",
			params: map[string]json.RawMessage{"upper": []byte("true"), "lower": []byte("true"), "number": []byte("true"), "length": []byte("7"), "history": []byte("4"), "maxAge": []byte("90")},
			bounds: map[string]asr.Bound{"length": {AtLeast: n(7)}, "history": {AtLeast: n(4)}, "maxAge": {AtLeast: n(1), AtMost: n(90)}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m, err := load(t).Match(finding(test.f))
			if err != nil {
				t.Fatal(err)
			}
			if m.Control != test.want {
				t.Errorf("got %s, want %s", m.Control, test.want)
			}
			if diff := cmp.Diff(test.params, m.Playbooks, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.bounds, m.Bounds, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func raw(name, value string) map[string]json.RawMessage {
	return map[string]json.RawMessage{name: json.RawMessage(value)}
}

func TestDefaultsOfAPlaybookKeepItsBounds(t *testing.T) {
	t.Parallel()
	b := load(t)
	for _, p := range b.playbooks {
		for _, e := range p.controls {
			m, err := b.match(e)
			if (err == nil) == (b.whole(e).byHand != "") {
				t.Errorf("%s %s: %v", p.name, e.id, err)
			}
			if _, _, err := asr.ResolveParams(m.Bounds, asr.Layer{Source: p.name, Values: m.Playbooks}); err != nil {
				t.Errorf("%s %s: %v", p.name, e.id, err)
			}
		}
	}
}

// covers: W11
func TestProwlersChecksMeanSecurityControls(t *testing.T) {
	t.Parallel()
	b := load(t)
	for _, e := range b.Rules() {
		for _, rule := range []string{e.StandardControl, "prowler-" + e.StandardControl} {
			m, err := b.Match(finding(asr.Provider{Rule: rule}))
			if err != nil || m.Control != e.Control || m.Playbook != "Prowler" {
				t.Errorf("%s is %+v, %v", rule, m, err)
			}
		}
	}
	if got, want := len(b.Rules()), 50; got < want {
		t.Errorf("got %d rules, want %d", got, want)
	}
}

func TestTheUsersPlaybooksExtendAndOverride(t *testing.T) {
	t.Parallel()
	first := own(t, `
playbook: sc
controls:
  s3.9:
    params: {bucket: "logs-{account}"}
  ACM.1: acm-renew
`)
	second := own(t, `
playbook: Ours v2
aliases: [OURS]
standard: {name: ours, version: "2", arn: "arn:{partition}:example"}
controls:
  "7.1": {control: S3.9, params: {bucket: other}}
prefixes: [acme-]
rules:
  s3-log*: S3.9
  s3-*: S3.8
  s3-tls: {control: S3.5, params: {x: [1]}}
types:
  TTPs/Discovery/*: EC2.2
`)
	b := load(t, first, second)
	for _, test := range []struct {
		name string
		f    asr.Provider
		want asr.Match
	}{
		{name: "a parameter is added", f: asr.Provider{Control: "S3.9"}, want: asr.Match{Playbook: "SC", Control: "S3.9", Remediation: "s3-access-logging", Playbooks: raw("bucket", `"logs-{account}"`)}},
		{name: "a control is added", f: asr.Provider{Control: "ACM.1"}, want: asr.Match{Playbook: "SC", Control: "ACM.1", Remediation: "acm-renew"}},
		{name: "a standard is added", f: asr.Provider{Standard: asr.Standard{Name: "ours", Version: "2", Control: "7.1"}}, want: asr.Match{Playbook: "Ours v2", Standards: []string{"Ours v2"}, Control: "S3.9", Remediation: "s3-access-logging", Playbooks: raw("bucket", `"other"`)}},
		{name: "a Config rule by its whole name", f: asr.Provider{Rule: "S3-TLS"}, want: asr.Match{Playbook: "Ours v2", Control: "S3.5", Remediation: "s3-tls-only", Playbooks: raw("x", `[1]`)}},
		{name: "a Config rule by its start, behind a prefix", f: asr.Provider{Rule: "acme-s3-abc"}, want: asr.Match{Playbook: "Ours v2", Control: "S3.8", Remediation: "s3-block-public-access"}},
		{name: "the longest start counts", f: asr.Provider{Rule: "s3-logging"}, want: asr.Match{Playbook: "Ours v2", Control: "S3.9", Remediation: "s3-access-logging", Playbooks: raw("bucket", `"logs-{account}"`)}},
		{name: "a finding type", f: asr.Provider{Rule: "none", Types: []string{"Other", "TTPs/Discovery/Scan"}}, want: asr.Match{Playbook: "Ours v2", Control: "EC2.2", Remediation: "ec2-default-sg-closed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := b.Match(finding(test.f))
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Bounds) > 0 || len(got.Finding) > 0 {
				t.Errorf("bounds %v, finding %v", got.Bounds, got.Finding)
			}
			got.Bounds, got.Finding = nil, nil
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
	if m, err := b.Control("OURS.2/7.1"); err != nil || m.Control != "S3.9" {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestABadFileSaysWhereAndWhatToDo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		want       string // in the message
		do         string
	}{
		{"no YAML", "playbook: [", "own.yaml:1: ", "correct the YAML"},
		{"nothing", "", "own.yaml:1: the file is empty", "write it"},
		{"two documents", "playbook: A\n---\nplaybook: B\n", "own.yaml:2: there is a second document", "keep one in a file"},
		{"no name", "controls: {}\n", "own.yaml:1: playbook: missing", "name the playbook"},
		{"an unknown field", "playbook: SC\nctrls: {}\n", "own.yaml:2: ctrls: unknown field", "use one of aliases, controls"},
		{"an unknown field of an entry", "playbook: SC\ncontrols:\n  S3.2:\n    remediaton: x-y\n", "own.yaml:4: controls.S3.2.remediaton: unknown field", "use one of at_least"},
		{"no control's id", "playbook: SC\ncontrols:\n  s3: x-y\n", "own.yaml:3: controls.s3: not the id of a control", "SERVICE.NUMBER"},
		{"no remediation's id", "playbook: SC\ncontrols:\n  S3.2: S3_BPA\n", `own.yaml:3: controls.S3.2: "S3_BPA" is not the id of a remediation`, "correct it"},
		{"no remediation", "playbook: SC\ncontrols:\n  ACM.1: {retired: true}\n", "own.yaml:3: ACM.1: there is no remediation", "add remediation:"},
		{"an unknown control", "playbook: Mine\nrules:\n  r: S3.999\n", "own.yaml:3: r: no playbook knows the security control S3.999", "correct its id"},
		{"no control", "playbook: Mine\nrules:\n  r: {retired: false}\n", "own.yaml:3: rules.r: control is missing", "name the security control"},
		{"a star in the middle", "playbook: Mine\nrules:\n  a*b: S3.2\n", "own.yaml:3: rules.a*b: * stands for the rest", "to the end"},
		{"twice the same", "playbook: SC\ncontrols:\n  S3.2: a-b\n  S3.2: a-c\n", "own.yaml:4: controls.S3.2: it is there twice", "remove one"},
		{"a bound that is no number", "playbook: SC\ncontrols:\n  S3.2: {at_least: {days: many}}\n", "own.yaml:3: controls.S3.2.at_least.days: not a number", "as a number"},
		{"a bad conversion", "playbook: SC\ncontrols:\n  S3.2: {names: {A: {to: b, type: float}}}\n", "own.yaml:3: controls.S3.2.names.A: needs to: and type:", "one of int, bool"},
		{"a value that is no JSON", "playbook: SC\ncontrols:\n  S3.2: {params: {a: .inf}}\n", "own.yaml:3: controls.S3.2.params.a: not a value", "write a number"},
		{"a list for text", "playbook: Mine\ntitle: [a]\n", "own.yaml:2: title: a text is wanted", "write one"},
		{"text for a list", "playbook: Mine\naliases: a\n", "own.yaml:2: aliases: a list is wanted", "[one, two]"},
		{"text for fields", "playbook: SC\ncontrols: a\n", "own.yaml:2: controls: fields are wanted", "NAME: VALUE"},
		{"half a standard", "playbook: Mine\nstandard: {name: a}\n", "own.yaml:2: standard: name and version are needed", "/v/VERSION"},
		{"a standard where there are security controls", "playbook: SC\nstandard: {name: a, version: b}\n", "own.yaml:2: standard: SC lists security controls", "of its own"},
		{"retired maybe", "playbook: SC\ncontrols:\n  S3.2: {retired: perhaps}\n", "own.yaml:3: controls.S3.2.retired: true or false", "one of them"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(own(t, test.text))
			var e *asr.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Code != asr.CodeBadInput || !strings.Contains(e.Message, test.want) || !strings.Contains(e.Do, test.do) {
				t.Errorf("got %s: %s; do: %s\nwant %s; do: %s", e.Code, e.Message, e.Do, test.want, test.do)
			}
		})
	}
}

func TestAllMistakesAreTold(t *testing.T) {
	t.Parallel()
	_, err := Load(own(t, "playbook: SC\na: 1\nb: 2\n"))
	if got := strings.Count(err.Error(), "unknown field"); got != 2 {
		t.Errorf("got %v", err)
	}
}

func TestAMissingFolderIsAnError(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "none"))
	if asr.Classify(err) != asr.CodeBadInput || asr.Advice(err) == "" {
		t.Errorf("got %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"playbook: SC\ncontrols:\n  S3.2: a-b\n",
		"playbook: A\nstandard: {name: a, version: 1}\ncontrols:\n  1.10: &x {control: S3.2, params: {a: [1, {b: c}]}}\n  1.1: *x\n",
		"playbook: A\nrules: {a*: S3.2}\ntypes: {b: {control: X.1, remediation: x-y, names: {A: {to: b, type: int}}, at_most: {a: 1e3}}}\n",
		"a: &a [*a]\n", "- x\n", "? [a]\n: b\n", "playbook: \"\\u0000\"\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b := &Book{refs: map[string]*playbook{}}
		r := &reader{}
		r.File = "fuzz.yaml"
		r.playbook(b, []byte(text))
		b.index(r)
		var joined interface{ Unwrap() []error }
		var mistakes []error
		if errors.As(r.Err(), &joined) {
			mistakes = joined.Unwrap()
		}
		for _, err := range mistakes {
			if asr.Classify(err) != asr.CodeBadInput || asr.Advice(err) == "" || !strings.HasPrefix(err.Error(), "fuzz.yaml:") {
				t.Fatalf("error %q (%s)", err, asr.Advice(err))
			}
		}
		if r.Err() != nil {
			return
		}
		for _, e := range b.Entries() {
			if e.Remediation == "" || e.Control == "" {
				t.Fatalf("%+v", e)
			}
		}
	})
}

func TestMatchNeverPanics(t *testing.T) {
	t.Parallel()
	b := load(t)
	words := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"S3.2", "1.12", "1.4.0", "cis-aws-foundations-benchmark", "arn:aws:securityhub:::x", "EC2.18", "IAM.7", "CloudWatch.16", "PCI.IAM.8", "pci-dss", "3.2.1"}))
	names := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"MinRetentionTime", "authorizedTcpPorts", "RequireSymbols", "MinimumPasswordLength"}))
	values := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "null", "1", `"1"`, `"a,b"`, `[]`, `[[]]`, `{}`, `"[1,2]"`, `[1,"2-3"]`, "true", "1e999", `"\"x\""`}))
	rapid.Check(t, func(t *rapid.T) {
		f := finding(asr.Provider{
			Control: words.Draw(t, "control"), Rule: words.Draw(t, "rule"), Types: rapid.SliceOf(words).Draw(t, "types"),
			Standard:   asr.Standard{Name: words.Draw(t, "name"), Version: words.Draw(t, "version"), Control: words.Draw(t, "number")},
			Parameters: map[string]json.RawMessage{names.Draw(t, "parameter"): json.RawMessage(values.Draw(t, "value"))},
		})
		m, err := b.Match(f)
		if err == nil {
			if m.Remediation == "" || m.Control == "" {
				t.Fatalf("%+v matches nothing: %+v", f.Provider, m)
			}
			return
		}
		if code := asr.Classify(err); code != asr.CodeNoRemediation && code != asr.CodeBadParams || asr.Advice(err) == "" {
			t.Fatalf("error %q (%s)", err, code)
		}
	})
}

func TestWhatIsDoneByHandSaysSo(t *testing.T) {
	t.Parallel()
	b := load(t)
	for _, id := range []string{"CIS.5.0.0/1.5", "IAM.6"} {
		if m, err := b.Control(id); asr.Classify(err) != asr.CodeNoRemediation || m.Control != "IAM.6" || !strings.Contains(asr.Advice(err), "hardware MFA") {
			t.Errorf("%s: %+v, %v", id, m, err)
		}
	}
	_, err := Load(own(t, "playbook: SC\ncontrols:\n  S3.5: {by_hand: don't}\n"))
	if err == nil || !strings.Contains(err.Error(), "it has a remediation and is by hand") {
		t.Errorf("both: %v", err)
	}
	_, err = Load(own(t, "playbook: SC\ncontrols:\n  S3.99: {by_hand: ask the owner}\n"))
	if err != nil {
		t.Errorf("of one's own: %v", err)
	}
}
