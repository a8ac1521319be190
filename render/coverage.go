package render

import (
	"fmt"
	"strings"

	"example.com/asr"
	"example.com/asr/playbook"
)

// Row is one control of a playbook: what fixes it, and how that is proven.
type Row struct {
	Playbook    string   `json:"playbook"`
	Control     string   `json:"control"`         // as the playbook's standard numbers it
	Security    string   `json:"securityControl"` // the security control
	Remediation string   `json:"remediation"`     // "" if people do it by hand
	ByHand      string   `json:"byHand,omitempty"`
	Written     bool     `json:"written"` // this asr has the remediation
	Retired     bool     `json:"retired,omitempty"`
	Risk        asr.Risk `json:"risk,omitempty"`
	Undo        string   `json:"undo,omitempty"`   // "yes" or "no: …"
	Proven      string   `json:"proven,omitempty"` // on what its lifecycle test ran
}

// Coverage is the table of all playbook entries, in their order. emulated lists
// for units the operations that the sandbox had a hand in.
func Coverage(entries []playbook.Entry, units []asr.Remediation, emulated map[string][]string) []Row {
	specs := map[string]asr.Spec{}
	for _, u := range units {
		specs[u.Spec.ID] = u.Spec
	}
	rows := []Row{}
	for _, e := range entries {
		r := Row{Playbook: e.Playbook, Control: e.StandardControl, Security: e.Control, Remediation: e.Remediation, ByHand: e.ByHand, Retired: e.Retired}
		if s, ok := specs[e.Remediation]; ok {
			r.Written, r.Risk, r.Undo, r.Proven = true, s.Risk, Undo(s), Proven(emulated[s.ID])
		}
		rows = append(rows, r)
	}
	return rows
}

// Undo is "yes", or "no" and why.
func Undo(s asr.Spec) string {
	if s.Irreversible != "" {
		return "no: " + s.Irreversible
	}
	return "yes"
}

// Proven says what a unit's lifecycle test ran on.
func Proven(emulated []string) string {
	if len(emulated) > 0 {
		return "moto; self-emulated: " + strings.Join(emulated, ", ")
	}
	return "moto"
}

// Count says how many controls have a remediation, and how many people fix by hand.
func Count(rows []Row) (written, byHand int) {
	for _, r := range rows {
		if r.Written {
			written++
		}
		if r.ByHand != "" {
			byHand++
		}
	}
	return written, byHand
}

// Summary counts the table by playbook, in Markdown.
func Summary(rows []Row) []byte {
	var order []string
	byPlaybook := map[string][]Row{}
	for _, r := range rows {
		if byPlaybook[r.Playbook] == nil {
			order = append(order, r.Playbook)
		}
		byPlaybook[r.Playbook] = append(byPlaybook[r.Playbook], r)
	}
	var b strings.Builder
	b.WriteString("| Playbook | Controls | Fixed by asr | By hand |\n|---|---|---|---|\n")
	for _, name := range order {
		written, byHand := Count(byPlaybook[name])
		fmt.Fprintf(&b, "| %s | %d | %d | %d |\n", name, len(byPlaybook[name]), written, byHand)
	}
	return []byte(b.String())
}

// Table is the coverage table in Markdown; remediations link to their pages.
func Table(rows []Row) []byte {
	var b strings.Builder
	b.WriteString("| Playbook | Control | Security control | Remediation | Risk | Undo | Proven on |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		remediation := fmt.Sprintf("[`%s`](remediations/%s.md)", r.Remediation, r.Remediation)
		switch {
		case r.ByHand != "":
			remediation = "by hand: " + r.ByHand
		case !r.Written:
			remediation = "`" + r.Remediation + "`, not in this asr"
		}
		if r.Retired {
			remediation += " (control retired by AWS)"
		}
		undo, _, _ := strings.Cut(r.Undo, ":")
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", r.Playbook, r.Control, r.Security, remediation, r.Risk, undo, r.Proven)
	}
	return []byte(b.String())
}
