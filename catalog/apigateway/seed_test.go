package apigateway

import (
	"testing"

	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	rest "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	websocket "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	wstypes "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

// aRole is what an account's CloudWatch role is in tests; moto doesn't ask whether it is there.
const aRole = "arn:aws:iam::111111111111:role/logs"

func setRole(t *testing.T, acct *remedytest.Account) {
	out, err := rest.NewFromConfig(acct.Config).UpdateAccount(t.Context(), &rest.UpdateAccountInput{PatchOperations: []types.PatchOperation{{Op: types.OpReplace, Path: aws.String("/cloudwatchRoleArn"), Value: aws.String(aRole)}}})
	remedytest.Must(t, out, err)
}

// newREST makes a REST API with a stage "prod" and returns the stage's name in ARNs.
func newREST(t *testing.T, acct *remedytest.Account) (api, name string) {
	client, ctx := rest.NewFromConfig(acct.Config), t.Context()
	made, err := client.CreateRestApi(ctx, &rest.CreateRestApiInput{Name: aws.String("shop")})
	id := remedytest.Must(t, made, err).Id
	all, err := client.GetResources(ctx, &rest.GetResourcesInput{RestApiId: id})
	root := remedytest.Must(t, all, err).Items[0].Id
	method, err := client.PutMethod(ctx, &rest.PutMethodInput{RestApiId: id, ResourceId: root, HttpMethod: aws.String("GET"), AuthorizationType: aws.String("NONE")})
	remedytest.Must(t, method, err)
	integration, err := client.PutIntegration(ctx, &rest.PutIntegrationInput{RestApiId: id, ResourceId: root, HttpMethod: aws.String("GET"), Type: types.IntegrationTypeMock})
	remedytest.Must(t, integration, err)
	deployed, err := client.CreateDeployment(ctx, &rest.CreateDeploymentInput{RestApiId: id})
	out, err2 := client.CreateStage(ctx, &rest.CreateStageInput{RestApiId: id, StageName: aws.String("prod"), DeploymentId: remedytest.Must(t, deployed, err).Id, Variables: map[string]string{"table": "orders"}, Tags: map[string]string{"team": "shop"}, TracingEnabled: true})
	remedytest.Must(t, out, err2)
	return *id, "restapis/" + *id + "/stages/prod"
}

// patch sets a REST stage's values, by path and value.
func patch(t *testing.T, acct *remedytest.Account, api string, pairs ...string) func() {
	return func() {
		in := rest.UpdateStageInput{RestApiId: &api, StageName: aws.String("prod")}
		for i := 0; i < len(pairs); i += 2 {
			in.PatchOperations = append(in.PatchOperations, types.PatchOperation{Op: types.OpReplace, Path: &pairs[i], Value: &pairs[i+1]})
		}
		out, err := rest.NewFromConfig(acct.Config).UpdateStage(t.Context(), &in)
		remedytest.Must(t, out, err)
	}
}

func deleteREST(t *testing.T, acct *remedytest.Account, api string) func() {
	return func() {
		out, err := rest.NewFromConfig(acct.Config).DeleteStage(t.Context(), &rest.DeleteStageInput{RestApiId: &api, StageName: aws.String("prod")})
		remedytest.Must(t, out, err)
	}
}

func seeREST(acct *remedytest.Account, api string) remedytest.View {
	return acct.Boto("apigateway", "get_stage", map[string]any{"restApiId": api, "stageName": "prod"}, "")
}

// newV2 makes a WebSocket or HTTP API with a stage "live".
func newV2(t *testing.T, acct *remedytest.Account, protocol wstypes.ProtocolType, d *wstypes.RouteSettings, routes map[string]wstypes.RouteSettings) (api, name string) {
	client := websocket.NewFromConfig(acct.Config)
	made, err := client.CreateApi(t.Context(), &websocket.CreateApiInput{Name: aws.String("chat"), ProtocolType: protocol, RouteSelectionExpression: aws.String("$request.body.action")})
	id := remedytest.Must(t, made, err).ApiId
	for route := range routes {
		out, err := client.CreateRoute(t.Context(), &websocket.CreateRouteInput{ApiId: id, RouteKey: &route})
		remedytest.Must(t, out, err)
	}
	out, err := client.CreateStage(t.Context(), &websocket.CreateStageInput{ApiId: id, StageName: aws.String("live"), DefaultRouteSettings: d, RouteSettings: routes, StageVariables: map[string]string{"table": "chats"}, Tags: map[string]string{"team": "chat"}})
	remedytest.Must(t, out, err)
	return *id, "apis/" + *id + "/stages/live"
}
