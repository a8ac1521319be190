package sandbox

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/document"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

// v2 lists findings as OCSF.
func v2(t *testing.T, c *securityhub.Client, filters *types.OcsfFindingFilters) []map[string]any {
	t.Helper()
	out, err := c.GetFindingsV2(t.Context(), &securityhub.GetFindingsV2Input{Filters: filters, MaxResults: aws.Int32(100)})
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for _, d := range out.Findings {
		all = append(all, decoded(t, d))
	}
	return all
}

func decoded(t *testing.T, d document.Interface) map[string]any {
	t.Helper()
	var o map[string]any
	if err := d.UnmarshalSmithyDocument(&o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestV2ShowsAndUpdatesTheSameFindings(t *testing.T) {
	t.Parallel()
	s := hubs(t)
	c, ctx := client(s, memberA, here), t.Context()
	if _, err := c.GetFindingsV2(ctx, nil); !typed[*types.AccessDeniedException](err) {
		t.Errorf("not enabled: %v", err)
	}
	for _, account := range []string{memberA, DefaultHub} {
		if _, err := client(s, account, here).EnableSecurityHubV2(ctx, nil); err != nil {
			t.Fatal(err)
		}
	}
	report(t, c, found("f"), found("g", func(f *types.AwsSecurityFinding) { f.Severity.Label = types.SeverityLabelHigh }))
	equals := func(field types.OcsfStringField, value string) types.OcsfStringFilter {
		return types.OcsfStringFilter{FieldName: field, Filter: &types.StringFilter{Value: &value, Comparison: types.StringFilterComparisonEquals}}
	}
	filters := func(composite ...types.CompositeFilter) *types.OcsfFindingFilters {
		return &types.OcsfFindingFilters{CompositeFilters: composite, CompositeOperator: types.AllowedOperatorsAnd}
	}
	got := v2(t, c, filters(types.CompositeFilter{StringFilters: []types.OcsfStringFilter{equals("finding_info.uid", "f"), equals("compliance.control", "S3.5"), equals("severity", "Medium")}}))
	if len(got) != 1 {
		t.Fatalf("%d findings", len(got))
	}
	f := got[0]
	metadata := f["metadata"].(map[string]any)
	for path, pair := range map[string][2]any{
		"class_uid":            {f["class_uid"], 2003.0},
		"cloud.account.uid":    {f["cloud"].(map[string]any)["account"].(map[string]any)["uid"], memberA},
		"compliance.status":    {f["compliance"].(map[string]any)["status"], "Fail"},
		"metadata.product.uid": {metadata["product"].(map[string]any)["uid"], "arn:aws:securityhub:us-east-1::productv2/aws/securityhub"},
		"resources[0].uid":     {f["resources"].([]any)[0].(map[string]any)["uid"], "arn:aws:s3:::b-1"},
		"status_id":            {f["status_id"], 1.0},
		"modified_time_dt":     {f["finding_info"].(map[string]any)["modified_time_dt"], "2026-01-01T00:00:00Z"},
	} {
		if fmt.Sprint(pair[0]) != fmt.Sprint(pair[1]) {
			t.Errorf("%s is %v, want %v", path, pair[0], pair[1])
		}
	}
	or := types.CompositeFilter{Operator: types.AllowedOperatorsOr, StringFilters: []types.OcsfStringFilter{equals("severity", "High"), equals("finding_info.uid", "f")}}
	if n := len(v2(t, c, filters(or))); n != 2 {
		t.Errorf("OR finds %d", n)
	}
	tagged := types.CompositeFilter{MapFilters: []types.OcsfMapFilter{{FieldName: "resources.tags", Filter: &types.MapFilter{Key: aws.String("team"), Value: aws.String("red"), Comparison: types.MapFilterComparisonEquals}}}}
	if n := len(v2(t, c, filters(tagged, or))); n != 2 {
		t.Errorf("tags find %d", n)
	}
	updateV2(t, c, metadata["uid"].(string))
}

func updateV2(t *testing.T, c *securityhub.Client, uid string) {
	t.Helper()
	id := func(uid string) types.OcsfFindingIdentifier {
		return types.OcsfFindingIdentifier{CloudAccountUid: aws.String(memberA), FindingInfoUid: &uid, MetadataProductUid: aws.String("arn:aws:securityhub:us-east-1::productv2/aws/securityhub")}
	}
	out, err := c.BatchUpdateFindingsV2(t.Context(), &securityhub.BatchUpdateFindingsV2Input{
		FindingIdentifiers: []types.OcsfFindingIdentifier{id("f"), id("none")}, Comment: aws.String("fixed"), StatusId: aws.Int32(4),
	})
	if err != nil || len(out.ProcessedFindings) != 1 || len(out.UnprocessedFindings) != 1 || out.UnprocessedFindings[0].ErrorCode != "ResourceNotFoundException" {
		t.Errorf("update: %+v (%v)", out, err)
	}
	if got := one(t, c, "f"); got.Workflow.Status != types.WorkflowStatusResolved || aws.ToString(got.Note.Text) != "fixed" || *got.UpdatedAt != "2026-01-01T00:00:00.000Z" {
		t.Errorf("after the update: %+v", got)
	}
	for _, row := range []struct {
		name string
		in   *securityhub.BatchUpdateFindingsV2Input
		want types.BatchUpdateFindingsV2UnprocessedFindingErrorCode
	}{
		{"a long comment", &securityhub.BatchUpdateFindingsV2Input{Comment: aws.String(strings.Repeat("x", 513))}, "ValidationException"},
		{"no such status", &securityhub.BatchUpdateFindingsV2Input{StatusId: aws.Int32(42)}, "ValidationException"},
		{"severity by number", &securityhub.BatchUpdateFindingsV2Input{SeverityId: aws.Int32(5)}, ""},
	} {
		row.in.MetadataUids = []string{uid}
		out, err := c.BatchUpdateFindingsV2(t.Context(), row.in)
		if err != nil {
			t.Fatal(err)
		}
		var got types.BatchUpdateFindingsV2UnprocessedFindingErrorCode
		if len(out.UnprocessedFindings) > 0 {
			got = out.UnprocessedFindings[0].ErrorCode
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
	if got := one(t, c, "f"); got.Severity.Label != types.SeverityLabelCritical {
		t.Errorf("severity %s", got.Severity.Label)
	}
	if _, err := c.BatchUpdateFindingsV2(t.Context(), &securityhub.BatchUpdateFindingsV2Input{Comment: aws.String("x")}); !typed[*types.ValidationException](err) {
		t.Errorf("nothing named: %v", err)
	}
}
