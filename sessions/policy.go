package sessions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/asr"
)

// MaxPolicy is how many characters of session policy AWS STS takes.
// Source: STS API, AssumeRole, Policy.
const MaxPolicy = 2048

// nothing is the session policy of no grants: never no policy at all, which
// would leave the session all that the role may do.
const nothing = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`

// Policy is the session policy that allows the grants and no more: JSON in
// ASCII, as short as merging makes it, the same for the same grants in any
// order. An *asr.Error with CodeInternal if a session that must not write is
// granted an action that isn't known to read, or if it is longer than MaxPolicy;
// such grants are for Pieces.
func Policy(grants []asr.Grant, write bool) (string, error) {
	if err := readable(grants, write); err != nil {
		return "", err
	}
	doc := Document(grants)
	if len(doc) > MaxPolicy {
		return "", tooLong(grants, len(doc))
	}
	return doc, nil
}

func readable(grants []asr.Grant, write bool) error {
	for _, g := range grants {
		for _, a := range g.Actions {
			if !write && !reads(a) {
				return &asr.Error{Code: asr.CodeInternal, Message: a + " writes, and this session must not", Do: "move " + a + " from the remediation's Reads to its Writes; if it only reads, add it to the sessions package's table"}
			}
		}
	}
	return nil
}

func tooLong(grants []asr.Grant, length int) error {
	return &asr.Error{
		Code:    asr.CodeInternal,
		Message: fmt.Sprintf("the session policy for %s has %d characters; AWS STS takes %d", strings.Join(actionsOf(grants), ", "), length, MaxPolicy),
		Do:      "grant the remediation fewer or shorter resource patterns",
	}
}

func actionsOf(grants []asr.Grant) []string {
	var all []string
	for _, g := range grants {
		all = append(all, g.Actions...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// allow is the smallest part of a policy.
type allow struct{ action, on, when string }

func allowsOf(grants []asr.Grant) []allow {
	var all []allow
	for _, g := range grants {
		when := ""
		if len(g.When) > 0 {
			when = ascii(g.When)
		}
		for _, a := range g.Actions {
			all = append(all, allow{a, g.On, when})
		}
	}
	return all
}

type statement struct {
	Effect    string
	Action    list
	Resource  list
	Condition json.RawMessage `json:",omitempty"`
}

// list is written without brackets if it has one member.
type list []string

func (l list) MarshalJSON() ([]byte, error) {
	if len(l) == 1 {
		return json.Marshal(l[0])
	}
	return json.Marshal([]string(l))
}

// Document is the policy that allows the grants and no more, of whatever
// length. It merges them in two ways, by resource and by action, which are both
// exact, and takes the shorter.
func Document(grants []asr.Grant) string {
	all := allowsOf(grants)
	if len(all) == 0 {
		return nothing
	}
	byResource := merge(all, func(a allow) (key, member string) { return a.on, a.action }, func(keys, members list) statement { return statement{Action: members, Resource: keys} })
	byAction := merge(all, func(a allow) (key, member string) { return a.action, a.on }, func(keys, members list) statement { return statement{Action: keys, Resource: members} })
	if len(byAction) < len(byResource) {
		return byAction
	}
	return byResource
}

// merge collects the members of each key, then the keys that have the same
// members, separately for each condition.
func merge(all []allow, split func(allow) (key, member string), build func(keys, members list) statement) string {
	members := map[[2]string]list{} // condition and key
	for _, a := range all {
		k, m := split(a)
		members[[2]string{a.when, k}] = append(members[[2]string{a.when, k}], m)
	}
	type block struct{ keys, members list }
	same := map[[2]string]*block{} // condition and members
	for _, ck := range slices.SortedFunc(maps.Keys(members), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		ms := members[ck]
		slices.Sort(ms)
		ms = slices.Compact(ms)
		id := [2]string{ck[0], fmt.Sprintf("%q", ms)}
		if same[id] == nil {
			same[id] = &block{members: ms}
		}
		same[id].keys = append(same[id].keys, ck[1])
	}
	var out []statement
	for _, id := range slices.SortedFunc(maps.Keys(same), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		s := build(same[id].keys, same[id].members)
		s.Effect, s.Condition = "Allow", json.RawMessage(id[0])
		out = append(out, s)
	}
	return ascii(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", out})
}

// ascii is v in JSON that STS's pattern for policies admits, in which bytes are
// characters.
func ascii(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings, lists and maps of them
	var out strings.Builder
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		switch {
		case r < 0x7f:
			out.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}
