package hub

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func matching(t *testing.T, filters string, findings map[string]string) ([]string, error) {
	t.Helper()
	var raw map[string]json.RawMessage
	if err := json.Unmarshal([]byte(filters), &raw); err != nil {
		t.Fatal(err)
	}
	matches, err := compile(raw, time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC))
	if err != nil {
		return nil, err
	}
	var got []string
	for name, text := range findings {
		var o object
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		if matches(o) {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	return got, nil
}

func TestFilters(t *testing.T) {
	t.Parallel()
	findings := map[string]string{
		"a": `{"Title":"CloudFront logs","UpdatedAt":"2026-01-30T00:00:00Z","Workflow":{"Status":"NEW"},"Severity":{"Normalized":40},"Sample":true,
			"Resources":[{"Type":"AwsS3Bucket","Tags":{"team":"red"}},{"Type":"AwsEc2Vpc"}],"ProductFields":{"k":"one"}}`,
		"b": `{"Title":"CloudWatch alarm","UpdatedAt":"2026-01-10T00:00:00Z","Workflow":{"Status":"NOTIFIED"},"Severity":{"Normalized":70},
			"Resources":[{"Type":"AwsIamUser","Tags":{"team":"blue"}}],"ProductFields":{"k":"two"},"Compliance":{"AssociatedStandards":[{"StandardsId":"cis"},{"StandardsId":"pci"}]}}`,
		"c": `{"Title":"Backup","UpdatedAt":"2025-06-01T00:00:00Z","Workflow":{"Status":"RESOLVED"}}`,
	}
	for _, row := range []struct {
		name, filters string
		want          []string
	}{
		{"none", `{}`, []string{"a", "b", "c"}},
		{"equals", `{"WorkflowStatus":[{"Value":"NEW","Comparison":"EQUALS"}]}`, []string{"a"}},
		{"equals, joined by or", `{"WorkflowStatus":[{"Value":"NEW","Comparison":"EQUALS"},{"Value":"RESOLVED","Comparison":"EQUALS"}]}`, []string{"a", "c"}},
		{"case counts", `{"WorkflowStatus":[{"Value":"new","Comparison":"EQUALS"}]}`, nil},
		{"prefix", `{"Title":[{"Value":"Cloud","Comparison":"PREFIX"}]}`, []string{"a", "b"}},
		{"contains", `{"Title":[{"Value":"Watch","Comparison":"CONTAINS"},{"Value":"Front","Comparison":"CONTAINS"}]}`, []string{"a", "b"}},
		{"not equals, joined by and", `{"WorkflowStatus":[{"Value":"NEW","Comparison":"NOT_EQUALS"},{"Value":"NOTIFIED","Comparison":"NOT_EQUALS"}]}`, []string{"c"}},
		{"prefix but not another prefix", `{"Title":[{"Value":"Cloud","Comparison":"PREFIX"},{"Value":"CloudF","Comparison":"PREFIX_NOT_EQUALS"}]}`, []string{"b"}},
		{"not contains", `{"Title":[{"Value":"Cloud","Comparison":"NOT_CONTAINS"}]}`, []string{"c"}},
		{"any of an array", `{"ResourceType":[{"Value":"AwsEc2Vpc","Comparison":"EQUALS"}]}`, []string{"a"}},
		{"none of an array, absent counts", `{"ResourceType":[{"Value":"AwsEc2Vpc","Comparison":"NOT_EQUALS"}]}`, []string{"b", "c"}},
		{"through objects in an array", `{"ComplianceAssociatedStandardsId":[{"Value":"pci","Comparison":"EQUALS"}]}`, []string{"b"}},
		{"attributes joined by and", `{"Title":[{"Value":"Cloud","Comparison":"PREFIX"}],"WorkflowStatus":[{"Value":"NOTIFIED","Comparison":"EQUALS"}]}`, []string{"b"}},
		{"map equals", `{"ProductFields":[{"Key":"k","Value":"one","Comparison":"EQUALS"}]}`, []string{"a"}},
		{"map not equals", `{"ProductFields":[{"Key":"k","Value":"one","Comparison":"NOT_EQUALS"}]}`, []string{"b", "c"}},
		{"map contains", `{"ResourceTags":[{"Key":"team","Value":"lu","Comparison":"CONTAINS"}]}`, []string{"b"}},
		{"days", `{"UpdatedAt":[{"DateRange":{"Value":7,"Unit":"DAYS"}}]}`, []string{"a"}},
		{"from", `{"UpdatedAt":[{"Start":"2026-01-10T00:00:00Z"}]}`, []string{"a", "b"}},
		{"from and to", `{"UpdatedAt":[{"Start":"2025-01-01T00:00:00Z","End":"2026-01-10T00:00:00Z"}]}`, []string{"b", "c"}},
		{"number", `{"SeverityNormalized":[{"Gte":41}]}`, []string{"b"}},
		{"number between", `{"SeverityNormalized":[{"Gte":40,"Lte":69}]}`, []string{"a"}},
		{"truth", `{"Sample":[{"Value":true}]}`, []string{"a"}},
	} {
		got, err := matching(t, row.filters, findings)
		if err != nil || !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v (%v)", row.name, got, row.want, err)
		}
	}
}

func TestFiltersThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, filters := range []string{
		`{"Title":[{"Value":"x"}]}`,
		`{"Title":[{"Value":"x","Comparison":"LIKE"}]}`,
		`{"Title":{"Value":"x","Comparison":"EQUALS"}}`,
		`{"ProductFields":[{"Value":"x","Comparison":"EQUALS"}]}`,
		`{"ProductFields":[{"Key":"k","Value":"x","Comparison":"PREFIX"}]}`,
		`{"UpdatedAt":[{}]}`,
		`{"UpdatedAt":[{"Start":"yesterday"}]}`,
		`{"UpdatedAt":[{"DateRange":{"Value":7,"Unit":"WEEKS"}}]}`,
		`{"Colour":[{"Value":"x","Comparison":"EQUALS"}]}`,
		`{"Title":[` + many(`{"Value":"x","Comparison":"EQUALS"}`, 21) + `]}`,
	} {
		if got, err := matching(t, filters, nil); err == nil {
			t.Errorf("%s was taken: %v", filters, got)
		}
	}
}

func many(s string, n int) string {
	out := s
	for range n - 1 {
		out += "," + s
	}
	return out
}

func TestPagesAddUpToTheWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, limit := rapid.IntRange(0, 300).Draw(t, "n"), rapid.IntRange(1, 100).Draw(t, "limit")
		var all, got []string
		for i := range n {
			all = append(all, strconv.Itoa(i))
		}
		for token := ""; ; {
			page, next, err := paginate(all, limit, token, "q")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, page...)
			if token = next; token == "" {
				break
			}
		}
		if !slices.Equal(got, all) {
			t.Errorf("got %v", got)
		}
	})
}

func FuzzAnyBodyIsAnswered(f *testing.F) {
	for _, body := range []string{
		`{}`, `[]`, `{"Findings":[{"Id":1}]}`, `{"Findings":[{"SchemaVersion":"s","Id":"i","ProductArn":"a/b/c","GeneratorId":"g","AwsAccountId":"1","CreatedAt":"2026-01-01T00:00:00Z","UpdatedAt":"2026-01-01T00:00:00Z","Title":"t","Description":"d","Severity":{},"Compliance":{"SecurityControlParameters":[{"Name":"n","Value":["v"]},3]},"Resources":[{"Tags":{"a":"b"}},1]}]}`,
		`{"FindingIdentifiers":[{"Id":"i","ProductArn":"a/b/c"}],"Note":{"Text":"t","UpdatedBy":"u"},"UserDefinedFields":3,"Severity":{"Label":"HIGH"}}`,
		`{"Filters":{"CompositeFilters":[{"MapFilters":[{"FieldName":"resources.tags","Filter":{"Key":"a","Value":"b","Comparison":"EQUALS"}}]}]}}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		h := New("1", time.Now)
		for _, op := range []string{"EnableSecurityHub", "EnableSecurityHubV2", "BatchImportFindings", "BatchUpdateFindings", "GetFindings", "GetFindingsV2", "BatchUpdateFindingsV2", "CreateActionTarget", "CreateMembers", "CreateFindingAggregator"} {
			out, err := h.Answer(Call{Operation: op, Account: "1", Region: "us-east-1", Body: []byte(body)})
			if err != nil {
				continue
			}
			if _, err := json.Marshal(out); err != nil {
				t.Errorf("%s: %v", op, err)
			}
		}
	})
}
