package sessions

import (
	"maps"
	"slices"
	"strings"

	"example.com/asr"
)

// Pieces splits grants whose policy is too long for one session into the grants
// of several narrower ones. Together they allow what the grants do. All that
// the grants say of one action is in one piece, or in every piece, so that an
// operation finds what it needs in any piece that has its action. Each piece
// has the reads and what AWS checks behind a write (iam:PassRole, KMS, tags);
// where that is too much, the reads get pieces of their own. An *asr.Error with
// CodeInternal if one action alone is too long.
func Pieces(grants []asr.Grant) ([][]asr.Grant, error) {
	all := pieces(grants, MaxPolicy)
	for _, p := range all {
		if n := len(Document(p)); n > MaxPolicy {
			return nil, tooLong(p, n)
		}
	}
	return all, nil
}

// pieces are of the size where they can be; one that can't be split is longer.
func pieces(grants []asr.Grant, size int) [][]asr.Grant {
	if len(Document(grants)) <= size {
		return [][]asr.Grant{grants}
	}
	var readers, behind, writers []asr.Grant
	for _, g := range byAction(grants) {
		switch a := g[0].Actions[0]; {
		case checkedBehind(a) || slices.ContainsFunc(g, func(one asr.Grant) bool { return one.Implied }):
			behind = append(behind, g...)
		case reads(a):
			readers = append(readers, g...)
		default:
			writers = append(writers, g...)
		}
	}
	shared := slices.Concat(readers, behind)
	tooMuch := func(g []asr.Grant) bool { return len(Document(slices.Concat(shared, g))) > size }
	if len(writers) == 0 || slices.ContainsFunc(byAction(writers), tooMuch) {
		shared, writers = behind, slices.Concat(readers, writers)
	}
	if len(writers) == 0 {
		shared, writers = nil, behind
	}
	return pack(shared, byAction(writers), size)
}

// Pack divides grants among as few policies as it takes, each of at most size
// characters, in the order of their actions.
func Pack(grants []asr.Grant, size int) [][]asr.Grant { return pack(nil, byAction(grants), size) }

// pack fills one piece after the other; each begins with what all share.
func pack(shared []asr.Grant, groups [][]asr.Grant, size int) [][]asr.Grant {
	var out [][]asr.Grant
	for _, g := range groups {
		if len(out) > 0 {
			last := &out[len(out)-1]
			if fuller := slices.Concat(*last, g); len(Document(fuller)) <= size {
				*last = fuller
				continue
			}
		}
		out = append(out, slices.Concat(shared, g))
	}
	return out
}

// byAction gives each action its grants, sorted, so that a service's actions
// are neighbours.
func byAction(grants []asr.Grant) [][]asr.Grant {
	all := map[string][]asr.Grant{}
	for _, g := range grants {
		for _, a := range g.Actions {
			all[a] = append(all[a], asr.Grant{On: g.On, Actions: []string{a}, When: g.When, Implied: g.Implied})
		}
	}
	var out [][]asr.Grant
	for _, a := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[a])
	}
	return out
}

// checkedBehind reports whether AWS checks the action when another one is
// called, though the grant doesn't say so: handing over a role, using a key, tagging what is created.
func checkedBehind(action string) bool {
	prefix, name, _ := strings.Cut(action, ":")
	return prefix == "kms" || name == "PassRole" || name == "CreateServiceLinkedRole" || strings.HasSuffix(name, "LogDelivery") ||
		strings.HasPrefix(name, "Tag") || name == "AddTags" || name == "AddTagsToResource" || name == "CreateTags" || name == "CreateOrUpdateTags"
}
