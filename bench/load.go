package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"example.com/asr/playbook"
)

// load makes findings as Security Hub writes them, 3 kB each; the n-th is
// always the same. Their controls are all that the playbook has, their accounts
// and Regions those of a large organization.
type load struct {
	controls []string
	accounts int
	began    time.Time
}

var regions = []string{"eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-southeast-1"}

const findingSize = 3000

func newLoad(book *playbook.Book, accounts int) load {
	l := load{accounts: accounts, began: early}
	for _, e := range book.Entries() {
		if e.Playbook == "SC" {
			l.controls = append(l.controls, e.Control)
		}
	}
	return l
}

// labels are severities as often as they are in an organization.
var labels = []string{"LOW", "MEDIUM", "MEDIUM", "MEDIUM", "LOW", "HIGH", "MEDIUM", "INFORMATIONAL", "LOW", "CRITICAL"}

func (l load) account(n int) string { return fmt.Sprintf("%012d", 100000000000+n*7919%l.accounts) }
func (l load) control(n int) string { return l.controls[n*31%len(l.controls)] }

// write adds the n-th finding.
func (l load) write(b *bytes.Buffer, n int) {
	start := b.Len()
	account := l.account(n)
	region := regions[n/3%len(regions)]
	control := l.control(n)
	id := fmt.Sprintf("arn:aws:securityhub:%s:%s:security-control/%s/finding/%08x-6b1f-4b0a-9d6b-%012x", region, account, control, n, n)
	at := l.began.Add(time.Duration(n) * time.Second).Format("2006-01-02T15:04:05.000Z")
	bucket := fmt.Sprintf("arn:aws:s3:::shop-%s-%d", account, n)
	severity := labels[n%len(labels)]
	fmt.Fprintf(b, `{"SchemaVersion":"2018-10-08","Id":%q,"ProductArn":"arn:aws:securityhub:%s::product/aws/securityhub","ProductName":"Security Hub","CompanyName":"AWS","Region":%q,`, id, region, region)
	fmt.Fprintf(b, `"GeneratorId":"security-control/%s","AwsAccountId":%q,"AwsAccountName":"shop-dev","Types":["Software and Configuration Checks/Industry and Regulatory Standards"],`, control, account)
	fmt.Fprintf(b, `"FirstObservedAt":%q,"LastObservedAt":%q,"CreatedAt":%q,"UpdatedAt":%q,"ProcessedAt":%q,"Severity":{"Label":%q,"Normalized":40,"Original":%q},`, at, at, at, at, at, severity, severity)
	fmt.Fprintf(b, `"Title":"%s should be as the standard asks","Description":"This control checks whether the setting is as the standard asks. It fails if it isn't.","Remediation":{"Recommendation":{"Text":"For information on how to correct this issue, consult the AWS Security Hub controls documentation.","Url":"https://docs.aws.amazon.com/console/securityhub/%s/remediation"}},`, control, control)
	fmt.Fprintf(b, `"ProductFields":{"RelatedAWSResources:0/name":"securityhub-some-config-rule-8b4dd5b7","RelatedAWSResources:0/type":"AWS::Config::ConfigRule","aws/securityhub/ProductName":"Security Hub","aws/securityhub/CompanyName":"AWS","Resources:0/Id":%q,"aws/securityhub/FindingId":"arn:aws:securityhub:%s::product/aws/securityhub/%s"},`, bucket, region, id)
	fmt.Fprintf(b, `"Resources":[{"Type":"AwsS3Bucket","Id":%q,"Partition":"aws","Region":%q,"Tags":{"team":"billing","stage":"prod","cost-centre":"4711","owner":"shop@example.com"},"Details":{"AwsS3Bucket":{"OwnerId":"8a1f0c2d","CreatedAt":%q,"Name":"shop-%s-%d"}}}],`, bucket, region, at, account, n)
	fmt.Fprintf(b, `"Compliance":{"Status":"FAILED","RelatedRequirements":["NIST.800-53.r5 CA-7","NIST.800-53.r5 SI-3(8)","NIST.800-53.r5 SI-4"],"SecurityControlId":%q,"AssociatedStandards":[{"StandardsId":"standards/nist-800-53/v/5.0.0"},{"StandardsId":"standards/aws-foundational-security-best-practices/v/1.0.0"}]},`, control)
	fmt.Fprintf(b, `"WorkflowState":"NEW","Workflow":{"Status":"NEW"},"RecordState":"ACTIVE","FindingProviderFields":{"Severity":{"Label":%q,"Original":%q},"Types":["Software and Configuration Checks/Industry and Regulatory Standards"]},"Sample":false,`, severity, severity)
	filler := findingSize - (b.Len() - start) - len(`"Reason":""}`)
	fmt.Fprintf(b, `"Reason":%q}`, strings.Repeat("the setting differs ", max(0, filler)/20+1)[:max(0, filler)])
}

// page is an answer of GetFindings with so many findings from the n-th on.
func (l load) page(from, count int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"Findings":[`)
	for n := range count {
		if n > 0 {
			b.WriteByte(',')
		}
		l.write(&b, from+n)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}
