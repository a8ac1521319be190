package securityhub

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/asr"
)

// asff is what we read of a finding in the AWS Security Finding Format.
// Source: Security Hub API Reference, AwsSecurityFinding.
type asff struct {
	ID           string `json:"Id"`
	ProductARN   string `json:"ProductArn"`
	GeneratorID  string `json:"GeneratorId"`
	Account      string `json:"AwsAccountId"`
	Region       string
	Title        string
	Types        words
	CreatedAt    moment
	UpdatedAt    moment
	ProcessedAt  moment
	RecordState  string
	Severity     asffSeverity
	Provider     struct{ Severity asffSeverity } `json:"FindingProviderFields"`
	Compliance   asffCompliance
	Product      texts `json:"ProductFields"`
	UserFields   texts `json:"UserDefinedFields"`
	Workflow     struct{ Status string }
	WorkflowOnce string `json:"WorkflowState"` // the retired field
	Note         struct {
		Text      string
		UpdatedBy string
		UpdatedAt moment
	}
	Resources []asffResource
}

type asffResource struct {
	ID     string `json:"Id"`
	Type   string
	Region string
	Tags   tags
}

type asffSeverity struct {
	Label      string
	Normalized *float64
}

type asffCompliance struct {
	Status     string
	Control    string          `json:"SecurityControlId"`
	Parameters []asffParameter `json:"SecurityControlParameters"`
	Standards  []asffStandard  `json:"AssociatedStandards"`
}

type asffParameter struct {
	Name  string
	Value words
}

type asffStandard struct {
	ID string `json:"StandardsId"`
}

// fromASFF reads a finding. The error is the reason why it can't be taken.
func fromASFF(raw []byte, o origin) (asr.Observation, error) {
	var f asff
	if err := json.Unmarshal(raw, &f); err != nil {
		return asr.Observation{}, err
	}
	return f.observation(o)
}

func (f *asff) observation(o origin) (asr.Observation, error) {
	var none asr.Observation
	if err := identified("Id", f.ID, "ProductArn", f.ProductARN, "AwsAccountId", f.Account); err != nil {
		return none, err
	}
	resources, err := f.resources()
	if err != nil {
		return none, err
	}
	updated, err := o.updated("UpdatedAt", f.UpdatedAt, f.CreatedAt)
	if err != nil {
		return none, err
	}
	workflow, err := f.workflow(o)
	if err != nil {
		return none, err
	}
	if workflow.WorkflowAt = o.workflowAt(f.status() != "", updated, f.ProcessedAt.Time, workflow.Note.At); f.status() == "" {
		workflow.Status = asr.WorkflowNew
	}
	p := asr.Provider{
		Product: f.ProductARN, Format: "asff", Account: f.Account,
		Region: regionOf(f.Region, resources[0].Region, regionOfARN(f.ID), regionOfARN(f.ProductARN)),
		Title:  clip(f.Title, 1024), Severity: f.severity(), Compliance: clip(strings.ToUpper(f.Compliance.Status), 32),
		RecordState: asr.RecordActive, Control: f.control(), Standard: f.standard(), Standards: f.standards(), Rule: f.rule(), Types: f.Types,
		Resources: resources, CreatedAt: f.CreatedAt.Time, UpdatedAt: updated, Parameters: f.parameters(),
	}
	if strings.EqualFold(f.RecordState, asr.RecordArchived) {
		p.RecordState = asr.RecordArchived
	}
	return asr.Observation{ID: f.ID, Provider: p, Workflow: workflow}, nil
}

func (f *asff) resources() ([]asr.Resource, error) {
	if len(f.Resources) == 0 {
		return nil, errors.New("Resources is missing")
	}
	all := make([]asr.Resource, len(f.Resources))
	for i, r := range f.Resources {
		if err := named("Resources["+strconv.Itoa(i)+"].Id", r.ID); err != nil {
			return nil, err
		}
		all[i] = asr.Resource{ID: r.ID, Type: clip(r.Type, 256), Region: regionOf(r.Region), Tags: r.Tags}
	}
	return all, nil
}

func (f *asff) status() string {
	if f.Workflow.Status == "" {
		return f.WorkflowOnce
	}
	return f.Workflow.Status
}

func (f *asff) workflow(o origin) (asr.Workflow, error) {
	w := asr.Workflow{Status: strings.ToUpper(f.status()), UserFields: f.UserFields}
	if w.Status != "" && !slices.Contains(workflows, w.Status) {
		if f.Workflow.Status != "" {
			return w, fmt.Errorf("Workflow.Status is %q: it is one of %s", clip(f.Workflow.Status, 60), strings.Join(workflows, ", "))
		}
		w.Status = asr.WorkflowNew // the retired field had other values
	}
	w.Note = asr.Note{Text: clip(f.Note.Text, 512), By: clip(f.Note.UpdatedBy, 512), At: o.past(f.Note.UpdatedAt.Time)}
	return w, nil
}

var workflows = []string{asr.WorkflowNew, asr.WorkflowNotified, asr.WorkflowResolved, asr.WorkflowSuppressed}

func (f *asff) severity() string {
	return severityOf(f.Severity.label(), f.Provider.Severity.label())
}

// label is the label, or what the number from 0 to 100 means.
// Source: Security Hub API Reference, Severity.
func (s asffSeverity) label() string {
	switch n := s.Normalized; {
	case s.Label != "" || n == nil:
		return s.Label
	case *n < 1:
		return "INFORMATIONAL"
	case *n < 40:
		return "LOW"
	case *n < 70:
		return "MEDIUM"
	case *n < 90:
		return "HIGH"
	}
	return "CRITICAL"
}

func (f *asff) control() string {
	if f.Compliance.Control != "" {
		return clip(f.Compliance.Control, 64)
	}
	return controlOf(f.GeneratorID, f.ID)
}

func (f *asff) standard() asr.Standard {
	return standardOf(f.Product["StandardsControlArn"], f.ID, f.GeneratorID, f.Product["StandardsGuideArn"]+"/"+f.Product["RuleId"])
}

// standards are those that a consolidated finding's control is part of:
// "standards/pci-dss/v/3.2.1" and "ruleset/cis-aws-foundations-benchmark/v/1.2.0"
// without the first word.
func (f *asff) standards() (names []string) {
	for _, s := range f.Compliance.Standards {
		if _, name, ok := strings.Cut(clip(s.ID, 256), "/"); ok {
			names = append(names, name)
		}
	}
	return names
}

// rule is the Config rule behind a finding, or the other product's check.
func (f *asff) rule() string {
	rule := f.relatedRule()
	switch name := f.Product["aws/config/ConfigRuleName"]; {
	case rule != "":
	case name != "":
		rule = name
	case productIs(f.ProductARN, "aws", "config"):
		rule = f.Title
	case productIs(f.ProductARN, "prowler", "prowler"):
		rule = strings.TrimPrefix(f.GeneratorID, "prowler-")
	case productIs(f.ProductARN, "aws", "securityhub"), strings.HasPrefix(f.GeneratorID, "arn:"):
	default:
		rule = f.GeneratorID
	}
	return clip(rule, 512)
}

// relatedRule is the Config rule among the related resources.
func (f *asff) relatedRule() string {
	for i := range 8 {
		key := "RelatedAWSResources:" + strconv.Itoa(i)
		if f.Product[key+"/type"] == "AWS::Config::ConfigRule" {
			return f.Product[key+"/name"]
		}
	}
	return ""
}

func (f *asff) parameters() map[string]json.RawMessage {
	all := f.Compliance.Parameters
	return parameters(func(i int) string { return all[i].Name }, func(i int) []string { return all[i].Value }, len(all))
}
