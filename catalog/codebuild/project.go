// Package codebuild fixes CodeBuild.
package codebuild

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const project = "arn:{partition}:codebuild:{region}:{account}:project/{name}"

type none struct{}

// document is JSON as CodeBuild has it. UpdateProject takes a project's
// environment whole, and a setting that this SDK doesn't know yet would be lost
// if it went through the SDK's types.
type document = map[string]any

// find returns a project, and its environment as CodeBuild told it.
func find(ctx context.Context, cfg aws.Config, t asr.Target) (p types.Project, environment document, err error) {
	var body []byte
	out, err := codebuild.NewFromConfig(cfg).BatchGetProjects(ctx, &codebuild.BatchGetProjectsInput{Names: []string{t.Name}}, keepBody(&body))
	if err != nil {
		return p, nil, err
	}
	if len(out.Projects) == 0 {
		return p, nil, asr.ErrGone
	}
	var told struct {
		Projects []struct{ Environment document }
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&told); err != nil {
		return p, nil, fmt.Errorf("project %s: %w", t.Name, err)
	}
	if len(told.Projects) != 1 || told.Projects[0].Environment == nil || out.Projects[0].Environment == nil {
		return p, nil, fmt.Errorf("project %s: CodeBuild told no environment", t.Name)
	}
	return out.Projects[0], told.Projects[0].Environment, nil
}

// update writes a project's environment. UpdateProject changes what it is told,
// and leaves all other settings alone.
func update(ctx context.Context, cfg aws.Config, t asr.Target, environment document) error {
	_, err := codebuild.NewFromConfig(cfg).UpdateProject(ctx, &codebuild.UpdateProjectInput{Name: &t.Name}, withEnvironment(environment))
	return err
}

// keepBody keeps the body of an answer.
func keepBody(body *[]byte) func(*codebuild.Options) {
	keep := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (out middleware.DeserializeOutput, meta middleware.Metadata, err error) {
		out, meta, err = next.HandleDeserialize(ctx, in)
		answer, ok := out.RawResponse.(*smithyhttp.Response)
		if err != nil || !ok {
			return out, meta, err
		}
		*body, err = io.ReadAll(answer.Body)
		_ = answer.Body.Close() // it was read, or err says why not
		answer.Body = io.NopCloser(bytes.NewReader(*body))
		return out, meta, err
	}
	return func(o *codebuild.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
			return s.Deserialize.Insert(middleware.DeserializeMiddlewareFunc("keepBody", keep), "OperationDeserializer", middleware.After)
		})
	}
}

// withEnvironment sends an environment with a request.
func withEnvironment(environment document) func(*codebuild.Options) {
	send := func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (out middleware.SerializeOutput, meta middleware.Metadata, err error) {
		request, ok := in.Request.(*smithyhttp.Request)
		if !ok {
			return out, meta, fmt.Errorf("the request is a %T", in.Request)
		}
		ask := document{}
		if err = json.NewDecoder(request.GetStream()).Decode(&ask); err != nil {
			return out, meta, err
		}
		ask["environment"] = environment
		body, err := json.Marshal(ask)
		if err != nil {
			return out, meta, err
		}
		if in.Request, err = request.SetStream(bytes.NewReader(body)); err != nil {
			return out, meta, err
		}
		return next.HandleSerialize(ctx, in)
	}
	return func(o *codebuild.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
			return s.Serialize.Insert(middleware.SerializeMiddlewareFunc("withEnvironment", send), "OperationSerializer", middleware.After)
		})
	}
}
