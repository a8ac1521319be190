package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/sessions"
)

// Permissions is the inventory of what each remediation may call, in Markdown:
// by control, with the resources that a run's session is narrowed to.
func Permissions(units []asr.Remediation) []byte {
	var b strings.Builder
	b.WriteString("## By control\n\n| Controls | Remediation | To plan and verify | To fix and undo, besides |\n|---|---|---|---|\n")
	for _, u := range units {
		s := u.Spec
		fmt.Fprintf(&b, "| %s | [`%s`](../remediations/%s.md) | %s | %s |\n",
			strings.Join(slices.Sorted(maps.Keys(u.Controls)), ", "), s.ID, s.ID, cell(s.Reads), cell(s.WriteGrants()[len(s.Reads):]))
	}
	b.WriteString("\n## Writes without a narrower resource\n\nIAM offers nothing narrower for these, or the thing has no name before it is made. The session still is of one\nrun, one account and one Region.\n\n")
	b.WriteString("| Action | Remediations |\n|---|---|\n")
	open := wideWrites(units)
	for _, action := range slices.Sorted(maps.Keys(open)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", action, strings.Join(open[action], ", "))
	}
	b.WriteString("\n## Roles that are handed on\n\n| Role | To | Remediations |\n|---|---|---|\n")
	passed := passes(units)
	for _, row := range slices.Sorted(maps.Keys(passed)) {
		fmt.Fprintf(&b, "| %s | %s |\n", row, strings.Join(passed[row], ", "))
	}
	return []byte(b.String())
}

// cell lists grants: actions by what they are allowed on.
func cell(grants []asr.Grant) string {
	byPattern := map[string][]string{}
	for _, g := range grants {
		byPattern[g.On] = append(byPattern[g.On], g.Actions...)
	}
	var all []string
	for _, on := range slices.Sorted(maps.Keys(byPattern)) {
		slices.Sort(byPattern[on])
		all = append(all, fmt.Sprintf("`%s` on `%s`", strings.Join(slices.Compact(byPattern[on]), ", "), on))
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.ReplaceAll(strings.Join(all, "<br>"), "|", `\|`)
}

// wideWrites are the remediations by the writes that they may make on "*".
func wideWrites(units []asr.Remediation) map[string][]string {
	wide := map[string][]string{}
	for _, u := range units {
		for _, g := range u.Spec.WriteGrants() {
			for _, action := range g.Actions {
				if g.On == "*" && !sessions.Reads(action) && !slices.Contains(wide[action], "`"+u.Spec.ID+"`") {
					wide[action] = append(wide[action], "`"+u.Spec.ID+"`")
				}
			}
		}
	}
	return wide
}

// passes are the remediations by the role that they hand to a service, as two
// cells of a table.
func passes(units []asr.Remediation) map[string][]string {
	handed := map[string][]string{}
	for _, u := range units {
		for _, g := range u.Spec.WriteGrants() {
			if !slices.Contains(g.Actions, "iam:PassRole") {
				continue
			}
			row := fmt.Sprintf("`%s` | `%s`", g.On, g.When["StringEquals"]["iam:PassedToService"])
			if !slices.Contains(handed[row], "`"+u.Spec.ID+"`") {
				handed[row] = append(handed[row], "`"+u.Spec.ID+"`")
			}
		}
	}
	return handed
}
