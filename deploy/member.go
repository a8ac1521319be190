package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"example.com/asr/catalog"
	"example.com/asr/deployed"
	"example.com/asr/sessions"
)

// member is the stack of each account: flat, and without a transform, because
// service-managed StackSets take neither.
func member(stack awscdk.Stack) error {
	parameters(stack, []paramGroup{
		{"Who may assume the role", []param{
			{id: "HubAccount", label: "Hub account", description: "The id of the account that asr-hub is deployed in.", required: true, pattern: `^[0-9]{12}$`, wrong: "12 digits"},
			{id: "OrganizationId", label: "Organization", description: "The id of the organization, o-…, that the hub account must belong to. Empty: not asked for.", pattern: orgID, wrong: "the id of an organization, o-…, or nothing"},
			{id: "ExternalId", label: "External id", description: "The external id that the hub sends; the same as in asr-hub. Empty: none.", pattern: `^$|^[A-Za-z0-9+=,.@:/_-]{2,1224}$`, wrong: "2 to 1224 letters, digits and + = , . @ : / _ -"},
			memberRoleName("The name of the role; the same as in asr-hub."),
			{id: "OperatorsRole", label: "Operators' role", description: "A role of the hub account, with its path, or a pattern of one, whose sessions work with asr's command line. Empty: none.", pattern: `^$|^[A-Za-z0-9+=,.@_*-][A-Za-z0-9+=,.@_*/-]{0,511}$`, wrong: "a role's name, with its path, without a slash in front"},
		}},
		{"Service roles", []param{
			yesNo("ServiceRoles", "Service roles", "Whether the roles that fixes hand to AWS services (/asr/…) are made here. No in the stack of a second installation: it uses those of the first.", "yes"),
		}},
	})
	isYes(stack, "UseServiceRoles", "ServiceRoles")
	isSet(stack, "HasOrganization", "OrganizationId")
	isSet(stack, "HasExternalId", "ExternalId")
	isSet(stack, "HasOperatorsRole", "OperatorsRole")
	condition := "HasOrganizationOrExternalId"
	awscdk.NewCfnCondition(stack, &condition, &awscdk.CfnConditionProps{Expression: awscdk.Fn_ConditionOr(
		conditionOf(stack, "HasOrganization"), conditionOf(stack, "HasExternalId"))})
	trust, err := memberTrust()
	if err != nil {
		return err
	}
	awsiam.NewCfnRole(stack, str(deployed.RoleID), &awsiam.CfnRoleProps{
		RoleName: ref("MemberRoleName"), Description: str("asr: plans, makes and undoes fixes, in sessions that can do no more than one fix needs"),
		AssumeRolePolicyDocument: trust, MaxSessionDuration: jsii.Number(3600),
	})
	policies, err := deployed.Policies(catalog.All(nil))
	if err != nil {
		return err
	}
	for _, p := range policies {
		awsiam.NewCfnManagedPolicy(stack, &p.ID, &awsiam.CfnManagedPolicyProps{ManagedPolicyName: sub(p.Name), PolicyDocument: p.Document, Roles: &[]any{ref(deployed.RoleID)}})
	}
	serviceRoles(stack)
	output(stack, "MemberRoleArn", "The role that the hub assumes.", arnOf(deployed.RoleID), "")
	return nil
}

// memberRoleName is the parameter that lets a second installation have a role of
// its own in each account.
func memberRoleName(description string) param {
	return param{
		id: "MemberRoleName", label: "Member role", description: description + " Another name than asr-member lets a second installation work beside a first.",
		value: "asr-member", pattern: `^[A-Za-z0-9+=,.@_-]{1,64}$`, wrong: "a role's name",
	}
}

// memberTrust is what sessions.TrustPolicy writes, with the parameters in it.
// What may be empty is left away when it is.
func memberTrust() (any, error) {
	text := sessions.TrustPolicy("${HubAccount}", "${AWS::Partition}", "${OrganizationId}", "${ExternalId}", "${OperatorsRole}")
	doc, err := deployed.Substituted([]byte(text))
	if err != nil {
		return nil, err
	}
	for _, s := range doc["Statement"].([]any) {
		when := s.(obj)["Condition"].(obj)
		callers := when["ArnLike"].(obj)["aws:PrincipalArn"].([]any) // the hub's, then the operators'
		when["ArnLike"] = obj{"aws:PrincipalArn": choose("HasOperatorsRole", callers, callers[:1])}
		equals := when["StringEquals"].(obj)
		whether := "HasOrganization"
		for key, condition := range map[string]string{"aws:PrincipalOrgID": "HasOrganization", "sts:ExternalId": "HasExternalId"} {
			if value, ok := equals[key]; ok {
				equals[key] = only(condition, value)
			}
		}
		if len(equals) > 1 {
			whether = "HasOrganizationOrExternalId"
		} else {
			equals["aws:PrincipalOrgID"] = ref("OrganizationId")
		}
		when["StringEquals"] = only(whether, equals)
	}
	return doc, nil
}

// serviceRoles are handed to AWS services by fixes. Nobody else assumes them,
// but for the one with which people open cases with AWS Support.
func serviceRoles(stack awscdk.Stack) {
	logs := func(group string, actions ...string) []any {
		return policies(allow("Logs", actions, sub("arn:${AWS::Partition}:logs:*:${AWS::AccountId}:log-group:"+group), nil))
	}
	role := func(id, name, what string, trust any, props *awsiam.CfnRoleProps) {
		props.Path, props.RoleName, props.AssumeRolePolicyDocument, props.Description = str("/asr/"), &name, trust, str("asr: "+what)
		provided(stack, "UseServiceRoles", awsiam.NewCfnRole(stack, &id, props))
	}
	managed := func(name string) *awsiam.CfnRoleProps {
		return &awsiam.CfnRoleProps{ManagedPolicyArns: &[]any{sub("arn:${AWS::Partition}:iam::aws:policy/" + name)}}
	}
	role("FlowLogsRole", "asr-flow-logs", "VPC flow logs write to CloudWatch Logs", trust("vpc-flow-logs.amazonaws.com", forThisAccount()), &awsiam.CfnRoleProps{
		Policies: logs("/asr/vpc-flow-logs/*", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups", "logs:DescribeLogStreams"),
	})
	role("CloudTrailLogsRole", "asr-cloudtrail-logs", "CloudTrail writes to CloudWatch Logs", trust("cloudtrail.amazonaws.com", nil), &awsiam.CfnRoleProps{
		Policies: logs("/asr/cloudtrail/*:log-stream:*", "logs:CreateLogStream", "logs:PutLogEvents"),
	})
	role("RDSMonitoringRole", "asr-rds-monitoring", "RDS writes its enhanced monitoring", trust("monitoring.rds.amazonaws.com", forThisAccount()), managed("service-role/AmazonRDSEnhancedMonitoringRole"))
	role("SNSLoggingRole", "asr-sns-logging", "SNS logs its deliveries", trust("sns.amazonaws.com", nil), &awsiam.CfnRoleProps{
		Policies: logs("sns/*", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:PutMetricFilter", "logs:PutRetentionPolicy"),
	})
	ec2 := document(obj{"Effect": "Allow", "Principal": obj{"Service": sub("ec2.${AWS::URLSuffix}")}, "Action": "sts:AssumeRole"})
	role("SSMInstanceRole", "asr-ssm-instance", "EC2 instances talk to Systems Manager", ec2, managed("AmazonSSMManagedInstanceCore"))
	provided(stack, "UseServiceRoles", awsiam.NewCfnInstanceProfile(stack, str("SSMInstanceProfile"), &awsiam.CfnInstanceProfileProps{
		Path: str("/asr/"), InstanceProfileName: str("asr-ssm-instance"), Roles: &[]any{ref("SSMInstanceRole")},
	}))
	role("SupportRole", "asr-support", "whom this account lets assume it opens cases with AWS Support, once the fix of IAM.18 has attached AWSSupportAccess", document(obj{
		"Effect": "Allow", "Principal": obj{"AWS": sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}, "Action": "sts:AssumeRole",
	}), &awsiam.CfnRoleProps{})
}
