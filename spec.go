package asr

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Risk is how much a remediation may disturb.
type Risk string

const (
	RiskLow    Risk = "low"    // nobody who uses the resource as meant notices
	RiskMedium Risk = "medium" // somebody may notice, and undo puts it right
	RiskHigh   Risk = "high"   // a service may stop, access may be lost
)

// Spec describes a remediation. Docs, IAM policies, SSM documents and the UI's
// text are generated from it.
type Spec struct {
	ID      string `json:"id"`      // "logs-retention": public and for ever
	Version int    `json:"version"` // raised when Read, Want or Write change their meaning; from 1
	Title   string `json:"title"`   // an imperative sentence without a full stop
	Impact  string `json:"impact"`  // what the resource's owner will notice, in sentences

	Risk         Risk   `json:"risk"`
	RiskWhy      string `json:"riskWhy"`
	Interrupts   string `json:"interrupts,omitempty"`   // what it interrupts, and for how long; empty: nothing
	Cost         string `json:"cost,omitempty"`         // order of magnitude and unit; empty: none
	Irreversible string `json:"irreversible,omitempty"` // why none of it can be put back; such a remediation always asks

	Scope     Scope          `json:"scope"`
	Global    bool           `json:"global,omitempty"`    // the resource's API answers in the partition's home Region only (IAM)
	Resources []string       `json:"resources,omitempty"` // patterns of the resource's ARN, the canonical one first
	Internal  *regexp.Regexp `json:"-"`                   // ids of the service's own that Resolve understands: "db-ABC…", "AIDA…"

	Reads   []Grant  `json:"reads"`             // all that planning and verifying may call
	Writes  []Grant  `json:"writes"`            // what writing may call besides
	Implied []Grant  `json:"implied,omitempty"` // what AWS checks behind the writes and we never call: iam:PassRole, kms:CreateGrant
	Locks   []string `json:"locks,omitempty"`   // patterns of the settings that one run at a time may change; default: the target

	Settle      time.Duration `json:"settle"`          // between the two reads of a verification
	Reevaluates time.Duration `json:"reevaluates"`     // how long Security Hub may take to see the fix; 0: 24 h
	Wakes       bool          `json:"wakes,omitempty"` // an event tells when it has settled: who gets events needs to look only seldom

	patterns func() []*regexp.Regexp // Resources, compiled once; nil: not within an engine
}

// Grant is IAM actions allowed on one resource pattern, such as
// "arn:{partition}:logs:{region}:{account}:log-group:{name}:*".
type Grant struct {
	On      string                       `json:"on"`
	Actions []string                     `json:"actions"`
	When    map[string]map[string]string `json:"when,omitempty"` // an IAM Condition block
	Implied bool                         `json:"-"`              // AWS checks it behind other calls: any session that writes needs it
}

// Allow returns a Grant of actions on the resource pattern.
func Allow(on string, actions ...string) Grant { return Grant{On: on, Actions: actions} }

// Pass returns the Grant to hand a role to an AWS service ("ec2.amazonaws.com").
func Pass(role, service string) Grant {
	return Grant{On: role, Actions: []string{"iam:PassRole"}, When: map[string]map[string]string{"StringEquals": {"iam:PassedToService": service}}}
}

// ServiceLinked returns the Grant to have AWS make a service's own role
// ("macie.amazonaws.com") from its own template.
func ServiceLinked(role, service string) Grant {
	return Grant{On: role, Actions: []string{"iam:CreateServiceLinkedRole"}, When: map[string]map[string]string{"StringEquals": {"iam:AWSServiceName": service}}}
}

// WriteGrants are all grants of a session that may write.
func (s Spec) WriteGrants() []Grant {
	all := slices.Concat(s.Reads, s.Writes)
	for _, g := range s.Implied {
		g.Implied = true
		all = append(all, g)
	}
	return all
}

// locks names what a run on the target must hold to write.
func (s Spec) locks(on On) []string {
	patterns := s.Locks
	if len(patterns) == 0 && s.Scope == ScopeResource {
		patterns = s.Resources[:1]
	}
	if len(patterns) == 0 {
		patterns = []string{s.ID + "/{account}/{region}"}
	}
	var keys []string
	for _, p := range patterns {
		keys = append(keys, on.Expand(p))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// tight refuses parameters that would make a grant wider than it reads: those
// that stand in its pattern may hold no wildcard and no policy variable.
func (s Spec) tight(on On) error {
	var values map[string]any
	_ = json.Unmarshal(on.Params, &values) // Check says what is wrong with it
	for _, g := range s.WriteGrants() {
		for _, ref := range paramRef.FindAllStringSubmatch(g.patterns(), -1) {
			if v, ok := values[ref[1]].(string); ok && strings.ContainsAny(v, "*?$") {
				return &Error{Code: CodeBadParams, Message: ref[1] + " = " + v + " holds a wildcard", Do: "name exactly one"}
			}
		}
	}
	return nil
}

// patterns are all that parameters may stand in.
func (g Grant) patterns() string {
	all := []string{g.On}
	for _, keys := range g.When {
		for _, value := range keys {
			all = append(all, value)
		}
	}
	return strings.Join(all, "\n")
}

// Remediation is a unit bound to the sessions it works through: what the
// engine runs. States and parameters are JSON, so each step of a run can happen
// in another process. remedy.Bind makes one; tests write their own.
type Remediation struct {
	Spec     Spec
	Controls map[string]json.RawMessage // the controls that it answers, each with its default parameters
	Schema   json.RawMessage            // JSON Schema of the parameters

	// Check decodes the parameters strictly and refuses what AWS would refuse.
	Check func(on On) error
	// Resolve gives the target its canonical name. May call AWS, read-only.
	Resolve func(ctx context.Context, on On) (Target, error)
	// Read says how the settings are now: ErrGone, ErrSettling or a state.
	Read func(ctx context.Context, on On) (json.RawMessage, error)
	// Want says how they should be. Pure. An *Error with CodeRefused refuses.
	Want func(on On, now json.RawMessage) (json.RawMessage, error)
	// Write goes from one state towards another, by one step or all of them.
	Write func(ctx context.Context, on On, from, to json.RawMessage) error
	// Keep says why a change can't be put back, or "".
	Keep func(on On, c Change) string
	// Makes names the thing (an ARN) that a change brings into being, or "".
	Makes func(on On, c Change) string
}
