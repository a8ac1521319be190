package render

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"example.com/asr"
	"go.yaml.in/yaml/v3"
)

// Names in every runbook, which a remediation's parameters may not take.
const (
	resourceParameter = "Resource"
	findingParameter  = "Finding"
	controlParameter  = "Control"
	busParameter      = "EventBus"
	roleParameter     = "AutomationAssumeRole"
)

// memberRole may answer for the hub, and nobody else.
const memberRole = "arn:{{ global:AWS_PARTITION }}:iam::{{ global:ACCOUNT_ID }}:role/asr-member"

// plain is what a value may hold that becomes part of a JSON text.
const plain = `[^"\\\x00-\x1f{}]`

type document struct {
	Description   string               `yaml:"description"`
	SchemaVersion string               `yaml:"schemaVersion"`
	AssumeRole    string               `yaml:"assumeRole"`
	Parameters    map[string]parameter `yaml:"parameters"`
	MainSteps     []step               `yaml:"mainSteps"`
}

type parameter struct {
	Type           string   `yaml:"type"`
	Description    string   `yaml:"description"`
	Default        *string  `yaml:"default,omitempty"`
	AllowedPattern string   `yaml:"allowedPattern,omitempty"`
	AllowedValues  []string `yaml:"allowedValues,omitempty"`
}

type step struct {
	Name           string         `yaml:"name"`
	Action         string         `yaml:"action"`
	Description    string         `yaml:"description"`
	TimeoutSeconds int            `yaml:"timeoutSeconds,omitempty"`
	OnFailure      string         `yaml:"onFailure,omitempty"`
	Inputs         map[string]any `yaml:"inputs"`
	Outputs        []output       `yaml:"outputs,omitempty"`
	IsEnd          bool           `yaml:"isEnd,omitempty"`
}

type output struct {
	Name     string `yaml:"Name"`
	Selector string `yaml:"Selector"`
	Type     string `yaml:"Type"`
}

// Runbook is the Systems Manager Automation document (schema 0.3, YAML) that
// starts a remediation from a member account. It puts a request on an event bus
// that leads to the hub, which takes the account from the event's envelope, and
// waits in an approval step that only the member role may answer: the hub
// approves when the fix is verified, rejects when there is none, and says why in
// the comment. Of the steps that a signal ends, it is the only one whose signal
// carries a text and is taken from named principals alone; aws:pause has neither.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-schemas-features.html
// https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-approve.html
func Runbook(u asr.Remediation) ([]byte, error) {
	parameters, names, err := runbookParameters(u)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Spec.ID, err)
	}
	return yaml.Marshal(document{
		Description: describe(u.Spec), SchemaVersion: "0.3", AssumeRole: "{{ " + roleParameter + " }}", Parameters: parameters,
		MainSteps: append(named(u), step{
			Name: "Request", Action: "aws:executeAwsApi", Description: "Asks the hub to plan the fix, and to make it if its policy allows.", OnFailure: "Abort",
			Inputs: map[string]any{
				"Service": "events", "Api": "PutEvents",
				"Entries": []map[string]any{{"EventBusName": "{{ " + busParameter + " }}", "Source": "asr.runbook", "DetailType": "asr remediation request", "Detail": detail(u, names)}},
			},
			Outputs: []output{{"Refused", "$.FailedEntryCount", "Integer"}},
		}, script("Accepted", "Ends here if the event bus refused the request.", map[string]any{"refused": "{{ Request.Refused }}"},
			"    if int(events[\"refused\"]) > 0:\n        raise Exception(\"the event bus refused the request: nothing was changed; see that its policy lets this account put events\")\n",
		), step{
			Name: "Outcome", Action: "aws:approve", Description: "Waits for the hub, which approves when the fix is verified and rejects when there is none. Its comment, in this step's output, says why.",
			TimeoutSeconds: 7 * 24 * 60 * 60, OnFailure: "Abort", IsEnd: true,
			Inputs: map[string]any{"Approvers": []string{memberRole}, "MinRequiredApprovals": 1, "Message": "asr's hub answers this by itself: " + u.Spec.ID},
		}),
	})
}

// named is the step that sees that one thing is named, where there is a choice.
func named(u asr.Remediation) []step {
	if u.Spec.Scope != asr.ScopeResource {
		return nil
	}
	return []step{script("Named", "Ends here unless one of "+resourceParameter+" and "+findingParameter+" is given.",
		map[string]any{"resource": "{{ " + resourceParameter + " }}", "finding": "{{ " + findingParameter + " }}"},
		"    if bool(events[\"resource\"]) == bool(events[\"finding\"]):\n        raise Exception(\"give "+resourceParameter+" or "+findingParameter+", one of them: nothing was changed\")\n",
	)}
}

// script is a step that ends the execution if its Python raises an exception.
func script(name, description string, payload map[string]any, body string) step {
	return step{
		Name: name, Action: "aws:executeScript", Description: description, OnFailure: "Abort",
		Inputs: map[string]any{"Runtime": "python3.11", "Handler": "check", "InputPayload": payload, "Script": "def check(events, context):\n" + body},
	}
}

func describe(s asr.Spec) string {
	text := fmt.Sprintf("### %s\n%s\n\n**Risk**: %s: %s.\n", s.Title, s.Impact, s.Risk, strings.TrimSuffix(s.RiskWhy, "."))
	for _, row := range [][2]string{{"Interrupts", s.Interrupts}, {"Cost", s.Cost}, {"Can't be put back", s.Irreversible}} {
		if row[1] != "" {
			text += fmt.Sprintf("\n**%s**: %s.\n", row[0], strings.TrimSuffix(row[1], "."))
		}
	}
	return text
}

// runbookParameters are the document's, and how the remediation's own are
// called in it. Those are all texts, so that an empty one can mean the default.
func runbookParameters(u asr.Remediation) (all map[string]parameter, names map[string]string, err error) {
	empty, bus := "", "default"
	controls := slices.Sorted(maps.Keys(u.Controls))
	all = map[string]parameter{
		controlParameter: {Type: "String", Description: "The security control that is answered: it has the parameters' defaults.", Default: &controls[0], AllowedValues: controls},
		findingParameter: {Type: "String", Description: "The id of a finding that the hub knows; it has its own control.", Default: &empty, AllowedPattern: "^" + plain + "{0,1000}$"},
		busParameter:     {Type: "String", Description: "The event bus that leads to the hub: default, where a rule of the account forwards requests; or the ARN of the hub's, in its own Region.", Default: &bus, AllowedPattern: `^default$|^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._/-]{1,256}$`},
		roleParameter:    {Type: "String", Description: "The ARN of the role that may put events on it. Empty: who starts the automation.", Default: &empty, AllowedPattern: `^$|^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}$`},
	}
	if u.Spec.Scope == asr.ScopeResource {
		all[resourceParameter] = parameter{Type: "String", Description: "The resource, as findings name it; empty if a finding is given.", Default: &empty, AllowedPattern: "^$|" + resourcePattern(u.Spec)}
	}
	names = map[string]string{}
	for name, p := range propertiesOf(u) {
		title := strings.ToUpper(name[:1]) + name[1:]
		if _, taken := all[title]; taken {
			return nil, nil, fmt.Errorf("the parameter %s is called like one of every runbook", name)
		}
		q := parameter{Type: "String", Description: p.Description + " Empty: the control's default.", Default: &empty}
		switch p.Type {
		case "boolean":
			q.AllowedValues = []string{"", "true", "false"}
		case "integer":
			q.AllowedPattern = `^[0-9]{0,9}$`
		case "number":
			q.AllowedPattern = `^[0-9]{0,9}(\.[0-9]{1,9})?$`
		case "string", "array":
			q.AllowedPattern = "^" + plain + "{0,1000}$"
		default:
			return nil, nil, fmt.Errorf("the parameter %s is of type %s, which no runbook can take", name, p.Type)
		}
		all[title], names[name] = q, title
	}
	return all, names, nil
}

// detail is the request's text. A runbook's parameters hold no quotes.
func detail(u asr.Remediation, names map[string]string) string {
	parameters := map[string]string{}
	for name, title := range names {
		parameters[name] = "{{ " + title + " }}"
	}
	request := map[string]any{
		"remediation": u.Spec.ID, "control": "{{ " + controlParameter + " }}", "region": "{{ global:REGION }}",
		"execution": "{{ automation:EXECUTION_ID }}", "finding": "{{ " + findingParameter + " }}", "parameters": parameters,
	}
	if u.Spec.Scope == asr.ScopeResource {
		request["resource"] = "{{ " + resourceParameter + " }}"
	}
	text, _ := json.Marshal(request) // texts
	return string(text)
}

// resourcePattern matches the ids that the remediation takes.
func resourcePattern(s asr.Spec) string {
	var forms []string
	for _, pattern := range s.Resources {
		form := regexp.QuoteMeta(pattern)
		for hole, re := range map[string]string{"partition": `aws[a-z-]*`, "region": `[a-z0-9-]*`, "account": `[0-9]*`, "name": plain + `{1,1000}`} {
			form = strings.ReplaceAll(form, `\{`+hole+`\}`, re)
		}
		forms = append(forms, "^"+form+"$")
	}
	if s.Internal != nil {
		forms = append(forms, s.Internal.String())
	}
	return strings.Join(forms, "|")
}
