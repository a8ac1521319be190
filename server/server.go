// Package server is asr's HTTP API: JSON in, JSON out, under /v1. It asks the
// engine and the store and decides nothing. Who calls is what Config.Who says,
// which must be somebody that AWS, or another authority, vouches for.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"example.com/asr"
)

// Config is what the API is made of. Engine, Store and Who are required.
type Config struct {
	Engine *asr.Engine
	Store  asr.Store
	Who    func(*http.Request) (asr.Actor, error)      // the verified caller
	Drive  func(ctx context.Context, run string) error // sees that a run is driven; nil: somebody else does
	Log    *slog.Logger                                // nil: silent

	// View is which accounts a caller may know of and act in; nil: all. With an
	// *asr.UnseenError it is those that are certain, and answers say so.
	View func(ctx context.Context, by asr.Actor) (asr.View, error)

	Audited string // the setting in which the last look at the audit log is kept; "": none is taken
}

// maxBody bounds what a request may hold, in bytes.
const maxBody = 64 << 10

// api is the handlers.
type api struct{ Config }

// New returns the API's handler. Failures are {"code","message","do"}, with the
// HTTP status that fits the code.
func New(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Drive == nil {
		c.Drive = func(context.Context, string) error { return nil }
	}
	a := &api{c}
	m := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"GET /v1/whoami":             a.whoami,
		"GET /v1/findings":           a.viewed(a.findings),
		"GET /v1/finding":            a.viewed(a.finding),
		"GET /v1/runs":               a.viewed(a.runs),
		"POST /v1/runs":              a.viewed(a.request),
		"GET /v1/runs/{id}":          a.viewed(a.run),
		"POST /v1/runs/{id}/approve": a.ofRun(a.approve),
		"POST /v1/runs/{id}/reject":  a.ofRun(a.reject),
		"POST /v1/runs/{id}/cancel":  a.ofRun(a.cancel),
		"POST /v1/runs/{id}/revert":  a.ofRun(a.revert),
		"POST /v1/problem":           a.viewed(a.look),
		"POST /v1/problem/approve":   a.viewed(a.approveAll),
		"POST /v1/problem/reject":    a.viewed(a.rejectAll),
		"GET /v1/audit":              a.everywhere(a.audit),
		"GET /v1/limits":             a.everywhere(a.limits),
		"POST /v1/limits/resume":     a.everywhere(a.resume),
		"GET /v1/kill-switch":        a.viewed(a.killSwitch),
		"PUT /v1/kill-switch":        a.everywhere(a.kill),
	} {
		m.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, h) })
	}
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.serve(w, r, func(*http.Request, caller) (any, error) {
			return nil, &asr.Error{Code: asr.CodeNotFound, Message: "there is no " + r.Method + " " + r.URL.Path, Do: "see the list of the API's paths in the documentation"}
		})
	})
	return m
}

// serve finds out who calls, asks, and answers.
func (a *api) serve(w http.ResponseWriter, r *http.Request, h handler) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	by, err := a.Who(r)
	var out any
	var doc []byte
	if err == nil {
		out, err = h(r, caller{Actor: by, answer: w.Header()})
	}
	if err == nil {
		doc, err = json.Marshal(out) // a setting may hold what is no JSON
	}
	status := http.StatusOK
	if err != nil {
		status, out = failure(err)
		doc, _ = json.Marshal(out) // an *asr.Error always encodes
		if status >= http.StatusInternalServerError {
			a.Log.ErrorContext(r.Context(), "request", "path", r.URL.Path, "error", err)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(asr.Inert(doc), '\n')) // the client went away
}

// failure is an error as callers get it. What isn't made for them stays in the log.
func failure(err error) (int, any) {
	code := asr.Classify(err)
	if errors.Is(err, asr.ErrStale) {
		code = asr.CodeConflict
	}
	status, known := map[asr.Code]int{
		asr.CodeNotFound: http.StatusNotFound, asr.CodeNoRemediation: http.StatusNotFound,
		asr.CodeBadInput: http.StatusBadRequest, asr.CodeBadParams: http.StatusBadRequest, asr.CodeBadTarget: http.StatusBadRequest,
		asr.CodeNotAllowed: http.StatusForbidden, asr.CodeExpired: http.StatusConflict,
		asr.CodeConflict: http.StatusConflict, asr.CodeStalePlan: http.StatusConflict, asr.CodeRefused: http.StatusUnprocessableEntity,
	}[code]
	if !known {
		return http.StatusInternalServerError, &asr.Error{Code: asr.CodeInternal, Message: "the request could not be answered", Do: "try again; the hub's log tells more"}
	}
	do := asr.Advice(err)
	if do == "" && code == asr.CodeNotFound {
		do = "correct the id: the lists have those that there are"
	}
	return status, &asr.Error{Code: code, Message: err.Error(), Do: do}
}

func (a *api) whoami(_ *http.Request, by caller) (any, error) { return by.Actor, nil }

// Page is a part of a list; Next is the cursor of what follows, "" at its end.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

func (a *api) findings(r *http.Request, by caller) (any, error) {
	q, err := query(r, "account", "region", "control", "severity", "resource", "outcome", "cursor", "limit")
	if err != nil {
		return nil, err
	}
	limit, err := limit(q)
	if err != nil {
		return nil, err
	}
	fq := asr.FindingQuery{Account: q.Get("account"), Region: q.Get("region"), Control: q.Get("control"), Severity: q.Get("severity"), Resource: q.Get("resource"), Cursor: q.Get("cursor"), Limit: limit}
	for _, o := range q["outcome"] {
		if !slices.Contains(asr.Outcomes, asr.Outcome(o)) {
			return nil, unknown("outcome", o)
		}
		fq.Outcomes = append(fq.Outcomes, asr.Outcome(o))
	}
	return a.seenFindings(r.Context(), by, fq)
}

func (a *api) finding(r *http.Request, by caller) (any, error) {
	q, err := query(r, "id")
	if err != nil {
		return nil, err
	}
	return a.seenFinding(r.Context(), by, q.Get("id"))
}

func (a *api) runs(r *http.Request, by caller) (any, error) {
	q, err := query(r, "account", "control", "resource", "finding", "state", "cursor", "limit")
	if err != nil {
		return nil, err
	}
	limit, err := limit(q)
	if err != nil {
		return nil, err
	}
	rq := asr.RunQuery{Account: q.Get("account"), Control: q.Get("control"), Resource: q.Get("resource"), Finding: q.Get("finding"), Cursor: q.Get("cursor"), Limit: limit}
	for _, s := range q["state"] {
		if !slices.Contains(asr.States, asr.State(s)) {
			return nil, unknown("state", s)
		}
		rq.States = append(rq.States, asr.State(s))
	}
	return a.seenRuns(r.Context(), by, rq)
}

// Detail is all that is known of a run.
type Detail struct {
	Run     asr.Run       `json:"run"`
	Records []asr.Record  `json:"records"`
	Calls   []asr.APICall `json:"calls"`
	Effort  asr.Effort    `json:"effort"` // of the calls, with the most that there should be
}

// Details gets what is known of a run besides itself. The store's errors.
func Details(ctx context.Context, s asr.Store, r asr.Run) (d Detail, err error) {
	d.Run = r
	if d.Records, err = s.Records(ctx, r.ID); err != nil {
		return d, err
	}
	d.Calls, err = s.Calls(ctx, r.ID)
	d.Effort = r.Effort(d.Calls)
	return d, err
}

func (a *api) run(r *http.Request, by caller) (any, error) {
	run, err := a.seenRun(r.Context(), by, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return Details(r.Context(), a.Store, run)
}

// query is the request's, if it names nothing that isn't known: a filter that is
// misspelt must not select everything.
func query(r *http.Request, names ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: "the query can't be read", Do: "escape its values", Err: err}
	}
	for _, name := range slices.Sorted(maps.Keys(q)) { // the same mistake each time
		if !slices.Contains(names, name) {
			return nil, unknown("parameter", name)
		}
	}
	return q, nil
}

func unknown(what, name string) error {
	return &asr.Error{Code: asr.CodeBadInput, Message: "there is no " + what + " " + strconv.Quote(name), Do: "correct its name"}
}

// limit is how many items a page may have: 1 to 100.
func limit(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 100 {
		return 0, &asr.Error{Code: asr.CodeBadInput, Message: "limit is " + strconv.Quote(text), Do: "choose a number from 1 to 100"}
	}
	return n, nil
}

// read takes a request's body, strictly; an empty one is {}.
func read(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil && d.More() {
		err = errors.New("something follows the JSON object")
	}
	if err != nil {
		return &asr.Error{Code: asr.CodeBadInput, Message: "the body can't be read: " + strings.TrimPrefix(err.Error(), "json: "), Do: "send one JSON object of the documented fields"}
	}
	return nil
}
