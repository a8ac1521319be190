package functions

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/asr/vault"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// secrets is a Secrets Manager with one secret; without a text it doesn't answer.
func secrets(t *testing.T, text *atomic.Value) aws.Config {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if text.Load() == "" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"__type":"AccessDeniedException","Message":"no"}`))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"SecretString": text.Load()})
	}))
	t.Cleanup(s.Close)
	return aws.Config{Region: "eu-west-1", BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIA", "s", "")}
}

func TestAKeyThatIsAddedToTheSecretIsUsedBeforeItIsThePrimary(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	first := strings.Repeat("a", 64)
	var text atomic.Value
	text.Store(first)
	w := &wiring{Config: Config{AWS: secrets(t, &text), Clock: clock}, log: slog.New(slog.DiscardHandler)}
	v, err := w.vault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := &parts{vault: v, keysAt: now}
	text.Store(first + "\n" + strings.Repeat("b", 64) + " " + now.Add(time.Hour).Format(time.RFC3339))
	for _, at := range []struct {
		after time.Duration
		keys  int
	}{{keysFresh - time.Second, 1}, {keysFresh, 2}} {
		now = p.keysAt.Add(at.after)
		if err := w.freshen(t.Context(), p); err != nil || len(v.Keys()) != at.keys {
			t.Errorf("after %s: %d keys, %v, want %d", at.after, len(v.Keys()), err, at.keys)
		}
	}
	if k := v.Keys(); k[0].State != vault.KeyPrimary || k[1].State != vault.KeyPending {
		t.Errorf("before the new key's time: %+v", k)
	}
	if now = now.Add(time.Hour); v.Keys()[1].State != vault.KeyPrimary {
		t.Errorf("in the new key's time: %+v", v.Keys())
	}
}

func TestASecretThatCannotBeReadIsBorneForHalfAnHour(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var text atomic.Value
	text.Store(strings.Repeat("a", 64))
	w := &wiring{Config: Config{AWS: secrets(t, &text), Clock: func() time.Time { return now }}, log: slog.New(slog.DiscardHandler)}
	v, err := w.vault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := &parts{vault: v, keysAt: now}
	text.Store("")
	now = now.Add(keysStale - time.Second)
	if err := w.freshen(t.Context(), p); err != nil {
		t.Errorf("before: %v", err)
	}
	if now = now.Add(time.Second); w.freshen(t.Context(), p) == nil {
		t.Error("keys that may have been retired meanwhile are used")
	}
	text.Store(strings.Repeat("a", 64))
	if err := w.freshen(t.Context(), p); err != nil || !p.keysAt.Equal(now) {
		t.Errorf("when it can be read again: %v", err)
	}
}
