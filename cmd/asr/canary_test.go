package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/notify"
	"example.com/asr/sandbox"
	"example.com/asr/securityhub"
	"example.com/asr/server"
	"example.com/asr/worker"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	build "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

const nest = "500000000051" // the account that the canaries are in

// canaries are secrets, by where they were planted; what they are must stand
// nowhere else.
type canaries struct {
	mu      sync.Mutex
	planted map[string]string
}

func (c *canaries) plant(where, secret string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.planted[where] = secret
	return secret
}

// grep reports each canary in an output, as it is or in base64.
func (c *canaries) grep(t *testing.T, output string, text []byte) {
	t.Helper()
	for where, secret := range c.planted {
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
			if at := bytes.Index(text, []byte(form)); at >= 0 {
				t.Errorf("%s holds %s: …%.300q…", output, where, text[max(0, at-150):])
			}
		}
	}
}

// tap takes the credentials of each session that is opened for canaries.
type tap struct {
	aws.HTTPClient
	*canaries
}

var granted = regexp.MustCompile(`<(SecretAccessKey|SessionToken)>([^<]+)<`)

func (c tap) Do(r *http.Request) (*http.Response, error) {
	answer, err := c.HTTPClient.Do(r)
	if err != nil || !strings.Contains(r.URL.Host+r.Header.Get("Authorization"), "/sts/") {
		return answer, err
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body = io.NopCloser(bytes.NewReader(body))
	for _, m := range granted.FindAllStringSubmatch(string(body), -1) {
		c.plant(fmt.Sprintf("a session's %s, %.6s…", m[1], m[2]), m[2])
	}
	return answer, err
}

// told keeps what subscribers are told.
type told struct{ bytes.Buffer }

func (o *told) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	doc, err := json.Marshal(in)
	o.Write(doc)
	return &sns.PublishOutput{}, err
}

// nested is the product on a data folder of its own, with all logs on.
type nested struct {
	*parts
	*canaries
	t       *testing.T
	app     *app
	sandbox *sandbox.Sandbox
	log     bytes.Buffer
	told    told
	outputs map[string][]byte
}

func newNested(t *testing.T) *nested {
	t.Helper()
	s, err := emulator()
	if err != nil {
		t.Fatal(err)
	}
	n := &nested{canaries: &canaries{planted: map[string]string{}}, t: t, sandbox: s, outputs: map[string][]byte{}}
	for _, e := range s.Env("us-east-1") {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
		if name == "AWS_SECRET_ACCESS_KEY" {
			n.plant("the operator's secret key", value)
		}
	}
	t.Setenv("ASR_EXTERNAL_ID", n.plant("the external id", "external-canary-5b1"))
	cfg := s.HubConfig("us-east-1")
	cfg.HTTPClient = tap{cfg.HTTPClient, n.canaries}
	n.app = &app{data: t.TempDir(), given: &cfg, out: io.Discard, errs: io.Discard}
	t.Cleanup(n.app.close)
	if n.parts, err = n.app.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(n.app.data, "asr.key"))
	if err != nil {
		t.Fatal(err)
	}
	n.plant("the vault's key", strings.TrimSpace(string(key)))
	log := slog.New(slog.NewJSONHandler(&n.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	n.engine = asr.New(asr.Config{
		Store: n.store, Remediations: n.units, Matcher: n.book, Vault: n.vault, Policy: enginetest.Always(asr.ModeAsk), Channels: []asr.Channel{asr.ChannelOutcome}, Log: log,
	})
	n.pool = worker.New(worker.Config{Engine: n.engine, Store: n.store, Log: log, Workers: 1, Reporter: asr.Reporters{
		asr.ChannelSecurityHub: n, asr.ChannelOutcome: notify.SNS{Client: &n.told, Topic: "arn:aws:sns:us-east-1:111111111111:t"},
	}})
	return n
}

// Report implements asr.Reporter: what Security Hub is told.
func (n *nested) Report(_ context.Context, r asr.Report) error {
	doc, err := json.Marshal(r)
	n.told.Write(doc)
	return err
}

// asr runs a command line on the data folder, and keeps what it prints.
func (n *nested) asr(args ...string) {
	n.t.Helper()
	var out bytes.Buffer
	run(append([]string{"--data", n.app.data}, args...), strings.NewReader(""), &out, &out)
	n.outputs["asr "+strings.Join(args, " ")] = out.Bytes()
	if out.Len() == 0 {
		n.t.Errorf("asr %s prints nothing", strings.Join(args, " "))
	}
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// roost makes the resources whose settings hold canaries, and returns what is
// to be fixed: the control and the resource's ARN.
func (n *nested) roost() map[string]string {
	t, cfg := n.t, n.sandbox.Config(nest, "us-east-1")
	roles := iam.NewFromConfig(cfg)
	for name, policy := range map[string]string{"asr-member": `"*"`, "builds": `"ssm:GetParameters"`} {
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + sandbox.DefaultHub + `:root"},"Action":["sts:AssumeRole","sts:SetSourceIdentity"]}]}`
		must[*iam.CreateRoleOutput](t)(roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}))
		all := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + policy + `,"Resource":"*"}]}`
		must[*iam.PutRolePolicyOutput](t)(roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("all"), PolicyDocument: &all}))
	}
	for _, project := range []string{"keys", "keysfail", "root", "rootfail"} {
		variable := func(name string) build.EnvironmentVariable {
			return build.EnvironmentVariable{Name: &name, Value: aws.String(n.plant("CodeBuild "+project+" "+name, "build-"+project+"-"+name+"-canary-7f2c"))}
		}
		must[*codebuild.CreateProjectOutput](t)(codebuild.NewFromConfig(cfg).CreateProject(t.Context(), &codebuild.CreateProjectInput{
			Name: aws.String(project), ServiceRole: aws.String("arn:aws:iam::" + nest + ":role/builds"), Artifacts: &build.ProjectArtifacts{Type: build.ArtifactsTypeNoArtifacts},
			Source: &build.ProjectSource{Type: build.SourceTypeGithub, Location: aws.String("https://example.com/shop.git")},
			Environment: &build.ProjectEnvironment{
				Type: build.EnvironmentTypeLinuxContainer, ComputeType: build.ComputeTypeBuildGeneral1Small, Image: aws.String("aws/codebuild/standard:7.0"), PrivilegedMode: aws.Bool(true),
				EnvironmentVariables: []build.EnvironmentVariable{variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"), variable("DB_PASSWORD")},
			},
		}))
	}
	all := map[string]string{}
	for control, names := range map[string][]string{"CodeBuild.2": {"keys", "keysfail"}, "CodeBuild.5": {"root", "rootfail"}} {
		for _, name := range names {
			all["arn:aws:codebuild:us-east-1:"+nest+":project/"+name] = control
		}
	}
	scaling := autoscaling.NewFromConfig(cfg)
	for _, name := range []string{"web", "webfail"} {
		script := "#!/bin/sh\nexport TOKEN=" + n.plant("user data "+name, "userdata-"+name+"-canary-9a1e") + "\n"
		must[*autoscaling.CreateLaunchConfigurationOutput](t)(scaling.CreateLaunchConfiguration(t.Context(), &autoscaling.CreateLaunchConfigurationInput{
			LaunchConfigurationName: &name, ImageId: aws.String("ami-12345678"), InstanceType: aws.String("t3.micro"), UserData: aws.String(base64.StdEncoding.EncodeToString([]byte(script))),
		}))
		must[*autoscaling.CreateAutoScalingGroupOutput](t)(scaling.CreateAutoScalingGroup(t.Context(), &autoscaling.CreateAutoScalingGroupInput{
			AutoScalingGroupName: &name, MinSize: aws.Int32(0), MaxSize: aws.Int32(0), AvailabilityZones: []string{"us-east-1a"}, LaunchConfigurationName: &name,
		}))
		out := must[*autoscaling.DescribeLaunchConfigurationsOutput](t)(scaling.DescribeLaunchConfigurations(t.Context(), &autoscaling.DescribeLaunchConfigurationsInput{LaunchConfigurationNames: []string{name}}))
		all[*out.LaunchConfigurations[0].LaunchConfigurationARN] = "AutoScaling.3"
	}
	for _, name := range []string{"task", "taskfail"} {
		out := must[*ecs.RegisterTaskDefinitionOutput](t)(ecs.NewFromConfig(cfg).RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
			Family: &name, ContainerDefinitions: []ecstypes.ContainerDefinition{{
				Name: aws.String("app"), Image: aws.String("app:1"), Memory: aws.Int32(64),
				Environment: []ecstypes.KeyValuePair{{Name: aws.String("TOKEN"), Value: aws.String(n.plant("ECS "+name, "ecs-"+name+"-canary-3d4b"))}},
			}},
		}))
		all[*out.TaskDefinition.TaskDefinitionArn] = "ECS.5"
	}
	return all
}

// fails makes AWS refuse the writes of what is named so, in words that quote the
// secrets that were sent.
func (n *nested) fails(resource string) func() {
	name := resource[strings.LastIndexAny(resource, ":/")+1:]
	if !strings.Contains(resource, "fail") {
		return func() {}
	}
	quote := ""
	for where, secret := range n.planted {
		if strings.Contains(where, name) || strings.Contains(where, "fail") {
			quote += " " + secret
		}
	}
	var removes []func()
	for service, operation := range map[string]string{"codebuild": "UpdateProject", "ssm": "PutParameter", "autoscaling": "CreateLaunchConfiguration", "ecs": "RegisterTaskDefinition"} {
		removes = append(removes, n.sandbox.Fault(sandbox.Fault{Service: service, Operation: operation, Account: nest, Code: "ValidationException", Message: "no good:" + quote}))
	}
	return func() {
		for _, remove := range removes {
			remove()
		}
	}
}

// live has one resource fixed and put back, or fail, by way of an approval.
func (n *nested) live(control, resource string) asr.State {
	t, ctx := n.t, n.t.Context()
	defer n.fails(resource)()
	me := asr.Actor{Kind: "person", Name: "arn:aws:iam::111111111111:user/ada", Verified: true}
	goOn := func(r asr.Run) bool { return !r.State.Waits() }
	ask := asr.Ask{Actor: me, Control: control, Account: nest, Region: "us-east-1", Resource: asr.Resource{ID: resource, Region: "us-east-1"}}
	ask.PlanOnly = true
	r := must[asr.Run](t)(n.engine.Request(ctx, ask))
	must[error](t)(nil, n.pool.Drive(ctx, []string{r.ID}, goOn))
	ask.PlanOnly = false
	r = must[asr.Run](t)(n.engine.Request(ctx, ask))
	must[error](t)(nil, n.pool.Drive(ctx, []string{r.ID}, goOn))
	if r = must[asr.Run](t)(n.store.Run(ctx, r.ID)); r.State == asr.StateAwaiting {
		must[asr.Run](t)(n.engine.Approve(ctx, r.ID, r.Plan.Hash, me, "canary"))
		must[error](t)(nil, n.pool.Drive(ctx, []string{r.ID}, goOn))
	}
	r = must[asr.Run](t)(n.store.Run(ctx, r.ID))
	end := r.State
	for _, c := range r.Plan.Changes {
		n.outputs["changes of "+resource] = append(n.outputs["changes of "+resource], c.String()...)
	}
	if r.Undoable() {
		must[asr.Run](t)(n.engine.Revert(ctx, r.ID, me, false))
		must[error](t)(nil, n.pool.Drive(ctx, []string{r.ID}, goOn))
	}
	for _, args := range [][]string{{"runs", "show", r.ID}, {"runs", "show", r.ID, "--json"}, {"revert", r.ID, "--yes"}, {"approve", r.ID, "--yes"}} {
		n.asr(args...)
	}
	return end
}

// read is all that the HTTP API answers.
func (n *nested) read(runs []asr.Run) {
	api := server.New(server.Config{Engine: n.engine, Store: n.store, Audited: "audited", Who: func(*http.Request) (asr.Actor, error) { return asr.Actor{Kind: "person"}, nil }, Log: slog.New(slog.NewJSONHandler(&n.log, nil))})
	paths := []string{"/v1/runs", "/v1/findings", "/v1/whoami", "/v1/kill-switch", "/v1/runs/none"}
	for _, r := range runs {
		paths = append(paths, "/v1/runs/"+r.ID)
	}
	for _, path := range paths {
		w := httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		n.outputs["GET "+path] = w.Body.Bytes()
	}
}

// TestNoSecretStandsAnywhere plants secrets in all that asr is told and reads,
// has fixes made, fail and put back, and looks for the secrets in all that it
// says and keeps.
func TestNoSecretStandsAnywhere(t *testing.T) {
	n := newNested(t)
	ends := map[asr.State]int{}
	for resource, control := range n.roost() {
		ends[n.live(control, resource)]++
	}
	if ends[asr.StateVerified] != 4 || ends[asr.StateFailed]+ends[asr.StatePartly] != 4 {
		t.Fatalf("the runs ended %v, want 4 verified and 4 failed", ends)
	}
	finding := func(id, more string) string {
		return `{"SchemaVersion":"2018-10-08","Id":"` + id + `","ProductArn":"arn:aws:securityhub:us-east-1::product/aws/securityhub","AwsAccountId":"` + nest + `","Region":"us-east-1",
			"GeneratorId":"security-control/CodeBuild.2","Types":["x"],"CreatedAt":"2026-03-01T00:00:00Z","UpdatedAt":"2026-03-01T00:00:00Z","Severity":{"Label":"HIGH"},"Title":"t","Description":"d",
			"Compliance":{"Status":"FAILED","SecurityControlId":"CodeBuild.2"},"Workflow":{"Status":"NEW"},"RecordState":"ACTIVE",` + more + `}`
	}
	details := func(id string) string {
		return `"Resources":[{"Type":"AwsCodeBuildProject","Id":"arn:aws:codebuild:us-east-1:` + nest + `:project/other","Details":{
			"AwsCodeBuildProject":{"Environment":{"EnvironmentVariables":[{"Name":"A","Type":"PLAINTEXT","Value":"` + n.plant("an environment variable in "+id, "finding-env-"+id+"-canary") + `"}]}},
			"AwsLambdaFunction":{"Environment":{"Variables":{"A":"` + n.plant("a Lambda variable in "+id, "finding-lambda-"+id+"-canary") + `"}}},
			"AwsAutoScalingLaunchConfiguration":{"UserData":"` + base64.StdEncoding.EncodeToString([]byte(n.plant("user data in "+id, "finding-userdata-"+id+"-canary"))) + `"}}}],
			"ProductFields":{"token":"` + n.plant("a product field of "+id, "finding-product-"+id+"-canary") + `"}`
	}
	good, bad := finding("f-good", details("f-good")), finding("f-bad", details("f-bad")+`,"Compliance":17`)
	file := filepath.Join(t.TempDir(), "findings.json")
	if err := os.WriteFile(file, []byte(`{"Findings":[`+good+`,`+bad+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(wrong, []byte("aws_secret_access_key = "+n.plant("a file of credentials", "wrong-file-canary-11")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, rejected := securityhub.Decode("file", time.Now(), []byte(bad)); len(rejected) == 0 {
		t.Fatal("the bad finding is taken")
	}
	for _, args := range []string{
		"findings import --take-only " + file, "findings import --take-only " + wrong, "findings list", "findings list --json", "findings show f-good", "findings show f-good --json", "findings rejected", "findings rejected --json",
		"runs list", "runs list --json", "policy explain f-good", "policy explain f-good --json", "plan f-good", "plan f-good --json", "audit verify", "audit verify --json",
		"keys list", "keys list --json", "keys rotate --yes", "keys rewrap", "keys retire 00000000 --yes", "kill-switch status", "explain CodeBuild.2", "doctor --accounts " + nest, "version",
	} {
		n.asr(strings.Fields(args)...)
	}
	runs, _, err := n.store.Runs(t.Context(), asr.RunQuery{})
	if err != nil {
		t.Fatal(err)
	}
	n.read(runs)
	n.keeps(runs)
	for output, text := range n.outputs {
		n.grep(t, output, text)
	}
	t.Logf("%d canaries in %d outputs", len(n.planted), len(n.outputs))
}

// keeps adds all that is stored: the database byte by byte, and what of it is
// read without a key or with it.
func (n *nested) keeps(runs []asr.Run) {
	t, ctx := n.t, n.t.Context()
	for _, name := range []string{"asr.db", "asr.db-wal"} {
		n.outputs[name] = must[[]byte](t)(os.ReadFile(filepath.Join(n.app.data, name)))
	}
	for _, r := range runs {
		records := must[[]asr.Record](t)(n.store.Records(ctx, r.ID))
		calls := must[[]asr.APICall](t)(n.store.Calls(ctx, r.ID))
		n.outputs["run "+r.ID] = must[[]byte](t)(json.Marshal([]any{r, records, calls}))
	}
	n.outputs["logs"], n.outputs["reports"] = n.log.Bytes(), n.told.Bytes()
	for _, output := range []string{"logs", "reports"} {
		if len(n.outputs[output]) == 0 {
			t.Errorf("there are no %s to look through", output)
		}
	}
}
