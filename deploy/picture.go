package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The page with the picture of what is deployed is drawn from the templates
// themselves, so that it can't say anything else.

// cloud is a template, as far as the picture looks at it.
type cloud struct {
	Resources map[string]struct {
		Type, Condition string
		Properties      obj
	}
}

const (
	memberRole  = "MemberRole"
	securityHub = "SecurityHub"    // that events come from
	hubAPI      = "SecurityHubAPI" // that is asked and told
)

// shapes are how resources are drawn, by type; the others aren't.
var shapes = map[string][2]string{
	"AWS::Events::Rule":                {"([", "])"},
	"AWS::Events::EventBus":            {"{{", "}}"},
	"AWS::SQS::Queue":                  {"[/", "/]"},
	"AWS::Lambda::Function":            {"[", "]"},
	"AWS::Lambda::Url":                 {"([", "])"},
	"AWS::StepFunctions::StateMachine": {"[[", "]]"},
	"AWS::SNS::Topic":                  {">", "]"},
}

// names are the properties that name resources.
var names = []string{"FunctionName", "StateMachineName", "QueueName", "TableName", "TopicName", "BucketName", "Name"}

func (c cloud) label(id string) string {
	r := c.Resources[id]
	for _, property := range names {
		switch name := r.Properties[property].(type) {
		case string:
			return name
		case obj:
			if text, ok := name["Fn::Sub"].(string); ok {
				short, _, _ := strings.Cut(text, "-${")
				return short + "-…"
			}
		}
	}
	return id
}

// aside are resources that nearly everything has to do with, or nothing drawn
// has: the text under the picture tells of them.
var aside = []string{"Table", "Bucket", "VaultSecret", "LogBucket", "AlarmsTopic", "EventDeadLetters"}

// kinds say before a name what it is of, where the shape alone doesn't.
var kinds = map[string]string{"AWS::Events::Rule": "rule ", "AWS::Events::EventBus": "bus ", "AWS::SQS::Queue": "queue ", "AWS::StepFunctions::StateMachine": "state machine ", "AWS::SNS::Topic": "topic "}

// drawn are the resources of the picture, in order.
func (c cloud) drawn() (ids []string) {
	for _, id := range sorted(c.Resources) {
		if _, ok := shapes[c.Resources[id].Type]; ok && !slices.Contains(aside, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// edges are the picture's arrows.
func (c cloud) edges() []string {
	var all []string
	arrow := func(from, how, to string) {
		if slices.Contains(c.drawn(), from) || from == securityHub {
			all = append(all, "  "+from+" "+how+" "+to)
		}
	}
	for _, id := range sorted(c.Resources) {
		r := c.Resources[id]
		if bus := mentions(c, r.Properties["EventBusName"], "AWS::Events::EventBus"); r.Type == "AWS::Events::Rule" && len(bus) > 0 {
			arrow(bus[0], "-->", id)
		} else if r.Type == "AWS::Events::Rule" && strings.Contains(asText(r.Properties["EventPattern"]), "aws.securityhub") {
			arrow(securityHub, "-->", id)
		}
		for _, target := range mentions(c, r.Properties["Targets"], "AWS::SQS::Queue", "AWS::Lambda::Function", "AWS::StepFunctions::StateMachine") {
			if !slices.Contains(deadLetters, target) {
				arrow(id, "-->", target)
			}
		}
		for _, to := range mentions(c, r.Properties["RedrivePolicy"], "AWS::SQS::Queue") {
			arrow(id, "-. fails .->", to)
		}
		for _, to := range mentions(c, r.Properties["DefinitionString"], "AWS::Lambda::Function") {
			arrow(id, "-->", to)
		}
		for _, to := range mentions(c, r.Properties["TargetFunctionArn"], "AWS::Lambda::Function") {
			arrow(id, "-->", to)
		}
		for _, from := range mentions(c, r.Properties["EventSourceArn"], "AWS::SQS::Queue") {
			arrow(from, "-->", mentions(c, r.Properties["FunctionName"], "AWS::Lambda::Function")[0])
		}
		if role := mentions(c, r.Properties["Role"], "AWS::IAM::Role"); r.Type == "AWS::Lambda::Function" {
			all = append(all, c.uses(id, c.Resources[role[0]].Properties["Policies"])...)
		}
	}
	return all
}

// uses are a function's arrows to what its role reaches.
func (c cloud) uses(id string, policies any) (all []string) {
	for _, to := range mentions(c, policies, "AWS::SNS::Topic") {
		all = append(all, "  "+id+" --> "+to)
	}
	text := asText(policies)
	for _, machine := range hubMachines() {
		if strings.Contains(text, "stateMachine:asr-hub-"+machine.name) {
			all = append(all, "  "+id+" -- starts --> "+machine.id())
		}
	}
	if strings.Contains(text, "role/${MemberRoleName}") {
		all = append(all, "  "+id+" ==> "+memberRole)
	}
	if strings.Contains(text, `"securityhub:`) {
		all = append(all, "  "+id+" --> "+hubAPI)
	}
	return all
}

// mentions are the resources of some types that a value refers to.
func mentions(c cloud, v any, types ...string) (ids []string) {
	text := asText(v)
	for _, id := range sorted(c.Resources) {
		for _, form := range []string{`"Ref":"` + id + `"`, `"Fn::GetAtt":["` + id + `"`, "${" + id + ".", "${" + id + "}"} {
			if strings.Contains(text, form) && slices.Contains(types, c.Resources[id].Type) {
				ids = append(ids, id)
				break
			}
		}
	}
	return ids
}

func asText(v any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // came from JSON
	return out.String()
}

// picture is the page docs/deploy/architecture.md, from the hub's template.
func picture(template []byte) ([]byte, error) {
	var c cloud
	if err := json.Unmarshal(template, &c); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprint(&b, "<!-- Written by make templates from the templates; edits are lost. -->\n# What is deployed\n\n",
		"`asr-hub` stands once, in the Security Hub administrator's account. `asr-member` stands in each account: one role that the\n",
		"hub assumes, and the roles that fixes hand to AWS services. `asr-runbooks` is optional.\n\n```mermaid\nflowchart LR\n",
		"  subgraph members [each member account]\n    "+memberRole+"[/asr-member: role/]\n    Runbooks[asr-runbooks: SSM documents]\n  end\n",
		"  "+securityHub+"((Security Hub's events))\n  "+hubAPI+"((Security Hub's API))\n  subgraph hub [hub account: asr-hub]\n")
	for _, id := range c.drawn() {
		shape := shapes[c.Resources[id].Type]
		fmt.Fprintf(&b, "    %s%s\"%s%s\"%s\n", id, shape[0], kinds[c.Resources[id].Type], strings.TrimPrefix(c.label(id), "asr-hub-"), shape[1])
	}
	fmt.Fprint(&b, "  end\n  Runbooks -- requests --> Bus\n", strings.Join(c.edges(), "\n"), "\n```\n\n",
		"Names begin with `asr-hub-`; boxes without a kind are functions. Thick arrows assume the member role. All functions but setup share\n",
		"the table `asr-hub`, the bucket `asr-hub-ACCOUNT-REGION` and the secret `asr-hub/vault`. Each rule also has a queue for events\n",
		"that it can't deliver, `asr-hub-events-dlq`; alarms go to the topic `asr-hub-alarms`.\n\n## Functions\n\nOne binary; each function has its own role. The table leaves out the store (`dynamodb`), the key (`kms`), the function's own\n",
		"log (`logs`) and traces (`xray`).\n\n| Function | What it does | Seconds | May call |\n|---|---|---|---|\n")
	for _, f := range hubFunctions() {
		fmt.Fprintf(&b, "| `asr-hub-%s` | %s | %.0f | %s |\n", f.name, f.title, f.timeout, strings.Join(c.actions(logical(f.name)+"Role"), ", "))
	}
	fmt.Fprint(&b, "\n## Resources\n\n| Type | How many |\n|---|---|\n")
	counts := map[string]int{}
	for _, r := range c.Resources {
		counts[r.Type]++
	}
	for _, kind := range sorted(counts) {
		fmt.Fprintf(&b, "| `%s` | %d |\n", kind, counts[kind])
	}
	return b.Bytes(), nil
}

// actions are what a role's policies allow.
func (c cloud) actions(role string) []string {
	found := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case obj:
			for key, inner := range v {
				if key != "Action" {
					walk(inner)
				} else if one, ok := inner.(string); ok {
					found["`"+one+"`"] = true
				} else {
					for _, a := range inner.([]any) {
						found["`"+a.(string)+"`"] = true
					}
				}
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(c.Resources[role].Properties["Policies"])
	return slices.DeleteFunc(sorted(found), func(a string) bool {
		service, _, _ := strings.Cut(a[1:], ":")
		return slices.Contains([]string{"dynamodb", "kms", "logs", "xray"}, service)
	})
}
