package codebuild

import (
	"context"
	"slices"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// versions are those of the parameters that are there, of 10 a call. Their
// values stay encrypted: a version tells as well whether somebody changed one.
func versions(ctx context.Context, cfg aws.Config, names []string) (map[string]int64, error) {
	found := map[string]int64{}
	for some := range slices.Chunk(names, 10) {
		out, err := ssm.NewFromConfig(cfg).GetParameters(ctx, &ssm.GetParametersInput{Names: some})
		if err != nil {
			return nil, err
		}
		for _, p := range out.Parameters {
			found[aws.ToString(p.Name)] = p.Version
		}
	}
	return found, nil
}

// makeParameters keeps the values of clear text variables in parameters.
func makeParameters(ctx context.Context, cfg aws.Config, on remedy.On[store], from credentials, names []string) error {
	api := ssm.NewFromConfig(cfg)
	for variable, v := range from.Variables {
		name := parameterOf(on, variable)
		if !slices.Contains(names, name) {
			continue
		}
		in := &ssm.PutParameterInput{
			Name: &name, Value: aws.String(string(v.Plain)), Type: types.ParameterTypeSecureString, Tier: types.ParameterTierStandard, Overwrite: aws.Bool(false),
			Description: aws.String("Environment variable of the CodeBuild project " + on.Name),
		}
		if on.Params.Key != "" {
			in.KeyId = aws.String(on.Expand(key))
		}
		for k, v := range on.Call.Tags() {
			in.Tags = append(in.Tags, types.Tag{Key: &k, Value: &v})
		}
		_, err := api.PutParameter(ctx, in)
		if remedy.Is(err, "ParameterAlreadyExists") { // by an earlier try, or by somebody who was quicker
			err = mine(ctx, api, on, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteParameters deletes parameters that this run made, and no others.
func deleteParameters(ctx context.Context, cfg aws.Config, on remedy.On[store], names []string) error {
	api := ssm.NewFromConfig(cfg)
	for _, name := range names {
		err := mine(ctx, api, on, name)
		if err == nil {
			_, err = api.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name})
		}
		if err := remedy.Unless(err, "ParameterNotFound", "InvalidResourceId"); err != nil {
			return err
		}
	}
	return nil
}

// mine is a refusal unless this run made the parameter.
func mine(ctx context.Context, api *ssm.Client, on remedy.On[store], name string) error {
	out, err := api.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name})
	if err != nil {
		return err
	}
	for _, t := range out.TagList {
		if aws.ToString(t.Key) == asr.OwnerTag && aws.ToString(t.Value) == on.Call.Run {
			return nil
		}
	}
	return asr.Refuse("the parameter "+name+" doesn't carry this run's tag: somebody else made it", "see what it is for, and delete it by hand if it shall go")
}
