package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// What the functions may do. Each grant is a list of statements.

func grants(all ...[]any) (flat []any) {
	for _, g := range all {
		flat = append(flat, g...)
	}
	return flat
}

func tableRW() []any {
	return []any{allow("Store", []string{
		"dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem",
		"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem",
	}, []any{arnOf("Table"), sub("${Table.Arn}/index/*")}, nil)}
}

func vaultRead() []any {
	return []any{allow("VaultKey", "secretsmanager:GetSecretValue", ref("VaultSecret"), nil)}
}

// settings are the policy file and the organization's own playbooks.
func settings() []any {
	return []any{allow("Settings", "s3:GetObject", []any{sub("${Bucket.Arn}/policy.yaml"), sub("${Bucket.Arn}/playbooks/*")}, nil)}
}

// largeItems are what the table has no room for. The bucket may be listed, so
// that what isn't there is told from what may not be read.
func largeItems() []any {
	return []any{
		allow("LargeItems", []string{"s3:DeleteObject", "s3:GetObject", "s3:PutObject"}, sub("${Bucket.Arn}/large/*"), nil),
		allow("ListBucket", "s3:ListBucket", arnOf("Bucket"), nil),
	}
}

// policyRead is for a policy in another place of this account's buckets: the one
// file, or the files of the one folder and their names.
func policyRead() []any {
	here := obj{"aws:ResourceAccount": ref("AWS::AccountId")}
	object := func(suffix string) obj {
		return obj{"Fn::Sub": []any{"arn:${AWS::Partition}:s3:::${Object}" + suffix, obj{"Object": selected(1, "s3://", ref("PolicyLocation"))}}}
	}
	bucket := obj{"Fn::Sub": []any{"arn:${AWS::Partition}:s3:::${Bucket}", obj{"Bucket": selected(2, "/", ref("PolicyLocation"))}}}
	return []any{
		only("HasPolicyLocation", allow("PolicyFile", "s3:GetObject", choose("PolicyIsFolder", object("*"), object("")), obj{"StringEquals": here})),
		only("PolicyIsFolder", allow("PolicyFolder", "s3:ListBucket", bucket, obj{"StringEquals": obj{"aws:ResourceAccount": ref("AWS::AccountId"), "s3:prefix": policyFolder()}})),
	}
}

// policyFolder is the key of the policy's folder. CloudFormation can take a text
// apart and count no parts: each depth is a condition of its own.
func policyFolder() obj {
	levels := func(n int) obj {
		var parts []any
		for i := range n {
			parts = append(parts, selected(3+i, "/", ref("PolicyLocation")))
		}
		return obj{"Fn::Join": []any{"/", append(parts, "")}}
	}
	return choose("PolicyOneDeep", levels(1), choose("PolicyTwoDeep", levels(2), levels(3)))
}

// policyConditions say whether the policy's place ends in a slash, and after how
// many folders of the bucket. What is appended gives each text parts enough, no
// text at all included: CloudFormation works out all conditions, used or not.
func policyConditions(stack awscdk.Stack) {
	empty := func(condition string, n int, separator, appended string) {
		part := awscdk.Fn_Select(jsii.Number(n), awscdk.Fn_Split(&separator, sub("${PolicyLocation}"+appended), nil))
		awscdk.NewCfnCondition(stack, &condition, &awscdk.CfnConditionProps{Expression: awscdk.Fn_ConditionEquals(part, "")})
	}
	empty("PolicyIsFolder", 1, "/|", "|/|file") // s3://rules/asr | | file, but s3://rules/asr.yaml| | file
	empty("PolicyOneDeep", 4, "/", "//////")
	empty("PolicyTwoDeep", 5, "/", "//////")
}

// selected is a part of a text.
func selected(n int, separator string, text any) obj {
	return obj{"Fn::Select": []any{n, obj{"Fn::Split": []any{separator, text}}}}
}

// members reaches the member role: in all accounts of the organization, or in
// this account alone if there is none.
func members() []any {
	to := []string{"sts:AssumeRole", "sts:SetSourceIdentity"}
	return []any{choose("HasOrganization",
		allow("MemberRoles", to, sub("arn:${AWS::Partition}:iam::*:role/${MemberRoleName}"), obj{"StringEquals": obj{"aws:ResourceOrgID": ref("OrganizationId")}}),
		allow("MemberRoles", to, sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${MemberRoleName}"), nil))}
}

// organization asks AWS Organizations which units an account is in, and for its
// tags. Whose account the organization's management is, nobody here knows; the
// organization's id is AWS's and there once.
func organization() []any {
	within := func(kind string) *string {
		return sub("arn:${AWS::Partition}:organizations::*:" + kind + "/${OrganizationId}/*")
	}
	return []any{
		only("UseOrganizations", allow("Accounts", []string{"organizations:ListParents", "organizations:ListTagsForResource"}, within("account"), nil)),
		only("UseOrganizations", allow("Units", []string{"organizations:DescribeOrganizationalUnit", "organizations:ListParents"}, within("ou"), nil)),
	}
}

// units asks which accounts are in units, for who may see those by the policy's
// callers.
func units() []any {
	parents := []any{sub("arn:${AWS::Partition}:organizations::*:root/${OrganizationId}/*"), sub("arn:${AWS::Partition}:organizations::*:ou/${OrganizationId}/*")}
	return []any{
		only("UseOrganizations", allow("Roots", "organizations:ListRoots", "*", nil)),
		only("UseOrganizations", allow("UnitsAccounts", []string{"organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent"}, parents, nil)),
	}
}

// findings reads findings, and updates them. The second API's calls are
// authorized as the first one's.
func findings(update bool) []any {
	actions := []string{"securityhub:GetFindings"}
	if update {
		actions = append(actions, "securityhub:BatchUpdateFindings")
	}
	return []any{allow("Findings", actions, []any{
		sub("arn:${AWS::Partition}:securityhub:*:${AWS::AccountId}:hub/default"), sub("arn:${AWS::Partition}:securityhub:*:${AWS::AccountId}:hubv2/*"),
	}, nil)}
}

// secondAPI finds out whether Security Hub's second API is on here.
func secondAPI() []any {
	return []any{allow("SecondAPI", "securityhub:DescribeSecurityHubV2", "*", nil)}
}

func publish() []any {
	return []any{allow("Outcomes", "sns:Publish", ref("OutcomesTopic"), nil)}
}

func consume() []any {
	return []any{allow("Queue", []string{"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}, arnOf("IngestQueue"), nil)}
}

func start(machine string) []any {
	return []any{allow("Start", "states:StartExecution", machineARN(machine), nil)}
}

func actionTargets() []any {
	return []any{allow("CustomActions", []string{
		"securityhub:CreateActionTarget", "securityhub:DeleteActionTarget", "securityhub:UpdateActionTarget",
	}, regional("securityhub", "hub/default"), nil)}
}

// keyUse lets a role use the hub's key by way of the services that hold its data.
func keyUse() any {
	var via []any
	for _, s := range []string{"dynamodb", "s3", "secretsmanager", "sns"} {
		via = append(via, sub(s+".${AWS::Region}.${AWS::URLSuffix}"))
	}
	return only("UseKMS", allow("Key", []string{"kms:Decrypt", "kms:GenerateDataKey"}, keyARN(), obj{"StringEquals": obj{"kms:ViaService": via}}))
}
