package asr

import (
	"fmt"
	"slices"
	"strings"
)

// Consent is what a rule demands of approvals.
type Consent struct {
	Rule     string   `json:"rule"`
	By       []string `json:"by,omitempty"`       // ARNs with *; none: anybody whom AWS vouches for
	Need     int      `json:"need,omitempty"`     // of different people; 0: 1
	FourEyes bool     `json:"fourEyes,omitempty"` // who asked for the run may not approve it
}

// person tells people apart. Of a role's sessions anybody who may assume it can
// choose the name, so they count as one; but for those of IAM Identity Center,
// whose sessions it names after its user, whichever role they have.
func (a Actor) person() string {
	head, session, ok := strings.Cut(a.Name, ":assumed-role/")
	role, user, named := strings.Cut(session, "/")
	switch {
	case !ok || !named:
		return a.Name
	case strings.HasPrefix(role, "AWSReservedSSO_"):
		return "sso:" + user
	}
	return head + ":assumed-role/" + role
}

// refuses is why somebody's yes is none; "" if it is one.
func (c Consent) refuses(by, requester Actor) string {
	switch {
	case len(c.By) > 0 && !slices.ContainsFunc(c.By, func(p string) bool { return Glob(p, by.Name) }):
		return by.Name + " is no approver of the rule " + c.Rule
	case c.FourEyes && requester.Kind == "person" && requester.person() == by.person():
		return by.Name + " asked for it, and the rule " + c.Rule + " wants another person's approval"
	}
	return ""
}

// lacks is how many more must say yes.
func (c Consent) lacks(yes []Approval, requester Actor) int {
	people := map[string]bool{}
	for _, a := range yes {
		if !a.Requested && c.refuses(a.By, requester) == "" {
			people[a.By.person()] = true
		}
	}
	return max(0, max(c.Need, 1)-len(people))
}

// yeses are verified people's approvals of the plan as it is. A run that was
// stored when one was all there could be has that.
func (r *Run) yeses() (yes []Approval) {
	all := r.Approvals
	if len(all) == 0 && r.Approval != nil {
		all = []Approval{*r.Approval}
	}
	for _, a := range all {
		if a.By.Verified && r.Plan != nil && a.Hash == r.Plan.Hash {
			yes = append(yes, a)
		}
	}
	return yes
}

// Lacks is how many approvals its plan still needs before it may be carried out.
func (r *Run) Lacks() int { return r.lacks(r.Decision.Consents) }

func (r *Run) lacks(all []Consent) int {
	yes := r.yeses()
	more := max(0, 1-len(yes))
	for _, c := range all {
		more = max(more, c.lacks(yes, r.Actor))
	}
	return more
}

// admit checks that somebody may add a yes.
func (r *Run) admit(by Actor) error {
	why := ""
	for _, c := range r.Decision.Consents {
		if why = c.refuses(by, r.Actor); why == "" {
			break
		}
	}
	if why != "" {
		return &Error{Code: CodeNotAllowed, Message: why, Do: "have somebody approve it whom the rule names"}
	}
	if slices.ContainsFunc(r.yeses(), func(a Approval) bool { return !a.Requested && a.By.person() == by.person() }) && r.Lacks() > 0 {
		return &Error{Code: CodeNotAllowed, Message: by.Name + " has approved it already", Do: fmt.Sprintf("have somebody else approve it: %d more must", r.Lacks())}
	}
	return nil
}
