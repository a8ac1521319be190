package securityhub

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// many is a Security Hub with findings of several Regions, and one id that it
// takes for invalid.
type many struct {
	regions map[string]string // of each finding
	seen    map[string]Seen   // what is said of those that aren't new
	invalid string
	refuse  map[string]string // the ErrorCode for a finding
	calls   []string
}

func (m *many) take(what string, ids []string, opts []func(*securityhub.Options)) (region string, err error) {
	o := securityhub.Options{Region: "us-east-1"}
	for _, f := range opts {
		f(&o)
	}
	m.calls = append(m.calls, fmt.Sprint(what, " ", o.Region, " ", strings.Join(ids, ",")))
	if slices.Contains(ids, m.invalid) {
		return o.Region, &smithy.GenericAPIError{Code: "InvalidInputException"}
	}
	return o.Region, nil
}

func (m *many) Look(_ context.Context, ids, products []string, opts ...func(*securityhub.Options)) (found []Seen, err error) {
	region, err := m.take("look", ids, opts)
	for _, id := range ids {
		if s := m.seen[id]; m.regions[id] == region && err == nil {
			s.ID, s.ProductARN = id, products[0]
			found = append(found, s)
		}
	}
	return found, err
}

func (m *many) BatchUpdateFindings(_ context.Context, in *securityhub.BatchUpdateFindingsInput, opts ...func(*securityhub.Options)) (*securityhub.BatchUpdateFindingsOutput, error) {
	var ids []string
	out := &securityhub.BatchUpdateFindingsOutput{}
	for _, f := range in.FindingIdentifiers {
		ids = append(ids, *f.Id)
		if code := m.refuse[*f.Id]; code != "" {
			out.UnprocessedFindings = append(out.UnprocessedFindings, types.BatchUpdateFindingsUnprocessedFinding{ErrorCode: &code, FindingIdentifier: &f})
		}
	}
	status := ""
	if in.Workflow != nil {
		status = string(in.Workflow.Status)
	}
	_, err := m.take(fmt.Sprint("v1 ", *in.Note.Text, " ", status, " ", slices.Sorted(maps.Values(in.UserDefinedFields))), ids, opts)
	return out, err
}

func (m *many) BatchUpdateFindingsV2(_ context.Context, in *securityhub.BatchUpdateFindingsV2Input, opts ...func(*securityhub.Options)) (*securityhub.BatchUpdateFindingsV2Output, error) {
	var ids []string
	for _, f := range in.FindingIdentifiers {
		ids = append(ids, *f.FindingInfoUid)
	}
	region, err := m.take(fmt.Sprint("v2 ", *in.Comment), ids, opts)
	out := &securityhub.BatchUpdateFindingsV2Output{}
	for i, f := range in.FindingIdentifiers {
		if m.regions[ids[i]] != region {
			out.UnprocessedFindings = append(out.UnprocessedFindings, types.BatchUpdateFindingsV2UnprocessedFinding{ErrorCode: types.BatchUpdateFindingsV2UnprocessedFindingErrorCodeResourceNotFoundException, FindingIdentifier: &f})
		}
	}
	return out, err
}

// told reports on findings in ASFF, and says what was called and what went wrong.
func told(t *testing.T, m *many, reports ...asr.Report) (codes []asr.Code) {
	t.Helper()
	r := Reporter{Client: m, Region: "us-east-1"}
	errs := r.ReportAll(t.Context(), reports)
	if len(errs) != len(reports) {
		t.Fatalf("%d errors for %d reports", len(errs), len(reports))
	}
	for _, err := range errs {
		code := asr.Code("")
		if err != nil {
			code = asr.Classify(err)
		}
		codes = append(codes, code)
	}
	return codes
}

func on(id, run, workflow string) asr.Report {
	return asr.Report{Finding: id, Product: productV1, Format: "asff", Account: "111111111111", Region: "eu-west-1", Workflow: workflow, Note: "n", Run: run}
}

// covers: W17
func TestFindingsAreLookedAtTogetherAndWhatIsTheSameIsToldOnce(t *testing.T) {
	t.Parallel()
	hub := &many{regions: map[string]string{"a": "us-east-1", "b": "us-east-1", "c": "us-east-1", "kept": "us-east-1", "theirs": "us-east-1"}, seen: map[string]Seen{
		"kept":   {UserDefinedFields: map[string]string{"ticket": "OPS-1"}},
		"theirs": {Workflow: struct{ Status types.WorkflowStatus }{types.WorkflowStatusSuppressed}},
	}}
	codes := told(t, hub, on("a", "r1", "RESOLVED"), on("kept", "r1", "RESOLVED"), on("b", "r2", "RESOLVED"), on("theirs", "r1", "RESOLVED"), on("c", "r1", "RESOLVED"), on("a", "r3", "NEW"))
	want := []string{
		"look us-east-1 a,kept,b,theirs,c",
		"v1 n RESOLVED [RESOLVED r1] us-east-1 a,c",
		"v1 n RESOLVED [OPS-1 RESOLVED r1] us-east-1 kept",
		"v1 n RESOLVED [RESOLVED r2] us-east-1 b",
		"v1 n  [RESOLVED r1] us-east-1 theirs", // a person's SUPPRESSED stays
		"look us-east-1 a",                     // again: it was changed meanwhile
		"v1 n NEW [NEW r3] us-east-1 a",
	}
	if diff := cmp.Diff(want, hub.calls); diff != "" || slices.ContainsFunc(codes, func(c asr.Code) bool { return c != "" }) {
		t.Errorf("%v (-want +got):\n%s", codes, diff)
	}
}

func TestAnErrorIsOfItsOwnReport(t *testing.T) {
	t.Parallel()
	hub := &many{regions: map[string]string{"a": "us-east-1", "busy": "us-east-1", "odd": "us-east-1", "far": "eu-west-1"}, invalid: "odd", refuse: map[string]string{"busy": "ConcurrentUpdateError"}}
	codes := told(t, hub, on("a", "r1", "NEW"), on("odd", "r1", "NEW"), on("busy", "r1", "NEW"), on("gone", "r1", "NEW"), on("far", "r1", "NEW"))
	if diff := cmp.Diff([]asr.Code{"", asr.CodeInternal, asr.CodeUnavailable, asr.CodeNotFound, ""}, codes); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	want := []string{
		"look us-east-1 a,odd,busy,gone,far", "look us-east-1 a", "look us-east-1 odd", "look us-east-1 busy", "look us-east-1 gone", "look us-east-1 far",
		"v1 n NEW [NEW r1] us-east-1 a,busy",
		"look eu-west-1 gone,far", "v1 n NEW [NEW r1] eu-west-1 far",
	}
	if diff := cmp.Diff(want, hub.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestAFindingThatGoesBetweenLookAndUpdateIsNotUpdatedUnseenElsewhere(t *testing.T) {
	t.Parallel()
	hub := &many{regions: map[string]string{"going": "us-east-1"}, refuse: map[string]string{"going": "FindingNotFound"}}
	codes := told(t, hub, on("going", "r1", "NEW"))
	want := []string{"look us-east-1 going", "v1 n NEW [NEW r1] us-east-1 going", "look eu-west-1 going"}
	if diff := cmp.Diff(want, hub.calls); diff != "" || codes[0] != asr.CodeNotFound {
		t.Errorf("%v (-want +got):\n%s", codes, diff)
	}
}

func TestFindingsInOCSFShareACommentAndAStatus(t *testing.T) {
	t.Parallel()
	hub := &many{regions: map[string]string{"a": "us-east-1", "b": "us-east-1", "c": "us-east-1", "far": "eu-west-1"}}
	reports := []asr.Report{on("a", "r1", "RESOLVED"), on("b", "r2", "RESOLVED"), on("far", "r1", "RESOLVED"), on("gone", "r1", "RESOLVED"), on("c", "r1", "RESOLVED")}
	for i := range reports {
		reports[i].Format = "ocsf"
	}
	codes := told(t, hub, reports...)
	if diff := cmp.Diff([]asr.Code{"", "", "", asr.CodeNotFound, ""}, codes); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	want := []string{
		"v2 n (asr r1 RESOLVED) us-east-1 a,far,gone,c", "v2 n (asr r2 RESOLVED) us-east-1 b",
		"v2 n (asr r1 RESOLVED) eu-west-1 far,gone",
	}
	if diff := cmp.Diff(want, hub.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestTwentyFindingsAreLookedAtInOneCall(t *testing.T) {
	t.Parallel()
	hub := &many{regions: map[string]string{}}
	var reports []asr.Report
	for i := range 45 {
		id := fmt.Sprint("f", i)
		hub.regions[id] = "us-east-1"
		reports = append(reports, on(id, "r1", "RESOLVED"))
	}
	told(t, hub, reports...)
	var kinds []string
	for _, c := range hub.calls {
		kinds = append(kinds, fmt.Sprint(c[:2], strings.Count(c, ",")+1))
	}
	if diff := cmp.Diff([]string{"lo20", "v120", "lo20", "v120", "lo5", "v15"}, kinds); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestARefusalThatNamesNoFindingIsOfAll(t *testing.T) {
	t.Parallel()
	hub := fakeWith("NEW", nil) // whose refusals name none
	hub.refuse = "InternalFailure"
	r := Reporter{Client: hub, Region: "us-east-1"}
	other := verified()
	other.Finding = "another" // the fake has that one too
	for _, err := range r.ReportAll(t.Context(), []asr.Report{verified(), other}) {
		if asr.Classify(err) != asr.CodeUnavailable {
			t.Errorf("%v, want unavailable: it is sent again", err)
		}
	}
	if len(hub.v1) != 1 || hub.looks != 1 {
		t.Errorf("%d looks and %d updates, want one each", hub.looks, len(hub.v1))
	}
	if errs := r.ReportAll(t.Context(), nil); len(errs) != 0 {
		t.Errorf("no reports: %v", errs)
	}
}

func TestFindingsAreLookedAtByTheirIDsAndProducts(t *testing.T) {
	t.Parallel()
	api, hub := dial(t, func(r request) (int, string) {
		if r.NextToken == "" {
			return ok(`{"Findings":[{"Id":"f1","ProductArn":"` + productV1 + `","Workflow":{"Status":"SUPPRESSED"},"UserDefinedFields":{"team":"shop"},"Severity":"odd"}],"NextToken":"two"}`)
		}
		return ok(`{"Findings":[{"Id":"f2","ProductArn":"` + productV1 + `"}]}`)
	})
	got, err := updater{api.Client}.Look(t.Context(), []string{"f1", "f2"}, []string{productV1})
	want := []Seen{{ID: "f1", ProductARN: productV1, UserDefinedFields: map[string]string{"team": "shop"}}, {ID: "f2", ProductARN: productV1}}
	want[0].Workflow.Status = types.WorkflowStatusSuppressed
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	is := func(values ...string) (all []any) {
		for _, v := range values {
			all = append(all, map[string]any{"Comparison": "EQUALS", "Value": v})
		}
		return all
	}
	for _, asked := range hub.asked {
		if diff := cmp.Diff(map[string]any{"Id": is("f1", "f2"), "ProductArn": is(productV1)}, asked.Filters); diff != "" || asked.Path != "/findings" || asked.MaxResults != 100 {
			t.Errorf("asked at %s for %d\n%s", asked.Path, asked.MaxResults, diff)
		}
	}
	if hub.asked[1].NextToken != "two" {
		t.Errorf("the second page is asked for with %q", hub.asked[1].NextToken)
	}
}
