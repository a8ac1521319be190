package playbook

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// kinds are what a parameter can become.
var kinds = []string{"int", "bool", "text", "list", "ints"}

// convert turns a parameter as Security Hub or a Config rule has it into one of
// ours. Numbers and booleans may stand in a string or be a list's only item; a
// list may be text with commas. null and "" are as good as not set. wrong says
// what doesn't fit.
func convert(raw json.RawMessage, kind string) (v json.RawMessage, set bool, wrong string) {
	given, ok := decode(raw)
	if !ok {
		return nil, false, "not JSON"
	}
	if given == nil || given == "" {
		return nil, false, ""
	}
	var out any
	switch kind {
	case "int":
		out, wrong = integer(given)
	case "bool":
		out, wrong = truth(given)
	case "list":
		out, wrong = items(given)
	case "ints":
		out, wrong = integers(given)
	default:
		out, wrong = text(given)
	}
	if wrong != "" {
		return nil, false, wrong
	}
	v, err := json.Marshal(out)
	if err != nil {
		return nil, false, err.Error()
	}
	return v, true, ""
}

// decode reads one JSON value, numbers as they are written.
func decode(raw []byte) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return nil, false
	}
	if s, ok := v.(string); ok {
		return unquoted(strings.TrimSpace(s)), true
	}
	return v, true
}

// unquoted takes a string's quotes off that is JSON once more.
func unquoted(s string) string {
	var inner string
	if strings.HasPrefix(s, `"`) && json.Unmarshal([]byte(s), &inner) == nil {
		return strings.TrimSpace(inner)
	}
	return s
}

// text is a scalar, or a list's only item, as it is written.
func text(v any) (string, string) {
	switch v := v.(type) {
	case string:
		return v, ""
	case json.Number:
		return v.String(), ""
	case bool:
		return strconv.FormatBool(v), ""
	case []any:
		if len(v) == 1 {
			if _, nested := v[0].([]any); !nested {
				return text(v[0])
			}
		}
		return "", "one value is wanted, not a list"
	}
	return "", "one value is wanted"
}

func integer(v any) (int64, string) {
	s, wrong := text(v)
	if wrong != "" {
		return 0, wrong
	}
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, ""
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, "a whole number is wanted"
	}
	return int64(f), ""
}

func truth(v any) (bool, string) {
	s, wrong := text(v)
	switch {
	case wrong != "":
		return false, wrong
	case strings.EqualFold(s, "true"):
		return true, ""
	case strings.EqualFold(s, "false"):
		return false, ""
	}
	return false, "true or false is wanted"
}

// items is a list of texts.
func items(v any) ([]string, string) {
	all := []string{}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			s, wrong := text(item)
			if wrong != "" {
				return nil, "a list of plain values is wanted"
			}
			all = append(all, split(s)...)
		}
		return all, ""
	case string:
		if list, ok := decode([]byte(v)); ok && strings.HasPrefix(v, "[") {
			return items(list)
		}
		return split(v), ""
	case json.Number:
		return []string{v.String()}, ""
	}
	return nil, "a list is wanted"
}

func split(s string) []string {
	all := []string{}
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

func integers(v any) ([]int64, string) {
	texts, wrong := items(v)
	if wrong != "" {
		return nil, wrong
	}
	all := []int64{}
	for _, s := range texts {
		n, wrong := integer(s)
		if wrong != "" {
			return nil, "a list of whole numbers is wanted"
		}
		all = append(all, n)
	}
	return all, ""
}
