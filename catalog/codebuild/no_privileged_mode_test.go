package codebuild

import (
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"pgregory.net/rapid"
)

func privileged() *types.ProjectEnvironment {
	return &types.ProjectEnvironment{PrivilegedMode: aws.Bool(true), EnvironmentVariables: []types.EnvironmentVariable{
		{Name: aws.String("STAGE"), Value: aws.String("prod"), Type: types.EnvironmentVariableTypePlaintext},
		{Name: aws.String("TOKEN"), Value: aws.String("/CodeBuild/token"), Type: types.EnvironmentVariableTypeParameterStore},
	}}
}

func TestNoPrivilegedMode(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	shop := newProject(t, acct, "shop", "builds", privileged(), nil)
	api := codebuild.NewFromConfig(acct.Config)
	remedytest.Lifecycle(t, acct, NoPrivilegedMode, remedytest.Case{
		Name: "on", Control: "CodeBuild.5", Resource: shop, Want: []string{"privileged: true → false"},
		View: view(acct, "shop"), Seen: []string{"environment.privilegedMode: true → false"},
	}, remedytest.Case{
		Name: "others change the image meanwhile", Control: "CodeBuild.5", Resource: shop, Want: []string{"privileged: true → false"},
		Meanwhile: func() {
			e := privileged()
			e.PrivilegedMode, e.Type, e.ComputeType, e.Image = aws.Bool(false), types.EnvironmentTypeLinuxContainer, types.ComputeTypeBuildGeneral1Large, aws.String("theirs")
			_, err := api.UpdateProject(t.Context(), &codebuild.UpdateProjectInput{Name: aws.String("shop"), Environment: e})
			remedytest.Must(t, 0, err)
		},
		Gone: func() {
			p, environment, err := find(t.Context(), acct.Config, asr.Target{Name: "shop"})
			if err != nil || *p.Environment.Image != "theirs" || environment["privilegedMode"] != true {
				t.Errorf("undone, the environment is %v: %v", environment, err)
			}
			gone(t, acct, "shop")()
		},
	})
}

func TestProjectsThatBuildImagesAreRefused(t *testing.T) {
	for name, row := range map[string]struct {
		p    types.Project
		want string
	}{
		"docker build":  {types.Project{Source: &types.ProjectSource{Buildspec: aws.String("version: 0.2\nphases:\n  build:\n    commands:\n      - docker build -t x .\n")}}, "names docker"},
		"buildx":        {types.Project{Source: &types.ProjectSource{Buildspec: aws.String("commands: [Buildx bake]")}}, "names Buildx"},
		"podman":        {types.Project{Source: &types.ProjectSource{Buildspec: aws.String("- podman build .")}}, "names podman"},
		"compose":       {types.Project{Source: &types.ProjectSource{Buildspec: aws.String("- docker-compose up")}}, "names docker"},
		"layer cache":   {types.Project{Cache: &types.ProjectCache{Type: types.CacheTypeLocal, Modes: []types.CacheMode{types.CacheModeLocalSourceCache, types.CacheModeLocalDockerLayerCache}}}, "caches Docker layers"},
		"file systems":  {types.Project{FileSystemLocations: []types.ProjectFileSystemLocation{{}}}, "mounts file systems"},
		"other words":   {types.Project{Source: &types.ProjectSource{Buildspec: aws.String("- dockerize-none && make")}}, ""},
		"other caches":  {types.Project{Cache: &types.ProjectCache{Modes: []types.CacheMode{types.CacheModeLocalSourceCache}}}, ""},
		"in the source": {types.Project{Source: &types.ProjectSource{Buildspec: aws.String("ci/buildspec.yml")}}, ""},
		"nothing":       {types.Project{}, ""},
	} {
		if got := needs(row.p); !strings.Contains(got, row.want) || (got == "") != (row.want == "") {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
	t.Parallel()
	acct := remedytest.NewAccount(t)
	images := newProject(t, acct, "images", "builds", privileged(), func(in *codebuild.UpdateProjectInput) {
		in.Cache = &types.ProjectCache{Type: types.CacheTypeLocal, Modes: []types.CacheMode{types.CacheModeLocalDockerLayerCache}}
	})
	refused(t, run(t, acct, NoPrivilegedMode, "CodeBuild.5", images, ""), "caches Docker layers")
}

func TestAProjectWithoutPrivilegesIsRightWhateverItBuilds(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for name, mode := range map[string]*bool{"off": aws.Bool(false), "unset": nil} {
		arn := newProject(t, acct, name, "builds", &types.ProjectEnvironment{PrivilegedMode: mode}, func(in *codebuild.UpdateProjectInput) {
			in.Source = &types.ProjectSource{Type: types.SourceTypeGithub, Location: aws.String("https://example.com/shop.git"), Buildspec: aws.String("- docker build .")}
		})
		if r := run(t, acct, NoPrivilegedMode, "CodeBuild.5", arn, ""); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v", name, r.State, r.Error)
		}
	}
}

func TestPrivilegesAreOnlyTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := privileges{rapid.Bool().Draw(t, "privileged"), rapid.SampledFrom([]string{"", "it caches Docker layers"}).Draw(t, "refusal")}
		remedytest.Stable(t, NoPrivilegedMode, remedy.On[none]{}, now, "privileged")
		got, err := NoPrivilegedMode.Want(remedy.On[none]{}, now)
		if refused := err != nil; refused != (now.Privileged && now.Refusal != "") || !refused && got.Privileged {
			t.Fatalf("%+v becomes %+v: %v", now, got, err)
		}
	})
}
