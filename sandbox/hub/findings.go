package hub

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// object is a JSON object: a finding in ASFF or a part of it.
type object = map[string]any

// finding is a stored one.
type finding struct {
	place
	asff    object
	touched map[string]bool // fields that BatchUpdateFindings has set: imports leave them alone
}

func key(id, product string) string { return product + "\n" + id }

func (f *finding) key() string { return key(text(f.asff, "Id"), text(f.asff, "ProductArn")) }

// text is a string at a path of objects, "" if there is none.
func text(o object, path ...string) string {
	for _, p := range path[:len(path)-1] {
		o, _ = o[p].(object)
	}
	s, _ := o[path[len(path)-1]].(string)
	return s
}

// Who owns which fields.
// https://docs.aws.amazon.com/securityhub/latest/userguide/finding-update-batchimportfindings.html
var (
	customerOnly = []string{"Note", "UserDefinedFields", "VerificationState", "Workflow", "WorkflowState"}
	onceTouched  = []string{"Confidence", "Criticality", "RelatedFindings", "Severity", "Types"}
	required     = []string{"SchemaVersion", "Id", "ProductArn", "GeneratorId", "AwsAccountId", "CreatedAt", "UpdatedAt", "Title", "Description", "Resources"}
)

const (
	maxBatch       = 100
	maxFindingSize = 240 << 10
	maxNote        = 512
	maxUserFields  = 50
)

func (h *Hub) importFindings(c Call) (any, error) {
	in, err := decode[struct{ Findings []json.RawMessage }](c)
	if err != nil {
		return nil, err
	}
	if n := len(in.Findings); n == 0 || n > maxBatch {
		return nil, invalid("%d findings: 1 to %d are allowed", n, maxBatch)
	}
	failed := []any{}
	for _, raw := range in.Findings {
		var f object
		_ = json.Unmarshal(raw, &f) // no object has nothing of what is required
		if problem := h.take(c, f, len(raw)); problem != "" {
			failed = append(failed, object{"Id": text(f, "Id"), "ErrorCode": "InvalidInput", "ErrorMessage": problem})
		}
	}
	return object{"SuccessCount": len(in.Findings) - len(failed), "FailedCount": len(failed), "FailedFindings": failed}, nil
}

// take stores one imported finding, or says what is wrong with it.
func (h *Hub) take(c Call, f object, size int) string {
	if problem := misfit(c, f); problem != "" {
		return problem
	}
	if size > maxFindingSize {
		return fmt.Sprintf("Finding is larger than %d bytes", maxFindingSize)
	}
	old := h.byID[key(text(f, "Id"), text(f, "ProductArn"))]
	if old == nil {
		h.create(c, f)
		return ""
	}
	if !moment(f, "UpdatedAt").After(moment(old.asff, "UpdatedAt")) {
		return "" // accepted and dropped: an older report
	}
	h.merge(old, f)
	return ""
}

// misfit says what of the format a finding breaks.
func misfit(c Call, f object) string {
	const prefix = "Finding does not adhere to Amazon Finding Format. "
	for _, name := range required {
		if f[name] == nil || f[name] == "" {
			return prefix + "data should have required property '" + name + "'"
		}
	}
	_, severity := f["Severity"].(object)
	_, provider := f["FindingProviderFields"].(object)
	resources, _ := f["Resources"].([]any)
	switch {
	case !severity && !provider:
		return prefix + "data should have required property 'FindingProviderFields', data should match some schema in anyOf."
	case len(resources) == 0 || len(resources) > 32:
		return prefix + "data.Resources should have 1 to 32 items"
	case moment(f, "UpdatedAt").IsZero() || moment(f, "CreatedAt").IsZero():
		return prefix + "data.UpdatedAt and data.CreatedAt should be RFC 3339 timestamps"
	case strings.HasSuffix(text(f, "ProductArn"), "/default") && text(f, "AwsAccountId") != c.Account:
		return "AwsAccountId " + text(f, "AwsAccountId") + " is not the caller's"
	}
	return ""
}

func moment(o object, path ...string) time.Time {
	t, _ := time.Parse(time.RFC3339, text(o, path...)) // zero: not a time
	return t
}

func (h *Hub) create(c Call, f object) {
	fill(f, "Region", c.Region)
	fill(f, "RecordState", "ACTIVE")
	fill(f, "WorkflowState", "NEW")
	fill(f, "Workflow", object{"Status": "NEW"})
	product := strings.Split(text(f, "ProductArn"), "/")
	if len(product) >= 3 {
		fill(f, "CompanyName", product[len(product)-2])
		fill(f, "ProductName", product[len(product)-1])
	}
	fields, _ := f["ProductFields"].(object)
	if fields == nil {
		fields = object{}
	}
	fields["aws/securityhub/FindingId"] = text(f, "ProductArn") + "/" + text(f, "Id")
	fields["aws/securityhub/ProductName"] = text(f, "ProductName")
	fields["aws/securityhub/CompanyName"] = text(f, "CompanyName")
	f["ProductFields"] = fields
	provided(f)
	f["ProcessedAt"] = stamp(h.now())
	stored := &finding{place: place{text(f, "AwsAccountId"), text(f, "Region")}, asff: f, touched: map[string]bool{}}
	h.findings = append(h.findings, stored)
	h.byID[stored.key()] = stored
}

func fill(o object, name string, value any) {
	if o[name] == nil {
		o[name] = value
	}
}

// provided makes Severity and Types agree with FindingProviderFields.
func provided(f object) {
	p, _ := f["FindingProviderFields"].(object)
	if p == nil {
		p = object{}
		f["FindingProviderFields"] = p
	}
	for _, name := range []string{"Severity", "Types", "Confidence", "Criticality", "RelatedFindings"} {
		if f[name] == nil && p[name] != nil {
			f[name] = p[name]
		} else if p[name] == nil && f[name] != nil {
			p[name] = f[name]
		}
	}
	if s, ok := f["Severity"].(object); ok {
		f["Severity"] = normalized(maps.Clone(s))
	}
}

// normalized completes a severity from its label or its number.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_Severity.html
func normalized(s object) object {
	labels := map[string]float64{"INFORMATIONAL": 0, "LOW": 1, "MEDIUM": 40, "HIGH": 70, "CRITICAL": 90}
	if n, ok := labels[text(s, "Label")]; ok {
		s["Normalized"] = n
		return s
	}
	n, ok := s["Normalized"].(float64)
	if !ok {
		return s
	}
	for _, label := range []string{"CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL"} {
		if n >= labels[label] {
			s["Label"] = label
			break
		}
	}
	return s
}

// merge takes a newer report of a finding: what customers said of it stays.
func (h *Hub) merge(old *finding, f object) {
	kept := slices.Clone(customerOnly)
	for _, name := range onceTouched {
		if old.touched[name] {
			kept = append(kept, name)
		}
	}
	provided(f)
	before := maps.Clone(old.asff)
	for name, value := range f {
		if !slices.Contains(kept, name) {
			old.asff[name] = value
		}
	}
	if reopened(before, old.asff) && text(before, "Workflow", "Status") != "SUPPRESSED" {
		old.asff["Workflow"] = object{"Status": "NEW"}
		old.asff["WorkflowState"] = "NEW"
	}
	old.asff["ProcessedAt"] = stamp(h.now())
}

// reopened reports whether Security Hub sets the workflow back to NEW.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_Workflow.html
func reopened(before, after object) bool {
	failing := []string{"FAILED", "WARNING", "NOT_AVAILABLE"}
	return text(before, "RecordState") == "ARCHIVED" && text(after, "RecordState") == "ACTIVE" ||
		text(before, "Compliance", "Status") == "PASSED" && slices.Contains(failing, text(after, "Compliance", "Status"))
}
