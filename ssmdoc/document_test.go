package ssmdoc

import (
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"
)

func (w *world) program(statuses []string, change ...func(*sandbox.Automation)) {
	w.t.Helper()
	a := sandbox.Automation{Account: w.acct.ID, Document: awsOwn, Statuses: statuses}
	for _, f := range change {
		f(&a)
	}
	if err := w.acct.Sandbox.Automate(w.t.Context(), a); err != nil {
		w.t.Fatal(err)
	}
}

func TestADocumentRunsOnceForARunAndIsVerified(t *testing.T) {
	t.Parallel()
	w := newWorld(t, declared)
	w.program([]string{"Pending", "InProgress", "Waiting", "Success"})
	id := w.ask("f1").ID
	r := w.drive(id)
	if r.State != asr.StateAwaiting || r.Decision.Reason != asr.ReasonIrreversible {
		t.Fatalf("planned: %s, %+v, %+v", r.State, r.Decision, r.Error)
	}
	role := "arn:aws:iam::" + w.acct.ID + ":role/service/house-ssm"
	want := `document: none → {"AWS-DisableS3BucketPublicReadWrite":{"outcome":"Success","parameters":{"AutomationAssumeRole":["` + role + `"],"S3BucketName":["wide-open"]}}}`
	if len(r.Plan.Changes) != 1 || r.Plan.Changes[0].String() != want || r.Plan.Changes[0].Keep == "" {
		t.Errorf("the plan is %v\nwant %s", r.Plan.Changes, want)
	}
	if got := w.started(); len(got) != 0 {
		t.Fatalf("planning started %+v", got)
	}
	w.approve(id)
	if r = w.drive(id); r.State != asr.StateVerified {
		t.Fatalf("%s: %+v", r.State, r.Error)
	}
	all := w.started()
	if len(all) != 1 || *all[0].DocumentName != awsOwn || r.Writes != 1 {
		t.Fatalf("%d writes started %+v", r.Writes, all)
	}
	out, err := w.api.GetAutomationExecution(t.Context(), &ssm.GetAutomationExecutionInput{AutomationExecutionId: all[0].AutomationExecutionId})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"S3BucketName": {"wide-open"}, "AutomationAssumeRole": {role}}, out.AutomationExecution.Parameters); diff != "" {
		t.Error(diff)
	}
	f, err := w.store.Finding(t.Context(), "f1")
	if err != nil || f.Outcome != asr.OutcomeFixed {
		t.Errorf("the finding is %s, %v", f.Outcome, err)
	}
	if _, err := w.engine.Revert(t.Context(), id, ada, false); err == nil {
		t.Error("what a document did is put back")
	}
}

// covers: O5
func TestEveryStatusIsUnderstood(t *testing.T) {
	t.Parallel()
	for _, s := range types.AutomationExecutionStatus("").Values() {
		if _, known := phases[s]; !known {
			t.Errorf("nobody knows what %s means", s)
		}
	}
	if phaseOf("Invented", true) != failed || phaseOf("Invented", false) != running {
		t.Error("a status that AWS adds later is not judged by whether it has ended")
	}
}

// covers: W1
func TestEachEndWithoutSuccessEndsTheRunAndSaysWhatTheDocumentDid(t *testing.T) {
	t.Parallel()
	for status, p := range phases {
		if p != failed {
			continue
		}
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, declared)
			w.program([]string{"InProgress", string(status)}, func(a *sandbox.Automation) {
				a.Step, a.Message = "PutBlock", "Access denied, password=hunter2 of bucket wide-open"
			})
			id := w.ask("f1").ID
			w.approve(id)
			r := w.drive(id)
			want := "house-close-bucket: read: document AWS-DisableS3BucketPublicReadWrite ended " + string(status) + " at step PutBlock: Access denied, password=[removed] of bucket wide-open"
			if r.State != asr.StatePartly || r.Error.Code != asr.CodeAWS || r.Error.Message != want {
				t.Errorf("%s: %+v\nwant %s", r.State, r.Error, want)
			}
			if execution := *w.started()[0].AutomationExecutionId; !strings.Contains(r.Error.Do, execution) || !strings.Contains(r.Error.Do, w.acct.ID) {
				t.Errorf("do: %s", r.Error.Do)
			}
		})
	}
}

// covers: O5
func TestCompletedWithSuccessIsSuccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t, declared)
	w.program([]string{"RunbookInProgress", "CompletedWithSuccess"})
	id := w.ask("f1").ID
	w.approve(id)
	if r := w.drive(id); r.State != asr.StateVerified {
		t.Errorf("%s: %+v", r.State, r.Error)
	}
}

// covers: W1
func TestAnOutputThatSaysFailedIsNoSuccess(t *testing.T) {
	t.Parallel()
	text := with("    title:", "    success: {output: Fix.Status, is: OK}\n    title:")
	for _, row := range []struct {
		outputs map[string][]string
		want    string // of the message; "": it is verified
	}{
		{map[string][]string{"Fix.Status": {"OK"}}, ""},
		{map[string][]string{"Fix.Status": {"Failed"}}, `its output Fix.Status is "Failed" and not "OK"`},
		{map[string][]string{"Fix.Status": {"OK", "Failed"}}, `is "OK, Failed" and not "OK"`},
		{map[string][]string{"Fix.Status": {"token=abcdefgh"}}, `is "token=[removed]"`},
		{nil, "ended Success without its output Fix.Status"},
	} {
		w := newWorld(t, text)
		w.program([]string{"Success"}, func(a *sandbox.Automation) { a.Outputs = row.outputs })
		id := w.ask("f1").ID
		w.approve(id)
		switch r := w.drive(id); {
		case row.want == "" && r.State != asr.StateVerified:
			t.Errorf("%v: %s, %+v", row.outputs, r.State, r.Error)
		case row.want != "" && (r.State != asr.StatePartly || !strings.Contains(r.Error.Message, row.want)):
			t.Errorf("%v: %s, %+v, want %s", row.outputs, r.State, r.Error, row.want)
		}
	}
}

func TestAnOwnDocumentRunsWithItsParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `
playbook: House
rules:
  house-bucket-closed: {control: House.1, remediation: house-own, params: {days: 30}}
documents:
  house-own:
    document: House-Own
    version: "1"
    role: service/house-ssm
    parameters: {Said: "{finding.id}/{account}/{region}/{partition}/{resource}/{param.days}/{param.strict}", Many: "{param.names}"}
    success: {output: Say.Text, is: done}
    title: Say it
    impact: Nobody notices anything.
    risk: low
    risk_why: it says something
    resources: ["arn:{partition}:s3:::{name}"]
    params:
      days: {type: int, default: 7, description: How many.}
      strict: {type: bool, default: true, description: Whether.}
      names: {type: list, default: [a, b], description: Which.}
`)
	w.own("House-Own", `
schemaVersion: "0.3"
parameters: {Said: {type: String}, Many: {type: StringList}}
mainSteps:
- {name: Say, action: aws:executeScript, inputs: {Runtime: python3.11, Handler: say, InputPayload: {many: "{{ Many }}"}, Script: "def say(e, c):\n    return 'done' if e['many'] == ['a', 'b'] else 'not done'"}, outputs: [{Name: Text, Selector: $.Payload, Type: String}]}
`)
	id := w.ask("arn:aws:securityhub:x/f1").ID
	w.approve(id)
	if r := w.drive(id); r.State != asr.StateVerified {
		t.Fatalf("%s: %+v", r.State, r.Error)
	}
	out, err := w.api.GetAutomationExecution(t.Context(), &ssm.GetAutomationExecutionInput{AutomationExecutionId: w.started()[0].AutomationExecutionId})
	if err != nil {
		t.Fatal(err)
	}
	want := "arn:aws:securityhub:x/f1/" + w.acct.ID + "/eu-west-1/aws/arn:aws:s3:::wide-open/30/true"
	if got := out.AutomationExecution.Parameters["Said"]; !slices.Equal(got, []string{want}) {
		t.Errorf("said %v, want %s", got, want)
	}
}

// covers: W8
func TestWhatTheDocumentDoesNotTakeEndsTheRunBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, text, do string
		code           asr.Code
	}{
		{"a wrong parameter", with("S3BucketName", "BucketName"), "correct parameters and role of documents.house-close-bucket in ", asr.CodeBadParams},
		{"a role that isn't there", with("service/house-ssm", "service/nobody"), "correct parameters and role", asr.CodeBadParams},
		{"a document that isn't there", with("AWS-Disable", "House-Disable"), "create it there as an Automation document", asr.CodeAWS},
	} {
		w := newWorld(t, row.text)
		id := w.ask("f1").ID
		w.approve(id)
		r := w.drive(id)
		if r.State != asr.StateFailed || r.Error.Code != row.code || !strings.HasPrefix(r.Error.Do, row.do) || len(w.started()) != 0 {
			t.Errorf("%s: %s, %+v", row.name, r.State, r.Error)
		}
	}
}

// covers: W20
func TestAWriteThatComesTwiceStartsOneExecution(t *testing.T) {
	t.Parallel()
	w := newWorld(t, declared)
	u := Remediation(w.book.Documents()[0], w.acct.Dial)
	on := asr.On{
		Target: asr.Target{Partition: "aws", Account: w.acct.ID, Region: w.acct.Region, Name: "b", ID: "arn:aws:s3:::b"},
		Call:   asr.Call{Run: "r-1", Token: strings.Repeat("0a", 16)},
	}
	now, err := u.Read(t.Context(), on)
	if err != nil || string(now) != "{}" {
		t.Fatalf("before: %s, %v", now, err)
	}
	to, err := u.Want(on, now)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := u.Write(t.Context(), on, now, to); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.started(); len(got) != 1 {
		t.Errorf("started %d", len(got))
	}
	if now, err = u.Read(t.Context(), on); err != nil || string(now) != string(to) {
		t.Errorf("after: %s, %v", now, err)
	}
	if again, err := u.Want(on, now); err != nil || string(again) != string(now) {
		t.Errorf("wanting twice: %s, %v", again, err)
	}
	on.Call.Run = "r-2"
	if other, err := u.Read(t.Context(), on); err != nil || string(other) != "{}" {
		t.Errorf("another run sees %s, %v", other, err)
	}
}

// covers: W20
func TestACrashAnywhereStartsOneExecution(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for n := 0; ; n++ {
			w := newWorld(t, declared)
			w.program([]string{"InProgress", "Success"})
			id := w.ask("f1").ID
			w.approve(id)
			count, hit := 0, false
			w.store.fuse = func() (bool, bool) {
				count++
				struck := count == n+1
				hit = hit || struck
				return struck && !after, struck && after
			}
			for {
				next, err := w.engine.Step(t.Context(), id)
				if err != nil && !hit {
					t.Fatal(err)
				}
				if err != nil {
					w.declare(declared) // another process goes on
				}
				w.jump(next.After)
				if next.Done {
					break
				}
			}
			if r := w.run(id); r.State != asr.StateVerified || len(w.started()) != 1 {
				t.Fatalf("commit %d, after %v: %s with %d executions, %+v", n, after, r.State, len(w.started()), r.Error)
			}
			if !hit {
				break
			}
		}
	}
}

func TestARunThatWaitsForItsDocumentIsParked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, declared)
	w.program([]string{"InProgress"})
	id := w.ask("f1").ID
	w.approve(id)
	parked := false
	for range 10 {
		next, err := w.engine.Step(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		parked = parked || next.Parked
		w.jump(next.After)
	}
	if r := w.run(id); !parked || r.State != asr.StateApplying {
		t.Fatalf("parked %v, %s", parked, r.State)
	}
	if err := w.acct.Sandbox.EndAutomation(t.Context(), w.acct.ID, w.acct.Region, *w.started()[0].AutomationExecutionId, "Success"); err != nil {
		t.Fatal(err)
	}
	if r := w.drive(id); r.State != asr.StateVerified {
		t.Errorf("%s: %+v", r.State, r.Error)
	}
}

func TestAnotherDeclarationMakesAnApprovalVoid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, declared)
	id := w.ask("f1").ID
	w.approve(id)
	w.declare(with(`S3BucketName: "{resource.name}"`, `S3BucketName: "quite-another"`))
	r := w.drive(id)
	if r.State != asr.StateAwaiting || r.Decision.Reason != asr.ReasonStalePlan || len(w.started()) != 0 {
		t.Errorf("%s: %+v, %d executions", r.State, r.Decision, len(w.started()))
	}
	w.declare("# elsewhere in the file\n" + declared)
	if a, b := Remediation(w.book.Documents()[0], nil).Spec.Version, Remediation(book(t, declared).Documents()[0], nil).Spec.Version; a != b {
		t.Error("where it stands in the file makes another version of it")
	}
}

func TestADocumentThatWantsAFindingRefusesWithoutOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, with(`"{resource.name}"`, `"{finding.id}"`))
	r, err := w.engine.Request(t.Context(), asr.Ask{Actor: ada, Control: "House.1", Account: w.acct.ID, Region: w.acct.Region, Resource: asr.Resource{ID: "arn:aws:s3:::b"}})
	if err != nil {
		t.Fatal(err)
	}
	if r = w.drive(r.ID); r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused {
		t.Errorf("%s: %+v", r.State, r.Error)
	}
}

// covers: W6
func TestSystemsManagersLimitsAreWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, declared)
	remove := w.acct.Sandbox.Fault(sandbox.Fault{Account: w.acct.ID, Service: "ssm", Operation: "StartAutomationExecution", Code: "AutomationExecutionLimitExceededException", Status: 400, Times: 3})
	defer remove()
	id := w.ask("f1").ID
	w.approve(id)
	if r := w.drive(id); r.State != asr.StateVerified || len(w.started()) != 1 {
		t.Errorf("%s: %+v", r.State, r.Error)
	}
}
