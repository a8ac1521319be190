package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"asr": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// emulator serves all scripts of this process; it ends with it. It enforces IAM:
// the sessions' policies alone are what a run may do.
var emulator = sync.OnceValues(func() (*sandbox.Sandbox, error) {
	ctx := context.Background()
	s, err := sandbox.Start(ctx, sandbox.Config{})
	if err == nil {
		_, err = securityhub.NewFromConfig(s.Config(sandbox.DefaultHub, "us-east-1")).EnableSecurityHub(ctx, &securityhub.EnableSecurityHubInput{})
	}
	if err == nil {
		err = s.Enforce(ctx, true)
	}
	return s, err
})

// TestScripts runs the command line as people do, each script with a data
// folder of its own, against the emulator.
func TestScripts(t *testing.T) {
	s, err := emulator()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			for _, e := range s.Env("us-east-1") {
				name, value, _ := strings.Cut(e, "=")
				env.Setenv(name, value)
			}
			env.Setenv("ASR_DATA", filepath.Join(env.WorkDir, "data"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"aws":    func(ts *testscript.TestScript, neg bool, args []string) { awsCommand(ts, s, neg, args) },
			"jsonis": jsonIs,
		},
	})
}

// exits runs a program and checks its exit code: exits 3 asr remediate …
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		_, code, ok := strings.Cut(err.Error(), "exit status ")
		if got, err = strconv.Atoi(code); !ok || err != nil {
			ts.Fatalf("%v", err)
		}
	}
	if (got == want) == neg {
		ts.Fatalf("%s exits with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// jsonIs checks that the last output is JSON with a text in it: jsonis '"state": "verified"'.
func jsonIs(ts *testscript.TestScript, neg bool, args []string) {
	if out := ts.ReadFile("stdout"); strings.Contains(out, args[0]) == neg {
		ts.Fatalf("the output lacks %s:\n%s", args[0], out)
	}
}

// awsCommand makes and changes resources as somebody with all rights:
//
//	aws role ACCOUNT [ACTIONS]   the member role, which may do all, or that much
//	aws bucket ACCOUNT NAME      a bucket
//	aws group ACCOUNT NAME DAYS  a log group with its retention, made or changed
//	aws days ACCOUNT NAME DAYS   checks a log group's retention
//	aws finding FILE             imports a file's findings into Security Hub, as the product that made them
//	aws workflow ID STATUS       sets a finding's workflow status, as a person does in the console
//	aws told ID STATUS           checks a finding's workflow status
func awsCommand(ts *testscript.TestScript, s *sandbox.Sandbox, neg bool, args []string) {
	ctx, cfg := context.Background(), s.Config(args[1], "us-east-1")
	logs := cloudwatchlogs.NewFromConfig(cfg)
	var err error
	switch args[0] {
	case "role":
		trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":["sts:AssumeRole","sts:SetSourceIdentity"]}]}`, sandbox.DefaultHub)
		api := iam.NewFromConfig(cfg)
		_, err = api.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("asr-member"), AssumeRolePolicyDocument: &trust})
		ts.Check(err)
		actions := "*"
		if len(args) > 2 {
			actions = args[2]
		}
		all := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:SimulatePrincipalPolicy",%q],"Resource":"*"}]}`, actions)
		_, err = api.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("asr-member"), PolicyName: aws.String("all"), PolicyDocument: &all})
	case "bucket":
		_, err = s3.NewFromConfig(cfg).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &args[2]})
	case "group":
		days, perr := strconv.Atoi(args[3])
		ts.Check(perr)
		_, _ = logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &args[2]}) // it may be there
		_, err = logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &args[2], RetentionInDays: aws.Int32(int32(days))})
	case "days":
		out, derr := logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &args[2]})
		ts.Check(derr)
		if got := fmt.Sprint(aws.ToInt32(out.LogGroups[0].RetentionInDays)); (got == args[3]) == neg {
			ts.Fatalf("%s keeps events for %s days, want %s", args[2], got, args[3])
		}
	case "finding", "workflow", "told":
		err = hubCommand(ts, s, neg, args)
	default:
		ts.Fatalf("aws %s?", args[0])
	}
	ts.Check(err)
}

func hubCommand(ts *testscript.TestScript, s *sandbox.Sandbox, neg bool, args []string) error {
	ctx := context.Background()
	hub := securityhub.NewFromConfig(s.Config(sandbox.DefaultHub, "us-east-1"))
	product := aws.String("arn:aws:securityhub:us-east-1::product/aws/securityhub")
	switch args[0] {
	case "finding":
		var findings []types.AwsSecurityFinding
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &findings))
		account := securityhub.NewFromConfig(s.Config(*findings[0].AwsAccountId, "us-east-1"))
		if _, err := account.EnableSecurityHub(ctx, &securityhub.EnableSecurityHubInput{}); err != nil {
			return err
		}
		_, err := account.BatchImportFindings(ctx, &securityhub.BatchImportFindingsInput{Findings: findings})
		return err
	case "workflow":
		_, err := hub.BatchUpdateFindings(ctx, &securityhub.BatchUpdateFindingsInput{
			FindingIdentifiers: []types.AwsSecurityFindingIdentifier{{Id: &args[1], ProductArn: product}}, Workflow: &types.WorkflowUpdate{Status: types.WorkflowStatus(args[2])},
		})
		return err
	}
	out, err := hub.GetFindings(ctx, &securityhub.GetFindingsInput{Filters: &types.AwsSecurityFindingFilters{Id: []types.StringFilter{{Value: &args[1], Comparison: types.StringFilterComparisonEquals}}}})
	if err == nil && (string(out.Findings[0].Workflow.Status) == args[2]) == neg {
		ts.Fatalf("%s is %s, want %s", args[1], out.Findings[0].Workflow.Status, args[2])
	}
	return err
}

func TestTablesAreQuietAboutColoursWhereThereIsNoTerminal(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out}
	a.table([]string{"A", "B"}, [][]string{{"x\x1b[0m", "y"}})
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("got %q", out.String())
	}
}
