package hub

import (
	"strings"
	"time"
)

// ocsf renders a finding as a Compliance Finding of OCSF 1.6.
// https://schema.ocsf.io/1.6.0/classes/compliance_finding
func ocsf(f *finding) object {
	a := f.asff
	activity, name := 2.0, "Update"
	switch {
	case text(a, "RecordState") == "ARCHIVED":
		activity, name = 3, "Close"
	case text(a, "CreatedAt") == text(a, "UpdatedAt"):
		activity, name = 1, "Create"
	}
	severityID, severity := severityOf(text(a, "Severity", "Label"))
	statusID, status := statusOf(a)
	out := object{
		"activity_id": activity, "activity_name": name,
		"category_uid": 2.0, "category_name": "Findings", "class_uid": 2003.0, "class_name": "Compliance Finding",
		"type_uid": 200300 + activity, "type_name": "Compliance Finding: " + name,
		"severity_id": severityID, "severity": severity, "status_id": statusID, "status": status,
		"time": float64(moment(a, "UpdatedAt").UnixMilli()), "time_dt": a["UpdatedAt"],
		"cloud": object{
			"account": object{"uid": a["AwsAccountId"], "type_id": 10.0, "type": "AWS Account"},
			"region":  a["Region"], "provider": "AWS", "cloud_partition": partition(a),
		},
		"compliance":   compliance(a),
		"finding_info": info(a),
		"metadata": object{
			"uid": metadataUID(a), "version": "1.6.0",
			"product": object{"uid": productV2(text(a, "ProductArn")), "name": a["ProductName"], "vendor_name": a["CompanyName"]},
		},
		"resources": resources(a),
	}
	if note := text(a, "Note", "Text"); note != "" {
		out["comment"] = note
	}
	if r := text(a, "Remediation", "Recommendation", "Text"); r != "" {
		out["remediation"] = object{"desc": r, "references": []any{text(a, "Remediation", "Recommendation", "Url")}}
	}
	return out
}

func partition(a object) string {
	if parts := strings.SplitN(text(a, "ProductArn"), ":", 3); len(parts) == 3 {
		return parts[1]
	}
	return "aws"
}

func productV2(arn string) string { return strings.Replace(arn, "::product/", "::productv2/", 1) }

func metadataUID(a object) string { return fingerprint(a["ProductArn"], a["Id"]) }

// severityOf translates a label. OCSF has a Fatal that ASFF has not.
func severityOf(label string) (id float64, name string) {
	switch label {
	case "LOW":
		return 2, "Low"
	case "MEDIUM":
		return 3, "Medium"
	case "HIGH":
		return 4, "High"
	case "CRITICAL":
		return 5, "Critical"
	}
	return 1, "Informational"
}

// labelOf is the way back; "" for what is no severity.
func labelOf(severityID int) string {
	return map[int]string{1: "INFORMATIONAL", 2: "LOW", 3: "MEDIUM", 4: "HIGH", 5: "CRITICAL", 6: "CRITICAL"}[severityID]
}

func statusOf(a object) (id float64, name string) {
	if text(a, "RecordState") == "ARCHIVED" {
		return 5, "Archived"
	}
	switch text(a, "Workflow", "Status") {
	case "NOTIFIED":
		return 2, "In Progress"
	case "SUPPRESSED":
		return 3, "Suppressed"
	case "RESOLVED":
		return 4, "Resolved"
	}
	return 1, "New"
}

// workflowOf is the way back; "" for what is no workflow.
func workflowOf(statusID int) string {
	return map[int]string{1: "NEW", 2: "NOTIFIED", 3: "SUPPRESSED", 4: "RESOLVED"}[statusID]
}

func compliance(a object) object {
	c, _ := a["Compliance"].(object)
	out := object{"control": text(a, "Compliance", "SecurityControlId"), "standards": values(c, []string{"AssociatedStandards", "StandardsId"})}
	if out["standards"] == nil || len(out["standards"].([]any)) == 0 {
		out["standards"] = []any{}
	}
	switch text(a, "Compliance", "Status") {
	case "PASSED":
		out["status"], out["status_id"] = "Pass", 1.0
	case "WARNING":
		out["status"], out["status_id"] = "Warning", 2.0
	case "FAILED":
		out["status"], out["status_id"] = "Fail", 3.0
	default:
		out["status"], out["status_id"] = "Unknown", 0.0
	}
	if r := values(c, []string{"RelatedRequirements"}); len(r) > 0 {
		out["requirements"] = r
	}
	if p := parameters(c); len(p) > 0 {
		out["control_parameters"] = p
	}
	return out
}

func parameters(c object) []any {
	var out []any
	list, _ := c["SecurityControlParameters"].([]any)
	for _, item := range list {
		p, _ := item.(object)
		for _, v := range values(p, []string{"Value"}) {
			out = append(out, object{"name": first(p, "Name"), "value": v})
		}
	}
	return out
}

func info(a object) object {
	out := object{
		"uid": a["Id"], "title": a["Title"], "desc": a["Description"], "types": values(a, []string{"Types"}),
		"analytic": object{"uid": a["GeneratorId"], "type_id": 1.0, "type": "Rule"},
	}
	times := map[string]string{"created_time": "CreatedAt", "modified_time": "UpdatedAt", "first_seen_time": "FirstObservedAt", "last_seen_time": "LastObservedAt"}
	for name, from := range times {
		if at := moment(a, from); !at.IsZero() {
			out[name], out[name+"_dt"] = float64(at.UnixMilli()), at.UTC().Format(time.RFC3339Nano)
		}
	}
	return out
}

func resources(a object) []any {
	out := []any{}
	list, _ := a["Resources"].([]any)
	for _, item := range list {
		r, _ := item.(object)
		one := object{
			"uid": text(r, "Id"), "type": text(r, "Type"), "cloud_partition": r["Partition"], "region": r["Region"],
			"owner": object{"account": object{"uid": a["AwsAccountId"]}},
		}
		if i := strings.LastIndexAny(text(r, "Id"), ":/"); i >= 0 {
			one["name"] = text(r, "Id")[i+1:]
		}
		if tags, ok := r["Tags"].(object); ok {
			var list []any
			for k, v := range tags {
				list = append(list, object{"name": k, "value": v})
			}
			one["tags"] = list
		}
		out = append(out, one)
	}
	return out
}
