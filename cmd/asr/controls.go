package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/render"
	"github.com/spf13/cobra"
)

func controlsCommand(a *app) *cobra.Command {
	var only string
	var written bool
	cmd := &cobra.Command{
		Use: "controls", Short: "List the controls of all playbooks, and what fixes them", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			rows, err := a.coverage()
			if err != nil {
				return err
			}
			if only != "" && !slices.ContainsFunc(rows, func(c render.Row) bool { return strings.HasPrefix(strings.ToLower(c.Playbook), strings.ToLower(only)) }) {
				var names []string
				for _, c := range rows {
					names = append(names, c.Playbook)
				}
				return usageError{fmt.Errorf("--playbook %s: there are %s", only, strings.Join(slices.Compact(names), ", "))}
			}
			rows = slices.DeleteFunc(rows, func(c render.Row) bool {
				return !strings.HasPrefix(strings.ToLower(c.Playbook), strings.ToLower(only)) || written && !c.Written
			})
			return a.print(rows, func() { a.printControls(rows) })
		},
	}
	cmd.Flags().StringVar(&only, "playbook", "", "only playbooks whose name begins so")
	cmd.Flags().BoolVar(&written, "written", false, "only what this asr can fix")
	return cmd
}

// coverage needs no account: units are bound to nothing.
func (a *app) coverage() ([]render.Row, error) {
	book, units, err := a.known()
	if err != nil {
		return nil, err
	}
	rows := render.Coverage(book.Entries(), units, catalog.Emulated())
	for _, d := range book.Documents() {
		for i := range rows {
			if rows[i].Remediation == d.ID {
				rows[i].Proven = "nothing: document of " + d.Source
			}
		}
	}
	return rows, nil
}

func (a *app) printControls(all []render.Row) {
	var rows [][]string
	for _, c := range all {
		row := []string{c.Playbook, c.Control, c.Security, c.Remediation, "-", "-", "-"}
		switch {
		case c.Written:
			undo, _, _ := strings.Cut(c.Undo, ":")
			proven, _, emulated := strings.Cut(c.Proven, ";")
			if emulated {
				proven += ", self-emulated"
			}
			row[4], row[5], row[6] = string(c.Risk), undo, proven
		case c.ByHand != "":
			row[3] = "by hand"
		default:
			row[3] += " (not in this asr)"
		}
		if c.Retired {
			row[3] += " (control retired by AWS)"
		}
		rows = append(rows, row)
	}
	a.table([]string{"PLAYBOOK", "CONTROL", "SECURITY CONTROL", "REMEDIATION", "RISK", "UNDO", "PROVEN ON"}, rows)
	written, byHand := render.Count(all)
	a.note("%d of %d entries have a remediation in this asr, %d are done by hand; asr explain CONTROL says how.", written, len(all), byHand)
}

func explainCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "explain CONTROL|REMEDIATION", Short: "Explain a remediation: impact, risk, grants, parameters", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			u, m, err := a.lookup(args[0])
			if err != nil {
				return err
			}
			data := struct {
				Spec     asr.Spec                   `json:"spec"`
				Controls map[string]json.RawMessage `json:"controls"`
				Schema   json.RawMessage            `json:"parameters"`
				Control  string                     `json:"control,omitempty"`
			}{u.Spec, u.Controls, u.Schema, m.Control}
			return a.print(data, func() { a.printSpec(u) })
		},
	}
}

// lookup finds a remediation by its id or by a control's.
func (a *app) lookup(id string) (asr.Remediation, asr.Match, error) {
	book, units, err := a.known()
	if err != nil {
		return asr.Remediation{}, asr.Match{}, err
	}
	find := func(id string) (asr.Remediation, bool) {
		i := slices.IndexFunc(units, func(u asr.Remediation) bool { return u.Spec.ID == id })
		if i < 0 {
			return asr.Remediation{}, false
		}
		return units[i], true
	}
	if u, ok := find(id); ok {
		return u, asr.Match{}, nil
	}
	m, err := book.Control(id)
	if err != nil {
		return asr.Remediation{}, m, err
	}
	u, ok := find(m.Remediation)
	if !ok {
		return u, m, &asr.Error{Code: asr.CodeNoRemediation, Message: m.Control + " has no remediation in this asr yet", Do: "asr controls --written lists what there is"}
	}
	return u, m, nil
}

func (a *app) printSpec(u asr.Remediation) {
	s := u.Spec
	line := func(label, text string) {
		if text != "" {
			a.line("%-13s %s", label, text)
		}
	}
	a.line("%s (%s, version %d)\n", s.Title, s.ID, s.Version)
	line("Controls", strings.Join(slices.Sorted(maps.Keys(u.Controls)), ", "))
	line("Impact", s.Impact)
	line("Risk", string(s.Risk)+": "+s.RiskWhy)
	line("Interrupts", s.Interrupts)
	line("Cost", s.Cost)
	line("Undo", undoText(s))
	line("Works on", strings.Join(s.Resources, ", ")+scopeText(s))
	if s.Internal != nil {
		line("Also named", s.Internal.String())
	}
	a.printGrants("Reads", s.Reads)
	a.printGrants("Writes", s.Writes)
	a.printGrants("AWS checks", s.Implied)
	a.line("Parameters")
	var schema struct {
		Properties map[string]struct{ Type, Description string }
	}
	_ = json.Unmarshal(u.Schema, &schema) // we made it
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		p := schema.Properties[name]
		a.line("  %s (%s) %s", name, p.Type, p.Description)
	}
	for _, id := range slices.Sorted(maps.Keys(u.Controls)) {
		a.line("  %s: %s", id, u.Controls[id])
	}
}

func undoText(s asr.Spec) string {
	if s.Irreversible != "" {
		return render.Undo(s) + "; always asks"
	}
	return render.Undo(s)
}

func scopeText(s asr.Spec) string {
	switch s.Scope {
	case asr.ScopeAccount:
		return "a setting of the account, in its home Region"
	case asr.ScopeRegion:
		return "a setting of the account in one Region"
	}
	return ""
}

func (a *app) printGrants(label string, grants []asr.Grant) {
	for _, g := range grants {
		a.line("%-13s %s on %s", label, strings.Join(g.Actions, ", "), g.On)
		label = ""
	}
}
