package ssmdoc

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

const status = `{"version":"0","id":"d290ece9-1088-4383-9df6-cd5b4ac42b99","detail-type":"EC2 Automation Execution Status-change Notification","source":"aws.ssm",
"account":"222222222222","time":"2026-03-01T12:00:00Z","region":"eu-west-1","resources":["arn:aws:ssm:eu-west-1:222222222222:automation-execution/333ba70b-2333-48db-b17e-a5e69c6f4d1c"],
"detail":{"ExecutionId":"333ba70b-2333-48db-b17e-a5e69c6f4d1c","Definition":"House","DefinitionVersion":1.0,"Status":"Success","StartTime":"Mar 1, 2026 11:59:20 AM","EndTime":"Mar 1, 2026 12:00:00 PM",
"Time":5753.0,"ExecutedBy":"arn:aws:sts::222222222222:assumed-role/asr-member/r-06dq3k8v2m0g"}}`

func TestAnEventNamesTheRunThatStartedTheExecution(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, old, replacement, run string }{
		{"ended well", "", "", "r-06dq3k8v2m0g"},
		{"ended badly", `"Status":"Success"`, `"Status":"TimedOut"`, "r-06dq3k8v2m0g"},
		{"a status that AWS adds later", `"Status":"Success"`, `"Status":"Invented"`, "r-06dq3k8v2m0g"},
		{"in China", "arn:aws:sts", "arn:aws-cn:sts", "r-06dq3k8v2m0g"},
		{"it runs", `"Status":"Success"`, `"Status":"InProgress"`, ""},
		{"a person's", "assumed-role/asr-member/r-06dq3k8v2m0g", "assumed-role/Admin/ada", ""},
		{"a user's", "sts::222222222222:assumed-role/asr-member/", "iam::222222222222:user/", ""},
		{"a session of another account", "sts::222222222222", "sts::333333333333", ""},
		{"an envelope of another account", `"account":"222222222222"`, `"account":"333333333333"`, ""},
		{"of a step", "Automation Execution Status", "Automation Step Status", ""},
		{"of somebody else", `"source":"aws.ssm"`, `"source":"house"`, ""},
		{"no event", "{", "", ""},
		{"no detail", `"detail":{`, `"detail":7,"x":{`, ""},
	} {
		run, account, ok := Event([]byte(strings.Replace(status, row.old, row.replacement, 1)))
		if run != row.run || ok != (row.run != "") || ok != (account == "222222222222") {
			t.Errorf("%s: %q, %q, %v", row.name, run, account, ok)
		}
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(status))
	f.Add([]byte(`{"source":"aws.ssm","detail":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		run, account, ok := Event(raw)
		if ok != strings.HasPrefix(run, "r-") || ok != accountForm.MatchString(account) {
			t.Fatalf("%q, %q, %v", run, account, ok)
		}
	})
}

const asked = `{"version":"0","id":"1","detail-type":"asr remediation request","source":"asr.runbook","account":"222222222222","time":"2026-03-01T12:00:00Z","region":"eu-west-1","resources":[],
"detail":{"control":"EC2.18","execution":"333ba70b-2333-48db-b17e-a5e69c6f4d1c","finding":"","parameters":{"allowTCP":"80, 443","days":"30","strict":"true","name":"","text":"x\u00e9"},
"region":"eu-west-1","remediation":"ec2-close-ports","resource":"arn:aws:ec2:eu-west-1:222222222222:security-group/sg-1"}}`

var unit = asr.Remediation{
	Spec:   asr.Spec{ID: "ec2-close-ports"},
	Schema: json.RawMessage(`{"properties":{"allowTCP":{"type":"array","items":{"type":"string"}},"days":{"type":"integer"},"strict":{"type":"boolean"},"text":{"type":"string"},"ports":{"type":"array","items":{"type":"integer"}}}}`),
}

func TestARequestBecomesTheEngines(t *testing.T) {
	t.Parallel()
	ask, err := Requests([]asr.Remediation{unit})([]byte(asked))
	if err != nil {
		t.Fatal(err)
	}
	execution := "333ba70b-2333-48db-b17e-a5e69c6f4d1c"
	want := asr.Ask{
		Actor:   asr.Actor{Kind: "runbook", Name: "arn:aws:ssm:eu-west-1:222222222222:automation-execution/" + execution},
		Control: "EC2.18", Account: "222222222222", Region: "eu-west-1", Resource: asr.Resource{ID: "arn:aws:ec2:eu-west-1:222222222222:security-group/sg-1"},
		Params: map[string]json.RawMessage{"allowTCP": []byte(`["80","443"]`), "days": []byte(`30`), "strict": []byte(`true`), "text": []byte(`"xé"`)},
		Reply:  &asr.Reply{Account: "222222222222", Region: "eu-west-1", Execution: execution},
	}
	if diff := cmp.Diff(want, ask); diff != "" {
		t.Error(diff)
	}
	byFinding := strings.Replace(strings.Replace(asked, `"finding":""`, `"finding":"arn:aws:securityhub:eu-west-1:222222222222:security-control/EC2.18/finding/1"`, 1), `"resource":"arn:aws:ec2:eu-west-1:222222222222:security-group/sg-1"`, `"resource":""`, 1)
	if ask, err = Requests(nil)([]byte(byFinding)); err != nil || !strings.HasSuffix(ask.Finding, "finding/1") || ask.Resource.ID != "" || ask.Account != "222222222222" {
		t.Errorf("by finding: %+v, %v", ask, err)
	}
	for text, kind := range map[string]property{`"x"`: {Type: "integer"}, `[1,2]`: {Type: "array", Items: &property{Type: "integer"}}} {
		given := map[string]string{`"x"`: "x", `[1,2]`: "1,2"}[text]
		if got := string(kind.json(given)); got != text {
			t.Errorf("%s as %s: %s", given, kind.Type, got)
		}
	}
}

// covers: A3
func TestMemberAAsksForMemberBAndIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"a resource of B":             {"222222222222:security-group", "333333333333:security-group"},
		"B itself":                    {"arn:aws:ec2:eu-west-1:222222222222:security-group/sg-1", "AWS::::Account:333333333333"},
		"a finding of B":              {`"finding":"","parameters"`, `"finding":"arn:aws:securityhub:eu-west-1:333333333333:security-control/EC2.18/finding/1","parameters"`},
		"B's account in the detail":   {`"detail":{`, `"detail":{"account":"333333333333",`},
		"its own account, in B's way": {`"detail":{`, `"detail":{"Account":"222222222222",`},
	} {
		raw := strings.Replace(asked, change[0], change[1], 1)
		if name == "a finding of B" {
			raw = strings.Replace(raw, `"resource":"arn:aws:ec2:eu-west-1:222222222222:security-group/sg-1"`, `"resource":""`, 1)
		}
		ask, err := Requests([]asr.Remediation{unit})([]byte(raw))
		var e *asr.Error
		if !errors.As(err, &e) || e.Code != asr.CodeBadTarget && e.Code != asr.CodeBadInput || e.Do == "" {
			t.Errorf("%s: %v", name, err)
		}
		if ask.Account != "222222222222" || ask.Reply == nil || ask.Reply.Account != "222222222222" {
			t.Errorf("%s: nobody is told: %+v", name, ask)
		}
	}
}

func TestARequestThatCantBeTakenIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"no event":                  {"{", ""},
		"another source":            {"asr.runbook", "house.runbook"},
		"another type":              {"asr remediation request", "something"},
		"no account":                {`"account":"222222222222"`, `"account":"x"`},
		"no execution":              {"333ba70b-2333-48db-b17e-a5e69c6f4d1c", "../x"},
		"no Region":                 {`"region":"eu-west-1","remediation"`, `"region":"nowhere","remediation"`},
		"no remediation":            {"ec2-close-ports", "ec2 close ports"},
		"neither finding nor ctl":   {`"control":"EC2.18"`, `"control":""`},
		"a finding and a resource":  {`"finding":""`, `"finding":"f"`},
		"a name that has no end":    {"sg-1", strings.Repeat("x", maxName)},
		"parameters that are no":    {`"days":"30"`, `"days":30`},
		"something nobody asks for": {`"detail":{`, `"detail":{"plan":true,`},
	} {
		ask, err := Requests(nil)([]byte(strings.Replace(asked, change[0], change[1], 1)))
		if asr.Classify(err) != asr.CodeBadInput || asr.Advice(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
		if waits := ask.Reply != nil; waits && !executionForm.MatchString(ask.Reply.Execution) {
			t.Errorf("%s: %+v", name, ask.Reply)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(asked))
	f.Add([]byte(`{"source":"asr.runbook","detail-type":"asr remediation request","account":"222222222222","detail":{}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		q, err := ParseRequest(raw)
		var envelope struct{ Account string }
		_ = json.Unmarshal(raw, &envelope) // the error is the parser's to tell
		if q.Account != "" && q.Account != envelope.Account {
			t.Fatalf("the account %q is not the envelope's", q.Account)
		}
		if err == nil && (accountIn(q.Resource) != "" && accountIn(q.Resource) != q.Account || q.Finding != "" && q.Resource != "") {
			t.Fatalf("taken: %+v", q)
		}
		if ask, err := Requests(nil)(raw); err == nil && (ask.Reply == nil || ask.Account != ask.Reply.Account) {
			t.Fatalf("nobody waits: %+v", ask)
		}
	})
}
