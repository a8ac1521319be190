package securityhub

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

// received is when all inputs of these tests come in.
var received = time.Date(2025, 6, 3, 11, 20, 50, 0, time.UTC)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err) // a mistake in a test
	}
	return t
}

// brief is what tells most of a finding.
func brief(o asr.Observation) string {
	standard := strings.Trim(o.Standard.Name+" "+o.Standard.Version+" "+o.Standard.Control, " ")
	parts := []string{string(o.Source), o.Format, o.Account, o.Region, o.Severity, o.Compliance, o.RecordState, o.Status, o.Control, standard, o.Rule, o.Resources[0].ID}
	return strings.Join(parts, "|")
}

// covers: W11
func TestEveryShapeIsTakenIn(t *testing.T) {
	t.Parallel()
	s3 := "imported|asff|111111111111|us-east-1|MEDIUM|FAILED|ACTIVE|NOTIFIED|S3.11||securityhub-s3-event-notifications-enabled-8b4dd5b7|arn:aws:s3:::shop-dev-invoices"
	cis := "imported|asff|111111111111|us-east-1|CRITICAL|FAILED|ACTIVE|NEW|CloudTrail.6|cis-aws-foundations-benchmark 1.2.0 2.3|securityhub-cloud-trail-logs-s3-bucket-0c1e|arn:aws:s3:::trail-logs-111111111111"
	sqs := "imported|ocsf|111111111111|us-east-2|MEDIUM|FAILED|ACTIVE|NOTIFIED|SQS.1||securityhub-sqs-queue-encrypted-12345678|arn:aws:sqs:us-east-2:111111111111:orders"
	action := strings.Replace(s3, "imported", "custom_action", 1)
	tests := []struct {
		file string
		want []string
		bad  []string
	}{
		{file: "imported_consolidated.json", want: []string{s3}},
		{file: "imported_cis12.json", want: []string{cis}},
		{file: "imported_v2.json", want: []string{sqs}},
		{file: "custom_action.json", want: []string{action, action, action}},
		{file: "asff_cn_single.json", want: []string{
			"file|asff|333333333333|cn-northwest-1|MEDIUM|WARNING|ACTIVE|NEW|IAM.7|aws-foundational-security-best-practices 1.0.0 IAM.7||AWS::::Account:333333333333",
		}},
		{file: "getfindings.json", want: []string{
			"file|asff|444444444444|us-gov-west-1|HIGH|PASSED|ARCHIVED|RESOLVED|EC2.2|||arn:aws-us-gov:ec2:us-gov-west-1:444444444444:security-group/sg-0a1b2c3d4e5f60718",
			"file|asff|111111111111|eu-central-1|MEDIUM|FAILED|ACTIVE|NEW|||acme-log-retention|arn:aws:logs:eu-central-1:111111111111:log-group:/aws/lambda/orders",
			"file|asff|111111111111|us-west-2|LOW||ACTIVE|NEW||||arn:aws:ec2:us-west-2:111111111111:instance/i-0abc",
			"file|asff|111111111111|us-east-1|MEDIUM|FAILED|ACTIVE|NEW|||acme-open-bucket|arn:aws:logs:eu-central-1:111111111111:log-group:/aws/lambda/orders",
		}, bad: []string{"findings[3]: Resources is missing"}},
		{file: "prowler_asff.json", want: []string{
			"file|asff|111111111111|eu-west-1|MEDIUM|FAILED|ACTIVE|NEW|||s3_bucket_secure_transport_policy|arn:aws:s3:::shop-assets",
			"file|asff|111111111111|eu-west-1|MEDIUM|PASSED|ACTIVE|NEW|||s3_bucket_default_encryption|arn:aws:s3:::shop-assets",
		}},
		{file: "prowler_ocsf.json", want: []string{
			"file|ocsf|111111111111|eu-west-1|MEDIUM|FAILED|ACTIVE|NEW|||s3_bucket_secure_transport_policy|arn:aws:s3:::shop-assets",
			"file|ocsf|111111111111|eu-west-1|MEDIUM|FAILED|ACTIVE|SUPPRESSED|||s3_bucket_secure_transport_policy|arn:aws:s3:::shop-assets",
			"file|ocsf|111111111111|eu-west-1|MEDIUM|NOT_AVAILABLE|ACTIVE|NEW|||s3_bucket_secure_transport_policy|arn:aws:s3:::shop-assets",
		}, bad: []string{`findings[3]: cloud.account.uid is "3fbd53f1-5c5c-4b2f-9d38-1d6f1f1a3f0a": an account id has 12 digits`}},
		{file: "ocsf.ndjson", want: []string{
			strings.Replace(sqs, "imported", "file", 1),
			"file|ocsf|111111111111|us-east-2|MEDIUM|PASSED|ACTIVE|RESOLVED|IAM.1|cis-aws-foundations-benchmark 1.2.0 1.22|securityhub-sqs-queue-encrypted-12345678|arn:aws:iam::111111111111:policy/admin",
			"file|ocsf|111111111111|us-east-2|CRITICAL|FAILED|ARCHIVED|NEW|IAM.1||securityhub-sqs-queue-encrypted-12345678|AWS::::Account:111111111111",
			"file|ocsf|111111111111|us-east-2|MEDIUM||ACTIVE|NEW||||i-0abcdef012345678b",
		}, bad: []string{"line 4: it ends too early: a bracket or a quote is not closed"}},
		{file: "events.ndjson", want: []string{s3, sqs}, bad: []string{`line 2: detail-type is "Security Hub Insight Results": no event that holds findings`}},
		{file: "lambda_sqs.json", want: []string{s3, cis}, bad: []string{`Records[1]: body: this is neither a finding nor a list of findings: it begins with "not"`}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			obs, rejected := Decode("test", received, fixture(t, tt.file))
			var got, bad []string
			for _, o := range obs {
				got = append(got, brief(o))
			}
			for _, r := range rejected {
				bad = append(bad, r.Reason)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.bad, bad); diff != "" {
				t.Errorf("rejected (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnASFFEventIsTakenWhole(t *testing.T) {
	t.Parallel()
	id := "arn:aws:securityhub:us-east-1:111111111111:security-control/S3.11/finding/0b2b5f6e-6b1f-4b0a-9d6b-6a9e6cf2f001"
	want := []asr.Observation{{
		ID: id,
		Provider: asr.Provider{
			Product: "arn:aws:securityhub:us-east-1::product/aws/securityhub", Format: "asff", Account: "111111111111", Region: "us-east-1",
			Title: "S3 general purpose buckets should have event notifications enabled", Severity: "MEDIUM", Compliance: asr.ComplianceFailed,
			RecordState: asr.RecordActive, Control: "S3.11", Standards: []string{"nist-800-53/v/5.0.0"}, Rule: "securityhub-s3-event-notifications-enabled-8b4dd5b7",
			Types:     []string{"Software and Configuration Checks/Industry and Regulatory Standards"},
			Resources: []asr.Resource{{ID: "arn:aws:s3:::shop-dev-invoices", Type: "AwsS3Bucket", Region: "us-east-1", Tags: map[string]string{"team": "billing", "aws:cloudformation:stack-name": "invoices"}}},
			CreatedAt: at("2025-05-30T08:00:01.482Z"), UpdatedAt: at("2025-06-03T11:20:32.917Z"),
			Parameters: map[string]json.RawMessage{"eventTypes": json.RawMessage(`["s3:ObjectCreated:*","s3:ObjectRemoved:*"]`), "days": json.RawMessage("90"), "scope": json.RawMessage(`"all buckets"`)},
		},
		Workflow: asr.Workflow{
			Status: asr.WorkflowNotified, Note: asr.Note{Text: "Asked the team", By: "jsmith", At: at("2025-06-03T11:20:40.5Z")},
			UserFields: map[string]string{"ticket": "OPS-17"}, WorkflowAt: at("2025-06-03T11:20:45Z"),
		},
		Source: asr.SourceImported, At: at("2025-06-03T11:20:45Z"),
	}}
	got, rejected := Decode("test", received, fixture(t, "imported_consolidated.json"))
	if diff := cmp.Diff(want, got); diff != "" || rejected != nil {
		t.Errorf("Decode (-want +got):\n%s\nrejected: %v", diff, rejected)
	}
}

func TestAnOCSFEventIsTakenWhole(t *testing.T) {
	t.Parallel()
	want := []asr.Observation{{
		ID: "arn:aws:securityhub:us-east-2:111111111111:security-control/SQS.1/finding/7dabcdef-1234-8912-5678-5012345678904",
		Provider: asr.Provider{
			Product: "arn:aws:securityhub:us-east-2::productv2/aws/securityhub", Format: "ocsf", Account: "111111111111", Region: "us-east-2",
			Title: "Amazon SQS queues should be encrypted at rest", Severity: "MEDIUM", Compliance: asr.ComplianceFailed,
			RecordState: asr.RecordActive, Control: "SQS.1", Rule: "securityhub-sqs-queue-encrypted-12345678",
			Types:     []string{"Software and Configuration Checks/Industry and Regulatory Standards", "Posture Management"},
			Resources: []asr.Resource{{ID: "arn:aws:sqs:us-east-2:111111111111:orders", Type: "AWS::SQS::Queue", Region: "us-east-2", Tags: map[string]string{"team": "shop"}}},
			CreatedAt: at("2025-06-02T09:17:27.903Z"), UpdatedAt: at("2025-06-03T09:17:27.903Z"),
			Parameters: map[string]json.RawMessage{"retention": json.RawMessage("30"), "zones": json.RawMessage(`["a","b"]`)},
		},
		Workflow: asr.Workflow{
			Status: asr.WorkflowNotified, Note: asr.Note{Text: "Encrypted the queue", By: asr.NoteAuthor},
			UserFields: map[string]string{asr.FieldRun: "20250603T091500-abc", asr.FieldWorkflow: "NOTIFIED"}, WorkflowAt: at("2025-06-03T11:20:45Z"),
		},
		Source: asr.SourceImported, At: at("2025-06-03T11:20:45Z"),
	}}
	got, rejected := Decode("test", received, fixture(t, "imported_v2.json"))
	if diff := cmp.Diff(want, got); diff != "" || rejected != nil {
		t.Errorf("Decode (-want +got):\n%s\nrejected: %v", diff, rejected)
	}
}

func TestProwlersFilesSayWhatTheyKnowOfTags(t *testing.T) {
	t.Parallel()
	asff, _ := Decode("f", received, fixture(t, "prowler_asff.json"))
	ocsf, _ := Decode("f", received, fixture(t, "prowler_ocsf.json"))
	got := []map[string]string{asff[0].Resources[0].Tags, asff[1].Resources[0].Tags, ocsf[0].Resources[0].Tags}
	want := []map[string]string{{"env": "prod"}, nil, {"env": "prod", "aws:cloudformation:stack-name": "assets"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if want := at("2025-06-03T09:00:00.123456Z"); !ocsf[0].UpdatedAt.Equal(want) {
		t.Errorf("UpdatedAt = %s, want %s", ocsf[0].UpdatedAt, want)
	}
}

func TestACustomActionNamesItself(t *testing.T) {
	t.Parallel()
	obs, _ := Decode("test", received, fixture(t, "custom_action.json"))
	for _, o := range obs {
		if o.Action != "Remediate with ASR" || o.Source != asr.SourceCustomAction {
			t.Errorf("%s: Action %q, Source %q", o.ID, o.Action, o.Source)
		}
	}
}

// asffWith is a valid finding but for some fields; a field that is nil is left out.
func asffWith(t testing.TB, changes map[string]any) []byte {
	t.Helper()
	var f map[string]any
	if err := json.Unmarshal(fixture(t, "asff_cn_single.json"), &f); err != nil {
		t.Fatal(err)
	}
	for k, v := range changes {
		if f[k] = v; v == nil {
			delete(f, k)
		}
	}
	raw, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// covers: W12
func TestWhatIsWrongIsNamed(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`[`, 101) + strings.Repeat(`]`, 101)
	tests := []struct {
		name string
		body string
		with map[string]any
		want string
	}{
		{name: "nothing", body: " \n", want: "there is nothing in it"},
		{name: "another format", body: "AUTH_METHOD;TIMESTAMP\n", want: `this is neither a finding nor a list of findings: it begins with "AUTH_METHOD;TIMESTA…"`},
		{name: "a list of no objects", body: `[1]`, want: "findings[0]: it has the wrong type: number"},
		{name: "an object that is no finding", body: `{"a":1}`, want: "this is no finding in ASFF or OCSF, and no event that holds some"},
		{name: "broken JSON inside a list", body: `[{"Id":tru}]`, want: "findings[0]: this is not JSON: invalid character '}' in literal true (expecting 'e')"},
		{name: "a list that isn't closed", body: `[`, want: "findings[0]: it ends too early: a bracket or a quote is not closed"},
		{name: "an object that isn't closed", body: "{\"Id\":\n", want: "it ends too early: a bracket or a quote is not closed"},
		{name: "a bracket too many", body: `[}`, want: `findings[0]: this is not JSON: '}' where a value is expected`},
		{name: "no colon", body: `{"Id" 3}`, want: `this is not JSON: '3' where a colon is expected`},
		{name: "no name", body: `{3}`, want: `this is not JSON: '3' where a name is expected`},
		{name: "too deep", body: `{"Id":` + deep + `}`, want: "it is nested deeper than 100 levels"},
		{name: "too long", body: `{"Findings":[{"Id":"` + strings.Repeat("x", MaxFinding) + `"}]}`, want: "findings[0]: it has 1048585 bytes, and at most 1048576 are taken"},
		{name: "too long within a list", body: `[{"AwsAccountId":"` + strings.Repeat("x", MaxFinding) + `"}]`, want: "findings[0]: it has 1048595 bytes, and at most 1048576 are taken"},
		{name: "an event of somebody else", body: `{"detail-type":"Security Hub Findings - Imported","source":"my.app","detail":{}}`, want: `source is "my.app": events of Security Hub are from aws.securityhub`},
		{name: "an event without findings", body: `{"detail-type":"Findings Imported V2","source":"aws.securityhub","detail":{"findings":[]}}`, want: "detail.findings is missing"},
		{name: "an event of another form", body: `{"detail-type":"Findings Imported V2","source":"aws.securityhub","detail":[]}`, want: "detail: it has the wrong type: array"},
		{name: "a record without a body", body: `{"Records":[{"s3":{}}]}`, want: "Records[0]: body is missing"},
		{name: "texts in texts", body: wrapped(4, `{}`), want: "Records[0]: body: Records[0]: body: Records[0]: body: Records[0]: body: it holds texts within texts within texts"},
		{name: "no id", with: map[string]any{"Id": nil}, want: "Id is missing"},
		{name: "an id that is a number", with: map[string]any{"Id": 3}, want: "Id has the wrong type: number"},
		{name: "an id with a line break", with: map[string]any{"Id": "a\nb"}, want: "Id contains control characters"},
		{name: "an endless id", with: map[string]any{"Id": strings.Repeat("ü", 2049)}, want: "Id is longer than 2048 characters"},
		{name: "no product", with: map[string]any{"ProductArn": " "}, want: "ProductArn is missing"},
		{name: "no account", with: map[string]any{"AwsAccountId": nil}, want: "AwsAccountId is missing"},
		{name: "an account of 11 digits", with: map[string]any{"AwsAccountId": "11111111111"}, want: `AwsAccountId is "11111111111": an account id has 12 digits`},
		{name: "no resources", with: map[string]any{"Resources": []any{}}, want: "Resources is missing"},
		{name: "a resource without an id", with: map[string]any{"Resources": []any{map[string]any{"Id": "x"}, map[string]any{}}}, want: "Resources[1].Id is missing"},
		{name: "resources that are text", with: map[string]any{"Resources": "x"}, want: "Resources has the wrong type: string"},
		{name: "no time", with: map[string]any{"UpdatedAt": nil, "CreatedAt": nil}, want: "UpdatedAt is missing"},
		{name: "a time that is none", with: map[string]any{"UpdatedAt": "yesterday"}, want: `UpdatedAt is "yesterday", which is no time`},
		{name: "a time to come", with: map[string]any{"UpdatedAt": "2025-06-05T00:00:00Z"}, want: "UpdatedAt is 2025-06-05T00:00:00Z, which is in the future"},
		{name: "an unknown workflow status", with: map[string]any{"Workflow": map[string]any{"Status": "LATER"}}, want: `Workflow.Status is "LATER": it is one of NEW, NOTIFIED, RESOLVED, SUPPRESSED`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := []byte(tt.body)
			if tt.with != nil {
				body = asffWith(t, tt.with)
			}
			obs, rejected := Decode("test", received, body)
			if len(obs) != 0 || len(rejected) != 1 {
				t.Fatalf("%d findings, rejected %v, want one rejected", len(obs), rejected)
			}
			if got := rejected[0].Reason; got != tt.want {
				t.Errorf("reason:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

func wrapped(times int, body string) string {
	for range times {
		text, _ := json.Marshal(body)
		body = `{"Records":[{"body":` + string(text) + `}]}`
	}
	return body
}

func TestTheSameInputIsRejectedUnderTheSameID(t *testing.T) {
	t.Parallel()
	body := []byte(`{"Findings":[{"Id":"a"},{"Id":"a"},{"Id":"b","x":[` + strings.Repeat("12345,", 1000) + `1]}]}`)
	_, once := Decode("queue", received, body)
	_, again := Decode("queue", received.Add(time.Hour), body)
	_, elsewhere := Decode("file", received, body)
	if len(once) != 2 || once[0].ID == once[1].ID {
		t.Fatalf("rejected: %v, want the two that differ", once)
	}
	if once[1].ID != again[1].ID || once[1].ID == elsewhere[1].ID {
		t.Errorf("ids depend on the time, or don't depend on the source")
	}
	if n := len(once[1].Body); n > 4096 || n < 4090 || !strings.HasPrefix(once[1].Body, `{"Id":"b"`) {
		t.Errorf("the body has %d bytes and begins with %.20q", n, once[1].Body)
	}
}

func jsonOf(v any) (string, error) {
	raw, err := json.Marshal(v)
	return string(raw), err
}
