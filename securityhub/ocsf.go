package securityhub

import (
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"example.com/asr"
)

// ocsf is what we read of a finding in the Open Cybersecurity Schema Framework:
// a Compliance Finding of Security Hub, or one of its siblings; Prowler writes
// Detection Findings.
// Source: schema.ocsf.io, classes 2002 to 2004; Security Hub User Guide, "OCSF findings".
type ocsf struct {
	ActivityID int    `json:"activity_id"`
	StatusID   *int   `json:"status_id"`
	Status     string `json:"status"`
	StatusCode string `json:"status_code"` // Prowler: PASS, FAIL, MANUAL
	SeverityID int    `json:"severity_id"`
	Severity   string `json:"severity"`
	Comment    string `json:"comment"`
	Time       moment `json:"time"`
	TimeDT     moment `json:"time_dt"`
	Metadata   struct {
		EventCode string `json:"event_code"` // Prowler: the check
		Product   struct {
			UID  string `json:"uid"`
			Name string `json:"name"`
		} `json:"product"`
	} `json:"metadata"`
	Cloud struct {
		Account struct {
			UID string `json:"uid"`
		} `json:"account"`
		Region string `json:"region"`
	} `json:"cloud"`
	Info struct {
		UID        string `json:"uid"`
		Title      string `json:"title"`
		Types      words  `json:"types"`
		Created    moment `json:"created_time"`
		CreatedDT  moment `json:"created_time_dt"`
		Modified   moment `json:"modified_time"`
		ModifiedDT moment `json:"modified_time_dt"`
		Analytic   struct {
			Name     string `json:"name"`
			Category string `json:"category"`
		} `json:"analytic"`
	} `json:"finding_info"`
	Compliance struct {
		Control    string `json:"control"`
		Status     string `json:"status"`
		StatusID   int    `json:"status_id"`
		Parameters []struct {
			Name   string `json:"name"`
			Value  words  `json:"value"`
			Values words  `json:"values"`
		} `json:"control_parameters"`
	} `json:"compliance"`
	Resources []ocsfResource `json:"resources"`
}

type ocsfResource struct {
	UID    string `json:"uid"`
	Alt    string `json:"uid_alt"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	Region string `json:"region"`
	Tags   tags   `json:"tags"`
	Labels tags   `json:"labels"`
}

// fromOCSF reads a finding. The error is the reason why it can't be taken.
func fromOCSF(raw []byte, o origin) (asr.Observation, error) {
	var f ocsf
	var none asr.Observation
	if err := json.Unmarshal(raw, &f); err != nil {
		return none, err
	}
	if err := identified("finding_info.uid", f.Info.UID, "metadata.product.uid", f.Metadata.Product.UID, "cloud.account.uid", f.Cloud.Account.UID); err != nil {
		return none, err
	}
	resources, err := f.resources()
	if err != nil {
		return none, err
	}
	created := first(f.Info.CreatedDT, f.Info.Created)
	updated, err := o.updated("finding_info.modified_time", first(f.Info.ModifiedDT, f.Info.Modified, f.TimeDT, f.Time), created)
	if err != nil {
		return none, err
	}
	status, archived, said := f.workflowStatus()
	p := asr.Provider{
		Product: f.Metadata.Product.UID, Format: "ocsf", Account: f.Cloud.Account.UID,
		Region: regionOf(f.Cloud.Region, resources[0].Region, regionOfARN(f.Info.UID), regionOfARN(f.Metadata.Product.UID)),
		Title:  clip(f.Info.Title, 1024), Severity: f.severity(), Compliance: f.compliance(),
		RecordState: asr.RecordActive, Control: f.control(), Standard: standardOf(f.Info.UID), Rule: clip(f.rule(), 512), Types: f.Info.Types,
		Resources: resources, CreatedAt: created.Time, UpdatedAt: updated, Parameters: f.parameters(),
	}
	if archived || f.ActivityID == activityClose {
		p.RecordState = asr.RecordArchived
	}
	w := asr.Workflow{Status: status, WorkflowAt: o.workflowAt(said, updated)}
	w.Note, w.UserFields = noteOf(f.Comment)
	return asr.Observation{ID: f.Info.UID, Provider: p, Workflow: w}, nil
}

const activityClose = 3

func first(all ...moment) moment {
	for _, m := range all {
		if !m.IsZero() || m.odd != "" {
			return m
		}
	}
	return moment{}
}

func (f *ocsf) resources() ([]asr.Resource, error) {
	if len(f.Resources) == 0 {
		return nil, errors.New("resources is missing")
	}
	all := make([]asr.Resource, len(f.Resources))
	for i, r := range f.Resources {
		id := r.id()
		if err := named("resources["+strconv.Itoa(i)+"].uid", id); err != nil {
			return nil, err
		}
		all[i] = asr.Resource{ID: id, Type: clip(r.Type, 256), Region: regionOf(r.Region), Tags: r.Tags}
		if r.Tags == nil {
			all[i].Tags = r.Labels
		}
	}
	return all, nil
}

// id is the name that ASFF has for the resource: its ARN, if one is known.
func (r ocsfResource) id() string {
	const account = "AWS::::Account"
	switch {
	case r.Type == account && isAccount(r.UID):
		return account + ":" + r.UID
	case strings.HasPrefix(r.UID, "arn:"):
		return r.UID
	case strings.HasPrefix(r.Alt, "arn:"):
		return r.Alt
	case r.UID != "":
		return r.UID
	}
	return r.Name
}

// workflowStatus translates the status. A status that we don't know closes nothing.
func (f *ocsf) workflowStatus() (status string, archived, said bool) {
	id := -1
	if f.StatusID != nil {
		id = *f.StatusID
	}
	name := strings.ToLower(f.Status)
	switch {
	case id == 2, id == 99 && name == "notified", id < 0 && name == "in progress":
		return asr.WorkflowNotified, false, true
	case id == 3, id < 0 && name == "suppressed", id == 99 && name == "suppressed":
		return asr.WorkflowSuppressed, false, true
	case id == 4, id < 0 && name == "resolved", id == 99 && name == "resolved":
		return asr.WorkflowResolved, false, true
	case id == 5, id == 6, id < 0 && (name == "archived" || name == "deleted"):
		return asr.WorkflowNew, true, true
	}
	return asr.WorkflowNew, false, id >= 0 || name != ""
}

func (f *ocsf) severity() string {
	byID := map[int]string{1: "INFORMATIONAL", 2: "LOW", 3: "MEDIUM", 4: "HIGH", 5: "CRITICAL", 6: "CRITICAL"}
	return severityOf(f.Severity, byID[f.SeverityID])
}

func (f *ocsf) compliance() string {
	switch said := strings.ToLower(f.Compliance.Status); {
	case said == "pass", said == "" && f.Compliance.StatusID == 1:
		return asr.CompliancePassed
	case said == "warning", said == "" && f.Compliance.StatusID == 2:
		return asr.ComplianceWarning
	case said == "fail", said == "" && f.Compliance.StatusID == 3:
		return asr.ComplianceFailed
	case said != "":
		return "NOT_AVAILABLE"
	}
	switch strings.ToUpper(f.StatusCode) {
	case "PASS":
		return asr.CompliancePassed
	case "FAIL":
		return asr.ComplianceFailed
	case "MANUAL":
		return "NOT_AVAILABLE"
	}
	return ""
}

func (f *ocsf) control() string {
	if f.Compliance.Control != "" {
		return clip(f.Compliance.Control, 64)
	}
	return controlOf(f.Info.UID)
}

// rule is the Config rule behind a finding, or Prowler's check: its id stands
// by itself, or in "prowler-aws-CHECK-ACCOUNT-REGION-RESOURCE".
func (f *ocsf) rule() string {
	switch {
	case f.Info.Analytic.Category == "AWS::Config::ConfigRule":
		return f.Info.Analytic.Name
	case f.Metadata.EventCode != "":
		return f.Metadata.EventCode
	}
	if rest, ok := strings.CutPrefix(f.Info.UID, "prowler-aws-"); ok {
		check, _, _ := strings.Cut(rest, "-"+f.Cloud.Account.UID+"-")
		return check
	}
	return f.Info.Analytic.Name
}

func (f *ocsf) parameters() map[string]json.RawMessage {
	all := f.Compliance.Parameters
	return parameters(func(i int) string { return all[i].Name }, func(i int) []string { return append(all[i].Value, all[i].Values...) }, len(all))
}

// The second API signs comments with the caller's ARN and knows no user-defined
// fields: ours say so at their end.
var ownComment = regexp.MustCompile(`^(?s)(.*) \(asr ([\w.:/-]{1,128})(?: ([A-Z]+))?\)$`)

// noteOf takes apart a comment as Report wrote it.
func noteOf(comment string) (asr.Note, map[string]string) {
	m := ownComment.FindStringSubmatch(comment)
	if m == nil {
		return asr.Note{Text: clip(comment, maxNote)}, nil
	}
	fields := map[string]string{asr.FieldRun: m[2]}
	if m[3] != "" {
		fields[asr.FieldWorkflow] = m[3]
	}
	return asr.Note{Text: clip(m[1], maxNote), By: asr.NoteAuthor}, fields
}
