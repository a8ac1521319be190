package org

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
)

// texts is a string or a list of them, as policies have both.
type texts []string

func (t *texts) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(t))
	}
	var one string
	err := json.Unmarshal(b, &one)
	*t = texts{one}
	return err
}

// statement is one of a resource's policy.
type statement struct {
	Effect    string
	Principal any
	Action    texts
	Resource  texts
	Condition map[string]map[string]texts
}

// statements reads a policy; "" has none.
func statements(policy string) ([]statement, error) {
	var doc struct{ Statement json.RawMessage }
	if policy == "" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(policy), &doc); err != nil {
		return nil, err
	}
	if len(doc.Statement) > 0 && doc.Statement[0] == '{' {
		doc.Statement = append(append([]byte("["), doc.Statement...), ']')
	}
	var all []statement
	if err := json.Unmarshal(doc.Statement, &all); err != nil {
		return nil, err
	}
	return all, nil
}

// everybody reports whether the statement is about all principals.
func (s statement) everybody() bool {
	switch p := s.Principal.(type) {
	case string:
		return p == "*"
	case map[string]any:
		return slices.Contains(listed(p["AWS"]), "*")
	}
	return false
}

// service reports whether the statement is about a service.
func (s statement) service(name string) bool {
	p, _ := s.Principal.(map[string]any)
	return slices.Contains(listed(p["Service"]), name)
}

func listed(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, item := range v {
			if text, ok := item.(string); ok {
				all = append(all, text)
			}
		}
		return all
	}
	return nil
}

// covers reports whether the statement names an action, wildcards and all.
func (s statement) covers(action string) bool {
	return slices.ContainsFunc(s.Action, func(a string) bool {
		ok, err := path.Match(strings.ToLower(a), strings.ToLower(action))
		return ok && err == nil
	})
}

// public reports whether the policy lets everybody do one of the actions, under
// no condition.
func public(all []statement, actions ...string) bool {
	return slices.ContainsFunc(all, func(s statement) bool {
		return s.Effect == "Allow" && s.everybody() && len(s.Condition) == 0 && slices.ContainsFunc(actions, s.covers)
	})
}

// secured reports whether the policy refuses everybody's requests without TLS
// to a bucket and its objects.
func secured(all []statement, bucket string) bool {
	return slices.ContainsFunc(all, func(s statement) bool {
		arn := "arn:aws:s3:::" + bucket
		return s.Effect == "Deny" && s.everybody() && (slices.Contains(s.Action, "s3:*") || slices.Contains(s.Action, "*")) &&
			(slices.Contains(s.Resource, "*") || slices.Contains(s.Resource, arn) && slices.Contains(s.Resource, arn+"/*")) &&
			len(s.Condition) == 1 && len(s.Condition["Bool"]) == 1 && slices.Equal(s.Condition["Bool"]["aws:SecureTransport"], texts{"false"})
	})
}
