package lambda

import (
	"context"
	"encoding/json"
	"time"
)

// Keys is what Audit needs to encrypt anew what former keys encrypted.
type Keys struct {
	Primary func() (id string, since time.Time) // since: when it became that; zero: there was none before
	Rewrap  func(ctx context.Context) (documents int, err error)
}

// Rewrapped is how far that came.
type Rewrapped struct {
	Primary  string    `json:"primary"`
	Complete bool      `json:"complete"` // nothing is left that a former key encrypted or sealed
	At       time.Time `json:"at"`
}

// settled is how long after a rotation nobody writes with the former key any more.
const settled = time.Hour

// rewrap does what is left of a rotation, and reports how far it came; nil if
// there never was one. It reads all runs, so it is done once for each key.
func (h *Handlers) rewrap(ctx context.Context) (*Rewrapped, error) {
	if h.c.Keys.Primary == nil {
		return nil, nil
	}
	primary, since := h.c.Keys.Primary()
	if since.IsZero() {
		return nil, nil
	}
	var last Audited
	text, err := h.c.Store.Setting(ctx, AuditSetting)
	if err != nil {
		return nil, err
	}
	if text != "" && json.Unmarshal([]byte(text), &last) == nil && last.Keys != nil && last.Keys.Primary == primary && last.Keys.Complete {
		return last.Keys, nil
	}
	out := &Rewrapped{Primary: primary, At: h.c.Clock().UTC()}
	limited, cancel := ctx, context.CancelFunc(func() {})
	if end, ok := ctx.Deadline(); ok {
		limited, cancel = context.WithDeadline(ctx, end.Add(-reserve))
	}
	defer cancel()
	done, err := h.c.Engine.Rekey(limited)
	documents := 0
	if err == nil {
		documents, err = h.c.Keys.Rewrap(limited)
	}
	h.c.Log.InfoContext(ctx, "rewrap", "key", primary, "runs", done.Runs, "documents", documents, "waiting", done.Waiting)
	if err != nil && limited.Err() != nil && ctx.Err() == nil { // the next look goes on
		return out, nil
	}
	out.Complete = err == nil && done.Waiting == 0 && out.At.After(since.Add(settled))
	return out, err
}
