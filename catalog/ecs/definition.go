package ecs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Tags: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html
const (
	mostTags  = 50
	systemTag = "aws:"
)

// assigned are the fields of a task definition that ECS itself sets:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html
var assigned = []string{
	"taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt", "registeredBy", "deregisteredAt", "deleteRequestedAt",
}

// definition is a revision of a task definition: as the SDK knows it, and in
// the words of ECS, which may have fields that the SDK doesn't know.
type definition struct {
	types.TaskDefinition
	tags []types.Tag
	text []byte
}

func (d definition) run() string {
	for _, t := range d.tags {
		if aws.ToString(t.Key) == asr.OwnerTag {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

// readOnly are the containers, by name, and whether they can't write to their
// root filesystems.
func (d definition) readOnly() map[string]bool {
	all := map[string]bool{}
	for _, c := range d.ContainerDefinitions {
		all[aws.ToString(c.Name)] = aws.ToBool(c.ReadonlyRootFilesystem)
	}
	return all
}

// isCopyOf reports whether a run made this from an earlier revision: its tags
// alone don't say so, since deployments carry them on to revisions of theirs.
func (d definition) isCopyOf(first definition) bool {
	images := func(d definition) (all []string) {
		for _, c := range d.ContainerDefinitions {
			all = append(all, aws.ToString(c.Name)+" "+aws.ToString(c.Image))
		}
		return slices.Sorted(slices.Values(all))
	}
	for _, readOnly := range d.readOnly() {
		if !readOnly {
			return false
		}
	}
	return d.run() != "" && slices.Equal(images(d), images(first))
}

// copied is what registers a copy: all that ECS tells of this revision, but
// with read-only root filesystems, and with tags.
func (d definition) copied(tags map[string]string) ([]byte, error) {
	var answer struct {
		TaskDefinition map[string]json.RawMessage
		Tags           []map[string]string
	}
	if err := json.Unmarshal(d.text, &answer); err != nil {
		return nil, fmt.Errorf("task definition: %w", err)
	}
	out := answer.TaskDefinition
	for _, field := range assigned {
		delete(out, field)
	}
	var containers []map[string]json.RawMessage
	if err := json.Unmarshal(out["containerDefinitions"], &containers); err != nil {
		return nil, fmt.Errorf("containers: %w", err)
	}
	for _, c := range containers {
		c["readonlyRootFilesystem"] = json.RawMessage("true")
	}
	all := slices.DeleteFunc(answer.Tags, func(t map[string]string) bool {
		_, ours := tags[t["key"]]
		return ours || strings.HasPrefix(t["key"], systemTag) // AWS doesn't take its own from others
	})
	for k, v := range tags {
		all = append(all, map[string]string{"key": k, "value": v})
	}
	for field, v := range map[string]any{"containerDefinitions": containers, "tags": all} {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		out[field] = text
	}
	return json.Marshal(out)
}

// describe looks at a revision ("web:7"), or at a family's latest active one ("web").
func describe(ctx context.Context, api *ecs.Client, id string) (d definition, err error) {
	out, err := api.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &id, Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags}}, func(o *ecs.Options) {
		o.APIOptions = append(slices.Clone(o.APIOptions), keep(&d.text))
	})
	if err != nil {
		return d, err
	}
	d.TaskDefinition, d.tags = *out.TaskDefinition, out.Tags
	return d, nil
}

// keep keeps what ECS answers, word by word.
func keep(text *[]byte) func(*middleware.Stack) error {
	return func(st *middleware.Stack) error {
		return st.Deserialize.Add(middleware.DeserializeMiddlewareFunc("keep", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleDeserialize(ctx, in)
			answer, ok := out.RawResponse.(*smithyhttp.Response)
			if err != nil || !ok {
				return out, meta, err
			}
			defer answer.Body.Close()
			*text, err = io.ReadAll(answer.Body)
			answer.Body = io.NopCloser(bytes.NewReader(*text))
			return out, meta, err
		}), middleware.After)
	}
}

// say sends a text in place of what the SDK would.
func say(text []byte) func(*middleware.Stack) error {
	return func(st *middleware.Stack) error {
		return st.Serialize.Add(middleware.SerializeMiddlewareFunc("say", func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (middleware.SerializeOutput, middleware.Metadata, error) {
			ask, ok := in.Request.(*smithyhttp.Request)
			if !ok {
				return middleware.SerializeOutput{}, middleware.Metadata{}, fmt.Errorf("a request of type %T", in.Request)
			}
			ask, err := ask.SetStream(bytes.NewReader(text))
			if err != nil {
				return middleware.SerializeOutput{}, middleware.Metadata{}, err
			}
			in.Request = ask
			return next.HandleSerialize(ctx, in)
		}), middleware.After)
	}
}
