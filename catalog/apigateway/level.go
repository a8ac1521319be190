package apigateway

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	rest "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	websocket "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	wstypes "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

// levels are API Gateway's, each more than the one before.
var levels = []string{"OFF", "ERROR", "INFO"}

// more is the level that logs more. One that we don't know is left alone.
func more(is, least string) string {
	if i := slices.Index(levels, is); i >= 0 && i < slices.Index(levels, least) {
		return least
	}
	return is
}

// least is the lowest of levels with commas between, "" if one is none to log at.
func least(list string) (level string) {
	for l := range strings.SplitSeq(strings.ToUpper(list), ",") {
		if l = strings.TrimSpace(l); l != "ERROR" && l != "INFO" {
			return ""
		}
		if level == "" || l == "ERROR" {
			level = l
		}
	}
	return level
}

func readREST(ctx context.Context, cfg aws.Config, at place) (now logging, err error) {
	out, err := rest.NewFromConfig(cfg).GetStage(ctx, &rest.GetStageInput{RestApiId: &at.api, StageName: &at.stage})
	if err != nil {
		return now, err
	}
	now.Default, now.Overrides = "OFF", map[string]string{}
	for key, s := range out.MethodSettings {
		if level := cmp.Or(aws.ToString(s.LoggingLevel), "OFF"); key == everything {
			now.Default = level
		} else {
			now.Overrides[key] = level
		}
	}
	return now, nil
}

// writeREST makes all changes in one call. A key of the settings is escaped as
// a path wants it: "~1pets/GET".
func writeREST(ctx context.Context, cfg aws.Config, at place, from, to logging) (err error) {
	api := rest.NewFromConfig(cfg)
	var ops []types.PatchOperation
	if to.Default != from.Default {
		op := setLevel(everything, to.Default)
		if to.Default == "OFF" {
			if op, err = defaultOff(ctx, api, at); err != nil {
				return err
			}
		}
		ops = append(ops, op)
	}
	for _, key := range slices.Sorted(maps.Keys(to.Overrides)) {
		if to.Overrides[key] != from.Overrides[key] {
			ops = append(ops, setLevel(key, to.Overrides[key]))
		}
	}
	_, err = api.UpdateStage(ctx, &rest.UpdateStageInput{RestApiId: &at.api, StageName: &at.stage, PatchOperations: ops})
	return err
}

func setLevel(key, level string) types.PatchOperation {
	return types.PatchOperation{Op: types.OpReplace, Path: aws.String("/" + key + "/logging/loglevel"), Value: &level}
}

// defaultOff takes the settings for all methods away if they say nothing but a
// level: they came with it, and hold the account's limits as they were then.
func defaultOff(ctx context.Context, api *rest.Client, at place) (op types.PatchOperation, err error) {
	out, err := api.GetStage(ctx, &rest.GetStageInput{RestApiId: &at.api, StageName: &at.stage})
	if err != nil {
		return op, err
	}
	acct, err := api.GetAccount(ctx, &rest.GetAccountInput{})
	if err != nil {
		return op, err
	}
	s := out.MethodSettings[everything]
	s.LoggingLevel = nil
	bare := types.MethodSetting{CacheTtlInSeconds: 300, RequireAuthorizationForCacheControl: true, UnauthorizedCacheControlHeaderStrategy: types.UnauthorizedCacheControlHeaderStrategySucceedWithResponseHeader}
	unlimited := bare
	unlimited.ThrottlingBurstLimit, unlimited.ThrottlingRateLimit = -1, -1
	if t := acct.ThrottleSettings; t != nil {
		bare.ThrottlingBurstLimit, bare.ThrottlingRateLimit = t.BurstLimit, t.RateLimit
	}
	if s == bare || s == unlimited {
		return types.PatchOperation{Op: types.OpRemove, Path: aws.String("/" + everything)}, nil
	}
	return setLevel(everything, "OFF"), nil
}

func readWebSocket(ctx context.Context, cfg aws.Config, at place) (now logging, err error) {
	out, err := websocket.NewFromConfig(cfg).GetStage(ctx, &websocket.GetStageInput{ApiId: &at.api, StageName: &at.stage})
	if err != nil {
		return now, err
	}
	now.Default, now.Overrides = "OFF", map[string]string{}
	if d := out.DefaultRouteSettings; d != nil {
		now.Default = cmp.Or(string(d.LoggingLevel), "OFF")
	}
	for route, s := range out.RouteSettings {
		now.Overrides[route] = cmp.Or(string(s.LoggingLevel), "OFF")
	}
	return now, nil
}

// writeWebSocket sends the settings of the routes that change, whole. An update
// leaves other routes alone: DeleteRouteSettings is what clears them.
// https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html
func writeWebSocket(ctx context.Context, cfg aws.Config, at place, from, to logging) error {
	api := websocket.NewFromConfig(cfg)
	out, err := api.GetStage(ctx, &websocket.GetStageInput{ApiId: &at.api, StageName: &at.stage})
	if err != nil {
		return err
	}
	in := websocket.UpdateStageInput{ApiId: &at.api, StageName: &at.stage}
	if to.Default != from.Default {
		in.DefaultRouteSettings = cmp.Or(out.DefaultRouteSettings, &wstypes.RouteSettings{})
		in.DefaultRouteSettings.LoggingLevel = wstypes.LoggingLevel(to.Default)
	}
	for route, level := range to.Overrides {
		if level == from.Overrides[route] {
			continue
		}
		if in.RouteSettings == nil {
			in.RouteSettings = map[string]wstypes.RouteSettings{}
		}
		s := out.RouteSettings[route] // none: somebody took them away, and they are put back by force
		s.LoggingLevel = wstypes.LoggingLevel(level)
		in.RouteSettings[route] = s
	}
	_, err = api.UpdateStage(ctx, &in)
	switch {
	case remedy.Is(err, "BadRequestException") && strings.Contains(err.Error(), "protocolType HTTP"):
		return asr.Refuse("HTTP APIs have no execution log", "suppress the finding: it is about REST and WebSocket APIs")
	case remedy.Is(err, "NotFoundException") && strings.Contains(err.Error(), "Unable to find Route"): // the stage is there
		return asr.Refuse("the stage has settings for a route that the API has no longer: "+err.Error(), "delete them (aws apigatewayv2 delete-route-settings), then plan again")
	}
	return err
}
