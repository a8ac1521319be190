package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/policy"
	"github.com/google/go-cmp/cmp"
)

const callers = `version: 1
groups:
  shop: ["arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Shop_*/*", "arn:aws:iam::111111111111:user/ada"]
callers:
  - {who: shop, accounts: ["222222222222", "33*"]}
  - {who: ["arn:aws:iam::111111111111:user/ada"], accounts: 444444444444}
  - {who: ["arn:aws:iam::111111111111:user/root-*", "arn:aws:iam::111111111111:user/eve"], accounts: "*"}
`

// covers: A1
func TestACallerSeesTheAccountsOfAllEntriesThatNameThem(t *testing.T) {
	t.Parallel()
	p := rules(t, callers)
	for name, row := range map[string]struct {
		by   string
		want asr.View
	}{
		"in a group":         {"arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Shop_1a2b/bob", asr.View{"222222222222", "33*"}},
		"in two entries":     {"arn:aws:iam::111111111111:user/ada", asr.View{"222222222222", "33*", "444444444444"}},
		"of all":             {"arn:aws:iam::111111111111:user/root-1", asr.View{"*"}},
		"in another account": {"arn:aws:iam::222222222222:user/ada", nil},
		"with a longer name": {"arn:aws:iam::111111111111:user/adam", nil},
		"in capitals":        {"arn:aws:iam::111111111111:user/ADA", nil},
		"without a name":     {"", nil},
	} {
		v, units := p.View(asr.Actor{Kind: "person", Name: row.by, Verified: true})
		if diff := cmp.Diff(row.want, v); diff != "" || len(units) > 0 {
			t.Errorf("%s: %s, units %v", name, diff, units)
		}
	}
	if v, _ := p.View(asr.Actor{Kind: "person", Name: "arn:aws:iam::111111111111:user/ada"}); len(v) > 0 {
		t.Errorf("not verified: %v", v)
	}
}

// covers: A1
func TestACallerSeesTheUnitsOfAllEntriesThatNameThem(t *testing.T) {
	t.Parallel()
	p := rules(t, `version: 1
callers:
  - {who: ["arn:aws:iam::111111111111:user/ada"], ous: [Shop, ou-ab12-*]}
  - {who: ["arn:aws:iam::111111111111:user/a*"], ous: Web, accounts: "22*"}
  - {who: ["arn:aws:iam::111111111111:user/root"], ous: [Shop], accounts: "*"}
`)
	type seen struct {
		View  asr.View
		Units []string
	}
	for by, want := range map[string]seen{
		"ada":  {asr.View{"22*"}, []string{"Shop", "ou-ab12-*", "Web"}},
		"adam": {asr.View{"22*"}, []string{"Web"}},
		"root": {asr.View{"*"}, nil}, // no unit adds to all
		"eve":  {},
	} {
		var got seen
		got.View, got.Units = p.View(asr.Actor{Name: "arn:aws:iam::111111111111:user/" + by, Verified: true})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", by, diff)
		}
	}
	if _, units := p.View(asr.Actor{Name: "arn:aws:iam::111111111111:user/ada"}); len(units) > 0 {
		t.Errorf("not verified: %v", units)
	}
	if diff := cmp.Diff([]string{"Shop", "Web", "ou-ab12-*"}, p.Units()); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutCallersEverybodySeesAll(t *testing.T) {
	t.Parallel()
	for _, p := range []*policy.Policy{nil, rules(t, "version: 1\n")} {
		if v, units := p.View(asr.Actor{}); !v.All() || len(units) > 0 {
			t.Errorf("got %v", v)
		}
	}
}

func TestCallersOfAllFilesCount(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, text := range map[string]string{"1.yaml": callers, "2.yaml": "version: 1\ncallers: [{who: shop, accounts: [\"555555555555\"]}]\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := policy.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := p.View(asr.Actor{Name: "arn:aws:iam::111111111111:user/ada", Verified: true}); !v.Sees("555555555555") || !v.Sees("444444444444") || v.Sees("666666666666") {
		t.Errorf("got %v", v)
	}
}

func TestABadCallerIsAMistake(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[]`:                    "p:2:10: callers: it is empty",
		`[{who: "*"}]`:          "p:2:11: callers[0].accounts: missing",
		`[{accounts: "*"}]`:     "p:2:11: callers[0].who: missing",
		`[{who: "*", ous: []}]`: "callers[0].ous: it is empty",
		`[{who: "*", ous: Shop, accounts: [prod]}]`: "\"prod\" is no account id",
		`[{ous: Shop}]`:                                  "p:2:11: callers[0].who: missing",
		`[{who: nobody, accounts: "*"}]`:                 "there is no group \"nobody\"",
		`[{who: [], accounts: "*"}]`:                     "callers[0].who: it is empty",
		`[{who: "*", accounts: [prod]}]`:                 "\"prod\" is no account id",
		`[{who: "*", accounts: ["!111111111111"]}]`:      "is no account id",
		`[{who: "*", accounts: "*", not: 222222222222}]`: "callers[0].not: unknown field",
	} {
		_, err := policy.Parse("p", strings.NewReader("version: 1\ncallers: "+text+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestLintFindsCallersWhoAreNobody(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`[{who: "arn:aws:iam::111111111111:role/ops", accounts: "*"}]`:                                                         {"error"},
		`[{who: "arn:aws:sts::111111111111:assumed-role/ops/*", accounts: "1*"}]`:                                              {"warning"},
		`[{who: "arn:aws:sts::111111111111:assumed-role/ops/*", ous: "*"}]`:                                                    {"warning"},
		`[{who: "*", accounts: "1*"}, {who: "arn:aws:sts::111111111111:assumed-role/ops/*", accounts: ["111111111111", "*"]}]`: nil,
	} {
		var got []string
		for _, p := range policy.Lint(rules(t, "version: 1\ncallers: "+text+"\n"), policy.LintContext{}) {
			got = append(got, p.Severity)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}
