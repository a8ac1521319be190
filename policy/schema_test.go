package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(policy.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asEditor is YAML as an editor's language server reads it: dates are text.
func asEditor(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = asEditor(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, asEditor(item))
		}
		return list
	case yaml.DocumentNode:
		return asEditor(n.Content[0])
	}
	switch n.Tag {
	case "!!int", "!!float":
		return json.Number(n.Value)
	case "!!bool":
		return n.Value == "true"
	case "!!null":
		return nil
	}
	return n.Value
}

func TestTheSchemaTakesAllExamples(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	var texts [][]byte
	for _, file := range []string{"testdata/example.yaml", "../cmd/asr/demo-policy.yaml", "../docs/operate/policy.md", "../docs/operate/start.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".yaml") {
			texts = append(texts, text)
			continue
		}
		for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1) {
			texts = append(texts, m[1])
		}
	}
	taken := 0
	for _, text := range texts {
		whole := text
		if !bytes.Contains(text, []byte("version:")) {
			whole = append([]byte("version: 1\n"), text...)
		}
		if _, err := policy.Parse("p.yaml", bytes.NewReader(whole)); err != nil {
			continue // another kind of file
		}
		var n yaml.Node
		if err := yaml.Unmarshal(whole, &n); err != nil {
			t.Fatal(err)
		}
		taken++
		if err := s.Validate(asEditor(&n)); err != nil {
			t.Errorf("%s\n%v", whole, err)
		}
	}
	if taken < 6 {
		t.Errorf("only %d of %d examples are policies", taken, len(texts))
	}
}

// whole has each field that there is.
const whole = `{
  "version": 1, "console_action": "run", "default": "observe",
  "limits": {"in_flight": {"all": 100, "region": 10}, "per_hour": {"all": 500, "region": 20}, "daily": "10%", "failures": {"number": 10, "share": "50%", "within": "2h"}, "retries": {"most": 3, "after": "2h"}},
  "windows": {"nights": {"days": ["mon", "tue"], "hours": ["22:00-06:00"], "zone": "Europe/Berlin", "freeze": ["2026-12-24", "2026-12-31..2027-01-01"]}},
  "groups": {"security": ["arn:aws:iam::*:user/sec-*"]},
  "callers": [{"who": ["security"], "accounts": ["111111111111"], "ous": ["Prod"]}],
  "exceptions": [{"name": "x", "reason": "r", "owner": "o", "evidence": "e", "expires": "2027-03-31", "match": {"controls": ["S3.2"]}}],
  "rules": [{
    "name": "a", "mode": "ask", "window": "nights", "approvers": ["security"], "need": 2, "four_eyes": true, "params": {"days": 400},
    "match": {
      "controls": ["S3.2"], "standards": ["CIS *"], "accounts": ["111111111111"], "ous": ["Prod"], "account_tags": {"env": ["prod"]}, "regions": ["eu-*"],
      "resources": ["arn:*"], "resource_types": ["AwsS3Bucket"], "severities": ["HIGH"], "risk": ["low"], "managed_by": ["none"], "tags": {"env": ["prod"]},
      "older_than": "3d", "newer_than": "2w"
    },
    "not": {"controls": ["S3.3"]}
  }]
}`

// spot is a place in a document: what is there can be set.
type spot struct {
	path  string
	value any
	set   func(any)
}

// spots are all places of a document.
func spots(path string, v any, set func(any)) (all []spot) {
	all = append(all, spot{path, v, set})
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			all = append(all, spots(path+"."+k, v[k], func(x any) { v[k] = x })...)
		}
	case []any:
		for i := range v {
			all = append(all, spots(path+"["+strconv.Itoa(i)+"]", v[i], func(x any) { v[i] = x })...)
		}
	}
	return all
}

func decoded(t *testing.T) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(whole), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// beyond are the mistakes that a form can't have.
var beyond = regexp.MustCompile(`there is no (window|group)|is no time zone|are no dates|is no date$|is no time at all`)

func TestTheSchemaRefusesJustWhatTheParserDoes(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	tried, refused := 0, 0
	for i := range spots("", decoded(t), func(any) {}) {
		for _, junk := range []any{nil, "", "zzz", 0, 1, 7, 10, true, []any{}, []any{"zzz"}, []any{nil}, []any{[]any{}}, map[string]any{}, map[string]any{"zzz": 1}, "ASK", "off", "Run", "3d", "arn:x", "2026-02-30"} {
			doc := decoded(t)
			at := spots("", doc, func(any) {})[i]
			at.set(junk)
			text, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			_, parser := policy.Parse("p", bytes.NewReader(text))
			seen, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			schema := s.Validate(seen)
			tried++
			if schema != nil {
				refused++
			}
			if parser == nil && schema != nil || parser != nil && schema == nil && !beyond.MatchString(parser.Error()) {
				t.Errorf("%s = %v:\nparser: %v\nschema: %v", at.path, junk, parser, schema)
			}
		}
	}
	if refused < tried/2 {
		t.Errorf("%d of %d refused", refused, tried)
	}
}

func TestTheSchemaHasTheParsersFieldsAndNoOthers(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	fields := regexp.MustCompile(`^use one of (.*)$`)
	levels := 0
	for i, at := range spots("", decoded(t), func(any) {}) {
		if _, ok := at.value.(map[string]any); !ok {
			continue
		}
		doc := decoded(t)
		spots("", doc, func(any) {})[i].value.(map[string]any)["zzz"] = 1
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		_, err = policy.Parse("p", bytes.NewReader(text))
		known := fields.FindStringSubmatch(asr.Advice(err))
		if err == nil || !strings.Contains(err.Error(), "zzz: unknown field") || known == nil {
			continue // names are free here
		}
		levels++
		got := slices.Sorted(maps.Keys(schemaAt(t, s, at.path).Properties))
		if diff := cmp.Diff(strings.Split(known[1], ", "), got); diff != "" {
			t.Errorf("%s: %s", at.path, diff)
		}
	}
	if levels != 13 {
		t.Errorf("%d levels have fields, not 13: the policy, its limits and four of theirs, a window, a caller, an exception and its match, a rule and its match and not", levels)
	}
}

// schemaAt is the schema of a place's fields.
func schemaAt(t *testing.T, s *jsonschema.Schema, path string) *jsonschema.Schema {
	t.Helper()
	for _, name := range regexp.MustCompile(`[^.\[\]]+`).FindAllString(path, -1) {
		for s.Ref != nil {
			s = s.Ref
		}
		_, err := strconv.Atoi(name)
		next, property := s.Properties[name]
		rest, _ := s.AdditionalProperties.(*jsonschema.Schema)
		items, _ := s.Items.(*jsonschema.Schema)
		switch {
		case property:
			s = next
		case err == nil && items == nil && s.Items2020 != nil:
			s = s.Items2020
		case rest != nil:
			s = rest
		default:
			t.Fatal(fmt.Sprint("the schema has nothing at ", path))
		}
	}
	for s.Ref != nil {
		s = s.Ref
	}
	return s
}
