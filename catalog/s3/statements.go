package s3

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"example.com/asr/remedy"
)

// grantsOf takes a policy apart. nil: there is none.
func grantsOf(doc remedy.Document) grants {
	g := grants{Named: map[string]remedy.Document{}, Rest: maps.Clone(doc)}
	delete(g.Rest, "Statement")
	for _, e := range doc.Statements() {
		s, _ := e.(map[string]any)
		if sid := sidOf(s); sid != "" && g.Named[sid] == nil {
			g.Named[sid] = s
		} else {
			g.Nameless = append(g.Nameless, s)
		}
	}
	_, list := doc["Statement"].([]any)
	g.Single = doc["Statement"] != nil && !list
	return g
}

func sidOf(s remedy.Document) string { sid, _ := s["Sid"].(string); return sid }

// has finds a statement, as g says it.
func (g grants) has(s remedy.Document) remedy.Document {
	if slices.ContainsFunc(g.Nameless, func(o remedy.Document) bool { return reflect.DeepEqual(o, s) }) {
		return s
	}
	return g.Named[sidOf(s)]
}

// namesake is a Sid that two statements share, which S3 allows, or "".
func (g grants) namesake() string {
	for _, s := range g.Nameless {
		if sid := sidOf(s); sid != "" {
			return sid
		}
	}
	return ""
}

// document puts the policy together, in the order of the live one. What that
// has beyond from is somebody else's, new, and stays.
func (g grants) document(live remedy.Document, from grants) remedy.Document {
	var statements []any
	done := map[string]bool{}
	add := func(s remedy.Document) {
		if text := s.Text(); !done[text] {
			done[text] = true
			statements = append(statements, map[string]any(s))
		}
	}
	for _, e := range live.Statements() {
		s, _ := e.(map[string]any)
		if ours := g.has(s); ours != nil {
			add(ours)
		} else if from.has(s) == nil {
			add(s)
		}
	}
	for _, sid := range slices.Sorted(maps.Keys(g.Named)) {
		add(g.Named[sid])
	}
	for _, s := range g.Nameless {
		add(s)
	}
	if len(statements) == 0 {
		return nil
	}
	doc := maps.Clone(g.Rest)
	if doc == nil {
		doc = remedy.Document{}
	}
	if doc["Statement"] = statements; g.Single && len(statements) == 1 {
		doc["Statement"] = statements[0]
	}
	return doc
}

// unused is a Sid that no statement has.
func unused(sid string, taken map[string]remedy.Document) string {
	for n := 1; ; n++ {
		if name := sid + strings.TrimSuffix(fmt.Sprint(n), "1"); taken[name] == nil {
			return name
		}
	}
}

// one is a list as a policy writes it: S3 may write a list of one without it.
func one(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	all := []any{}
	for _, s := range list {
		all = append(all, s)
	}
	return all
}
