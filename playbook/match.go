package playbook

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"example.com/asr"
)

// Match finds the remediation for a finding: by the standard's own number if
// the finding has one and a playbook knows it, by the security control, by the
// rule behind it, by its types; the first that is known. It fails with
// CodeNoRemediation if none is, with CodeBadParams if a parameter of the
// finding is not what ours takes. Parameters that no playbook names are left out.
func (b *Book) Match(f asr.Finding) (asr.Match, error) {
	e := b.of(f)
	if e == nil {
		return asr.Match{}, unknown(f)
	}
	m, err := b.match(e)
	if err != nil {
		return m, err
	}
	m.Standards = b.standardsOf(f)
	full := b.whole(e)
	m.Finding, err = full.translate(f.Parameters)
	return m, err
}

// standardsOf are the playbooks of the standards that a finding is of.
func (b *Book) standardsOf(f asr.Finding) (names []string) {
	if p := b.refs[standardRef(f.Standard)]; p != nil {
		names = append(names, p.name)
	}
	for _, id := range f.Standards {
		if p := b.refs[strings.ToLower(id)]; p != nil && !slices.Contains(names, p.name) {
			names = append(names, p.name)
		}
	}
	return names
}

// of is the entry that a finding means, nil if there is none.
func (b *Book) of(f asr.Finding) *entry {
	if p := b.refs[standardRef(f.Standard)]; p != nil {
		if e := p.find(f.Standard.Control); e != nil {
			return e
		}
	}
	if e := b.security[strings.ToLower(f.Control)]; e != nil {
		return e
	}
	if e := b.rules.find(f.Rule); e != nil {
		return e
	}
	for _, t := range f.Types {
		if e := b.types.find(t); e != nil {
			return e
		}
	}
	return nil
}

// standardRef is how refs know a finding's standard. Its name may be an ARN,
// of whichever partition.
func standardRef(s asr.Standard) string {
	name := strings.ToLower(s.Name)
	if strings.HasPrefix(name, "arn:") {
		return path5(name)
	}
	return name + "/v/" + strings.ToLower(s.Version)
}

// path5 is an ARN's resource without its type: "NAME/v/VERSION" of a standard,
// "NAME/v/VERSION/CONTROL" of its control.
func path5(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	_, rest, _ := strings.Cut(parts[5], "/")
	rest, _, _ = strings.Cut(rest, "/finding/")
	return rest
}

func unknown(f asr.Finding) error {
	what := "the finding names no control and no rule"
	switch {
	case f.Control != "":
		what = "no playbook knows the control " + clip(f.Control)
	case f.Standard.Control != "":
		what = "no playbook knows " + clip(f.Standard.Control) + " of " + clip(f.Standard.Name+" "+f.Standard.Version)
	case f.Rule != "":
		what = "no playbook knows the rule " + clip(f.Rule)
	}
	return &asr.Error{Code: asr.CodeNoRemediation, Message: what, Do: "add it to a playbook of your own, with the remediation that answers it"}
}

// match is what an entry says, or CodeNoRemediation with what people do instead.
func (b *Book) match(e *entry) (asr.Match, error) {
	full := b.whole(e)
	m := asr.Match{
		Playbook: e.playbook.name, Control: full.control, Remediation: full.remediation,
		Playbooks: maps.Clone(full.params), Bounds: full.bounds(),
	}
	if full.byHand != "" {
		return m, &asr.Error{Code: asr.CodeNoRemediation, Message: full.control + " is fixed by hand", Do: full.byHand}
	}
	return m, nil
}

func (e entry) bounds() map[string]asr.Bound {
	bounds := map[string]asr.Bound{}
	for name, v := range e.atLeast {
		bounds[name] = asr.Bound{AtLeast: &v}
	}
	for name, v := range e.atMost {
		bound := bounds[name]
		bound.AtMost = &v
		bounds[name] = bound
	}
	return bounds
}

// translate puts a finding's parameters under our names.
func (e entry) translate(given map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	ours := map[string]json.RawMessage{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		t, ok := e.names[strings.ToLower(name)]
		if !ok {
			continue
		}
		v, set, wrong := convert(given[name], t.kind)
		if wrong != "" {
			return nil, &asr.Error{
				Code:    asr.CodeBadParams,
				Message: "parameter " + name + " of " + e.control + " is " + clip(string(given[name])) + ": " + wrong,
				Do:      "correct the parameter in Security Hub, or in the Config rule behind the finding",
			}
		}
		if set {
			ours[t.to] = v
		}
	}
	return ours, nil
}

// Control finds a control by any of its names, without regard to case: the
// security control ("S3.2"), a playbook and its number ("CIS.1.4.0/1.12",
// "cis-aws-foundations-benchmark/v/1.4.0/1.12"), the number alone if only one
// playbook has it ("PCI.S3.2"), or an ARN of a control. CodeNotFound says which
// were near; CodeNoRemediation what people do instead.
func (b *Book) Control(id string) (asr.Match, error) {
	ref := strings.ToLower(strings.TrimSpace(id))
	if strings.HasPrefix(ref, "arn:") {
		ref = strings.TrimPrefix(path5(ref), "control/")
	}
	if e := b.security[ref]; e != nil {
		return b.match(e)
	}
	if cut := strings.LastIndexByte(ref, '/'); cut >= 0 {
		if p := b.refs[ref[:cut]]; p != nil {
			if e := p.find(ref[cut+1:]); e != nil {
				return b.match(e)
			}
		}
	}
	if found := b.unique[ref]; len(found) == 1 {
		return b.match(found[0])
	}
	return asr.Match{}, b.notFound(id, ref)
}

func (b *Book) notFound(id, ref string) error {
	number := ref[strings.LastIndexByte(ref, '/')+1:]
	if found := b.unique[number]; len(found) > 0 {
		var all []string
		for _, e := range found {
			all = append(all, e.qualified())
		}
		if len(found) > 1 && number == ref {
			return &asr.Error{Code: asr.CodeNotFound, Message: clip(id) + " is a control of several standards", Do: "name one: " + strings.Join(all, ", ")}
		}
		return &asr.Error{Code: asr.CodeNotFound, Message: "there is no control " + clip(id), Do: "did you mean " + strings.Join(all, ", ") + "?"}
	}
	do := "list the controls with asr controls"
	if near := b.near(ref); len(near) > 0 {
		do = "did you mean " + strings.Join(near, ", ") + "?"
	}
	return &asr.Error{Code: asr.CodeNotFound, Message: "there is no control " + clip(id), Do: do}
}

// near are up to three ids that differ little from what was asked for.
func (b *Book) near(ref string) []string {
	type scored struct {
		id       string
		distance int
	}
	ref = clip(ref) // distances cost the product of the lengths
	var all []scored
	for _, p := range b.playbooks {
		for _, e := range p.controls {
			q := e.qualified()
			if d := distance(ref, strings.ToLower(q)); d <= 2+len(q)/8 {
				all = append(all, scored{q, d})
			}
		}
	}
	slices.SortStableFunc(all, func(x, y scored) int { return x.distance - y.distance })
	var ids []string
	for _, s := range all[:min(3, len(all))] {
		ids = append(ids, s.id)
	}
	return ids
}

// distance is the number of letters to change, add or drop (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := corner
			if a[i] != b[j] {
				d = 1 + min(corner, row[j], row[j+1])
			}
			corner, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}

// clip shortens what comes from outside for a message.
func clip(s string) string {
	runes := []rune(strings.ToValidUTF8(s, "?"))
	if len(runes) <= 80 {
		return string(runes)
	}
	return string(runes[:79]) + "…"
}

// lookup finds entries by a name, or by the start of one.
type lookup struct {
	exact    map[string]*entry
	prefixed []prefixed // the longest first
}

type prefixed struct {
	start string
	e     *entry
}

// add takes entries in, each also behind each of the prefixes. Later ones win.
func (l *lookup) add(entries []*entry, prefixes []string) {
	if l.exact == nil {
		l.exact = map[string]*entry{}
	}
	for _, e := range entries {
		for _, prefix := range slices.Concat([]string{""}, prefixes) {
			name := strings.ToLower(prefix + e.id)
			if start, ok := strings.CutSuffix(name, "*"); ok {
				l.prefixed = slices.Insert(l.prefixed, 0, prefixed{start, e})
			} else {
				l.exact[name] = e
			}
		}
	}
	slices.SortStableFunc(l.prefixed, func(x, y prefixed) int { return len(y.start) - len(x.start) })
}

func (l *lookup) find(name string) *entry {
	name = strings.ToLower(name)
	if e := l.exact[name]; e != nil || name == "" {
		return e
	}
	for _, p := range l.prefixed {
		if strings.HasPrefix(name, p.start) {
			return p.e
		}
	}
	return nil
}
