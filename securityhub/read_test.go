package securityhub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// endless is a list of findings of any length that nobody holds in memory.
type endless struct {
	one  []byte
	n    int
	rest []byte
	end  string
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.n == 0 {
			if e.end == "" {
				return 0, io.EOF
			}
			e.rest, e.end = []byte(e.end), ""
		} else {
			e.n--
			e.rest = append(append([]byte(nil), e.one...), ',')
			if e.n == 0 {
				e.rest = e.rest[:len(e.rest)-1]
			}
		}
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func TestALongFileIsHandedOverInChunks(t *testing.T) {
	t.Parallel()
	const n = 20_000
	for _, frame := range [][2]string{{"[", "]"}, {`{"NextToken":"x","Findings":[`, `],"More":1}`}} {
		in := io.MultiReader(strings.NewReader(frame[0]), &endless{one: asffWith(t, nil), n: n, end: frame[1]})
		taken, most := 0, 0
		err := Read(in, "big.json", received, func(obs []asr.Observation, rejected []asr.Rejected) error {
			taken += len(obs)
			most = max(most, len(obs)+len(rejected))
			return nil
		})
		if err != nil || taken != n || most > chunk {
			t.Errorf("%s: %d findings in chunks of at most %d, %v; want %d, %d, nil", frame[0], taken, most, err, n, chunk)
		}
	}
}

func TestReadStopsWhenItCantGoOn(t *testing.T) {
	t.Parallel()
	full, torn := errors.New("disk full"), errors.New("torn")
	body := "[" + strings.Repeat(string(asffWith(t, nil))+",", 150)
	calls := 0
	err := Read(strings.NewReader(body), "f", received, func([]asr.Observation, []asr.Rejected) error { calls++; return full })
	if err != full || calls != 1 {
		t.Errorf("emit fails: %v after %d calls, want %v after 1", err, calls, full)
	}
	for _, body := range []string{"", "[", `{"a":`, body, "x", `{"Findings":[{}]}` + "\n"} {
		in := io.MultiReader(strings.NewReader(body), iotest.ErrReader(torn))
		if err := Read(in, "f", received, func([]asr.Observation, []asr.Rejected) error { return nil }); !errors.Is(err, torn) {
			t.Errorf("the reader fails behind %.20q: %v, want %v", body, err, torn)
		}
	}
}

// covers: W13
func TestOneBrokenFindingCostsNoOther(t *testing.T) {
	t.Parallel()
	bad := []string{`{"Id":tru}`, `{"Id":"x]"`, `{"a":[}`, `7`, `{}`}
	rapid.Check(t, func(t *rapid.T) {
		var lines []string
		want, broken := 0, map[string]bool{} // the same is told once
		for i := range rapid.IntRange(1, 12).Draw(t, "n") {
			if rapid.Bool().Draw(t, "good") {
				want++
				lines = append(lines, fmt.Sprintf(`{"Id":"%d","ProductArn":"p","AwsAccountId":"111111111111","UpdatedAt":"2025-06-01T00:00:00Z","Resources":[{"Id":"r"}]}`, i))
			} else {
				lines = append(lines, rapid.SampledFrom(bad).Draw(t, "bad"))
				broken[lines[i]] = true
			}
		}
		obs, rejected := Decode("f", received, []byte(strings.Join(lines, "\n")))
		if !byLine([]byte(strings.Join(lines, "\n"))) {
			t.Skip("the first line may be the beginning of a longer document")
		}
		if len(obs) != want || len(rejected) != len(broken) {
			t.Fatalf("%d taken, %d rejected, want %d, %d of\n%s", len(obs), len(rejected), want, len(broken), strings.Join(lines, "\n"))
		}
	})
}

func TestAFindingReadsTheSameInEveryFrame(t *testing.T) {
	t.Parallel()
	var pretty bytes.Buffer
	one := asffWith(t, nil)
	if err := json.Indent(&pretty, one, "", "  "); err != nil {
		t.Fatal(err)
	}
	want, _ := Decode("f", received, one)
	for name, body := range map[string]string{
		"indented":           pretty.String(),
		"with a mark":        "\ufeff" + string(one),
		"a list":             "[" + pretty.String() + "]",
		"a list in a list":   "[" + `{"Findings":[` + pretty.String() + `]}` + "]",
		"lower case":         `{"findings":` + "[\n" + pretty.String() + "]}",
		"a list on one line": "  " + `{"Findings":[` + string(one) + "]}\n",
		"a list of lists": `{"Findings":[
` + string(one) + `
]}`,
		"carriage returns": strings.ReplaceAll(pretty.String(), "\n", "\r\n"),
	} {
		got, rejected := Decode("f", received, []byte(body))
		if diff := cmp.Diff(want, got); diff != "" || len(rejected) > 0 {
			t.Errorf("%s (-want +got):\n%s\n%v", name, diff, rejected)
		}
	}
	twice, _ := Decode("f", received, []byte(pretty.String()+"\n"+pretty.String()))
	if len(twice) != 2 {
		t.Errorf("two documents behind each other: %d findings", len(twice))
	}
}

func TestClocksSayWhenThingsWereSo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		with map[string]any
		live bool
		want string // of the workflow's clock
	}{
		{name: "a file is as old as its finding", with: map[string]any{"ProcessedAt": nil}, want: "2025-06-03T11:20:32.917Z"},
		{name: "or as when it was processed", want: "2025-06-03T11:20:41.003Z"},
		{name: "or as its note", with: map[string]any{"Note": map[string]any{"UpdatedAt": "2025-06-03T11:20:48Z"}}, want: "2025-06-03T11:20:48Z"},
		{name: "a note from the future says nothing", with: map[string]any{"Note": map[string]any{"UpdatedAt": "2925-06-03T11:20:48Z"}}, want: "2025-06-03T11:20:41.003Z"},
		{name: "nor does one that was processed there", with: map[string]any{"ProcessedAt": "2925-06-03T11:20:48Z"}, want: "2025-06-03T11:20:32.917Z"},
		{name: "a finding without a workflow yields to any", with: map[string]any{"Workflow": nil, "WorkflowState": nil}, want: "1970-01-01T00:00:00Z"},
		{name: "an answer of Security Hub may be five minutes old", with: map[string]any{"ProcessedAt": "2025-06-01T00:00:00Z"}, live: true, want: "2025-06-03T11:15:50Z"},
		{name: "unless it was processed since", live: true, want: "2025-06-03T11:20:41.003Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, err := fromASFF(asffWith(t, tt.with), origin{at: received, live: tt.live})
			if got := o.WorkflowAt.Format(time.RFC3339Nano); err != nil || got != tt.want {
				t.Errorf("WorkflowAt = %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestAFileDoesNotUndoWhatAPersonSaid(t *testing.T) {
	t.Parallel()
	scan, _ := Decode("f", received.Add(24*time.Hour), fixture(t, "prowler_asff.json"))
	f := asr.Finding{}
	f.Observe(asr.Observation{ID: scan[0].ID, Workflow: asr.Workflow{Status: asr.WorkflowSuppressed, WorkflowAt: received}, At: received})
	if _, workflow := f.Observe(scan[0]); workflow || f.Status != asr.WorkflowSuppressed {
		t.Errorf("status %s after a file that knows none", f.Status)
	}
}

func TestTimesAreReadAsWritten(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`"2025-06-03T11:20:45Z"`:                "2025-06-03T11:20:45Z",
		`"2025-06-03T11:20:45.123456789+02:00"`: "2025-06-03T09:20:45.123456789Z",
		`"2025-06-03T11:20:45+0200"`:            "2025-06-03T09:20:45Z",
		`"2025-06-03T11:20:45.123456"`:          "2025-06-03T11:20:45.123456Z",
		`"2025-06-03 11:20:45.5"`:               "2025-06-03T11:20:45.5Z",
		`1748949645`:                            "2025-06-03T11:20:45Z",
		`1748949645.25`:                         "2025-06-03T11:20:45.25Z",
		`1748949645123`:                         "2025-06-03T11:20:45.123Z",
		`"1748949645123"`:                       "2025-06-03T11:20:45.123Z",
		`null`:                                  "0001-01-01T00:00:00Z",
		`""`:                                    "0001-01-01T00:00:00Z",
		`-5`:                                    "odd -5",
		`1e300`:                                 "odd 1e300",
		`{"a":1}`:                               `odd {"a":1}`,
		`"soon"`:                                "odd soon",
	} {
		var m moment
		if err := json.Unmarshal([]byte(raw), &m); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		got := m.Format(time.RFC3339Nano)
		if m.odd != "" {
			got = "odd " + m.odd
		}
		if got != want {
			t.Errorf("%s = %s, want %s", raw, got, want)
		}
	}
}

func TestStandardsNumbersAreFoundInEveryForm(t *testing.T) {
	t.Parallel()
	cis := asr.Standard{Name: "cis-aws-foundations-benchmark", Version: "1.2.0", Control: "1.3"}
	for text, want := range map[string]asr.Standard{
		"arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0/rule/1.3":                                   cis,
		"arn:aws-us-gov:securityhub:us-gov-east-1:1:subscription/cis-aws-foundations-benchmark/v/1.2.0/1.3/finding/5f-7": cis,
		"arn:aws-cn:securityhub:cn-north-1:1:control/cis-aws-foundations-benchmark/v/1.2.0/1.3":                          cis,
		"cis-aws-foundations-benchmark/v/1.2.0/1.3":                                                                      cis,
		"arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0/1.3":                                        cis,
		"nist-800-53/v/5.0.0/S3.1": {Name: "nist-800-53", Version: "5.0.0", Control: "S3.1"},
		"security-control/S3.1":    {},
		"arn:aws:securityhub:us-east-1:1:security-control/S3.1/finding/1": {},
		"":            {},
		"/v//":        {},
		"/":           {},
		"a/v/1/b/c/d": {},
		strings.Repeat("a", 3000) + "/v/1.0.0/S3.1": {},
	} {
		if got := standardOf(text); got != want {
			t.Errorf("standardOf(%.80q) = %v, want %v", text, got, want)
		}
	}
	if got := controlOf("x", "security-control/S3.1", "security-control/S3.2"); got != "S3.1" {
		t.Errorf("controlOf = %q, want S3.1", got)
	}
}

func TestWhatAPersonChangesIsNoEcho(t *testing.T) {
	t.Parallel()
	ours := asr.Note{Text: "fixed", By: asr.NoteAuthor}
	set := map[string]string{asr.FieldRun: "r1", asr.FieldWorkflow: "NOTIFIED"}
	for _, tt := range []struct {
		name string
		w    asr.Workflow
		want bool
	}{
		{name: "our own report", w: asr.Workflow{Status: "NOTIFIED", Note: ours, UserFields: set}, want: true},
		{name: "our own report that left the status", w: asr.Workflow{Status: "NEW", Note: ours}, want: true},
		{name: "somebody suppressed it since", w: asr.Workflow{Status: "SUPPRESSED", Note: ours, UserFields: set}},
		{name: "somebody wrote another note", w: asr.Workflow{Status: "NOTIFIED", Note: asr.Note{By: "jsmith"}, UserFields: set}},
	} {
		if got := tt.w.Echo(); got != tt.want {
			t.Errorf("%s: Echo = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestTagsOfAnyFormAreRead(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]tags{
		`{"a":"b","n":1,"x":null}`: {"a": "b", "n": "1", "x": ""},
		`{}`:                       {},
		`[]`:                       nil,
		`null`:                     nil,
		`"a"`:                      nil,
		`[{"name":"a","value":"b"},{"Key":"c","Value":"d"},{},7,[]]`: {"a": "b", "c": "d"},
		`[{"name":"a","values":["b","c"]}]`:                          {"a": "b"},
		`["a:b:c","aws:x:y:z","bare"]`:                               {"a": "b:c", "aws:x:y": "z", "bare": ""},
	} {
		var got tags
		if err := json.Unmarshal([]byte(raw), &got); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", raw, diff)
		}
	}
}
