package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/memory"
	"example.com/asr/server"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// remote is an asr with its API behind something that checks signatures as
// far as that they are there, and one unit that turns switches on.
type remote struct {
	t      *testing.T
	engine *asr.Engine
	store  *memory.Store
	url    string
	deny   bool
	unseen error // why the accounts of units can't be told
}

func newRemote(t *testing.T) *remote {
	d := &remote{t: t, store: memory.New()}
	var s enginetest.Switches
	d.engine = asr.New(asr.Config{Store: d.store, Remediations: []asr.Remediation{s.Remediation()}, Matcher: enginetest.Book{}, Vault: enginetest.Glass{}, Policy: enginetest.Always(asr.ModeAsk)})
	view := func(context.Context, asr.Actor) (asr.View, error) { return asr.View{"*"}, d.unseen }
	api := server.New(server.Config{Engine: d.engine, Store: d.store, Audited: "audited", Drive: d.drive, View: view, Who: func(*http.Request) (asr.Actor, error) {
		return asr.Actor{Kind: "person", Name: "arn:aws:sts::111111111111:assumed-role/ops/ada", Verified: true}, nil
	}})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if scope := r.Header.Get("Authorization"); d.deny || !strings.Contains(scope, "/eu-west-1/lambda/aws4_request") || !strings.Contains(scope, "x-amz-security-token") {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"Message":"Forbidden"}`)
			return
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	d.url = front.URL
	return d
}

// drive takes a run as far as it goes, as the state machine would.
func (d *remote) drive(ctx context.Context, id string) error {
	for {
		next, err := d.engine.Step(ctx, id)
		if err != nil || next.Done {
			return err
		}
	}
}

// asr runs a command line against it.
func (d *remote) asr(args ...string) (code int, out, errs string) {
	d.t.Helper()
	var o, e bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &o, errs: &e, given: &aws.Config{Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "token")}}
	cmd := root(a)
	cmd.SetArgs(append([]string{"hub", "--api", d.url, "--data", d.t.TempDir()}, args...))
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	err := cmd.ExecuteContext(d.t.Context())
	if err != nil {
		a.complain(err)
	}
	return exitCode(err), o.String(), e.String()
}

func TestTheHubIsAskedAnsweredAndLookedAt(t *testing.T) {
	d := newRemote(t)
	const resource = "arn:aws:test:eu-west-1:111111111111:s"
	code, out, errs := d.asr("remediate", "--control", "T.1", "--resource", resource, "--yes")
	id := strings.Fields(out + " - -")[1]
	if code != exitDone || !strings.HasPrefix(id, "r-") {
		t.Fatalf("remediate: %d %s %s", code, out, errs)
	}
	if code, out, errs = d.asr("runs", "--state", "awaiting_approval"); code != exitDone || !strings.Contains(out, id) || !strings.Contains(out, "T.1") {
		t.Errorf("runs: %d %s %s", code, out, errs)
	}
	if code, out, _ = d.asr("approve", id); code != exitUsage || !strings.Contains(out, "on") {
		t.Errorf("approve without --yes on no terminal: %d %s", code, out)
	}
	if code, out, errs = d.asr("approve", id, "--yes", "--why", "change 12"); code != exitDone || !strings.Contains(out, id) {
		t.Fatalf("approve: %d %s %s", code, out, errs)
	}
	if code, out, errs = d.asr("show", id); code != exitDone || !strings.Contains(out, "verified") || !strings.Contains(out, "assumed-role/ops/ada") || !strings.Contains(out, "approved") {
		t.Errorf("show: %d %s %s", code, out, errs)
	}
	if code, out, errs = d.asr("revert", id, "--yes"); code != exitDone {
		t.Errorf("revert: %d %s %s", code, out, errs)
	}
	r, err := d.store.Run(t.Context(), id)
	if err != nil || r.State != asr.StateReverted || r.Approval.Note != "change 12" {
		t.Errorf("the run is %s, approved %+v: %v", r.State, r.Approval, err)
	}
	if code, out, errs = d.asr("reject", id, "--yes"); code != exitRefused || !strings.Contains(errs, "can't be stopped") {
		t.Errorf("reject what has ended: %d %s %s", code, out, errs)
	}
}

func TestWhoSeesLessThanTheyMayIsToldSo(t *testing.T) {
	d := newRemote(t)
	if _, _, errs := d.asr("runs"); errs != "" {
		t.Errorf("all is seen: %s", errs)
	}
	d.unseen = &asr.UnseenError{Err: errors.New("AccessDenied")}
	if code, _, errs := d.asr("runs"); code != exitDone || strings.Count(errs, "organizational units") != 1 {
		t.Errorf("%d %s", code, errs)
	}
}

func TestTheHubsKillSwitchIsTurned(t *testing.T) {
	d := newRemote(t)
	for _, step := range []struct{ args, want string }{{"status", "off: writes go on\n"}, {"on stop", "on: nothing is written: stop\n"}, {"status", "on: nothing is written: stop\n"}, {"off", "off: writes go on\n"}} {
		if code, out, errs := d.asr(append([]string{"kill-switch"}, strings.Fields(step.args)...)...); code != exitDone || out != step.want {
			t.Errorf("%s: %d %q %s", step.args, code, out, errs)
		}
	}
}

func TestTheHubsLimitsAreShownAndResumed(t *testing.T) {
	d := newRemote(t)
	if code, out, errs := d.asr("limits"); code != exitDone || out != "Nothing is under way, and nothing waits.\n" {
		t.Errorf("at first: %d %q %s", code, out, errs)
	}
	g := asr.Ledger{Scope: asr.ControlRuns("T.1"), InFlight: []string{"r-1"}, Line: 2, Stopped: &asr.Stopped{Run: "r-2", Why: "10 of its runs have failed within 1h0m0s"}}
	if err := d.store.Commit(t.Context(), &asr.Batch{Ledgers: []asr.Ledger{g}}); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := d.asr("limits"); code != exitDone || !strings.Contains(out, "STOPPED: 10 of its runs") || !strings.Contains(out, "asr limits resume T.1") {
		t.Errorf("stopped: %d %q %s", code, out, errs)
	}
	if code, out, errs := d.asr("limits", "resume", "T.1", "--why", "mended"); code != exitDone || !strings.Contains(out, "goes on") {
		t.Errorf("resume: %d %q %s", code, out, errs)
	}
	if code, out, errs := d.asr("limits", "resume", "all"); code == exitDone || !strings.Contains(errs, "isn't stopped") {
		t.Errorf("resume what isn't stopped: %d %q %s", code, out, errs)
	}
}

func TestTheHubsAuditLogIsShown(t *testing.T) {
	d := newRemote(t)
	if code, _, errs := d.asr("audit"); code != exitFailed || !strings.Contains(errs, "once a day") {
		t.Errorf("before the first look: %d %s", code, errs)
	}
	for report, want := range map[string]struct {
		code int
		text string
	}{
		`{"subjects":2,"records":9,"problems":[]}`:                                                              {exitDone, "Nothing was changed"},
		`{"subjects":2,"records":9,"problems":[{"subject":"r-1","seq":3,"what":"it was changed","do":"look"}]}`: {exitFailed, "BAD r-1, record 3: it was changed"},
	} {
		if err := d.store.SetSetting(t.Context(), "audited", `{"at":"2026-03-01T00:00:00Z","report":`+report+`}`); err != nil {
			t.Fatal(err)
		}
		if code, out, errs := d.asr("audit"); code != want.code || !strings.Contains(out, want.text) || !strings.Contains(out, "9 records") {
			t.Errorf("%s: %d %s %s", report, code, out, errs)
		}
	}
}

func TestAHubThatCantBeAskedIsExplained(t *testing.T) {
	d := newRemote(t)
	d.deny = true
	if code, _, errs := d.asr("runs"); code != exitFailed || !strings.Contains(errs, "lambda:InvokeFunctionUrl") {
		t.Errorf("not allowed: %d %s", code, errs)
	}
	for _, url := range []string{"http://example.com", "ftp://x", "::"} {
		d.url = url
		if code, _, errs := d.asr("runs"); code != exitUsage || !strings.Contains(errs, "ApiUrl") {
			t.Errorf("%s: %d %s", url, code, errs)
		}
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	d.url = gone.URL
	if code, _, errs := d.asr("findings"); code != exitFailed || !strings.Contains(errs, "does not answer") {
		t.Errorf("nobody there: %d %s", code, errs)
	}
	if os.Getenv("ASR_API") != "" {
		t.Error("the test must not depend on ASR_API")
	}
}
