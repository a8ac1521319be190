package securityhub

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*json")
	if err != nil || len(files) == 0 {
		f.Fatal("no fixtures", err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, s := range []string{`[{`, `{"Records":[{"body":"{\"Records\":[]}"}]}`, "{}\n{", `{"Findings":[{"class_uid":2003}]}`, "\xff\xfe", `[null]`, `{"finding_info":null,"status_id":null}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		obs, rejected := Decode("f", received, body)
		if len(obs)+len(rejected) == 0 && !strings.Contains(string(body), "[") {
			t.Errorf("%q is neither taken nor rejected", body)
		}
		for _, o := range obs {
			usable(t, o)
		}
		inPieces(t, body, obs, rejected)
		for _, r := range rejected {
			if len(r.ID) != 32 || r.Reason == "" || len(r.Body) > 4096 || !utf8.ValidString(r.Body) {
				t.Errorf("rejected: %+v", r)
			}
		}
	})
}

// inPieces reads the same from a source that gives a little at a time.
func inPieces(t *testing.T, body []byte, obs []asr.Observation, rejected []asr.Rejected) {
	t.Helper()
	err := Read(iotest.HalfReader(bytes.NewReader(body)), "f", received, func(o []asr.Observation, r []asr.Rejected) error {
		if len(o) > len(obs) || len(r) > len(rejected) {
			t.Fatalf("%q has more in it when it is read in pieces: %+v %+v", body, o, r)
		}
		if diff := cmp.Diff(obs[:len(o)], o, cmpopts.EquateEmpty()) + cmp.Diff(rejected[:len(r)], r, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q is read otherwise in pieces: %s", body, diff)
		}
		obs, rejected = obs[len(o):], rejected[len(r):]
		return nil
	})
	if err != nil || len(obs)+len(rejected) > 0 {
		t.Fatalf("%q has less in it when it is read in pieces: %v %v, %v", body, obs, rejected, err)
	}
}

// usable checks what the engine relies on.
func usable(t *testing.T, o asr.Observation) {
	t.Helper()
	if o.ID == "" || o.Product == "" || !isAccount(o.Account) || len(o.Resources) == 0 || o.Resources[0].ID == "" {
		t.Errorf("a finding lacks what it must have: %+v", o)
	}
	if o.UpdatedAt.IsZero() || o.UpdatedAt.After(received.Add(early)) || o.At.IsZero() || o.At.After(received.Add(skew)) || o.WorkflowAt.After(received.Add(skew)) || o.WorkflowAt.IsZero() {
		t.Errorf("clocks: %s, %s, %s", o.UpdatedAt, o.At, o.WorkflowAt)
	}
	if o.Region != "" && !isRegion(o.Region) || o.Status == "" || o.Severity == "" {
		t.Errorf("region %q, status %q, severity %q", o.Region, o.Status, o.Severity)
	}
	if _, err := jsonOf(o); err != nil {
		t.Errorf("%v: %+v", err, o)
	}
}

func FuzzComment(f *testing.F) {
	f.Add("Fixed (asr r1 RESOLVED)", "r1", "RESOLVED")
	f.Add(strings.Repeat("ü", 600), strings.Repeat("r", 700), "")
	f.Fuzz(func(t *testing.T, note, run, workflow string) {
		c := comment(asr.Report{Note: note, Run: run, Workflow: clip(workflow, 20)})
		if n := utf8.RuneCountInString(c); n == 0 || n > maxNote {
			t.Errorf("a comment of %d characters", n)
		}
		noteOf(c)
	})
}

func TestHostileInputsTakeLinearTime(t *testing.T) {
	t.Parallel()
	const n = 1 << 20 // if time were quadratic, hours
	for _, unit := range []string{"[", "{", `{"a":`, `[{},`, `"`, `\`, "{}\n", "}\n{", `{"Findings":[`, `{"Records":[{"body":"`, ",", "[,", `{"class_uid":1}`, "1 ", "\n", `[[`} {
		start := time.Now()
		for _, before := range []string{"", `{"Findings":[`} {
			if obs, rejected := Decode("f", received, []byte(before+strings.Repeat(unit, n/len(unit)))); len(obs) > 0 || len(rejected) == 0 {
				t.Errorf("%q: %d taken, %d rejected", before+unit, len(obs), len(rejected))
			}
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%q takes %s", unit, took)
		}
	}
}
