package asr

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// Plan says exactly what a run will change, and so what to put back. It is JSON
// all the way: each step of a run may happen in another process.
type Plan struct {
	Remediation string            `json:"remediation"`
	Version     int               `json:"version"` // of the unit that made it
	Target      Target            `json:"target"`
	Params      json.RawMessage   `json:"params"`
	Sources     map[string]string `json:"sources,omitempty"` // where each parameter's value comes from
	Before      json.RawMessage   `json:"before,omitempty"`  // for the record: steps go by Changes alone
	Changes     []Change          `json:"changes"`
	Grants      []Grant           `json:"grants"` // all that the run's writing session may do, on real ARNs
	Warnings    []string          `json:"warnings,omitempty"`
	MadeAt      time.Time         `json:"madeAt"`
	Hash        string            `json:"hash"`
}

// hash is SHA-256 over what an approval approves: never over times, ids or
// settings that the plan doesn't touch.
func (p Plan) hash() string {
	type change struct {
		Path     []string
		From, To any
	}
	var changes []change
	for _, c := range p.Changes {
		from, _ := decode(c.From) // both were encoded by diff
		to, _ := decode(c.To)
		changes = append(changes, change{c.Path, canonical(from), canonical(to)})
	}
	params, _ := decode(p.Params)
	doc, _ := json.Marshal(struct {
		Remediation     string
		Version         int
		Target          Target
		Params, Changes any
		Grants          []Grant
	}{p.Remediation, p.Version, p.Target, params, changes, p.Grants})
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:])
}

// canonical is a value as Diff compares it: lists are sets, and what is empty is
// absent.
func canonical(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if !empty(e) {
				out[k] = canonical(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = canonical(e)
		}
		slices.SortFunc(out, func(a, b any) int { return bytes.Compare(encode(a), encode(b)) })
		return out
	}
	return v
}
