package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/enginetest"
	"example.com/asr/playbook"
	"example.com/asr/sandbox"
	"example.com/asr/sandbox/org"
	"example.com/asr/securityhub"
	"example.com/asr/sessions"
	"example.com/asr/sqlite"
	"example.com/asr/vault"
	"example.com/asr/worker"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// ada approves and undoes.
var ada = asr.Actor{Kind: "person", Name: "arn:aws:iam::111111111111:user/ada", Verified: true}

// world is the product on one machine, wired as cmd/asr does, and the emulated
// organization that it works on.
type world struct {
	s      *sandbox.Sandbox
	org    *org.Org
	store  *sqlite.Store
	vault  *vault.Vault
	engine *asr.Engine
	pool   *worker.Pool
	api    *securityhub.API
	began  time.Time
}

const (
	haste   = 200             // so much faster than ours the product's clock goes: what it waits for comes sooner
	silence = 3 * time.Second // after which its clients take a call for lost
)

func (w *world) now() time.Time { return w.began.Add(haste * time.Since(w.began)) }

// newOrg is a world full of what is wrong, as Security Hub has found it.
func newOrg(t *testing.T) *world {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := &world{s: s, began: time.Now()}
	if err := w.wire(t, silence); err != nil {
		t.Fatal(err)
	}
	if w.org, err = org.Build(t.Context(), w.s); err != nil {
		t.Fatal(err)
	}
	w.evaluate(t)
	return w
}

// wire puts the product together. Its clients take a call for lost that nobody
// has answered for as long as patience.
func (w *world) wire(t *testing.T, patience time.Duration) (err error) {
	if w.vault, err = vault.New(make([]byte, vault.KeySize)); err != nil {
		return err
	}
	if w.store, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "asr.db"), w.vault, nil); err != nil {
		return err
	}
	t.Cleanup(func() { _ = w.store.Close() })
	hub := w.s.HubConfig("us-east-1")
	hub.HTTPClient, hub.RetryMaxAttempts = client(w.s, patience), 2
	through, err := sessions.New(sessions.Config{Hub: hub, Settings: w.store})
	if err != nil {
		return err
	}
	book, err := playbook.Load()
	if err != nil {
		return err
	}
	w.engine = asr.New(asr.Config{
		Store: w.store, Remediations: catalog.All(through.Dial), Matcher: book, Vault: w.vault, Policy: enginetest.Always(asr.ModeAuto), Clock: w.now,
	})
	w.pool = worker.New(worker.Config{
		Engine: w.engine, Store: w.store, Reporter: securityhub.NewReporter(hub), Workers: 32, Lease: 2 * time.Minute * haste, Poll: 50 * time.Millisecond, Clock: w.now,
	})
	w.api = securityhub.NewAPI(hub)
	return nil
}

// client is the SDK's own, which takes answers as they come, in pieces. It
// reaches the gateway whatever host a call names.
func client(s *sandbox.Sandbox, patience time.Duration) *awshttp.BuildableClient {
	u, _ := url.Parse(s.URL()) // the sandbox's own
	return sessions.Client(patience).WithTransportOptions(func(t *http.Transport) {
		t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, u.Host)
		}
	})
}

// take takes all failed findings in, as often as it takes.
func (w *world) take(t *testing.T) {
	t.Helper()
	cursor := ""
	for tries := 0; ; tries++ {
		err := w.api.Pull(t.Context(), securityhub.Open(), cursor, func(obs []asr.Observation, rejected []asr.Rejected, next string) error {
			if len(rejected) > 0 {
				return fmt.Errorf("rejected: %v", rejected)
			}
			_, err := w.engine.Ingest(t.Context(), obs)
			if cursor = next; err != nil {
				return err
			}
			return nil
		})
		if err == nil {
			return
		}
		if tries > 20 {
			t.Fatal(err)
		}
	}
}

// serve drives all runs to their ends, with approvals where they ask, and until
// everybody was told.
func (w *world) serve(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
	done := make(chan error)
	go func() { done <- w.pool.Serve(ctx) }()
	var err error
	for over := false; !over && err == nil && ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
		over, err = w.look(ctx)
	}
	if err = errors.Join(err, ctx.Err()); err != nil {
		for _, r := range w.runs(t) {
			if r.State.Open() {
				t.Logf("%s on %s is %s since %s, next at %s, %d tries: %+v", r.Remediation, r.Target.ID, r.State, r.Since, r.NextAt, r.Tries, r.Error)
			}
		}
		left, _ := w.store.Messages(t.Context(), "", w.now().AddDate(1, 0, 0), 3) // for people
		t.Logf("now it is %s; untold: %+v", w.now(), left)
	}
	stop()
	if err = errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
}

func (w *world) look(ctx context.Context) (over bool, err error) {
	runs, err := w.all(ctx)
	if err != nil {
		return false, err
	}
	over = true
	for _, r := range runs {
		if r.State == asr.StateAwaiting {
			if _, err := w.engine.Approve(ctx, r.ID, r.Plan.Hash, ada, "test"); err != nil {
				return false, err
			}
		}
		over = over && !r.State.Open()
	}
	told, err := w.store.Messages(ctx, "", w.now().AddDate(1, 0, 0), 1)
	return over && len(told) == 0, err
}

func (w *world) runs(t *testing.T) []asr.Run {
	t.Helper()
	all, err := w.all(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (w *world) all(ctx context.Context) (all []asr.Run, err error) {
	q := asr.RunQuery{}
	for {
		page, next, err := w.store.Runs(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if q.Cursor = next; next == "" {
			return all, nil
		}
	}
}
