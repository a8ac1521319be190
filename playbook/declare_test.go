package playbook

import (
	"strings"
	"testing"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

const house = `playbook: House
rules:
  house-queues: {control: House.1, remediation: house-close-queue, params: {days: 30}}
  house-*: {control: SQS.1}
documents:
  house-close-queue:
    document: arn:{partition}:ssm:{region}:333333333333:document/House-CloseQueue
    version: "3"
    role: service/house-ssm
    parameters:
      Queue: "{resource.name}"
      Where: ["{partition}", "{account}/{region}", "{resource}", "{finding.id}"]
      AutomationAssumeRole: "{role}"
      Days: "{param.days}"
      Names: "{param.names}"
    success: {output: Close.Status, is: OK}
    title: Close a queue
    impact: Who isn't named can't send.
    risk: medium
    risk_why: senders may be forgotten
    interrupts: nothing that is named
    cost: $0.01 a run
    resources: ["arn:{partition}:sqs:{region}:{account}:{name}"]
    params:
      days: {type: int, default: 7, description: How many days.}
      names: {type: list, description: Who may send.}
`

func TestADocumentIsDeclared(t *testing.T) {
	t.Parallel()
	dir := own(t, house)
	got := load(t, dir).Documents()
	want := []Document{{
		ID: "house-close-queue", Source: dir + "/own.yaml:6", Name: "arn:{partition}:ssm:{region}:333333333333:document/House-CloseQueue", Version: "3", Role: "service/house-ssm",
		Parameters: map[string][]string{
			"Queue": {"{resource.name}"}, "Where": {"{partition}", "{account}/{region}", "{resource}", "{finding.id}"}, "AutomationAssumeRole": {"{role}"}, "Days": {"{param.days}"}, "Names": {"{param.names}"},
		},
		Output: "Close.Status", Means: "OK", Title: "Close a queue", Impact: "Who isn't named can't send.", RiskWhy: "senders may be forgotten", Interrupts: "nothing that is named", Cost: "$0.01 a run",
		Risk: asr.RiskMedium, Scope: asr.ScopeResource, Resources: []string{"arn:{partition}:sqs:{region}:{account}:{name}"},
		Params:   map[string]Param{"days": {Type: "int", Description: "How many days.", Default: int64(7)}, "names": {Type: "list", Description: "Who may send."}},
		Controls: []string{"House.1"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	m, err := load(t, dir).Match(finding(asr.Provider{Rule: "house-queues"}))
	if err != nil || m.Remediation != "house-close-queue" || m.Control != "House.1" {
		t.Errorf("matched %+v, %v", m, err)
	}
	if got := load(t).Documents(); got != nil {
		t.Errorf("built in: %+v", got)
	}
}

func TestMistakesInADeclarationAreToldWithLineAndField(t *testing.T) {
	t.Parallel()
	at := "documents.house-close-queue"
	for _, row := range []struct{ name, old, replacement, want string }{
		{"an unknown placeholder", `"{resource.name}"`, `"{bucket}"`, `:11: ` + at + `.parameters.Queue: there is no placeholder {bucket}`},
		{"an expression", `"{resource.name}"`, `"{resource.name | upper}"`, `:11: ` + at + `.parameters.Queue: there is no placeholder {resource.name | upper}`},
		{"a stray brace", `"{resource.name}"`, `"{{ssm:secret}}"`, `:11: ` + at + `.parameters.Queue: a brace that belongs to no placeholder`},
		{"an undeclared parameter", `"{param.days}"`, `"{param.weeks}"`, `:7: ` + at + `.parameters.Days: there is no parameter weeks`},
		{"a list among other text", `"{param.names}"`, `"to {param.names}"`, `:7: ` + at + `.parameters.Names: names is a list`},
		{"a value too long", `"{param.days}"`, strings.Repeat("x", 513), `:14: ` + at + `.parameters.Days: longer than 512 characters`},
		{"a name that no document has", "arn:{partition}:ssm:{region}:333333333333:document/House-CloseQueue", "House Close", `:7: ` + at + `.document: "House Close" is not the name of a document, or arn:`},
		{"another partition's ARN", "arn:{partition}:ssm", "arn:aws:ssm", `:7: ` + at + `.document: "arn:aws:ssm`},
		{"a version that is none", `version: "3"`, "version: $LATEST", `:8: ` + at + `.version: "$LATEST" is not the number of a version`},
		{"a role with a wildcard", "service/house-ssm", "service/*", `:9: ` + at + `.role: "service/*" is not the name of a role`},
		{"a role's ARN", "service/house-ssm", "arn:aws:iam::333333333333:role/x", `:9: ` + at + `.role: "arn:aws:iam::333333333333:role/x" is not the name of a role`},
		{"no role", "    role: service/house-ssm\n", "", `:7: ` + at + `: role is missing`},
		{"no title", "    title: Close a queue\n", "", `:7: ` + at + `: title is missing`},
		{"no risk", "    risk: medium\n", "", `:7: ` + at + `: risk is missing`},
		{"a risk that is none", "risk: medium", "risk: none", `:19: ` + at + `.risk: "none" is none of low, medium, high`},
		{"no resources", "    resources: [\"arn:{partition}:sqs:{region}:{account}:{name}\"]\n", "", `:7: ` + at + `: it needs resources, or a scope without any`},
		{"a resource of a Region's setting", "    resources: [\"arn:{partition}:sqs:{region}:{account}:{name}\"]\n", "    scope: region\n", `.parameters.Queue: {resource.name} stands for a resource, and its scope is the region`},
		{"a pattern without a name", ":{name}\"]", ":queue\"]", `:23: ` + at + `.resources[0]: "arn:{partition}:sqs:{region}:{account}:queue" is not the pattern of an ARN`},
		{"a pattern with a wildcard", ":{name}\"]", ":*{name}\"]", `is not the pattern of an ARN`},
		{"half a success", "{output: Close.Status, is: OK}", "{output: Close.Status}", `:16: ` + at + `.success: output and is are needed`},
		{"a parameter without a description", `{type: list, description: Who may send.}`, "{type: list}", `:26: ` + at + `.params.names: type and description are needed`},
		{"a type that is none", "type: list", "type: map", `:26: ` + at + `.params.names.type: "map" is none of int, bool, text, list`},
		{"a default that doesn't fit", "default: 7", "default: soon", `:25: ` + at + `.params.days.default: not a whole number`},
		{"an unknown field", "    title:", "    undo: no\n    title:", `:17: ` + at + `.undo: unknown field`},
		{"an id that is none", "\n  house-close-queue:", "\n  HouseCloseQueue:", `:6: documents.HouseCloseQueue: not the id of a remediation`},
		{"an entry's parameter that it doesn't have", "params: {days: 30}", "params: {weeks: 30}", `:3: house-queues: house-close-queue has no parameter weeks`},
		{"no entry", "{control: House.1, remediation: house-close-queue, params: {days: 30}}", "{control: SQS.1}", `:6: documents.house-close-queue: no control is answered by it`},
	} {
		text := strings.Replace(house, row.old, row.replacement, 1)
		if text == house {
			t.Fatalf("%s changes nothing", row.name)
		}
		_, err := Load(own(t, text))
		if err == nil || !strings.Contains(err.Error(), row.want) || asr.Classify(err) != asr.CodeBadInput {
			t.Errorf("%s: %v\nwant %s", row.name, err, row.want)
		}
	}
	aws := strings.Replace(strings.Replace(house, "arn:{partition}:ssm:{region}:333333333333:document/House-CloseQueue", "AWS-X", 1), "      AutomationAssumeRole: \"{role}\"\n", "", 1)
	if _, err := Load(own(t, aws)); err == nil || !strings.Contains(err.Error(), "a document of AWS's own gets its role as a parameter") {
		t.Errorf("got %v", err)
	}
}

func TestADocumentIsDeclaredOnce(t *testing.T) {
	t.Parallel()
	first := own(t, house)
	_, err := Load(first, own(t, house))
	if err == nil || !strings.Contains(err.Error(), "documents.house-close-queue: it is declared already, at "+first+"/own.yaml:6") {
		t.Errorf("got %v", err)
	}
}

func TestFillPutsInWhatPlaceholdersStandFor(t *testing.T) {
	t.Parallel()
	got, err := Fill("a {x} {y}{x}", func(name string) (string, error) { return "<" + name + ">", nil })
	if err != nil || got != "a <x> <y><x>" {
		t.Errorf("got %s, %v", got, err)
	}
	refusal := asr.Refuse("no", "do")
	if _, err := Fill("{x}{y}", func(string) (string, error) { return "", refusal }); err != refusal {
		t.Errorf("got %v", err)
	}
}
