package ssmdoc

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"example.com/asr"
	"example.com/asr/playbook"
	"example.com/asr/remedy"
)

// longest is how many characters a value has at most: API reference,
// StartAutomationExecution.
const longest = 512

// inputs are what the document is started with on a target.
func (d document) inputs(on remedy.On[params]) (map[string][]string, error) {
	all := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(d.Parameters)) {
		for _, text := range d.Parameters[name] {
			values, err := d.fill(text, on)
			if err != nil {
				return nil, err
			}
			for _, v := range values {
				if v == "" || len([]rune(v)) > longest {
					return nil, asr.Refuse(fmt.Sprintf("the document's parameter %s would have %d characters, and 1 to %d are allowed", name, len([]rune(v)), longest), "give it another value in "+d.Source)
				}
			}
			all[name] = append(all[name], values...)
		}
		if len(all[name]) == 0 { // an empty list is what leaves a parameter out
			delete(all, name)
		}
	}
	return all, nil
}

// fill is what a text of the declaration becomes: one value, or a list's.
func (d document) fill(text string, on remedy.On[params]) ([]string, error) {
	if name, alone := strings.CutPrefix(strings.TrimSuffix(text, "}"), "{param."); alone && d.Params[name].Type == "list" {
		return elements(on.Params[name]), nil
	}
	filled, err := playbook.Fill(text, func(name string) (string, error) { return d.value(name, on) })
	return []string{filled}, err
}

func (d document) value(name string, on remedy.On[params]) (string, error) {
	switch name {
	case "resource":
		return on.ID, nil
	case "resource.name":
		return on.Name, nil
	case "account":
		return on.Account, nil
	case "region":
		return on.Region, nil
	case "partition":
		return on.Partition, nil
	case "role":
		return on.Expand(d.role()), nil
	case "finding.id":
		if on.Call.Finding == "" {
			return "", asr.Refuse("the document wants the finding's id, and the run was started for none", "start it for a finding: asr remediate FINDING")
		}
		return on.Call.Finding, nil
	}
	return text(on.Params[strings.TrimPrefix(name, "param.")]), nil // validate has seen them
}

// text is a parameter's value as a document takes it.
func text(v any) string {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		return v
	}
	return ""
}

func elements(v any) []string {
	list, _ := v.([]any)
	all := []string{}
	for _, e := range list {
		all = append(all, text(e))
	}
	return all
}

// validate holds parameters against their declarations.
func (d document) validate(on remedy.On[params]) error {
	bad := func(message string) error {
		return &asr.Error{Code: asr.CodeBadParams, Message: message, Do: "correct the parameters; asr explain " + d.ID + " lists them"}
	}
	for _, name := range slices.Sorted(maps.Keys(on.Params)) {
		p, ok := d.Params[name]
		if !ok {
			return bad("there is no parameter " + name)
		}
		if !fits(p.Type, on.Params[name]) {
			return bad(name + " is no " + map[string]string{"int": "whole number", "bool": "true or false", "text": "text", "list": "list of texts"}[p.Type])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Params)) {
		if _, set := on.Params[name]; !set {
			return bad(name + " isn't set")
		}
	}
	return nil
}

func fits(kind string, v any) bool {
	switch v := v.(type) {
	case bool:
		return kind == "bool"
	case float64:
		return kind == "int" && v == math.Trunc(v) && math.Abs(v) <= math.MaxInt32
	case string:
		return kind == "text" && v != ""
	case []any:
		return kind == "list" && !slices.ContainsFunc(v, func(e any) bool { s, ok := e.(string); return !ok || s == "" })
	}
	return false
}

// controls are those that it answers, with the parameters' defaults.
func (d document) controls() map[string]params {
	all := map[string]params{}
	for _, id := range d.Controls {
		all[id] = params{}
		for name, p := range d.Params {
			if p.Default != nil {
				all[id][name] = p.Default
			}
		}
	}
	return all
}

// schema describes the parameters in JSON Schema.
func (d document) schema() json.RawMessage {
	properties, required := map[string]any{}, []string{}
	for _, name := range slices.Sorted(maps.Keys(d.Params)) {
		p := d.Params[name]
		one := map[string]any{"type": map[string]string{"int": "integer", "bool": "boolean", "text": "string", "list": "array"}[p.Type], "description": p.Description}
		if p.Type == "list" {
			one["items"] = map[string]any{"type": "string"}
		}
		properties[name] = one
		if p.Default == nil {
			required = append(required, name)
		}
	}
	doc := map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		doc["required"] = required
	}
	out, _ := json.Marshal(doc) // texts, lists and maps of them
	return out
}
