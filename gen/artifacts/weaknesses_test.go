package main

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestATestsNameBecomesASentence(t *testing.T) {
	for test, want := range map[string]string{
		"TestAnASFFEventIsTakenWhole":                    "An ASFF event is taken whole",
		"TestDuplicatesCostNothing":                      "Duplicates cost nothing",
		"TestWhatAWSAnswersDecidesHowARunEnds":           "What AWS answers decides how a run ends",
		"TestLogicalIDsAreReadable":                      "Logical IDs are readable",
		"TestPolicyHasAtMost2048Characters":              "Policy has at most 2048 characters",
		"TestMemberAAsksForMemberBAndIsRefused":          "Member a asks for member B and is refused",
		"TestAnIDIsTaken":                                "An ID is taken",
		"TestNamesFitSTS":                                "Names fit STS",
		"FuzzParseCursor":                                "Parse cursor",
		"TestTheSecurityHubV2RuleIsMade":                 "The security hub V2 rule is made",
		"TestOneAccountSettingReportedInSeventeenIsARun": "One account setting reported in seventeen is a run",
	} {
		if got := sentence(test); got != want {
			t.Errorf("%s: %q, want %q", test, got, want)
		}
	}
}

func TestTagsAboveTestsAreFound(t *testing.T) {
	got, err := claims(fstest.MapFS{
		"a/one_test.go":      {Data: []byte("package a\n\n// covers: W1, O2\nfunc TestOne(t *testing.T) {}\n\n// TestTwo does.\n// covers: W1\nfunc TestTwo(t *testing.T) {}\n")},
		"a/one.go":           {Data: []byte("package a\n\n// covers: W9\nfunc TestNo() {}\n")},
		"testdata/x_test.go": {Data: []byte("package a\n\n// covers: W9\nfunc TestNo() {}\n")},
		".venv/x_test.go":    {Data: []byte("package a\n\n// covers: W9\nfunc TestNo() {}\n")},
	})
	var said []string
	for _, c := range got {
		said = append(said, c.file+" "+c.test+" "+c.id)
	}
	if diff := cmp.Diff([]string{"a/one_test.go TestOne W1", "a/one_test.go TestOne O2", "a/one_test.go TestTwo W1"}, said); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, misplaced := range []string{"// covers: W1\n\nfunc TestOne() {}", "// covers: W1\nfunc helper() {}", "func TestOne() {\n\t// covers: W1\n}"} {
		if _, err := claims(fstest.MapFS{"a_test.go": {Data: []byte("package a\n\n" + misplaced + "\n")}}); err == nil || !strings.Contains(err.Error(), "a_test.go:") {
			t.Errorf("%q: %v, want an error with its place", misplaced, err)
		}
	}
}

func TestAWeaknessNeedsATestOrAReason(t *testing.T) {
	test := claim{proof: proof{"TestIt", "it_test.go"}, id: "W1"}
	for name, row := range map[string]struct {
		list   string
		claims []claim
		want   string // "": it is as it should be
	}{
		"a test":              {"{id: W1, what: x}", []claim{test}, ""},
		"a reason":            {"{id: W1, what: x, moot: y}", nil, ""},
		"what is missing":     {"{id: W1, what: x, open: y}", nil, ""},
		"both":                {"{id: W1, what: x, open: y}", []claim{test}, ""},
		"as far as it goes":   {"{id: W1, what: x, untold: y}", []claim{test}, ""},
		"nothing but that":    {"{id: W1, what: x, untold: y}", nil, "W1 (x) has no test"},
		"neither":             {"{id: W1, what: x}", nil, "W1 (x) has no test"},
		"moot, and tested":    {"{id: W1, what: x, moot: y}", []claim{test}, "W1 is moot"},
		"an unknown weakness": {"{id: W2, what: x, moot: y}", []claim{test}, "TestIt covers W1, which weaknesses.yaml doesn't know"},
		"one id twice":        {"{id: W1, what: x, moot: y}, {id: W1, what: x, moot: y}", nil, "W1 is there twice"},
		"nothing said":        {"{id: W1, moot: y}", nil, "says not what goes wrong"},
	} {
		sections, err := parse([]byte("- title: T\n  intro: I.\n  weaknesses: [" + row.list + "]\n"))
		if err != nil {
			t.Fatal(err)
		}
		if err := join(sections, row.claims); (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
	if _, err := parse([]byte("- title: T\n  weakness: []\n")); err == nil {
		t.Error("a misspelt field is taken")
	}
}

func TestThePageSaysWhatIsOpen(t *testing.T) {
	sections, err := parse([]byte("- title: Runs\n  intro: What drives them.\n  weaknesses: [{id: W1, what: a | b, untold: g}, {id: W2, what: c, open: d}, {id: W3, what: e, moot: f}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := join(sections, []claim{{proof: proof{"TestItHolds", "x/it_test.go"}, id: "W1"}, {proof: proof{"TestPart", "p_test.go"}, id: "W2"}}); err != nil {
		t.Fatal(err)
	}
	got := string(page(sections))
	for _, want := range []string{
		"1 are shown not to happen (1 as far as AWS tells), 1 can't exist here, **1 are open**.", "## Runs\n\nWhat drives them.\n",
		`| W1 | a \| b | x: [It holds](../../x/it_test.go)<br>AWS doesn't tell: g |`, "| W2 | c | asr: [Part](../../p_test.go)<br>**open**: d |", "| W3 | e | can't exist: f |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q:\n%s", want, got)
		}
	}
}
