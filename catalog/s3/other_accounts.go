package s3

import (
	"maps"

	"example.com/asr/remedy"
)

// restrict takes the forbidden actions of a statement from other accounts. It
// returns what stays of it: the own account's part, then the others', either of
// which may be missing.
func restrict(on remedy.On[forbidden], owner string, s remedy.Document) []remedy.Document {
	own, others, everybody := parties(on, owner, s)
	if s["Effect"] != "Allow" || !everybody && len(others) == 0 {
		return []remedy.Document{s}
	}
	reduced, offends := without(s, on.Params.Actions)
	if !offends {
		return []remedy.Document{s}
	}
	var parts []remedy.Document
	if len(own) > 0 && !everybody {
		part := maps.Clone(s)
		part["Principal"] = own
		parts = append(parts, part)
	}
	if reduced != nil {
		if !everybody {
			reduced["Principal"] = others
		}
		parts = append(parts, reduced)
	}
	return parts
}

// parties splits a statement's principals into the own account's, AWS services
// among them, and those of others.
func parties(on remedy.On[forbidden], owner string, s remedy.Document) (own, others map[string]any, everybody bool) {
	by, isMap := s["Principal"].(map[string]any)
	if !isMap {
		return nil, nil, s["Principal"] == "*" || s["NotPrincipal"] != nil
	}
	own, others = map[string]any{}, map[string]any{}
	for kind, who := range by {
		var mine, theirs []string
		for _, w := range remedy.Texts(who) {
			switch {
			case w == "*" && kind == "AWS":
				return nil, nil, true
			case kind == "AWS" && remedy.AccountOf(w) != on.Account, kind == "CanonicalUser" && w != owner:
				theirs = append(theirs, w)
			default:
				mine = append(mine, w)
			}
		}
		if len(mine) > 0 {
			own[kind] = one(mine)
		}
		if len(theirs) > 0 {
			others[kind] = one(theirs)
		}
	}
	return own, others, false
}
