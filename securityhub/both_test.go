package securityhub

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
)

// two are Security Hub's two APIs, with pages of a finding each.
type two struct {
	t        *testing.T
	off, on  string // what GetFindings, and what DescribeSecurityHubV2, is refused with; "": it is on
	status   int    // of the latter
	asff     string // a finding
	ocsf     string // another
	requests []string
}

func newTwo(t *testing.T) *two {
	finding := func(file string) string {
		var event struct {
			Detail struct{ Findings []json.RawMessage }
		}
		if err := json.Unmarshal(fixture(t, file), &event); err != nil {
			t.Fatal(err)
		}
		return string(event.Detail.Findings[0])
	}
	return &two{t: t, asff: finding("imported_consolidated.json"), ocsf: finding("imported_v2.json"), status: http.StatusNotFound}
}

func (w *two) answer(r request) (int, string) {
	w.requests = append(w.requests, r.Path+" "+r.NextToken)
	switch r.Path {
	case "/hubv2":
		if w.on != "" {
			return w.status, w.on
		}
		return ok(`{"HubV2Arn":"arn:aws:securityhub:us-east-1:111111111111:hubv2/default"}`)
	case "/findings":
		if w.off != "" {
			return http.StatusUnauthorized, w.off
		}
		return ok(`{"Findings":[` + w.asff + `]}`)
	}
	next := ""
	if r.NextToken == "" {
		next = `,"NextToken":"n"`
	}
	return ok(`{"Findings":[` + w.ocsf + `]` + next + `}`)
}

// pull pulls until a page is full, or all; formats are those of the findings.
func (w *two) pull(cursor string, pages int) (formats []string, next string, err error) {
	w.t.Helper()
	api, _ := dial(w.t, w.answer)
	b := NewBoth(api)
	var unsure error
	b.Unsure = func(err error) { unsure = err }
	next = cursor
	err = b.Pull(w.t.Context(), Open(), cursor, func(obs []asr.Observation, rejected []asr.Rejected, c string) error {
		for _, o := range obs {
			formats = append(formats, o.Format)
		}
		for _, r := range rejected {
			w.t.Errorf("rejected: %s", r.Reason)
		}
		if next = c; len(formats) == pages {
			return errEnough
		}
		return nil
	})
	if unsure != nil {
		formats = append(formats, "unsure")
	}
	return formats, next, err
}

var errEnough = errors.New("enough")

// covers: O13
func TestWhetherTheSecondAPIIsOnIsFoundOutWithEachPull(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		off, on string
		status  int
		want    []string
		err     string
	}{
		"on":                          {want: []string{"asff", "ocsf", "ocsf"}},
		"off":                         {on: "ResourceNotFoundException", status: 404, want: []string{"asff"}},
		"on, and the first is off":    {off: "InvalidAccessException", want: []string{"ocsf", "ocsf"}},
		"both off":                    {off: "InvalidAccessException", on: "ResourceNotFoundException", status: 404, err: "InvalidAccess"},
		"the first may not be read":   {off: "AccessDeniedException", err: "AccessDenied"},
		"nobody may ask":              {on: "AccessDeniedException", status: 403, want: []string{"asff", "unsure"}},
		"a Region that has it not":    {on: "UnknownOperationException", status: 404, want: []string{"asff", "unsure"}},
		"it has no time":              {on: "ThrottlingException", status: 429, err: "Throttling"},
		"it is broken for the moment": {on: "InternalServerException", status: 500, err: "InternalServer"},
	} {
		w := newTwo(t)
		w.off, w.on, w.status = row.off, row.on, row.status
		formats, _, err := w.pull("", 0)
		if !slices.Equal(formats, row.want) || (err != nil) != (row.err != "") || err != nil && !strings.Contains(err.Error(), row.err) {
			t.Errorf("%s: %v, %v after %v", name, formats, err, w.requests)
		}
	}
}

// covers: O13, W23
func TestAPullOfBothGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	w := newTwo(t)
	_, cursor, err := w.pull("", 2) // the first, and the second's first page
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	w.requests = nil
	if formats, _, err := w.pull(cursor, 0); err != nil || !slices.Equal(formats, []string{"ocsf"}) || !slices.Equal(w.requests, []string{"/hubv2 ", "/findingsv2 n"}) {
		t.Errorf("%v, %v after %v", formats, err, w.requests)
	}
	_, cursor, err = w.pull("", 0)
	if err != nil {
		t.Fatal(err)
	}
	w.requests = nil
	if formats, _, err := w.pull(cursor, 0); err != nil || len(formats) != 3 {
		t.Errorf("the next pull of both: %v, %v after %v", formats, err, w.requests)
	}
	w.on = "ResourceNotFoundException" // switched off in the middle of its pages
	_, cursor, _ = newTwo(t).pull("", 2)
	if formats, _, err := w.pull(cursor, 0); err != nil || !slices.Equal(formats, []string{"asff"}) {
		t.Errorf("switched off: %v, %v", formats, err)
	}
}

func TestACursorOfOneAPIIsTheFirsts(t *testing.T) {
	t.Parallel()
	old := cursor{Filter: Open().sum(), Part: 0, Token: "n"}.text()
	w := newTwo(t)
	if _, _, err := w.pull(old, 1); !errors.Is(err, errEnough) || w.requests[1] != "/findings n" {
		t.Errorf("%v after %v", err, w.requests)
	}
}
