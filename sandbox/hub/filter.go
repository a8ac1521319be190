package hub

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxFilters = 20 // values per attribute

// form is how an attribute is filtered.
type form int

const (
	byText form = iota
	byTime
	byNumber
	byMap
	byTruth
)

// attribute is where a filter's attribute stands in a finding.
type attribute struct {
	path string
	form form
}

// attributes of https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFindingFilters.html
// without those of networks, malware, processes, threats and single resource types.
func attributes() map[string]attribute {
	all := map[string]attribute{
		"Type":                                     {"Types", byText},
		"RecommendationText":                       {"Remediation.Recommendation.Text", byText},
		"SeverityLabel":                            {"Severity.Label", byText},
		"ResourceType":                             {"Resources.Type", byText},
		"ResourceId":                               {"Resources.Id", byText},
		"ResourcePartition":                        {"Resources.Partition", byText},
		"ResourceRegion":                           {"Resources.Region", byText},
		"ResourceApplicationArn":                   {"Resources.ApplicationArn", byText},
		"ResourceApplicationName":                  {"Resources.ApplicationName", byText},
		"ComplianceStatus":                         {"Compliance.Status", byText},
		"ComplianceSecurityControlId":              {"Compliance.SecurityControlId", byText},
		"ComplianceAssociatedStandardsId":          {"Compliance.AssociatedStandards.StandardsId", byText},
		"ComplianceSecurityControlParametersName":  {"Compliance.SecurityControlParameters.Name", byText},
		"ComplianceSecurityControlParametersValue": {"Compliance.SecurityControlParameters.Value", byText},
		"WorkflowStatus":                           {"Workflow.Status", byText},
		"RelatedFindingsId":                        {"RelatedFindings.Id", byText},
		"RelatedFindingsProductArn":                {"RelatedFindings.ProductArn", byText},
		"NoteText":                                 {"Note.Text", byText},
		"NoteUpdatedBy":                            {"Note.UpdatedBy", byText},
		"FindingProviderFieldsSeverityLabel":       {"FindingProviderFields.Severity.Label", byText},
		"FindingProviderFieldsSeverityOriginal":    {"FindingProviderFields.Severity.Original", byText},
		"FindingProviderFieldsTypes":               {"FindingProviderFields.Types", byText},
		"NoteUpdatedAt":                            {"Note.UpdatedAt", byTime},
		"SeverityNormalized":                       {"Severity.Normalized", byNumber},
		"SeverityProduct":                          {"Severity.Product", byNumber},
		"Confidence":                               {"Confidence", byNumber},
		"Criticality":                              {"Criticality", byNumber},
		"ResourceTags":                             {"Resources.Tags", byMap},
		"ResourceDetailsOther":                     {"Resources.Details.Other", byMap},
		"ProductFields":                            {"ProductFields", byMap},
		"UserDefinedFields":                        {"UserDefinedFields", byMap},
		"Sample":                                   {"Sample", byTruth},
	}
	for _, name := range []string{"ProductArn", "AwsAccountId", "AwsAccountName", "Id", "GeneratorId", "Region", "Title", "Description", "SourceUrl", "ProductName", "CompanyName", "VerificationState", "WorkflowState", "RecordState"} {
		all[name] = attribute{name, byText}
	}
	for _, name := range []string{"FirstObservedAt", "LastObservedAt", "CreatedAt", "UpdatedAt"} {
		all[name] = attribute{name, byTime}
	}
	return all
}

// filter is one value of an attribute; which fields count depends on the form.
type filter struct {
	Value                any
	Comparison           string
	Key                  string
	Start, End           string
	DateRange            *dateRange
	Gte, Lte, Eq, Gt, Lt *float64
}

type dateRange struct {
	Value      int
	Unit       string
	Comparison string
}

// compile turns filters into a question. Attributes are joined by AND; within
// one, comparisons that ask for a value by OR, those that exclude one by AND.
func compile(filters map[string]json.RawMessage, now time.Time) (func(object) bool, error) {
	var all []func(object) bool
	for name, raw := range filters {
		a, ok := attributes()[name]
		if !ok {
			return nil, &Unsupported{What: "filter " + name}
		}
		var fs []filter
		if err := json.Unmarshal(raw, &fs); err != nil {
			return nil, invalid("Filters.%s: %v", name, err)
		}
		if len(fs) > maxFilters {
			return nil, invalid("Filters.%s has more than %d values", name, maxFilters)
		}
		for _, f := range fs {
			if err := f.check(a.form); err != nil {
				return nil, err
			}
		}
		path := strings.Split(a.path, ".")
		all = append(all, func(o object) bool { return joined(fs, a.form, o, path, now) })
	}
	return func(o object) bool {
		return !slices.ContainsFunc(all, func(f func(object) bool) bool { return !f(o) })
	}, nil
}

func (f filter) check(form form) error {
	switch form {
	case byText:
		if f.Value == nil || !slices.Contains([]string{"EQUALS", "PREFIX", "NOT_EQUALS", "PREFIX_NOT_EQUALS", "CONTAINS", "NOT_CONTAINS"}, f.Comparison) {
			return invalid("a string filter needs a Value and a Comparison, not %q", f.Comparison)
		}
	case byMap:
		if f.Key == "" || !slices.Contains([]string{"EQUALS", "NOT_EQUALS", "CONTAINS", "NOT_CONTAINS"}, f.Comparison) {
			return invalid("a map filter needs a Key and a Comparison, not %q", f.Comparison)
		}
	case byTime:
		if r := f.DateRange; r != nil && r.Unit != "DAYS" || f.DateRange == nil && f.Start == "" && f.End == "" {
			return invalid("a date filter needs Start, End or a DateRange in DAYS")
		}
		for _, at := range []string{f.Start, f.End} {
			if _, err := time.Parse(time.RFC3339, at); at != "" && err != nil {
				return invalid("%q is not an RFC 3339 timestamp", at)
			}
		}
	}
	return nil
}

// joined asks all filters of one attribute.
func joined(fs []filter, form form, o object, path []string, now time.Time) bool {
	asked, met := false, false
	for _, f := range fs {
		got := values(o, path)
		if form == byMap {
			got = values(o, append(slices.Clone(path), f.Key))
		}
		excludes := strings.Contains(f.Comparison, "NOT_")
		holds := slices.ContainsFunc(got, func(v any) bool { return f.meets(form, v, now) })
		if excludes && holds {
			return false
		}
		if !excludes {
			asked, met = true, met || holds
		}
	}
	return met || !asked
}

// meets judges one value; of an excluding comparison, whether it is the excluded one.
func (f filter) meets(form form, v any, now time.Time) bool {
	switch form {
	case byTime:
		s, _ := v.(string)
		at, err := time.Parse(time.RFC3339, s)
		return err == nil && f.spans(at, now)
	case byNumber:
		n, ok := v.(float64)
		return ok && f.bounds(n)
	case byTruth:
		return v == f.Value
	}
	return f.resembles(plain(v), plain(f.Value))
}

func (f filter) resembles(value, wanted string) bool {
	switch strings.TrimPrefix(f.Comparison, "NOT_") {
	case "EQUALS":
		return value == wanted
	case "CONTAINS":
		return strings.Contains(value, wanted)
	}
	return strings.HasPrefix(value, wanted) // PREFIX, PREFIX_NOT_EQUALS
}

func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

func (f filter) spans(at, now time.Time) bool {
	if r := f.DateRange; r != nil {
		edge := now.AddDate(0, 0, -r.Value)
		if r.Comparison == "OLDER_THAN" {
			return at.Before(edge)
		}
		return !at.Before(edge)
	}
	start, _ := time.Parse(time.RFC3339, f.Start) // checked; zero: no start
	end, err := time.Parse(time.RFC3339, f.End)
	return !at.Before(start) && (err != nil || !at.After(end))
}

func (f filter) bounds(n float64) bool {
	return (f.Gte == nil || n >= *f.Gte) && (f.Lte == nil || n <= *f.Lte) && (f.Eq == nil || n == *f.Eq) &&
		(f.Gt == nil || n > *f.Gt) && (f.Lt == nil || n < *f.Lt)
}
