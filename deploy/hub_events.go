package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"example.com/asr"
)

// maxPattern is how long an event pattern may be, in characters.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const maxPattern = 2048

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// customActions are the ids of Security Hub's actions, which the setup function makes.
var customActions = []string{"ASRRemediate", "ASRPlan", "ASRFixAndTicket"}

func actionARN(id string) *string { return regional("securityhub", "action/custom/"+id) }

// imported is the pattern of a format's findings: open ones, and any that
// carry a run of ours, so that what became of it is seen.
func imported(detailType string, open, ours obj) obj {
	return obj{"source": []string{"aws.securityhub"}, "detail-type": []string{detailType}, "detail": obj{"findings": obj{"$or": []any{open, ours}}}}
}

func asffPattern() obj {
	return imported("Security Hub Findings - Imported", obj{
		"Compliance": obj{"Status": []string{asr.ComplianceFailed, asr.ComplianceWarning}}, "RecordState": []string{asr.RecordActive},
		"Workflow": obj{"Status": []string{asr.WorkflowNew, asr.WorkflowNotified}},
	}, obj{"UserDefinedFields": obj{asr.FieldRun: []any{obj{"exists": true}}}})
}

func ocsfPattern() obj {
	return imported("Findings Imported V2", obj{
		"compliance": obj{"status": []string{"Fail", "Warning"}}, "status": []string{"New", "In Progress"},
	}, obj{"comment": []any{obj{"wildcard": "* (asr *)"}}})
}

// rule is one of EventBridge, with its only target.
type rule struct {
	id, name, description string
	bus                   bool // on the hub's own bus
	pattern               obj
	schedule              string
	target                obj
	condition             string
}

func toQueue() obj { return obj{"Id": "queue", "Arn": arnOf("IngestQueue")} }

func hubRules() []rule {
	machines := []any{machineARN("asr-hub-run"), machineARN("asr-hub-sync")}
	sweep := toQueue()
	sweep["Input"] = `{"source":"asr.schedule","detail-type":"sweep"}`
	var actions []any
	for _, a := range customActions {
		actions = append(actions, actionARN(a))
	}
	return []rule{
		{id: "FindingsRule", name: "asr-hub-findings", description: "Open findings, and any that asr works on, in ASFF", pattern: asffPattern(), target: toQueue()},
		{id: "FindingsV2Rule", name: "asr-hub-findings-v2", description: "Open findings, and any that asr works on, in OCSF: none come where the second API is off", pattern: ocsfPattern(), target: toQueue()},
		{id: "ActionsRule", name: "asr-hub-actions", description: "asr's custom actions in Security Hub's console", target: toQueue(), condition: "UseCustomActions",
			pattern: obj{"source": []string{"aws.securityhub"}, "detail-type": []string{"Security Hub Findings - Custom Action"}, "resources": actions}},
		{id: "RequestsRule", name: "asr-hub-requests", description: "Requests of runbooks in member accounts", bus: true, target: toQueue(),
			pattern: requestPattern()},
		{id: "AutomationsRule", name: "asr-hub-automations", description: "Automations in member accounts that ended", bus: true, target: toQueue(), pattern: automationPattern()},
		{id: "ExecutionsRule", name: "asr-hub-executions", description: "Executions of asr's state machines that ended badly", target: toQueue(),
			pattern: obj{"source": []string{"aws.states"}, "detail-type": []string{"Step Functions Execution Status Change"},
				"detail": obj{"status": []string{"FAILED", "TIMED_OUT", "ABORTED"}, "stateMachineArn": machines}}},
		{id: "SweepRule", name: "asr-hub-sweep", description: "Every five minutes: drives on what nobody drives", schedule: "rate(5 minutes)", target: sweep},
		{id: "ReportRule", name: "asr-hub-report", description: "Every minute: sends reports that couldn't be sent, and refusals", schedule: "rate(1 minute)",
			target: obj{"Id": "report", "Arn": arnOf("ReportFunction"), "Input": `{"source":"asr.schedule","detail-type":"report"}`}},
		{id: "AuditRule", name: "asr-hub-audit", description: "Daily: proves the audit log", schedule: "cron(30 1 * * ? *)",
			target: obj{"Id": "audit", "Arn": arnOf("AuditFunction"), "Input": `{"source":"asr.schedule","detail-type":"audit"}`}},
		{id: "SyncRule", name: "asr-hub-sync", description: "Weekly: fetches all findings", schedule: "cron(0 2 ? * SAT *)",
			target: obj{"Id": "sync", "Arn": ref("SyncMachine"), "RoleArn": arnOf("SyncRuleRole"), "Input": `{"source":"asr.schedule"}`}},
	}
}

// requestPattern is of what runbooks ask for.
func requestPattern() obj {
	return obj{"source": []string{"asr.runbook"}, "detail-type": []string{"asr remediation request"}}
}

// automationPattern is of Systems Manager automations that have ended.
func automationPattern() obj {
	return obj{"source": []string{"aws.ssm"}, "detail-type": []string{"EC2 Automation Execution Status-change Notification"},
		"detail": obj{"Status": []string{"Success", "Failed", "TimedOut", "Cancelled", "CompletedWithSuccess", "CompletedWithFailure", "Rejected", "ChangeCalendarOverrideRejected", "Exited"}}}
}

func rules(stack awscdk.Stack) error {
	awsiam.NewCfnRole(stack, str("SyncRuleRole"), &awsiam.CfnRoleProps{
		Path: str("/asr/"), RoleName: sub("asr-events-sync-${AWS::Region}"), Description: str("asr: the rule that starts the weekly sync"),
		AssumeRolePolicyDocument: trust("events.amazonaws.com", obj{
			"StringEquals": obj{"aws:SourceAccount": ref("AWS::AccountId")}, "ArnLike": obj{"aws:SourceArn": regional("events", "rule/asr-hub-sync")},
		}),
		Policies: policies(start("asr-hub-sync")...),
	})
	for _, r := range hubRules() {
		if err := r.add(stack); err != nil {
			return err
		}
	}
	for _, id := range []string{"Report", "Audit"} {
		awslambda.NewCfnPermission(stack, str(id+"Permission"), &awslambda.CfnPermissionProps{
			FunctionName: ref(id + "Function"), Action: str("lambda:InvokeFunction"), Principal: str("events.amazonaws.com"),
			SourceAccount: ref("AWS::AccountId"), SourceArn: arnOf(id + "Rule"),
		})
	}
	return nil
}

func (r rule) add(stack awscdk.Stack) error {
	r.target["DeadLetterConfig"] = obj{"Arn": arnOf("EventDeadLetters")}
	r.target["RetryPolicy"] = obj{"MaximumRetryAttempts": 20, "MaximumEventAgeInSeconds": 7200}
	props := &awsevents.CfnRuleProps{Name: &r.name, Description: &r.description, State: str("ENABLED")}
	if r.bus {
		props.EventBusName = att("Bus", "Name")
	}
	if r.schedule != "" {
		props.ScheduleExpression = &r.schedule
	} else {
		props.EventPattern = r.pattern
		if text, err := json.Marshal(r.pattern); err != nil || len(text) > maxPattern {
			return fmt.Errorf("%s: a pattern of %d characters: EventBridge takes %d: %w", r.name, len(text), maxPattern, err)
		}
	}
	made := awsevents.NewCfnRule(stack, &r.id, props)
	set(made, "Targets", []any{r.target})
	if r.condition != "" {
		provided(stack, r.condition, made)
	}
	return nil
}

// bus is where member accounts put requests. Who doesn't belong to the
// organization can't; without one, only this account can.
func bus(stack awscdk.Stack) {
	awsevents.NewCfnEventBus(stack, str("Bus"), &awsevents.CfnEventBusProps{
		Name: str("asr-hub"), Description: str("asr: requests of runbooks in member accounts, and the status of automations"),
	})
	whom := choose("HasOrganization", obj{"aws:PrincipalOrgID": ref("OrganizationId")}, obj{"aws:PrincipalAccount": ref("AWS::AccountId")})
	awsevents.NewCfnEventBusPolicy(stack, str("BusPolicy"), &awsevents.CfnEventBusPolicyProps{
		EventBusName: ref("Bus"), StatementId: str("Members"),
		Statement: by(obj{"AWS": "*"}, obj{"Sid": "Members", "Effect": "Allow", "Action": "events:PutEvents", "Resource": arnOf("Bus"), "Condition": obj{
			"StringEquals": whom, "ForAllValues:StringEquals": obj{"events:source": []string{"asr.runbook", "aws.ssm"}},
		}}),
	})
}

// setup makes the custom actions, and starts the first sync.
func setup(stack awscdk.Stack) {
	made := awscdk.NewCfnCustomResource(stack, str("Setup"), &awscdk.CfnCustomResourceProps{ServiceToken: arnOf("SetupFunction"), ServiceTimeout: jsii.Number(600)})
	made.AddOverride(str("Type"), "Custom::AsrSetup")
	made.AddOverride(str("DependsOn"), []string{"SyncMachine"}) // which it starts
	set(made, "Actions", ref("CustomActions"))
	set(made, "Version", sub("${AsrVersion} ${ArtifactKey}")) // another one is an update, which calls the function
}
