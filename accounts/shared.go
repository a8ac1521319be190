package accounts

import (
	"context"
	"encoding/json"
	"time"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// Memory keeps answers where other processes find them: of many functions that
// decide, one asks. asr.Settings is one.
type Memory interface {
	Setting(ctx context.Context, name string) (string, error)
	SetSetting(ctx context.Context, name, value string) error
}

// kept is an answer in a Memory.
type kept struct {
	Account asr.Account `json:"account"`
	Until   time.Time   `json:"until"` // it isn't used from then on
}

func settingOf(id string) string { return "account/" + id }

// told is what another process has found out, while it holds. A memory that
// can't be read knows nothing.
func (o *Organization) told(ctx context.Context, id string) (asr.Account, time.Time, bool) {
	var k kept
	ok := find(ctx, o.Shared, settingOf(id), &k) && holds(k.Until, o.clock()) && len(k.Account.OUs) > 0
	return k.Account, k.Until, ok
}

// tell lets other processes know. If it fails they ask for themselves.
func (o *Organization) tell(ctx context.Context, id string, a asr.Account, until time.Time) {
	share(ctx, o.Shared, settingOf(id), kept{a, until})
}

// find reads what is kept under a name; false if there is nothing to be read.
func find(ctx context.Context, m Memory, name string, kept any) bool {
	if m == nil {
		return false
	}
	text, err := m.Setting(ctx, name)
	return err == nil && text != "" && json.Unmarshal([]byte(text), kept) == nil
}

// holds reports whether an answer is still used, and may have been kept by us.
func holds(until, now time.Time) bool { return now.Before(until) && !until.After(now.Add(fresh)) }

// share keeps an answer under a name. Without a memory, nobody else asks.
func share(ctx context.Context, m Memory, name string, kept any) {
	if m == nil {
		return
	}
	text, _ := json.Marshal(kept)             // texts and a time
	_ = m.SetSetting(ctx, name, string(text)) // the answer is had without
}

// Patiently has a client wait for Organizations, whose quotas are low: six tries,
// some eight seconds of waiting at most.
func Patiently(o *organizations.Options) {
	o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts, s.MaxBackoff, s.RateLimiter = 6, 3*time.Second, ratelimit.None
	})
}
