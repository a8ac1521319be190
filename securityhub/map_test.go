package securityhub

import (
	"encoding/json"
	"fmt"
	"testing"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

type object = map[string]any

func TestASFFFieldsAreTranslated(t *testing.T) {
	t.Parallel()
	config, guardDuty := "arn:aws:securityhub:us-east-1::product/aws/config", "arn:aws:securityhub:us-east-1::product/aws/guardduty"
	tests := []struct {
		name string
		with object
		got  func(asr.Observation) any
		want any
	}{
		{name: "severity by label", with: object{"Severity": object{"Label": "HIGH", "Normalized": 1}}, got: severity, want: "HIGH"},
		{name: "severity 0", with: object{"Severity": object{"Normalized": 0}}, got: severity, want: "INFORMATIONAL"},
		{name: "severity 39", with: object{"Severity": object{"Normalized": 39}}, got: severity, want: "LOW"},
		{name: "severity 69", with: object{"Severity": object{"Normalized": 69}}, got: severity, want: "MEDIUM"},
		{name: "severity 70", with: object{"Severity": object{"Normalized": 70}}, got: severity, want: "HIGH"},
		{name: "severity 90", with: object{"Severity": object{"Normalized": 90}}, got: severity, want: "CRITICAL"},
		{name: "severity of the provider", with: object{"Severity": nil, "FindingProviderFields": object{"Severity": object{"Label": "LOW"}}}, got: severity, want: "LOW"},
		{name: "no severity", with: object{"Severity": nil, "FindingProviderFields": nil}, got: severity, want: "INFORMATIONAL"},
		{name: "the record is active unless it says so", with: object{"RecordState": nil}, got: record, want: "ACTIVE"},
		{name: "an archived record", with: object{"RecordState": "ARCHIVED"}, got: record, want: "ARCHIVED"},
		{name: "the retired workflow field", with: object{"Workflow": nil, "WorkflowState": "RESOLVED"}, got: status, want: "RESOLVED"},
		{name: "a value that it had once", with: object{"Workflow": nil, "WorkflowState": "IN_PROGRESS"}, got: status, want: "NEW"},
		{name: "the control is in the generator", with: object{"Compliance": object{"Status": "FAILED"}, "GeneratorId": "security-control/S3.1"}, got: control, want: "S3.1"},
		{name: "or in the id", with: object{"Compliance": nil, "GeneratorId": "x", "Id": "arn:aws:securityhub:us-east-1:111111111111:security-control/S3.2/finding/1"}, got: control, want: "S3.2"},
		{name: "the rule of Config by its title", with: object{"ProductArn": config, "ProductFields": nil, "Title": "my-rule"}, got: rule, want: "my-rule"},
		{name: "no rule is known by an ARN", with: object{"ProductArn": guardDuty, "ProductFields": nil, "GeneratorId": "arn:aws:guardduty:x"}, got: rule, want: ""},
		{name: "a rule among other resources", with: object{"ProductFields": object{"RelatedAWSResources:0/type": "AWS::S3::Bucket", "RelatedAWSResources:1/type": "AWS::Config::ConfigRule", "RelatedAWSResources:1/name": "r"}}, got: rule, want: "r"},
		{name: "the standard of the guide and the rule", with: object{"Id": "x", "GeneratorId": "y", "ProductFields": object{"StandardsGuideArn": "arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0", "RuleId": "1.3"}}, got: standard, want: asr.Standard{Name: "cis-aws-foundations-benchmark", Version: "1.2.0", Control: "1.3"}},
		{name: "the Region of the resource", with: object{"Region": nil, "Resources": []any{object{"Id": "r", "Region": "eu-west-1"}}}, got: region, want: "eu-west-1"},
		{name: "the Region of the id", with: object{"Region": "global ", "Resources": []any{object{"Id": "r"}}}, got: region, want: "cn-northwest-1"},
		{name: "the Region of the product", with: object{"Region": nil, "Id": "x", "Resources": []any{object{"Id": "r"}}, "ProductArn": config}, got: region, want: "us-east-1"},
		{name: "no Region", with: object{"Region": "us-east-1.evil.example", "Id": "x", "Resources": []any{object{"Id": "r"}}, "ProductArn": "p"}, got: region, want: ""},
		{name: "updated when it was created", with: object{"UpdatedAt": nil}, got: func(o asr.Observation) any { return o.UpdatedAt }, want: at("2025-05-30T08:00:01.482Z")},
		{name: "one type", with: object{"Types": "T"}, got: func(o asr.Observation) any { return o.Types }, want: []string{"T"}},
		{name: "odd fields of users", with: object{"UserDefinedFields": object{"n": 1, "t": "x", "o": nil}}, got: func(o asr.Observation) any { return o.UserFields }, want: map[string]string{"n": "1", "t": "x", "o": ""}},
		{name: "fields of users that are none", with: object{"UserDefinedFields": []any{}}, got: func(o asr.Observation) any { return len(o.UserFields) }, want: 0},
		{name: "parameters", with: object{"Compliance": object{"SecurityControlParameters": []any{
			object{"Name": "a", "Value": []any{"true"}}, object{"Name": "b", "Value": []any{"007"}}, object{"Name": "c", "Value": []any{"1.5", "x"}},
			object{"Name": "d"}, object{"Name": "e", "Value": []any{`{"f":1}`}}, object{"Value": []any{"g"}}, object{"Name": "h", "Value": []any{"5 "}},
		}}}, got: params, want: `{"a":true,"b":"007","c":[1.5,"x"],"e":"{\"f\":1}","h":"5 "}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, err := fromASFF(asffWith(t, tt.with), origin{at: received})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, tt.got(o)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func severity(o asr.Observation) any   { return o.Severity }
func record(o asr.Observation) any     { return o.RecordState }
func status(o asr.Observation) any     { return o.Status }
func control(o asr.Observation) any    { return o.Control }
func rule(o asr.Observation) any       { return o.Rule }
func standard(o asr.Observation) any   { return o.Standard }
func region(o asr.Observation) any     { return o.Region }
func compliance(o asr.Observation) any { return o.Compliance }
func resource(o asr.Observation) any   { return o.Resources[0].ID }
func note(o asr.Observation) any       { return o.Note }

func params(o asr.Observation) any {
	raw, err := json.Marshal(o.Parameters)
	return string(raw) + fmt.Sprint(errOrNothing(err))
}

func errOrNothing(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// ocsfWith is a valid finding but for some fields.
func ocsfWith(t *testing.T, changes object) []byte {
	t.Helper()
	f := object{
		"class_uid": 2003, "metadata": object{"product": object{"uid": "p"}}, "cloud": object{"account": object{"uid": "111111111111"}},
		"finding_info": object{"uid": "f", "modified_time": 1748942247903}, "resources": []any{object{"uid": "r"}},
	}
	for k, v := range changes {
		f[k] = v
	}
	raw, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestOCSFFieldsAreTranslated(t *testing.T) {
	t.Parallel()
	resources := func(r object) object { return object{"resources": []any{r}} }
	tests := []struct {
		name string
		with object
		got  func(asr.Observation) any
		want any
	}{
		{name: "no status", got: status, want: "NEW"},
		{name: "status 0", with: object{"status_id": 0}, got: status, want: "NEW"},
		{name: "status 1", with: object{"status_id": 1, "status": "Resolved"}, got: status, want: "NEW"},
		{name: "status 2", with: object{"status_id": 2}, got: status, want: "NOTIFIED"},
		{name: "status 3", with: object{"status_id": 3}, got: status, want: "SUPPRESSED"},
		{name: "status 4", with: object{"status_id": 4}, got: status, want: "RESOLVED"},
		{name: "a status of their own closes nothing", with: object{"status_id": 99, "status": "Triaged"}, got: status, want: "NEW"},
		{name: "unless it says so", with: object{"status_id": 99, "status": "Suppressed"}, got: status, want: "SUPPRESSED"},
		{name: "a status in words", with: object{"status": "in progress"}, got: status, want: "NOTIFIED"},
		{name: "status 5 is an archived record", with: object{"status_id": 5}, got: record, want: "ARCHIVED"},
		{name: "archived, in words", with: object{"status": "Archived"}, got: record, want: "ARCHIVED"},
		{name: "a closed activity", with: object{"activity_id": 3}, got: record, want: "ARCHIVED"},
		{name: "severity in words", with: object{"severity": "high", "severity_id": 1}, got: severity, want: "HIGH"},
		{name: "fatal", with: object{"severity": "Fatal"}, got: severity, want: "CRITICAL"},
		{name: "severity by number", with: object{"severity_id": 5}, got: severity, want: "CRITICAL"},
		{name: "unknown severity", with: object{"severity_id": 99, "severity": "Wild"}, got: severity, want: "INFORMATIONAL"},
		{name: "passed", with: object{"compliance": object{"status": "Pass"}}, got: compliance, want: "PASSED"},
		{name: "passed, by number", with: object{"compliance": object{"status_id": 1}}, got: compliance, want: "PASSED"},
		{name: "a warning", with: object{"compliance": object{"status": "Warning"}}, got: compliance, want: "WARNING"},
		{name: "a warning, by number", with: object{"compliance": object{"status_id": 2}}, got: compliance, want: "WARNING"},
		{name: "failed, by number", with: object{"compliance": object{"status_id": 3}}, got: compliance, want: "FAILED"},
		{name: "unknown", with: object{"compliance": object{"status": "Unknown"}}, got: compliance, want: "NOT_AVAILABLE"},
		{name: "passed, says the code", with: object{"status_code": "pass"}, got: compliance, want: "PASSED"},
		{name: "no compliance", got: compliance, want: ""},
		{name: "the control is in the id", with: object{"finding_info": object{"uid": "arn:aws:securityhub:us-east-1:1:security-control/S3.2/finding/1", "modified_time_dt": "2025-06-01T00:00:00Z"}}, got: control, want: "S3.2"},
		{name: "the check is in the id", with: object{"finding_info": object{"uid": "prowler-aws-s3_a_b-111111111111-us-east-1-x-111111111111-y", "created_time": 1748942247}}, got: rule, want: "s3_a_b"},
		{name: "another product's rule", with: object{"finding_info": object{"uid": "x", "created_time": 1748942247, "analytic": object{"name": "n"}}}, got: rule, want: "n"},
		{name: "an ARN before a URL", with: resources(object{"uid": "https://q", "uid_alt": "arn:aws:sqs:x"}), got: resource, want: "arn:aws:sqs:x"},
		{name: "an ARN stays", with: resources(object{"uid": "arn:aws:a", "uid_alt": "arn:aws:b"}), got: resource, want: "arn:aws:a"},
		{name: "an id before another name", with: resources(object{"uid": "i-1", "uid_alt": "alt", "name": "n"}), got: resource, want: "i-1"},
		{name: "a name only", with: resources(object{"name": "n"}), got: resource, want: "n"},
		{name: "an account", with: resources(object{"type": "AWS::::Account", "uid": "111111111111"}), got: resource, want: "AWS::::Account:111111111111"},
		{name: "a comment of a person", with: object{"comment": "mine (asr)"}, got: note, want: asr.Note{Text: "mine (asr)"}},
		{name: "parameters", with: object{"compliance": object{"control_parameters": []any{object{"name": "a", "values": []any{"1", "2"}}, object{"name": "b", "value": 3}}}}, got: params, want: `{"a":[1,2],"b":3}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, err := fromOCSF(ocsfWith(t, tt.with), origin{at: received})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, tt.got(o)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsWrongWithOCSFIsNamed(t *testing.T) {
	t.Parallel()
	for want, with := range map[string]object{
		"finding_info.uid is missing":                            {"finding_info": object{"modified_time": 1}},
		"metadata.product.uid is missing":                        {"metadata": object{}},
		"cloud.account.uid is missing":                           {"cloud": nil},
		"resources is missing":                                   {"resources": nil},
		"resources[1].uid is missing":                            {"resources": []any{object{"uid": "a"}, object{"type": "b"}}},
		"finding_info.modified_time is missing":                  {"finding_info": object{"uid": "f"}},
		`finding_info.modified_time is "soon", which is no time`: {"finding_info": object{"uid": "f", "modified_time_dt": "soon"}},
		"status_id has the wrong type: string":                   {"status_id": "2"},
	} {
		_, rejected := Decode("f", received, ocsfWith(t, with))
		if len(rejected) != 1 || rejected[0].Reason != want {
			t.Errorf("rejected %+v, want %q", rejected, want)
		}
	}
}

func TestMessagesOfSNSAreOpened(t *testing.T) {
	t.Parallel()
	text, err := jsonOf(string(asffWith(t, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{
		`{"Records":[{"EventSource":"aws:sns","Sns":{"Message":` + text + `}}]}`,
		`{"Type":"Notification","Message":` + text + `}`,
		`[{"Records":[{"body":` + text + `}]}]`,
	} {
		if obs, rejected := Decode("f", received, []byte(body)); len(obs) != 1 || len(rejected) != 0 {
			t.Errorf("%.60s: %d taken, rejected %v", body, len(obs), rejected)
		}
	}
	for body, want := range map[string]string{
		`{"Records":[{"body":7}]}`:                                    "Records[0]: body has the wrong type: number",
		`{"Records":[7]}`:                                             "Records[0]: it has the wrong type: number",
		`{"Records":[{"a":` + nest(101) + `}]}`:                       "Records[0]: it is nested deeper than 100 levels",
		`{"Type":"Notification","Message":"{\"detail-type\":\"x\"}"}`: `Message: source is "": events of Security Hub are from aws.securityhub`,
	} {
		if _, rejected := Decode("f", received, []byte(body)); len(rejected) != 1 || rejected[0].Reason != want {
			t.Errorf("%.60s: rejected %+v, want %q", body, rejected, want)
		}
	}
}

func nest(levels int) string {
	body := "0"
	for range levels {
		body = "[" + body + "]"
	}
	return body
}
