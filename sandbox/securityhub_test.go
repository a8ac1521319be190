package sandbox

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/google/go-cmp/cmp"
)

const product = "arn:aws:securityhub:us-east-1::product/aws/securityhub"

// hubs enables Security Hub in the places that the tests use.
func hubs(t *testing.T) *Sandbox {
	t.Helper()
	s := start(t)
	for _, account := range []string{DefaultHub, memberA, memberB} {
		for _, region := range []string{here, there} {
			if _, err := securityhub.NewFromConfig(s.Config(account, region)).EnableSecurityHub(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

func client(s *Sandbox, account, region string) *securityhub.Client {
	return securityhub.NewFromConfig(s.Config(account, region))
}

// found is a failed finding of a bucket.
func found(id string, more ...func(*types.AwsSecurityFinding)) types.AwsSecurityFinding {
	f := types.AwsSecurityFinding{
		SchemaVersion: aws.String("2018-10-08"), Id: &id, ProductArn: aws.String(product), GeneratorId: aws.String("security-control/S3.5"),
		AwsAccountId: aws.String(memberA), CreatedAt: aws.String("2026-01-01T00:00:00.000Z"), UpdatedAt: aws.String("2026-01-01T00:00:00.000Z"),
		Title: aws.String("S3 general purpose buckets should require requests to use SSL"), Description: aws.String("d"),
		Types: []string{"Software and Configuration Checks"}, Severity: &types.Severity{Label: types.SeverityLabelMedium},
		Compliance: &types.Compliance{Status: types.ComplianceStatusFailed, SecurityControlId: aws.String("S3.5")},
		Resources:  []types.Resource{{Id: aws.String("arn:aws:s3:::b-1"), Type: aws.String("AwsS3Bucket"), Region: aws.String(here), Tags: map[string]string{"team": "red"}}},
	}
	for _, m := range more {
		m(&f)
	}
	return f
}

func updated(at string) func(*types.AwsSecurityFinding) {
	return func(f *types.AwsSecurityFinding) { f.UpdatedAt = aws.String("2026-01-" + at + "T00:00:00.000Z") }
}

func compliant(s types.ComplianceStatus) func(*types.AwsSecurityFinding) {
	return func(f *types.AwsSecurityFinding) { f.Compliance.Status = s }
}

func report(t *testing.T, c *securityhub.Client, fs ...types.AwsSecurityFinding) {
	t.Helper()
	out, err := c.BatchImportFindings(t.Context(), &securityhub.BatchImportFindingsInput{Findings: fs})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range out.FailedFindings {
		t.Fatalf("%s: %s", *f.Id, *f.ErrorMessage)
	}
}

func one(t *testing.T, c *securityhub.Client, id string) types.AwsSecurityFinding {
	t.Helper()
	out, err := c.GetFindings(t.Context(), &securityhub.GetFindingsInput{Filters: &types.AwsSecurityFindingFilters{
		Id: []types.StringFilter{{Value: &id, Comparison: types.StringFilterComparisonEquals}},
	}})
	if err != nil || len(out.Findings) != 1 {
		t.Fatalf("finding %s: %d (%v)", id, len(out.Findings), err)
	}
	return out.Findings[0]
}

func update(t *testing.T, c *securityhub.Client, in *securityhub.BatchUpdateFindingsInput, ids ...string) *securityhub.BatchUpdateFindingsOutput {
	t.Helper()
	for _, id := range ids {
		in.FindingIdentifiers = append(in.FindingIdentifiers, types.AwsSecurityFindingIdentifier{Id: &id, ProductArn: aws.String(product)})
	}
	out, err := c.BatchUpdateFindings(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSecurityHubMustBeEnabled(t *testing.T) {
	t.Parallel()
	s := start(t)
	c, ctx := client(s, memberA, here), t.Context()
	if _, err := c.GetFindings(ctx, nil); !typed[*types.InvalidAccessException](err) {
		t.Errorf("not enabled: %v", err)
	}
	if _, err := c.EnableSecurityHub(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.EnableSecurityHub(ctx, nil); !typed[*types.ResourceConflictException](err) {
		t.Errorf("enabled twice: %v", err)
	}
	d, err := c.DescribeHub(ctx, nil)
	if err != nil || aws.ToString(d.HubArn) != "arn:aws:securityhub:us-east-1:222222222222:hub/default" {
		t.Errorf("described: %v (%v)", d, err)
	}
	if _, err := c.DescribeSecurityHubV2(ctx, nil); !typed[*types.ResourceNotFoundException](err) {
		t.Errorf("v2 not enabled: %v", err)
	}
	if _, err := c.EnableSecurityHubV2(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if v2, err := c.DescribeSecurityHubV2(ctx, nil); err != nil || !strings.HasSuffix(aws.ToString(v2.HubV2Arn), "hubv2/default") {
		t.Errorf("v2 enabled: %v (%v)", v2, err)
	}
	report(t, c, found("f"))
	if _, err := c.DisableSecurityHub(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DisableSecurityHub(ctx, nil); !typed[*types.ResourceNotFoundException](err) {
		t.Errorf("disabled twice: %v", err)
	}
	for _, call := range s.Calls() {
		if !call.Overlay {
			t.Errorf("%s is not marked as self-emulated", call.Operation)
		}
	}
}

func TestReimportingKeepsWhatPeopleSaid(t *testing.T) {
	t.Parallel()
	s := hubs(t)
	c := client(s, memberA, here)
	report(t, c, found("f"))
	if got := one(t, c, "f"); got.Workflow.Status != types.WorkflowStatusNew || aws.ToInt32(got.Severity.Normalized) != 40 || aws.ToString(got.Region) != here {
		t.Errorf("imported: %+v", got)
	}
	update(t, c, &securityhub.BatchUpdateFindingsInput{
		Note: &types.NoteUpdate{Text: aws.String("n"), UpdatedBy: aws.String("me")}, Workflow: &types.WorkflowUpdate{Status: types.WorkflowStatusNotified},
		UserDefinedFields: map[string]string{"k": "v"}, Severity: &types.SeverityUpdate{Label: types.SeverityLabelCritical}, VerificationState: types.VerificationStateTruePositive,
	}, "f")
	got := one(t, c, "f")
	if aws.ToString(got.UpdatedAt) != "2026-01-01T00:00:00.000Z" {
		t.Errorf("UpdatedAt moved to %s", *got.UpdatedAt)
	}
	kept := func(why string) {
		t.Helper()
		got := one(t, c, "f")
		if got.Note == nil || *got.Note.Text != "n" || *got.Note.UpdatedBy != "me" || got.Workflow.Status != types.WorkflowStatusNotified || got.UserDefinedFields["k"] != "v" ||
			got.Severity.Label != types.SeverityLabelCritical || got.VerificationState != types.VerificationStateTruePositive {
			t.Errorf("%s: %+v", why, got)
		}
	}
	kept("updated")
	report(t, c, found("f", updated("02"), func(f *types.AwsSecurityFinding) {
		f.Title, f.Note = aws.String("new title"), &types.Note{Text: aws.String("x"), UpdatedBy: aws.String("x"), UpdatedAt: aws.String("2026-01-02T00:00:00Z")}
		f.Workflow = &types.Workflow{Status: types.WorkflowStatusResolved}
	}))
	kept("imported again")
	if got := one(t, c, "f"); *got.Title != "new title" || got.FindingProviderFields.Severity.Label != types.SeverityLabelMedium {
		t.Errorf("imported again: %+v", got)
	}
	report(t, c, found("f", updated("01"), func(f *types.AwsSecurityFinding) { f.Title = aws.String("old title") }))
	if got := one(t, c, "f"); *got.Title != "new title" {
		t.Errorf("an older report won: %s", *got.Title)
	}
}

func TestFailingAgainReopensAFinding(t *testing.T) {
	t.Parallel()
	s := hubs(t)
	c := client(s, memberA, here)
	archived := func(f *types.AwsSecurityFinding) { f.RecordState = types.RecordStateArchived }
	for _, row := range []struct {
		name          string
		before, after func(*types.AwsSecurityFinding)
		workflow      types.WorkflowStatus
		want          types.WorkflowStatus
	}{
		{"failed after passed", compliant(types.ComplianceStatusPassed), compliant(types.ComplianceStatusFailed), types.WorkflowStatusResolved, types.WorkflowStatusNew},
		{"warning after passed", compliant(types.ComplianceStatusPassed), compliant(types.ComplianceStatusWarning), types.WorkflowStatusNotified, types.WorkflowStatusNew},
		{"suppressed stays", compliant(types.ComplianceStatusPassed), compliant(types.ComplianceStatusFailed), types.WorkflowStatusSuppressed, types.WorkflowStatusSuppressed},
		{"failed after failed", compliant(types.ComplianceStatusFailed), compliant(types.ComplianceStatusFailed), types.WorkflowStatusResolved, types.WorkflowStatusResolved},
		{"passed after failed", compliant(types.ComplianceStatusFailed), compliant(types.ComplianceStatusPassed), types.WorkflowStatusResolved, types.WorkflowStatusResolved},
		{"active after archived", archived, func(f *types.AwsSecurityFinding) { f.RecordState = types.RecordStateActive }, types.WorkflowStatusResolved, types.WorkflowStatusNew},
	} {
		report(t, c, found(row.name, row.before))
		update(t, c, &securityhub.BatchUpdateFindingsInput{Workflow: &types.WorkflowUpdate{Status: row.workflow}}, row.name)
		report(t, c, found(row.name, updated("02"), row.after))
		if got := one(t, c, row.name).Workflow.Status; got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

func TestUpdatesThatFail(t *testing.T) {
	t.Parallel()
	s := hubs(t)
	c := client(s, memberA, here)
	report(t, c, found("f"))
	note := func(n int) *types.NoteUpdate {
		return &types.NoteUpdate{Text: aws.String(strings.Repeat("é", n)), UpdatedBy: aws.String("me")}
	}
	for _, row := range []struct {
		name   string
		client *securityhub.Client
		ids    []string
		note   *types.NoteUpdate
		want   []string
	}{
		{"512 characters", c, []string{"f"}, note(512), nil},
		{"513 characters", c, []string{"f"}, note(513), []string{"InvalidInput"}},
		{"unknown", c, []string{"g"}, note(1), []string{"FindingNotFound"}},
		{"named twice", c, []string{"f", "f"}, note(1), []string{"DuplicatedFindingIdentifier"}},
		{"another account's", client(s, memberB, here), []string{"f"}, note(1), []string{"FindingNotFound"}},
		{"by the administrator", client(s, DefaultHub, here), []string{"f"}, note(1), nil},
	} {
		out := update(t, row.client, &securityhub.BatchUpdateFindingsInput{Note: row.note}, row.ids...)
		var got []string
		for _, u := range out.UnprocessedFindings {
			got = append(got, *u.ErrorCode)
		}
		if !slices.Equal(got, row.want) || len(got)+len(out.ProcessedFindings) != len(row.ids) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
	in := &securityhub.BatchUpdateFindingsInput{FindingIdentifiers: []types.AwsSecurityFindingIdentifier{{Id: aws.String("f"), ProductArn: aws.String(product)}}, Workflow: &types.WorkflowUpdate{Status: "DONE"}}
	if _, err := c.BatchUpdateFindings(t.Context(), in); !typed[*types.InvalidInputException](err) {
		t.Errorf("no such status: %v", err)
	}
}

func TestImportsThatFail(t *testing.T) {
	t.Parallel()
	s := hubs(t)
	c := client(s, memberA, here)
	out, err := c.BatchImportFindings(t.Context(), &securityhub.BatchImportFindingsInput{Findings: []types.AwsSecurityFinding{
		found("good"),
		found("no resource", func(f *types.AwsSecurityFinding) { f.Resources = []types.Resource{} }),
		found("no time", func(f *types.AwsSecurityFinding) { f.UpdatedAt = aws.String("yesterday") }),
		found("no severity", func(f *types.AwsSecurityFinding) { f.Severity = nil }),
		found("stolen", func(f *types.AwsSecurityFinding) {
			f.ProductArn, f.AwsAccountId = aws.String("arn:aws:securityhub:us-east-1:222222222222:product/222222222222/default"), aws.String(memberB)
		}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range out.FailedFindings {
		got = append(got, *f.Id+" "+*f.ErrorCode)
	}
	if diff := cmp.Diff([]string{"no resource InvalidInput", "no time InvalidInput", "no severity InvalidInput", "stolen InvalidInput"}, got); diff != "" || aws.ToInt32(out.SuccessCount) != 1 {
		t.Errorf("%d good; failed (-want +got):\n%s", *out.SuccessCount, diff)
	}
}

func TestActionTargets(t *testing.T) {
	t.Parallel()
	s := hubs(t)
	c, ctx := client(s, DefaultHub, here), t.Context()
	in := &securityhub.CreateActionTargetInput{Id: aws.String("ASRRemediate"), Name: aws.String("Remediate with ASR"), Description: aws.String("d")}
	made, err := c.CreateActionTarget(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	arn := "arn:aws:securityhub:us-east-1:111111111111:action/custom/ASRRemediate"
	if got := aws.ToString(made.ActionTargetArn); got != arn {
		t.Errorf("arn %s", got)
	}
	if _, err := c.CreateActionTarget(ctx, in); !typed[*types.ResourceConflictException](err) {
		t.Errorf("twice: %v", err)
	}
	for _, bad := range []securityhub.CreateActionTargetInput{
		{Id: aws.String("with-dash"), Name: aws.String("n"), Description: aws.String("d")},
		{Id: aws.String("x"), Name: aws.String("a name of 21 letters!"), Description: aws.String("d")},
		{Id: aws.String("x"), Name: aws.String("n"), Description: aws.String(strings.Repeat("d", 101))},
	} {
		if _, err := c.CreateActionTarget(ctx, &bad); !typed[*types.InvalidInputException](err) {
			t.Errorf("%s: %v", *bad.Name, err)
		}
	}
	if _, err := c.UpdateActionTarget(ctx, &securityhub.UpdateActionTargetInput{ActionTargetArn: &arn, Name: aws.String("Plan with ASR")}); err != nil {
		t.Error(err)
	}
	list, err := c.DescribeActionTargets(ctx, &securityhub.DescribeActionTargetsInput{ActionTargetArns: []string{arn}})
	if err != nil || len(list.ActionTargets) != 1 || *list.ActionTargets[0].Name != "Plan with ASR" || *list.ActionTargets[0].Description != "d" {
		t.Errorf("described %v (%v)", list, err)
	}
	gone := aws.String("arn:aws:securityhub:us-east-1:111111111111:action/custom/Gone")
	_, err = c.DescribeActionTargets(ctx, &securityhub.DescribeActionTargetsInput{ActionTargetArns: []string{*gone}})
	if !typed[*types.ResourceNotFoundException](err) {
		t.Errorf("described what is not there: %v", err)
	}
	if _, err := c.UpdateActionTarget(ctx, &securityhub.UpdateActionTargetInput{ActionTargetArn: gone}); !typed[*types.ResourceNotFoundException](err) {
		t.Errorf("updated what is not there: %v", err)
	}
	if _, err := c.DeleteActionTarget(ctx, &securityhub.DeleteActionTargetInput{ActionTargetArn: &arn}); err != nil {
		t.Error(err)
	}
	if _, err := c.DeleteActionTarget(ctx, &securityhub.DeleteActionTargetInput{ActionTargetArn: &arn}); !typed[*types.ResourceNotFoundException](err) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	s := hubs(t)
	c := client(s, DefaultHub, here)
	out, err := c.CreateMembers(t.Context(), &securityhub.CreateMembersInput{AccountDetails: []types.AccountDetails{{AccountId: aws.String(memberA), Email: aws.String("a@example.com")}, {AccountId: aws.String(DefaultHub)}}})
	if err != nil || len(out.UnprocessedAccounts) != 1 {
		t.Fatalf("%v (%v)", out, err)
	}
	list, err := c.ListMembers(t.Context(), nil)
	if err != nil || len(list.Members) != 1 || *list.Members[0].AccountId != memberA || *list.Members[0].MemberStatus != "Enabled" || time.Since(*list.Members[0].UpdatedAt) > time.Hour {
		t.Errorf("%v (%v)", list, err)
	}
}
