package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/memory"
	"example.com/asr/server"
)

const account = "111111111111"

var ada = asr.Actor{Kind: "person", Name: "arn:aws:sts::111111111111:assumed-role/ops/ada", Verified: true}

// world is the API over an engine with one unit, which turns switches on.
type world struct {
	t        *testing.T
	store    *memory.Store
	engine   *asr.Engine
	api      http.Handler
	caller   asr.Actor
	driven   []string
	switches enginetest.Switches
	storing  error
	driving  error
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, store: memory.New(), caller: ada}
	w.engine = asr.New(asr.Config{Store: w.store, Remediations: []asr.Remediation{w.switches.Remediation()}, Matcher: enginetest.Book{}, Vault: enginetest.Glass{}, Policy: enginetest.Always(asr.ModeAsk)})
	w.api = server.New(server.Config{
		Engine: w.engine, Store: failing{w.store, &w.storing}, Audited: "audited", Drive: func(_ context.Context, run string) error { w.driven = append(w.driven, run); return w.driving },
		Who: func(*http.Request) (asr.Actor, error) {
			if w.caller.Name == "" {
				return asr.Actor{}, &asr.Error{Code: asr.CodeNotAllowed, Message: "not signed"}
			}
			return w.caller, nil
		},
	})
	return w
}

// failing is a store that can't be reached while there is an error.
type failing struct {
	asr.Store
	err *error
}

func (f failing) Run(ctx context.Context, id string) (asr.Run, error) {
	if *f.err != nil {
		return asr.Run{}, *f.err
	}
	return f.Store.Run(ctx, id)
}

// call uses the API; out is what a success is decoded into.
func (w *world) call(method, path, body string, out any) (int, asr.Error) {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body)))
	var failed asr.Error
	if rec.Code != http.StatusOK {
		out = &failed
	}
	if out != nil {
		if err := json.Unmarshal(rec.Body.Bytes(), out); err != nil {
			w.t.Fatalf("%s %s: %s: %v", method, path, rec.Body, err)
		}
	}
	if got := rec.Header().Get("Content-Type"); got != "application/json" {
		w.t.Errorf("content type %q", got)
	}
	return rec.Code, failed
}

func (w *world) drive(id string) asr.Run {
	w.t.Helper()
	for range 50 {
		next, err := w.engine.Step(w.t.Context(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		if next.Done {
			break
		}
	}
	r, err := w.store.Run(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

const wish = `{"control":"T.1","resource":"arn:aws:test:eu-west-1:` + account + `:s"}`

// covers: O6
func TestAPersonAsksLooksApprovesAndPutsBack(t *testing.T) {
	w := newWorld(t)
	var r asr.Run
	if status, no := w.call("POST", "/v1/runs", wish, &r); status != http.StatusOK || r.State != asr.StateClaimed || r.Actor != ada {
		t.Fatalf("request: %d %+v %+v", status, no, r)
	}
	r = w.drive(r.ID)
	var list server.Page[asr.Run]
	if w.call("GET", "/v1/runs?state=awaiting_approval&account="+account, "", &list); len(list.Items) != 1 || list.Items[0].Plan.Hash != r.Plan.Hash {
		t.Fatalf("list: %+v", list)
	}
	if status, no := w.call("POST", "/v1/runs/"+r.ID+"/approve", `{"hash":"another"}`, nil); status != http.StatusConflict || no.Code != asr.CodeStalePlan {
		t.Errorf("another plan's hash: %d %+v", status, no)
	}
	if status, no := w.call("POST", "/v1/runs/"+r.ID+"/approve", `{"hash":"`+r.Plan.Hash+`","note":"change 4711"}`, &r); status != http.StatusOK || r.Approval.By != ada || r.Approval.Note != "change 4711" {
		t.Fatalf("approve: %d %+v", status, no)
	}
	if r = w.drive(r.ID); r.State != asr.StateVerified || !w.switches.On("s") {
		t.Fatalf("the run is %s", r.State)
	}
	if status, no := w.call("POST", "/v1/runs/"+r.ID+"/revert", `{}`, &r); status != http.StatusOK || r.Undo.By != ada {
		t.Fatalf("revert: %d %+v", status, no)
	}
	if r = w.drive(r.ID); r.State != asr.StateReverted || w.switches.On("s") {
		t.Errorf("the run is %s", r.State)
	}
	if !slices.Equal(w.driven, []string{r.ID, r.ID, r.ID}) {
		t.Errorf("driven: %v", w.driven)
	}
}

// covers: O6
func TestARunCanBeRejectedOrCancelledOnce(t *testing.T) {
	w := newWorld(t)
	for _, what := range []string{"reject", "cancel"} {
		var r asr.Run
		w.call("POST", "/v1/runs", wish, &r)
		w.drive(r.ID)
		if status, no := w.call("POST", "/v1/runs/"+r.ID+"/"+what, `{"note":"not now"}`, &r); status != http.StatusOK || r.State != asr.StateCancelled || !strings.HasSuffix(r.Error.Message, "not now") {
			t.Errorf("%s: %d %+v, %s", what, status, no, r.State)
		}
		if status, no := w.call("POST", "/v1/runs/"+r.ID+"/"+what, "", nil); status != http.StatusForbidden || no.Code != asr.CodeNotAllowed {
			t.Errorf("%s again: %d %+v", what, status, no)
		}
	}
}

func TestTheKillSwitchIsSetByAName(t *testing.T) {
	w := newWorld(t)
	var got server.Reason
	w.call("PUT", "/v1/kill-switch", `{"reason":"incident 12"}`, nil)
	if w.call("GET", "/v1/kill-switch", "", &got); got.Reason != "incident 12" {
		t.Errorf("it is %q", got.Reason)
	}
	records, err := w.store.Records(t.Context(), "asr")
	if err != nil || len(records) != 1 || records[0].Actor != ada {
		t.Errorf("the audit log: %+v %v", records, err)
	}
}

func TestWhatWasStoppedIsShownAndResumed(t *testing.T) {
	w := newWorld(t)
	stopped := asr.Ledger{Scope: asr.ControlRuns(enginetest.Control), Line: 3, Stopped: &asr.Stopped{At: time.Now(), Run: "r-1", Why: "10 of its runs have failed within 1h"}}
	if err := w.store.Commit(t.Context(), &asr.Batch{Ledgers: []asr.Ledger{stopped}}); err != nil {
		t.Fatal(err)
	}
	var all []asr.Standing
	if w.call("GET", "/v1/limits", "", &all); len(all) != 1 || all[0].Name != enginetest.Control || all[0].Stopped == nil || all[0].Line != 3 {
		t.Errorf("standings: %+v", all)
	}
	if status, no := w.call("POST", "/v1/limits/resume", `{"scope":"Nothing.1"}`, nil); status != http.StatusNotFound {
		t.Errorf("what there is not: %d %+v", status, no)
	}
	if status, no := w.call("POST", "/v1/limits/resume", `{"scope":"`+enginetest.Control+`","why":"the SCP is gone"}`, nil); status != http.StatusOK {
		t.Errorf("resume: %d %+v", status, no)
	}
	if status, no := w.call("POST", "/v1/limits/resume", `{"scope":"all"}`, nil); status != http.StatusNotFound || no.Do == "" {
		t.Errorf("what isn't stopped: %d %+v", status, no)
	}
	records, err := w.store.Records(t.Context(), "asr")
	if err != nil || len(records) != 1 || records[0].Event != "resumed" || records[0].Actor != ada || !strings.Contains(string(records[0].Detail), "the SCP is gone") {
		t.Errorf("the audit log: %+v %v", records, err)
	}
}

func TestTheLastLookAtTheAuditLogIsShown(t *testing.T) {
	w := newWorld(t)
	if status, no := w.call("GET", "/v1/audit", "", nil); status != http.StatusNotFound || no.Do == "" {
		t.Errorf("before the first: %d %+v", status, no)
	}
	if err := w.store.SetSetting(t.Context(), "audited", `{"at":"2026-03-01T00:00:00Z","report":{"records":7}}`); err != nil {
		t.Fatal(err)
	}
	var got struct{ Report struct{ Records int } }
	if status, no := w.call("GET", "/v1/audit", "", &got); status != http.StatusOK || got.Report.Records != 7 {
		t.Errorf("%d %+v %+v", status, no, got)
	}
}

func TestFindingsAreListedAndShown(t *testing.T) {
	w := newWorld(t)
	const id = "arn:aws:securityhub:eu-west-1:111111111111:security-control/T.1/finding/1"
	o := asr.Observation{ID: id, Source: asr.SourceImported, Provider: asr.Provider{Format: "asff", Account: account, Region: "eu-west-1", Control: "T.1", Severity: "HIGH", Compliance: asr.ComplianceFailed, Resources: []asr.Resource{{ID: "arn:aws:test:eu-west-1:" + account + ":s"}}}}
	if _, err := w.engine.Ingest(t.Context(), []asr.Observation{o}); err != nil {
		t.Fatal(err)
	}
	var list server.Page[asr.Finding]
	if w.call("GET", "/v1/findings?control=T.1&outcome=running&severity=HIGH&limit=5", "", &list); len(list.Items) != 1 {
		t.Errorf("list: %+v", list)
	}
	var f asr.Finding
	if status, no := w.call("GET", "/v1/finding?id="+id, "", &f); status != http.StatusOK || f.ID != id {
		t.Errorf("show: %d %+v", status, no)
	}
}

// covers: A8, A10
func TestWhatCantBeMeantIsRefusedAndNothingIsDone(t *testing.T) {
	for name, row := range map[string]struct {
		method, path, body string
		status             int
		code               asr.Code
	}{
		"an unknown path":              {"GET", "/v1/nothing", "", 404, asr.CodeNotFound},
		"another method":               {"DELETE", "/v1/runs", "", 404, asr.CodeNotFound},
		"an unknown run":               {"GET", "/v1/runs/r-9", "", 404, asr.CodeNotFound},
		"an unknown run, approved":     {"POST", "/v1/runs/r-9/approve", `{"hash":"x"}`, 404, asr.CodeNotFound},
		"an unknown finding":           {"GET", "/v1/finding?id=f-9", "", 404, asr.CodeNotFound},
		"a misspelt filter":            {"GET", "/v1/runs?acount=1", "", 400, asr.CodeBadInput},
		"an unknown state":             {"GET", "/v1/runs?state=done", "", 400, asr.CodeBadInput},
		"an unknown outcome":           {"GET", "/v1/findings?outcome=good", "", 400, asr.CodeBadInput},
		"a page of no size":            {"GET", "/v1/runs?limit=0", "", 400, asr.CodeBadInput},
		"a page of everything":         {"GET", "/v1/findings?limit=100000", "", 400, asr.CodeBadInput},
		"a query that isn't one":       {"GET", "/v1/runs?%zz", "", 400, asr.CodeBadInput},
		"no JSON":                      {"POST", "/v1/runs", `{`, 400, asr.CodeBadInput},
		"two objects":                  {"POST", "/v1/runs", wish + wish, 400, asr.CodeBadInput},
		"an unknown field":             {"POST", "/v1/runs", `{"control":"T.1","force":true}`, 400, asr.CodeBadInput},
		"neither finding nor control":  {"POST", "/v1/runs", `{}`, 400, asr.CodeBadInput},
		"a run for an unknown finding": {"POST", "/v1/runs", `{"finding":"f-9"}`, 404, asr.CodeNotFound},
		"finding and control":          {"POST", "/v1/runs", `{"finding":"f","control":"T.1"}`, 400, asr.CodeBadInput},
		"a resource of another kind":   {"POST", "/v1/runs", `{"control":"T.1","resource":"vpc-1","account":"` + account + `","region":"eu-west-1"}`, 400, asr.CodeBadTarget},
		"a body without end":           {"POST", "/v1/runs", `{"finding":"` + strings.Repeat("x", 100_000) + `"}`, 400, asr.CodeBadInput},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			status, no := w.call(row.method, row.path, row.body, nil)
			if status != row.status || no.Code != row.code || no.Message == "" {
				t.Errorf("got %d %+v, want %d %s", status, no, row.status, row.code)
			}
			if runs, _, err := w.store.Runs(t.Context(), asr.RunQuery{}); err != nil || len(runs) > 0 {
				t.Errorf("runs: %+v %v", runs, err)
			}
		})
	}
}

// covers: A5
func TestNobodyUnnamedIsAnswered(t *testing.T) {
	w := newWorld(t)
	w.caller = asr.Actor{}
	for _, path := range []string{"GET /v1/runs", "GET /v1/findings", "GET /v1/whoami", "PUT /v1/kill-switch", "POST /v1/runs", "GET /v1/nothing"} {
		method, p, _ := strings.Cut(path, " ")
		if status, no := w.call(method, p, "", nil); status != http.StatusForbidden || no.Code != asr.CodeNotAllowed {
			t.Errorf("%s: %d %+v", path, status, no)
		}
	}
}

// covers: A9
func TestWhatGoesWrongInsideIsNotShown(t *testing.T) {
	w := newWorld(t)
	w.storing = errors.New("dial tcp 10.0.0.1: the table's secret name")
	status, no := w.call("GET", "/v1/runs/r-1", "", nil)
	if status != http.StatusInternalServerError || strings.Contains(no.Message, "secret") || no.Do == "" {
		t.Errorf("got %d %+v", status, no)
	}
}

// covers: A14
func TestAStartThatFailsIsNotAnsweredAsSuccess(t *testing.T) {
	w := newWorld(t)
	w.driving = errors.New("throttled")
	if status, no := w.call("POST", "/v1/runs", wish, nil); status != http.StatusInternalServerError || no.Do == "" {
		t.Errorf("a start that failed: %d %+v", status, no)
	}
	runs, _, err := w.store.Runs(t.Context(), asr.RunQuery{})
	if err != nil || len(runs) != 1 || runs[0].State != asr.StateClaimed {
		t.Fatalf("the run that is to be started again: %+v %v", runs, err)
	}
	w.driving = nil
	var again asr.Run
	if status, no := w.call("POST", "/v1/runs", wish, &again); status != http.StatusOK || again.ID != runs[0].ID {
		t.Errorf("asked again: %d %+v, run %s", status, no, again.ID)
	}
}

// covers: A16
func TestTwoPeopleWhoWantTheSameGetOneRun(t *testing.T) {
	w := newWorld(t)
	var first, second asr.Run
	w.call("POST", "/v1/runs", wish, &first)
	w.caller.Name = "arn:aws:sts::111111111111:assumed-role/ops/bob"
	w.call("POST", "/v1/runs", wish, &second)
	if first.ID == "" || second.ID != first.ID || second.Actor != ada {
		t.Errorf("ada got %s, bob %s, which %s wanted", first.ID, second.ID, second.Actor.Name)
	}
}
