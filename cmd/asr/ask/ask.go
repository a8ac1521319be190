// Package ask makes requests of what a command line names: findings, or a
// control and a resource, and parameters. It looks nothing up.
package ask

import (
	"encoding/json"
	"fmt"
	"strings"

	"example.com/asr"
)

// Words are what stands on the command line.
type Words struct {
	Control, Resource string
	Account, Region   string   // "": as the resource's ARN says, else the caller's own and Home
	Params            []string // NAME=VALUE
	Findings          []string // their ids; only without a control

	Home string // the Region of what names none
}

// Asks are the requests of the caller. *asr.Error with CodeBadInput for
// parameters that can't be read.
func (w Words) Asks(me asr.Actor) ([]asr.Ask, error) {
	params, err := Params(w.Params)
	if err != nil {
		return nil, err
	}
	if w.Control != "" {
		region, account := arn(w.Resource)
		if account == "" && w.Account == "" {
			_, w.Account = arn(me.Name)
		}
		if region == "" && w.Region == "" {
			w.Region = w.Home
		}
		return []asr.Ask{{Actor: me, Control: w.Control, Resource: asr.Resource{ID: w.Resource}, Account: w.Account, Region: w.Region, Params: params}}, nil
	}
	var asks []asr.Ask
	for _, id := range w.Findings {
		asks = append(asks, asr.Ask{Actor: me, Finding: id, Params: params})
	}
	return asks, nil
}

// arn is the Region and the account that an ARN names, "" for what it leaves out.
func arn(text string) (region, account string) {
	if parts := strings.SplitN(text, ":", 6); len(parts) == 6 && parts[0] == "arn" {
		return parts[3], parts[4]
	}
	return "", ""
}

// Params reads NAME=VALUE; a value that is no JSON is a text.
func Params(all []string) (map[string]json.RawMessage, error) {
	params := map[string]json.RawMessage{}
	for _, p := range all {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, &asr.Error{Code: asr.CodeBadInput, Message: fmt.Sprintf("--param %.60q has no name or no value", p), Do: "write name=value"}
		}
		if params[name] != nil {
			return nil, &asr.Error{Code: asr.CodeBadInput, Message: fmt.Sprintf("--param %.60q is given twice", name), Do: "give one value; a list is written [1,2]"}
		}
		if params[name] = json.RawMessage(value); !json.Valid(params[name]) {
			params[name], _ = json.Marshal(value) // text always encodes
		}
	}
	return params, nil
}
