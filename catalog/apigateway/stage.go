package apigateway

import (
	"regexp"

	"example.com/asr"
	"example.com/asr/remedy"
)

const (
	stage     = "arn:{partition}:apigateway:{region}::/{name}" // of either kind: the name is what place takes apart
	restStage = "arn:{partition}:apigateway:{region}::/restapis/{name}"
	account   = "arn:{partition}:apigateway:{region}::/account"
)

// everything is the key of the settings of all methods that have none of their own.
const everything = "*/*"

var stagePath = regexp.MustCompile(`^(restapis|apis)/([^/]+)/stages/([^/]+)$`)

// place is where a stage is. REST APIs and WebSocket APIs have clients of their own.
type place struct {
	rest       bool
	api, stage string
}

func placeOf(t asr.Target, path string) (place, error) {
	m := stagePath.FindStringSubmatch(path)
	if m == nil {
		return place{}, &asr.Error{Code: asr.CodeBadTarget, Message: t.ID + " is no stage of a REST or WebSocket API", Do: "name a stage: arn:…:apigateway:REGION::/restapis/ID/stages/NAME or …::/apis/ID/stages/NAME"}
	}
	return place{m[1] == "restapis", m[2], m[3]}, nil
}

// settled takes an answer that another change of the API is under way for what
// it is: https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateStage.html
func settled(err error) error {
	if remedy.Is(err, "ConflictException") {
		return asr.ErrSettling
	}
	return remedy.Gone(err, "NotFoundException")
}
