package codebuild

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	static "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/google/go-cmp/cmp"
)

// newProject makes a project with settings that no fix may touch, and more.
func newProject(t *testing.T, acct *remedytest.Account, name, serviceRole string, environment *types.ProjectEnvironment, more func(*codebuild.UpdateProjectInput)) string {
	t.Helper()
	environment.Type, environment.ComputeType, environment.Image = types.EnvironmentTypeLinuxContainer, types.ComputeTypeBuildGeneral1Small, aws.String("aws/codebuild/standard:7.0")
	environment.Certificate, environment.ImagePullCredentialsType = aws.String("arn:aws:s3:::certs/a.pem"), types.ImagePullCredentialsTypeServiceRole
	environment.RegistryCredential = &types.RegistryCredential{Credential: aws.String("registry"), CredentialProvider: types.CredentialProviderTypeSecretsManager}
	api := codebuild.NewFromConfig(acct.Config)
	_, err := api.CreateProject(t.Context(), &codebuild.CreateProjectInput{
		Name: &name, ServiceRole: aws.String(acct.Expand("arn:{partition}:iam::{account}:role/{name}", serviceRole)), Environment: environment,
		Source: &types.ProjectSource{Type: types.SourceTypeGithub, Location: aws.String("https://example.com/shop.git")}, Artifacts: &types.ProjectArtifacts{Type: types.ArtifactsTypeNoArtifacts},
		TimeoutInMinutes: aws.Int32(45), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}},
	})
	remedytest.Must(t, 0, err)
	in := &codebuild.UpdateProjectInput{Name: &name, ConcurrentBuildLimit: aws.Int32(2), BadgeEnabled: aws.Bool(true), LogsConfig: &types.LogsConfig{CloudWatchLogs: &types.CloudWatchLogsConfig{Status: types.LogsConfigStatusTypeDisabled}}}
	if more != nil {
		more(in)
	}
	_, err = api.UpdateProject(t.Context(), in)
	remedytest.Must(t, 0, err)
	return acct.Expand(project, name)
}

func view(acct *remedytest.Account, name string) remedytest.View {
	return acct.Boto("codebuild", "batch_get_projects", map[string]any{"names": []string{name}}, "projects.0").Without("lastModified")
}

func gone(t *testing.T, acct *remedytest.Account, name string) func() {
	return func() {
		_, err := codebuild.NewFromConfig(acct.Config).DeleteProject(t.Context(), &codebuild.DeleteProjectInput{Name: &name})
		remedytest.Must(t, 0, err)
	}
}

// run drives one run to its end.
func run[P, S any](t *testing.T, acct *remedytest.Account, u remedy.Unit[P, S], control, resource, params string) asr.Run {
	t.Helper()
	return remedytest.End(t, acct, u, remedytest.Case{Control: control, Resource: resource, Params: params})
}

// refused checks that a run ended with a refusal that says these words.
func refused(t *testing.T, r asr.Run, words string) {
	t.Helper()
	if r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, words) || r.Error.Do == "" {
		t.Errorf("the run ended %s: %+v, want a refusal that says %q", r.State, r.Error, words)
	}
}

func TestProjectsAreKnownByTheirARNsInEveryPartition(t *testing.T) {
	for id, known := range map[string]bool{
		"arn:aws:codebuild:eu-west-1:111111111111:project/shop":            true,
		"arn:aws-cn:codebuild:cn-north-1:111111111111:project/shop":        true,
		"arn:aws-us-gov:codebuild:us-gov-west-1:111111111111:project/shop": true,
		"arn:aws:codebuild:eu-west-1:222222222222:project/shop":            false,
		"arn:aws:codebuild:eu-west-1:111111111111:build/shop:0000":         false,
		"arn:aws:codebuild:eu-west-1:111111111111:report-group/shop":       false,
		"arn:aws:codepipeline:eu-west-1:111111111111:project/shop":         false,
		"shop": false,
	} {
		got, err := NoPrivilegedMode.Spec.Locate("111111111111", "eu-west-1", asr.Resource{ID: id})
		if (err == nil) != known || known && (got.Name != "shop" || got.ID != id) {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
}

// A CodeBuild of the future: it has settings that the SDK doesn't know.
const future = `{"projects":[{"name":"shop","serviceRole":"arn:aws:iam::111111111111:role/builds","webhook":{"url":"https://example.com"},"environment":{
	"type":"QUANTUM_CONTAINER","image":"i","computeType":"BUILD_ENTANGLED","privilegedMode":true,"qubits":{"count":12345678901234567890},
	"environmentVariables":[{"name":"A","value":"1","type":"PLAINTEXT","masked":true},{"name":"AWS_ACCESS_KEY_ID","value":"AKIAIOSFODNN7EXAMPLE","type":"PLAINTEXT","masked":true}]}}]}`

func TestSettingsThatTheSDKDoesntKnowSurvive(t *testing.T) {
	t.Parallel()
	asked := map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked[r.Header.Get("X-Amz-Target")] = string(body)
		_, _ = io.WriteString(w, future)
	}))
	defer server.Close()
	cfg := aws.Config{Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: static.NewStaticCredentialsProvider("a", "b", "")}
	target := asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1", Name: "shop"}
	on := remedy.On[store]{Target: target}
	for name, row := range map[string]struct {
		write func() error
		from  string
		to    string
	}{
		"privileged mode": {func() error {
			return NoPrivilegedMode.Write(t.Context(), cfg, remedy.On[none]{Target: target}, privileges{Privileged: true}, privileges{})
		}, `"privilegedMode":true`, `"privilegedMode":false`},
		"credentials": {func() error {
			return tell(t.Context(), cfg, on, credentialsOf(variable{Type: stored, From: "/p"}))
		}, `"value":"AKIAIOSFODNN7EXAMPLE","type":"PLAINTEXT"`, `"value":"/p","type":"PARAMETER_STORE"`},
	} {
		if err := row.write(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var want struct{ Projects []struct{ Environment any } }
		var got map[string]any
		remedytest.Must(t, 0, number(strings.Replace(future, row.from, row.to, 1), &want))
		remedytest.Must(t, 0, number(asked["CodeBuild_20161006.UpdateProject"], &got))
		if diff := cmp.Diff(map[string]any{"name": "shop", "environment": want.Projects[0].Environment}, got); diff != "" {
			t.Errorf("%s: asked (-want +got)\n%s", name, diff)
		}
	}
}

func credentialsOf(v variable) (c credentials) {
	c.Variables = map[string]variable{"AWS_ACCESS_KEY_ID": v}
	return c
}

func number(text string, v any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return d.Decode(v)
}
