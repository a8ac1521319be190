package apigateway

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	rest "github.com/aws/aws-sdk-go-v2/service/apigateway"
	websocket "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	wstypes "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"pgregory.net/rapid"
)

func TestExecutionLogging(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	setRole(t, acct)
	plain, plainName := newREST(t, acct)
	full, fullName := newREST(t, acct)
	patch(t, acct, full, "/*/*/throttling/rateLimit", "50", "/~1pets~1{id}/GET/logging/loglevel", "OFF", "/~1pets~1{id}/GET/throttling/burstLimit", "7", "/~1pets~1{id}/GET/metrics/enabled", "true",
		"/~1loud/POST/logging/loglevel", "INFO", "/~1loud/POST/logging/dataTrace", "true", "/~1quiet/GET/logging/loglevel", "ERROR")()
	remedytest.Lifecycle(t, acct, ExecutionLogging, remedytest.Case{
		Name: "a stage without settings", Control: "APIGateway.1", Resource: acct.Expand(stage, plainName), Want: []string{`default: "OFF" → "INFO"`},
		View: seeREST(acct, plain), Seen: []string{"methodSettings[*/*]: none → "},
	}, remedytest.Case{
		Name: "throttled since by somebody", Control: "APIGateway.1", Resource: acct.Expand(stage, plainName), Want: []string{`default: "OFF" → "INFO"`},
		Meanwhile: patch(t, acct, plain, "/*/*/throttling/rateLimit", "9"),
		Foreign:   patch(t, acct, plain, "/*/*/logging/loglevel", "ERROR"),
	}, remedytest.Case{
		Name: "settings for all and for some methods", Control: "APIGateway.1", Resource: acct.Expand(stage, fullName), Params: `{"level":"ERROR"}`,
		Want: []string{`default: "OFF" → "ERROR"`, `overrides[~1pets~1{id}/GET]: "OFF" → "ERROR"`},
		View: seeREST(acct, full), Seen: []string{`methodSettings[*/*].loggingLevel: "OFF" → "ERROR"`, `methodSettings[~1pets~1{id}/GET].loggingLevel: "OFF" → "ERROR"`},
		Gone: deleteREST(t, acct, full),
	})
}

func TestExecutionLoggingOfWebSocketAPIs(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	setRole(t, acct)
	plain, plainName := newV2(t, acct, wstypes.ProtocolTypeWebsocket, nil, nil)
	full, fullName := newV2(t, acct, wstypes.ProtocolTypeWebsocket, &wstypes.RouteSettings{LoggingLevel: "ERROR", ThrottlingRateLimit: aws.Float64(50)}, map[string]wstypes.RouteSettings{
		"$connect": {LoggingLevel: "OFF", ThrottlingBurstLimit: aws.Int32(7), ThrottlingRateLimit: aws.Float64(3.5), DataTraceEnabled: aws.Bool(true), DetailedMetricsEnabled: aws.Bool(true)},
		"loud":     {LoggingLevel: "INFO", ThrottlingBurstLimit: aws.Int32(9)},
	})
	silent, silentName := newV2(t, acct, wstypes.ProtocolTypeWebsocket, nil, map[string]wstypes.RouteSettings{"send": {ThrottlingBurstLimit: aws.Int32(5)}})
	see := func(api string) remedytest.View {
		return acct.Boto("apigatewayv2", "get_stage", map[string]any{"ApiId": api, "StageName": "live"}, "").Without("LastUpdatedDate")
	}
	api := websocket.NewFromConfig(acct.Config)
	remedytest.Lifecycle(t, acct, ExecutionLogging, remedytest.Case{
		Name: "a stage without settings", Control: "APIGateway.1", Resource: acct.Expand(stage, plainName), Want: []string{`default: "OFF" → "INFO"`},
		View: see(plain), Seen: []string{`DefaultRouteSettings.LoggingLevel: "OFF" → "INFO"`},
		Meanwhile: func() {
			out, err := api.UpdateStage(t.Context(), &websocket.UpdateStageInput{ApiId: &plain, StageName: aws.String("live"), Description: aws.String("theirs")})
			remedytest.Must(t, out, err)
		},
	}, remedytest.Case{
		Name: "routes with settings", Control: "APIGateway.1", Resource: acct.Expand(stage, fullName), Want: []string{`default: "ERROR" → "INFO"`, `overrides.$connect: "OFF" → "INFO"`},
		View: see(full), Seen: []string{`DefaultRouteSettings.LoggingLevel: "ERROR" → "INFO"`, `RouteSettings.$connect.LoggingLevel: "OFF" → "INFO"`},
	}, remedytest.Case{
		Name: "a route that says no level", Control: "APIGateway.1", Resource: acct.Expand(stage, silentName), Want: []string{`default: "OFF" → "INFO"`, `overrides.send: "OFF" → "INFO"`},
		Foreign: func() {
			out, err := api.UpdateStage(t.Context(), &websocket.UpdateStageInput{ApiId: &silent, StageName: aws.String("live"), DefaultRouteSettings: &wstypes.RouteSettings{LoggingLevel: "ERROR"}})
			remedytest.Must(t, out, err)
		},
		Gone: func() {
			out, err := api.DeleteStage(t.Context(), &websocket.DeleteStageInput{ApiId: &silent, StageName: aws.String("live")})
			remedytest.Must(t, out, err)
		},
	})
}

func TestMethodsWithALevelOfTheirOwnAreRaisedToo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	setRole(t, acct)
	api, name := newREST(t, acct)
	patch(t, acct, api, "/*/*/logging/loglevel", "INFO", "/~1pets/GET/logging/loglevel", "OFF", "/~1pets/POST/metrics/enabled", "true")()
	if r := remedytest.End(t, acct, ExecutionLogging, remedytest.Case{Control: "APIGateway.1", Resource: acct.Expand(stage, name)}); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	out, err := rest.NewFromConfig(acct.Config).GetStage(t.Context(), &rest.GetStageInput{RestApiId: &api, StageName: aws.String("prod")})
	for key, s := range remedytest.Must(t, out, err).MethodSettings {
		if aws.ToString(s.LoggingLevel) != "INFO" {
			t.Errorf("%s logs %s", key, aws.ToString(s.LoggingLevel))
		}
	}
}

func TestThrottlingAndDataTraceOfRoutesSurvive(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	setRole(t, acct)
	route := wstypes.RouteSettings{LoggingLevel: "OFF", ThrottlingBurstLimit: aws.Int32(7), ThrottlingRateLimit: aws.Float64(3.5), DataTraceEnabled: aws.Bool(false), DetailedMetricsEnabled: aws.Bool(true)}
	api, name := newV2(t, acct, wstypes.ProtocolTypeWebsocket, &route, map[string]wstypes.RouteSettings{"$connect": route})
	if r := remedytest.End(t, acct, ExecutionLogging, remedytest.Case{Control: "APIGateway.1", Resource: acct.Expand(stage, name)}); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	out, err := websocket.NewFromConfig(acct.Config).GetStage(t.Context(), &websocket.GetStageInput{ApiId: &api, StageName: aws.String("live")})
	got := remedytest.Must(t, out, err)
	route.LoggingLevel = "INFO"
	for what, s := range map[string]wstypes.RouteSettings{"default": *got.DefaultRouteSettings, "$connect": got.RouteSettings["$connect"]} {
		if !reflect.DeepEqual(s, route) {
			t.Errorf("%s: %+v, want %+v", what, s, route)
		}
	}
}

// deleteRoutes deletes all routes of an API. Settings for them stay with its stages.
func deleteRoutes(t *testing.T, acct *remedytest.Account, api string) {
	client := websocket.NewFromConfig(acct.Config)
	out, err := client.GetRoutes(t.Context(), &websocket.GetRoutesInput{ApiId: &api})
	for _, r := range remedytest.Must(t, out, err).Items {
		out, err := client.DeleteRoute(t.Context(), &websocket.DeleteRouteInput{ApiId: &api, RouteId: r.RouteId})
		remedytest.Must(t, out, err)
	}
}

// Such settings make AWS say "not found" of an update that names them, though the stage is there.
func TestSettingsOfARouteThatIsGoneAreNoStageThatIsGone(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	setRole(t, acct)
	for level, want := range map[wstypes.LoggingLevel]asr.State{"INFO": asr.StateVerified, "OFF": asr.StateFailed} {
		api, name := newV2(t, acct, wstypes.ProtocolTypeWebsocket, nil, map[string]wstypes.RouteSettings{"ghost": {LoggingLevel: level}})
		deleteRoutes(t, acct, api)
		r := remedytest.End(t, acct, ExecutionLogging, remedytest.Case{Control: "APIGateway.1", Resource: acct.Expand(stage, name)})
		if r.State != want || want == asr.StateFailed && (r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, "ghost") || r.Error.Do == "") {
			t.Errorf("%s: the run ended %s: %+v", level, r.State, r.Error)
		}
	}
}

func TestSettingsThatSomebodyTookFromARouteComeBackByForce(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	setRole(t, acct)
	api, _ := newV2(t, acct, wstypes.ProtocolTypeWebsocket, nil, nil)
	made, err := websocket.NewFromConfig(acct.Config).CreateRoute(t.Context(), &websocket.CreateRouteInput{ApiId: &api, RouteKey: aws.String("$connect")})
	remedytest.Must(t, made, err)
	place := place{api: api, stage: "live"}
	from := logging{Default: "OFF", Overrides: map[string]string{}}
	to := logging{Default: "OFF", Overrides: map[string]string{"$connect": "ERROR"}}
	err = writeWebSocket(t.Context(), acct.Config, place, from, to)
	got, err2 := readWebSocket(t.Context(), acct.Config, place)
	if err != nil || err2 != nil || !reflect.DeepEqual(got, to) {
		t.Errorf("got %+v, %v, %v", got, err, err2)
	}
}

func TestAnAccountWithoutARoleForLogsIsRefusedAndNothingIsTried(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	_, restName := newREST(t, acct)
	_, wsName := newV2(t, acct, wstypes.ProtocolTypeWebsocket, nil, nil)
	for _, name := range []string{restName, wsName} {
		r := remedytest.End(t, acct, ExecutionLogging, remedytest.Case{Control: "APIGateway.1", Resource: acct.Expand(stage, name)})
		if r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || r.Error.Do == "" {
			t.Errorf("%s: the run ended %s: %+v", name, r.State, r.Error)
		}
	}
	for _, call := range acct.Sandbox.Calls() {
		if call.Account == acct.ID && call.Operation == "UpdateStage" {
			t.Error("it was tried all the same")
		}
	}
}

func TestAStageThatLogsNeedsNoRoleToBeRightAlready(t *testing.T) {
	t.Parallel()
	on := remedy.On[verbosity]{Params: verbosity{"ERROR"}}
	now := logging{Default: "ERROR", Overrides: map[string]string{"~1a/GET": "INFO"}}
	if got, err := ExecutionLogging.Want(on, now); err != nil || got.Default != "ERROR" || got.Overrides["~1a/GET"] != "INFO" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnHTTPAPIHasNoExecutionLog(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	setRole(t, acct)
	_, name := newV2(t, acct, wstypes.ProtocolTypeHttp, nil, nil)
	r := remedytest.End(t, acct, ExecutionLogging, remedytest.Case{Control: "APIGateway.1", Resource: acct.Expand(stage, name)})
	if r.State != asr.StateFailed || r.Error == nil || r.Error.Code != asr.CodeRefused {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestWhatIsNoStageIsNoTarget(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for _, name := range []string{"restapis/abc", "domainnames/a.example", "apis/abc/stages/", "restapis/a/b/stages/prod"} {
		r := remedytest.End(t, acct, ExecutionLogging, remedytest.Case{Control: "APIGateway.1", Resource: acct.Expand(stage, name)})
		if r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeBadTarget {
			t.Errorf("%s: the run ended %s: %+v", name, r.State, r.Error)
		}
	}
}

func TestAStageIsAddressedInTheRegionAndPartitionOfItsARN(t *testing.T) {
	t.Parallel()
	for _, spec := range []asr.Spec{ExecutionLogging.Spec, CacheEncrypted.Spec} {
		arn := "arn:aws-us-gov:apigateway:us-gov-east-1::/restapis/abc/stages/prod"
		target, err := spec.Locate("111111111111", "us-gov-west-1", asr.Resource{ID: arn, Region: "us-gov-west-1"})
		if err != nil || target.Region != "us-gov-east-1" || target.ID != arn {
			t.Fatalf("%s: %+v, %v", spec.ID, target, err)
		}
		for _, g := range (asr.On{Target: target}).Narrow(spec.Writes) {
			if g.On != arn {
				t.Errorf("%s may write on %s", spec.ID, g.On)
			}
		}
	}
}

func TestTheConfigRulesDefaultTextIsALevel(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{"ERROR,INFO": "ERROR", "INFO, ERROR": "ERROR", "INFO": "INFO", "error": "ERROR", "OFF": "", "": "", "INFO,OFF": "", "DEBUG": ""} {
		on := remedy.On[verbosity]{Params: verbosity{list}}
		if got := least(list); got != want || (ExecutionLogging.Validate(on) == nil) != (want != "") {
			t.Errorf("%q is %q, want %q", list, got, want)
		}
	}
	now := logging{Role: aRole, Default: "OFF", Overrides: map[string]string{"~1a/GET": "INFO"}}
	if got, err := ExecutionLogging.Want(remedy.On[verbosity]{Params: verbosity{"ERROR,INFO"}}, now); err != nil || got.Default != "ERROR" || got.Overrides["~1a/GET"] != "INFO" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestNoLevelIsEverLowered(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.SampledFrom(append(levels, "NEWER"))
		now := logging{Role: rapid.SampledFrom([]string{"", aRole}).Draw(t, "role"), Default: level.Draw(t, "default"), Overrides: rapid.MapOf(rapid.SampledFrom([]string{"~1a/GET", "~1b/POST", "$connect"}), level).Draw(t, "overrides")}
		on := remedy.On[verbosity]{Params: verbosity{rapid.SampledFrom([]string{"ERROR", "INFO", "ERROR,INFO"}).Draw(t, "asked")}}
		remedytest.Stable(t, ExecutionLogging, on, now, "default", "overrides")
		got, err := ExecutionLogging.Want(on, now)
		if err != nil {
			return // refused for want of a role
		}
		check := func(was, is string) {
			if slices.Index(levels, is) < slices.Index(levels, was) || is == "OFF" {
				t.Fatalf("%s becomes %s", was, is)
			}
		}
		check(now.Default, got.Default)
		for key, was := range now.Overrides {
			check(was, got.Overrides[key])
		}
		if len(got.Overrides) != len(now.Overrides) {
			t.Fatalf("settings come or go: %v, %v", now.Overrides, got.Overrides)
		}
	})
}
