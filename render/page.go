package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/sessions"
)

// Page describes one remediation in Markdown.
func Page(u asr.Remediation, emulated []string) ([]byte, error) {
	s := u.Spec
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n`%s`, version %d. Answers %s.\n\n%s\n\n", s.Title, s.ID, s.Version, strings.Join(slices.Sorted(maps.Keys(u.Controls)), ", "), s.Impact)
	fmt.Fprintf(&b, "| | |\n|---|---|\n| Risk | %s: %s |\n", s.Risk, s.RiskWhy)
	undo := "yes, change by change"
	if s.Irreversible != "" {
		undo = Undo(s) + "; it always asks"
	}
	for _, row := range [][2]string{{"Interrupts", s.Interrupts}, {"Cost", s.Cost}, {"Undo", undo}, {"Works on", strings.Join(s.Resources, "<br>")}, {"Also named", internal(s)}, {"Scope", string(s.Scope)}, {"Proven on", Proven(emulated)}} {
		if row[1] != "" {
			fmt.Fprintf(&b, "| %s | %s |\n", row[0], row[1])
		}
	}
	parameters(&b, u)
	for _, g := range []struct {
		title  string
		grants []asr.Grant
	}{{"Planning and verifying may call", s.Reads}, {"Fixing and undoing may call", s.WriteGrants()}} {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, []byte(sessions.Document(g.grants)), "", "  "); err != nil {
			return nil, fmt.Errorf("%s: %w", s.ID, err)
		}
		fmt.Fprintf(&b, "\n## %s\n\n```json\n%s\n```\n", g.title, pretty.Bytes())
	}
	return b.Bytes(), nil
}

// internal are the ids that a remediation looks up, as a table shows them.
func internal(s asr.Spec) string {
	if s.Internal == nil {
		return ""
	}
	return "`" + strings.ReplaceAll(s.Internal.String(), "|", `\|`) + "`"
}

func parameters(b *bytes.Buffer, u asr.Remediation) {
	properties := propertiesOf(u)
	if len(properties) == 0 {
		return
	}
	b.WriteString("\n## Parameters\n\n| Name | Type | |\n|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, properties[name].Type, properties[name].Description)
	}
	b.WriteString("\n| Control | Defaults |\n|---|---|\n")
	for _, id := range slices.Sorted(maps.Keys(u.Controls)) {
		fmt.Fprintf(b, "| %s | `%s` |\n", id, strings.ReplaceAll(string(u.Controls[id]), "|", "\\|"))
	}
}

// property is a parameter, as its JSON schema has it.
type property struct{ Type, Description string }

func propertiesOf(u asr.Remediation) map[string]property {
	var schema struct{ Properties map[string]property }
	_ = json.Unmarshal(u.Schema, &schema) // remedy made it
	return schema.Properties
}
