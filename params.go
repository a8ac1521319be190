package asr

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Layer is parameters from one place, by name.
type Layer struct {
	Source string // "default", "CIS v1.2.0", "finding", "policy", "request"
	Values map[string]json.RawMessage
}

// requestLayer is the source of what a person set.
const requestLayer = "request"

// ResolveParams lays parameters over each other, later layers over earlier
// ones, and tells of each value where it comes from. It fails with
// CodeBadParams if the outcome is weaker than a bound demands.
func ResolveParams(bounds map[string]Bound, layers ...Layer) (params json.RawMessage, sources map[string]string, err error) {
	values := map[string]json.RawMessage{}
	sources = map[string]string{}
	for _, l := range layers {
		for name, v := range l.Values {
			values[name], sources[name] = v, l.Source
		}
	}
	for _, name := range slices.Sorted(maps.Keys(bounds)) {
		if err := bounds[name].check(name, values[name], sources[name]); err != nil {
			return nil, nil, err
		}
	}
	params, err = json.Marshal(values)
	return params, sources, err
}

func (b Bound) check(name string, raw json.RawMessage, source string) error {
	var n float64
	if len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, &n); err != nil {
		return &Error{Code: CodeBadParams, Message: fmt.Sprintf("%s from %s: %s is no number", name, source, clip(string(raw), 120)), Do: "set a number"}
	}
	weak := func(demand string, bound float64) error {
		return &Error{Code: CodeBadParams, Message: fmt.Sprintf("%s = %s from %s is weaker than the standard demands: %s %v", name, clip(string(raw), 120), source, demand, bound),
			Do: fmt.Sprintf("set %s to %s %v, or turn the control off in the policy", name, demand, bound)}
	}
	switch {
	case b.AtLeast != nil && n < *b.AtLeast:
		return weak("at least", *b.AtLeast)
	case b.AtMost != nil && n > *b.AtMost:
		return weak("at most", *b.AtMost)
	}
	return nil
}

// fields takes a JSON object apart.
func fields(doc json.RawMessage) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	_ = json.Unmarshal(doc, &m) // defaults are marshalled structs
	return m
}
