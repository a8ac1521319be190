package ecs

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// newRevision registers a revision with many settings and returns its ARN.
func newRevision(t *testing.T, acct *remedytest.Account, family string, more ...func(*ecs.RegisterTaskDefinitionInput)) string {
	t.Helper()
	in := &ecs.RegisterTaskDefinitionInput{
		Family: &family, Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeAwsvpc, PidMode: types.PidModeTask,
		TaskRoleArn: aws.String("arn:aws:iam::" + acct.ID + ":role/some/app"), ExecutionRoleArn: aws.String("arn:aws:iam::" + acct.ID + ":role/puller"),
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate}, EphemeralStorage: &types.EphemeralStorage{SizeInGiB: 30},
		RuntimePlatform: &types.RuntimePlatform{CpuArchitecture: types.CPUArchitectureArm64, OperatingSystemFamily: types.OSFamilyLinux},
		Volumes:         []types.Volume{{Name: aws.String("data"), EfsVolumeConfiguration: &types.EFSVolumeConfiguration{FileSystemId: aws.String("fs-1"), RootDirectory: aws.String("/x")}}},
		ContainerDefinitions: []types.ContainerDefinition{
			{
				Name: aws.String("app"), Image: aws.String("app:1"), Environment: []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String("b<c&d")}},
				MountPoints: []types.MountPoint{{SourceVolume: aws.String("data"), ContainerPath: aws.String("/data")}}, PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(80)}},
				LinuxParameters: &types.LinuxParameters{InitProcessEnabled: aws.Bool(true)}, StopTimeout: aws.Int32(7),
			},
			{Name: aws.String("log"), Image: aws.String("log:1"), Essential: aws.Bool(false), ReadonlyRootFilesystem: aws.Bool(false)},
		},
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}},
	}
	for _, m := range more {
		m(in)
	}
	out, err := ecs.NewFromConfig(acct.Config).RegisterTaskDefinition(t.Context(), in)
	return aws.ToString(remedytest.Must(t, out, err).TaskDefinition.TaskDefinitionArn)
}

func readOnly(in *ecs.RegisterTaskDefinitionInput) {
	for i := range in.ContainerDefinitions {
		in.ContainerDefinitions[i].ReadonlyRootFilesystem = aws.Bool(true)
	}
}

func deregister(t *testing.T, acct *remedytest.Account, id string) {
	t.Helper()
	_, err := ecs.NewFromConfig(acct.Config).DeregisterTaskDefinition(t.Context(), &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &id})
	remedytest.Must(t, id, err)
}

func latest(t *testing.T, acct *remedytest.Account, family string) definition {
	t.Helper()
	d, err := describe(t.Context(), ecs.NewFromConfig(acct.Config), family)
	return remedytest.Must(t, d, err)
}

// ended runs the unit on a resource and returns how the run ended.
func ended(t *testing.T, acct *remedytest.Account, resource string) (*remedytest.Harness, asr.Run) {
	t.Helper()
	h := remedytest.NewHarness(acct, ReadOnlyRoot)
	return h, h.End(t, remedytest.Case{Control: "ECS.5", Resource: resource})
}

func undone(t *testing.T, h *remedytest.Harness, r asr.Run) asr.Run {
	t.Helper()
	_, err := h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	r, err2 := h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	return remedytest.Must(t, r, err2)
}

func TestReadOnlyRoot(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	var arn string
	for range 12 {
		arn = newRevision(t, acct, "web")
	}
	newRevision(t, acct, "web-2")
	look := func(id, at string) remedytest.View {
		return acct.Boto("ecs", "describe_task_definition", map[string]any{"taskDefinition": id, "include": []string{"TAGS"}}, at)
	}
	view := look("web", "taskDefinition.containerDefinitions.0").And(look("web", "taskDefinition.containerDefinitions.1")).And(look("web", "")).
		And(look("web:12", "")).And(look("web:12", "taskDefinition.containerDefinitions.0")).And(look("web-2", "")).
		And(acct.Boto("ecs", "list_task_definitions", map[string]any{"status": "ACTIVE"}, "taskDefinitionArns")).
		Without("containerDefinitions", "revision", "taskDefinitionArn")
	plan, made := []string{`copy: none → {"app":true,"log":true}`}, []string{acct.Expand(family, "web")}
	remedytest.Lifecycle(t, acct, ReadOnlyRoot, remedytest.Case{
		Name: "the latest of many revisions", Control: "ECS.5", Resource: arn, Want: plan, Made: made,
		View: view,
		Seen: []string{
			"describe_task_definition.readonlyRootFilesystem: none → true", "describe_task_definition2.readonlyRootFilesystem: false → true",
			`describe_task_definition3.tags[]: none → {"key":"asr:run","value":"`, `list_task_definitions[]: none → "` + strings.TrimSuffix(arn, "12") + `13"`,
		},
	}, remedytest.Case{
		Name: "the family, which is its latest revision", Control: "ECS.5", Resource: acct.Expand(family, "web"), Want: plan, Made: made,
	}, remedytest.Case{
		Name: "others register a revision meanwhile", Control: "ECS.5", Resource: arn, Want: plan, Made: made,
		Meanwhile: func() { deregister(t, acct, newRevision(t, acct, "web")) },
		Gone:      func() { deregister(t, acct, "web:12") },
	})
}

func TestRevisionsOfTwoDigitsAreUnderstood(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for _, n := range []int{1, 10, 123456} {
		arn := acct.Expand("arn:{partition}:ecs:{region}:{account}:task-definition/{name}", "web_app-2:"+strconv.Itoa(n))
		on := remedy.On[none]{Target: asr.Target{Account: acct.ID, Region: "us-east-1", ID: arn}}
		got, err := ReadOnlyRoot.Resolve(t.Context(), acct.Config, on)
		if want := (asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: "web_app-2", ID: arn}); err != nil || got != want || number(got.ID) != n {
			t.Errorf("%d: %+v, %v", n, got, err)
		}
		on.Account = "111111111111"
		if _, err := ReadOnlyRoot.Resolve(t.Context(), acct.Config, on); asr.Classify(err) != asr.CodeBadTarget {
			t.Errorf("a revision of another account: %v", err)
		}
	}
}

func TestTheCopyKeepsTagsVolumesAndAllElse(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newRevision(t, acct, "web")
	before := latest(t, acct, "web")
	_, r := ended(t, acct, arn)
	plain := func(d definition) map[string]any {
		var all map[string]any
		if err := json.Unmarshal(d.text, &all); err != nil {
			t.Fatal(err)
		}
		td := all["taskDefinition"].(map[string]any)
		for _, field := range assigned {
			delete(td, field)
		}
		return all
	}
	want, got := plain(before), plain(latest(t, acct, "web"))
	want["tags"] = append(want["tags"].([]any), map[string]any{"key": asr.OwnerTag, "value": r.ID})
	for _, c := range want["taskDefinition"].(map[string]any)["containerDefinitions"].([]any) {
		c.(map[string]any)["readonlyRootFilesystem"] = true
	}
	if diff := cmp.Diff(want, got); diff != "" || r.State != asr.StateVerified {
		t.Errorf("the run ended %s (-want +got)\n%s", r.State, diff)
	}
}

// answering is an HTTP client that answers with a text, and shows what it is asked.
type answering func(operation, body string) string

func (f answering) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: io.NopCloser(strings.NewReader(f(operation, string(body)))),
	}, err
}

func TestFieldsThatTheSDKDoesNotKnowSurvive(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	var sent string
	cfg := acct.Config.Copy()
	cfg.HTTPClient = answering(func(operation, body string) string {
		if operation == "RegisterTaskDefinition" {
			sent = body
		}
		return `{"taskDefinition": {"taskDefinitionArn": "x", "family": "web", "revision": 7, "status": "ACTIVE", "registeredBy": "ada", "future": {"n": 12345678901234567890, "t": "<&>"}, "volumes": [],
			"containerDefinitions": [{"name": "app", "image": "app:1", "future": [1.50, null]}]}, "tags": [{"key": "aws:x", "value": "1"}, {"key": "asr:run", "value": "old"}, {"key": "team", "value": "shop"}]}`
	})
	on := remedy.On[none]{Target: asr.Target{Name: "web", ID: "arn:aws:ecs:eu-west-1:111111111111:task-definition/web:7"}, Call: asr.Call{Run: "run-1"}}
	if err := ReadOnlyRoot.Write(t.Context(), cfg, on, revision{Latest: true}, revision{Latest: true, Copy: map[string]bool{"app": true}}); err != nil {
		t.Fatal(err)
	}
	want := `{"containerDefinitions":[{"future":[1.50,null],"image":"app:1","name":"app","readonlyRootFilesystem":true}],"family":"web","future":{"n":12345678901234567890,"t":"\u003c\u0026\u003e"},` +
		`"tags":[{"key":"team","value":"shop"},{"key":"asr:run","value":"run-1"}],"volumes":[]}`
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A step that AWS failed at first is tried again later: to register an older
// revision's copy over a deployment that came in between would take that back.
func TestACopyIsNotRegisteredOverALaterRevision(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newRevision(t, acct, "web")
	newRevision(t, acct, "web")
	on := remedy.On[none]{Target: asr.Target{Name: "web", ID: arn}, Call: asr.Call{Run: "run-1"}}
	now, err := ReadOnlyRoot.Read(t.Context(), acct.Config, on)
	to := remedytest.Must(t, now, err)
	to.Copy = map[string]bool{"app": true, "log": true}
	if err := ReadOnlyRoot.Write(t.Context(), acct.Config, on, now, to); asr.Classify(err) != asr.CodeRefused || latest(t, acct, "web").Revision != 2 {
		t.Errorf("got %v, and the latest revision is %d", err, latest(t, acct, "web").Revision)
	}
}

// hashicorp/terraform-provider-aws#9777
func TestAFamilyThatOthersRegisterInIsWaitedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	on := remedy.On[none]{Target: asr.Target{Name: "web", ID: newRevision(t, acct, "web")}, Call: asr.Call{Run: "run-1"}}
	for message, waits := range map[string]bool{"Too many concurrent attempts to create a new revision of the specified family.": true, "Role is not valid": false} {
		cfg := acct.Config.Copy()
		cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(st *middleware.Stack) error {
			return st.Initialize.Add(middleware.InitializeMiddlewareFunc("busy", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				if _, registers := in.Parameters.(*ecs.RegisterTaskDefinitionInput); registers {
					return middleware.InitializeOutput{}, middleware.Metadata{}, &smithy.GenericAPIError{Code: "ClientException", Message: message}
				}
				return next.HandleInitialize(ctx, in)
			}), middleware.Before)
		})
		if err := ReadOnlyRoot.Write(t.Context(), cfg, on, revision{Latest: true}, revision{Latest: true, Copy: map[string]bool{"app": true}}); err == nil || errors.Is(err, asr.ErrSettling) != waits {
			t.Errorf("%s: %v", message, err)
		}
	}
}

func TestWhatECSAssignsIsLeftOutAndNothingElse(t *testing.T) {
	takes := reflect.TypeFor[ecs.RegisterTaskDefinitionInput]()
	for _, f := range reflect.VisibleFields(reflect.TypeFor[types.TaskDefinition]()) {
		_, taken := takes.FieldByName(f.Name)
		if left := slices.Contains(assigned, strings.ToLower(f.Name[:1])+f.Name[1:]); f.IsExported() && left == taken {
			t.Errorf("%s: registered: %v, left out: %v", f.Name, taken, left)
		}
	}
}

func TestServicesKeepTheirRevision(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newRevision(t, acct, "web", func(in *ecs.RegisterTaskDefinitionInput) {
		in.Volumes, in.ContainerDefinitions[0].MountPoints = nil, nil
	})
	api := ecs.NewFromConfig(acct.Config)
	_, err := api.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("c")})
	remedytest.Must(t, 0, err)
	_, err = api.CreateService(t.Context(), &ecs.CreateServiceInput{Cluster: aws.String("c"), ServiceName: aws.String("s"), TaskDefinition: &arn, DesiredCount: aws.Int32(0)})
	remedytest.Must(t, 0, err)
	_, r := ended(t, acct, arn)
	out, err := api.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("c"), Services: []string{"s"}})
	if got := aws.ToString(remedytest.Must(t, out, err).Services[0].TaskDefinition); r.State != asr.StateVerified || got != arn {
		t.Errorf("the run ended %s and the service has %s: %+v", r.State, got, r.Error)
	}
}

func TestASecondFindingRegistersNoSecondRevision(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newRevision(t, acct, "web")
	_, first := ended(t, acct, arn)
	_, second := ended(t, acct, arn)
	if got := latest(t, acct, "web").Revision; first.State != asr.StateVerified || second.State != asr.StateNothingToDo || got != 2 {
		t.Errorf("%s, %s, and the latest revision is %d", first.State, second.State, got)
	}
}

func TestTasksMayHaveAnyRole(t *testing.T) {
	pass := ReadOnlyRoot.Spec.Implied[0]
	if pass.On != "arn:{partition}:iam::{account}:role/*" || !slices.Equal(pass.Actions, []string{"iam:PassRole"}) || pass.When["StringEquals"]["iam:PassedToService"] != "ecs-tasks.amazonaws.com" {
		t.Errorf("it passes %+v", pass)
	}
}

func TestOnlyTheLatestActiveRevisionIsCopied(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	old := newRevision(t, acct, "web")
	newRevision(t, acct, "web", readOnly)
	inactive := newRevision(t, acct, "gone")
	deregister(t, acct, inactive)
	right := newRevision(t, acct, "right", readOnly)
	back := newRevision(t, acct, "back")
	deregister(t, acct, newRevision(t, acct, "back", readOnly))
	for arn, want := range map[string]asr.State{
		old: asr.StateNothingToDo, inactive: asr.StateNothingToDo, right: asr.StateNothingToDo, back: asr.StateVerified,
		acct.Expand("arn:{partition}:ecs:{region}:{account}:task-definition/{name}", "nobody:1"): asr.StateNothingToDo,
	} {
		if _, r := ended(t, acct, arn); r.State != want {
			t.Errorf("%s: the run ended %s: %+v", arn, r.State, r.Error)
		}
	}
}

func TestARevisionOfADeploymentThatCarriesOurTagOnIsTheirs(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newRevision(t, acct, "web")
	h, r := ended(t, acct, arn)
	theirs := newRevision(t, acct, "web", readOnly, func(in *ecs.RegisterTaskDefinitionInput) {
		in.ContainerDefinitions[0].Image = aws.String("app:2")
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(asr.OwnerTag), Value: &r.ID})
	})
	if r = undone(t, h, r); r.State != asr.StateReverted || aws.ToString(latest(t, acct, "web").TaskDefinitionArn) != theirs {
		t.Errorf("undo ended %s: %+v", r.State, r.Error)
	}
	if d := latest(t, acct, "web:2"); d.Status != types.TaskDefinitionStatusInactive {
		t.Errorf("the run's revision is %s", d.Status)
	}
}

func TestWhichOfTwoEqualRevisionsGoesIsNotGuessed(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newRevision(t, acct, "web")
	h, r := ended(t, acct, arn)
	newRevision(t, acct, "web", readOnly, func(in *ecs.RegisterTaskDefinitionInput) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(asr.OwnerTag), Value: &r.ID})
	})
	r = undone(t, h, r)
	if len(r.Left) != 1 || !strings.Contains(r.Left[0], "2 revisions of web carry this run's tag") || latest(t, acct, "web").Revision != 3 || latest(t, acct, "web:2").Status != types.TaskDefinitionStatusActive {
		t.Errorf("undo ended %s, left %q: %+v", r.State, r.Left, r.Undo)
	}
}

func TestWhenNoRevisionIsRegistered(t *testing.T) {
	writable := map[string]bool{"app": true, "log": false}
	for name, c := range map[string]struct {
		now     revision
		refused bool
	}{
		"all are read-only":           {revision{ReadOnly: map[string]bool{"app": true}, Latest: true, Windows: true}, false},
		"there are no containers":     {revision{Latest: true}, false},
		"there is a later revision":   {revision{ReadOnly: writable, Windows: true}, false},
		"there is a copy":             {revision{ReadOnly: writable, Latest: true, Copy: map[string]bool{"app": true, "log": true}}, false},
		"the containers are Windows'": {revision{ReadOnly: writable, Latest: true, Windows: true}, true},
		"there is no room for a tag":  {revision{ReadOnly: writable, Latest: true, Full: true}, true},
	} {
		to, err := ReadOnlyRoot.Want(remedy.On[none]{}, c.now)
		if refused := err != nil && asr.Classify(err) == asr.CodeRefused; refused != c.refused || !refused && !cmp.Equal(c.now, to) {
			t.Errorf("%s: %+v, %v", name, to, err)
		}
	}
}

func TestWindowsContainersAreRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newRevision(t, acct, "win", func(in *ecs.RegisterTaskDefinitionInput) {
		in.RuntimePlatform = &types.RuntimePlatform{OperatingSystemFamily: types.OSFamilyWindowsServer2022Core}
	})
	if _, r := ended(t, acct, arn); r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestACopyIsOnlyEverReadOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		containers := rapid.MapOf(rapid.SampledFrom([]string{"app", "log", "proxy"}), rapid.Bool())
		now := revision{
			ReadOnly: containers.Draw(t, "containers"), Latest: rapid.Bool().Draw(t, "latest"), Windows: rapid.Bool().Draw(t, "windows"), Full: rapid.Bool().Draw(t, "full"),
		}
		if rapid.Bool().Draw(t, "copied") {
			now.Copy = map[string]bool{}
			for name := range now.ReadOnly {
				now.Copy[name] = true
			}
		}
		remedytest.Stable(t, ReadOnlyRoot, remedy.On[none]{}, now, "copy")
		to, err := ReadOnlyRoot.Want(remedy.On[none]{}, now)
		if err != nil {
			return
		}
		for name, isReadOnly := range to.Copy {
			if _, there := now.ReadOnly[name]; !there || !isReadOnly {
				t.Fatalf("%+v becomes %+v", now, to)
			}
		}
		if len(to.Copy) != 0 && len(to.Copy) != len(now.ReadOnly) || !now.Latest && !cmp.Equal(now, to) {
			t.Fatalf("%+v becomes %+v", now, to)
		}
	})
}
