package catalog_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/playbook"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
)

func noDial(context.Context, remedy.Session) (aws.Config, error) { return aws.Config{}, nil }

func TestGrantsAreOnARNsAndWritesNameWhatTheyWrite(t *testing.T) {
	for _, u := range catalog.All(noDial) {
		for _, g := range u.Spec.WriteGrants() {
			if g.On != "*" && !strings.HasPrefix(g.On, "arn:{partition}:") {
				t.Errorf("%s: a grant on %s, which is no ARN", u.Spec.ID, g.On)
			}
			for _, a := range g.Actions {
				if strings.ContainsAny(a, "*?") {
					t.Errorf("%s: a wildcard action %s", u.Spec.ID, a)
				}
			}
		}
	}
}

func TestIDsAreUniqueAndEachControlHasOneUnit(t *testing.T) {
	ids, controls := map[string]bool{}, map[string]string{}
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	for _, u := range catalog.All(noDial) {
		if ids[u.Spec.ID] || !kebab.MatchString(u.Spec.ID) {
			t.Errorf("id %s is taken or not kebab case", u.Spec.ID)
		}
		ids[u.Spec.ID] = true
		for control := range u.Controls {
			if other, taken := controls[control]; taken {
				t.Errorf("%s is answered by %s and %s", control, other, u.Spec.ID)
			}
			controls[control] = u.Spec.ID
		}
	}
}

// Every control of every playbook has a remediation, which answers it with
// parameters that it takes, or says what people do instead.
func TestEveryPlaybookEntryIsAnswered(t *testing.T) {
	book, err := playbook.Load()
	if err != nil {
		t.Fatal(err)
	}
	units := map[string]asr.Remediation{}
	for _, u := range catalog.All(noDial) {
		units[u.Spec.ID] = u
	}
	for _, e := range book.Entries() {
		u, written := units[e.Remediation]
		switch {
		case e.ByHand != "" && e.Playbook == "CIS v5.0.0":
			continue
		case !written:
			t.Errorf("%s %s (%s): there is no remediation %q", e.Playbook, e.StandardControl, e.Control, e.Remediation)
			continue
		}
		if _, ok := u.Controls[e.Control]; !ok {
			t.Errorf("%s %s: %s doesn't answer %s", e.Playbook, e.StandardControl, e.Remediation, e.Control)
			continue
		}
		m, err := book.Control(e.Control)
		if err != nil {
			t.Errorf("%s: %v", e.Control, err)
			continue
		}
		var defaults map[string]json.RawMessage
		if err := json.Unmarshal(u.Controls[e.Control], &defaults); err != nil {
			t.Errorf("%s: %v", e.Control, err)
		}
		params, _, err := asr.ResolveParams(m.Bounds, asr.Layer{Source: "default", Values: defaults}, asr.Layer{Source: m.Playbook, Values: m.Playbooks})
		if err == nil {
			err = u.Check(asr.On{Target: asr.Target{Partition: "aws", Account: "123456789012", Region: "eu-west-1", Name: "name"}, Params: params})
		}
		if err != nil {
			t.Errorf("%s %s: %v", e.Playbook, e.StandardControl, err)
		}
	}
}

// What a remediation costs has a unit, and what it does is said in sentences.
func TestEachUnitSaysWhatItsOwnerMustKnow(t *testing.T) {
	money := regexp.MustCompile(`USD|price|nothing|charge`)
	for _, u := range catalog.All(noDial) {
		s := u.Spec
		if len(strings.Fields(s.Impact)) < 3 || !strings.HasSuffix(s.Impact, ".") || s.RiskWhy == "" || s.Settle <= 0 {
			t.Errorf("%s: impact %q, risk why %q, settle %s", s.ID, s.Impact, s.RiskWhy, s.Settle)
		}
		if s.Cost != "" && !money.MatchString(s.Cost) {
			t.Errorf("%s: the cost %q has no unit", s.ID, s.Cost)
		}
		if s.Irreversible != "" && s.Risk == asr.RiskLow {
			t.Errorf("%s can't be put back, and its risk is said to be low", s.ID)
		}
		for _, text := range []string{s.Title, s.RiskWhy, s.Interrupts, s.Cost, s.Irreversible} {
			if strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q ends with a full stop", s.ID, text)
			}
		}
	}
}

// Who deploys the member role must know which roles go with it.
func TestTheServiceRolesThatUnitsRelyOnAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/operate/accounts.md")
	if err != nil {
		t.Fatal(err)
	}
	role := regexp.MustCompile(`:(?:role|instance-profile)(/asr/[\w-]+)`)
	for _, u := range catalog.All(noDial) {
		for _, params := range u.Controls {
			on := asr.On{Target: asr.Target{Partition: "aws", Account: "123456789012", Region: "eu-west-1", Name: "n"}, Params: params}
			for _, g := range on.Narrow(u.Spec.WriteGrants()) {
				if m := role.FindStringSubmatch(g.On); m != nil && !strings.Contains(string(page), "`"+m[1]+"`") {
					t.Errorf("%s relies on %s, which docs/operate/accounts.md doesn't have", u.Spec.ID, m[1])
				}
			}
		}
	}
}

// Each unit passes the lifecycle test, and Want's properties are checked on
// generated states.
func TestEachUnitHasALifecycleAndAProperty(t *testing.T) {
	list, err := os.ReadFile("units_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`remedy\.Bind\((\w+)\.(\w+),`).FindAllStringSubmatch(string(list), -1) {
		var tests strings.Builder
		files, err := filepath.Glob(m[1] + "/*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(src)
		}
		for _, call := range []string{`remedytest\.Lifecycle\(t, [\w.]+, `, `remedytest\.Stable\(t, `} {
			if !regexp.MustCompile(call + m[2] + `,`).MatchString(tests.String()) {
				t.Errorf("no test of %s calls %s%s, …)", m[1], strings.ReplaceAll(call, `\`, ""), m[2])
			}
		}
	}
}

// A unit is one file of at most 120 lines, and its test.
func TestUnitFilesAreShortAndTested(t *testing.T) {
	files, err := filepath.Glob("*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		isUnit := strings.Contains(string(src), "= remedy.Unit[")
		if !isUnit || strings.HasSuffix(file, "_test.go") {
			continue
		}
		if n := strings.Count(string(src), "\n"); n > 125 {
			t.Errorf("%s has %d lines: a helper is missing, or it is two units", file, n)
		}
		if !slices.Contains(files, strings.TrimSuffix(file, ".go")+"_test.go") {
			t.Errorf("%s has no test beside it", file)
		}
	}
}
