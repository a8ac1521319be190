package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// obj is a part of a template that the CDK has no type for.
type obj = map[string]any

func str(s string) *string { return &s }

func ref(id string) *string { return awscdk.Fn_Ref(&id) }

func arnOf(id string) *string { return att(id, "Arn") }

func att(id, name string) *string {
	return awscdk.Token_AsString(awscdk.Fn_GetAtt(&id, &name), nil)
}

func sub(text string) *string { return awscdk.Fn_Sub(&text, nil) }

// regional is an ARN of this account and Region.
func regional(service, name string) *string {
	return sub("arn:${AWS::Partition}:" + service + ":${AWS::Region}:${AWS::AccountId}:" + name)
}

// choose is Fn::If.
func choose(condition string, yes, no any) obj {
	return obj{"Fn::If": []any{condition, yes, no}}
}

// set gives a resource a property as CloudFormation spells it, where it is
// plainer than the CDK's types.
func set(r awscdk.CfnResource, property string, value any) { r.AddPropertyOverride(&property, value) }

// raw is a function of CloudFormation where the CDK wants a type of its own.
func raw(v any) awscdk.IResolvable { return awscdk.Token_AsAny(v) }

// only leaves a value away unless the condition holds.
func only(condition string, yes any) obj { return choose(condition, yes, none()) }

func none() obj { return obj{"Ref": "AWS::NoValue"} }

// text is Fn::If where the CDK wants a text.
func text(condition string, yes, no any) *string {
	return awscdk.Token_AsString(awscdk.Fn_ConditionIf(&condition, yes, no), nil)
}

func texts(all ...string) *[]*string { return jsii.Strings(all...) }

// param is a template's parameter.
type param struct {
	id, label, description, kind, value string
	required                            bool
	allowed                             []string
	pattern, wrong                      string
	least, most                         float64
	secret                              bool
}

// paramGroup are parameters that stand together in the console.
type paramGroup struct {
	title  string
	params []param
}

func parameters(stack awscdk.Stack, groups []paramGroup) {
	var shown []any
	labels := obj{}
	for _, g := range groups {
		names := []string{}
		for _, p := range g.params {
			p.add(stack)
			names = append(names, p.id)
			labels[p.id] = obj{"default": p.label}
		}
		shown = append(shown, obj{"Label": obj{"default": g.title}, "Parameters": names})
	}
	stack.TemplateOptions().SetMetadata(&obj{"AWS::CloudFormation::Interface": obj{"ParameterGroups": shown, "ParameterLabels": labels}})
}

func (p param) add(stack awscdk.Stack) {
	props := &awscdk.CfnParameterProps{Type: str("String"), Description: &p.description}
	if p.kind != "" {
		props.Type = &p.kind
	}
	if !p.required {
		props.Default = p.value
	}
	if p.allowed != nil {
		props.AllowedValues = jsii.Strings(p.allowed...)
	}
	if p.pattern != "" {
		props.AllowedPattern, props.ConstraintDescription = &p.pattern, &p.wrong
	}
	if p.most > 0 {
		props.MinValue, props.MaxValue = &p.least, &p.most
	}
	if p.secret {
		props.NoEcho = jsii.Bool(true)
	}
	awscdk.NewCfnParameter(stack, &p.id, props)
}

// yesNo is a switch.
func yesNo(id, label, description, value string) param {
	return param{id: id, label: label, description: description, value: value, allowed: []string{"yes", "no"}}
}

// isYes is a condition on a switch.
func isYes(stack awscdk.Stack, condition, parameter string) {
	awscdk.NewCfnCondition(stack, &condition, &awscdk.CfnConditionProps{Expression: awscdk.Fn_ConditionEquals(ref(parameter), "yes")})
}

// isSet is a condition on a parameter that may be empty.
func isSet(stack awscdk.Stack, condition, parameter string) {
	awscdk.NewCfnCondition(stack, &condition, &awscdk.CfnConditionProps{Expression: awscdk.Fn_ConditionNot(awscdk.Fn_ConditionEquals(ref(parameter), ""))})
}

// both is a condition that holds if two others do.
func both(stack awscdk.Stack, condition, one, other string) {
	awscdk.NewCfnCondition(stack, &condition, &awscdk.CfnConditionProps{Expression: awscdk.Fn_ConditionAnd(conditionOf(stack, one), conditionOf(stack, other))})
}

func output(stack awscdk.Stack, id, description string, value *string, condition string) {
	props := &awscdk.CfnOutputProps{Description: &description, Value: value}
	o := awscdk.NewCfnOutput(stack, str("Output"+id), props)
	o.OverrideLogicalId(&id)
	if condition != "" {
		o.SetCondition(conditionOf(stack, condition))
	}
}

func conditionOf(stack awscdk.Stack, id string) awscdk.CfnCondition {
	return stack.Node().FindChild(&id).(awscdk.CfnCondition)
}

// provided makes a resource only if the condition holds.
func provided(stack awscdk.Stack, condition string, resources ...awscdk.CfnResource) {
	for _, r := range resources {
		r.CfnOptions().SetCondition(conditionOf(stack, condition))
	}
}

// kept stays when the stack goes.
func kept(r awscdk.CfnResource) {
	r.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN, &awscdk.RemovalPolicyOptions{ApplyToUpdateReplacePolicy: jsii.Bool(true)})
}

// statement is one of a policy. Conditions may be nil.
func statement(sid, effect string, actions any, resources any, conditions obj) obj {
	s := obj{"Sid": sid, "Effect": effect, "Action": actions, "Resource": resources}
	if conditions != nil {
		s["Condition"] = conditions
	}
	return s
}

func allow(sid string, actions any, resources any, conditions obj) obj {
	return statement(sid, "Allow", actions, resources, conditions)
}

// by gives a resource policy's statement its principal.
func by(principal obj, s obj) obj {
	s["Principal"] = principal
	return s
}

func service(name string) obj { return obj{"Service": name} }

func document(statements ...any) obj {
	return obj{"Version": "2012-10-17", "Statement": statements}
}

// denyPlain refuses whoever comes without TLS.
func denyPlain(action string, resources any) obj {
	s := statement("DenyWithoutTLS", "Deny", action, resources, obj{"Bool": obj{"aws:SecureTransport": "false"}})
	s["Principal"] = "*"
	return s
}

// trust lets a service of AWS assume a role for this account only.
func trust(name string, conditions obj) obj {
	s := obj{"Effect": "Allow", "Principal": service(name), "Action": "sts:AssumeRole"}
	if conditions != nil {
		s["Condition"] = conditions
	}
	return document(s)
}

func forThisAccount() obj {
	return obj{"StringEquals": obj{"aws:SourceAccount": ref("AWS::AccountId")}}
}
