package securityhub

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

// Filter selects findings; empty fields select all. Values are matched exactly,
// and any of a field's will do.
type Filter struct {
	Accounts   []string // 12 digits
	Regions    []string
	Controls   []string // "S3.2"; upper and lower case count
	Severities []string // of asr.Severities, in any case

	Compliance []string // PASSED, FAILED, WARNING
	Records    []string // ACTIVE, ARCHIVED
	Workflow   []string // NEW, NOTIFIED, RESOLVED, SUPPRESSED
}

// Open selects what there may be something to do about.
func Open() Filter {
	return Filter{
		Compliance: []string{asr.ComplianceFailed, asr.ComplianceWarning},
		Records:    []string{asr.RecordActive},
		Workflow:   []string{asr.WorkflowNew, asr.WorkflowNotified},
	}
}

// maxValues is how many values GetFindings takes for one attribute.
// Source: Security Hub API Reference, GetFindings and GetFindingsV2.
const maxValues = 20

// anyState selects the same findings, whatever became of them.
func (f Filter) anyState() Filter {
	f.Compliance, f.Records, f.Workflow = nil, nil, nil
	return f
}

// parts are filters of at most 20 values per field, which together select the same.
func (f Filter) parts() []Filter {
	all := []Filter{f}
	for _, field := range []func(*Filter) *[]string{
		func(f *Filter) *[]string { return &f.Accounts },
		func(f *Filter) *[]string { return &f.Regions },
		func(f *Filter) *[]string { return &f.Controls },
	} {
		if len(*field(&f)) <= maxValues {
			continue
		}
		var split []Filter
		for _, one := range all {
			for values := range slices.Chunk(*field(&f), maxValues) {
				*field(&one) = values
				split = append(split, one)
			}
		}
		all = split
	}
	return all
}

// sum is a name for what the filter selects.
func (f Filter) sum() string {
	raw, _ := json.Marshal(f) // lists of strings
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// period is when findings were updated last; a zero time is no bound.
type period struct{ from, to time.Time }

// dates is the period as a filter, which has both ends or isn't there.
func (p period) dates() *types.DateFilter {
	if p.from.IsZero() && p.to.IsZero() {
		return nil
	}
	from, to := p.from, p.to
	if from.IsZero() {
		from = time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC) // before Security Hub
	}
	if to.IsZero() {
		to = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return &types.DateFilter{Start: aws.String(stamp(from)), End: aws.String(stamp(to))}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func equals(values ...string) []types.StringFilter {
	var all []types.StringFilter
	for _, v := range values {
		all = append(all, types.StringFilter{Comparison: types.StringFilterComparisonEquals, Value: aws.String(v)})
	}
	return all
}

// v1 is the filter of GetFindings.
func (f Filter) v1(p period) filters {
	out := filters{}.with("AwsAccountId", f.Accounts...).with("Region", f.Regions...).with("SeverityLabel", captions(f.Severities, strings.ToUpper)...).
		with("ComplianceSecurityControlId", f.Controls...).with("ComplianceStatus", f.Compliance...).
		with("RecordState", f.Records...).with("WorkflowStatus", f.Workflow...)
	if d := p.dates(); d != nil {
		out["UpdatedAt"] = []map[string]string{{"Start": aws.ToString(d.Start), "End": aws.ToString(d.End)}}
	}
	return out
}

// v2 is the filter of GetFindingsV2: all of the groups, any of each.
func (f Filter) v2(p period) *types.OcsfFindingFilters {
	out := &types.OcsfFindingFilters{CompositeOperator: types.AllowedOperatorsAnd}
	add := func(field types.OcsfStringField, values []string) {
		if len(values) == 0 {
			return
		}
		group := types.CompositeFilter{Operator: types.AllowedOperatorsOr}
		for _, v := range equals(values...) {
			group.StringFilters = append(group.StringFilters, types.OcsfStringFilter{FieldName: field, Filter: &v})
		}
		out.CompositeFilters = append(out.CompositeFilters, group)
	}
	add(types.OcsfStringFieldCloudAccountUid, f.Accounts)
	add(types.OcsfStringFieldCloudRegion, f.Regions)
	add(types.OcsfStringFieldComplianceControl, f.Controls)
	add(types.OcsfStringFieldSeverity, captions(f.Severities, func(s string) string { return strings.ToUpper(s[:1]) + strings.ToLower(s[1:]) }))
	add(types.OcsfStringFieldComplianceStatus, captions(f.Compliance, inOCSF))
	add(types.OcsfStringFieldStatus, captions(f.Workflow, inOCSF))
	if len(f.Records) == 1 {
		add(types.OcsfStringFieldActivityName, map[string][]string{asr.RecordActive: {"Create", "Update"}, asr.RecordArchived: {"Close"}}[f.Records[0]])
	}
	if d := p.dates(); d != nil {
		out.CompositeFilters = append(out.CompositeFilters, types.CompositeFilter{
			DateFilters: []types.OcsfDateFilter{{FieldName: types.OcsfDateFieldFindingInfoModifiedTimeDt, Filter: d}},
		})
	}
	if len(out.CompositeFilters) == 0 {
		return nil
	}
	return out
}

func captions(values []string, caption func(string) string) []string {
	var all []string
	for _, v := range values {
		if v != "" {
			all = append(all, caption(v))
		}
	}
	return all
}

// inOCSF is what OCSF calls a value of ASFF.
func inOCSF(v string) string {
	names := map[string]string{
		asr.CompliancePassed: "Pass", asr.ComplianceFailed: "Fail", asr.ComplianceWarning: "Warning",
		asr.WorkflowNew: "New", asr.WorkflowNotified: "In Progress", asr.WorkflowResolved: "Resolved", asr.WorkflowSuppressed: "Suppressed",
	}
	if n, ok := names[v]; ok {
		return n
	}
	return v
}
