package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"go.yaml.in/yaml/v3"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/playbook"
	"example.com/asr/render"
)

// runbooks is the optional stack of each account and Region.
func runbooks(stack awscdk.Stack) error {
	parameters(stack, []paramGroup{
		{"Hub", []param{
			{id: "HubBusArn", label: "Event bus", description: "The ARN of the hub's event bus: the output BusArn of asr-hub.", required: true, pattern: `^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/asr-hub$`, wrong: "the ARN of the event bus asr-hub"},
		}},
		{"Playbooks", playbookParameters()},
	})
	for _, p := range playbooks {
		isYes(stack, p.condition, p.parameter)
	}
	runbookRoles(stack)
	forward(stack)
	wanted, err := whoWants(stack)
	if err != nil {
		return err
	}
	for _, u := range catalog.All(nil) {
		if wanted[u.Spec.ID] == "" {
			return fmt.Errorf("no playbook leads to %s", u.Spec.ID)
		}
		if err := runbook(stack, u, wanted[u.Spec.ID]); err != nil {
			return err
		}
	}
	return nil
}

func runbookRoles(stack awscdk.Stack) {
	awsiam.NewCfnRole(stack, str("RunbookRole"), &awsiam.CfnRoleProps{
		Path: str("/asr/"), RoleName: sub("asr-runbooks-${AWS::Region}"), Description: str("asr: runbooks ask the hub"),
		Policies: policies(allow("Ask", "events:PutEvents", []any{regional("events", "event-bus/default"), ref("HubBusArn")}, obj{"StringEquals": obj{"events:source": "asr.runbook"}})),
		AssumeRolePolicyDocument: trust("ssm.amazonaws.com", obj{
			"StringEquals": obj{"aws:SourceAccount": ref("AWS::AccountId")}, "ArnLike": obj{"aws:SourceArn": regional("ssm", "automation-execution/*")},
		}),
	})
	awsiam.NewCfnRole(stack, str("ForwardRole"), &awsiam.CfnRoleProps{
		Path: str("/asr/"), RoleName: sub("asr-forward-${AWS::Region}"), Description: str("asr: the rules that pass runbooks' requests and automations' ends on to the hub"),
		Policies: policies(allow("Hub", "events:PutEvents", ref("HubBusArn"), nil)),
		AssumeRolePolicyDocument: trust("events.amazonaws.com", obj{
			"StringEquals": obj{"aws:SourceAccount": ref("AWS::AccountId")}, "ArnLike": obj{"aws:SourceArn": regional("events", "rule/asr-forward-*")},
		}),
	})
}

// forward passes on to the hub what runbooks ask for, from whichever Region they
// run in, and that automations which its own sessions started have ended. What
// doesn't arrive of the latter the hub finds out by asking, more slowly.
func forward(stack awscdk.Stack) {
	ends := automationPattern()
	ends["detail"].(obj)["ExecutedBy"] = []any{obj{"wildcard": "arn:*:assumed-role/asr-member/r-*"}}
	for _, r := range []struct {
		id, name, description string
		pattern               obj
	}{
		{"RequestsForward", "asr-forward-requests", "asr: passes runbooks' requests on to the hub", requestPattern()},
		{"EndsForward", "asr-forward-ends", "asr: tells the hub of automations of its runs that ended", ends},
	} {
		set(awsevents.NewCfnRule(stack, str(r.id), &awsevents.CfnRuleProps{
			Name: &r.name, Description: &r.description, State: str("ENABLED"), EventPattern: r.pattern,
		}), "Targets", []any{obj{"Id": "hub", "Arn": ref("HubBusArn"), "RoleArn": arnOf("ForwardRole")}})
	}
}

// whoWants makes, for each remediation, a condition that holds if a chosen
// playbook leads to it. Those of the same playbooks have the same.
func whoWants(stack awscdk.Stack) (map[string]string, error) {
	book, err := playbook.Load()
	if err != nil {
		return nil, err
	}
	in := map[string]map[string]bool{} // playbooks by remediation
	for _, e := range book.Entries() {
		if in[e.Remediation] == nil {
			in[e.Remediation] = map[string]bool{}
		}
		in[e.Remediation][e.Playbook] = true
	}
	byUnit := map[string]string{}
	for _, id := range sorted(in) {
		name, any := "In", []awscdk.ICfnConditionExpression{}
		for _, p := range playbooks {
			if in[id][p.name] {
				name += strings.TrimPrefix(p.condition, "Use")
				any = append(any, conditionOf(stack, p.condition))
			}
		}
		switch {
		case len(any) == 1:
			name = "Use" + strings.TrimPrefix(name, "In")
		case len(any) > 1 && stack.Node().TryFindChild(&name) == nil:
			awscdk.NewCfnCondition(stack, &name, &awscdk.CfnConditionProps{Expression: awscdk.Fn_ConditionOr(any...)})
		}
		if len(any) > 0 {
			byUnit[id] = name
		}
	}
	return byUnit, nil
}

// camel is a remediation's id as a logical id: s3-tls-only is S3TlsOnly.
func camel(id string) string {
	name := ""
	for part := range strings.SplitSeq(id, "-") {
		name += strings.ToUpper(part[:1]) + part[1:]
	}
	return name
}

func runbook(stack awscdk.Stack, u asr.Remediation, condition string) error {
	content, err := withDefaults(u)
	if err != nil {
		return fmt.Errorf("%s: %w", u.Spec.ID, err)
	}
	made := awsssm.NewCfnDocument(stack, str(camel(u.Spec.ID)), &awsssm.CfnDocumentProps{
		Name: str("asr-" + u.Spec.ID), DocumentType: str("Automation"), DocumentFormat: str("YAML"), UpdateMethod: str("NewVersion"), Content: sub(content),
	})
	provided(stack, condition, made)
	return nil
}

// withDefaults is a runbook that knows the role that may put events on the
// account's bus, which CloudFormation fills in.
func withDefaults(u asr.Remediation) (string, error) {
	raw, err := render.Runbook(u)
	if err != nil {
		return "", err
	}
	if bytes.Contains(raw, []byte("${")) {
		return "", fmt.Errorf("the runbook holds ${, which Fn::Sub would take for its own")
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return "", err
	}
	all := valueOf(doc.Content[0], "parameters")
	for name, value := range map[string]string{"AutomationAssumeRole": "${RunbookRole.Arn}"} {
		p := valueOf(all, name)
		if p == nil {
			return "", fmt.Errorf("the runbook has no parameter %s", name)
		}
		node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
		if old := valueOf(p, "default"); old != nil {
			*old = *node
			continue
		}
		p.Content = append(p.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "default"}, node)
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	err = e.Encode(&doc)
	return out.String(), err
}

// valueOf is a map's value by its key, or nil.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n != nil && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
