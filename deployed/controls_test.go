package deployed_test

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/catalog"
)

// state builds, from a resource of the template, what a remediation reads of it.
type state func(d *deployment, r resource) any

// rows are the remediations that look at a type of ours, with what each reads.
// exempt says why a resource is left out.
var rows = []struct {
	unit, kind string
	state      state
	exempt     map[string]string
}{
	{"s3-block-public-access", "AWS::S3::Bucket", func(_ *deployment, r resource) any {
		b, _ := r.properties["PublicAccessBlockConfiguration"].(obj)
		return obj{"blocks": obj{"blockAcls": b["BlockPublicAcls"], "ignoreAcls": b["IgnorePublicAcls"], "blockPolicy": b["BlockPublicPolicy"], "restrict": b["RestrictPublicBuckets"]}}
	}, nil},
	{"s3-default-encryption", "AWS::S3::Bucket", func(_ *deployment, r resource) any {
		rule := r.properties["BucketEncryption"].(obj)["ServerSideEncryptionConfiguration"].([]any)[0].(obj)
		with := rule["ServerSideEncryptionByDefault"].(obj)
		key, _ := with["KMSMasterKeyID"].(string)
		return obj{"algorithm": with["SSEAlgorithm"], "key": key, "bucketKey": rule["BucketKeyEnabled"] == true, "logs": obj{}}
	}, nil},
	{"s3-tls-only", "AWS::S3::Bucket", func(d *deployment, r resource) any { return obj{"policy": d.policyOf("AWS::S3::BucketPolicy", r)} }, nil},
	{"s3-restrict-other-accounts", "AWS::S3::Bucket", func(d *deployment, r resource) any {
		named := obj{}
		for _, s := range d.policyOf("AWS::S3::BucketPolicy", r)["Statement"].([]any) {
			named[s.(obj)["Sid"].(string)] = s
		}
		return obj{"named": named, "nameless": nil, "rest": obj{"Version": "2012-10-17"}, "single": false, "owner": ""}
	}, nil},
	{"s3-access-logging", "AWS::S3::Bucket", func(_ *deployment, r resource) any {
		l, _ := r.properties["LoggingConfiguration"].(obj)
		to, _ := l["DestinationBucketName"].(string)
		prefix, _ := l["LogFilePrefix"].(string)
		return obj{"bucket": "arn:aws:s3:::" + to, "private": true, "delivery": true, "target": to, "prefix": prefix}
	}, map[string]string{"LogBucket": "it is where access logs go: logging it to itself would never end"}},
	{"s3-event-notifications", "AWS::S3::Bucket", func(_ *deployment, r resource) any {
		n, _ := r.properties["NotificationConfiguration"].(obj)
		return obj{"eventBridge": n["EventBridgeConfiguration"] != nil, "others": obj{}, "ours": obj{}}
	}, nil},
	{"s3-lifecycle", "AWS::S3::Bucket", func(_ *deployment, r resource) any {
		rules := obj{}
		for _, one := range r.properties["LifecycleConfiguration"].(obj)["Rules"].([]any) {
			u, _ := one.(obj)["AbortIncompleteMultipartUpload"].(obj)
			days, _ := u["DaysAfterInitiation"].(int)
			rules[one.(obj)["Id"].(string)] = obj{"enabled": one.(obj)["Status"] == "Enabled", "transitions": obj{}, "expiration": 0, "uploads": days}
		}
		return obj{"rules": rules}
	}, nil},
	{"sqs-encrypted", "AWS::SQS::Queue", func(_ *deployment, r resource) any {
		key, _ := r.properties["KmsMasterKeyId"].(string)
		return obj{"managed": r.properties["SqsManagedSseEnabled"] == true, "key": key}
	}, nil},
	{"sns-encrypted", "AWS::SNS::Topic", func(_ *deployment, r resource) any {
		key, _ := r.properties["KmsMasterKeyId"].(string)
		return obj{"key": key, "problem": "", "cutOff": obj{}}
	}, nil},
	{"sns-delivery-logging", "AWS::SNS::Topic", func(d *deployment, r resource) any {
		logs := obj{}
		for _, one := range listOf(r.properties["DeliveryStatusLogging"]) {
			protocol := map[any]string{"application": "Application", "firehose": "Firehose", "http/s": "HTTP", "lambda": "Lambda", "sqs": "SQS"}[one.(obj)["Protocol"]]
			logs[protocol] = obj{"success": one.(obj)["SuccessFeedbackRoleArn"], "failure": one.(obj)["FailureFeedbackRoleArn"], "rate": 0}
		}
		return obj{"role": "arn:aws:iam::111111111111:role/asr/asr-sns-logging", "logs": logs}
	}, nil},
	{"kms-rotation", "AWS::KMS::Key", func(_ *deployment, r resource) any {
		return obj{"on": r.properties["EnableKeyRotation"] == true, "period": 365}
	}, nil},
	{"dynamodb-deletion-protection", "AWS::DynamoDB::Table", func(_ *deployment, r resource) any {
		return obj{"on": r.properties["DeletionProtectionEnabled"] == true}
	}, nil},
	{"dynamodb-point-in-time-recovery", "AWS::DynamoDB::Table", func(_ *deployment, r resource) any {
		p, _ := r.properties["PointInTimeRecoverySpecification"].(obj)
		days := 0
		if p["PointInTimeRecoveryEnabled"] == true {
			days = 35 // AWS's default
		}
		return obj{"days": days}
	}, nil},
	{"dynamodb-autoscaling", "AWS::DynamoDB::Table", func(_ *deployment, r resource) any {
		provisioned := obj{"table read": 5, "table write": 5}
		onDemand := r.properties["BillingMode"] == "PAY_PER_REQUEST"
		if onDemand {
			provisioned = obj{}
		}
		return obj{"onDemand": onDemand, "provisioned": provisioned, "ranges": obj{}, "targets": obj{}}
	}, nil},
	{"dynamodb-tagged", "AWS::DynamoDB::Table", func(_ *deployment, r resource) any {
		tags := obj{}
		for _, one := range listOf(r.properties["Tags"]) {
			tags[one.(obj)["Key"].(string)] = one.(obj)["Value"]
		}
		return obj{"tags": tags}
	}, nil},
	{"logs-retention", "AWS::Logs::LogGroup", func(_ *deployment, r resource) any {
		days, _ := r.properties["RetentionInDays"].(string)
		return obj{"days": json.Number(days)}
	}, nil},
	{"lambda-not-public", "AWS::Lambda::Function", func(d *deployment, r resource) any {
		statements := obj{}
		for _, p := range d.resources("AWS::Lambda::Permission") {
			if p.properties["FunctionName"] == r.properties["FunctionName"] {
				statements[p.id] = obj{
					"Sid": p.id, "Effect": "Allow", "Principal": obj{"Service": p.properties["Principal"]}, "Action": p.properties["Action"], "Resource": d.attribute(r.id, "Arn"),
					"Condition": obj{"StringEquals": obj{"AWS:SourceAccount": p.properties["SourceAccount"]}, "ArnLike": obj{"AWS:SourceArn": p.properties["SourceArn"]}},
				}
			}
		}
		return obj{"statements": statements}
	}, nil},
}

// policyOf is the policy that the template gives a resource.
func (d *deployment) policyOf(kind string, of resource) obj {
	for _, p := range d.resources(kind) {
		for _, name := range append(listOf(p.properties["Bucket"]), append(listOf(p.properties["Queues"]), listOf(p.properties["Topics"])...)...) {
			if name == d.ref(of.id) {
				return p.properties["PolicyDocument"].(obj)
			}
		}
	}
	return nil
}

// withAWSsKey are the findings that somebody has who does without a key of the
// hub's own; the parameter's description says so.
var withAWSsKey = map[string]bool{"sns-encrypted AlarmsTopic": true}

func TestWhatWeDeployPassesTheControlsThatWeRemediate(t *testing.T) {
	t.Parallel()
	units := map[string]asr.Remediation{}
	for _, u := range catalog.All(nil) {
		units[u.Spec.ID] = u
	}
	for _, key := range []string{"yes", "no"} {
		d := hub(t, "EncryptWithKMS="+key)
		for _, row := range rows {
			resources := d.resources(row.kind)
			if len(resources) == 0 && row.kind != "AWS::KMS::Key" {
				t.Errorf("no %s is deployed", row.kind)
			}
			for _, r := range resources {
				passes := wantsNothing(t, units[row.unit], d, r, row.state(d, r))
				fails := row.exempt[r.id] != "" || key == "no" && withAWSsKey[row.unit+" "+r.id]
				if passes == fails {
					t.Errorf("EncryptWithKMS=%s: %s of %s: passes: %v, expected to: %v", key, row.unit, r.id, passes, !fails)
				}
			}
		}
	}
}

// wantsNothing reports whether the remediation leaves a state as it is, for
// each of its controls.
func wantsNothing(t *testing.T, u asr.Remediation, d *deployment, r resource, now any) bool {
	t.Helper()
	raw, err := json.Marshal(now)
	if err != nil {
		t.Fatal(err)
	}
	id := d.named(r.id)
	if r.kind != "AWS::KMS::Key" {
		id = d.attribute(r.id, "Arn")
	}
	on := asr.On{Target: asr.Target{Partition: "aws", Account: hubAccount, Region: region, ID: id, Name: strings.TrimPrefix(d.named(r.id), "arn:aws:s3:::")}}
	for control, params := range u.Controls {
		on.Params = params
		want, err := u.Want(on, raw)
		if err != nil && asr.Classify(err) == asr.CodeRefused {
			return false
		}
		if err != nil {
			t.Fatalf("%s for %s of %s: %v", u.Spec.ID, control, r.id, err)
		}
		if normalized(t, want) != normalized(t, raw) {
			return false
		}
	}
	return true
}

// normalized leaves out what is null or empty: a state doesn't tell them apart.
func normalized(t *testing.T, raw []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	var full func(any) any
	full = func(v any) any {
		if m, ok := v.(obj); ok {
			for k, inner := range m {
				if m[k] = full(inner); text(m[k]) == "{}" || text(m[k]) == "[]" || m[k] == nil {
					delete(m, k)
				}
			}
		}
		return v
	}
	return text(full(v))
}
