package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"example.com/asr"
	"example.com/asr/audit"
	"example.com/asr/cost"
	"example.com/asr/policy"
	"example.com/asr/render"
	"example.com/asr/server"
)

// hostile are names that somebody may give to what asr shows.
var hostile = []string{
	"x\nasr: all is well\r\nRun r-1: verified", "x\x1b[2J\x1b]0;title\a\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
	"\u009b31mx\u009d0;t\u009c\x7f\x08\x08\x00", "x\u202egpj.\u2066\u200b\ufeff\u00ad\u2028\u2029\u0085\v\f", "x\xff\xfe\xed\xa0\x80\U000e0041",
	"=HYPERLINK(\"http://evil.example\")", "+cmd|'/C calc'!A0", "@SUM(1,1)", "<script>alert(1)</script>", "%s%n%!d(MISSING)",
	"arn:aws-cn:s3:::x\t\t", "arn:aws-us-gov:iam::111111111111:role/x", "arn:aws-evil:s3:::x", strings.Repeat("x\n", 5000),
}

// plant fills every text in v, however deep, with the name.
func plant(v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(name)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		plant(v.Elem(), name)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() && v.Type() != reflect.TypeFor[time.Time]() {
				plant(f, name)
			}
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			doc, _ := json.Marshal(map[string]string{name: name})
			v.SetBytes(doc)
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			plant(v.Index(i), name)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		plant(key, name)
		plant(value, name)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	}
}

func planted[T any](name string) (v T) {
	plant(reflect.ValueOf(&v).Elem(), name)
	return v
}

// shown is all that the commands print of data, by what prints it.
func shown(a *app, name string) map[string]func() error {
	run, again := planted[asr.Run](name), planted[asr.Run](name)
	run.Undo.Refused, run.State = nil, asr.StateReverted
	again.Plan.Changes[0].Keep = ""
	ended := planted[intake](name)
	err := &asr.Error{Code: asr.CodeAWS, Message: name, Do: name}
	text := func(f func()) func() error { return func() error { f(); return nil } }
	return map[string]func() error{
		"runs":    func() error { return a.printRuns([]asr.Run{run, again}) },
		"detail":  func() error { d := planted[server.Detail](name); return a.print(d, func() { a.printDetail(d) }) },
		"reverse": text(func() { a.printReverse(again) }),
		"findings": func() error {
			all := planted[[]asr.Finding](name)
			return a.print(all, func() { a.printFindings(all) })
		},
		"finding": text(func() { a.printFinding(planted[asr.Finding](name), []asr.Run{run}) }),
		"intake":  func() error { return a.follow(context.Background(), nil, &ended, true) },
		"rejected": func() error {
			all := planted[[]asr.Rejected](name)
			return a.print(all, func() { a.printRejected(all) })
		},
		"audit":     text(func() { a.printAudit(planted[audit.Report](name)) }),
		"problems":  text(func() { a.printProblems(planted[[]policy.Problem](name)) }),
		"explained": text(func() { a.text(planted[policy.Explanation](name).String()) }),
		"kill":      func() error { return a.printKill(name) },
		"doctor":    text(func() { a.printChecked(planted[[]checked](name)) }),
		"controls":  text(func() { a.printControls(planted[[]render.Row](name)) }),
		"bill":      text(func() { a.printBill(planted[cost.Bill](name)) }),
		"spec": text(func() {
			a.printSpec(asr.Remediation{Spec: planted[asr.Spec](name), Controls: planted[map[string]json.RawMessage](name), Schema: json.RawMessage(`{"properties":{"a":{"description":"\u001b[2J\n"}}}`)})
		}),
		"error":      text(func() { a.complain(err) }),
		"mistakes":   text(func() { a.complain(errors.Join(err, err)) }),
		"imported":   text(func() { a.note("! %s", name) }),
		"bad usage":  text(func() { a.complain(command(a, "runs", "list", "--state", name)) }),
		"no command": text(func() { a.complain(command(a, name)) }),
		"no run":     text(func() { a.complain(command(a, "--data", name+"\x00", "runs", "show", name)) }),
	}
}

func command(a *app, args ...string) error {
	cmd := root(&app{out: a.out, errs: a.errs}) // it sets all flags to what they are by default
	cmd.SetArgs(args)
	return cmd.Execute()
}

// covers: A20
func TestNoNameSteersTheTerminalOrLooksLikeALine(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{false, true} {
		lines := map[string]int{}
		for i, name := range append([]string{"harmless"}, hostile...) {
			var out bytes.Buffer
			a := &app{out: &out, errs: &out, json: asJSON}
			for what, show := range shown(a, name) {
				out.Reset()
				if err := show(); err != nil {
					t.Fatal(what, err)
				}
				if bad := strings.IndexFunc(out.String(), steers); bad >= 0 {
					t.Errorf("%s lets %q through: …%q", what, name, out.String()[bad:min(bad+20, out.Len())])
				}
				n := strings.Count(out.String(), "\n")
				if i == 0 && out.Len() > 0 {
					lines[what] = n
				}
				if n != lines[what] {
					t.Errorf("%s prints %d lines instead of %d for %.60q", what, n, lines[what], name)
				}
			}
		}
	}
}

func steers(r rune) bool {
	return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
}

func TestJSONSaysTheVeryNames(t *testing.T) {
	t.Parallel()
	for _, name := range hostile {
		var out bytes.Buffer
		a := &app{out: &out, json: true}
		name = strings.ToValidUTF8(name, "\ufffd")
		if err := a.print(map[string]string{"name": name}, nil); err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["name"] != name {
			t.Errorf("got %q, %v; want %q", got["name"], err, name)
		}
	}
}

// What writes to the terminal past output.go would not be looked at here.
func TestAllOutputGoesOneWay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if file == "output.go" || file == "progress.go" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, way := range []string{"fmt.Print", "fmt.Fprint", "out.Write(", "errs.Write(", "io.WriteString(", "os.Stdout.", "os.Stderr.", "println("} {
			if strings.Contains(string(source), way) {
				t.Errorf("%s has %s: use line, note, text, print or table", file, way)
			}
		}
	}
}

// aFinding is one in the AWS Security Finding Format, as JSON.
func aFinding(id, resource, title string) string {
	doc, _ := json.Marshal(map[string]any{
		"SchemaVersion": "2018-10-08", "Id": id, "ProductArn": "arn:aws:securityhub:us-east-1::product/aws/securityhub", "AwsAccountId": "111111111111", "Region": "us-east-1",
		"Title": title, "UpdatedAt": "2026-03-01T11:00:00Z", "Severity": map[string]any{"Label": "HIGH"}, "Compliance": map[string]any{"Status": "FAILED", "SecurityControlId": "S3.5"},
		"Note": map[string]any{"Text": title, "UpdatedBy": title}, "Resources": []any{map[string]any{"Id": resource, "Type": title, "Tags": map[string]string{title: title}}},
	})
	return string(doc)
}

// asrSays runs the product on a data folder of its own.
func asrSays(t *testing.T, dir string, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	code := run(append([]string{"--data", dir}, args...), strings.NewReader(""), &out, &out)
	if bad := strings.IndexFunc(out.String(), steers); bad >= 0 {
		t.Errorf("%v lets through %q", args, out.String()[bad:min(bad+20, out.Len())])
	}
	return out.String(), code
}

// covers: A20
func TestHostileFindingsAreTakenAndShownInert(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	dir := t.TempDir()
	var all []string
	for i, name := range hostile {
		id := "arn:aws:securityhub:us-east-1:111111111111:finding/" + string(rune('a'+i))
		all = append(all, aFinding(id, "arn:aws:s3:::b"+string(rune('a'+i)), name), aFinding(id+"\u202e", "x\u200b"+strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return -1
			}
			return r
		}, name[:min(len(name), 900)]), name))
	}
	file := filepath.Join(dir, "all.json")
	if err := os.WriteFile(file, []byte("["+strings.Join(all, ",")+"]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, code := asrSays(t, dir, "findings", "import", "--take-only", file); code != 0 || !strings.Contains(said, "28 new, 0 updated, 0 known already, 0 rejected") {
		t.Fatalf("exit %d: %s", code, said)
	}
	said, _ := asrSays(t, dir, "findings", "list")
	if n := strings.Count(said, "\n"); n != len(all)+1 {
		t.Errorf("%d findings in %d lines", len(all), n)
	}
	for i := range hostile {
		id := "arn:aws:securityhub:us-east-1:111111111111:finding/" + string(rune('a'+i))
		if said, code := asrSays(t, dir, "findings", "show", id); code != 0 || strings.Count(said, "\n") > 11 {
			t.Errorf("exit %d: %.2000s", code, said)
		}
	}
	asrSays(t, dir, "findings", "list", "--json")
	asrSays(t, dir, "findings", "show", "\x1b[2J\u202e\n")
	asrSays(t, dir, "explain", "S3.\x1b[2J")
	asrSays(t, dir, "--policy", file+"\x1b", "policy", "lint")
}

func TestABadFileIsRejectedWithTheReasonAndTheRestTaken(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	good := aFinding("good", "arn:aws:s3:::good", "t")
	for name, row := range map[string]struct{ body, want, why string }{
		"truncated":      {"[" + good + "," + good[:100], "1 new, 0 updated, 0 known already, 1 rejected", "findings[1]: it ends too early"},
		"twice":          {good + "\n" + good + "\n[" + good + "]", "1 new, 0 updated, 2 known already, 0 rejected", ""},
		"10 MB":          {"[" + good + "," + strings.Replace(good, `"t"`, `"`+strings.Repeat("x", 10<<20)+`"`, 1) + "]", "1 new, 0 updated, 0 known already, 1 rejected", "bytes, and at most"},
		"deeply nested":  {"[" + strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000) + "," + good + "]", "1 new, 0 updated, 0 known already, 1 rejected", "nested deeper than 100 levels"},
		"invalid UTF-8":  {"[" + strings.Replace(good, `"t"`, "\"\xff\xfe\"", 1) + "]", "1 new, 0 updated, 0 known already, 0 rejected", ""},
		"not JSON":       {"hello\x1b[2J", "0 new, 0 updated, 0 known already, 1 rejected", "neither a finding nor a list"},
		"nothing":        {"", "0 new, 0 updated, 0 known already, 1 rejected", "there is nothing in it"},
		"10,000 at once": {"[" + strings.Repeat("{},", 10000) + good + "]", "1 new, 0 updated, 0 known already, 1 rejected", "no finding in ASFF or OCSF"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "f.json")
			if err := os.WriteFile(file, []byte(row.body), 0o600); err != nil {
				t.Fatal(err)
			}
			if said, code := asrSays(t, dir, "findings", "import", "--take-only", file); code != 0 || !strings.Contains(said, row.want) {
				t.Errorf("exit %d: %.300q, want %s", code, said, row.want)
			}
			if said, _ := asrSays(t, dir, "findings", "rejected"); !strings.Contains(said, row.why) {
				t.Errorf("why: %.300q, want %s", said, row.why)
			}
		})
	}
}
