package asr_test

import (
	"context"
	"encoding/json"
	"testing"

	"example.com/asr"
)

// rules is the Config rules of an account.
type rules map[string]string

func (r rules) InputParameters(_ context.Context, _ asr.On, rule string) (map[string]json.RawMessage, error) {
	doc, ok := r[rule]
	if !ok {
		return nil, &asr.Error{Code: asr.CodeDenied, Message: "no"}
	}
	var params map[string]json.RawMessage
	return params, json.Unmarshal([]byte(doc), &params)
}

func TestParametersOfTheConfigRuleBehindAFinding(t *testing.T) {
	for name, c := range map[string]struct {
		rule, finding, want, source string
		notes                       int
	}{
		"the rule's":             {rule: "r1", want: "strict", source: "finding"},
		"the finding's first":    {rule: "r1", finding: `"own"`, want: "own", source: "finding"},
		"a rule without any":     {rule: "empty", want: "on", source: "default"},
		"one that can't be read": {rule: "denied", want: "on", source: "default", notes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud(map[string]map[string]any{"r" + account: {"name": "r"}})
			w := newWorld(t, auto, cloud.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`}))
			w.rules = rules{"r1": `{"tls":"strict"}`, "empty": `{}`}
			w.engine = w.build(auto, cloud.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`}))
			r := w.drive(w.ingest(w.finding("f1", "T.1", "r", func(o *asr.Observation) {
				o.Rule = c.rule
				if c.finding != "" {
					o.Parameters = map[string]json.RawMessage{"tls": json.RawMessage(c.finding)}
				}
			})).Runs[0])
			w.expect(r, asr.StateVerified)
			if got := cloud.get("r" + account)["tls"]; got != c.want || r.Sources["tls"] != c.source || len(r.Plan.Warnings) != c.notes {
				t.Errorf("tls %v from %s, warnings %q; want %s from %s", got, r.Sources["tls"], r.Plan.Warnings, c.want, c.source)
			}
		})
	}
}
