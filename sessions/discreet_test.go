package sessions

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func TestAnErrorThatQuotesASecretOfTheCallKeepsItsCodeAlone(t *testing.T) {
	t.Parallel()
	for message, row := range map[string]struct {
		input any
		shown bool
	}{
		"hunter2hunter2 is too weak": {input: &ssm.PutParameterInput{Name: aws.String("p"), Value: aws.String("hunter2hunter2")}},
		"A=hunter2hunter2 is no good": {input: &ecs.RegisterTaskDefinitionInput{ContainerDefinitions: []types.ContainerDefinition{{
			Environment: []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String("hunter2hunter2")}},
		}}}},
		"line 2: export A=hunter2": {input: &autoscaling.CreateLaunchConfigurationInput{UserData: aws.String(base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\nexport A=hunter2\n")))}},
		"p is there already":       {input: &ssm.PutParameterInput{Name: aws.String("p is there"), Value: aws.String("hunter2hunter2")}, shown: true},
		"t isn't allowed":          {input: &ssm.PutParameterInput{Value: aws.String("t")}, shown: true},
	} {
		answer := &smithyhttp.Response{Response: &http.Response{StatusCode: 503}}
		err := &awshttp.ResponseError{RequestID: "id", ResponseError: &smithyhttp.ResponseError{Response: answer, Err: &smithy.GenericAPIError{Code: "ValidationException", Message: message}}}
		got := discreet(row.input, err)
		var api smithy.APIError
		if !errors.As(got, &api) || api.ErrorCode() != "ValidationException" || strings.Contains(got.Error(), message) != row.shown || !strings.Contains(got.Error(), "StatusCode: 503, RequestID: id") {
			t.Errorf("%s: got %v", message, got)
		}
	}
	if other := errors.New("no API's"); discreet(nil, other) != other || discreet(nil, nil) != nil {
		t.Error("another error was changed")
	}
}
