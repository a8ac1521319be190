package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

const (
	ingestTimeout = 60 // seconds
	ingestWindow  = 5  // seconds in which messages are gathered
)

// function is one of the hub's. All have the same code and a role of their own.
type function struct {
	name, title string
	timeout     float64 // seconds
	memory      float64 // MB
	env         []string
	may         []any // statements beyond logs and traces
	async       bool  // AWS calls it and doesn't wait: what fails goes to a queue
}

// id is the function's logical id: PlanFunction.
func (f function) id() string { return logical(f.name) + "Function" }

func logical(name string) string { return string(name[0]-'a'+'A') + name[1:] }

func hubFunctions() []function {
	env := func(more ...string) []string {
		return append([]string{"ASR_TABLE", "ASR_BUCKET", "ASR_VAULT_SECRET", "ASR_POLICY", "ASR_PLAYBOOKS_OFF", "ASR_RETENTION_DAYS", "ASR_APPROVAL_HOURS"}, more...)
	}
	may := func(more ...[]any) []any {
		return grants(append([][]any{tableRW(), vaultRead(), settings(), largeItems(), policyRead()}, more...)...)
	}
	const asks = "ASR_ORGANIZATIONS" // who decides asks of accounts
	steps, stepEnv := may(members(), organization()), env("ASR_ROLE", "ASR_EXTERNAL_ID", asks)
	return []function{
		{name: "ingest", title: "takes in findings, requests and answers, and starts runs", timeout: ingestTimeout, memory: 512,
			env: env("ASR_RUN_MACHINE", asks), may: may(consume(), organization(), start("asr-hub-run"))},
		{name: "plan", title: "plans a run: reads, compares, decides", timeout: 300, memory: 512, env: stepEnv, may: steps},
		{name: "apply", title: "makes a run's change, verifies it, or puts it back", timeout: 300, memory: 512, env: stepEnv, may: steps},
		{name: "report", title: "tells Security Hub, people and runbooks what became of a run", timeout: 120, memory: 512, async: true,
			env: env("ASR_TOPIC", "ASR_RUN_MACHINE", "ASR_ROLE", "ASR_EXTERNAL_ID"), may: may(findings(true), publish(), members(), start("asr-hub-run"))},
		{name: "sync", title: "fetches findings page by page", timeout: 300, memory: 512,
			env: env("ASR_RUN_MACHINE", asks), may: may(findings(false), secondAPI(), organization(), start("asr-hub-run"))},
		{name: "audit", title: "proves the audit log every day, and signs how far it goes", timeout: 900, memory: 1024, async: true,
			env: []string{"ASR_TABLE", "ASR_BUCKET", "ASR_VAULT_SECRET"}, may: grants(tableRW(), vaultRead(), largeItems())},
		{name: "api", title: "answers the HTTP API", timeout: 29, memory: 512,
			env: env("ASR_RUN_MACHINE", asks), may: may(organization(), units(), start("asr-hub-run"))},
		{name: "setup", title: "makes and removes Security Hub's custom actions, and starts the first sync", timeout: 300, memory: 256, async: true,
			env: []string{"ASR_SYNC_MACHINE"}, may: grants(actionTargets(), start("asr-hub-sync"))},
	}
}

func functions(stack awscdk.Stack) {
	for _, f := range hubFunctions() {
		f.add(stack)
	}
	set(awslambda.NewCfnEventSourceMapping(stack, str("IngestSource"), &awslambda.CfnEventSourceMappingProps{
		EventSourceArn: arnOf("IngestQueue"), FunctionName: ref("IngestFunction"), Enabled: jsii.Bool(true),
		BatchSize: jsii.Number(10), MaximumBatchingWindowInSeconds: jsii.Number(ingestWindow), FunctionResponseTypes: texts("ReportBatchItemFailures"),
	}), "ScalingConfig", obj{"MaximumConcurrency": ref("MaximumConcurrency")})
	url := awslambda.NewCfnUrl(stack, str("ApiUrl"), &awslambda.CfnUrlProps{TargetFunctionArn: arnOf("ApiFunction"), AuthType: str("AWS_IAM"), InvokeMode: str("BUFFERED")})
	provided(stack, "UseApi", url)
}

func (f function) add(stack awscdk.Stack) {
	name := "asr-hub-" + f.name
	awslogs.NewCfnLogGroup(stack, str(logical(f.name)+"Logs"), &awslogs.CfnLogGroupProps{
		LogGroupName: str("/aws/lambda/" + name), RetentionInDays: number("RetentionDays"), KmsKeyId: text("UseKMS", keyARN(), ref("AWS::NoValue")),
	})
	may := grants([]any{
		allow("OwnLogs", []string{"logs:CreateLogStream", "logs:PutLogEvents"}, regional("logs", "log-group:/aws/lambda/"+name+":*"), nil),
		allow("Traces", []string{"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, "*", nil),
	}, f.may)
	if f.async {
		may = append(may, allow("FailedCalls", "sqs:SendMessage", arnOf("EventDeadLetters"), nil))
	}
	awsiam.NewCfnRole(stack, str(logical(f.name)+"Role"), &awsiam.CfnRoleProps{
		RoleName: sub(name + "-${AWS::Region}"), Description: str("asr: the function " + name + ", which " + f.title),
		AssumeRolePolicyDocument: trust("lambda.amazonaws.com", nil), Policies: policies(append(may, keyUse())...),
	})
	set(awslambda.NewCfnFunction(stack, str(f.id()), &awslambda.CfnFunctionProps{
		FunctionName: &name, Description: str("asr: " + f.title), Role: arnOf(logical(f.name) + "Role"),
		Code:    &awslambda.CfnFunction_CodeProperty{S3Bucket: ref("ArtifactBucket"), S3Key: ref("ArtifactKey")},
		Runtime: str("provided.al2023"), Handler: str("bootstrap"), Architectures: texts("arm64"), Timeout: &f.timeout, MemorySize: &f.memory,
		TracingConfig: &awslambda.CfnFunction_TracingConfigProperty{Mode: str("Active")},
		LoggingConfig: &awslambda.CfnFunction_LoggingConfigProperty{LogGroup: ref(logical(f.name) + "Logs")},
	}), "Environment", obj{"Variables": f.environment()})
	if f.async {
		set(awslambda.NewCfnEventInvokeConfig(stack, str(logical(f.name)+"Calls"), &awslambda.CfnEventInvokeConfigProps{
			FunctionName: ref(f.id()), Qualifier: str("$LATEST"), MaximumRetryAttempts: jsii.Number(2), MaximumEventAgeInSeconds: jsii.Number(3600),
		}), "DestinationConfig", obj{"OnFailure": obj{"Destination": arnOf("EventDeadLetters")}})
	}
}

// number is a parameter where the CDK wants a number.
func number(parameter string) *float64 { return awscdk.Token_AsNumber(awscdk.Fn_Ref(&parameter)) }

// environment is what a function reads: what it needs, and no more.
func (f function) environment() obj {
	values := obj{
		"ASR_TABLE": ref("Table"), "ASR_BUCKET": ref("Bucket"), "ASR_VAULT_SECRET": ref("VaultSecret"), "ASR_POLICY": policyLocation(), "ASR_PLAYBOOKS_OFF": playbooksOff(),
		"ASR_RUN_MACHINE": machineARN("asr-hub-run"), "ASR_SYNC_MACHINE": choose("UseSyncOnDeploy", machineARN("asr-hub-sync"), ""),
		"ASR_ROLE": sub("arn:{partition}:iam::{account}:role/${MemberRoleName}"), "ASR_EXTERNAL_ID": ref("ExternalId"), "ASR_TOPIC": ref("OutcomesTopic"), "ASR_RETENTION_DAYS": ref("RetentionDays"),
		"ASR_APPROVAL_HOURS": ref("ApprovalHours"),
		"ASR_ORGANIZATIONS":  choose("UseOrganizations", "true", "false"),
	}
	env := obj{"ASR_FUNCTION": f.name, "ASR_LOG_LEVEL": ref("LogLevel")}
	for _, name := range f.env {
		env[name] = values[name]
	}
	return env
}

func playbooksOff() obj {
	var names []any
	for _, p := range playbooks {
		names = append(names, choose(p.condition, "", p.name))
	}
	return obj{"Fn::Join": []any{",", names}}
}

// machineARN names a state machine without depending on it: machines call functions.
func machineARN(name string) *string { return regional("states", "stateMachine:"+name) }
