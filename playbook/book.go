// Package playbook knows which remediation answers a finding: security controls
// and the standards that number them otherwise, as embedded YAML files that the
// user's own files extend. It knows remediations by their ids only, calls no AWS
// API and keeps nothing between calls.
package playbook

import (
	"embed"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/yamlfile"
)

//go:embed data/*.yaml
var embedded embed.FS

// Book is all playbooks. It implements asr.Matcher, doesn't change and may be
// used by many at once.
type Book struct {
	playbooks []*playbook
	security  map[string]*entry   // security controls by lower-case id
	unique    map[string][]*entry // controls of standards by lower-case id
	refs      map[string]*playbook
	rules     lookup
	types     lookup
	documents map[string]*Document // by the remediation's id
}

// playbook is one playbook, out of one file or of several that name it.
type playbook struct {
	name, title string
	aliases     []string
	standard    Standard // zero: it lists security controls, or rules only
	prefixes    []string // that a rule's name may carry
	controls    []*entry
	rules       []*entry
	types       []*entry
}

// source is where something stands in a file.
type source struct {
	file string
	line int
}

// entry is what a playbook says of one control, rule or finding type. In a
// consolidated playbook control is empty: id is the security control.
type entry struct {
	source
	playbook    *playbook
	id          string
	control     string
	remediation string
	byHand      string // why there is no remediation, and what to do instead
	retired     bool
	params      map[string]json.RawMessage
	names       map[string]target // by lower-case name
	atLeast     map[string]float64
	atMost      map[string]float64
}

// target is the parameter of ours that a foreign one becomes.
type target struct{ to, kind string }

// Standard is a published set of controls.
type Standard struct {
	Playbook string `json:"playbook"` // "CIS v1.4.0"
	Title    string `json:"title"`
	Name     string `json:"name"`    // "cis-aws-foundations-benchmark", as it stands in ARNs
	Version  string `json:"version"` // "1.4.0"
	arn      string
}

// ARN is the standard's ARN as Security Hub has it in a partition and Region,
// what BatchEnableStandards takes.
func (s Standard) ARN(partition, region string) string {
	return strings.NewReplacer("{partition}", partition, "{region}", region).Replace(s.arn)
}

// Entry is a control as a playbook lists it.
type Entry struct {
	Playbook        string `json:"playbook"`         // "CIS v1.4.0"
	StandardControl string `json:"standardControl"`  // as the playbook numbers it: "1.12"
	Control         string `json:"control"`          // the security control: "IAM.22"
	Remediation     string `json:"remediation"`      // an id, whether this asr has it or not; "" if ByHand
	ByHand          string `json:"byHand,omitempty"` // why nothing fixes it, and what to do instead
	Retired         bool   `json:"retired,omitempty"`
}

// Load reads the embedded playbooks, then the *.yaml and *.yml files of each
// folder in the order of their names. A file that names a playbook that is
// there already adds to it: fields given win, maps are merged by key. Errors
// are *asr.Error with CodeBadInput, joined, one per mistake.
func Load(dirs ...string) (*Book, error) {
	r := &reader{}
	b := &Book{refs: map[string]*playbook{}, documents: map[string]*Document{}}
	data, err := fs.Sub(embedded, "data")
	if err != nil {
		return nil, err
	}
	if err := b.readAll(r, data, "playbook"); err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if err := b.readAll(r, os.DirFS(dir), dir); err != nil {
			return nil, &asr.Error{Code: asr.CodeBadInput, Message: "playbooks in " + dir, Do: "name a folder of playbook files that can be read", Err: err}
		}
	}
	b.index(r)
	if err := r.Err(); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Book) readAll(r *reader, folder fs.FS, at string) error {
	files, err := fs.ReadDir(folder, ".")
	if err != nil {
		return err
	}
	for _, f := range files {
		if ext := path.Ext(f.Name()); f.IsDir() || ext != ".yaml" && ext != ".yml" {
			continue
		}
		text, err := fs.ReadFile(folder, f.Name())
		if err != nil {
			return err
		}
		r.File = filepath.Join(at, f.Name())
		r.playbook(b, text)
	}
	return nil
}

// named returns the playbook of that name, a new one if there is none.
func (b *Book) named(name string) *playbook {
	for _, p := range b.playbooks {
		if strings.EqualFold(p.name, name) {
			return p
		}
	}
	p := &playbook{name: name, title: name}
	b.playbooks = append(b.playbooks, p)
	return p
}

// index builds what lookups need and checks what only the whole can tell.
func (b *Book) index(r *reader) {
	slices.SortStableFunc(b.playbooks, func(x, y *playbook) int { return x.rank() - y.rank() })
	b.security, b.unique = map[string]*entry{}, map[string][]*entry{}
	for _, p := range b.playbooks {
		b.refer(p)
		for _, e := range p.controls {
			id := strings.ToLower(e.id)
			if p.standard.Name == "" {
				b.security[id] = e
				continue
			}
			b.unique[id] = append(b.unique[id], e)
		}
	}
	for _, p := range b.playbooks {
		b.rules.add(p.rules, p.prefixes)
		b.types.add(p.types, nil)
	}
	b.adopt()
	b.check(r)
	b.answer(r)
}

// adopt makes security controls of those that only a standard's entry gives a
// remediation to, or says that there is none.
func (b *Book) adopt() {
	for _, p := range b.playbooks {
		for _, e := range slices.Concat(p.controls, p.rules, p.types) {
			id := strings.ToLower(e.control)
			if e.control != "" && (e.remediation != "" || e.byHand != "") && b.security[id] == nil {
				b.security[id] = e
			}
		}
	}
}

func (b *Book) check(r *reader) {
	for _, p := range b.playbooks {
		for _, e := range slices.Concat(p.controls, p.rules, p.types) {
			known := e.control == "" || b.security[strings.ToLower(e.control)] != nil
			switch {
			case !known:
				r.Add(yamlfile.Mistake(e.file, e.line, e.id, "no playbook knows the security control "+e.control, "correct its id, or give the entry a remediation"))
			case e.control == "" && e.remediation == "" && e.byHand == "":
				r.Add(yamlfile.Mistake(e.file, e.line, e.id, "there is no remediation", "add remediation: with the id of one, as asr controls lists them, or by_hand: with what people do instead"))
			case e.remediation != "" && e.byHand != "":
				r.Add(yamlfile.Mistake(e.file, e.line, e.id, "it has a remediation and is by hand", "take one of them out"))
			}
		}
	}
}

// refer makes a playbook known by all its names.
func (b *Book) refer(p *playbook) {
	refs := []string{p.name}
	if s := p.standard; s.Name != "" {
		refs = append(refs, s.Name+"/v/"+s.Version, s.Name+"/"+s.Version)
		for _, alias := range p.aliases {
			refs = append(refs, alias+"."+s.Version, alias+" "+s.Version, alias+" v"+s.Version)
		}
	}
	for _, ref := range refs {
		b.refs[strings.ToLower(ref)] = p
	}
	for _, alias := range p.aliases { // without a version it means the last one listed
		if ref := strings.ToLower(alias); b.refs[ref] == nil {
			b.refs[ref] = p
		} else if b.refs[ref] != p {
			b.refs[ref] = &playbook{name: alias} // several: names none
		}
	}
}

// rank puts the consolidated playbook before the standards, rules last.
func (p *playbook) rank() int {
	switch {
	case p.standard.Name != "":
		return 1
	case len(p.controls) > 0:
		return 0
	}
	return 2
}

func (p *playbook) find(id string) *entry {
	for _, e := range p.controls {
		if strings.EqualFold(e.id, id) {
			return e
		}
	}
	return nil
}

// qualified is an entry's id that no other playbook's entry has.
func (e *entry) qualified() string {
	p := e.playbook
	if p.standard.Name == "" {
		return e.id
	}
	if len(p.aliases) > 0 {
		return p.aliases[0] + "." + p.standard.Version + "/" + e.id
	}
	return p.name + "/" + e.id
}

// Entries lists the controls of all playbooks, security controls first, for
// the coverage table. Rules are not among them.
func (b *Book) Entries() []Entry {
	return b.list(func(p *playbook) []*entry { return p.controls })
}

// Rules lists the rules and finding types of other products.
func (b *Book) Rules() []Entry {
	return b.list(func(p *playbook) []*entry { return slices.Concat(p.rules, p.types) })
}

func (b *Book) list(of func(*playbook) []*entry) []Entry {
	var all []Entry
	for _, p := range b.playbooks {
		for _, e := range of(p) {
			full := b.whole(e)
			all = append(all, Entry{Playbook: p.name, StandardControl: e.id, Control: full.control, Remediation: full.remediation, ByHand: full.byHand, Retired: full.retired})
		}
	}
	return all
}

// Standards lists the standards that have a playbook.
func (b *Book) Standards() []Standard {
	var all []Standard
	for _, p := range b.playbooks {
		if p.standard.Name != "" {
			s := p.standard
			s.Playbook, s.Title = p.name, p.title
			all = append(all, s)
		}
	}
	return all
}

// whole is an entry laid over its security control's.
func (b *Book) whole(e *entry) entry {
	full := *e
	if e.control == "" {
		full.control = e.id
		return full
	}
	base := b.security[strings.ToLower(e.control)]
	if base == nil || base == e {
		return full
	}
	if base.control == "" { // as AWS spells it
		full.control = base.id
	}
	if full.remediation == "" && full.byHand == "" {
		full.remediation, full.byHand = base.remediation, base.byHand
	}
	full.retired = full.retired || base.retired
	full.params = merged(base.params, e.params)
	full.names = merged(base.names, e.names)
	full.atLeast, full.atMost = merged(base.atLeast, e.atLeast), merged(base.atMost, e.atMost)
	return full
}

func merged[V any](under, over map[string]V) map[string]V {
	all := map[string]V{}
	maps.Copy(all, under)
	maps.Copy(all, over)
	return all
}
