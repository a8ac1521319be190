package playbook

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/yamlfile"
)

// Document is a document of AWS Systems Manager Automation that a playbook file
// declares as a remediation: the customer's own, one that is shared with the
// account, or one of AWS's (AWS-…, AWSConfigRemediation-…).
type Document struct {
	ID     string // the remediation's
	Source string // where it is declared: "FILE:LINE"

	Name       string              // the document's name; a shared one's ARN, with {partition} and {region}
	Version    string              // its version: a number, or "" for the default one
	Role       string              // the role that it assumes, in the target's account: its path and name
	Parameters map[string][]string // what the document is started with; Fill puts the placeholders in
	Output     string              // the output that says whether it succeeded; "": its status does
	Means      string              // what that output is then

	Title, Impact, RiskWhy, Interrupts, Cost string
	Risk                                     asr.Risk
	Scope                                    asr.Scope
	Resources                                []string // patterns, as asr.Spec has them; none unless Scope is resource

	Params   map[string]Param // the remediation's own parameters, for {param.NAME}
	Controls []string         // that a playbook answers with it, sorted
}

// Param is a parameter of a remediation that runs a document.
type Param struct {
	Type        string // "int", "bool", "text" or "list", which is of texts
	Description string
	Default     any // int64, bool, string or []string; nil: it must be set
}

// Documents lists the documents that are declared, sorted by id.
func (b *Book) Documents() []Document {
	var all []Document
	for _, id := range slices.Sorted(maps.Keys(b.documents)) {
		all = append(all, *b.documents[id])
	}
	return all
}

var (
	placeholder = regexp.MustCompile(`\{([^{}]*)\}`)
	// placeholders are all there are, besides {param.NAME}.
	placeholders = []string{"resource", "resource.name", "account", "region", "partition", "role", "finding.id"}
)

// Fill puts in what stands for a text's placeholders.
func Fill(text string, value func(name string) (string, error)) (string, error) {
	var failed error
	filled := placeholder.ReplaceAllStringFunc(text, func(hole string) string {
		v, err := value(hole[1 : len(hole)-1])
		if err != nil && failed == nil {
			failed = err
		}
		return v
	})
	return filled, failed
}

// Placeholders are the names of those in a text.
func Placeholders(text string) (names []string) {
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

// answer says which controls each document answers, and finds entries that set
// parameters which it doesn't have.
func (b *Book) answer(r *reader) {
	for _, p := range b.playbooks {
		for _, e := range slices.Concat(p.controls, p.rules, p.types) {
			full := b.whole(e)
			d := b.documents[full.remediation]
			if d == nil {
				continue
			}
			if !slices.Contains(d.Controls, full.control) {
				d.Controls = append(d.Controls, full.control)
			}
			for _, name := range slices.Sorted(maps.Keys(full.params)) {
				if _, ok := d.Params[name]; !ok && e.params[name] != nil {
					r.Add(yamlfile.Mistake(e.file, e.line, e.id, fmt.Sprintf("%s has no parameter %s", d.ID, name), "use one of "+strings.Join(slices.Sorted(maps.Keys(d.Params)), ", ")+", or declare it at "+d.Source))
				}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(b.documents)) {
		d := b.documents[id]
		slices.Sort(d.Controls)
		if len(d.Controls) == 0 {
			r.Add(&asr.Error{Code: asr.CodeBadInput, Message: fmt.Sprintf("%s: documents.%s: no control is answered by it", d.Source, d.ID), Do: "write remediation: " + d.ID + " in the entry of a control, or remove the document"})
		}
	}
}
