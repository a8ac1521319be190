package securityhub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// answerWith is a page of findings updated at these minutes of 11 o'clock.
func answerWith(t *testing.T, next string, minutes ...int) string {
	t.Helper()
	var all []json.RawMessage
	for _, m := range minutes {
		all = append(all, asffWith(t, map[string]any{"Id": fmt.Sprint("f", m), "UpdatedAt": fmt.Sprintf("2025-06-03T11:%02d:00Z", m), "ProcessedAt": nil}))
	}
	raw, err := json.Marshal(map[string]any{"Findings": all, "NextToken": next})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// pulled collects what a pull hands over.
type pulled struct {
	ids    []string
	bad    []string
	cursor string
}

func (p *pulled) emit(obs []asr.Observation, rejected []asr.Rejected, cursor string) error {
	for _, o := range obs {
		p.ids = append(p.ids, o.ID)
	}
	for _, r := range rejected {
		p.bad = append(p.bad, r.Source+": "+r.Reason)
	}
	p.cursor = cursor
	return nil
}

func ok(body string) (int, string) { return http.StatusOK, body }

func TestAPullFollowsThePagesAndTheNextLooksForWhatIsNewer(t *testing.T) {
	t.Parallel()
	api, hub := dial(t, func(r request) (int, string) {
		if r.NextToken == "" {
			return ok(answerWith(t, "two", 18, 15))
		}
		return ok(`{"Findings":[{"Id":"odd"},` + strings.TrimPrefix(answerWith(t, "", 10), `{"Findings":[`))
	})
	var p pulled
	if err := api.Pull(t.Context(), Open(), "", p.emit); err != nil {
		t.Fatal(err)
	}
	want := pulled{ids: []string{"f18", "f15", "f10"}, bad: []string{"Security Hub in us-east-1: findings[0]: this is no finding in ASFF or OCSF, and no event that holds some"}}
	if diff := cmp.Diff(want.ids, p.ids); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.bad, p.bad); diff != "" {
		t.Errorf("rejected (-want +got):\n%s", diff)
	}
	first := hub.asked[0]
	if first.MaxResults != 100 || first.NextToken != "" || hub.asked[1].NextToken != "two" {
		t.Errorf("asked %+v", hub.asked)
	}
	if diff := cmp.Diff([]map[string]string{{"Field": "UpdatedAt", "SortOrder": "desc"}}, first.SortCriteria); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	eq := func(values ...string) []any {
		var all []any
		for _, v := range values {
			all = append(all, map[string]any{"Comparison": "EQUALS", "Value": v})
		}
		return all
	}
	filters := map[string]any{"ComplianceStatus": eq("FAILED", "WARNING"), "RecordState": eq("ACTIVE"), "WorkflowStatus": eq("NEW", "NOTIFIED")}
	if diff := cmp.Diff(filters, first.Filters); diff != "" {
		t.Errorf("filters (-want +got):\n%s", diff)
	}

	hub.asked = nil
	hub.answer = func(request) (int, string) { return ok(answerWith(t, "")) }
	for range 2 { // a pull without news forgets nothing
		if err := api.Pull(t.Context(), Open(), p.cursor, p.emit); err != nil {
			t.Fatal(err)
		}
	}
	since := map[string]any{"UpdatedAt": []any{map[string]any{"Start": "2025-06-03T11:03:00.000Z", "End": "2100-01-01T00:00:00.000Z"}}}
	for _, r := range hub.asked {
		if diff := cmp.Diff(since, r.Filters); diff != "" {
			t.Errorf("filters of a later pull (-want +got):\n%s", diff)
		}
	}
}

// covers: W23
func TestAnInterruptedPullGoesOn(t *testing.T) {
	t.Parallel()
	api, hub := dial(t, func(r request) (int, string) {
		if r.NextToken == "" {
			return ok(answerWith(t, "two", 18, 15))
		}
		return ok(answerWith(t, "", 10))
	})
	stop := errors.New("stop")
	var cursor string
	err := api.Pull(t.Context(), Filter{}, "", func(_ []asr.Observation, _ []asr.Rejected, c string) error { cursor = c; return stop })
	if err != stop {
		t.Fatalf("Pull = %v, want %v", err, stop)
	}
	var p pulled
	if err := api.Pull(t.Context(), Filter{}, cursor, p.emit); err != nil || !slices.Equal(p.ids, []string{"f10"}) || hub.asked[1].NextToken != "two" {
		t.Errorf("going on: %v, %v, asked %+v", p.ids, err, hub.asked[1:])
	}
	p = pulled{}
	if err := api.Pull(t.Context(), Open(), cursor, p.emit); err != nil || len(p.ids) != 3 {
		t.Errorf("another filter: %v, %v, want all three", p.ids, err)
	}
	p = pulled{}
	if err := api.Pull(t.Context(), Filter{}, "{rubbish", p.emit); err != nil || len(p.ids) != 3 {
		t.Errorf("a cursor of somebody else: %v, %v, want all three", p.ids, err)
	}
}

func TestAPullOutlivesItsTokens(t *testing.T) {
	t.Parallel()
	api, hub := dial(t, nil)
	hub.answer = func(r request) (int, string) {
		switch {
		case r.NextToken == "" && r.Filters["UpdatedAt"] == nil:
			return ok(answerWith(t, "expires", 18, 15))
		case r.NextToken == "expires":
			return http.StatusBadRequest, "InvalidInputException"
		case r.NextToken == "":
			return ok(answerWith(t, "three", 15, 10))
		}
		return ok(answerWith(t, "", 5))
	}
	var p pulled
	if err := api.Pull(t.Context(), Filter{}, "", p.emit); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"f18", "f15", "f15", "f10", "f5"}, p.ids); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	down := map[string]any{"UpdatedAt": []any{map[string]any{"Start": "2018-01-01T00:00:00.000Z", "End": "2025-06-03T11:15:00.001Z"}}}
	for _, i := range []int{2, 3} { // a token belongs to the question that it came with
		if diff := cmp.Diff(down, hub.asked[i].Filters); diff != "" {
			t.Errorf("filters of request %d (-want +got):\n%s", i, diff)
		}
	}

	hub.asked = nil
	hub.answer = func(r request) (int, string) {
		if r.NextToken != "" {
			return http.StatusBadRequest, "InvalidInputException"
		}
		return ok(answerWith(t, "never", 10))
	}
	if err := api.Pull(t.Context(), Filter{}, "", p.emit); !invalid(err) || len(hub.asked) > 5 {
		t.Errorf("tokens that are never taken: %v after %d requests", err, len(hub.asked))
	}
}

func TestErrorsOfAWSPassThrough(t *testing.T) {
	t.Parallel()
	for _, v2 := range []bool{false, true} {
		api, hub := dial(t, func(request) (int, string) { return http.StatusTooManyRequests, "ThrottlingException" })
		api.V2 = v2
		var p pulled
		var aerr smithy.APIError
		err := api.Pull(t.Context(), Open(), "", p.emit)
		if !errors.As(err, &aerr) || aerr.ErrorCode() != "ThrottlingException" || len(hub.asked) != 1 {
			t.Errorf("v2 %v: %v after %d requests", v2, err, len(hub.asked))
		}
		_, _, err = api.ByID(t.Context(), []string{"a"})
		if !errors.As(err, &aerr) {
			t.Errorf("v2 %v: ByID = %v", v2, err)
		}
		hub.answer = func(request) (int, string) { return ok("<html>") }
		if err := api.Pull(t.Context(), Open(), "", p.emit); err == nil || !strings.Contains(err.Error(), "not JSON") {
			t.Errorf("v2 %v: an answer that isn't JSON: %v", v2, err)
		}
	}
	api, _ := dial(t, func(request) (int, string) { return http.StatusBadRequest, "InvalidInputException" })
	if err := api.Pull(t.Context(), Open(), "", (&pulled{}).emit); !invalid(err) {
		t.Errorf("a filter that AWS refuses: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := api.Pull(ctx, Open(), "", (&pulled{}).emit); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestPulledFindingsAreWhatAFileWouldSay(t *testing.T) {
	t.Parallel()
	page := fixture(t, "getfindings.json")
	api, _ := dial(t, func(request) (int, string) { return ok(strings.Replace(string(page), `"AAAA"`, `null`, 1)) })
	var got []asr.Observation
	err := api.Pull(t.Context(), Filter{}, "", func(obs []asr.Observation, _ []asr.Rejected, _ string) error {
		got = append(got, obs...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want, _ := Decode("f", received, page)
	for i := range want {
		want[i].Source = asr.SourceImported
		if soon := received.Add(-lag); want[i].WorkflowAt.Before(soon) {
			want[i].WorkflowAt = soon
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-file +API):\n%s", diff)
	}
}

func TestLongFiltersAreAskedInParts(t *testing.T) {
	t.Parallel()
	api, hub := dial(t, func(request) (int, string) { return ok(`{"Findings":[]}`) })
	f := Filter{Regions: []string{"us-east-1"}}
	for i := range 45 {
		f.Controls = append(f.Controls, fmt.Sprint("S3.", i))
	}
	for i := range 21 {
		f.Accounts = append(f.Accounts, fmt.Sprintf("%012d", i))
	}
	var p pulled
	if err := api.Pull(t.Context(), f, "", p.emit); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range hub.asked {
		accounts, controls := r.Filters["AwsAccountId"].([]any), r.Filters["ComplianceSecurityControlId"].([]any)
		if len(accounts) > 20 || len(controls) > 20 {
			t.Errorf("%d accounts, %d controls in one request", len(accounts), len(controls))
		}
		for _, a := range accounts {
			for _, c := range controls {
				seen[fmt.Sprint(a, c)] = true
			}
		}
	}
	if len(hub.asked) != 6 || len(seen) != 45*21 {
		t.Errorf("%d requests with %d combinations, want 6 with %d", len(hub.asked), len(seen), 45*21)
	}
	var c cursor
	if err := json.Unmarshal([]byte(p.cursor), &c); err != nil || !c.Done || c.Part != 6 {
		t.Errorf("cursor %s", p.cursor)
	}
}

func TestAFindingFromTheFutureDoesNotHideWhatComesNext(t *testing.T) {
	t.Parallel()
	c := begin(Filter{}, "", received)
	c.saw(received.Add(20 * time.Hour))
	c.Done = true
	next := begin(Filter{}, c.text(), received.Add(time.Hour))
	if want := received.Add(-overlap); !next.From.Equal(want) {
		t.Errorf("the next pull begins at %s, want %s", next.From, want)
	}
}

func TestFindingsAreReadAgainByID(t *testing.T) {
	t.Parallel()
	api, hub := dial(t, func(r request) (int, string) {
		if r.NextToken == "" && len(r.Filters["Id"].([]any)) == 20 {
			return ok(answerWith(t, "more", 1))
		}
		return ok(answerWith(t, "", 2))
	})
	var ids []string
	for i := range 25 {
		ids = append(ids, fmt.Sprint("f", i))
	}
	obs, rejected, err := api.ByID(t.Context(), ids)
	if err != nil || len(obs) != 3 || len(rejected) != 0 || len(hub.asked) != 3 || hub.asked[1].NextToken != "more" {
		t.Errorf("%d findings, %v, %v in %d requests", len(obs), rejected, err, len(hub.asked))
	}
	if n := len(hub.asked[2].Filters["Id"].([]any)); n != 5 {
		t.Errorf("%d ids in the last request, want 5", n)
	}
}

// covers: W23
func TestTheSecondAPIIsAskedInItsOwnTerms(t *testing.T) {
	t.Parallel()
	var event struct {
		Detail struct{ Findings []json.RawMessage }
	}
	if err := json.Unmarshal(fixture(t, "imported_v2.json"), &event); err != nil {
		t.Fatal(err)
	}
	api, hub := dial(t, func(request) (int, string) { return ok(`{"Findings":[` + string(event.Detail.Findings[0]) + `]}`) })
	api.V2 = true
	f := Open()
	f.Severities, f.Controls = []string{"HIGH"}, []string{"SQS.1"}
	var p pulled
	for range 2 {
		if err := api.Pull(t.Context(), f, p.cursor, p.emit); err != nil {
			t.Fatal(err)
		}
	}
	again, _, err := api.ByID(t.Context(), p.ids)
	if err != nil || len(again) != 1 || again[0].Format != "ocsf" || len(p.ids) != 2 || p.ids[0] != again[0].ID {
		t.Errorf("findings %v, again %v, %v", p.ids, again, err)
	}
	one := func(field, value string) map[string]any {
		return map[string]any{"FieldName": field, "Filter": map[string]any{"Comparison": "EQUALS", "Value": value}}
	}
	any1 := func(filters ...any) map[string]any { return map[string]any{"Operator": "OR", "StringFilters": filters} }
	want := map[string]any{"CompositeOperator": "AND", "CompositeFilters": []any{
		any1(one("compliance.control", "SQS.1")), any1(one("severity", "High")),
		any1(one("compliance.status", "Fail"), one("compliance.status", "Warning")),
		any1(one("status", "New"), one("status", "In Progress")),
		any1(one("activity_name", "Create"), one("activity_name", "Update")),
	}}
	if diff := cmp.Diff(want, hub.asked[0].Filters); diff != "" || hub.asked[0].Path != "/findingsv2" {
		t.Errorf("filters at %s (-want +got):\n%s", hub.asked[0].Path, diff)
	}
	dates := []any{map[string]any{"FieldName": "finding_info.modified_time_dt", "Filter": map[string]any{"Start": "2025-06-03T09:02:27.903Z", "End": "2100-01-01T00:00:00.000Z"}}}
	groups, _ := hub.asked[1].Filters["CompositeFilters"].([]any)
	if len(groups) != 3 || !cmp.Equal(groups[2].(map[string]any)["DateFilters"], any(dates)) {
		t.Errorf("filters of a later pull: %v", groups)
	}
}

// The client's own types must not matter to what we read; this shows that they
// would say the same of a finding that they understand.
func TestTheClientsTypesWouldSayTheSame(t *testing.T) {
	t.Parallel()
	api, _ := dial(t, func(request) (int, string) { return ok(string(fixture(t, "getfindings.json"))) })
	typed, err := api.Client.GetFindings(t.Context(), &securityhub.GetFindingsInput{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string][]types.AwsSecurityFinding{"Findings": typed.Findings})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := Decode("f", received, raw)
	want, _ := Decode("f", received, fixture(t, "getfindings.json"))
	for i := range want { // an empty map and none are the same to the client
		if want[i].Resources[0].Tags != nil && len(want[i].Resources[0].Tags) == 0 && i < len(got) {
			want[i].Resources[0].Tags = got[i].Resources[0].Tags
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-raw +typed):\n%s", diff)
	}
}
