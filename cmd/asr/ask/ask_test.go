package ask

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/asr"
)

var ada = asr.Actor{Kind: "person", Name: "arn:aws:sts::111111111111:assumed-role/ops/ada", Verified: true}

func TestWhatTheARNLeavesOutIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	for resource, want := range map[string][2]string{
		"arn:aws:s3:::b": {"111111111111", "eu-west-1"}, "arn:aws:logs:us-east-1:222222222222:log-group:/a": {"", ""},
		"arn:aws:iam::222222222222:user/x": {"", "eu-west-1"}, "": {"111111111111", "eu-west-1"}, "db-X": {"111111111111", "eu-west-1"},
		"a:b:c:d:e:f": {"111111111111", "eu-west-1"}, // no ARN
	} {
		asks, err := Words{Control: "C", Resource: resource, Home: "eu-west-1"}.Asks(ada)
		if err != nil || len(asks) != 1 || [2]string{asks[0].Account, asks[0].Region} != want {
			t.Errorf("%q: %+v, %v; want %v", resource, asks, err, want)
		}
	}
}

func TestAParameterThatCantBeMeantIsAnError(t *testing.T) {
	t.Parallel()
	for _, given := range [][]string{{"x"}, {"=1"}, {""}, {"a=1", "a=2"}, {strings.Repeat("\x1b", 10000)}} {
		if _, err := Params(given); asr.Classify(err) != asr.CodeBadInput || asr.Advice(err) == "" || strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 500 {
			t.Errorf("%.60q: %v", given, err)
		}
	}
}

func FuzzAsks(f *testing.F) {
	f.Add("S3.5", "arn:aws:s3:::b", "", "", "days=90\nports=[22,3389]\nname=a=b")
	f.Add("", "arn:aws-cn:logs:cn-north-1:1:x", "1", "x", "a\n=")
	f.Add("C", "arn:::::", "", "", "a={\na=[[[[\nb=\"\\ud800\"\nc=1e999\nd=\x1b[2J\u202e\xff")
	f.Fuzz(func(t *testing.T, control, resource, account, region, params string) {
		w := Words{Control: control, Resource: resource, Account: account, Region: region, Params: strings.Split(params, "\n"), Findings: []string{"f"}, Home: "eu-west-1"}
		if params == "" {
			w.Params = nil
		}
		asks, err := w.Asks(ada)
		if err != nil {
			if asr.Classify(err) != asr.CodeBadInput || asr.Advice(err) == "" || asr.Line(err.Error()) != err.Error() {
				t.Fatalf("error %q (%s)", err, asr.Advice(err))
			}
			return
		}
		if len(asks) != 1 || len(asks[0].Params) != len(w.Params) || (control == "") == (asks[0].Finding == "") {
			t.Fatalf("%+v became %+v", w, asks)
		}
		if asks[0].Resource.ID != resource && control != "" || account != "" && control != "" && asks[0].Account != account {
			t.Fatalf("%+v became %+v", w, asks)
		}
		for name, v := range asks[0].Params {
			if !json.Valid(v) {
				t.Fatalf("%q = %q", name, v)
			}
			value := w.Params[slices.IndexFunc(w.Params, func(p string) bool { return strings.HasPrefix(p, name+"=") })][len(name)+1:]
			var text string
			if string(v) != value && (json.Unmarshal(v, &text) != nil || utf8.ValidString(value) && text != value) {
				t.Fatalf("%q = %q became %s", name, value, v)
			}
		}
	})
}
