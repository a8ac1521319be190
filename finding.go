package asr

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// Compliance and workflow values, as the AWS Security Finding Format spells them.
const (
	CompliancePassed  = "PASSED"
	ComplianceFailed  = "FAILED"
	ComplianceWarning = "WARNING"

	RecordActive   = "ACTIVE"
	RecordArchived = "ARCHIVED"

	WorkflowNew        = "NEW"
	WorkflowNotified   = "NOTIFIED"
	WorkflowResolved   = "RESOLVED"
	WorkflowSuppressed = "SUPPRESSED"
)

// Severities in rising order.
var Severities = []string{"INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"}

// Resource is what a finding is about, as its provider names it.
type Resource struct {
	ID     string            `json:"id"`
	Type   string            `json:"type,omitempty"` // "AwsS3Bucket"
	Region string            `json:"region,omitempty"`
	Tags   map[string]string `json:"tags,omitempty"` // nil: the finding doesn't say
}

// Note is the text that people or products attach to a finding.
type Note struct {
	Text string    `json:"text,omitempty"`
	By   string    `json:"by,omitempty"`
	At   time.Time `json:"at,omitzero"`
}

// Finding is one failed (or passed) check of one resource. Its fields have two
// clocks: what the provider says (Provider) is newer by UpdatedAt, what people
// and products say of it (Workflow) by WorkflowAt, because
// BatchUpdateFindings leaves UpdatedAt alone.
type Finding struct {
	ID      string `json:"id"`
	Version int64  `json:"version"` // optimistic; 0: not stored yet
	Provider
	Workflow

	Decision Decision  `json:"decision,omitzero"` // the last one
	Outcome  Outcome   `json:"outcome"`
	Run      string    `json:"run,omitempty"` // the run that it follows, or followed last
	FixedAt  time.Time `json:"fixedAt,omitzero"`
	SeenAt   time.Time `json:"seenAt"`
	AskedAt  time.Time `json:"askedAt,omitzero"` // when a custom action last asked for it: an event that comes twice asks once
}

// Provider is what the finding's provider says.
type Provider struct {
	Product     string     `json:"product,omitempty"` // the product's ARN: needed to report back
	Format      string     `json:"format"`            // "asff" or "ocsf"
	Account     string     `json:"account"`
	Region      string     `json:"region"`
	Title       string     `json:"title"`
	Severity    string     `json:"severity"` // one of Severities
	Compliance  string     `json:"compliance"`
	RecordState string     `json:"recordState"`
	Control     string     `json:"control,omitempty"`   // the security control's id ("S3.2"), if it is named
	Standard    Standard   `json:"standard,omitzero"`   // the standard's own name for it, if the finding is per standard
	Standards   []string   `json:"standards,omitempty"` // all standards that the control is part of, as Security Hub names them
	Rule        string     `json:"rule,omitempty"`      // the Config rule or the other product's rule behind it
	Types       []string   `json:"types,omitempty"`     // finding types, for products without controls
	Resources   []Resource `json:"resources"`           // the first is the one to fix
	CreatedAt   time.Time  `json:"createdAt,omitzero"`  //
	UpdatedAt   time.Time  `json:"updatedAt"`

	// Parameters of the control as Security Hub or the Config rule has them, by
	// their names there. A value is a JSON value or a JSON string that holds one.
	Parameters map[string]json.RawMessage `json:"parameters,omitempty"`
}

// Standard is a control as one standard numbers it.
type Standard struct {
	Name    string `json:"name"`    // "cis-aws-foundations-benchmark"
	Version string `json:"version"` // "1.2.0"
	Control string `json:"control"` // "2.3"
}

// Workflow is what people and products say of a finding.
type Workflow struct {
	Status     string            `json:"workflow"` // NEW, NOTIFIED, RESOLVED, SUPPRESSED
	Note       Note              `json:"note,omitzero"`
	UserFields map[string]string `json:"userFields,omitempty"`
	WorkflowAt time.Time         `json:"workflowAt,omitzero"` // ProcessedAt, or the event's time
}

// Outcome is what became of a finding here.
type Outcome string

const (
	OutcomeOpen             Outcome = "open"                   // nothing was decided for it yet, or nothing is done
	OutcomeRunning          Outcome = "running"                // a run works on it, or waits
	OutcomeFixed            Outcome = "fixed"                  // verified by reading back
	OutcomeConfirmed        Outcome = "confirmed"              // and Security Hub reports PASSED
	OutcomeStillFailed      Outcome = "fixed_but_still_failed" // verified long ago, and Security Hub still reports FAILED
	OutcomeNotFixed         Outcome = "not_fixed"              // a run ended without fixing it
	OutcomeReverted         Outcome = "reverted"               // somebody had it put back
	OutcomeClosed           Outcome = "closed"                 // passed or archived without us
	defaultReevaluationTime         = 24 * time.Hour
)

// Outcomes are all outcomes.
var Outcomes = []Outcome{
	OutcomeOpen, OutcomeRunning, OutcomeFixed, OutcomeConfirmed, OutcomeStillFailed, OutcomeNotFixed, OutcomeReverted, OutcomeClosed,
}

// What marks our own reports on a finding: the note's author and user-defined
// fields.
const (
	NoteAuthor    = "asr"
	FieldRun      = "asr:run"      // the run that a report is of
	FieldWorkflow = "asr:workflow" // the workflow status that it set
)

// Echo reports whether this is our own last report and nothing else: our note
// stands, and the status is the one that came with it. Once a person sets
// another status it is no echo any more, though our note still stands; and
// SUPPRESSED is never ours.
func (w Workflow) Echo() bool {
	set, ok := w.UserFields[FieldWorkflow]
	return w.Note.By == NoteAuthor && w.Status != WorkflowSuppressed && (!ok || set == w.Status)
}

// Source says how an observation of a finding came.
type Source string

const (
	SourceImported     Source = "imported"      // Security Hub's own event or API
	SourceCustomAction Source = "custom_action" // somebody chose an action in the console
	SourceFile         Source = "file"
)

// Observation is one report of a finding.
type Observation struct {
	ID string
	Provider
	Workflow
	Source Source
	Action string    // the custom action's name
	At     time.Time // when the event was sent, or the file read
}

// Observe merges an observation. It reports whether each clock moved.
func (f *Finding) Observe(o Observation) (provider, workflow bool) {
	if f.Version == 0 && f.ID == "" {
		f.ID, f.Outcome = o.ID, OutcomeOpen
		f.Provider, f.Workflow = o.Provider, o.Workflow
		f.stamp(o)
		return true, true
	}
	if o.UpdatedAt.After(f.UpdatedAt) {
		f.Provider, provider = o.Provider, true
	}
	at := o.WorkflowAt
	if at.IsZero() {
		at = o.At
	}
	if at.After(f.WorkflowAt) {
		workflow = o.Status != f.Status || o.Note != f.Note || !maps.Equal(o.UserFields, f.UserFields)
		f.Workflow = o.Workflow
		f.WorkflowAt = at
	}
	if o.At.After(f.SeenAt) {
		f.SeenAt = o.At
	}
	return provider, workflow
}

func (f *Finding) stamp(o Observation) {
	f.SeenAt = o.At
	if f.WorkflowAt.IsZero() {
		f.WorkflowAt = o.At
	}
	if f.Status == "" {
		f.Status = WorkflowNew
	}
}

// Resource is the one to fix.
func (f Finding) Resource() Resource {
	if len(f.Resources) == 0 {
		return Resource{}
	}
	return f.Resources[0]
}

// Failing reports whether the check still fails.
func (f Finding) Failing() bool {
	return f.RecordState != RecordArchived && (f.Compliance == ComplianceFailed || f.Compliance == ComplianceWarning)
}

// ManagedBy tells from tags which tool owns a resource: "cloudformation",
// "terraform", "" when no tag says so; known is false when there are no tags to
// tell from. CloudFormation tags what it makes; Terraform does not, so the tags
// are those that its users agree on.
func ManagedBy(tags map[string]string) (tool string, known bool) {
	for k, v := range tags {
		k, v = strings.ToLower(k), strings.ToLower(v)
		switch {
		case k == "aws:cloudformation:stack-name", k == "aws:cloudformation:stack-id":
			return "cloudformation", true
		case strings.Contains(k, "terraform") && v != "false",
			slices.Contains([]string{"managed-by", "managedby", "managed_by", "iac", "provisioner"}, k) && strings.Contains(v, "terraform"):
			return "terraform", true
		}
	}
	return "", tags != nil
}

// Rejected is an input that could not be taken, kept with the reason.
type Rejected struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Source string    `json:"source"` // the file, queue or API that it came from
	Reason string    `json:"reason"`
	Body   string    `json:"body"` // its Outline, at most 4,096 bytes
}
