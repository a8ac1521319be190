package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// adminStack is as much of the existing solution's admin stack as an import reads.
const adminStack = `
Resources:
  Config:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: controlId, AttributeType: S}]
      KeySchema: [{AttributeName: controlId, KeyType: HASH}]
Outputs:
  RemediationConfigurationDynamoDBTable: {Value: !Ref Config}
`

func TestAnImportIsAPolicyFileThatHolds(t *testing.T) {
	t.Parallel()
	s, err := sandbox.Start(t.Context(), sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	ctx, cfg := t.Context(), s.Config("111111111111", "us-east-1")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	stacks := cloudformation.NewFromConfig(cfg)
	_, err = stacks.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: aws.String("admin"), TemplateBody: aws.String(adminStack)})
	must(err)
	out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("admin")})
	must(err)
	table := out.Stacks[0].Outputs[0].OutputValue
	for id, on := range map[string]bool{"S3.5": true, "S3.2": false, "RDS.4": true, "Nobody.1": true} {
		_, err := dynamodb.NewFromConfig(cfg).PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: map[string]types.AttributeValue{
			"controlId": &types.AttributeValueMemberS{Value: id}, "automatedRemediationEnabled": &types.AttributeValueMemberBOOL{Value: on},
		}})
		must(err)
	}
	for name, value := range map[string]string{"AccountFilterMode": "Include", "AccountFilters": "222222222222"} {
		_, err := ssm.NewFromConfig(cfg).PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/ASR/Filters/" + name), Value: &value, Type: ssmtypes.ParameterTypeString})
		must(err)
	}
	asr := func(args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		a := &app{in: strings.NewReader(""), out: &out, errs: &errs, given: &cfg}
		cmd := root(a)
		cmd.SetArgs(args)
		err := cmd.ExecuteContext(ctx)
		if err != nil {
			a.complain(err)
		}
		return exitCode(err), out.String(), errs.String()
	}
	file := filepath.Join(t.TempDir(), "policy.yaml")
	code, _, errs := asr("import-asr", "--stack", "admin", "--out", file)
	if code != exitDone || !strings.Contains(errs, `"Nobody.1" was automatic`) || !strings.Contains(errs, "1 of the ") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	text, err := os.ReadFile(file)
	must(err)
	if code, out, errs := asr("policy", "lint", file); code != exitDone {
		t.Errorf("lint: %d %s%s\n%s", code, out, errs, text)
	}
	if code, _, errs := asr("import-asr", "--stack", "admin", "--out", file); code != exitUsage || !strings.Contains(errs, "is there already") {
		t.Errorf("a file that is there is overwritten: %d %s", code, errs)
	}
	if code, out, _ := asr("import-asr", "--table", *table, "--json"); code != exitDone || !strings.Contains(out, `"automatic": [`) || !strings.Contains(out, `"S3.5"`) {
		t.Errorf("exit code %d: %s", code, out)
	}
	if code, _, errs := asr("import-asr", "--stack", "elsewhere"); code != exitFailed || !strings.Contains(errs, "elsewhere can't be read") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
