package codebuild

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/memory"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"example.com/asr/vault"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"pgregory.net/rapid"
)

const (
	keyOne = "AKIAIOSFODNN7EXAMPLE" // AWS's own examples: https://docs.aws.amazon.com/IAM/latest/UserGuide/security-creds.html
	keyTwo = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

func variableOf(name, value string, kind types.EnvironmentVariableType) types.EnvironmentVariable {
	return types.EnvironmentVariable{Name: &name, Value: &value, Type: kind}
}

// leaking is an environment with both keys in clear text, among other variables.
func leaking() *types.ProjectEnvironment {
	return &types.ProjectEnvironment{PrivilegedMode: aws.Bool(true), EnvironmentVariables: []types.EnvironmentVariable{
		variableOf("STAGE", "prod", types.EnvironmentVariableTypePlaintext),
		variableOf("AWS_ACCESS_KEY_ID", keyOne, types.EnvironmentVariableTypePlaintext),
		variableOf("DB", "shop:password", types.EnvironmentVariableTypeSecretsManager),
		variableOf("AWS_SECRET_ACCESS_KEY", keyTwo, types.EnvironmentVariableTypePlaintext),
		variableOf("AWS_REGION_NAME", "eu-west-1", types.EnvironmentVariableTypePlaintext),
	}}
}

// newRole makes a service role, with a policy of its own.
func newRole(t *testing.T, acct *remedytest.Account, path, name, policy string) {
	t.Helper()
	api := iam.NewFromConfig(acct.Config)
	_, err := api.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, Path: &path, AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"codebuild.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	remedytest.Must(t, 0, err)
	_, err = api.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("theirs"), PolicyDocument: &policy})
	remedytest.Must(t, 0, err)
}

const (
	logsOnly   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:PutLogEvents","Resource":"*"}]}`
	canRead    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:GetParameters","Resource":"arn:aws:ssm:eu-west-1:*:parameter/CodeBuild/*"}]}`
	canDecrypt = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ssm:GetParameters","kms:Decrypt"],"Resource":"*"}]}`
	parameter  = "arn:{partition}:ssm:{region}:{account}:parameter/CodeBuild/{name}/env/"
)

// whole is the project, its parameters and the inline policies of its role.
func whole(acct *remedytest.Account, name, role string) remedytest.View {
	return view(acct, name).
		And(acct.Boto("ssm", "get_parameters_by_path", map[string]any{"Path": "/CodeBuild/" + name + "/env", "WithDecryption": true}, "Parameters")).
		And(acct.Boto("iam", "list_role_policies", map[string]any{"RoleName": role}, "PolicyNames")).Without("LastModifiedDate")
}

func TestNoClearTextCredentials(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newRole(t, acct, "/service-role/", "builds", canRead)
	shop := newProject(t, acct, "shop", "service-role/builds", leaking(), nil)
	win := newProject(t, acct, "win", "service-role/builds", &types.ProjectEnvironment{EnvironmentVariables: []types.EnvironmentVariable{
		variableOf("aws_secret_access_key", keyTwo, types.EnvironmentVariableTypePlaintext),
		variableOf("AWS_ACCESS_KEY_ID", "/theirs", types.EnvironmentVariableTypeParameterStore),
	}}, nil)
	one, two := acct.Expand(parameter+"AWS_ACCESS_KEY_ID", "shop"), acct.Expand(parameter+"AWS_SECRET_ACCESS_KEY", "shop")
	remedytest.Lifecycle(t, acct, NoClearTextCredentials, remedytest.Case{
		Name: "both keys", Control: "CodeBuild.2", Resource: shop,
		Want: []string{
			"parameters[/CodeBuild/shop/env/AWS_ACCESS_KEY_ID]: none → 1", "parameters[/CodeBuild/shop/env/AWS_SECRET_ACCESS_KEY]: none → 1",
			`variables.AWS_ACCESS_KEY_ID.from: none → "/CodeBuild/shop/env/AWS_ACCESS_KEY_ID"`, `variables.AWS_ACCESS_KEY_ID.plain: {"$secret":"AKIAIOSFODNN…"} → none`, `variables.AWS_ACCESS_KEY_ID.type: "PLAINTEXT" → "PARAMETER_STORE"`,
			`variables.AWS_SECRET_ACCESS_KEY.from: none → "/CodeBuild/shop/env/AWS_SECRET_ACCESS_KEY"`, `variables.AWS_SECRET_ACCESS_KEY.plain: {"$secret":"wJalrXUtnFEM…"} → none`, `variables.AWS_SECRET_ACCESS_KEY.type: "PLAINTEXT" → "PARAMETER_STORE"`,
		},
		View: whole(acct, "shop", "builds"),
		Seen: []string{
			`batch_get_projects.environment.environmentVariables[]: {"name":"AWS_ACCESS_KEY_ID","type":"PLAINTEXT","value":"` + keyOne + `"} → none`,
			`batch_get_projects.environment.environmentVariables[]: {"name":"AWS_SECRET_ACCESS_KEY","type":"PLAINTEXT","value":"` + keyTwo + `"} → none`,
			`batch_get_projects.environment.environmentVariables[]: none → {"name":"AWS_ACCESS_KEY_ID","type":"PARAMETER_STORE","value":"/CodeBuild/shop/env/AWS_ACCESS_KEY_ID"}`,
			`batch_get_projects.environment.environmentVariables[]: none → {"name":"AWS_SECRET_ACCESS_KEY","type":"PARAMETER_STORE","value":"/CodeBuild/shop/env/AWS_SECRET_ACCESS_KEY"}`,
			`get_parameters_by_path[]: none → {"ARN":"` + one + `","DataType":"text","Name":"/CodeBuild/shop/env/AWS_ACCESS_KEY_ID","Type":"SecureString","Value":"` + keyOne + `","Version":1}`,
			`get_parameters_by_path[]: none → {"ARN":"` + two + `","DataType":"text","Name":"/CodeBuild/shop/env/AWS_SECRET_ACCESS_KEY","Type":"SecureString","Value":"` + keyTwo + `","Version":1}`,
		},
		Made: []string{one, two},
		Foreign: func() { // somebody rotates the key, as they should
			_, err := ssm.NewFromConfig(acct.Config).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/CodeBuild/shop/env/AWS_ACCESS_KEY_ID"), Value: aws.String("rotated"), Type: ssmtypes.ParameterTypeSecureString, Overwrite: aws.Bool(true)})
			remedytest.Must(t, 0, err)
		},
		Gone: gone(t, acct, "shop"),
	}, remedytest.Case{
		Name: "one key, in lower case", Control: "CodeBuild.2", Resource: win,
		Want: []string{
			"parameters[/CodeBuild/win/env/aws_secret_access_key]: none → 1", `variables.aws_secret_access_key.from: none → "/CodeBuild/win/env/aws_secret_access_key"`,
			`variables.aws_secret_access_key.plain: {"$secret":"wJalrXUtnFEM…"} → none`, `variables.aws_secret_access_key.type: "PLAINTEXT" → "PARAMETER_STORE"`,
		},
		View: whole(acct, "win", "builds"),
		Seen: []string{
			`batch_get_projects.environment.environmentVariables[]: {"name":"aws_secret_access_key"`, `batch_get_projects.environment.environmentVariables[]: none → {"name":"aws_secret_access_key","type":"PARAMETER_STORE"`,
			"get_parameters_by_path[]: none → {",
		},
		Made: []string{acct.Expand(parameter+"aws_secret_access_key", "win")},
		Meanwhile: func() {
			_, err := codebuild.NewFromConfig(acct.Config).UpdateProject(t.Context(), &codebuild.UpdateProjectInput{Name: aws.String("win"), Description: aws.String("theirs")})
			remedytest.Must(t, 0, err)
		},
	})
}

func TestParametersCarryTheRunsTagAndTheKeyThatWasAskedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newRole(t, acct, "/", "builds", canDecrypt)
	r := run(t, acct, NoClearTextCredentials, "CodeBuild.2", newProject(t, acct, "shop", "builds", leaking(), nil), `{"key":"00000000-0000-4000-8000-000000000000"}`)
	if r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	api, name := ssm.NewFromConfig(acct.Config), aws.String("/CodeBuild/shop/env/AWS_ACCESS_KEY_ID")
	tags, err := api.ListTagsForResource(t.Context(), &ssm.ListTagsForResourceInput{ResourceType: ssmtypes.ResourceTypeForTaggingParameter, ResourceId: name})
	if tags := remedytest.Must(t, tags, err).TagList; len(tags) != 1 || *tags[0].Key != asr.OwnerTag || *tags[0].Value != r.ID {
		t.Errorf("tags %+v", tags)
	}
	out, err := api.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{})
	for _, p := range remedytest.Must(t, out, err).Parameters {
		if want := acct.Expand("arn:aws:kms:{region}:{account}:key/00000000-0000-4000-8000-000000000000", ""); aws.ToString(p.KeyId) != want {
			t.Errorf("%s has the key %s", *p.Name, aws.ToString(p.KeyId))
		}
		if p.Tier != ssmtypes.ParameterTierStandard || p.Type != ssmtypes.ParameterTypeSecureString {
			t.Errorf("%s is a %s of tier %s", *p.Name, p.Type, p.Tier)
		}
	}
}

func TestAnExistingParameterIsNeverTakenForTheKeyAndNeverOverwritten(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newRole(t, acct, "/", "builds", canRead)
	api, name := ssm.NewFromConfig(acct.Config), aws.String("/CodeBuild/shop/env/AWS_ACCESS_KEY_ID")
	put := func() {
		_, err := api.PutParameter(t.Context(), &ssm.PutParameterInput{Name: name, Value: aws.String("theirs"), Type: ssmtypes.ParameterTypeString})
		remedytest.Must(t, 0, err)
	}
	put()
	refused(t, run(t, acct, NoClearTextCredentials, "CodeBuild.2", newProject(t, acct, "shop", "builds", leaking(), nil), ""), *name)
	on := remedy.On[store]{Target: asr.Target{Name: "shop"}, Call: asr.Call{Run: "r1"}}
	from := credentials{Variables: map[string]variable{"AWS_ACCESS_KEY_ID": {Type: plaintext, Plain: keyOne}}}
	if err := makeParameters(t.Context(), acct.Config, on, from, []string{*name}); asr.Classify(err) != asr.CodeRefused { // somebody was quicker
		t.Errorf("making it: %v, want a refusal", err)
	}
	if err := deleteParameters(t.Context(), acct.Config, on, []string{*name}); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("deleting it: %v, want a refusal", err)
	}
	out, err := api.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{*name}})
	if p := remedytest.Must(t, out, err).Parameters[0]; *p.Value != "theirs" || p.Version != 1 {
		t.Errorf("it is %s, version %d", *p.Value, p.Version)
	}
	if err := deleteParameters(t.Context(), acct.Config, on, []string{"/CodeBuild/shop/env/none"}); err != nil {
		t.Errorf("deleting what isn't there: %v", err)
	}
}

func TestARoleThatCantReadIsRefusedBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newRole(t, acct, "/team/", "builds", logsOnly) // of any path
	newRole(t, acct, "/team/", "readers", canRead)
	shop := newProject(t, acct, "shop", "team/builds", leaking(), nil)
	one, two := acct.Expand(parameter+"AWS_ACCESS_KEY_ID", "shop"), acct.Expand(parameter+"AWS_SECRET_ACCESS_KEY", "shop")
	r := run(t, acct, NoClearTextCredentials, "CodeBuild.2", shop, "")
	refused(t, r, "role/team/builds may not do ssm:GetParameters on "+one)
	if want := `{"Statement":[{"Action":"ssm:GetParameters","Effect":"Allow","Resource":["` + one + `","` + two + `"]}],"Version":"2012-10-17"}`; !strings.HasSuffix(r.Error.Do, want) {
		t.Errorf("the advice is %s, want %s", r.Error.Do, want)
	}
	refused(t, run(t, acct, NoClearTextCredentials, "CodeBuild.2", newProject(t, acct, "lost", "team/nobody", leaking(), nil), ""), "it doesn't exist")
	key := run(t, acct, NoClearTextCredentials, "CodeBuild.2", newProject(t, acct, "key", "team/readers", leaking(), nil), `{"key":"00000000-0000-4000-8000-000000000000"}`)
	refused(t, key, "kms:Decrypt on "+acct.Expand("arn:aws:kms:{region}:{account}:key/", ""))
	found, err := versions(t.Context(), acct.Config, []string{"/CodeBuild/shop/env/AWS_ACCESS_KEY_ID", "/CodeBuild/key/env/AWS_ACCESS_KEY_ID"})
	if err != nil || len(found) > 0 {
		t.Errorf("made %v: %v", found, err)
	}
}

func TestNoRoleIsEverChanged(t *testing.T) {
	for _, g := range NoClearTextCredentials.Spec.WriteGrants() {
		for _, action := range g.Actions {
			if strings.HasPrefix(action, "iam:") && action != "iam:SimulatePrincipalPolicy" {
				t.Errorf("%s is granted", action)
			}
		}
	}
}

func TestAKeyIsNamedByItsID(t *testing.T) {
	for key, ok := range map[string]bool{"": true, "00000000-0000-4000-8000-000000000000": true, "mrk-0123": true, "alias/x": false, "*": false, "arn:aws:kms:eu-west-1:111111111111:key/0": false} {
		if err := NoClearTextCredentials.Validate(remedy.On[store]{Params: store{key}}); (err == nil) != ok {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestNothingIsMadeWhereNoKeyIsInClearText(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newRole(t, acct, "/", "builds", logsOnly)
	shop := newProject(t, acct, "shop", "builds", &types.ProjectEnvironment{EnvironmentVariables: []types.EnvironmentVariable{
		variableOf("AWS_ACCESS_KEY_ID", "/theirs", types.EnvironmentVariableTypeParameterStore), variableOf("AWS_SECRET_ACCESS_KEY", "theirs:key", types.EnvironmentVariableTypeSecretsManager),
		variableOf("MY_AWS_ACCESS_KEY_ID", "x", types.EnvironmentVariableTypePlaintext),
	}}, nil)
	bare := newProject(t, acct, "bare", "builds", &types.ProjectEnvironment{}, nil)
	for _, arn := range []string{shop, bare} {
		if r := run(t, acct, NoClearTextCredentials, "CodeBuild.2", arn, ""); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v", arn, r.State, r.Error)
		}
	}
	out, err := iam.NewFromConfig(acct.Config).ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: aws.String("builds")})
	if names := remedytest.Must(t, out, err).PolicyNames; !slices.Equal(names, []string{"theirs"}) {
		t.Errorf("the role has %v", names)
	}
}

func TestAFailureHalfWayLeavesNothingBehindOnceUndone(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newRole(t, acct, "/", "builds", canRead)
	shop := newProject(t, acct, "shop", "builds", leaking(), nil)
	heal := acct.Sandbox.Fault(sandbox.Fault{Service: "codebuild", Operation: "UpdateProject", Account: acct.ID, Code: "InvalidInputException"})
	h := remedytest.NewHarness(acct, NoClearTextCredentials)
	r, err := h.Request(t.Context(), remedytest.Case{Control: "CodeBuild.2", Resource: shop}, false)
	r, err = h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	if heal(); err != nil || r.State != asr.StatePartly || len(r.Made) != 2 {
		t.Fatalf("the run ended %s, made %v: %+v %v", r.State, r.Made, r.Error, err)
	}
	_, err = h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	remedytest.Must(t, 0, err)
	r, err = h.Drive(t.Context(), r.ID)
	found, err2 := versions(t.Context(), acct.Config, []string{"/CodeBuild/shop/env/AWS_ACCESS_KEY_ID", "/CodeBuild/shop/env/AWS_SECRET_ACCESS_KEY"})
	if err != nil || err2 != nil || r.State != asr.StateReverted || len(found) > 0 {
		t.Errorf("the undo ended %s and left %v: %+v %v %v", r.State, found, r.Error, err, err2)
	}
}

func TestWhatBuildsReadStaysUntilTheyNoLongerReadIt(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newRole(t, acct, "/", "builds", canRead)
	h := remedytest.NewHarness(acct, NoClearTextCredentials)
	r, err := h.Request(t.Context(), remedytest.Case{Control: "CodeBuild.2", Resource: newProject(t, acct, "shop", "builds", leaking(), nil)}, false)
	r, err = h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	remedytest.Must(t, 0, err)
	defer acct.Sandbox.Fault(sandbox.Fault{Service: "codebuild", Operation: "UpdateProject", Account: acct.ID, Code: "InvalidInputException"})()
	_, err = h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	remedytest.Must(t, 0, err)
	r, err = h.Drive(t.Context(), r.ID)
	now, err2 := NoClearTextCredentials.Read(t.Context(), acct.Config, remedy.On[store]{Target: r.Target})
	if err != nil || err2 != nil || r.State == asr.StateReverted || len(now.Parameters) != 2 {
		t.Errorf("the undo ended %s, and there is %v: %v %v", r.State, now.Parameters, err, err2)
	}
}

// vaulted drives a run with a real vault, and returns all that was stored and told.
func vaulted(t *testing.T, acct *remedytest.Account, resource string) (asr.Run, string) {
	t.Helper()
	v, err := vault.New([]byte("0123456789abcdef0123456789abcdef"))
	remedytest.Must(t, 0, err)
	now, s := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), memory.New()
	e := asr.New(asr.Config{Store: s, Remediations: []asr.Remediation{remedy.Bind(NoClearTextCredentials, acct.Dial)}, Matcher: always{}, Vault: v, Clock: func() time.Time { return now }})
	r, err := e.Request(t.Context(), asr.Ask{Actor: remedytest.Actor, Control: "CodeBuild.2", Account: acct.ID, Region: acct.Region, Resource: asr.Resource{ID: resource, Region: acct.Region}})
	remedytest.Must(t, 0, err)
	for done := false; !done; {
		next, err := e.Step(t.Context(), r.ID)
		remedytest.Must(t, 0, err)
		now, done = now.Add(next.After+time.Millisecond), next.Done
		if r, err = s.Run(t.Context(), r.ID); err == nil && r.State == asr.StateAwaiting {
			_, err = e.Approve(t.Context(), r.ID, r.Plan.Hash, remedytest.Actor, "test")
			done = false
		}
		remedytest.Must(t, 0, err)
	}
	records, err := s.Records(t.Context(), r.ID)
	all, err2 := json.Marshal([]any{r, remedytest.Must(t, records, err)})
	told := string(remedytest.Must(t, all, err2))
	for _, c := range r.Plan.Changes {
		told += c.String()
	}
	return r, told
}

type always struct{}

func (a always) Match(f asr.Finding) (asr.Match, error) { return a.Control(f.Control) }
func (always) Control(id string) (asr.Match, error) {
	return asr.Match{Control: id, Remediation: NoClearTextCredentials.Spec.ID}, nil
}

func TestKeysAppearInNoPlanNoRecordAndNoError(t *testing.T) {
	t.Parallel()
	for failing, want := range map[string]asr.State{"": asr.StateVerified, "ssm PutParameter": asr.StateFailed, "codebuild UpdateProject": asr.StatePartly} {
		acct := remedytest.NewAccount(t)
		newRole(t, acct, "/", "builds", canRead)
		shop := newProject(t, acct, "shop", "builds", leaking(), nil)
		if service, operation, ok := strings.Cut(failing, " "); ok {
			defer acct.Sandbox.Fault(sandbox.Fault{Service: service, Operation: operation, Account: acct.ID, Code: "ValidationException", Message: "no good: " + keyOne + ", " + keyTwo})()
		}
		r, told := vaulted(t, acct, shop)
		if r.State != want || !strings.Contains(told, `"$secret":"`) {
			t.Errorf("%q fails: the run ended %s: %+v", failing, r.State, r.Error)
		}
		for _, key := range []string{keyOne[:8], keyTwo[:8]} {
			if strings.Contains(told, key) {
				t.Errorf("%q fails: %s… is told", failing, key)
			}
		}
	}
}

func TestOnlyClearTextIsMoved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		on := remedy.On[store]{Target: asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1", Name: "shop"}}
		now := credentials{Variables: map[string]variable{}, Parameters: map[string]int64{}}
		if rapid.Bool().Draw(t, "unreadable") {
			now.Unreadable = []string{"ssm:GetParameters on x"}
		}
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "aws_access_key_id"} {
			switch rapid.SampledFrom([]string{"", plaintext, stored, "SECRETS_MANAGER"}).Draw(t, name) {
			case plaintext:
				now.Variables[name] = variable{Type: plaintext, Plain: asr.Secret(rapid.SampledFrom([]string{keyOne, ""}).Draw(t, "value"))}
			case stored:
				now.Variables[name] = variable{Type: stored, From: "/theirs"}
			case "SECRETS_MANAGER":
				now.Variables[name] = variable{Type: "SECRETS_MANAGER", From: "theirs"}
			}
			if rapid.IntRange(0, 5).Draw(t, "exists") == 0 {
				now.Parameters[parameterOf(on, name)] = 1
			}
		}
		remedytest.Stable(t, NoClearTextCredentials, on, now, "variables", "parameters")
		got, err := NoClearTextCredentials.Want(on, now)
		if err != nil {
			return
		}
		for name, was := range now.Variables {
			is := got.Variables[name]
			if is.Type == plaintext || was.Type != plaintext && is != was || was.Type == plaintext && got.Parameters[is.From] != 1 {
				t.Fatalf("%s: %+v becomes %+v", name, was, is)
			}
		}
		if moved := !maps.Equal(now.Variables, got.Variables); moved && len(now.Unreadable) > 0 {
			t.Fatalf("builds can't read what they are told to: %+v", got)
		}
	})
}
