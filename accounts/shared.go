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
	if o.Shared == nil {
		return asr.Account{}, time.Time{}, false
	}
	text, err := o.Shared.Setting(ctx, settingOf(id))
	var k kept
	if err != nil || text == "" || json.Unmarshal([]byte(text), &k) != nil {
		return asr.Account{}, time.Time{}, false
	}
	now := o.clock()
	ok := now.Before(k.Until) && !k.Until.After(now.Add(fresh)) && len(k.Account.OUs) > 0
	return k.Account, k.Until, ok
}

// tell lets other processes know. If it fails they ask for themselves.
func (o *Organization) tell(ctx context.Context, id string, a asr.Account, until time.Time) {
	if o.Shared == nil {
		return
	}
	text, _ := json.Marshal(kept{a, until})                   // texts and a time
	_ = o.Shared.SetSetting(ctx, settingOf(id), string(text)) // the answer is had without
}

// Patiently has a client wait for Organizations, whose quotas are low: six tries,
// some eight seconds of waiting at most.
func Patiently(o *organizations.Options) {
	o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts, s.MaxBackoff, s.RateLimiter = 6, 3*time.Second, ratelimit.None
	})
}
