package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"example.com/asr"
)

func FuzzRequest(f *testing.F) {
	for _, seed := range [][4]string{
		{"POST", "/v1/runs", "", `{"control":"T.1","resource":"arn:aws:test:eu-west-1:111111111111:s","params":{"a":[1]},"planOnly":true}`},
		{"POST", "/v1/runs", "", `{"finding":"f\u001b[2J"}{}`}, {"POST", "/v1/runs", "", `{"control":"T.1","params":null,"hash":"x"}`}, {"POST", "/v1/runs", "", strings.Repeat(`{"params":`, 5000)},
		{"GET", "/v1/runs", "state=verified&limit=7&cursor=e30.x", ""}, {"GET", "/v1/findings", "outcome=%zz", ""}, {"GET", "/v1/finding", "id=%00%1b%e2%80%ae", ""},
		{"PUT", "/v1/kill-switch", "", `{"reason":"x\n\u202e"}`}, {"POST", "/v1/runs/r-1/approve", "", `{"hash":1}`}, {"GET", "/v1/audit", "", ""}, {"BREW", "/../\u202e", "a;b", "\xff"}, {"GET", "//", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		w := newWorld(t)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", strings.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, r)
		if rec.Code >= 300 && rec.Code < 400 { // the path wasn't clean: the client is told the clean one
			return
		}
		var answer any
		if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || asr.Line(strings.TrimSuffix(rec.Body.String(), "\n")) != strings.TrimSuffix(rec.Body.String(), "\n") {
			t.Fatalf("%d: %q: %v", rec.Code, rec.Body, err)
		}
		var no asr.Error
		if rec.Code != http.StatusOK && (json.Unmarshal(rec.Body.Bytes(), &no) != nil || no.Code == "" || no.Message == "" || no.Do == "" || rec.Code >= 500) {
			t.Fatalf("%s %q?%q: %d: %s", method, path, query, rec.Code, rec.Body)
		}
	})
}
