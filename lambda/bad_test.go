package lambda_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/securityhub"
	"github.com/aws/aws-lambda-go/events"
)

// finding is one in the AWS Security Finding Format.
func finding(id, resource string) string {
	doc, _ := json.Marshal(map[string]any{
		"SchemaVersion": "2018-10-08", "Id": id, "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub", "AwsAccountId": account, "Region": "eu-west-1",
		"Title": "t", "UpdatedAt": "2026-03-01T11:00:00Z", "Severity": map[string]any{"Label": "HIGH"}, "Workflow": map[string]any{"Status": "NEW"}, "RecordState": "ACTIVE",
		"Compliance": map[string]any{"Status": "FAILED", "SecurityControlId": enginetest.Control}, "Resources": []any{map[string]any{"Id": resource, "Type": "X"}},
	})
	return string(doc)
}

// imported is Security Hub's event of findings.
func imported(findings ...string) string {
	return `{"id":"e-1","source":"aws.securityhub","detail-type":"Security Hub Findings - Imported","account":"` + account + `","time":"2026-03-01T11:30:00Z","detail":{"findings":[` + strings.Join(findings, ",") + `]}}`
}

func message(n int, body string) events.SQSMessage {
	return events.SQSMessage{MessageId: fmt.Sprintf("m-%d", n), Body: body}
}

// realWorld is the handlers with the product's own decoder.
func realWorld(t *testing.T) *world {
	w := newWorld(t, asr.ModeAsk)
	w.config.Decode = securityhub.Decode
	w.rebuild()
	return w
}

func TestABadFindingIsKeptWithTheReasonAndCostsNoOther(t *testing.T) {
	t.Parallel()
	const at = "arn:aws:test:eu-west-1:" + account + ":"
	good := finding("good", at+"good")
	for name, row := range map[string]struct{ body, reason string }{
		"truncated":          {imported(finding("bad", at+"bad"))[:300], "it ends too early"},
		"10 MB":              {imported(strings.Replace(finding("bad", at+"bad"), `"t"`, `"`+strings.Repeat("x", 10<<20)+`"`, 1)), "bytes, and at most"},
		"10 MB of spaces":    {strings.Repeat(" ", 10<<20) + "x", "neither a finding nor a list"},
		"deeply nested":      {imported(strings.Replace(finding("bad", at+"bad"), `"t"`, strings.Repeat("[", 5000)+strings.Repeat("]", 5000), 1)), "nested deeper than 100 levels"},
		"never closed":       {strings.Repeat(`{"a":`, 1<<20), "it ends too early"},
		"control characters": {imported(finding("bad\x1b[2J\n", at+"bad")), "Id contains control characters"},
		"no account":         {imported(strings.Replace(finding("bad", at+"bad"), account, "1111", 1)), `AwsAccountId is "1111": an account id has 12 digits`},
		"no resource":        {imported(strings.Replace(finding("bad", at+"bad"), `"Resources":[{`, `"Resources":[],"x":[{`, 1)), "Resources is missing"},
		"no time":            {imported(strings.Replace(finding("bad", at+"bad"), "2026-03-01T11:00:00Z", "soon", 1)), `UpdatedAt is "soon", which is no time`},
		"the future":         {imported(strings.Replace(finding("bad", at+"bad"), "2026-03-01T11:00:00Z", "2027-03-01T11:00:00Z", 1)), "which is in the future"},
		"another source":     {strings.Replace(imported(finding("bad", at+"bad")), "aws.securityhub", "evil", 1), `source is "evil"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := realWorld(t)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			if again := w.ingest(message(1, row.body), message(2, imported(good)), message(3, row.body)); again != "" {
				t.Errorf("comes again: %s", again)
			}
			runtime.ReadMemStats(&after)
			if took, used := time.Since(start), after.TotalAlloc-before.TotalAlloc; took > 30*time.Second || used > 1<<30 {
				t.Errorf("took %s and %d MB", took, used>>20)
			}
			if _, err := w.store.Finding(t.Context(), "good"); err != nil {
				t.Errorf("the good one: %v", err)
			}
			if f, err := w.store.Finding(t.Context(), "bad"); !errors.Is(err, asr.ErrNotFound) {
				t.Errorf("the bad one was taken: %+v %v", f, err)
			}
			kept, err := w.store.Rejected(t.Context(), 0)
			if err != nil || len(kept) != 1 || !strings.Contains(kept[0].Reason, row.reason) || len(kept[0].Body) > 4096 || len(kept[0].Reason) > 500 {
				t.Errorf("kept %d: %.500v %v, want one: %s", len(kept), kept, err, row.reason)
			}
		})
	}
}

func TestARequestThatCantBeReadIsKeptInShortAndAsText(t *testing.T) {
	t.Parallel()
	w := realWorld(t)
	w.config.Request = func(body []byte) (asr.Ask, error) { return asr.Ask{}, fmt.Errorf("unknown field %s", body) }
	w.rebuild()
	for i := range 4 { // a letter is cut through
		w.ingest(message(i, `{"source":"asr.runbook","detail":"`+strings.Repeat("x", i)+strings.Repeat("ü\xff\x1b", 5000)+`"}`))
	}
	kept, err := w.store.Rejected(t.Context(), 0)
	if err != nil || len(kept) == 0 {
		t.Fatal(kept, err)
	}
	for _, r := range kept {
		if len(r.Reason) > 2000 || len(r.Body) > 4096 || r.Body != strings.ToValidUTF8(r.Body, "") || r.Reason != asr.Line(r.Reason) {
			t.Errorf("kept %d and %d bytes: %.80q", len(r.Reason), len(r.Body), r.Reason)
		}
	}
}

func TestWithinOneEventABadFindingCostsNoOther(t *testing.T) {
	t.Parallel()
	const at = "arn:aws:test:eu-west-1:" + account + ":"
	w := realWorld(t)
	bad := finding("bad", "")
	body := imported(bad, finding("a", at+"a"), "null", strings.ReplaceAll(finding("b??", at+"b??"), "??", "\xff"), `{"Id":[[[]]]}`, finding("c", at+"c"))
	if again := w.ingest(message(1, body)); again != "" {
		t.Fatalf("again %s", again)
	}
	all, _, err := w.store.Findings(t.Context(), asr.FindingQuery{})
	if err != nil || len(all) != 3 {
		t.Errorf("taken: %d, %v", len(all), err)
	}
	kept, err := w.store.Rejected(t.Context(), 0)
	if err != nil || len(kept) != 3 {
		t.Errorf("kept: %+v, %v", kept, err)
	}
}

func TestFindingsThatComeTwiceOrInAnotherOrderEndTheSame(t *testing.T) {
	t.Parallel()
	const at = "arn:aws:test:eu-west-1:" + account + ":"
	failed := finding("f", at+"s")
	passed := strings.NewReplacer("FAILED", "PASSED", "2026-03-01T11:00:00Z", "2026-03-01T11:10:00Z").Replace(failed)
	passed, failed = strings.Replace(imported(passed), "11:30", "11:40", 1), imported(failed)
	for name, order := range map[string][]string{"in order": {failed, passed}, "reordered": {passed, failed}, "twice": {failed, failed, passed, passed, failed}} {
		w := realWorld(t)
		var messages []events.SQSMessage
		for i, body := range order {
			messages = append(messages, message(i, body))
		}
		if again := w.ingest(messages...); again != "" {
			t.Errorf("%s: again %s", name, again)
		}
		f, err := w.store.Finding(t.Context(), "f")
		want := asr.CompliancePassed
		if name == "reordered" { // what passes and never failed isn't kept: the run that starts now looks at the resource itself
			want = asr.ComplianceFailed
		}
		if err != nil || f.Compliance != want {
			t.Errorf("%s: %s, %v", name, f.Compliance, err)
		}
		if all, _, err := w.store.Runs(t.Context(), asr.RunQuery{}); err != nil || len(all) > 1 {
			t.Errorf("%s: %d runs, %v", name, len(all), err)
		}
	}
}
