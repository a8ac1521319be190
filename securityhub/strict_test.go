package securityhub

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzQuick holds the quick reading against the careful one.
func FuzzQuick(f *testing.F) {
	for _, raw := range someFindings(f) {
		f.Add(raw)
	}
	for _, s := range []string{`{"AwsAccountId":"111111111111","Id":"a","ProductArn":"p","UpdatedAt":"2025-06-03T11:20:32Z","Types":["",null],"Resources":[{"Id":"r","Tags":null}]}`, "{\"ProductArn\":\"0\",\"AwsAccountId\":\"000000000000\",\"UpdatedAt\":\"1\",\"ResourCes\":[{\"Id\":\"0\"}],\"Id\":\"0\"}\v"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { alike(t, raw) })
}

func TestTheQuickReadingOfAFindingComesToTheSameAsTheCareful(t *testing.T) {
	quickly := 0
	for _, raw := range someFindings(t) {
		if alike(t, raw) {
			quickly++
		}
	}
	if quickly < 8 {
		t.Errorf("%d findings were read quickly: those that Security Hub writes should be", quickly)
	}
}

// alike reports whether a finding was read quickly.
func alike(t *testing.T, raw []byte) bool {
	t.Helper()
	o := origin{source: "f", at: received}
	got, ok := new(quick).whole(raw, o)
	if !ok {
		return false
	}
	want, err := fromASFF(raw, o)
	if err != nil {
		t.Fatalf("%s: read quickly, but carefully: %v", raw, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: careful (-), quick (+):\n%s", raw, diff)
	}
	return true
}

// someFindings are those of the fixtures in ASFF.
func someFindings(t testing.TB) (all [][]byte) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Detail   struct{ Findings []json.RawMessage }
			Findings []json.RawMessage
		}
		if json.Unmarshal(raw, &doc) != nil {
			var list []json.RawMessage
			_ = json.Unmarshal(raw, &list) // one of both
			doc.Findings = list
		}
		for _, one := range append(doc.Findings, doc.Detail.Findings...) {
			all = append(all, bytes.TrimSpace(one))
		}
	}
	return all
}

func FuzzRegion(f *testing.F) {
	pattern := regexp.MustCompile(`^([a-z]{2,4}(-[a-z]{1,16}){1,3}-[0-9]{1,2}|aws-global)$`)
	for _, s := range []string{"", "eu-west-1", "us-gov-east-1", "us-iso-b-north-12", "aws-global", "eu-west", "e-west-1", "eu--1", "eu-west-111", "eu-a-b-c-d-1", "EU-west-1", "eu-west-1\n", "1-west-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if got, want := isRegion(name), pattern.MatchString(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	})
}

func TestWhatIsReadQuicklyIsNoDeeperAndNoLongerThanTheRest(t *testing.T) {
	t.Parallel()
	one := func(more string) string {
		return `{"Id":"a","ProductArn":"p","AwsAccountId":"111111111111","UpdatedAt":"2025-06-01T00:00:00Z","Resources":[{"Id":"r"}]` + more + `}`
	}
	event := func(findings ...string) string {
		return `{"detail-type":"Security Hub Findings - Imported","source":"aws.securityhub","detail":{"findings":[` + strings.Join(findings, ",") + `]}}`
	}
	quoted := func(s string) string {
		raw, _ := json.Marshal(s) // a text
		return string(raw)
	}
	deep := func(n int) string { return `,"Details":` + strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, test := range []struct {
		name, body      string
		taken, rejected int
	}{
		{"as deep as may be", `[` + one(deep(MaxDepth-1)) + `]`, 1, 0},
		{"too deep", `[` + one(deep(MaxDepth)) + `,` + one("") + `]`, 1, 1},
		{"too deep in an event", event(one(deep(MaxDepth)), one("")), 1, 1},
		{"too deep in the body of a record", `{"Records":[{"body":` + quoted(event(one(deep(MaxDepth)), one(""))) + `}]}`, 1, 1},
		{"as deep as may be in an event", event(one(deep(MaxDepth-1)), one("")), 2, 0},
		{"deeper than JSON is read", event(one(deep(10_000)), one("")), 0, 1},
		{"many brackets side by side", `[` + one(`,"Details":[[]`+strings.Repeat(",[]", 200)+`]`) + `]`, 1, 0},
		{"on two lines, where each is a document", "{}\n" + `{"Findings":[` + one(",\n\"Region\":\"eu-west-1\"") + `]}`, 0, 3},
		{"too long", `{"Findings":[` + one(`,"Title":"`+strings.Repeat("x", MaxFinding)+`"`) + `,` + one("") + `]}`, 1, 1},
		{"a name twice", `[` + one(`,"Id":"b"`) + `]`, 1, 0},
		{"invalid UTF-8", `[` + one(",\"Title\":\"\xff\"") + `]`, 1, 0},
	} {
		obs, rejected := Decode("f", received, []byte(test.body))
		if len(obs) != test.taken || len(rejected) != test.rejected {
			t.Errorf("%s: %d taken, %d rejected, want %d, %d: %v", test.name, len(obs), len(rejected), test.taken, test.rejected, rejected)
		}
	}
}
