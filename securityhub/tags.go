package securityhub

import (
	"encoding/json"
	"strings"
)

// tags are a resource's tags, however a format writes them: an object, a list
// of {name, value}, of {Key, Value}, or of "key:value". nil if there are none
// to be read: then nothing is known of them.
type tags map[string]string

func (t *tags) UnmarshalJSON(raw []byte) error {
	var object map[string]json.RawMessage
	var list []json.RawMessage
	switch {
	case json.Unmarshal(raw, &object) == nil && object != nil:
		*t = tags{}
		for k, v := range object {
			(*t)[k] = scalar(v)
		}
	case json.Unmarshal(raw, &list) == nil && len(list) > 0:
		*t = tags{}
		for _, one := range list {
			if k, v := pair(one); k != "" {
				(*t)[k] = v
			}
		}
	}
	return nil // tags of another form say nothing
}

// pair reads one tag of a list.
func pair(raw json.RawMessage) (key, value string) {
	var p struct {
		Name   string
		Key    string
		Value  json.RawMessage
		Values []string
	}
	if text := plain(raw); text != "" {
		return splitLabel(text)
	}
	if json.Unmarshal(raw, &p) != nil {
		return "", ""
	}
	if p.Name == "" {
		p.Name = p.Key
	}
	if p.Value == nil && len(p.Values) > 0 {
		return p.Name, p.Values[0]
	}
	return p.Name, scalar(p.Value)
}

// splitLabel splits "key:value". AWS's own keys have two colons themselves.
func splitLabel(label string) (key, value string) {
	start := 0
	if parts := strings.SplitN(label, ":", 4); len(parts) == 4 && parts[0] == "aws" {
		start = len("aws:") + len(parts[1]) + 1
	}
	key, value, _ = strings.Cut(label[start:], ":")
	return label[:start] + key, value
}

// scalar is a JSON value as text.
func scalar(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if raw[0] == '"' {
		return plain(raw)
	}
	return string(raw)
}

// texts are strings by name, whatever their JSON type was.
type texts map[string]string

func (t *texts) UnmarshalJSON(raw []byte) error {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil || object == nil {
		return nil // these fields are free: those that can't be read say nothing
	}
	*t = make(texts, len(object))
	for k, v := range object {
		(*t)[k] = scalar(v)
	}
	return nil
}

// words is a list of strings, of which there may be but one.
type words []string

func (w *words) UnmarshalJSON(raw []byte) error {
	var list []json.RawMessage
	*w = nil
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw}
	}
	for _, one := range list {
		if s := scalar(one); s != "" {
			*w = append(*w, s)
		}
	}
	return nil
}
