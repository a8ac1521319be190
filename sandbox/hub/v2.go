package hub

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// listV2 is GetFindingsV2, with SortCriteria over one field.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_GetFindingsV2.html
func (h *Hub) listV2(c Call) (any, error) {
	in, err := decode[struct {
		Filters struct {
			CompositeFilters  []compositeFilter
			CompositeOperator string
		}
		SortCriteria []sortCriterion
		NextToken    string
		MaxResults   int
	}](c)
	if err != nil {
		return nil, validation(err)
	}
	for _, f := range in.Filters.CompositeFilters {
		if err := f.check(); err != nil {
			return nil, validation(err)
		}
	}
	found := []object{}
	for _, f := range h.findings {
		if !h.sees(c, f) {
			continue
		}
		if o := ocsf(f); combine(in.Filters.CompositeOperator, in.Filters.CompositeFilters, func(f compositeFilter) bool { return f.matches(o, h.now()) }) {
			found = append(found, o)
		}
	}
	for _, s := range slices.Backward(in.SortCriteria) {
		slices.SortStableFunc(found, func(a, b object) int {
			order := compare(first(a, s.Field), first(b, s.Field))
			if strings.EqualFold(s.SortOrder, "desc") {
				return -order
			}
			return order
		})
	}
	page, next, err := paginate(found, in.MaxResults, in.NextToken, fingerprint(in.Filters, in.SortCriteria))
	if err != nil {
		return nil, validation(err)
	}
	return pageOf("Findings", page, next), nil
}

// validation is how the v2 operations call invalid input.
func validation(err error) error {
	if e, ok := err.(*Error); ok && e.Code == "InvalidInputException" { //nolint:errorlint // just made
		return &Error{e.Status, "ValidationException", e.Message}
	}
	return err
}

// compositeFilter is a group of filters on OCSF fields.
type compositeFilter struct {
	StringFilters, DateFilters, NumberFilters, MapFilters, BooleanFilters []fieldFilter
	NestedCompositeFilters                                                []compositeFilter
	IpFilters                                                             []fieldFilter // as on the wire
	Operator                                                              string
}

type fieldFilter struct {
	FieldName string
	Filter    filter
}

func (f compositeFilter) forms() map[form][]fieldFilter {
	return map[form][]fieldFilter{byText: f.StringFilters, byTime: f.DateFilters, byNumber: f.NumberFilters, byMap: f.MapFilters, byTruth: f.BooleanFilters}
}

func (f compositeFilter) check() error {
	if len(f.IpFilters) > 0 {
		return &Unsupported{What: "IpFilters"}
	}
	for form, filters := range f.forms() {
		for _, one := range filters {
			if err := one.Filter.check(form); err != nil {
				return err
			}
		}
	}
	for _, nested := range f.NestedCompositeFilters {
		if err := nested.check(); err != nil {
			return err
		}
	}
	return nil
}

func (f compositeFilter) matches(o object, now time.Time) bool {
	var verdicts []bool
	for form, filters := range f.forms() {
		for _, one := range filters {
			verdicts = append(verdicts, one.matches(o, form, now))
		}
	}
	for _, nested := range f.NestedCompositeFilters {
		verdicts = append(verdicts, nested.matches(o, now))
	}
	return combine(f.Operator, verdicts, func(b bool) bool { return b })
}

// combine joins by OR, or by AND, the default; no filters match all.
func combine[T any](operator string, all []T, holds func(T) bool) bool {
	if operator == "OR" && len(all) > 0 {
		return slices.ContainsFunc(all, holds)
	}
	return !slices.ContainsFunc(all, func(v T) bool { return !holds(v) })
}

func (f fieldFilter) matches(o object, form form, now time.Time) bool {
	path := strings.Split(f.FieldName, ".")
	if form != byMap {
		return joined([]filter{f.Filter}, form, o, path, now)
	}
	tags := object{} // OCSF keeps maps as lists of names and values
	for _, pair := range pairs(o, path) {
		tags[text(pair, "name")] = pair["value"]
	}
	return joined([]filter{f.Filter}, byMap, tags, nil, now)
}

// pairs are the objects of a list at a path.
func pairs(v any, path []string) []object {
	switch v := v.(type) {
	case []any:
		var all []object
		for _, item := range v {
			all = append(all, pairs(item, path)...)
		}
		return all
	case object:
		if len(path) == 0 {
			return []object{v}
		}
		return pairs(v[path[0]], path[1:])
	}
	return nil
}

// identifierV2 names a finding in OCSF's terms.
type identifierV2 struct{ CloudAccountUid, FindingInfoUid, MetadataProductUid string } // as on the wire

type updateV2 struct {
	MetadataUids       []string
	FindingIdentifiers []identifierV2
	Comment            *string
	SeverityId         *int // as on the wire
	StatusId           *int // as on the wire
}

// updateV2 is BatchUpdateFindingsV2.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchUpdateFindingsV2.html
func (h *Hub) updateV2(c Call) (any, error) {
	in, err := decode[updateV2](c)
	if err != nil {
		return nil, validation(err)
	}
	n := len(in.MetadataUids) + len(in.FindingIdentifiers)
	if n == 0 || n > maxBatch || len(in.MetadataUids) > 0 && len(in.FindingIdentifiers) > 0 {
		return nil, validation(invalid("name 1 to %d findings by MetadataUids or by FindingIdentifiers", maxBatch))
	}
	values, problem := in.values(c)
	processed, refused := []any{}, []any{}
	put := func(named object, f *finding) {
		switch {
		case f == nil || !h.sees(c, f):
			named["ErrorCode"], named["ErrorMessage"] = "ResourceNotFoundException", "Finding not found"
		case problem != "":
			named["ErrorCode"], named["ErrorMessage"] = "ValidationException", problem
		default:
			h.set(f, values)
			processed = append(processed, named)
			return
		}
		refused = append(refused, named)
	}
	for _, uid := range in.MetadataUids {
		put(object{"MetadataUid": uid}, h.byMetadata(uid))
	}
	for _, id := range in.FindingIdentifiers {
		f := h.byID[key(id.FindingInfoUid, strings.Replace(id.MetadataProductUid, "::productv2/", "::product/", 1))]
		if f != nil && f.account != id.CloudAccountUid {
			f = nil
		}
		put(object{"FindingIdentifier": id}, f)
	}
	return object{"ProcessedFindings": processed, "UnprocessedFindings": refused}, nil
}

func (h *Hub) byMetadata(uid string) *finding {
	i := slices.IndexFunc(h.findings, func(f *finding) bool { return metadataUID(f.asff) == uid })
	if i < 0 {
		return nil
	}
	return h.findings[i]
}

// values are the change in ASFF's terms, or what is wrong with it.
func (in updateV2) values(c Call) (values object, problem string) {
	values = object{}
	if in.Comment != nil {
		if n := utf8.RuneCountInString(*in.Comment); n == 0 || n > maxNote {
			return nil, "Comment is not 1 to 512 characters"
		}
		values["Note"] = object{"Text": *in.Comment, "UpdatedBy": c.Who}
	}
	if in.SeverityId != nil {
		label := labelOf(*in.SeverityId)
		if label == "" {
			return nil, "SeverityId is none that ASFF can hold"
		}
		values["Severity"] = object{"Label": label}
	}
	if in.StatusId != nil {
		workflow := workflowOf(*in.StatusId)
		if workflow == "" {
			return nil, "StatusId is none that ASFF can hold"
		}
		values["Workflow"] = object{"Status": workflow}
	}
	return values, ""
}
