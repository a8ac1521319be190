package importasr

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/playbook"
	"example.com/asr/policy"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// known is what the playbooks and the catalogue have.
func known(t rapid.TB) (func(string) (Fix, bool), policy.LintContext) {
	t.Helper()
	book, err := playbook.Load()
	if err != nil {
		t.Fatal(err)
	}
	units := map[string]asr.Remediation{}
	for _, u := range catalog.All(nil) {
		units[u.Spec.ID] = u
	}
	var ids []string
	for _, e := range book.Entries() {
		ids = append(ids, e.Control)
	}
	know := func(control string) (Fix, bool) {
		i := slices.IndexFunc(ids, func(id string) bool { return strings.EqualFold(id, control) })
		if i < 0 {
			return Fix{}, false
		}
		m, err := book.Control(ids[i])
		u, ok := units[m.Remediation]
		if err != nil || !ok {
			return Fix{Control: ids[i]}, true
		}
		return Fix{ids[i], u.Spec.ID, u.Spec.Irreversible != ""}, true
	}
	return know, policy.LintContext{
		Controls: func() []string { return ids },
		Remediation: func(control string) (asr.Remediation, bool) {
			m, err := book.Control(control)
			u, ok := units[m.Remediation]
			return u, ok && err == nil
		},
	}
}

// converted is the policy of settings; it must parse and pass lint.
func converted(t rapid.TB, s Settings) (*policy.Policy, Result) {
	t.Helper()
	know, context := known(t)
	r, err := Convert(s, know)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse("policy.yaml", strings.NewReader(string(r.Policy)))
	if err != nil {
		t.Fatalf("%v\n%s", err, r.Policy)
	}
	for _, problem := range policy.Lint(p, context) {
		t.Errorf("line %d: %s: %s\n%s", problem.Line, problem.Severity, problem.Message, r.Policy)
	}
	return p, r
}

func TestWhatWasAutomaticIsAutomatic(t *testing.T) {
	t.Parallel()
	account := Filter{Include, []string{"111111111111", "222222222222"}}
	for _, c := range []struct {
		name     string
		settings Settings
		facts    asr.Facts
		want     asr.Mode
	}{
		{name: "a control that is on", facts: asr.Facts{Control: "S3.5"}, want: asr.ModeAuto},
		{name: "a control that is off", facts: asr.Facts{Control: "S3.2"}, want: asr.ModeOff},
		{name: "a control that isn't in the table", facts: asr.Facts{Control: "S3.3"}, want: asr.ModeOff},
		{name: "another spelling", facts: asr.Facts{Control: "AutoScaling.5"}, want: asr.ModeAuto},
		{name: "an account of the list", settings: Settings{Accounts: account}, facts: asr.Facts{Control: "S3.5", Account: "222222222222"}, want: asr.ModeAuto},
		{name: "another account", settings: Settings{Accounts: account}, facts: asr.Facts{Control: "S3.5", Account: "333333333333"}, want: asr.ModeOff},
		{name: "an excluded account", settings: Settings{Accounts: Filter{Exclude, []string{"333333333333"}}}, facts: asr.Facts{Control: "S3.5", Account: "333333333333"}, want: asr.ModeOff},
		{name: "none of the excluded", settings: Settings{Accounts: Filter{Exclude, []string{"333333333333"}}}, facts: asr.Facts{Control: "S3.5", Account: "444444444444"}, want: asr.ModeAuto},
		{name: "a filter that is disabled", settings: Settings{Accounts: Filter{Disabled, []string{"333333333333"}}}, facts: asr.Facts{Control: "S3.5", Account: "444444444444"}, want: asr.ModeAuto},
		{name: "an empty list", settings: Settings{Accounts: Filter{Include, nil}}, facts: asr.Facts{Control: "S3.5", Account: "444444444444"}, want: asr.ModeAuto},
		{name: "a list of what are no accounts", settings: Settings{Accounts: Filter{Include, []string{"*", "production"}}}, facts: asr.Facts{Control: "S3.5", Account: "444444444444"}, want: asr.ModeOff},
		{name: "one tag of the list, whatever its value", settings: Settings{Tags: Filter{Include, []string{"a", "b"}}}, facts: asr.Facts{Control: "S3.5", Tags: map[string]string{"b": ""}}, want: asr.ModeAuto},
		{name: "no tag of the list", settings: Settings{Tags: Filter{Include, []string{"a", "b"}}}, facts: asr.Facts{Control: "S3.5", Tags: map[string]string{"c": "a"}}, want: asr.ModeOff},
		{name: "an excluded tag is planned", settings: Settings{Tags: Filter{Exclude, []string{"keep"}}}, facts: asr.Facts{Control: "S3.5", Tags: map[string]string{"keep": "yes"}}, want: asr.ModeObserve},
		{name: "no excluded tag", settings: Settings{Tags: Filter{Exclude, []string{"keep"}}}, facts: asr.Facts{Control: "S3.5", Tags: map[string]string{"env": "dev"}}, want: asr.ModeAuto},
		{name: "tags that nobody tells", settings: Settings{Tags: Filter{Exclude, []string{"keep"}}}, facts: asr.Facts{Control: "S3.5"}, want: asr.ModeObserve},
		{name: "OUs ask", settings: Settings{OUs: Filter{Include, []string{"ou-abcd-12345678"}}}, facts: asr.Facts{Control: "S3.5"}, want: asr.ModeAsk},
		{name: "excluded OUs ask too", settings: Settings{OUs: Filter{Exclude, []string{"ou-abcd-12345678"}}}, facts: asr.Facts{Control: "S3.5"}, want: asr.ModeAsk},
		{name: "what can't be put back asks", facts: asr.Facts{Control: "RDS.4"}, want: asr.ModeAsk},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.settings.Controls = []Control{{"Autoscaling.5", true}, {"S3.5", true}, {"S3.2", false}, {"RDS.4", true}}
			p, _ := converted(t, c.settings)
			if d, _ := p.Decide(c.facts); d.Mode != c.want {
				t.Errorf("%s, want %s: %s", d.Mode, c.want, d.Why)
			}
		})
	}
}

func TestWhatCantBeSaidIsWarnedOfAndStandsInTheFile(t *testing.T) {
	t.Parallel()
	_, r := converted(t, Settings{
		Table: "config", Odd: []string{"something odd"}, OUs: Filter{Include, []string{"ou-abcd-12345678"}}, Tags: Filter{Include, []string{"team"}},
		Accounts: Filter{Exclude, []string{"12345"}},
		Controls: []Control{{"Made.Up.1", true}, {"Made.Up.2", false}, {"S3.5", true}, {"s3.5", false}, {"S3.4", true}, {"CIS.99", true}},
	})
	for _, want := range []string{"something odd", `"ou-abcd-12345678"`, "without any tags", `"12345"`, `"Made.Up.1" was automatic`, `"Made.Up.2"`, "S3.5 is in the table both", "console_action", "WARNING"} {
		if !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, want) }) {
			t.Errorf("no warning tells of %s: %v", want, r.Warnings)
		}
	}
	for _, w := range r.Warnings {
		if !strings.Contains(string(r.Policy), "# - "+w+"\n") {
			t.Errorf("the file lacks %q:\n%s", w, r.Policy)
		}
	}
	if len(r.Automatic) != 0 {
		t.Errorf("%v are told to be automatic, though OUs make them ask", r.Automatic)
	}
}

func TestAnImportReadsLikeAFileThatSomebodyWrote(t *testing.T) {
	t.Parallel()
	_, r := converted(t, Settings{
		Table: "config", Tags: Filter{Exclude, []string{"keep"}}, Accounts: Filter{Exclude, []string{"333333333333"}},
		Controls: []Control{{"CloudWatch.16", true}, {"S3.2", false}, {"S3.5", true}},
	})
	const want = `default: off
rules:
  # The tag filter kept resources with the tag "keep" out.
  - name: tag-excluded-1
    match:
      controls: [CloudWatch.16, S3.5]
      tags:
        "keep": "*"
    not:
      accounts: ["333333333333"]
    mode: observe
  # These were automatic.
  - name: automatic
    match:
      controls: [CloudWatch.16, S3.5]
    not:
      accounts: ["333333333333"]
    mode: auto
`
	_, got, _ := strings.Cut(string(r.Policy), "asks for is done.\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// solution decides as the existing solution does, on facts that are all known.
func solution(s Settings, f asr.Facts) bool {
	pass := func(filter Filter, observed ...string) bool {
		found := slices.ContainsFunc(observed, func(o string) bool { return slices.Contains(filter.Values, o) })
		return !filter.Active() || filter.Mode == Include && found || filter.Mode == Exclude && !found
	}
	var keys []string
	for k := range f.Tags {
		keys = append(keys, k)
	}
	on := slices.ContainsFunc(s.Controls, func(c Control) bool { return c.Automatic && strings.EqualFold(c.ID, f.Control) })
	return on && pass(s.Accounts, f.Account) && (len(keys) == 0 || pass(s.Tags, keys...))
}

func TestNothingIsAutomaticThatWasNot(t *testing.T) {
	t.Parallel()
	controls := []string{"S3.5", "s3.5", "S3.2", "RDS.4", "S3.*", "*", "", "S3.5\nmode: auto", "EC2.2", "CloudTrail.99"}
	accounts := []string{"111111111111", "222222222222", "*", "11111111111*", "\"", "111111111111\nmode: auto", "１１１１１１１１１１１１"}
	tags := []string{"a", "b", "*", "<<", "a: b", "# c", "!!binary", "tag\n  mode: auto", "'\"", "\u2028x", "&a", "*a", "~", "null", "\x00", "é"}
	filter := func(values []string) *rapid.Generator[Filter] {
		return rapid.Custom(func(t *rapid.T) Filter {
			return Filter{rapid.SampledFrom([]Mode{Disabled, Include, Exclude}).Draw(t, "mode"), rapid.SliceOfNDistinct(rapid.SampledFrom(values), 0, 4, rapid.ID[string]).Draw(t, "values")}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		s := Settings{Table: rapid.String().Draw(t, "table"), Accounts: filter(accounts).Draw(t, "accounts"), Tags: filter(tags).Draw(t, "tags"), OUs: filter([]string{"ou-a", "o-\n"}).Draw(t, "ous")}
		for _, id := range rapid.SliceOfN(rapid.SampledFrom(controls), 0, 6).Draw(t, "controls") {
			s.Controls = append(s.Controls, Control{id, rapid.Bool().Draw(t, id)})
		}
		p, _ := converted(t, s)
		f := asr.Facts{Control: rapid.SampledFrom(controls).Draw(t, "control"), Account: rapid.SampledFrom(accounts[:2]).Draw(t, "account"), Region: "eu-west-1", Severity: "HIGH", Risk: asr.RiskHigh, ManagedBy: "none"}
		if rapid.Bool().Draw(t, "tags are known") {
			f.Tags = map[string]string{}
			for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(tags), 0, 3, rapid.ID[string]).Draw(t, "keys") {
				f.Tags[key] = "v"
			}
		}
		if d, _ := p.Decide(f); d.Mode == asr.ModeAuto && (!solution(s, f) || s.OUs.Active()) {
			t.Fatalf("%+v is automatic, and wasn't: %s", f, d.Why)
		}
	})
}

func TestALongTextFromOutsideIsCut(t *testing.T) {
	t.Parallel()
	_, r := converted(t, Settings{Controls: []Control{{strings.Repeat("é", 5000), true}}})
	if len(r.Policy) > 3000 {
		t.Errorf("%d bytes for one made-up control", len(r.Policy))
	}
}

func TestAFilterTooLongForAPolicyIsAnError(t *testing.T) {
	t.Parallel()
	var all []string
	for i := range 100_000 {
		all = append(all, fmt.Sprintf("%012d", i))
	}
	know, _ := known(t)
	_, err := Convert(Settings{Controls: []Control{{"S3.5", true}}, Accounts: Filter{Include, all}}, know)
	if asr.Classify(err) != asr.CodeBadInput {
		t.Errorf("got %v", err)
	}
}
