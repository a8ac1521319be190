package sessions

import (
	"context"
	"sync"
	"time"

	"example.com/asr"
)

// journal notes calls. A call's outcome is never lost to the journal's: what
// can't be noted is owed, and nothing more is called until it is paid. So at
// most the calls that were under way are missing, and only while the store is.
type journal struct {
	settings asr.Settings

	mu   sync.Mutex
	owed []asr.APICall
}

// patience is for notes, which outlive the call's context.
const patience = 10 * time.Second

func (j *journal) note(ctx context.Context, c asr.APICall) {
	if j.settings == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := j.settings.AddCall(ctx, c); err != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.owed = append(j.owed, c)
	}
}

// settle pays what is owed. The error, an *asr.Error with CodeUnavailable, says
// that no call may be made now.
func (j *journal) settle(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.owed) > 0 {
		if err := j.settings.AddCall(ctx, j.owed[0]); err != nil {
			return &asr.Error{Code: asr.CodeUnavailable, Message: "the journal of AWS calls can't be written, so nothing is called", Do: "see that asr's store can be reached; the step is tried again by itself", Err: err}
		}
		j.owed = j.owed[1:]
	}
	return nil
}
