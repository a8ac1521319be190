package importasr

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"
)

// admin is an account with the solution's table and parameters.
type admin struct {
	t          *testing.T
	tables     *dynamodb.Client
	parameters *ssm.Client
}

func newAdmin(t *testing.T) admin {
	t.Helper()
	sb, err := sandbox.Start(t.Context(), sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	cfg := sb.Config("111111111111", "us-east-1")
	a := admin{t, dynamodb.NewFromConfig(cfg), ssm.NewFromConfig(cfg)}
	_, err = a.tables.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("config"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("controlId"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("controlId"), KeyType: types.KeyTypeHash}},
	})
	a.must(err)
	return a
}

func (a admin) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a admin) row(id string, enabled types.AttributeValue) {
	a.t.Helper()
	item := map[string]types.AttributeValue{"controlId": &types.AttributeValueMemberS{Value: id}}
	if enabled != nil {
		item["automatedRemediationEnabled"] = enabled
	}
	_, err := a.tables.PutItem(a.t.Context(), &dynamodb.PutItemInput{TableName: aws.String("config"), Item: item})
	a.must(err)
}

func (a admin) parameter(name, value string) {
	a.t.Helper()
	_, err := a.parameters.PutParameter(a.t.Context(), &ssm.PutParameterInput{Name: aws.String("/ASR/Filters/" + name), Value: &value, Type: ssmtypes.ParameterTypeString})
	a.must(err)
}

func yes(v bool) types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: v} }

func TestTheSolutionsSettingsAreRead(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	a.row("S3.5", yes(true))
	a.row("S3.2", yes(false))
	a.row("EC2.2", &types.AttributeValueMemberS{Value: "true"})
	a.row("EC2.6", nil)
	a.parameter("AccountFilterMode", "Include")
	a.parameter("AccountFilters", "111111111111, 222222222222,,111111111111 ")
	a.parameter("OUFilterMode", "exclude")
	a.parameter("OUFilters", "none")
	a.parameter("TagFilters", "team,env:prod")
	a.parameter("TagFilterMode", "Exclude")
	got, err := Read(t.Context(), a.tables, a.parameters, "config", DefaultPath)
	a.must(err)
	want := Settings{
		Table: "config", Controls: []Control{{"EC2.2", false}, {"EC2.6", false}, {"S3.2", false}, {"S3.5", true}},
		Accounts: Filter{Include, []string{"111111111111", "222222222222"}}, OUs: Filter{Mode: Disabled}, Tags: Filter{Exclude, []string{"team", "env:prod"}},
	}
	odd := got.Odd
	got.Odd = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{`"EC2.2"`, `"EC2.6"`, `OUFilterMode is "exclude"`} {
		if !slices.ContainsFunc(odd, func(o string) bool { return strings.Contains(o, want) }) {
			t.Errorf("nothing tells of %s: %v", want, odd)
		}
	}
}

func TestATableOfManyPagesIsReadWhole(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	long := strings.Repeat("x", 1900) // moto's pages are of 1 MB, as DynamoDB's are
	for i := range 600 {
		a.row(fmt.Sprintf("%s.%d", long, i), yes(false))
	}
	got, err := Read(t.Context(), a.tables, a.parameters, "config", DefaultPath)
	if a.must(err); len(got.Controls) != 600 {
		t.Errorf("%d rows, want 600", len(got.Controls))
	}
}

func TestHostileRowsAndParametersBecomeAPolicyThatHolds(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	for _, id := range []string{"*", "S3.*", "S3.5\nrules: [{name: x, mode: auto}]", "# S3.5", "\u2028mode: auto", `"]`, strings.Repeat("A", 1000)} {
		a.row(id, yes(true))
	}
	a.row("CloudWatch.16", yes(true))
	a.parameter("TagFilterMode", "Exclude")
	a.parameter("TagFilters", `a: b,"*",<<,keep # me,!!binary x,- name: y`)
	a.parameter("AccountFilterMode", "Exclude\nInclude")
	a.parameter("AccountFilters", "*")
	s, err := Read(t.Context(), a.tables, a.parameters, "config", DefaultPath)
	a.must(err)
	p, r := converted(t, s)
	if diff := cmp.Diff([]string{"CloudWatch.16"}, r.Automatic); diff != "" {
		t.Error(diff)
	}
	for _, tag := range []string{"a: b", `"*"`, "<<", "keep # me", "!!binary x", "- name: y"} {
		if d, _ := p.Decide(asr.Facts{Control: "CloudWatch.16", Tags: map[string]string{tag: "1"}}); d.Mode == asr.ModeAuto {
			t.Errorf("a resource with the tag %s is automatic: %s", tag, d.Why)
		}
	}
	if d, _ := p.Decide(asr.Facts{Control: "S3.5", Tags: map[string]string{}}); d.Mode == asr.ModeAuto {
		t.Errorf("a pattern in the table made S3.5 automatic: %s", d.Why)
	}
}

func TestAMissingTableSaysWhereToLook(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	_, err := Read(t.Context(), a.tables, a.parameters, "elsewhere", DefaultPath)
	if asr.Classify(err) != asr.CodeNotFound || !strings.Contains(asr.Advice(err), "RemediationConfigurationDynamoDBTable") {
		t.Errorf("got %v: %s", err, asr.Advice(err))
	}
}
