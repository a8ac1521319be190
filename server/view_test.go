package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/memory"
	"example.com/asr/server"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const (
	other = "222222222222"
	third = "333333333333"
)

// house is a store with findings and runs, and the API over it for a caller who
// sees all, and for one who sees some.
type house struct {
	store *memory.Store
	ids   int // of runs and batches
	views map[string]http.Handler
}

func newHouse(t testing.TB, view asr.View) *house {
	h := &house{store: memory.New()}
	var s enginetest.Switches
	engine := asr.New(asr.Config{
		Store: h.store, Remediations: []asr.Remediation{s.Remediation()}, Matcher: enginetest.Book{}, Vault: enginetest.Glass{}, Policy: enginetest.Always(asr.ModeAsk),
		Clock: func() time.Time { return began.Add(time.Hour) }, NewID: func(time.Time) string { h.ids++; return fmt.Sprintf("r-new-%d", h.ids) },
	})
	c := server.Config{Engine: engine, Store: h.store, Audited: "audited", Who: func(*http.Request) (asr.Actor, error) { return ada, nil }}
	all := server.New(c)
	c.View = func(_ context.Context, by asr.Actor) (asr.View, error) {
		if by != ada {
			t.Errorf("the view of %+v was asked for", by)
		}
		return view, nil
	}
	h.views = map[string]http.Handler{"all": all, "some": server.New(c)}
	return h
}

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// move puts a finding and a run of the same name in.
func (h *house) move(t testing.TB, name, account string, at time.Time, state asr.State) {
	t.Helper()
	target := asr.Target{Partition: "aws", Account: account, Region: "eu-west-1", Name: name, ID: "arn:aws:test:eu-west-1:" + account + ":" + name}
	f := asr.Finding{ID: "f-" + name, Provider: asr.Provider{Account: account, Region: "eu-west-1", Control: "T.1", Severity: "HIGH", Compliance: asr.ComplianceFailed, Resources: []asr.Resource{{ID: target.ID}}, UpdatedAt: at}, Run: "r-" + name, Outcome: asr.OutcomeRunning}
	plan := &asr.Plan{Remediation: "test-switch", Version: 1, Target: target, Params: json.RawMessage(`{}`), Changes: []asr.Change{{Path: []string{"on"}, From: json.RawMessage(`false`), To: json.RawMessage(`true`)}}, Hash: "hash-" + name}
	r := asr.Run{ID: "r-" + name, State: state, Remediation: "test-switch", Control: "T.1", Target: target, Params: json.RawMessage(`{}`), Findings: []string{f.ID}, Claim: name, Plan: plan, Writes: 1, CreatedAt: at, UpdatedAt: at}
	if err := h.store.Commit(t.Context(), &asr.Batch{Run: &r, Findings: []asr.Finding{f}}); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{h.store.AddCall(t.Context(), asr.APICall{Run: r.ID, Account: account}), h.store.SetSetting(t.Context(), "audited", `{"records":7}`)} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// ask uses the API as who sees all or some.
func (h *house) ask(t testing.TB, as, method, path, body string) (status int, answer string) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.views[as].ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
	return rec.Code, rec.Body.String()
}

// page takes the cursor out of an answer: each store signs its own.
func page(t testing.TB, answer string) (ids []string, next string) {
	t.Helper()
	var p server.Page[struct{ ID string }]
	if err := json.Unmarshal([]byte(answer), &p); err != nil {
		t.Fatal(err)
	}
	for _, i := range p.Items {
		ids = append(ids, i.ID)
	}
	return ids, p.Next
}

var names = []string{"a-one", "b-two", "c-three", "d-four", "e-five", "f-six"}

// request draws a request; the paths of lists have no cursor yet. admin says
// that it is of all accounts.
func request(t *rapid.T, of map[string]string) (method, path, body string, admin bool) {
	one := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
	id := one("id", append(names, "none")...)
	accounts := []string{account, other, third, "", "*", "!" + other, "444444444444"}
	switch one("what", "list", "list", "show", "act", "request", "request", "problem", "verdict", "admin", "odd") {
	case "list":
		q := url.Values{}
		for range rapid.IntRange(0, 3).Draw(t, "filters") {
			q.Add(one("filter", "account", "account", "control", "resource", "limit", "Account", "account!", "not", "accounts", "accounts[]"), one("value", append(accounts, "T.1", "1", "2", "arn:aws:test:eu-west-1:"+other+":b-two")...))
		}
		return "GET", one("of", "/v1/findings?", "/v1/runs?", "/v1/runs?finding=f-"+id+"&") + q.Encode(), "", false
	case "show":
		return "GET", one("of", "/v1/finding?id=f-"+id, "/v1/finding?id=r-"+id, "/v1/runs/r-"+id, "/v1/runs/r-"+id+"?account="+account), "", false
	case "act":
		return "POST", "/v1/runs/r-" + id + one("act", "/approve", "/reject", "/cancel", "/revert"), one("body", `{}`, `{"hash":"hash-`+id+`","note":"x"}`, `{"force":true}`, `{"account":"`+account+`"}`, `[`), false
	case "request":
		wish := server.Wish{Account: one("account", accounts...), Region: one("region", "", "eu-west-1"), PlanOnly: rapid.Bool().Draw(t, "plan")}
		if rapid.Bool().Draw(t, "by finding") {
			wish.Finding = "f-" + id
		} else {
			wish.Control, wish.Resource = "T.1", one("resource", "arn:aws:test:eu-west-1:"+of[id]+":"+id, "arn:aws:test:eu-west-1::"+id, "arn:aws:test:eu-west-1:"+other+":"+id, "AWS::::Account:"+other, id)
		}
		doc, _ := json.Marshal(wish) // texts
		return "POST", "/v1/runs", string(doc), false
	case "problem":
		doc, _ := json.Marshal(asr.Problem{Control: "T.1", Accounts: rapid.SliceOfN(rapid.SampledFrom(accounts), 0, 3).Draw(t, "accounts")}) // texts
		return "POST", "/v1/problem", string(doc), false
	case "verdict":
		v := server.Verdict{Problem: asr.Problem{Control: "T.1", Accounts: rapid.SliceOfN(rapid.SampledFrom(accounts), 0, 2).Draw(t, "accounts")}}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(append(names, "none")), 1, 4, rapid.ID).Draw(t, "runs") {
			v.Runs = append(v.Runs, asr.Seen{Run: "r-" + name, Hash: "hash-" + name})
		}
		v.Digest = asr.Digest(v.Runs)
		doc, _ := json.Marshal(v) // texts
		return "POST", "/v1/problem/" + one("answer", "approve", "reject"), string(doc), false
	case "admin":
		p := strings.Fields(one("path", "GET /v1/audit", "GET /v1/limits", "POST /v1/limits/resume", "PUT /v1/kill-switch", "GET /v1/limits?account="+account))
		return p[0], p[1], `{}`, true
	}
	p := strings.Fields(one("path", "GET /v1/whoami", "GET /v1/kill-switch", "GET /v1/counts", "GET /v1/findings/f-"+id, "GET /v1/runs/r-"+id+"/approve", "GET /v1//runs", "HEAD /v1/runs/r-"+id))
	return p[0], p[1], "", false
}

// covers: A1, A2
func TestWhoSeesSomeAccountsIsAnsweredAsIfThereWereNoOthers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		view := rapid.SampledFrom([]asr.View{{account}, {account, third}, {"1*"}, {"1*", other}, {"*1", "3*"}}).Draw(rt, "view")
		whole, part := newHouse(t, view), newHouse(t, view)
		of := map[string]string{"none": account}
		var hidden []string
		for i, name := range names {
			of[name] = rapid.SampledFrom([]string{account, other, third}).Draw(rt, name)
			state := rapid.SampledFrom([]asr.State{asr.StateAwaiting, asr.StateAwaiting, asr.StateScheduled, asr.StateVerified}).Draw(rt, "state")
			at := began.Add(time.Duration(i/2) * time.Second) // some at the same time
			whole.move(t, name, of[name], at, state)
			if view.Sees(of[name]) {
				part.move(t, name, of[name], at, state)
			} else {
				hidden = append(hidden, name)
			}
		}
		for range rapid.IntRange(1, 12).Draw(rt, "requests") {
			method, path, body, admin := request(rt, of)
			as := "all" // of a store that never had more
			if admin || method+path == "POST/v1/runs" {
				as = "some" // who asks for another account is told so
			}
			cursors := [2]string{}
			for range 10 {
				gotStatus, got := whole.ask(t, "some", method, path+cursors[0], body)
				wantStatus, want := part.ask(t, as, method, path+cursors[1], body)
				if admin && gotStatus != http.StatusForbidden {
					rt.Fatalf("%s %s: %d", method, path, gotStatus)
				}
				var next [2]string
				if gotStatus == http.StatusOK && strings.HasPrefix(got, `{"items":`) {
					_, next[0] = page(t, got)
					_, next[1] = page(t, want)
					got, want = strings.ReplaceAll(got, next[0], "…"), strings.ReplaceAll(want, next[1], "…")
				}
				if gotStatus != wantStatus || got != want || (next[0] == "") != (next[1] == "") {
					rt.Fatalf("view %v, %v: %s %s %s:\n%d %s\n%s", view, of, method, path, body, gotStatus, got, cmp.Diff(want, got))
				}
				text, _, _ := strings.Cut(next[0], ".")
				told, _ := base64.RawURLEncoding.DecodeString(text)
				if slices.ContainsFunc(hidden, func(name string) bool { return strings.Contains(string(told), name) }) {
					rt.Fatalf("the cursor tells of what isn't seen: %s", told)
				}
				if next[0] == "" {
					break
				}
				cursors = [2]string{"&cursor=" + url.QueryEscape(next[0]), "&cursor=" + url.QueryEscape(next[1])}
			}
		}
		for _, name := range hidden {
			r, err := whole.store.Run(t.Context(), "r-"+name)
			f, ferr := whole.store.Finding(t.Context(), "f-"+name)
			if err != nil || ferr != nil || r.Version != 1 || f.Version != 1 {
				rt.Fatalf("%s was changed: %+v %v %+v %v", name, r, err, f, ferr)
			}
		}
	})
}

// covers: A1, A2, A12
func TestPagesAreFullWhateverLiesBetween(t *testing.T) {
	t.Parallel()
	view := asr.View{account, third}
	whole, part := newHouse(t, view), newHouse(t, view)
	for i := range 450 {
		name, of := fmt.Sprintf("n-%03d", i), other
		if i%7 == 0 || i > 100 && i < 130 {
			of = account
			part.move(t, name, of, began.Add(time.Duration(i)*time.Second), asr.StateVerified)
		}
		whole.move(t, name, of, began.Add(time.Duration(i)*time.Second), asr.StateVerified)
	}
	for _, limit := range []string{"1", "7", "30", "99", "100"} {
		for _, path := range []string{"/v1/findings?limit=" + limit, "/v1/runs?limit=" + limit} {
			cursors := [2]string{}
			for more := true; more; {
				_, got := whole.ask(t, "some", "GET", path+cursors[0], "")
				_, want := part.ask(t, "all", "GET", path+cursors[1], "")
				gotIDs, gotNext := page(t, got)
				wantIDs, wantNext := page(t, want)
				if diff := cmp.Diff(wantIDs, gotIDs); diff != "" || (gotNext == "") != (wantNext == "") {
					t.Fatalf("%s: %s, next %q, want %q", path, diff, gotNext, wantNext)
				}
				cursors, more = [2]string{"&cursor=" + gotNext, "&cursor=" + wantNext}, gotNext != ""
			}
		}
	}
}

// covers: A1
func TestAnothersCursorShowsNothingMore(t *testing.T) {
	t.Parallel()
	h := newHouse(t, asr.View{account, third})
	for i, name := range names {
		h.move(t, name, []string{other, account}[i%2], began.Add(time.Duration(i)*time.Second), asr.StateVerified)
	}
	_, answer := h.ask(t, "all", "GET", "/v1/runs?limit=1", "")
	_, cursor := page(t, answer)
	if _, answer = h.ask(t, "some", "GET", "/v1/runs?cursor="+cursor, ""); strings.Contains(answer, other) || !strings.Contains(answer, account) {
		t.Errorf("after the cursor of who sees all: %s", answer)
	}
	if status, answer := h.ask(t, "some", "GET", "/v1/runs?account="+other+"&cursor="+cursor, ""); status != http.StatusBadRequest {
		t.Errorf("with another filter: %d %s", status, answer)
	}
}

// endless is a store whose lists are long, or change while they are read.
type endless struct {
	asr.Store
	reads int
	moves bool
}

func (e *endless) Runs(_ context.Context, q asr.RunQuery) (all []asr.Run, next string, err error) {
	e.reads++
	for i := range q.Limit {
		of := other
		if e.moves && i > 0 {
			of = account
		}
		all = append(all, asr.Run{ID: fmt.Sprintf("r-%d-%d", e.reads, i), Target: asr.Target{Account: of}})
	}
	return all, "on", nil
}

func TestReadingForAPageEnds(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		view          string
		moves         bool
		status, reads int
	}{
		"nothing to see for long":       {view: "1*", status: http.StatusBadRequest, reads: 100},
		"what changes while it is read": {view: "1*", moves: true, status: http.StatusConflict, reads: 6},
		"all is seen":                   {view: "*", moves: true, status: http.StatusOK, reads: 1},
	} {
		e := &endless{moves: row.moves}
		api := server.New(server.Config{Store: e, Who: func(*http.Request) (asr.Actor, error) { return ada, nil }, View: func(context.Context, asr.Actor) (asr.View, error) { return asr.View{row.view}, nil }})
		rec := httptest.NewRecorder()
		api.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/v1/runs?limit=2", nil))
		if rec.Code != row.status || e.reads != row.reads || row.view != "*" && strings.Contains(rec.Body.String(), other) {
			t.Errorf("%s: %d %s after %d reads", name, rec.Code, rec.Body, e.reads)
		}
	}
}

// covers: A1
func TestWhoIsNamedNowhereOrCantBeToldGetsNothing(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		err    error
		status int
	}{
		"named nowhere":               {nil, http.StatusForbidden},
		"a policy that can't be read": {&asr.Error{Code: asr.CodeBadInput, Message: "s3://secret/policy.yaml:2:1: no"}, http.StatusInternalServerError},
	} {
		w := newWorld(t)
		api := server.New(server.Config{Engine: w.engine, Store: w.store, Who: func(*http.Request) (asr.Actor, error) { return ada, nil }, View: func(context.Context, asr.Actor) (asr.View, error) { return nil, row.err }})
		for _, path := range []string{
			"GET /v1/findings", "GET /v1/finding?id=f", "GET /v1/runs", "POST /v1/runs", "GET /v1/runs/r", "POST /v1/runs/r/approve", "POST /v1/runs/r/reject", "POST /v1/runs/r/cancel", "POST /v1/runs/r/revert",
			"POST /v1/problem", "POST /v1/problem/approve", "POST /v1/problem/reject", "GET /v1/audit", "GET /v1/limits", "POST /v1/limits/resume", "GET /v1/kill-switch", "PUT /v1/kill-switch",
		} {
			p := strings.Fields(path)
			rec := httptest.NewRecorder()
			api.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), p[0], p[1], strings.NewReader(wish)))
			if rec.Code != row.status || strings.Contains(rec.Body.String(), "secret") {
				t.Errorf("%s: %s: %d %s", name, path, rec.Code, rec.Body)
			}
		}
		rec := httptest.NewRecorder()
		if api.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/v1/whoami", nil)); rec.Code != http.StatusOK {
			t.Errorf("%s: whoami: %d", name, rec.Code)
		}
		if runs, _, err := w.store.Runs(t.Context(), asr.RunQuery{}); len(runs) > 0 || err != nil {
			t.Errorf("%s: %+v %v", name, runs, err)
		}
	}
}

// covers: A1, A2, W18
func TestWhileUnitsCantBeToldWhatIsInThemIsNotThereAndTheAnswerSaysSo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.move(t, "mine", account, began, asr.StateVerified)
	h.move(t, "of-my-unit", other, began, asr.StateVerified)
	var view asr.View
	var missing error
	api := server.New(server.Config{Engine: nil, Store: h.store, Who: func(*http.Request) (asr.Actor, error) { return ada, nil }, View: func(context.Context, asr.Actor) (asr.View, error) { return view, missing }})
	ask := func(path string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		api.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		return rec
	}
	partly := &asr.UnseenError{Err: errors.New("o-secret: AccessDenied")}
	for name, row := range map[string]struct {
		view    asr.View
		missing error
		path    string
		status  int
		has     []string
		hasNot  []string
		says    bool
	}{
		"units that are known":         {asr.View{account, other}, nil, "/v1/runs", 200, []string{"r-mine", "r-of-my-unit"}, nil, false},
		"a list without them":          {asr.View{account}, partly, "/v1/runs", 200, []string{"r-mine"}, []string{"r-of-my-unit"}, true},
		"a run of one":                 {asr.View{account}, partly, "/v1/runs/r-of-my-unit", 404, nil, []string{other}, true},
		"a filter by one":              {asr.View{account}, partly, "/v1/findings?account=" + other, 200, []string{`"items":[]`}, nil, true},
		"nothing else to see":          {nil, partly, "/v1/runs", 403, []string{"units", "try again"}, []string{"r-"}, true},
		"what is of all accounts":      {asr.View{account}, partly, "/v1/limits", 403, nil, nil, true},
		"units that have no account":   {nil, nil, "/v1/runs", 403, []string{"no account"}, nil, false},
		"a policy that can't be read":  {nil, partly.Err, "/v1/runs", 500, nil, nil, false},
		"who asks who they are anyway": {nil, partly, "/v1/whoami", 200, []string{ada.Name}, nil, false},
	} {
		view, missing = row.view, row.missing
		rec := ask(row.path)
		body, said := rec.Body.String(), rec.Header().Get("X-Asr-Unseen")
		if rec.Code != row.status || (said != "") != row.says || strings.Contains(body+said, "secret") {
			t.Errorf("%s: %d %s, header %q", name, rec.Code, body, said)
		}
		for _, text := range row.has {
			if !strings.Contains(body, text) {
				t.Errorf("%s: no %s in %s", name, text, body)
			}
		}
		for _, text := range row.hasNot {
			if strings.Contains(body, text) {
				t.Errorf("%s: %s in %s", name, text, body)
			}
		}
	}
}

// A view by units is a list of ids, as long as the units have accounts.
//
// covers: A1, A2, A12
func TestPagesAreFullForWhoSeesManyAccounts(t *testing.T) {
	t.Parallel()
	var view asr.View
	id := func(n int) string { return fmt.Sprintf("%012d", n) }
	for n := 1; n <= 2000; n += 2 {
		view = append(view, id(n))
	}
	whole, part := newHouse(t, view), newHouse(t, view)
	for i := range 300 {
		name, of, at := fmt.Sprintf("n-%03d", i), id(i%150), began.Add(time.Duration(i)*time.Second)
		whole.move(t, name, of, at, asr.StateVerified)
		if view.Sees(of) {
			part.move(t, name, of, at, asr.StateVerified)
		}
	}
	seen := 0
	cursors := [2]string{}
	for more := true; more; {
		_, got := whole.ask(t, "some", "GET", "/v1/findings?limit=40"+cursors[0], "")
		_, want := part.ask(t, "all", "GET", "/v1/findings?limit=40"+cursors[1], "")
		gotIDs, gotNext := page(t, got)
		wantIDs, wantNext := page(t, want)
		if diff := cmp.Diff(wantIDs, gotIDs); diff != "" || (gotNext == "") != (wantNext == "") {
			t.Fatalf("%s, next %q, want %q", diff, gotNext, wantNext)
		}
		seen += len(gotIDs)
		cursors, more = [2]string{"&cursor=" + gotNext, "&cursor=" + wantNext}, gotNext != ""
	}
	if seen != 150 {
		t.Errorf("%d findings, want 150", seen)
	}
}

// torn is a store with findings that can't be read.
type torn struct {
	asr.Store
	bad func(id string) bool
}

func (s torn) Findings(ctx context.Context, q asr.FindingQuery) (all []asr.Finding, next string, err error) {
	found, next, err := s.Store.Findings(ctx, q)
	var left asr.UnreadableError
	for _, f := range found {
		if !s.bad(f.ID) {
			all = append(all, f)
		} else if !left.Skip(asr.ErrCorrupt) {
			return nil, "", errors.New("not skipped")
		}
	}
	return all, next, errors.Join(err, left.OrNil())
}

// covers: A1, A2
func TestWhatCantBeReadCostsNoPageOfWhoSeesSomeAccounts(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	bad := func(id string) bool {
		return strings.HasSuffix(id, "7") || strings.HasSuffix(id, "8") || strings.HasPrefix(id, "f-n-11")
	}
	var want []string
	for i := range 300 {
		name, of := fmt.Sprintf("n-%03d", i), []string{account, other}[i%2]
		h.move(t, name, of, began.Add(-time.Duration(i)*time.Second), asr.StateVerified)
		if of == account && !bad("f-"+name) {
			want = append(want, "f-"+name)
		}
	}
	api := server.New(server.Config{Store: torn{h.store, bad}, Who: func(*http.Request) (asr.Actor, error) { return ada, nil }, View: func(context.Context, asr.Actor) (asr.View, error) {
		return asr.View{account, "999999999999"}, nil
	}})
	const limit = 9
	var got []string
	for cursor := ""; ; {
		rec := httptest.NewRecorder()
		api.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("/v1/findings?limit=%d%s", limit, cursor), nil))
		if rec.Code != http.StatusOK {
			t.Fatalf("after %d: %d %s", len(got), rec.Code, rec.Body)
		}
		ids, next := page(t, rec.Body.String())
		if got = append(got, ids...); next == "" {
			break
		}
		if cursor = "&cursor=" + next; len(ids) != limit {
			t.Errorf("a page of %d, want %d", len(ids), limit)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// covers: A1, A2
func TestAForeignAccountInARequestIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, asr.View{"1*"})
	h.move(t, "mine", account, began, asr.StateVerified)
	h.move(t, "theirs", other, began, asr.StateAwaiting)
	for name, row := range map[string]struct {
		body   string
		status int
	}{
		"their resource":                         {`{"control":"T.1","resource":"arn:aws:test:eu-west-1:` + other + `:x"}`, 403},
		"their resource with an account of mine": {`{"control":"T.1","resource":"arn:aws:test:eu-west-1:` + other + `:x","account":"` + account + `"}`, 400},
		"their account":                          {`{"control":"T.1","resource":"arn:aws:test:eu-west-1::x","account":"` + other + `"}`, 403},
		"no account":                             {`{"control":"T.1","resource":"arn:aws:test:eu-west-1::x"}`, 403},
		"their account given twice":              {`{"control":"T.1","resource":"arn:aws:test:eu-west-1::x","account":"` + account + `","Account":"` + other + `"}`, 403},
		"their finding":                          {`{"finding":"f-theirs"}`, 404},
		"their finding with an account of mine":  {`{"finding":"f-theirs","account":"` + account + `"}`, 404},
		"their finding with their account":       {`{"finding":"f-theirs","account":"` + other + `"}`, 404},
		"another partition":                      {`{"control":"T.1","resource":"arn:aws-cn:test:cn-north-1:` + other + `:x"}`, 403},
		"mine":                                   {`{"control":"T.1","resource":"arn:aws:test:eu-west-1:` + account + `:x"}`, 200},
	} {
		if status, answer := h.ask(t, "some", "POST", "/v1/runs", row.body); status != row.status {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	runs, _, err := h.store.Runs(t.Context(), asr.RunQuery{Account: other})
	if err != nil || len(runs) != 1 {
		t.Errorf("there: %+v %v", runs, err)
	}
	if _, err := h.store.Run(t.Context(), "r-new-2"); !errors.Is(err, asr.ErrNotFound) {
		t.Errorf("a second run: %v", err)
	}
}
