// Package audit signs the audit log and proves it. A checkpoint fixes the heads
// of all chains under the key's signature, so that whoever can change the store
// but hasn't the key can neither edit, cut, rewrite nor remove a chain unseen.
// What came after the last checkpoint is protected by its hashes alone, and a
// store that was put back whole to an earlier time is as good as new: keep the
// last checkpoint's signature elsewhere to see that too. The package may not
// change a record or a checkpoint, nor decide what becomes of a tampered log.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"example.com/asr"
)

// Store is what the audit needs of asr.Store. The heads that a checkpoint is
// over are kept as settings, named after its root.
type Store interface {
	asr.AuditStore
	Setting(ctx context.Context, name string) (string, error)
	SetSetting(ctx context.Context, name, value string) error
}

// Checkpoint makes and stores the next checkpoint, and returns it. If nothing
// changed since the last one, it returns that. asr.ErrStale if others keep
// adding checkpoints meanwhile.
func Checkpoint(ctx context.Context, store Store, sign func([]byte) string, now time.Time) (asr.Checkpoint, error) {
	for range 5 {
		c, err := next(ctx, store, sign, now)
		if !errors.Is(err, asr.ErrStale) {
			return c, err
		}
	}
	return asr.Checkpoint{}, fmt.Errorf("checkpoint: %w", asr.ErrStale)
}

func next(ctx context.Context, store Store, sign func([]byte) string, now time.Time) (asr.Checkpoint, error) {
	var last asr.Checkpoint
	all, err := store.Checkpoints(ctx)
	if err != nil {
		return last, fmt.Errorf("checkpoint: %w", err)
	}
	if len(all) > 0 {
		last = all[len(all)-1]
	}
	heads, err := collect(ctx, store)
	if err != nil {
		return last, fmt.Errorf("checkpoint: %w", err)
	}
	c := asr.Checkpoint{Seq: last.Seq + 1, At: now.UTC().Round(time.Microsecond), Root: heads.root(), Prev: last.Signature}
	c.Subjects, c.Records = heads.count()
	if c.Root == last.Root || len(heads) == 0 {
		return last, nil
	}
	if err := saveHeads(ctx, store, last.Root, c.Root, heads); err != nil {
		return last, fmt.Errorf("checkpoint: %w", err)
	}
	c.Signature = sign(message(c))
	if err := store.AddCheckpoint(ctx, c); err != nil {
		return last, fmt.Errorf("checkpoint: %w", err)
	}
	return c, nil
}

// message is what a checkpoint's signature signs: all of it but itself.
func message(c asr.Checkpoint) []byte {
	c.Signature = ""
	doc, _ := json.Marshal(c) // always encodes
	return append([]byte("asr checkpoint\n"), doc...)
}
