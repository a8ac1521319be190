package dynamodb

import (
	"context"
	"maps"
	"slices"
	"strings"

	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func readTags(ctx context.Context, cfg aws.Config, on remedy.On[required]) (t tags, err error) {
	t.Tags = map[string]string{}
	in := &dynamodb.ListTagsOfResourceInput{ResourceArn: aws.String(on.Expand(table))}
	for {
		page, err := dynamodb.NewFromConfig(cfg).ListTagsOfResource(ctx, in)
		if err != nil {
			return t, remedy.Gone(err, "ResourceNotFoundException")
		}
		for _, tag := range page.Tags {
			if key := aws.ToString(tag.Key); !strings.HasPrefix(key, systemTag) {
				t.Tags[key] = aws.ToString(tag.Value)
			}
		}
		if in.NextToken = page.NextToken; aws.ToString(in.NextToken) == "" {
			return t, nil
		}
	}
}

// writeTags adds what is missing and takes away what must go.
func writeTags(ctx context.Context, cfg aws.Config, on remedy.On[required], from, to tags) error {
	api, arn := dynamodb.NewFromConfig(cfg), aws.String(on.Expand(table))
	var put []types.Tag
	for _, key := range slices.Sorted(maps.Keys(to.Tags)) {
		if value, has := from.Tags[key]; !has || value != to.Tags[key] {
			put = append(put, types.Tag{Key: aws.String(key), Value: aws.String(to.Tags[key])})
		}
	}
	if len(put) > 0 {
		if _, err := api.TagResource(ctx, &dynamodb.TagResourceInput{ResourceArn: arn, Tags: put}); err != nil {
			return settling(err)
		}
	}
	drop := slices.DeleteFunc(slices.Sorted(maps.Keys(from.Tags)), func(key string) bool { _, stays := to.Tags[key]; return stays })
	if len(drop) == 0 {
		return nil
	}
	_, err := api.UntagResource(ctx, &dynamodb.UntagResourceInput{ResourceArn: arn, TagKeys: drop})
	return settling(err)
}
