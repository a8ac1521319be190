package codebuild

import (
	"context"
	"maps"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

const (
	plaintext = string(types.EnvironmentVariableTypePlaintext)
	stored    = string(types.EnvironmentVariableTypeParameterStore)
)

// awsKeys are the environment variables that hold AWS keys, in whatever case:
// builds on Windows don't tell it.
func awsKeys(environment document) map[string]variable {
	found := map[string]variable{}
	for _, e := range entries(environment) {
		name, value := text(e, "name"), text(e, "value")
		if up := strings.ToUpper(name); up != "AWS_ACCESS_KEY_ID" && up != "AWS_SECRET_ACCESS_KEY" {
			continue
		}
		switch kind := text(e, "type"); kind {
		case "", plaintext: // the default
			found[name] = variable{Type: plaintext, Plain: asr.Secret(value)}
		default:
			found[name] = variable{Type: kind, From: value}
		}
	}
	return found
}

func entries(environment document) (all []document) {
	list, _ := environment["environmentVariables"].([]any)
	for _, e := range list {
		if m, ok := e.(document); ok {
			all = append(all, m)
		}
	}
	return all
}

func text(d document, field string) string {
	s, _ := d[field].(string)
	return s
}

// put writes variables into an environment, in their places, and leaves all
// others as they are.
func put(environment document, to map[string]variable) {
	missing := maps.Clone(to)
	for _, e := range entries(environment) {
		if v, ok := to[text(e, "name")]; ok {
			e["type"], e["value"] = v.Type, v.value()
			delete(missing, text(e, "name"))
		}
	}
	list, _ := environment["environmentVariables"].([]any)
	for _, name := range slices.Sorted(maps.Keys(missing)) { // somebody took it out, and it is put back by force
		list = append(list, document{"name": name, "type": missing[name].Type, "value": missing[name].value()})
	}
	environment["environmentVariables"] = list
}

func (v variable) value() string {
	if v.Type == plaintext {
		return string(v.Plain)
	}
	return v.From
}

// parameterOf names the parameter that a variable moves to.
func parameterOf(on remedy.On[store], variable string) string { return on.Expand(folder) + variable }

// names are the parameters that variables move to: those of one type, or all.
func names(on remedy.On[store], variables map[string]variable, of string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if of == "" || variables[name].Type == of {
			all = append(all, parameterOf(on, name))
		}
	}
	return all
}

// wantCredentials moves what is in clear text. A parameter that is there already
// may hold another key: it is never taken for this one, and never overwritten.
func wantCredentials(on remedy.On[store], now credentials) (credentials, error) {
	to := now
	to.Variables, to.Parameters = maps.Clone(now.Variables), map[string]int64{}
	maps.Copy(to.Parameters, now.Parameters)
	for _, name := range slices.Sorted(maps.Keys(now.Variables)) {
		v, parameter := now.Variables[name], parameterOf(on, name)
		switch {
		case v.Type != plaintext:
			continue
		case v.Plain == "":
			return now, asr.Refuse("the variable "+name+" is empty, and Parameter Store keeps nothing empty", "take the variable out of the project")
		case now.Parameters[parameter] != 0:
			return now, asr.Refuse("there is a parameter "+parameter+" already, and what it holds is for its owner to say", "see what made it; asr revert puts back an earlier run of asr. Then delete the parameter, or point the variable to it, and plan again")
		case len(now.Unreadable) > 0:
			return now, unread(on, now)
		}
		to.Variables[name], to.Parameters[parameter] = variable{Type: stored, From: parameter}, 1
	}
	return to, nil
}

// writeCredentials takes the next step: what builds read is there before they
// are told to read it, and goes when they no longer do.
func writeCredentials(ctx context.Context, cfg aws.Config, on remedy.On[store], from, to credentials) error {
	switch {
	case len(missing(from, to)) > 0:
		return makeParameters(ctx, cfg, on, from, missing(from, to))
	case !maps.Equal(from.Variables, to.Variables):
		return tell(ctx, cfg, on, to)
	}
	return deleteParameters(ctx, cfg, on, missing(to, from))
}

// discreet keeps an error of AWS's that quotes a key to itself: errors are stored
// and shown.
func discreet(err error, states ...credentials) error {
	for _, s := range states {
		for name, v := range s.Variables {
			if err != nil && v.Plain != "" && strings.Contains(err.Error(), string(v.Plain)) {
				return &asr.Error{Code: asr.Classify(remedy.Judge(err)), Message: "AWS's message holds the value of " + name + " and isn't shown", Do: "see the call in the account's CloudTrail"}
			}
		}
	}
	return err
}

// missing are the parameters that to has and from hasn't.
func missing(from, to credentials) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(to.Parameters)) {
		if to.Parameters[name] != 0 && from.Parameters[name] == 0 {
			all = append(all, name)
		}
	}
	return all
}

// tell tells the project where its variables are.
func tell(ctx context.Context, cfg aws.Config, on remedy.On[store], to credentials) error {
	_, environment, err := find(ctx, cfg, on.Target)
	if err != nil {
		return err
	}
	put(environment, to.Variables)
	return update(ctx, cfg, on.Target, environment)
}
