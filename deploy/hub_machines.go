package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/jsii-runtime-go"

	"example.com/asr/workflow"
)

// machine is a state machine, with the functions that it calls by the names
// that its definition has for them.
type machine struct {
	name, definition string
	calls            map[string]string // "PlanFunctionArn": "PlanFunction"
}

func hubMachines() []machine {
	return []machine{
		{"run", workflow.Run(), map[string]string{"PlanFunctionArn": "PlanFunction", "ApplyFunctionArn": "ApplyFunction", "ReportFunctionArn": "ReportFunction"}},
		{"sync", workflow.Sync(), map[string]string{"SyncFunctionArn": "SyncFunction"}},
	}
}

func machines(stack awscdk.Stack) error {
	for _, m := range hubMachines() {
		m.add(stack)
	}
	return nil
}

func (m machine) id() string { return logical(m.name) + "Machine" }

func (m machine) add(stack awscdk.Stack) {
	name := "asr-hub-" + m.name
	values, functions := map[string]*string{}, []any{}
	for hole, f := range m.calls {
		values[hole] = arnOf(f)
	}
	for _, hole := range sorted(m.calls) {
		functions = append(functions, arnOf(m.calls[hole]))
	}
	awslogs.NewCfnLogGroup(stack, str(m.id()+"Logs"), &awslogs.CfnLogGroupProps{
		LogGroupName: str("/aws/vendedlogs/states/" + name), RetentionInDays: number("RetentionDays"), KmsKeyId: text("UseKMS", keyARN(), ref("AWS::NoValue")),
	})
	awsiam.NewCfnRole(stack, str(m.id()+"Role"), &awsiam.CfnRoleProps{
		Path: str("/asr/"), RoleName: sub("asr-states-" + m.name + "-${AWS::Region}"), Description: str("asr: the state machine " + name),
		AssumeRolePolicyDocument: trust("states.amazonaws.com", obj{
			"StringEquals": obj{"aws:SourceAccount": ref("AWS::AccountId")}, "ArnLike": obj{"aws:SourceArn": machineARN(name)},
		}),
		Policies: policies(
			allow("Steps", "lambda:InvokeFunction", functions, nil),
			allow("Traces", []string{"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"}, "*", nil),
			allow("OwnLogs", []string{"logs:CreateLogStream", "logs:PutLogEvents"}, regional("logs", "log-group:/aws/vendedlogs/states/"+name+":*"), nil),
			allow("LogDelivery", []string{
				"logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
				"logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
			}, "*", nil),
		),
	})
	set(awsstepfunctions.NewCfnStateMachine(stack, str(m.id()), &awsstepfunctions.CfnStateMachineProps{
		StateMachineName: &name, StateMachineType: str("STANDARD"), RoleArn: arnOf(m.id() + "Role"), DefinitionString: awscdk.Fn_Sub(&m.definition, &values),
		TracingConfiguration: &awsstepfunctions.CfnStateMachine_TracingConfigurationProperty{Enabled: jsii.Bool(true)},
	}), "LoggingConfiguration", obj{"Level": "ERROR", "IncludeExecutionData": false, "Destinations": []any{obj{"CloudWatchLogsLogGroup": obj{"LogGroupArn": arnOf(m.id() + "Logs")}}}})
}
