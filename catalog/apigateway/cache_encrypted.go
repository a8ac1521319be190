package apigateway

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	rest "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
)

type none struct{}

type cache struct {
	On        bool `json:"on"` // responses are cached
	Encrypted bool `json:"encrypted"`
}

// caches are those of a stage's methods that have settings of their own
// ("~1pets~1{id}/GET"), and of all others ("*/*").
type caches struct {
	Methods map[string]cache `json:"methods"`
}

// CacheEncrypted encrypts cached responses. Where nothing is cached there is
// nothing that the control looks at:
// https://docs.aws.amazon.com/securityhub/latest/userguide/apigateway-controls.html#apigateway-5
var CacheEncrypted = remedy.Unit[none, caches]{
	Spec: asr.Spec{
		ID: "apigateway-cache-encrypted", Version: 1,
		Title:  "Encrypt the caches of REST APIs",
		Impact: "Responses that are cached from now on are encrypted at rest. What is cached may be dropped, so that for as long as it takes to fill again more requests reach what is behind the API. Methods that aren't cached stay as they are.",
		Risk:   asr.RiskLow, RiskWhy: "clients get the same answers; the backend may see more requests for a short while",
		Scope: asr.ScopeResource, Resources: []string{restStage},
		Reads:  []asr.Grant{asr.Allow(restStage, "apigateway:GET")},
		Writes: []asr.Grant{asr.Allow(restStage, "apigateway:PATCH")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]none{"APIGateway.5": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (caches, error) {
		at, err := placeOf(on.Target, "restapis/"+on.Name)
		if err != nil {
			return caches{}, err
		}
		out, err := rest.NewFromConfig(cfg).GetStage(ctx, &rest.GetStageInput{RestApiId: &at.api, StageName: &at.stage})
		if err != nil {
			return caches{}, settled(err)
		}
		now := caches{map[string]cache{}}
		for key, s := range out.MethodSettings {
			now.Methods[key] = cache{s.CachingEnabled, s.CacheDataEncrypted}
		}
		return now, nil
	},
	Want: func(_ remedy.On[none], now caches) (caches, error) {
		to := caches{map[string]cache{}}
		for key, c := range now.Methods {
			to.Methods[key] = cache{c.On, c.Encrypted || c.On}
		}
		return to, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to caches) error {
		at, err := placeOf(on.Target, "restapis/"+on.Name)
		if err != nil {
			return err
		}
		var ops []types.PatchOperation
		for _, key := range slices.Sorted(maps.Keys(to.Methods)) {
			if to.Methods[key].Encrypted != from.Methods[key].Encrypted {
				ops = append(ops, types.PatchOperation{Op: types.OpReplace, Path: aws.String("/" + key + "/caching/dataEncrypted"), Value: aws.String(strconv.FormatBool(to.Methods[key].Encrypted))})
			}
		}
		_, err = rest.NewFromConfig(cfg).UpdateStage(ctx, &rest.UpdateStageInput{RestApiId: &at.api, StageName: &at.stage, PatchOperations: ops})
		return settled(err)
	},
}
