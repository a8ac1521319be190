package policy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/policy"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// folder writes files, by name.
func folder(t interface{ Fatal(...any) }, dir string, files map[string]string) {
	for name, text := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFoldersFilesAreOnePolicyInTheOrderOfTheirNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder(t, dir, map[string]string{
		"20-teams.yml":       "version: 1\nwindows: {nights: {hours: \"22:00-06:00\"}}\nrules:\n  - {name: second, mode: ask, match: {controls: [S3.2]}}\n",
		"10-org.yaml":        "version: 1\ndefault: observe\nrules:\n  - {name: first, mode: auto, match: {controls: [S3.2], accounts: [\"111111111111\"]}, window: nights}\n",
		"30-exceptions.yaml": "version: 1\nexceptions:\n  - {name: www, reason: r, owner: o, expires: 2026-12-31, match: {resources: [\"arn:aws:s3:::www\"]}}\n",
		"10-org.test.yaml":   "not: a policy\n",
		"README.md":          "not a policy either",
		".10-org.yaml.swp":   "nor this",
		".git/config.yaml":   "nor this",
	})
	p, err := policy.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		facts asr.Facts
		why   string
	}{
		{asr.Facts{Control: "S3.2", Account: "111111111111", Resource: "a", At: noon}, "the rule first (" + dir + "/10-org.yaml:4:5) says auto"},
		{asr.Facts{Control: "S3.2", Account: "222222222222", Resource: "a", At: noon}, "the rule second (" + dir + "/20-teams.yml:4:5) says ask"},
		{asr.Facts{Control: "S3.3", Account: "222222222222", Resource: "a", At: noon}, "no rule of " + dir + " matches, and its default (" + dir + "/10-org.yaml:2:10) is observe"},
		{asr.Facts{Control: "S3.2", Account: "222222222222", Resource: "arn:aws:s3:::www", At: noon}, "the exception www (" + dir + "/30-exceptions.yaml:3:5) of o holds until 2026-12-31: r"},
	} {
		d, _ := p.Decide(test.facts)
		if d.Why != test.why {
			t.Errorf("got  %s\nwant %s", d.Why, test.why)
		}
	}
}

func TestAFolderThatCantBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		files map[string]string
		want  []string // each with DIR for the folder
	}{
		{"nothing", map[string]string{"x.test.yaml": "a"}, []string{"DIR has no policy files"}},
		{"two defaults", map[string]string{"a.yaml": "version: 1\ndefault: ask\n", "b.yaml": "version: 1\n\ndefault: off\n"}, []string{"DIR/b.yaml:3:10: default: it is at DIR/a.yaml:2:10 already"}},
		{"two console actions", map[string]string{"a.yaml": "version: 1\nconsole_action: ask\n", "b.yaml": "version: 1\nconsole_action: ask\n"}, []string{"DIR/b.yaml:2:17: console_action: it is at DIR/a.yaml:2:17 already"}},
		{"two windows of a name", map[string]string{"a.yaml": "version: 1\nwindows: {w: {days: mon}}\n", "b.yaml": "version: 1\nwindows: {w: {days: tue}}\n"}, []string{"DIR/b.yaml:2:11: windows.w: it is at DIR/a.yaml:2:11 already"}},
		{"two groups of a name", map[string]string{"a.yaml": "version: 1\ngroups: {g: \"arn:*\"}\n", "b.yaml": "version: 1\ngroups: {g: \"arn:*\"}\n"}, []string{"DIR/b.yaml:2:10: groups.g: it is at DIR/a.yaml:2:10 already"}},
		{"two rules of a name", map[string]string{"a.yaml": "version: 1\nrules: [{name: r, mode: ask}]\n", "b.yaml": "version: 1\nrules: [{name: r, mode: ask}]\n"}, []string{`DIR/b.yaml:2:9: rules[0].name: "r" is the name of the rule at DIR/a.yaml:2:9 too`}},
		{"mistakes in two files", map[string]string{"a.yaml": "rules: []\n", "b.yaml": "version: 1\nrule: []\n"}, []string{"DIR/a.yaml:1:1: version: missing", "DIR/b.yaml:2:1: rule: unknown field"}},
		{"a folder in it", map[string]string{"a.yaml": "version: 1\n", "more/b.yaml": "version: 1\n"}, []string{"DIR/more is a folder within a policy's folder"}},
	} {
		dir := t.TempDir()
		folder(t, dir, test.files)
		_, err := policy.Load(dir)
		if asr.Classify(err) != asr.CodeBadInput || asr.Advice(err) == "" {
			t.Errorf("%s: got %v", test.name, err)
			continue
		}
		var got []string
		for i, line := range strings.Split(strings.ReplaceAll(err.Error(), dir, "DIR"), "\n") {
			if i < len(test.want) && strings.HasPrefix(line, test.want[i]) {
				line = test.want[i]
			}
			got = append(got, line)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
	if _, err := policy.Load(filepath.Join(t.TempDir(), "none")); asr.Classify(err) != asr.CodeBadInput {
		t.Errorf("got %v", err)
	}
}

// split deals a policy's parts out to files whose names keep the rules' order.
func split(t *rapid.T, whole map[string]any) map[string]string {
	n := rapid.IntRange(1, 4).Draw(t, "files")
	parts := make([]map[string]any, n)
	for i := range parts {
		parts[i] = map[string]any{"version": 1}
	}
	for _, key := range []string{"console_action", "default"} {
		parts[rapid.IntRange(0, n-1).Draw(t, key)][key] = whole[key]
	}
	at := 0
	list, _ := whole["rules"].([]map[string]any)
	for _, r := range list {
		at = rapid.IntRange(at, n-1).Draw(t, "file")
		in, _ := parts[at]["rules"].([]map[string]any)
		parts[at]["rules"] = append(in, r)
	}
	files := map[string]string{}
	for i, p := range parts {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		files[fmt.Sprintf("%d.yaml", i)] = string(text)
	}
	return files
}

func TestSplittingAFileIntoAFolderLeavesEachDecision(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		file, f := drawn(t), blurred(t, facts(t))
		dir, err := os.MkdirTemp(top, "")
		if err != nil {
			t.Fatal(err)
		}
		folder(t, dir, split(t, file))
		p, err := policy.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		one := parse(t, file)
		want, wantNames := one.Decide(f)
		got, names := p.Decide(f)
		want.Why, got.Why = "", "" // they tell the places
		if diff := cmp.Diff(want, got); diff != "" || names != wantNames {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(one.Params(f), p.Params(f)); diff != "" {
			t.Fatal(diff)
		}
	})
}
