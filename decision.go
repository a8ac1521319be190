package asr

import (
	"context"
	"encoding/json"
	"time"
)

// Mode is what a policy allows for a finding.
type Mode string

const (
	ModeOff     Mode = "off"     // nothing is done
	ModeObserve Mode = "observe" // a plan is made and kept
	ModeAsk     Mode = "ask"     // a plan is made and waits for an approval
	ModeAuto    Mode = "auto"    // the plan is carried out
)

// Reason is the one machine-readable code that each decision carries.
type Reason string

const (
	ReasonNoPolicy      Reason = "no_policy"      // there is no policy: nothing is automatic
	ReasonNoRule        Reason = "no_rule"        // no rule of the policy matches
	ReasonRule          Reason = "rule"           // the named rule says so
	ReasonRequested     Reason = "requested"      // a person asked for it
	ReasonConsoleAction Reason = "console_action" // a custom action, and what the policy says of those

	ReasonNoRemediation Reason = "no_remediation" // the control has no remediation
	ReasonNotFailing    Reason = "not_failing"    // passed or archived
	ReasonSuppressed    Reason = "suppressed"     // a person suppressed the finding
	ReasonResolved      Reason = "resolved"       // a person resolved the finding
	ReasonBadTarget     Reason = "bad_target"     // the finding names no resource that can be worked on
	ReasonBadParameters Reason = "bad_parameters" // the parameters are wrong, or weaker than the standard demands

	ReasonFactsMissing Reason = "facts_missing"  // a rule needs a fact that can't be had
	ReasonException    Reason = "exception"      // an exception of the policy holds it back
	ReasonIrreversible Reason = "irreversible"   // can't be put back: always asks
	ReasonHighRisk     Reason = "high_risk"      // automatic only if a rule names the control itself
	ReasonReverted     Reason = "was_reverted"   // somebody put this fix back: not again by itself
	ReasonFailedBefore Reason = "failed_before"  // it failed the last time: not again by itself
	ReasonRejected     Reason = "was_rejected"   // somebody rejected its plan: not again by itself
	ReasonStalePlan    Reason = "stale_plan"     // what was approved is no longer what would be done
	ReasonUndone       Reason = "undone_outside" // something puts the fix back again and again: asks
	ReasonFixed        Reason = "already_fixed"  // verified, and Security Hub hasn't looked again yet
)

// Decision is what may be done about a finding, and why. Exactly one mode,
// exactly one reason.
type Decision struct {
	Mode    Mode      `json:"mode"`
	Reason  Reason    `json:"reason"`
	Rule    string    `json:"rule,omitempty"`    // the policy rule's name, or the exception's
	Missing []string  `json:"missing,omitempty"` // the facts that couldn't be had, by their keys in a policy: "ous"
	Binds   Mode      `json:"binds,omitempty"`   // while facts are missing: what a rule may say that binds persons too, off or ask
	Why     string    `json:"why"`               // in words
	At      time.Time `json:"at"`

	Consents  []Consent `json:"consents,omitempty"` // all that approvals must meet
	NotBefore time.Time `json:"notBefore,omitzero"` // when the window opens in which it may begin; zero: at once
}

// Facts are what a policy decides on.
type Facts struct {
	Control     string            `json:"control"`
	Remediation string            `json:"remediation"`
	Account     string            `json:"account"`
	Region      string            `json:"region"`
	Resource    string            `json:"resource"` // an ARN
	Severity    string            `json:"severity"` // one of Severities
	Risk        Risk              `json:"risk"`
	Tags        map[string]string `json:"tags"`              // nil: not known
	ManagedBy   string            `json:"managedBy"`         // "cloudformation", "terraform", "none"; "": not known
	Console     bool              `json:"console,omitempty"` // asked for by a Security Hub custom action

	Standards    []string          `json:"standards,omitzero"`     // that the finding is of, by any of their names; nil: not known
	ResourceType string            `json:"resourceType,omitempty"` // "AwsS3Bucket"; "": not known
	FoundAt      time.Time         `json:"foundAt,omitzero"`       // when the finding was created; zero: not known
	OUs          []string          `json:"ous,omitzero"`           // ids and names of all that the account is in, the nearest first; nil: not known
	AccountTags  map[string]string `json:"accountTags,omitzero"`   // nil: not known
	At           time.Time         `json:"at,omitzero"`            // when it is decided
}

// Account is what an organization knows of an account.
type Account struct {
	OUs  []string          // ids and names of all ancestors, the nearest first; nil: not known
	Tags map[string]string // nil: not known
}

// Accounts knows the accounts of an organization.
type Accounts interface {
	// Account is what is known of an account. With an error nothing is known, and
	// rules that need to know fail closed.
	Account(ctx context.Context, id string) (Account, error)
}

// Policy decides. Its answers depend on nothing but the facts.
type Policy interface {
	// Decide answers with a mode, and ReasonNoPolicy, ReasonNoRule, ReasonRule,
	// ReasonConsoleAction or ReasonFactsMissing; Names reports whether the rule
	// names the control itself (not a pattern, not all).
	Decide(Facts) (d Decision, names bool)
	// Params are the parameters that the policy sets for a control there.
	Params(Facts) map[string]json.RawMessage
	// Limits are what holds for all runs.
	Limits() Limits
}

// NoPolicy is the Policy where there is none: nothing happens by itself.
type NoPolicy struct{}

// Decide implements Policy.
func (NoPolicy) Decide(Facts) (Decision, bool) {
	return Decision{Mode: ModeOff, Reason: ReasonNoPolicy, Why: "there is no policy, so nothing happens by itself"}, false
}

// Params implements Policy.
func (NoPolicy) Params(Facts) map[string]json.RawMessage { return nil }

// Limits implements Policy.
func (NoPolicy) Limits() Limits { return DefaultLimits() }

// Match is the remediation that a playbook knows for a finding.
type Match struct {
	Playbook    string   // "CIS v1.2.0"
	Control     string   // the security control: "CloudTrail.4"
	Remediation string   // "" if there is none yet
	Standards   []string // the playbooks of all standards that the finding is of
	// Params of the playbook and of the finding, under the remediation's names.
	Playbooks map[string]json.RawMessage
	Finding   map[string]json.RawMessage
	Bounds    map[string]Bound
}

// Bound is what a standard demands of a parameter.
type Bound struct {
	AtLeast *float64 `json:"atLeast,omitempty"`
	AtMost  *float64 `json:"atMost,omitempty"`
}

// Matcher finds the remediation for a finding, or for a control by its id.
type Matcher interface {
	// Match fails with CodeNoRemediation when no playbook knows the finding's control.
	Match(f Finding) (Match, error)
	// Control finds a control by any of its names ("S3.2", "CIS.1.4.0/2.1.1"),
	// without regard to case. CodeNotFound.
	Control(id string) (Match, error)
}
