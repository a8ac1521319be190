package deployed_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// matches is EventBridge's matching, as far as our patterns use it: each field
// of the pattern holds for some element of an array, and all of them for the same one.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-arrays.html
func matches(pattern obj, event any) bool {
	if list, ok := event.([]any); ok {
		return slices.ContainsFunc(list, func(e any) bool { return matches(pattern, e) })
	}
	fields, _ := event.(obj)
	for key, want := range pattern {
		switch want := want.(type) {
		case obj:
			if !matches(want, fields[key]) {
				return false
			}
		case []any:
			if key == "$or" {
				if !slices.ContainsFunc(want, func(p any) bool { return matches(p.(obj), event) }) {
					return false
				}
				continue
			}
			if !slices.ContainsFunc(want, func(w any) bool { return leaf(w, fields[key]) }) {
				return false
			}
		}
	}
	return true
}

func leaf(want, got any) bool {
	if list, ok := got.([]any); ok {
		return slices.ContainsFunc(list, func(g any) bool { return leaf(want, g) })
	}
	operator, ok := want.(obj)
	if !ok {
		return want == got
	}
	if exists, ok := operator["exists"].(bool); ok {
		return exists == (got != nil)
	}
	wildcard := "^" + strings.ReplaceAll(regexp.QuoteMeta(operator["wildcard"].(string)), `\*`, ".*") + "$"
	text, _ := got.(string)
	return got != nil && regexp.MustCompile("(?s)"+wildcard).MatchString(text)
}

func recorded(t *testing.T, name string) obj {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "securityhub", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var event obj
	if err := json.Unmarshal(raw, &event); err != nil {
		t.Fatal(err)
	}
	return event
}

// finding is the event's first.
func finding(event obj) obj { return event["detail"].(obj)["findings"].([]any)[0].(obj) }

// covers: O13
func TestRulesTakeOpenFindingsAndThoseOfOurRuns(t *testing.T) {
	t.Parallel()
	d := committed(t, "asr-hub.yaml").deploy(t, "AWS::AccountId=222222222222", "AWS::Region=us-east-1")
	passed := func(f obj) { f["Compliance"].(obj)["Status"] = "PASSED" }
	passedV2 := func(f obj) {
		f["compliance"].(obj)["status"] = "Pass"
		delete(f, "comment") // the recorded one is of a run of ours
	}
	ours := func(f obj) { f["UserDefinedFields"] = obj{"asr:run": "r-1"} }
	for _, tt := range []struct {
		name, file string
		change     []func(obj)
		want       string // the rule; "": none
	}{
		{"a consolidated finding that failed", "imported_consolidated.json", nil, "FindingsRule"},
		{"a finding of CIS 1.2 that failed", "imported_cis12.json", nil, "FindingsRule"},
		{"a warning", "imported_consolidated.json", []func(obj){func(f obj) { f["Compliance"].(obj)["Status"] = "WARNING" }}, "FindingsRule"},
		{"one that passed", "imported_consolidated.json", []func(obj){passed}, ""},
		{"one that passed after our run", "imported_consolidated.json", []func(obj){passed, ours}, "FindingsRule"},
		{"one that somebody suppressed", "imported_consolidated.json", []func(obj){func(f obj) { f["Workflow"].(obj)["Status"] = "SUPPRESSED" }}, ""},
		{"one of our run that somebody suppressed", "imported_consolidated.json", []func(obj){ours, func(f obj) { f["Workflow"].(obj)["Status"] = "SUPPRESSED" }}, "FindingsRule"},
		{"one that is archived", "imported_consolidated.json", []func(obj){func(f obj) { f["RecordState"] = "ARCHIVED" }}, ""},
		{"one that failed, in OCSF", "imported_v2.json", nil, "FindingsV2Rule"},
		{"a new one in OCSF", "imported_v2.json", []func(obj){func(f obj) { f["status"] = "New" }}, "FindingsV2Rule"},
		{"one that passed, in OCSF", "imported_v2.json", []func(obj){passedV2}, ""},
		{"one that passed after our run, in OCSF", "imported_v2.json", []func(obj){passedV2, func(f obj) { f["comment"] = "Fixed. (asr r-1 RESOLVED)" }}, "FindingsV2Rule"},
		{"one with somebody's comment, in OCSF", "imported_v2.json", []func(obj){passedV2, func(f obj) { f["comment"] = "seen (by me)" }}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			event := recorded(t, tt.file)
			for _, change := range tt.change {
				change(finding(event))
			}
			got := d.taking(event)
			if want := strings.Fields(tt.want); !slices.Equal(got, want) {
				t.Errorf("rules that take it: %v, want %v", got, want)
			}
		})
	}
}

// taking are the rules of the default bus that take an event.
func (d *deployment) taking(event obj) (ids []string) {
	for _, r := range d.resources("AWS::Events::Rule") {
		if pattern, ok := r.properties["EventPattern"].(obj); ok && r.properties["EventBusName"] == nil && matches(pattern, event) {
			ids = append(ids, r.id)
		}
	}
	return ids
}

func TestCustomActionsOfOursAreTakenAndOthersAreNot(t *testing.T) {
	t.Parallel()
	d := committed(t, "asr-hub.yaml").deploy(t, "AWS::AccountId=222222222222", "AWS::Region=us-east-1")
	event := recorded(t, "custom_action.json")
	for action, want := range map[string]bool{"ASRRemediate": true, "ASRPlan": true, "ASRFixAndTicket": true, "Pager": false} {
		event["resources"] = []any{"arn:aws:securityhub:us-east-1:222222222222:action/custom/" + action}
		if got := len(d.taking(event)) == 1; got != want {
			t.Errorf("%s: taken %v, want %v", action, got, want)
		}
	}
}

func TestExecutionsThatEndBadlyAreTaken(t *testing.T) {
	t.Parallel()
	d := committed(t, "asr-hub.yaml").deploy(t)
	for status, want := range map[string]int{"FAILED": 1, "TIMED_OUT": 1, "ABORTED": 1, "SUCCEEDED": 0, "RUNNING": 0} {
		for machine, ours := range map[string]int{"asr-hub-run": 1, "asr-hub-sync": 1, "billing": 0} {
			event := obj{"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": obj{"status": status, "stateMachineArn": "arn:aws:states:" + region + ":" + hubAccount + ":stateMachine:" + machine}}
			if got := len(d.taking(event)); got != want*ours {
				t.Errorf("%s of %s: taken by %d rules, want %d", status, machine, got, want*ours)
			}
		}
	}
}

func TestAutomationsOfOurRunsAreForwardedAndTaken(t *testing.T) {
	t.Parallel()
	forward := committed(t, "asr-runbooks.yaml").deploy(t).resource(t, "EndsForward").properties["EventPattern"].(obj)
	take := committed(t, "asr-hub.yaml").deploy(t).resource(t, "AutomationsRule").properties["EventPattern"].(obj)
	for _, tt := range []struct {
		by, status string
		want       bool
	}{
		{"arn:aws:sts::222222222222:assumed-role/asr-member/r-20250603-abc", "Success", true},
		{"arn:aws:sts::222222222222:assumed-role/asr-member/r-20250603-abc", "Failed", true},
		{"arn:aws:sts::222222222222:assumed-role/asr-member/r-20250603-abc", "InProgress", false},
		{"arn:aws:sts::222222222222:assumed-role/Admin/jane", "Success", false},
	} {
		event := obj{"source": "aws.ssm", "detail-type": "EC2 Automation Execution Status-change Notification", "detail": obj{"Status": tt.status, "ExecutedBy": tt.by}}
		if got := matches(forward, event); got != tt.want {
			t.Errorf("%s by %s: forwarded %v", tt.status, tt.by, got)
		}
		if tt.want && !matches(take, event) {
			t.Errorf("%s: the hub doesn't take what is forwarded", tt.status)
		}
	}
}

func TestRunbooksRequestsAreForwardedAndTaken(t *testing.T) {
	t.Parallel()
	forward := committed(t, "asr-runbooks.yaml").deploy(t).resource(t, "RequestsForward").properties["EventPattern"].(obj)
	take := committed(t, "asr-hub.yaml").deploy(t).resource(t, "RequestsRule").properties["EventPattern"].(obj)
	for source, want := range map[string]bool{"asr.runbook": true, "asr.schedule": false, "aws.securityhub": false} {
		event := obj{"source": source, "detail-type": "asr remediation request", "detail": obj{}}
		if matches(forward, event) != want || matches(take, event) != want {
			t.Errorf("%s: forwarded %v, taken %v", source, matches(forward, event), matches(take, event))
		}
	}
}

// Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const maxPattern = 2048

func TestPatternsAreShortAndNameNoControl(t *testing.T) {
	t.Parallel()
	control := regexp.MustCompile(`[A-Z][A-Za-z0-9]+\.[0-9]+"`)
	for _, tt := range all(t) {
		for _, r := range tt.deploy(t, switches(tt, "yes")...).resources("AWS::Events::Rule") {
			pattern := text(r.properties["EventPattern"])
			if len(pattern) > maxPattern {
				t.Errorf("%s: a pattern of %d characters", r.id, len(pattern))
			}
			if found := control.FindString(pattern); found != "" {
				t.Errorf("%s: the pattern names %s", r.id, found)
			}
		}
	}
}

// switches sets all parameters that are yes or no.
func switches(t *template, value string) (given []string) {
	for name, p := range t.section("Parameters") {
		if text(p.(obj)["AllowedValues"]) == `["yes","no"]` {
			given = append(given, name+"="+value)
		}
	}
	return given
}
