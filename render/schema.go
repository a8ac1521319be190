package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	"example.com/asr"
)

// Schema is the JSON Schema (2020-12) of a remediation's parameters, with the
// defaults that all its controls share; those that differ are listed by control.
func Schema(u asr.Remediation) ([]byte, error) {
	var schema map[string]any
	if err := json.Unmarshal(u.Schema, &schema); err != nil {
		return nil, fmt.Errorf("%s: %w", u.Spec.ID, err)
	}
	schema["title"] = u.Spec.ID
	schema["description"] = "Parameters of " + u.Spec.ID + ": " + u.Spec.Title + "."
	byControl := map[string]any{}
	var shared map[string]json.RawMessage
	for id, raw := range u.Controls {
		var values map[string]json.RawMessage
		if err := json.Unmarshal(raw, &values); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", u.Spec.ID, id, err)
		}
		byControl[id] = values
		if shared == nil {
			shared = maps.Clone(values)
		}
		maps.DeleteFunc(shared, func(name string, v json.RawMessage) bool { return !bytes.Equal(values[name], v) })
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, v := range shared {
		if p, ok := properties[name].(map[string]any); ok {
			p["default"] = v
		}
	}
	schema["x-controls"] = byControl
	return json.MarshalIndent(schema, "", "  ")
}
