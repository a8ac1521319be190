package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakeAWS notes each call of the AWS CLI and answers those that look.
const fakeAWS = `#!/usr/bin/env bash
printf '%s\n' "$*" >>"$CALLS"
case "$*" in
sts*) printf '111111111111\tarn:aws:sts::111111111111:assumed-role/admin/jane\n' ;;
*describe-stack-set*) [ -n "$THERE" ] ;;
*describe-stacks*OrganizationId*) printf '%s\n' "${HAS_ORG:-None}" ;;
*describe-stacks*) echo None ;;
*list-stack-set-operations*)
	if [ -n "$BUSY" ] && [ ! -e "$CALLS.busy" ]; then
		touch "$CALLS.busy"
		echo op-1
	fi ;;
esac
`

// launch runs launch.sh with an AWS CLI that only notes its calls.
func launch(t *testing.T, stdin string, env ...string) (calls []string, output string, err error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(fakeAWS), 0o755); err != nil {
		t.Fatal(err)
	}
	zip := filepath.Join(dir, "asr-lambda.zip")
	if err := os.WriteFile(zip, []byte("code"), 0o644); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "calls")
	cmd := exec.CommandContext(t.Context(), "bash", "launch.sh")
	cmd.Env = append([]string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "CALLS=" + log, "THERE=", "BUSY=", "EVERY=0", "AWS_REGION=eu-west-1", "ARTIFACT_BUCKET=artifacts", "ZIP=" + zip}, env...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	raw, _ := os.ReadFile(log) // there is none if it made no call
	if len(raw) == 0 {
		return nil, string(out), err
	}
	return strings.Split(strings.TrimSpace(string(raw)), "\n"), string(out), err
}

func changes(calls []string) (all []string) {
	for _, c := range calls {
		if !strings.HasPrefix(c, "sts") && !strings.Contains(c, " describe-") && !strings.Contains(c, " list-") {
			all = append(all, c)
		}
	}
	return all
}

func expect(t *testing.T, calls []string, want ...string) {
	t.Helper()
	got := changes(calls)
	for i, w := range want {
		for _, word := range strings.Fields(w) {
			if i >= len(got) || !strings.Contains(got[i], word) {
				t.Fatalf("call %d has no %s in:\n%s", i, word, strings.Join(got, "\n"))
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d changes, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
}

func TestLaunchingInAnOrganizationMakesTheHubAndStackSets(t *testing.T) {
	t.Parallel()
	calls, output, err := launch(t, "", "YES=1", "ORGANIZATION=o-a1b2c3d4e5", "OUS=r-ab12", "EXTERNAL_ID=word", "RUNBOOK_REGIONS=eu-west-1,us-east-1", "HUB_PARAMETERS=RetentionDays=731 LogLevel=DEBUG")
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	expect(t, calls,
		"s3 cp s3://artifacts/asr/ /asr-lambda.zip",
		"s3 cp templates --include *.yaml",
		"deploy --stack-name asr-hub CAPABILITY_NAMED_IAM OrganizationId=o-a1b2c3d4e5 ExternalId=word RetentionDays=731 LogLevel=DEBUG",
		"update-termination-protection --stack-name asr-hub --enable-termination-protection",
		"create-stack-set asr-member --call-as DELEGATED_ADMIN SERVICE_MANAGED Enabled=true ParameterKey=HubAccount,ParameterValue=111111111111 ParameterKey=OrganizationId,ParameterValue=o-a1b2c3d4e5 ParameterKey=ExternalId,ParameterValue=word https://artifacts.s3.eu-west-1.amazonaws.com/asr/",
		"create-stack-instances asr-member OrganizationalUnitIds=r-ab12 eu-west-1",
		"create-stack-set asr-runbooks ParameterKey=HubBusArn,ParameterValue=arn:aws:events:eu-west-1:111111111111:event-bus/asr-hub",
		"create-stack-instances asr-runbooks eu-west-1 us-east-1",
	)
}

func TestLaunchingOnceMoreUpdatesAndKeepsTheOrganization(t *testing.T) {
	t.Parallel()
	calls, output, err := launch(t, "", "YES=1", "THERE=1", "HAS_ORG=o-a1b2c3d4e5", "OUS=ou-ab12-11111111", "CALL_AS=SELF", "MEMBER_HERE=1", "BUSY=1")
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	expect(t, calls, "s3 cp", "s3 cp", "deploy asr-hub OrganizationId=o-a1b2c3d4e5", "update-termination-protection", "deploy asr-member HubAccount=111111111111 OrganizationId=o-a1b2c3d4e5",
		"update-stack-set asr-member --call-as SELF", "create-stack-instances")
	if !strings.Contains(output, "waiting for the StackSet") {
		t.Errorf("it doesn't wait while the StackSet is busy: %s", output)
	}
}

func TestLaunchingInOneAccountNeedsNoOrganization(t *testing.T) {
	t.Parallel()
	calls, output, err := launch(t, "", "YES=1")
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	expect(t, calls, "s3 cp", "s3 cp", "deploy asr-hub", "update-termination-protection", "deploy asr-member")
}

func TestLaunchingChangesNothingUnasked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, stdin, says string
		env               []string
		changes           int
		fails             bool
	}{
		{name: "only the plan", env: []string{"PLAN=1"}, says: "+ aws cloudformation deploy"},
		{name: "somebody says no", stdin: "n\n", says: "stopped", fails: true},
		{name: "nobody answers", says: "YES=1", fails: true},
		{name: "one yes is for one change", stdin: "y\nn\n", says: "stopped", changes: 1, fails: true},
		{name: "member roles without an organization", env: []string{"YES=1", "OUS=r-ab12"}, says: "OUS without ORGANIZATION", fails: true},
		{name: "no bucket", env: []string{"YES=1", "ARTIFACT_BUCKET="}, says: "name an S3 bucket", fails: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			calls, output, err := launch(t, tt.stdin, tt.env...)
			if (err != nil) != tt.fails || !strings.Contains(output, tt.says) {
				t.Errorf("%v: %s", err, output)
			}
			if got := len(changes(calls)); got != tt.changes {
				t.Errorf("%d changes, want %d: %q", got, tt.changes, calls)
			}
		})
	}
}
