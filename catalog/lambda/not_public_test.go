package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

type fn struct {
	t    *testing.T
	acct *remedytest.Account
	api  *lambda.Client
	name string // with qualifier
	arn  string
}

func newFunction(t *testing.T, acct *remedytest.Account, name string) fn {
	role, err := iam.NewFromConfig(acct.Config).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String(name), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`)})
	remedytest.Must(t, role, err)
	var code bytes.Buffer
	remedytest.Must(t, 0, zip.NewWriter(&code).Close())
	api := lambda.NewFromConfig(acct.Config)
	_, err = api.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Role: role.Role.Arn, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Code: &types.FunctionCode{ZipFile: code.Bytes()}, Publish: true,
	})
	remedytest.Must(t, name, err)
	return fn{t, acct, api, name, acct.Expand(function, name)}
}

// at is one of the function's versions or aliases.
func (f fn) at(qualifier string) fn {
	f.name, f.arn = f.name+":"+qualifier, f.arn+":"+qualifier
	return f
}

func (f fn) target() asr.Target { return asr.Target{Name: f.name} }

func (f fn) allow(sid, who string, edit ...func(*lambda.AddPermissionInput)) {
	in := &lambda.AddPermissionInput{StatementId: &sid, Principal: &who, Action: aws.String("lambda:InvokeFunction")}
	in.FunctionName, in.Qualifier = split(f.target())
	for _, e := range edit {
		e(in)
	}
	_, err := f.api.AddPermission(f.t.Context(), in)
	remedytest.Must(f.t, sid, err)
}

// view is the policy and the function itself.
func (f fn) view() remedytest.View {
	name, qualifier := split(f.target())
	of := map[string]any{"FunctionName": *name}
	if qualifier != nil {
		of["Qualifier"] = *qualifier
	}
	return f.acct.Boto("lambda", "get_policy", of, "Policy").And(f.acct.Boto("lambda", "get_function_configuration", of, ""))
}

func source(arn string) func(*lambda.AddPermissionInput) {
	return func(in *lambda.AddPermissionInput) { in.SourceArn = &arn }
}

func owner(account string) func(*lambda.AddPermissionInput) {
	return func(in *lambda.AddPermissionInput) { in.SourceAccount = &account }
}

func organization(in *lambda.AddPermissionInput) { in.PrincipalOrgID = aws.String("o-a1b2c3d4e5") }

// says is a statement as a plan shows it.
func says(sid, principal, condition, arn string) string {
	return `{"Action":"lambda:InvokeFunction",` + condition + `"Effect":"Allow","Principal":` + principal + `,"Resource":"` + arn + `","Sid":"` + sid + `"}`
}

func TestNotPublic(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	f := newFunction(t, acct, "mixed")
	f.allow("open", "*")
	f.allow("org", "*", organization)
	f.allow("bus", "events.amazonaws.com")
	f.allow("photos", "s3.amazonaws.com", source("arn:aws:s3:::photos"))
	f.allow("films", "s3.amazonaws.com", owner("111111111111"))
	version, only := newFunction(t, acct, "versioned").at("1"), newFunction(t, acct, "only")
	version.allow("open", "*", source("arn:aws:events:*"))
	only.allow("open", "*")
	const s3, bucket, any = `{"Service":"s3.amazonaws.com"}`, `"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::photos"}`, `"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:events:*"}},`
	remedytest.Lifecycle(t, acct, NotPublic, remedytest.Case{
		Name: "everybody and S3", Control: "Lambda.1", Resource: f.arn, View: f.view(),
		Want: []string{
			`statements.open: ` + says("open", `"*"`, "", f.arn) + ` → none`,
			`statements.photos: ` + says("photos", s3, `"Condition":{`+bucket+`},`, f.arn) + ` → none`,
			`statements.photos-own-account: none → ` + says("photos-own-account", s3, `"Condition":{`+bucket+`,"StringEquals":{"AWS:SourceAccount":"`+acct.ID+`"}},`, f.arn),
		},
		Seen: []string{
			`get_policy.Statement[]: ` + says("open", `"*"`, "", f.arn) + ` → none`,
			`get_policy.Statement[]: ` + says("photos", s3, `"Condition":{`+bucket+`},`, f.arn) + ` → none`,
			`get_policy.Statement[]: none → ` + says("photos-own-account", s3, `"Condition":{`+bucket+`,"StringEquals":{"AWS:SourceAccount":"`+acct.ID+`"}},`, f.arn),
		},
		Foreign: func() { f.allow("open", "events.amazonaws.com") },
	}, remedytest.Case{
		Name: "a version", Control: "Lambda.1", Resource: version.arn, View: version.view(),
		Want: []string{`statements.open: ` + says("open", `"*"`, any, version.arn) + ` → none`},
		Seen: []string{
			`get_policy.Error: none → "ResourceNotFoundException"`, `get_policy.Id: "default" → none`, `get_policy.Version: "2012-10-17" → none`,
			`get_policy.Statement: [` + says("open", `"*"`, any, version.arn) + `] → none`,
		},
	}, remedytest.Case{
		Name: "the only statement", Control: "Lambda.1", Resource: only.arn + ":$LATEST", Want: []string{`statements.open: ` + says("open", `"*"`, "", only.arn) + ` → none`},
		Meanwhile: func() { only.allow("bus", "events.amazonaws.com") },
		Gone: func() {
			_, err := only.api.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: &only.name})
			remedytest.Must(t, 0, err)
		},
	})
}

func TestAFunctionThatHasNoPolicyIsNotGone(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	f := newFunction(t, acct, "quiet")
	for name, wantGone := range map[string]bool{f.name: false, "nobody": true} {
		on := remedy.On[none]{Target: asr.Target{Name: name}}
		if got, err := NotPublic.Read(t.Context(), acct.Config, on); (err == asr.ErrGone) != wantGone || !wantGone && err != nil || len(got.Statements) > 0 {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestATriggerIsLetInAgainBeforeItIsTakenOut(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	f := newFunction(t, acct, "thumbs")
	f.allow("photos", "s3.amazonaws.com", source("arn:aws:s3:::photos"))
	h := remedytest.NewHarness(acct, NotPublic)
	r, err := h.Request(t.Context(), remedytest.Case{Control: "Lambda.1", Resource: f.arn}, false)
	r, err = h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	remedytest.Must(t, r, err)
	var calls []string
	for _, c := range acct.Sandbox.Calls() {
		if c.Account == acct.ID && strings.HasSuffix(c.Operation, "Permission") {
			calls = append(calls, c.Operation)
		}
	}
	if !slices.Equal(calls, []string{"AddPermission", "AddPermission", "RemovePermission"}) {
		t.Errorf("the writes, the first of which is the test's, were %v", calls)
	}
}

// end runs the remediation on a function and says how that ended.
func end(t *testing.T, acct *remedytest.Account, u remedy.Unit[none, policy], arn string) asr.Run {
	t.Helper()
	return remedytest.End(t, acct, u, remedytest.Case{Control: "Lambda.1", Resource: arn})
}

func TestAShareWithAnOrganizationOrASourceIsNotPublic(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	f := newFunction(t, acct, "shared")
	f.allow("org", "*", organization)
	f.allow("topic", "*", source("arn:aws:sns:eu-west-1:222222222222:topic"))
	if r := end(t, acct, NotPublic, f.arn); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAliasesHavePoliciesOfTheirOwnWhichAreTreatedToo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	f := newFunction(t, acct, "aliased")
	_, err := f.api.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: &f.name, Name: aws.String("live"), FunctionVersion: aws.String("1")})
	remedytest.Must(t, 0, err)
	live := f.at("live")
	live.allow("open", "*")
	f.allow("bus", "events.amazonaws.com")
	if r := end(t, acct, NotPublic, live.arn); r.State != asr.StateVerified || len(r.Plan.Changes) != 1 {
		t.Errorf("the run ended %s: %+v %+v", r.State, r.Plan, r.Error)
	}
	if r := end(t, acct, NotPublic, f.arn); r.State != asr.StateNothingToDo {
		t.Errorf("the function's own: the run ended %s: %+v", r.State, r.Error)
	}
}

func TestADeletedFunctionIsNothingToDoAndNoSuccess(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	if r := end(t, acct, NotPublic, acct.Expand(function, "deleted")); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAPolicyThatIsStillPublicIsNoSuccess(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	f := newFunction(t, acct, "stubborn")
	f.allow("open", "*")
	idle := NotPublic
	idle.Write = func(context.Context, aws.Config, remedy.On[none], policy, policy) error { return nil } // Lambda says yes, and nothing changes
	if r := end(t, acct, idle, f.arn); r.State != asr.StatePartly || r.Error == nil || r.Error.Code != asr.CodeTooManySteps {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}
