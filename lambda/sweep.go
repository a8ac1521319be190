package lambda

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"example.com/asr"
)

const (
	sweeper    = "sweep"
	sweepEvery = 4 * time.Minute // shorter than the schedule: each sweep sees all
	sweepMost  = 2000            // runs of one sweep
	sweepFails = 20              // failures after which it gives up: it is not the runs then
	late       = time.Minute     // by then a run's own execution has told of it
)

// sweep starts what is due and may have no execution: runs whose start was
// lost, whose approval has expired, whose event never came. Starting one that
// has its execution is nothing. While the kill switch is on, runs that would
// only wait for it are left.
func (h *Handlers) sweep(ctx context.Context) error {
	reason, err := h.c.Store.Setting(ctx, asr.KillSwitch)
	if err != nil {
		return err
	}
	h.c.Metrics.KillSwitch(reason != "")
	var all []error // a run that can't be started keeps no other waiting
	for range sweepMost {
		if !h.enough(ctx, time.Second) {
			break
		}
		id, err := h.c.Store.Lease(ctx, sweeper, "", h.c.Clock(), sweepEvery)
		if errors.Is(err, asr.ErrNotFound) {
			break
		}
		if err == nil {
			err = h.sweepRun(ctx, id, reason != "")
		}
		if err != nil {
			all = append(all, err)
		}
		if len(all) == sweepFails {
			break
		}
	}
	return errors.Join(all...)
}

func (h *Handlers) sweepRun(ctx context.Context, id string, killed bool) error {
	if killed {
		r, err := h.c.Store.Run(ctx, id)
		if err != nil || r.State.Begun() || r.State == asr.StateScheduled {
			return err
		}
	}
	return h.c.Starter.Start(ctx, id)
}

// digest names an event by what it says.
func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
