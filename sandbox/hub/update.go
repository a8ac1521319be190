package hub

import (
	"slices"
	"unicode/utf8"
)

type identifier struct{ Id, ProductArn string } // as on the wire

// update is BatchUpdateFindings. It leaves UpdatedAt alone.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchUpdateFindings.html
func (h *Hub) update(c Call) (any, error) {
	in, err := decode[struct{ FindingIdentifiers []identifier }](c)
	if err != nil {
		return nil, err
	}
	values, err := decode[object](c)
	if err != nil {
		return nil, err
	}
	if n := len(in.FindingIdentifiers); n == 0 || n > maxBatch {
		return nil, invalid("%d finding identifiers: 1 to %d are allowed", n, maxBatch)
	}
	if err := mistaken(values); err != nil {
		return nil, err
	}
	processed, refused, seen := []any{}, []any{}, map[identifier]bool{}
	for _, id := range in.FindingIdentifiers {
		code, message := h.apply(c, id, values, seen[id])
		seen[id] = true
		if code == "" {
			processed = append(processed, id)
			continue
		}
		refused = append(refused, object{"FindingIdentifier": id, "ErrorCode": code, "ErrorMessage": message})
	}
	return object{"ProcessedFindings": processed, "UnprocessedFindings": refused}, nil
}

// mistaken finds values that the operation refuses as a whole.
func mistaken(values object) error {
	enums := []struct {
		path    []string
		allowed []string
	}{
		{[]string{"Workflow", "Status"}, []string{"NEW", "NOTIFIED", "RESOLVED", "SUPPRESSED"}},
		{[]string{"VerificationState"}, []string{"UNKNOWN", "TRUE_POSITIVE", "FALSE_POSITIVE", "BENIGN_POSITIVE"}},
		{[]string{"Severity", "Label"}, []string{"INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"}},
	}
	for _, e := range enums {
		if got := text(values, e.path...); got != "" && !slices.Contains(e.allowed, got) {
			return invalid("%v: %q is none of %v", e.path, got, e.allowed)
		}
	}
	if values["Note"] != nil && (text(values, "Note", "Text") == "" || text(values, "Note", "UpdatedBy") == "") {
		return invalid("Note needs Text and UpdatedBy")
	}
	return nil
}

// apply changes one finding, or says why not.
func (h *Hub) apply(c Call, id identifier, values object, again bool) (code, message string) {
	f := h.byID[key(id.Id, id.ProductArn)]
	fields, _ := values["UserDefinedFields"].(object)
	switch {
	case again:
		return "DuplicatedFindingIdentifier", "The same finding is named twice in the request"
	case f == nil || !h.sees(c, f):
		return "FindingNotFound", "Finding not found"
	case utf8.RuneCountInString(text(values, "Note", "Text")) > maxNote:
		return "InvalidInput", "Note.Text should NOT be longer than 512 characters"
	case len(fields) > maxUserFields:
		return "InvalidInput", "UserDefinedFields should NOT have more than 50 entries"
	}
	h.set(f, values)
	return "", ""
}

func (h *Hub) set(f *finding, values object) {
	for name, value := range values {
		if !slices.Contains(customerOnly, name) && !slices.Contains(onceTouched, name) {
			continue // the identifiers
		}
		f.touched[name] = true
		f.asff[name] = value
	}
	if s, ok := values["Severity"].(object); ok {
		f.asff["Severity"] = normalized(s)
	}
	if note, ok := values["Note"].(object); ok {
		f.asff["Note"] = object{"Text": note["Text"], "UpdatedBy": note["UpdatedBy"], "UpdatedAt": stamp(h.now())}
	}
	if status := text(values, "Workflow", "Status"); status != "" {
		f.asff["WorkflowState"] = status
	}
	f.asff["ProcessedAt"] = stamp(h.now())
}
