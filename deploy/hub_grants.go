package main

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

// policyRead is for a policy file in another bucket of this account.
func policyRead() []any {
	location := obj{"Fn::Select": []any{1, obj{"Fn::Split": []any{"s3://", ref("PolicyLocation")}}}}
	return []any{only("HasPolicyLocation", allow("PolicyFile", "s3:GetObject",
		obj{"Fn::Sub": []any{"arn:${AWS::Partition}:s3:::${Object}", obj{"Object": location}}},
		obj{"StringEquals": obj{"aws:ResourceAccount": ref("AWS::AccountId")}}))}
}

// members reaches the member role: in all accounts of the organization, or in
// this account alone if there is none.
func members() []any {
	to := []string{"sts:AssumeRole", "sts:SetSourceIdentity"}
	return []any{choose("HasOrganization",
		allow("MemberRoles", to, sub("arn:${AWS::Partition}:iam::*:role/asr-member"), obj{"StringEquals": obj{"aws:ResourceOrgID": ref("OrganizationId")}}),
		allow("MemberRoles", to, sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/asr-member"), nil))}
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
