package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
)

// hub is the stack of the hub account.
func hub(stack awscdk.Stack) error {
	parameters(stack, hubParameters())
	hubConditions(stack)
	key(stack)
	storage(stack)
	topics(stack)
	queues(stack)
	functions(stack)
	if err := machines(stack); err != nil {
		return err
	}
	bus(stack)
	if err := rules(stack); err != nil {
		return err
	}
	setup(stack)
	alarms(stack)
	if err := dashboard(stack); err != nil {
		return err
	}
	hubOutputs(stack)
	return nil
}

// playbooks are the standards that can be turned off, and the conditions that
// say so. The name is the playbook's in package playbook.
var playbooks = []struct{ parameter, condition, name, title string }{
	{"PlaybookSC", "UseSC", "SC", "Security controls (consolidated findings)"},
	{"PlaybookAFSBP", "UseAFSBP", "AFSBP v1.0.0", "AWS Foundational Security Best Practices v1.0.0"},
	{"PlaybookCIS120", "UseCIS120", "CIS v1.2.0", "CIS AWS Foundations Benchmark v1.2.0"},
	{"PlaybookCIS140", "UseCIS140", "CIS v1.4.0", "CIS AWS Foundations Benchmark v1.4.0"},
	{"PlaybookCIS300", "UseCIS300", "CIS v3.0.0", "CIS AWS Foundations Benchmark v3.0.0"},
	{"PlaybookCIS500", "UseCIS500", "CIS v5.0.0", "CIS AWS Foundations Benchmark v5.0.0"},
	{"PlaybookNIST80053", "UseNIST80053", "NIST 800-53 r5", "NIST SP 800-53 revision 5"},
	{"PlaybookPCI321", "UsePCI321", "PCI DSS v3.2.1", "PCI DSS v3.2.1"},
}

func playbookParameters() (all []param) {
	for _, p := range playbooks {
		all = append(all, yesNo(p.parameter, p.title, "Whether findings of "+p.title+" are answered.", "yes"))
	}
	return all
}

// orgID is the form of an organization's id.
const orgID = `^$|^o-[a-z0-9]{10,32}$`

// policyPattern is the form of the policy's place. A folder's depth is as
// policyFolder can tell it apart.
const policyPattern = `^$|^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/(.*[^/]|([^/]+/){1,3})$`

func hubParameters() []paramGroup {
	return []paramGroup{
		{"Code", []param{
			{id: "ArtifactBucket", label: "Bucket", description: "The S3 bucket, in this Region, that holds the code of the functions.", required: true, pattern: `^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`, wrong: "the name of a bucket"},
			{id: "ArtifactKey", label: "Key", description: "The key of the code's zip file in that bucket. Give each version a key of its own: CloudFormation sees a new one only by its key.", required: true},
			{id: "AsrVersion", label: "Version", description: "The version of asr that the code is of.", value: "dev", pattern: `^[A-Za-z0-9._+-]{1,64}$`, wrong: "letters, digits and . _ + -"},
		}},
		{"Organization", []param{
			{id: "OrganizationId", label: "Organization", description: "The id of the organization, o-…: the hub reaches only its accounts, and only its accounts put events on the hub's bus. Empty: the hub works in its own account alone.", pattern: orgID, wrong: "the id of an organization, o-…, or nothing"},
			yesNo("AskOrganizations", "Ask Organizations", "Whether what the policy says by organizational units and account tags (ous, account_tags) is answered by AWS Organizations. It answers in the management account and in delegated administrators' accounts, such as Security Hub's. It is asked only while the policy says such; without an answer that fails closed. Needs the organization's id.", "yes"),
			memberRoleName("The name of the role that the hub assumes in each account; the same as in asr-member."),
			{id: "ExternalId", label: "External id", description: "The external id that member roles ask for; the same as in asr-member. Empty: none.", pattern: `^$|^[A-Za-z0-9+=,.@:/_-]{2,1224}$`, wrong: "2 to 1224 letters, digits and + = , . @ : / _ -"},
		}},
		{"Policy and playbooks", append([]param{
			{id: "PolicyLocation", label: "Policy", description: "Where the policy is, in a bucket of this account: a file, s3://BUCKET/KEY, or a folder of files, s3://BUCKET/FOLDER/, which ends in a slash and may be three levels deep. Empty: the file policy.yaml in the hub's own bucket. Without a policy nothing is fixed by itself.", pattern: policyPattern, wrong: "s3://BUCKET/KEY, s3://BUCKET/FOLDER/ or nothing"},
		}, playbookParameters()...)},
		{"Features", []param{
			yesNo("CustomActions", "Custom actions", "Whether the actions Remediate with ASR, Plan with ASR, and ASR fix and ticket stand in Security Hub's console. Security Hub must be on in this account and Region.", "yes"),
			yesNo("SyncOnDeploy", "Sync on deploy", "Whether all findings are fetched when the stack is made and with each new version; they are fetched weekly in any case.", "yes"),
			yesNo("Api", "API", "Whether the HTTP API has an address. Only principals of IAM reach it, and only those allowed to.", "yes"),
		}},
		{"Data and notifications", []param{
			{id: "RetentionDays", label: "Retention", description: "How many days runs, findings and logs are kept. Control CloudWatch.16 asks for a year.", kind: "Number", value: "365", allowed: retentions},
			{id: "ApprovalHours", label: "Approvals wait", description: "After how many hours a run that nobody approved is cancelled.", kind: "Number", value: "72", least: 1, most: 720},
			yesNo("EncryptWithKMS", "Own KMS key", "Whether what is kept (table, bucket, secret, logs) and the topics are encrypted with a KMS key of the hub's own, about 1 USD a month. Without it AWS's own keys are used, and the topic of alarms isn't encrypted, since alarms can't publish with AWS's key.", "yes"),
			{id: "NotificationEmail", label: "E-mail", description: "Who is told of outcomes and alarms by e-mail. Empty: nobody.", pattern: `^$|^[^\s@]+@[^\s@]+\.[^\s@]+$`, wrong: "an e-mail address or nothing"},
		}},
		{"Operation", []param{
			{id: "LogLevel", label: "Log level", description: "What the functions log.", value: "INFO", allowed: []string{"DEBUG", "INFO", "WARN", "ERROR"}},
			{id: "MaximumConcurrency", label: "Concurrency", description: "How many copies of the ingest function the queue feeds at most.", kind: "Number", value: "10", least: 2, most: 1000},
		}},
	}
}

func hubConditions(stack awscdk.Stack) {
	isSet(stack, "HasOrganization", "OrganizationId")
	isYes(stack, "UseAskOrganizations", "AskOrganizations")
	both(stack, "UseOrganizations", "HasOrganization", "UseAskOrganizations")
	isSet(stack, "HasPolicyLocation", "PolicyLocation")
	policyConditions(stack)
	isSet(stack, "HasNotificationEmail", "NotificationEmail")
	isYes(stack, "UseCustomActions", "CustomActions")
	isYes(stack, "UseSyncOnDeploy", "SyncOnDeploy")
	isYes(stack, "UseApi", "Api")
	isYes(stack, "UseKMS", "EncryptWithKMS")
	for _, p := range playbooks {
		isYes(stack, p.condition, p.parameter)
	}
}

func hubOutputs(stack awscdk.Stack) {
	output(stack, "ApiUrl", "The address of the API; requests are signed with IAM credentials.", att("ApiUrl", "FunctionUrl"), "UseApi")
	output(stack, "TableName", "The table with runs, findings and the audit log.", ref("Table"), "")
	output(stack, "BucketName", "The bucket with the policy, playbooks and large items.", ref("Bucket"), "")
	output(stack, "PolicyLocation", "Where the policy is read: a file, or a folder of files.", policyLocation(), "")
	output(stack, "QueueUrl", "The queue that everything comes in by.", ref("IngestQueue"), "")
	output(stack, "BusArn", "The event bus that runbooks of member accounts put requests on: a parameter of asr-runbooks.", arnOf("Bus"), "")
	output(stack, "RunMachineArn", "The state machine that drives runs.", ref("RunMachine"), "")
	output(stack, "SyncMachineArn", "The state machine that fetches findings.", ref("SyncMachine"), "")
	output(stack, "OutcomesTopicArn", "The topic that outcomes of runs are published on.", ref("OutcomesTopic"), "")
	output(stack, "AlarmsTopicArn", "The topic that alarms are published on.", ref("AlarmsTopic"), "")
	output(stack, "VaultSecretArn", "The secret that plans and sealed values depend on; it stays when the stack is deleted.", ref("VaultSecret"), "")
	output(stack, "DashboardUrl", "The dashboard in the console.", sub("https://${AWS::Region}.console.aws.amazon.com/cloudwatch/home?region=${AWS::Region}#dashboards:name=asr-hub"), "")
	output(stack, "AsrVersion", "The version of asr that is deployed.", ref("AsrVersion"), "")
}
