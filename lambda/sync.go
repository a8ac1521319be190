package lambda

import (
	"context"
	"errors"

	"example.com/asr"
)

// Puller takes findings in, page by page, from where the cursor stands.
type Puller interface {
	Pull(ctx context.Context, cursor string, emit func(obs []asr.Observation, rejected []asr.Rejected, cursor string) error) error
}

// Pulled is how far a pull has come.
type Pulled struct {
	Done bool `json:"done"`
}

// cursorSetting keeps how far the pull has come.
const cursorSetting = "securityhub-cursor"

// errLater ends a pull that goes on in another call.
var errLater = errors.New("later")

// Sync takes findings in as long as there is time. The cursor is kept after
// each page; a call that fails, or that is repeated, goes on there.
func (h *Handlers) Sync(ctx context.Context) (Pulled, error) {
	if err := h.c.Refresh(ctx); err != nil {
		return Pulled{}, err
	}
	cursor, err := h.c.Store.Setting(ctx, cursorSetting)
	if err != nil {
		return Pulled{}, err
	}
	err = h.c.Pull.Pull(ctx, cursor, func(obs []asr.Observation, rejected []asr.Rejected, next string) error {
		err := h.take(ctx, obs, rejected)
		if !asr.Partial(err) {
			return err
		}
		if err != nil { // pulling the page again wouldn't mend it
			h.c.Log.ErrorContext(ctx, "left out of the sync", "error", err)
		}
		if err := h.c.Store.SetSetting(ctx, cursorSetting, next); err != nil {
			return err
		}
		if !h.enough(ctx, oneStep/2) {
			return errLater
		}
		return nil
	})
	if errors.Is(err, errLater) {
		return Pulled{}, nil
	}
	return Pulled{Done: err == nil}, err
}
