package importasr

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Fix is what this asr has for a control.
type Fix struct {
	Control      string // as the playbooks spell it
	Remediation  string // "" if people do it by hand, or nothing does it
	Irreversible bool   // it always asks
}

// Result is a policy file and what it can't say.
type Result struct {
	Policy    []byte
	Automatic []string // controls that are automatic now
	Warnings  []string // each a sentence; they stand in the file as comments too
}

// Convert writes a policy that makes automatic what the solution made automatic,
// as far as a policy can say it and never more. know says what there is for a
// control, whatever its letters' case.
func Convert(s Settings, know func(control string) (Fix, bool)) (Result, error) {
	c := &converter{warnings: slices.Clone(s.Odd)}
	c.sort(s.Controls, know)
	where := c.accounts(s.Accounts)
	c.always()
	mode := "auto"
	if s.OUs.Active() {
		mode = "ask"
		c.warn("the OU filter (%s: %s) can't be said in a policy: what it let through automatically asks instead. List the accounts of those OUs in the rules, then set mode: auto.", s.OUs.Mode, some(s.OUs.Values))
	}
	if !where.nobody && len(c.automatic)+len(c.asking) > 0 {
		c.rules(s.Tags, where, mode)
	}
	r := Result{Warnings: c.warnings}
	if mode == "auto" && !where.nobody {
		r.Automatic = c.automatic
	}
	var err error
	r.Policy, err = c.file(s)
	return r, err
}

type converter struct {
	automatic, asking, manual []string // controls
	written                   []rule
	warnings                  []string
}

// rule is one of the policy.
type rule struct {
	name, comment, mode string
	controls            []string
	accounts, except    []string
	tag                 string
}

func (c *converter) warn(format string, args ...any) {
	c.warnings = append(c.warnings, fmt.Sprintf(format, args...))
}

// sort says what becomes of each control. Rows that differ in their letters'
// case alone are one control: it is automatic if all of them say so.
func (c *converter) sort(rows []Control, know func(string) (Fix, bool)) {
	off := map[string]bool{}
	var wanted []Fix
	for _, row := range rows {
		fix, ok := know(row.ID)
		switch {
		case !ok && row.Automatic:
			c.warn("%s was automatic, and no playbook here knows it: it is left out.", quoted(row.ID))
		case !ok:
			c.warn("%s is known to no playbook here; it wasn't automatic.", quoted(row.ID))
		case !row.Automatic:
			off[fix.Control] = true
			c.manual = append(c.manual, fix.Control)
		case !slices.Contains(wanted, fix):
			wanted = append(wanted, fix)
		}
	}
	for _, fix := range wanted {
		switch {
		case off[fix.Control]:
			c.warn("%s is in the table both as automatic and as not automatic: it isn't automatic here.", fix.Control)
		case fix.Remediation == "":
			c.warn("%s was automatic, and this asr doesn't fix it: asr explain %s says what people do.", fix.Control, fix.Control)
		case fix.Irreversible:
			c.asking = append(c.asking, fix.Control)
			c.warn("%s was automatic, and what fixes it can't be put back: it always asks here.", fix.Control)
		default:
			c.automatic = append(c.automatic, fix.Control)
		}
	}
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// place is where rules hold.
type place struct {
	accounts, except []string
	nobody           bool // in no account at all
}

func (c *converter) accounts(f Filter) place {
	var ids []string
	for _, value := range f.Values {
		if accountID.MatchString(value) {
			ids = append(ids, value)
		} else if f.Active() {
			c.warn("the account filter has %s, which is no account: it never matched, and is left out.", quoted(value))
		}
	}
	switch {
	case !f.Active():
		return place{}
	case f.Mode == Exclude:
		return place{except: ids}
	case len(ids) == 0:
		c.warn("the account filter let no account through: nothing was automatic, and nothing is.")
		return place{nobody: true}
	}
	return place{accounts: ids}
}

// always are the differences that every import has.
func (c *converter) always() {
	c.warn("the solution carried out what somebody clicked in the Security Hub console at once; console_action here is ask. Write run if you want that.")
	if len(c.automatic) > 0 {
		c.warn("the solution left findings with the compliance status WARNING alone; a rule with mode: auto acts on them like on FAILED.")
	}
}

// rules writes the rules. The first that matches decides, so that excepted tags come first.
func (c *converter) rules(tags Filter, where place, mode string) {
	all := slices.Concat(c.automatic, c.asking)
	if tags.Active() {
		c.warn("the tag filter let resources without any tags through; here a resource whose finding tells no tags is never automatic.")
	}
	if tags.Active() && tags.Mode == Exclude {
		for i, key := range tags.Values {
			c.written = append(c.written, rule{
				name: fmt.Sprintf("tag-excluded-%d", i+1), comment: "The tag filter kept resources with the tag " + quoted(key) + " out.", mode: "observe",
				controls: all, accounts: where.accounts, except: where.except, tag: key,
			})
		}
	}
	keys := []string{""}
	if tags.Active() && tags.Mode == Include {
		keys = tags.Values
	}
	for i, key := range keys {
		suffix := ""
		if key != "" {
			suffix = fmt.Sprintf("-tagged-%d", i+1)
		}
		c.rule("automatic"+suffix, "These were automatic.", mode, c.automatic, where, key)
		c.rule("asks"+suffix, "These were automatic, and can't be put back.", "ask", c.asking, where, key)
	}
}

func (c *converter) rule(name, comment, mode string, controls []string, where place, tag string) {
	if len(controls) > 0 {
		c.written = append(c.written, rule{name, comment, mode, controls, where.accounts, where.except, tag})
	}
}

// quoted shows what comes from outside on one line, in ASCII.
func quoted(s string) string {
	const most = 120
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%+q", s)
}

// some lists up to five.
func some(values []string) string {
	var all []string
	for i, v := range values {
		if i == 5 {
			return strings.Join(all, ", ") + fmt.Sprintf(" and %d more", len(values)-5)
		}
		all = append(all, quoted(v))
	}
	return strings.Join(all, ", ")
}
