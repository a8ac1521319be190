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
	controlParameter  = "Control"
	busParameter      = "EventBus"
	roleParameter     = "AutomationAssumeRole"
)

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
// starts a remediation from a member account: it asks the hub over its event
// bus, which takes the account from the event's envelope, and waits until the hub
// resumes it, or cancels it with the reason.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-schemas-features.html
func Runbook(u asr.Remediation) ([]byte, error) {
	parameters, names, err := runbookParameters(u)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Spec.ID, err)
	}
	return yaml.Marshal(document{
		Description: describe(u.Spec), SchemaVersion: "0.3", AssumeRole: "{{ " + roleParameter + " }}", Parameters: parameters,
		MainSteps: []step{{
			Name: "Request", Action: "aws:executeAwsApi", Description: "Asks the hub to plan the fix, and to make it if its policy allows.", OnFailure: "Abort",
			Inputs: map[string]any{
				"Service": "events", "Api": "PutEvents",
				"Entries": []map[string]any{{"EventBusName": "{{ " + busParameter + " }}", "Source": "asr.runbook", "DetailType": "asr remediation request", "Detail": detail(u, names)}},
			},
			Outputs: []output{{"Refused", "$.FailedEntryCount", "Integer"}},
		}, {
			Name: "Accepted", Action: "aws:executeScript", Description: "Ends here if the event bus refused the request.", OnFailure: "Abort",
			Inputs: map[string]any{
				"Runtime": "python3.11", "Handler": "accepted", "InputPayload": map[string]any{"refused": "{{ Request.Refused }}"},
				"Script": "def accepted(events, context):\n    if int(events[\"refused\"]) > 0:\n        raise Exception(\"the hub's event bus refused the request: nothing was changed; see that its policy lets this organization put events\")\n",
			},
		}, {
			Name: "Outcome", Action: "aws:pause", Description: "Waits for the hub: it resumes this step when the fix is verified, and cancels the execution with the reason when it isn't.",
			TimeoutSeconds: 7 * 24 * 60 * 60, OnFailure: "Abort", Inputs: map[string]any{}, IsEnd: true,
		}},
	})
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
	empty := ""
	controls := slices.Sorted(maps.Keys(u.Controls))
	all = map[string]parameter{
		controlParameter: {Type: "String", Description: "The security control that is answered: it has the parameters' defaults.", Default: &controls[0], AllowedValues: controls},
		busParameter:     {Type: "String", Description: "The ARN of the hub's event bus.", AllowedPattern: `^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._/-]{1,256}$`},
		roleParameter:    {Type: "String", Description: "The ARN of the role that may put events on it. Empty: who starts the automation.", Default: &empty, AllowedPattern: `^$|^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}$`},
	}
	if u.Spec.Scope == asr.ScopeResource {
		all[resourceParameter] = parameter{Type: "String", Description: "The resource, as findings name it.", AllowedPattern: resourcePattern(u.Spec)}
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
		"execution": "{{ automation:EXECUTION_ID }}", "parameters": parameters,
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
